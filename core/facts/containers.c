/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/*
 * Containers that share a GPU with the host: they need the host's driver on it, so it cannot go to
 * a VM as long as they run. A GPU gets into one by `dev0: /dev/dri/renderD128,…` or by raw lxc
 * lines that mount /dev/dri or /dev/nvidia* (pve-container, PVE/LXC/Config.pm).
 */

/* "/dev/dri/renderD128" out of a line that holds it, or NULL. */
static char *device_node(struct arena *arena, const char *line, const char *prefix)
{
	const char *found = strstr(line, prefix);
	return found ? arena_strndup(arena, found, strcspn(found, " \t,;")) : NULL;
}

/* The node that "lxc.cgroup2.devices.allow: c 226:128 rwm" opens, by the kernel's numbers
 * (Documentation/admin-guide/devices.txt: 226 is DRM, 195 NVIDIA's); a whole directory for '*'. */
static char *device_allowed(struct arena *arena, const char *line)
{
	enum { RENDER = 128 }; /* the first render node */
	const char *allow = strstr(line, "devices.allow");
	const char *numbers = text_starts(line, "lxc.cgroup") && allow ? strstr(allow, "c ") : NULL;
	if (!numbers)
		return NULL;
	numbers += 2 + strspn(numbers + 2, " \t");
	if (text_starts(numbers, "195:"))
		return arena_strdup(arena, "/dev/nvidia0");
	if (!text_starts(numbers, "226:"))
		return NULL;
	unsigned long minor = 0;
	const char *digits = numbers + strlen("226:");
	char *text = arena_strndup(arena, digits, strspn(digits, "0123456789"));
	if (!text_to_ulong(text, 10, 1023, &minor))
		return arena_strdup(arena, "/dev/dri");
	return arena_printf(arena, "/dev/dri/%s%lu", minor < RENDER ? "card" : "renderD", minor);
}

static bool driver_makes(const struct pci_device *device, bool nvidia)
{
	if (!device->driver || device_on_vfio(device))
		return false;
	return nvidia == (strcmp(device->driver, "nvidia") == 0);
}

/* Which functions stand behind a device node; for a whole directory all that could. */
static void find_devices(const struct root *root, struct facts *facts, const char *node,
		bool nvidia, struct list *ret_devices)
{
	struct arena *arena = facts->arena;
	const char *base = strrchr(node, '/') + 1;
	if (!nvidia && strcmp(base, "dri") != 0) {
		char *path = root_real_path(
				root, arena_printf(arena, "/sys/class/drm/%s/device", base), arena);
		struct pci_device *device = path ? facts_device_in_path(facts, path) : NULL;
		if (device && !facts_in_list(ret_devices, device))
			list_add(arena, ret_devices, device);
		return;
	}
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct pci_device *device = facts->devices.item[i];
		if (pci_is_gpu(device) && driver_makes(device, nvidia) &&
				!facts_in_list(ret_devices, device))
			list_add(arena, ret_devices, device);
	}
}

static enum known is_running(const struct root *root, struct arena *arena, unsigned ctid)
{
	if (!root_exists(root, "/sys/fs/cgroup"))
		return KNOWN_UNKNOWN;
	return root_exists(root, arena_printf(arena, "/sys/fs/cgroup/lxc/%u", ctid)) ? KNOWN_YES
										     : KNOWN_NO;
}

char *container_text(struct arena *arena, const struct container *container)
{
	return arena_printf(arena, "%u%s%s", container->ctid, *container->name ? " " : "",
			container->name);
}

static void keep(struct facts *facts, const struct container *container)
{
	struct container *kept = arena_alloc(facts->arena, sizeof *kept);
	*kept = *container;
	list_add(facts->arena, &facts->containers, kept);
}

/* Those that run and have no configuration that could be read: the kernel knows them. */
static void add_unread(const struct root *root, struct facts *facts, const struct strings *read)
{
	struct strings running = {0};
	(void)root_list(root, "/sys/fs/cgroup/lxc", facts->arena, &running);
	for (size_t i = 0; i < running.n; i++) {
		const char *name = arena_printf(facts->arena, "%s.conf", running.item[i]);
		unsigned ctid = facts_guest_id(facts->arena, name);
		if (ctid && !strings_has(read, name))
			keep(facts, &(struct container){.ctid = ctid,
						    .name = arena_strdup(facts->arena, ""),
						    .running = KNOWN_YES});
	}
}

static void read_container(
		const struct root *root, struct facts *facts, unsigned ctid, const char *path)
{
	struct arena *arena = facts->arena;
	struct container container = {.ctid = ctid, .running = KNOWN_UNKNOWN};
	char *text = root_read_value(root, path, arena);
	struct lines cursor = lines_start(text);
	struct line line;
	const char *name = "";
	while (line_next(&cursor, &line)) {
		char *content = text_trim(arena, line.start, line.n);
		if (content[0] == '[')
			break; /* snapshots follow */
		if (text_starts(content, "hostname:"))
			name = content + 9 + strspn(content + 9, " \t");
		bool entry = text_starts(content, "dev") || text_starts(content, "lxc.mount.entry");
		char *allowed = device_allowed(arena, content);
		const char *names = allowed ? allowed : content;
		bool gives = entry || allowed;
		char *dri = gives ? device_node(arena, names, "/dev/dri") : NULL;
		char *nvidia = gives ? device_node(arena, names, "/dev/nvidia") : NULL;
		if (!dri && !nvidia)
			continue;
		if (!container.line)
			container.line = content;
		if (dri && strchr("0123456789", dri[strlen(dri) - 1]))
			strings_add(arena, &container.nodes, strrchr(dri, '/') + 1);
		if (dri)
			find_devices(root, facts, dri, false, &container.devices);
		else
			find_devices(root, facts, nvidia, true, &container.devices);
	}
	container.name = arena_strdup(arena, name);
	container.path = arena_strdup(arena, path);
	container.running = is_running(root, arena, ctid);
	keep(facts, &container);
}

struct strings facts_drm_nodes(
		const struct root *root, const struct pci_device *gpu, struct arena *arena)
{
	struct strings nodes = {0};
	(void)root_list(root, arena_printf(arena, "/sys/bus/pci/devices/%s/drm", gpu->name), arena,
			&nodes);
	return nodes;
}

/* A number is given as the drivers find their devices: what it stands for is told by all of them.
 */
static void read_nodes(const struct root *root, struct facts *facts)
{
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct pci_device *device = facts->devices.item[i];
		if (pci_is_gpu(device))
			device->drm = facts_drm_nodes(root, device, facts->arena);
	}
}

void facts_read_containers(const struct root *root, struct facts *facts)
{
	static const char dir[] = "/etc/pve/lxc";
	struct strings names = {0};
	bool listed = root_list(root, dir, facts->arena, &names);
	facts->containers_known = listed ? KNOWN_YES : KNOWN_UNKNOWN;
	for (size_t i = 0; i < names.n; i++) {
		unsigned ctid = facts_guest_id(facts->arena, names.item[i]);
		if (ctid)
			read_container(root, facts, ctid,
					arena_printf(facts->arena, "%s/%s", dir, names.item[i]));
	}
	add_unread(root, facts, &names);
	bool named = false;
	for (size_t i = 0; i < facts->containers.n; i++)
		named = named || ((const struct container *)facts->containers.item[i])->nodes.n;
	if (named)
		read_nodes(root, facts);
}
