/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_CLUSTER_HCL_H
#define PVEGPU_CORE_CLUSTER_HCL_H

#include "pvegpu/base/arena.h"
#include "pvegpu/base/text.h"

/*
 * HCL as `tofu fmt` leaves it (opentofu, internal/command/fmt.go): two blanks a level, and the
 * equals signs of lines that follow each other below one another. A comment, a blank line, a block,
 * or a value of several lines begins anew.
 */
struct hcl {
	struct arena *arena;
	struct text text;
	unsigned depth;
	struct strings keys, values; /* that wait for the width of the widest key */
};

/* "…" with what has a meaning in it escaped. */
char *hcl_quoted(struct arena *arena, const char *text);
void hcl_set(struct hcl *hcl, const char *key, const char *value);
void hcl_set_text(struct hcl *hcl, const char *key, const char *text); /* quoted */
/* A line as it is; one that ends in { or [ goes a level down, one that begins with } or ] up. */
void hcl_line(struct hcl *hcl, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What was written, in its arena. */
char *hcl_take(struct hcl *hcl);

#endif
