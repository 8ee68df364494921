/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/*
 * What the host lives on, down to the PCI function: mounts, swap and volumes through partitions
 * and device-mapper layers, network links through bridges, bonds and VLANs. All from proc and
 * sysfs. Storage that cannot be followed (a ZFS dataset names no device) is kept in `untraced`, and
 * then no disk controller is taken for free.
 */

enum { DEPTH_MAX = 8 };

/* With multipath NVMe the disk hangs on a virtual subsystem, whose directory links its
 * controllers: /sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0. */
static bool trace_nvme_subsystem(const struct root *root, struct facts *facts, const char *path,
		const char *what, const char *source)
{
	const char *start = strstr(path, "/nvme-subsystem/");
	if (!start)
		return false;
	start += strlen("/nvme-subsystem/");
	size_t n = (size_t)(start - path) + strcspn(start, "/");
	char *dir = arena_strndup(facts->arena, path, n);
	struct strings names = {0};
	bool found = false;
	(void)root_list(root, dir, facts->arena, &names);
	for (size_t i = 0; i < names.n; i++) {
		const char *digits = names.item[i] + 4;
		if (!text_starts(names.item[i], "nvme") || !*digits ||
				digits[strspn(digits, "0123456789")])
			continue;
		char *link = arena_printf(facts->arena, "%s/%s", dir, names.item[i]);
		char *real = root_real_path(root, link, facts->arena);
		struct pci_device *device = real ? facts_device_in_path(facts, real) : NULL;
		if (device) {
			facts_add_use(facts, device, source, "%s", what);
			found = true;
		}
	}
	return found;
}

/* Follow a block device down to PCI functions. Calls itself for the layers of dm and md. */
static bool trace_block(const struct root *root, struct facts *facts, const char *name,
		const char *what, const char *source, int depth)
{
	struct arena *arena = facts->arena;
	char *link = arena_printf(arena, "/sys/class/block/%s", name);
	char *path = root_real_path(root, link, arena);
	if (!path || depth > DEPTH_MAX)
		return false;
	struct strings slaves = {0};
	(void)root_list(root, arena_printf(arena, "%s/slaves", path), arena, &slaves);
	bool all = slaves.n > 0;
	for (size_t i = 0; i < slaves.n; i++)
		if (!trace_block(root, facts, slaves.item[i], what, source, depth + 1))
			all = false;
	if (slaves.n)
		return all;
	struct pci_device *device = facts_device_in_path(facts, path);
	if (device) {
		facts_add_use(facts, device, source, "%s", what);
		return true;
	}
	return trace_nvme_subsystem(root, facts, path, what, source);
}

/* The kernel's name of a block device: /dev/mapper/pve-root is dm-1, /dev/disk/… links. */
static char *block_name(const struct root *root, struct facts *facts, const char *device)
{
	struct arena *arena = facts->arena;
	if (text_starts(device, "/dev/mapper/")) {
		struct strings names = {0};
		(void)root_list(root, "/sys/class/block", arena, &names);
		for (size_t i = 0; i < names.n; i++) {
			char *path = arena_printf(
					arena, "/sys/class/block/%s/dm/name", names.item[i]);
			const char *mapped = text_starts(names.item[i], "dm-")
							     ? root_read_value(root, path, arena)
							     : NULL;
			if (mapped && strcmp(mapped, device + strlen("/dev/mapper/")) == 0)
				return names.item[i];
		}
	}
	const char *real = root_real_path(root, device, arena);
	const char *slash = strrchr(real ? real : device, '/');
	return arena_strdup(arena, slash ? slash + 1 : device);
}

static const char *mount_text(struct arena *arena, const char *where, const char *device)
{
	const char *what = strcmp(where, "/") == 0           ? "root filesystem"
			   : strcmp(where, "/boot") == 0     ? "boot filesystem"
			   : strcmp(where, "/boot/efi") == 0 ? "EFI system partition"
							     : NULL;
	return what ? arena_printf(arena, "%s (%s)", what, device)
		    : arena_printf(arena, "mounted at %s (%s)", where, device);
}

static bool read_mounts(const struct root *root, struct facts *facts)
{
	static const char path[] = "/proc/mounts";
	struct arena *arena = facts->arena;
	/* On a live host this is a link to self/mounts; below another root a plain file. */
	char *text = root_read_value(root, path, arena);
	if (!text)
		text = root_read_value(root, "/proc/self/mounts", arena);
	if (!text)
		return false;
	const char *cursor = text;
	struct line line;
	while (line_next(&cursor, text + strlen(text), &line)) {
		char *entry = arena_strndup(arena, line.start, line.n);
		char *rest = NULL;
		const char *device = strtok_r(entry, " ", &rest);
		const char *where = strtok_r(NULL, " ", &rest);
		const char *type = strtok_r(NULL, " ", &rest);
		if (!device || !where || !type)
			continue;
		if (strcmp(type, "zfs") == 0) {
			strings_add(arena, &facts->untraced,
					arena_printf(arena, "ZFS dataset %s at %s", device, where));
			continue;
		}
		if (!text_starts(device, "/dev/") || strcmp(device, "/dev/fuse") == 0)
			continue;
		const char *what = mount_text(arena, where, device);
		if (!trace_block(root, facts, block_name(root, facts, device), what, path, 0))
			strings_add(arena, &facts->untraced, what);
	}
	return true;
}

