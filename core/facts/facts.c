/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/facts/facts.h"

#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

struct facts *facts_new(const struct root *root)
{
	struct arena *arena = arena_new();
	struct facts *facts = arena_alloc(arena, sizeof *facts);
	facts->arena = arena;
	facts->root_dir = arena_strdup(arena, root_dir(root));
	facts->root_kind = root_kind(root);
	facts->all_recorded = root_is_complete(root);
	facts->identity = arena_strdup(arena, "root@pam");
	facts->identity_root = true;
	facts->api = arena_strdup(arena, "");
	return facts;
}

struct gap *facts_add_gap(
		struct facts *facts, const char *what, const char *source, const char *why)
{
	for (size_t i = 0; i < facts->gaps.n; i++) {
		struct gap *gap = facts->gaps.item[i];
		if (strcmp(gap->source, source) == 0)
			return gap;
	}
	struct gap *gap = arena_alloc(facts->arena, sizeof *gap);
	*gap = (struct gap){.what = arena_strdup(facts->arena, what),
			.source = arena_strdup(facts->arena, source),
			.why = arena_strdup(facts->arena, why)};
	list_add(facts->arena, &facts->gaps, gap);
	return gap;
}

/* A file or directory that is there and cannot be read is not taken for one that is not there. */
static void note_gap(void *user, const char *path, const struct error *error)
{
	(void)facts_add_gap(user, path, path, error->text);
}

static int read_first(const struct root *root, struct facts *facts, struct error *err)
{
	struct strings names = {0};
	int status = facts_list_pci(root, facts, &names, err);
	if (status < 0)
		return status;
	facts_read_system(root, facts);
	facts_read_boot(root, facts);
	return 0;
}

static int read_all(const struct root *root, struct facts *facts, struct error *err)
{
	int status = facts_read_pci(root, facts, err);
	if (status < 0)
		return status;
	facts_index_groups(facts);
	facts_read_system(root, facts);
	facts_read_boot(root, facts);
	facts_read_names(facts);
	facts_read_modules(root, facts);
	facts_read_log(root, facts);
	facts_read_kernels(root, facts);
	facts_read_drivers(root, facts);
	facts_read_rules(root, facts);
	facts_read_slots(root, facts);
	facts_read_uses(root, facts);
	facts_read_mappings(root, facts);
	facts_read_vms(root, facts); /* their lines name mappings */
	facts_read_roms(root, facts);
	facts_read_storage(root, facts);
	facts_read_mdev(root, facts);
	facts_read_vgpu_types(root, facts);
	facts_read_containers(root, facts);
	facts->complete = true;
	return 0;
}

/* Read through a view of the root that notes what cannot be read. */
static int read_by(int (*read)(const struct root *, struct facts *, struct error *),
		const struct root *root, struct facts **ret_facts, struct error *err)
{
	struct facts *facts = facts_new(root);
	struct root *view = root_view(root, note_gap, facts);
	int status = read(view, facts, err);
	root_view_close(view);
	if (status < 0)
		facts_free(facts);
	else
		*ret_facts = facts;
	return status;
}

int facts_read_first(const struct root *root, struct facts **ret_facts, struct error *err)
{
	return read_by(read_first, root, ret_facts, err);
}

int facts_read(const struct root *root, struct facts **ret_facts, struct error *err)
{
	return read_by(read_all, root, ret_facts, err);
}

void facts_free(struct facts *facts)
{
	if (facts)
		arena_free(facts->arena);
}

