/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/* The kernels that are installed, the one that boots next, and whether the initramfs of the running
 * one is what would be made now: by what it holds, and by its age. */

static int newest_first(const void *a, const void *b)
{
	return strverscmp(*(char *const *)b, *(char *const *)a);
}

bool facts_pin_counts(const struct facts *facts, const char *kernel)
{
	const struct grub_assignment *chosen = NULL;
	if (facts->proxmox_boot_tool == KNOWN_YES || facts->boot_loader != BOOT_GRUB)
		return true;
	for (size_t i = 0; i < facts->grub_files.n; i++) {
		const struct grub_file *file = facts->grub_files.item[i];
		const struct grub_assignment *set =
				grub_default_find(&file->parsed, "GRUB_DEFAULT", NULL);
		chosen = set ? set : chosen;
	}
	return chosen && !chosen->dynamic && strstr(chosen->value, kernel);
}

static void list_kernels(const struct root *root, struct facts *facts)
{
	struct strings names = {0};
	(void)root_list(root, "/boot", facts->arena, &names);
	for (size_t i = 0; i < names.n; i++) {
		const char *kernel = names.item[i] + strlen("vmlinuz-");
		if (!text_starts(names.item[i], "vmlinuz-"))
			continue;
		strings_add(facts->arena, &facts->kernels, kernel);
		if (!strings_has(&names, arena_printf(facts->arena, "initrd.img-%s", kernel)))
			strings_add(facts->arena, &facts->kernels_bare, kernel);
	}
	if (facts->kernels.n > 1)
		qsort(facts->kernels.item, facts->kernels.n, sizeof *facts->kernels.item,
				newest_first);
	/* proxmox-boot-tool: what is pinned, else the newest. GRUB by itself: its first entry,
	 * which was read with its menu. */
	if (facts->kernel_pin && facts_pin_counts(facts, facts->kernel_pin))
		facts->kernel_next = facts->kernel_pin;
	else if (facts->proxmox_boot_tool == KNOWN_YES)
		facts->kernel_next = facts->kernels.n ? facts->kernels.item[0] : NULL;
}

/* Copied into the initramfs by initramfs-tools (hook-functions, copy of /etc/modprobe.d). */
static void list_inputs(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	struct strings names = {0};
	(void)root_list(root, "/etc/modprobe.d", arena, &names);
	for (size_t i = 0; i < names.n; i++)
		if (text_ends(names.item[i], ".conf"))
			strings_add(arena, &facts->initramfs_inputs,
					arena_printf(arena, "/etc/modprobe.d/%s", names.item[i]));
	static const char *const others[] = {"/etc/initramfs-tools/modules",
			"/etc/initramfs-tools/scripts/init-top/pvegpu"};
	for (size_t i = 0; i < 2; i++)
		if (root_exists(root, others[i]))
			strings_add(arena, &facts->initramfs_inputs, others[i]);
}

static void judge_initramfs(const struct root *root, struct facts *facts)
{
	enum { SLACK = 2 }; /* seconds; a copied tree's times differ by how fast it was copied */
	struct arena *arena = facts->arena;
	if (!facts->kernel || strchr(facts->kernel, '/'))
		return;
	char *path = arena_printf(arena, "/boot/initrd.img-%s", facts->kernel);
	struct stat made;
	if (root_stat(root, path, &made) < 0)
		return;
	facts->initramfs = path;
	facts->initramfs_read =
			facts_initramfs_differs(root, path, arena, &facts->initramfs_differs)
					? KNOWN_YES
					: KNOWN_UNKNOWN;
	list_inputs(root, facts);
	/* The times of a captured tree are those of the capture. */
	for (size_t i = 0; root_kind(root) != ROOT_CAPTURED && i < facts->initramfs_inputs.n; i++) {
		/* Copied as it is, and the same there: its age does not count. */
		if (facts->initramfs_read == KNOWN_YES &&
				strcmp(facts->initramfs_inputs.item[i],
						"/etc/initramfs-tools/modules") != 0)
			continue;
		struct stat input;
		if (root_stat(root, facts->initramfs_inputs.item[i], &input) == 0 &&
				input.st_mtime > made.st_mtime + SLACK)
			strings_add(arena, &facts->initramfs_newer,
					facts->initramfs_inputs.item[i]);
	}
}

/* "CONFIG_FB_EFI=y", or "# CONFIG_FB_EFI is not set". An option that is not named is one that this
 * kernel has not. */
static enum built option_of(const char *text, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = text; (at = strstr(at, name)) != NULL; at += n) {
		bool starts = at == text || at[-1] == '\n';
		if (starts && at[n] == '=')
			return at[n + 1] == 'y' ? BUILT_IN : BUILT_MODULE;
	}
	return BUILT_NO;
}

static void read_config(const struct root *root, struct facts *facts, const char *kernel)
{
	struct arena *arena = facts->arena;
	if (!kernel || strchr(kernel, '/'))
		return;
	for (size_t i = 0; i < facts->kernel_configs.n; i++)
		if (strcmp(((struct kernel_config *)facts->kernel_configs.item[i])->kernel,
				    kernel) == 0)
			return;
	struct kernel_config *config = arena_alloc(arena, sizeof *config);
	*config = (struct kernel_config){.kernel = arena_strdup(arena, kernel),
			.path = arena_printf(arena, "/boot/config-%s", kernel)};
	char *text = root_read_value(root, config->path, arena);
	/* Of another file, or half of one, nothing is believed. */
	if (!text || !strstr(text, "\nCONFIG_"))
		return;
	config->simplefb = option_of(text, "CONFIG_SYSFB_SIMPLEFB");
	if (config->simplefb == BUILT_NO) /* its name before Linux 5.15 */
		config->simplefb = option_of(text, "CONFIG_X86_SYSFB");
	config->simpledrm = option_of(text, "CONFIG_DRM_SIMPLEDRM");
	config->efifb = option_of(text, "CONFIG_FB_EFI");
	config->vesafb = option_of(text, "CONFIG_FB_VESA");
	list_add(arena, &facts->kernel_configs, config);
}

void facts_read_kernels(const struct root *root, struct facts *facts)
{
	list_kernels(root, facts);
	read_config(root, facts, facts->kernel);
	read_config(root, facts, facts->kernel_next);
	judge_initramfs(root, facts);
}