static void read_swaps(const struct root *root, struct facts *facts)
{
	char *text = root_read_value(root, "/proc/swaps", facts->arena);
	const char *cursor = text;
	struct line line;
	while (text && line_next(&cursor, text + strlen(text), &line)) {
		char *device = arena_strndup(
				facts->arena, line.start, strcspn(line.start, " \t\n"));
		if (!text_starts(device, "/dev/"))
			continue;
		char *what = arena_printf(facts->arena, "swap (%s)", device);
		if (!trace_block(root, facts, block_name(root, facts, device), what, "/proc/swaps",
				    0))
			strings_add(facts->arena, &facts->untraced, what);
	}
}

/* Volumes and arrays in use even where nothing of them is mounted: guests' disks. */
static bool read_volumes(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	struct strings names = {0};
	if (!root_list(root, "/sys/class/block", arena, &names))
		return false;
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.item[i];
		bool mapper = text_starts(name, "dm-");
		if (!mapper && !text_starts(name, "md"))
			continue;
		char *path = arena_printf(arena, "/sys/class/block/%s/dm/name", name);
		char *label = mapper ? root_read_value(root, path, arena) : NULL;
		if (label) /* pve-root, pve-data: one line for the volume group */
			label[strcspn(label, "-")] = '\0';
		char *what = label ? arena_printf(arena, "volumes of %s", label)
				   : arena_printf(arena, "volume %s", name);
		(void)trace_block(root, facts, name, what, "/sys/class/block", 0);
	}
	return true;
}

/* Follow a network interface down to the PCI functions below it. */
static void trace_net(const struct root *root, struct facts *facts, const char *name,
		const char *what, const char *source, int depth)
{
	struct arena *arena = facts->arena;
	char *path = root_real_path(root, arena_printf(arena, "/sys/class/net/%s", name), arena);
	if (!path || depth > DEPTH_MAX)
		return;
	struct strings names = {0};
	bool lower = false;
	(void)root_list(root, path, arena, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (!text_starts(names.item[i], "lower_"))
			continue;
		lower = true;
		trace_net(root, facts, names.item[i] + strlen("lower_"), what, source, depth + 1);
	}
	struct pci_device *device = lower ? NULL : facts_device_in_path(facts, path);
	if (device)
		facts_add_use(facts, device, source, "%s", what);
}

static bool read_routes(const struct root *root, struct facts *facts)
{
	static const char path[] = "/proc/net/route";
	char *text = root_read_value(root, path, facts->arena);
	const char *cursor = text;
	struct line line;
	while (text && line_next(&cursor, text + strlen(text), &line)) {
		char *entry = arena_strndup(facts->arena, line.start, line.n);
		char *rest = NULL;
		const char *name = strtok_r(entry, " \t", &rest);
		const char *destination = strtok_r(NULL, " \t", &rest);
		if (!name || !destination || strcmp(destination, "00000000") != 0)
			continue;
		trace_net(root, facts, name, arena_printf(facts->arena, "default route (%s)", name),
				path, 0);
	}
	return text != NULL;
}

static bool read_links(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	struct strings names = {0};
	if (!root_list(root, "/sys/class/net", arena, &names))
		return false;
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.item[i];
		struct strings entries = {0};
		char *dir = arena_printf(arena, "/sys/class/net/%s", name);
		bool upper = false;
		(void)root_list(root, dir, arena, &entries);
		for (size_t e = 0; e < entries.n; e++)
			upper = upper || text_starts(entries.item[e], "lower_");
		const char *state = root_read_value(
				root, arena_printf(arena, "%s/operstate", dir), arena);
		if (upper)
			trace_net(root, facts, name, arena_printf(arena, "uplink of %s", name),
					"/sys/class/net", 0);
		else if (state && strcmp(state, "up") == 0)
			trace_net(root, facts, name,
					arena_printf(arena, "network interface %s is up", name),
					"/sys/class/net", 0);
	}
	return true;
}

void facts_read_uses(const struct root *root, struct facts *facts)
{
	bool mounts = read_mounts(root, facts);
	read_swaps(root, facts);
	bool volumes = read_volumes(root, facts);
	bool routes = read_routes(root, facts);
	bool links = read_links(root, facts);
	facts->uses_known = mounts && volumes && routes && links ? KNOWN_YES : KNOWN_UNKNOWN;
}
