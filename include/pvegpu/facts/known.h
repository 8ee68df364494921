/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_KNOWN_H
#define PVEGPU_FACTS_KNOWN_H

#include "pvegpu/base/arena.h"

/*
 * A fact that could not be measured is unknown: KNOWN_UNKNOWN, NULL, or -1, never "no". A fact that
 * nobody has set is unknown too.
 */
enum known { KNOWN_UNKNOWN, KNOWN_NO, KNOWN_YES }; /* zero: not looked at */

/* Something that is there and could not be read: a file or directory, or what the API did not tell.
 * What rests on it is unknown (core/checks/rests.c). */
struct gap {
	char *what;              /* "the PCI devices", "/etc/modules" */
	char *source;            /* "/etc/modules", or the call: "/nodes/pve2/hardware/pci" */
	char *why;               /* what was said: an error, an answer of another kind */
	char *grant;             /* the line that gives the privilege that was missing, or NULL */
	unsigned vmid;           /* only what is said of this VM rests on it; 0: more does */
	int http;                /* status of the answer, or 0 */
	const struct gap *after; /* the one before it that it follows from: of a node that does not
				    answer, and is not asked again; or NULL */
};

struct text_file {
	char *path;
	char *text;  /* NULL when it is not there */
	char *error; /* why it could not be read though it is there, or NULL */
};

#endif
