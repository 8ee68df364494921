/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/*
 * The types of vGPUs that a GPU offers (PVE/SysFSTools.pm, get_mdev_types): mediated devices have a
 * directory for each (Documentation/driver-api/vfio-mediated-device.rst), NVIDIA's driver on
 * kernels from 6.8 on one file for each device:
 *
 *   ID    : vGPU Name
 *   1424  : NVIDIA RTX Pro 6000 Blackwell DC-12Q
 */

static const char devices[] = "/sys/bus/pci/devices";

static struct vgpu_type *add_type(
		struct facts *facts, struct pci_device *gpu, char *type, char *name)
{
	struct vgpu_type *offered = arena_alloc(facts->arena, sizeof *offered);
	*offered = (struct vgpu_type){.type = type, .name = name, .available = -1};
	list_add(facts->arena, &gpu->vgpu_types, offered);
	return offered;
}

static void read_mediated(const struct root *root, struct facts *facts, struct pci_device *gpu)
{
	struct arena *arena = facts->arena;
	char *dir = arena_printf(arena, "%s/%s/mdev_supported_types", devices, gpu->name);
	struct strings names = {0};
	if (!root_list(root, dir, arena, &names))
		return;
	for (size_t i = 0; i < names.n; i++) {
		const char *type = names.item[i];
		const char *free_path = arena_printf(arena, "%s/%s/available_instances", dir, type);
		char *count = root_read_value(root, free_path, arena);
		char *name = root_read_value(
				root, arena_printf(arena, "%s/%s/name", dir, type), arena);
		unsigned long available = 0;
		struct vgpu_type *offered = add_type(facts, gpu, arena_strdup(arena, type), name);
		if (count && text_to_ulong(count, 10, 65535, &available))
			offered->available = (int)available;
	}
}

static void read_nvidia(const struct root *root, struct facts *facts, struct pci_device *gpu)
{
	struct arena *arena = facts->arena;
	char *dir = arena_printf(arena, "%s/%s/nvidia", devices, gpu->name);
	if (gpu->vendor != 0x10de || !root_exists(root, dir))
		return;
	gpu->vgpu_alone = true;
	char *text = root_read_value(
			root, arena_printf(arena, "%s/creatable_vgpu_types", dir), arena);
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *whole = arena_strndup(arena, line.start, line.n);
		size_t n = strspn(whole, "0123456789");
		const char *colon = strchr(whole, ':');
		if (!n || !colon || whole + n + strspn(whole + n, " \t") != colon)
			continue;
		add_type(facts, gpu, arena_printf(arena, "nvidia-%.*s", (int)n, whole),
				text_trim(arena, colon + 1, strlen(colon + 1)))
				->available = 1;
	}
}

/* Its packages put it there (nvidia-fabricmanager-NNN). */
static void read_fabric_manager(const struct root *root, struct facts *facts)
{
	bool switches = false;
	for (size_t i = 0; i < facts->devices.n; i++)
		switches = switches || pci_is_nvswitch(facts->devices.item[i]);
	if (switches && root_exists(root, "/usr/bin"))
		facts->fabric_manager = root_exists(root, "/usr/bin/nv-fabricmanager") ? KNOWN_YES
										       : KNOWN_NO;
}

void facts_read_vgpu_types(const struct root *root, struct facts *facts)
{
	read_fabric_manager(root, facts);
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct pci_device *gpu = facts->devices.item[i];
		if (!pci_is_gpu(gpu) || gpu->mdev != KNOWN_YES)
			continue;
		read_mediated(root, facts, gpu);
		read_nvidia(root, facts, gpu);
		if (gpu->vendor == 0x10de && facts->pve_version &&
				facts->vgpu_helper == KNOWN_UNKNOWN)
			facts->vgpu_helper = facts_package_version(root, facts->arena,
							     "pve-nvidia-vgpu-helper")
							     ? KNOWN_YES
							     : KNOWN_NO;
	}
}

const struct vgpu_type *facts_vgpu_type(const struct pci_device *gpu, const char *type)
{
	for (size_t i = 0; i < gpu->vgpu_types.n; i++) {
		const struct vgpu_type *offered = gpu->vgpu_types.item[i];
		if (strcmp(offered->type, type) == 0)
			return offered;
	}
	return NULL;
}

bool hostpci_shares(const struct vm_hostpci *entry)
{
	if (!entry->valid || !entry->parsed.mdev)
		return false;
	for (size_t i = 0; i < entry->devices.n; i++)
		if (((const struct pci_device *)entry->devices.item[i])->vgpu_alone)
			return false;
	return true;
}
