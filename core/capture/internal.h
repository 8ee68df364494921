/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_CAPTURE_INTERNAL_H
#define PVEGPU_CORE_CAPTURE_INTERNAL_H

#include "pvegpu/capture/capture.h"

struct collector {
	struct root *root;
	struct capture *capture;
	struct redactor *redactor;
	void *tree; /* of the items, by path: tsearch(3) */
};

void add_placeholder(struct collector *collector, struct capture_item *item, const char *note);
/* filter.c: what of a file goes into the item, redacted. */
void capture_filter(struct collector *collector, struct capture_item *item, const char *path,
		char *text, size_t n);
/* Outputs of commands and of the kernel's log, where only the live host has them. */
void capture_add_outputs(struct collector *collector);

#endif
