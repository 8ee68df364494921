/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_UPID_H
#define PVEGPU_FORMATS_UPID_H

#include "pvegpu/base/arena.h"

/* A task of Proxmox VE: UPID:NODE:PID:PSTART:STARTTIME:TYPE:ID:USER: with hex numbers
 * (PVE/UPID.pm of pve-common). */
struct upid {
	char *node, *type, *id, *user;
	unsigned long pid, start_time; /* seconds since 1970 */
};

/* False when the text is not one. */
int upid_parse(struct arena *arena, const char *text, struct upid *ret_upid);
/* Where the task's log is: /var/log/pve/tasks/X/UPID, X the last digit of the start time. */
char *upid_log_path(struct arena *arena, const char *text);
/* The last UPID in what a command printed, or NULL. */
char *upid_find_last(struct arena *arena, const char *output);

#endif
