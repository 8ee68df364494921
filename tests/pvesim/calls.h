/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_CALLS_H
#define PVESIM_CALLS_H

#include "tests/pvesim/access.h"
#include "tests/pvesim/api.h"
#include "tests/pvesim/devices.h"
#include "tests/pvesim/qemu.h"
#include "tests/pvesim/vmfile.h"

/* Rows of parameters that many methods share. */
#define PARAM_NODE                                                                                 \
	{                                                                                          \
		.name = "node", .type = 's', .needed = true, .format = "pve-node"                  \
	}
#define PARAM_VMID                                                                                 \
	{                                                                                          \
		.name = "vmid", .type = 'i', .needed = true, .format = "pve-vmid", .min = "100",   \
		.max = "999999999"                                                                 \
	}

/* VMs of a node as GET …/qemu shows them; `vmid` NULL: all that the user may see. */
json_t *vm_overview(struct call *call, const char *vmid);
void node_numbers(json_t *item, const json_t *about); /* what pvestatd measured there */
/* Lines as {n, t} from `start` on, at most `limit`; 0: all. */
json_t *numbered_lines(struct call *call, const json_t *lines, size_t limit);
bool ha_manages(struct call *call, const char *vmid, const char **ret_state);

#endif