/* The first device, by their order, with this address or a higher one. */
static size_t first_from(const struct facts *facts, const struct pci_address *address)
{
	size_t low = 0;
	size_t high = facts->devices.n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct pci_device *device = facts->devices.item[middle];
		if (pci_address_compare(&device->address, address) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct pci_device *facts_device(const struct facts *facts, const struct pci_address *address)
{
	size_t i = first_from(facts, address);
	struct pci_device *device = i < facts->devices.n ? facts->devices.item[i] : NULL;
	return device && pci_address_compare(&device->address, address) == 0 ? device : NULL;
}

struct list facts_slot(
		const struct facts *facts, const struct pci_device *device, struct arena *arena)
{
	struct list found = {0};
	struct pci_address first = device->address;
	first.function = 0;
	for (size_t i = first_from(facts, &first); i < facts->devices.n; i++) {
		struct pci_device *other = facts->devices.item[i];
		if (!pci_address_same_slot(&other->address, &device->address))
			break;
		list_add(arena, &found, other);
	}
	return found;
}

const char *facts_driver(const struct facts *facts, const struct pci_device *device)
{
	return device->driver                      ? device->driver
	       : facts->drivers_known == KNOWN_YES ? "none"
						   : "unknown";
}

bool facts_in_list(const struct list *devices, const struct pci_device *device)
{
	for (size_t i = 0; i < devices->n; i++)
		if (devices->item[i] == device)
			return true;
	return false;
}

void facts_index_groups(struct facts *facts)
{
	int most = -1;
	for (size_t i = 0; i < facts->devices.n; i++) {
		int group = ((const struct pci_device *)facts->devices.item[i])->group;
		most = group > most ? group : most;
	}
	if (most < 0 || (size_t)most > 4 * facts->devices.n) /* nothing to gain */
		return;
	facts->n_groups = (size_t)most + 1;
	facts->groups = arena_alloc(facts->arena, facts->n_groups * sizeof *facts->groups);
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct pci_device *device = facts->devices.item[i];
		if (device->group >= 0)
			list_add(facts->arena, &facts->groups[device->group], device);
	}
}

struct list facts_group(const struct facts *facts, int group, struct arena *arena)
{
	struct list found = {0};
	if (group >= 0 && (size_t)group < facts->n_groups) {
		found = facts->groups[group];
		found.capacity = found.n; /* who adds to it has one of its own */
		return found;
	}
	for (size_t i = 0; group >= 0 && !facts->groups && i < facts->devices.n; i++) {
		struct pci_device *other = facts->devices.item[i];
		if (other->group == group)
			list_add(arena, &found, other);
	}
	return found;
}

struct vm *facts_vm(const struct facts *facts, unsigned vmid)
{
	for (size_t i = 0; i < facts->vms.n; i++) {
		struct vm *vm = facts->vms.item[i];
		if (vm->vmid == vmid)
			return vm;
	}
	return NULL;
}

enum known facts_kernel_at_least(const struct facts *facts, int major, int minor)
{
	if (facts->kernel_major < 0)
		return KNOWN_UNKNOWN;
	bool at_least = facts->kernel_major > major ||
			(facts->kernel_major == major && facts->kernel_minor >= minor);
	return at_least ? KNOWN_YES : KNOWN_NO;
}

/* pve-docs, qm-pci-passthrough.adoc: "on newer kernels (6.8 or newer) this is enabled by default".
 */
enum known facts_intel_iommu_default_on(const struct facts *facts)
{
	return facts_kernel_at_least(facts, 6, 8);
}

struct pci_device *facts_device_in_path(const struct facts *facts, const char *path)
{
	struct pci_device *found = NULL;
	while (*path) {
		size_t n = strcspn(path, "/");
		char part[PCI_ADDRESS_TEXT];
		if (n && n < sizeof part) {
			memcpy(part, path, n);
			part[n] = '\0';
			struct pci_address address;
			struct pci_device *device = pci_address_parse_full(part, &address)
								    ? facts_device(facts, &address)
								    : NULL;
			if (device)
				found = device;
		}
		path += n;
		path += *path == '/';
	}
	return found;
}

void facts_add_use(struct facts *facts, struct pci_device *device, const char *source,
		const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *what = arena_vprintf(facts->arena, format, args);
	va_end(args);
	for (size_t i = 0; i < device->uses.n; i++)
		if (strcmp(((struct host_use *)device->uses.item[i])->what, what) == 0)
			return;
	struct host_use *use = arena_alloc(facts->arena, sizeof *use);
	*use = (struct host_use){.what = what, .source = arena_strdup(facts->arena, source)};
	list_add(facts->arena, &device->uses, use);
}

struct list facts_boot_entries(const struct root *root, struct arena *arena)
{
	struct list all = {0};
	struct facts *facts = facts_new(root);
	facts_read_boot(root, facts);
	facts_read_uses(root, facts); /* where the ESPs are mounted */
	for (size_t i = 0; i < facts->esps.n + 1; i++) {
		const struct list *from =
				i < facts->esps.n ? &((struct esp *)facts->esps.item[i])->entries
						  : &facts->boot_entries;
		for (size_t e = 0; e < from->n; e++) {
			const struct boot_entry *entry = from->item[e];
			struct boot_entry *copy = arena_alloc(arena, sizeof *copy);
			copy->path = arena_strdup(arena, entry->path);
			copy->kernel = arena_strdup(arena, entry->kernel);
			copy->cmdline = arena_strdup(arena, entry->cmdline);
			list_add(arena, &all, copy);
		}
	}
	facts_free(facts);
	return all;
}
