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

static void list_kernels(const struct root *root, struct facts *facts)
{
	struct strings names = {0};
	(void)root_list(root, "/boot", facts->arena, &names);
	for (size_t i = 0; i < names.n; i++)
		if (text_starts(names.item[i], "vmlinuz-"))
			strings_add(facts->arena, &facts->kernels,
					names.item[i] + strlen("vmlinuz-"));
	if (facts->kernels.n > 1)
		qsort(facts->kernels.item, facts->kernels.n, sizeof *facts->kernels.item,
				newest_first);
	/* proxmox-boot-tool: what is pinned, else the newest. GRUB by itself: its first entry,
	 * which was read with its menu. */
	if (facts->kernel_pin)
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

void facts_read_kernels(const struct root *root, struct facts *facts)
{
	list_kernels(root, facts);
	judge_initramfs(root, facts);
}
