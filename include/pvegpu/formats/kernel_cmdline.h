/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_KERNEL_CMDLINE_H
#define PVEGPU_FORMATS_KERNEL_CMDLINE_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"

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

/* Is `word` on the command line, by itself or as items of lists with its key: the kernel takes
 * intel_iommu=on,sm_on for intel_iommu=on too. Lists are those of iommu, intel_iommu, amd_iommu
 * and pcie_acs_override. */
bool cmdline_holds(const struct strings *words, const char *word);

/*
 * /etc/kernel/cmdline, from which proxmox-boot-tool makes the entries of systemd-boot: its first
 * line alone counts, and must hold root= (zz-proxmox-boot). The text with the first line's words
 * changed and every other byte kept. ERROR_REFUSED names file and line.
 */
int cmdline_file_edit(struct arena *arena, const char *file, const char *text,
		const struct strings *add, const struct strings *remove, char **ret_text,
		struct error *err);
/* Its first line. */
char *cmdline_file_line(struct arena *arena, const char *text);

#endif
