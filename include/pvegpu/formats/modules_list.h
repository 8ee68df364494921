/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_MODULES_LIST_H
#define PVEGPU_FORMATS_MODULES_LIST_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"

/*
 * /etc/modules, /etc/modules-load.d/NAME.conf and /etc/initramfs-tools/modules: one module a line,
 * comments start with # (or ; in modules-load.d). See modules(5) and modules-load.d(5).
 */

/* The modules named, in their own spelling. */
struct strings modules_list_names(struct arena *arena, const char *text);
/* Module names are the same with - and _ (modprobe(8)). */
bool modules_same_name(const char *a, const char *b);
bool modules_list_has(const struct strings *names, const char *name);
/* The text with a line added (after completing an unfinished last line) or without the lines that
 * name this module; every other byte stays. */
char *modules_list_add(struct arena *arena, const char *text, const char *name);
char *modules_list_remove(struct arena *arena, const char *text, const char *name);

#endif
