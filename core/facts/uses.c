/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/*
 * What the host lives on, down to the PCI function: mounts, swap, volumes, ZFS pools and Ceph OSDs
 * through partitions, LVM, md and dm-crypt; network links through bridges, bonds, VLANs and Open
 * vSwitch. All from proc, sysfs and udev's database of what blkid saw (a ZFS dataset names no
 * device; the members of its pool carry its name). Storage that cannot be followed is kept in
 * `untraced`, and then no disk controller is taken for free.
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

/* Disks that no controller of this host stands behind: in memory, over the network, or a file on a
 * filesystem that is traced by itself. */
static bool has_no_controller(const char *name)
{
	static const char *const names[] = {"loop", "zram", "ram", "rbd", "nbd", "drbd"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (text_starts(name, names[i]))
			return true;
	return false;
}

/* Follow a block device down to PCI functions. Calls itself for the layers of dm and md. */
static bool trace_block(const struct root *root, struct facts *facts, const char *name,
		const char *what, const char *source, int depth)
{
	struct arena *arena = facts->arena;
	char *link = arena_printf(arena, "/sys/class/block/%s", name);
	char *path = root_real_path(root, link, arena);
	if (has_no_controller(name))
		return true;
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

/* What blkid found on a block device, in udev's database: ID_FS_TYPE, ID_FS_LABEL. */
struct member {
	char *name;  /* sda3 */
	char *type;  /* zfs_member, ceph_bluestore */
	char *label; /* of a ZFS member: its pool; "" otherwise */
};

static char *udev_value(struct arena *arena, const char *text, const char *key)
{
	const char *found = strstr(text, arena_printf(arena, "\nE:%s=", key));
	if (!found)
		return NULL;
	found = strchr(found, '=') + 1;
	return arena_strndup(arena, found, strcspn(found, "\n"));
}

static struct list read_members(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	struct list members = {0};
	struct strings names = {0};
	(void)root_list(root, "/sys/class/block", arena, &names);
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.item[i];
		char *number = root_read_value(
				root, arena_printf(arena, "/sys/class/block/%s/dev", name), arena);
		char *text = number ? root_read_value(root,
						      arena_printf(arena, "/run/udev/data/b%s",
								      number),
						      arena)
				    : NULL;
		char *type = text ? udev_value(arena, text, "ID_FS_TYPE") : NULL;
		if (!type || (strcmp(type, "zfs_member") != 0 && !text_starts(type, "ceph_")))
			continue;
		char *label = udev_value(arena, text, "ID_FS_LABEL");
		struct member *member = arena_alloc(arena, sizeof *member);
		*member = (struct member){.name = arena_strdup(arena, name),
				.type = type,
				.label = label ? label : arena_strdup(arena, "")};
		list_add(arena, &members, member);
	}
	return members;
}

/* The disks of the pool that a dataset ("rpool/ROOT/pve-1") belongs to; true when it has any and
 * all of them were followed. */
static bool trace_pool(const struct root *root, struct facts *facts, const struct list *members,
		const char *dataset, const char *what)
{
	size_t n = strcspn(dataset, "/");
	bool all = true;
	bool any = false;
	for (size_t i = 0; i < members->n; i++) {
		const struct member *member = members->item[i];
		if (strcmp(member->type, "zfs_member") != 0 || strlen(member->label) != n ||
				strncmp(member->label, dataset, n) != 0)
			continue;
		any = true;
		all = trace_block(root, facts, member->name, what, "/run/udev/data", 0) && all;
	}
	return any && all;
}

/* Pools and OSDs with nothing mounted: zvols of guests, Ceph. An exported pool is the person's data
 * all the same. */
static void read_pools(const struct root *root, struct facts *facts, const struct list *members)
{
	for (size_t i = 0; i < members->n; i++) {
		const struct member *member = members->item[i];
		const char *what = text_starts(member->type, "ceph_")
						   ? arena_printf(facts->arena, "Ceph OSD on %s",
								     member->name)
						   : arena_printf(facts->arena, "ZFS pool %s",
								     member->label);
		if (!trace_block(root, facts, member->name, what, "/run/udev/data", 0))
			strings_add(facts->arena, &facts->untraced, what);
	}
}

/* A btrfs mount names one device; the others of the filesystem are in sysfs. */
static void read_btrfs(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	struct strings systems = {0};
	(void)root_list(root, "/sys/fs/btrfs", arena, &systems);
	for (size_t i = 0; i < systems.n; i++) {
		char *dir = arena_printf(arena, "/sys/fs/btrfs/%s/devices", systems.item[i]);
		struct strings names = {0};
		(void)root_list(root, dir, arena, &names);
		for (size_t d = 0; d < names.n; d++) {
			char *what = arena_printf(arena, "btrfs on %s", names.item[d]);
			if (!trace_block(root, facts, names.item[d], what, dir, 0))
				strings_add(arena, &facts->untraced, what);
		}
	}
}

/* proxmox-boot-tool keeps its ESPs unmounted; one that is mounted can be read. */
static void note_esp(
		const struct root *root, struct facts *facts, const char *name, const char *where)
{
	for (size_t i = 0; i < facts->esps.n; i++) {
		struct esp *esp = facts->esps.item[i];
		char *link = arena_printf(facts->arena, "/dev/disk/by-uuid/%s", esp->uuid);
		if (!esp->mounted_at && root_exists(root, link) &&
				strcmp(block_name(root, facts, link), name) == 0)
			esp->mounted_at = arena_strdup(facts->arena, where);
	}
}

static bool read_mounts(const struct root *root, struct facts *facts, const struct list *members)
{
	static const char path[] = "/proc/mounts";
	struct arena *arena = facts->arena;
	/* On a live host this is a link to self/mounts; below another root a plain file. */
	char *text = root_read_value(root, path, arena);
	if (!text)
		text = root_read_value(root, "/proc/self/mounts", arena);
	if (!text)
		return false;
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *entry = arena_strndup(arena, line.start, line.n);
		char *rest = NULL;
		const char *device = strtok_r(entry, " ", &rest);
		const char *where = strtok_r(NULL, " ", &rest);
		const char *type = strtok_r(NULL, " ", &rest);
		if (!device || !where || !type)
			continue;
		if (strcmp(type, "zfs") == 0) {
			const char *what =
					arena_printf(arena, "ZFS dataset %s at %s", device, where);
			if (!trace_pool(root, facts, members, device, what))
				strings_add(arena, &facts->untraced, what);
			continue;
		}
		if (!text_starts(device, "/dev/") || strcmp(device, "/dev/fuse") == 0)
			continue;
		const char *what = mount_text(arena, where, device);
		const char *name = block_name(root, facts, device);
		note_esp(root, facts, name, where);
		if (!trace_block(root, facts, name, what, path, 0))
			strings_add(arena, &facts->untraced, what);
	}
	return true;
}

