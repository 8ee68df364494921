/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_KERNEL_CMDLINE_H
#define PVEGPU_FORMATS_KERNEL_CMDLINE_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"

/*
 * The kernel's command line: words parted by blanks, where double quotes protect blanks
 * (lib/cmdline.c, next_arg). After a word "--" everything is for init and no longer counts here.
 */
struct strings cmdline_words(struct arena *arena, const char *text);

/* The value of the last `key=value`, "" for a bare `key`, NULL when it is not there. In names the
 * kernel takes - and _ for the same (kernel/params.c, parameq). */
const char *cmdline_value(const struct strings *words, const char *key);
bool cmdline_has_word(const struct strings *words, const char *word);
/* True when the comma list `value` (NULL is fine) holds `item`: intel_iommu=on,sm_on holds on. */
bool cmdline_list_has(const char *value, const char *item);

/* The text with `word` added at its end, or without any word that equals `word`. All other bytes
 * stay; with a removed word goes one blank beside it. */
char *cmdline_add(struct arena *arena, const char *text, const char *word);
char *cmdline_remove(struct arena *arena, const char *text, const char *word);

#endif