static void read_swaps(const struct root *root, struct facts *facts)
{
	char *text = root_read_value(root, "/proc/swaps", facts->arena);
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
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

/* The device, and the physical function its virtual function is of: without that one it is gone. */
static void add_net_use(struct facts *facts, struct pci_device *device, const char *what,
		const char *source)
{
	facts_add_use(facts, device, source, "%s", what);
	if (device->physfn)
		facts_add_use(facts, device->physfn, source, "%s, through its virtual function %s",
				what, device->name);
}

/* Follow a network interface down to the PCI functions below it. */
static void trace_net(const struct root *root, struct facts *facts, const char *name,
		const char *what, const char *source, int depth)
{
	static const char ovs[] = "ovs-system";
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
		add_net_use(facts, device, what, source);
	/* A port of an Open vSwitch shows nothing below it: all of the switch's links may carry it.
	 */
	else if (!lower && strstr(path, "/virtual/") && strcmp(name, "lo") != 0 &&
			strcmp(name, ovs) != 0 && root_exists(root, "/sys/class/net/ovs-system"))
		trace_net(root, facts, ovs, what, source, depth + 1);
}

static bool read_routes(const struct root *root, struct facts *facts)
{
	static const char path[] = "/proc/net/route";
	char *text = root_read_value(root, path, facts->arena);
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
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

/* Destination and its prefix length, source and its, next hop, metric, counters, flags, interface.
 */
static void read_routes_v6(const struct root *root, struct facts *facts)
{
	static const char path[] = "/proc/net/ipv6_route";
	static const char any[] = "00000000000000000000000000000000 00 ";
	char *text = root_read_value(root, path, facts->arena);
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *entry = arena_strndup(facts->arena, line.start, line.n);
		char *name = strrchr(entry, ' ');
		if (!text_starts(entry, any) || !name || strcmp(name + 1, "lo") == 0)
			continue;
		trace_net(root, facts, name + 1,
				arena_printf(facts->arena, "default route (%s)", name + 1), path,
				0);
	}
}

/* The interface of /etc/network/interfaces that has this address, or NULL. */
static char *interface_of(struct arena *arena, const char *interfaces, const char *address)
{
	struct lines cursor = lines_start(interfaces);
	struct line line;
	char *iface = NULL;
	while (line_next(&cursor, &line)) {
		char *rest = NULL;
		char *copy = arena_strndup(arena, line.start, line.n);
		const char *word = strtok_r(copy, " \t\r", &rest);
		char *value = word ? strtok_r(NULL, " \t\r", &rest) : NULL;
		if (!value)
			continue;
		if (strcmp(word, "iface") == 0)
			iface = value;
		value[strcspn(value, "/")] = '\0';
		if (iface && strcmp(word, "address") == 0 && strcmp(value, address) == 0)
			return iface;
	}
	return NULL;
}

/* The cluster's links of this node: corosync.conf(5), nodelist. Without them it loses quorum. */
static void read_corosync(const struct root *root, struct facts *facts)
{
	static const char path[] = "/etc/pve/corosync.conf";
	struct arena *arena = facts->arena;
	char *text = root_read_value(root, path, arena);
	char *interfaces = root_read_value(root, "/etc/network/interfaces", arena);
	struct lines cursor = lines_start(text && interfaces ? text : NULL);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *key = text_trim(arena, line.start, line.n);
		char *colon = strchr(key, ':');
		size_t n = colon ? (size_t)(colon - key) : 0;
		/* Other nodes' addresses are on no interface of this one. */
		if (!colon || !text_starts(key, "ring") || n < 10 ||
				strncmp(colon - 5, "_addr", 5) != 0)
			continue;
		const char *address = colon + 1 + strspn(colon + 1, " \t");
		char *name = interface_of(arena, interfaces, address);
		if (name)
			trace_net(root, facts, name,
					arena_printf(arena, "cluster link (corosync, %s on %s)",
							address, name),
					path, 0);
	}
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
	facts_read_esps(root, facts);
	struct list members = read_members(root, facts);
	bool mounts = read_mounts(root, facts, &members);
	facts_read_esp_entries(root, facts);
	read_pools(root, facts, &members);
	read_btrfs(root, facts);
	read_swaps(root, facts);
	bool volumes = read_volumes(root, facts);
	bool routes = read_routes(root, facts);
	read_routes_v6(root, facts);
	read_corosync(root, facts);
	bool links = read_links(root, facts);
	facts->uses_known = mounts && volumes && routes && links ? KNOWN_YES : KNOWN_UNKNOWN;
}
