/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/*
 * What PCI mappings are to be like: the one the GPU is attached by, and those that name another
 * device than there is. A PUT replaces the whole map (PVE/API2/Cluster/Mapping/PCI.pm), so the
 * entries of other nodes are sent again as they are. One edit for each mapping, whatever asks for
 * it.
 */

struct mapping_edit *find_mapping_edit(const struct report *report, const char *name)
{
	for (size_t i = 0; i < report->mapping_edits.n; i++) {
		struct mapping_edit *edit = report->mapping_edits.item[i];
		if (strcmp(edit->name, name) == 0)
			return edit;
	}
	return NULL;
}

/* The edit of a mapping, started from what it is now. */
static struct mapping_edit *edit_of(struct report *report, const char *name)
{
	struct mapping_edit *edit = find_mapping_edit(report, name);
	if (edit)
		return edit;
	edit = arena_alloc(report->arena, sizeof *edit);
	edit->name = arena_strdup(report->arena, name);
	edit->mapping = facts_mapping(report->facts, name);
	for (size_t i = 0; edit->mapping && i < edit->mapping->entries.n; i++) {
		const struct pci_mapping_entry *entry = edit->mapping->entries.item[i];
		strings_add(report->arena, &edit->map, entry->text);
	}
	list_add(report->arena, &report->mapping_edits, edit);
	return edit;
}

bool mapping_edit_changes(const struct mapping_edit *edit)
{
	size_t before = edit->mapping ? edit->mapping->entries.n : 0;
	if (edit->why || edit->map.n != before)
		return !edit->why;
	for (size_t i = 0; i < before; i++) {
		const struct pci_mapping_entry *entry = edit->mapping->entries.item[i];
		if (strcmp(entry->text, edit->map.item[i]) != 0)
			return true;
	}
	return false;
}

char *mapping_entry_text(struct arena *arena, const char *node, const char *path,
		const struct pci_device *device)
{
	struct text text = {0};
	text_addf(&text, "node=%s,path=%s,id=%04x:%04x", node, path, device->vendor,
			device->device);
	/* Both must be there when the device has them (PVE/Mapping/PCI.pm, assert_valid). */
	if (device->subsystem_known && device->subsystem_vendor)
		text_addf(&text, ",subsystem-id=%04x:%04x", device->subsystem_vendor,
				device->subsystem_device);
	if (device->group >= 0)
		text_addf(&text, ",iommugroup=%d", device->group);
	return text_take(&text, arena);
}

/* 0000:01:00 of 0000:01:00.0 */
static char *slot_path(struct arena *arena, const struct pci_device *device)
{
	return arena_strndup(arena, device->name, strlen(device->name) - 2);
}

/* The path an entry names, whole slot or function, as a device of `devices`; NULL if none. */
static struct pci_device *device_at(const struct list *devices, const char *path)
{
	size_t n = strcspn(path, ";");
	for (size_t i = 0; i < devices->n; i++) {
		struct pci_device *device = devices->item[i];
		size_t length = strlen(device->name);
		if ((n == length || (n == length - 2 && device->address.function == 0)) &&
				strncmp(device->name, path, n) == 0)
			return device;
	}
	return NULL;
}

/* Replace the entry of the same node and slot, or add one at the end. */
static void put_entry(struct report *report, struct mapping_edit *edit, const char *node,
		const char *path, const struct pci_device *device)
{
	char *text = mapping_entry_text(report->arena, node, path, device);
	for (size_t i = 0; i < edit->map.n; i++) {
		struct pci_mapping_entry entry;
		if (pci_mapping_entry_parse(report->arena, edit->map.item[i], &entry, NULL) < 0 ||
				strcmp(entry.node, node) != 0 || strcmp(entry.path, path) != 0)
			continue;
		/* What says the same in another order, or has a description, stays as it is. */
		if (!mapping_entry_drift(report, &entry, device))
			return;
		edit->map.item[i] = text;
		return;
	}
	strings_add(report->arena, &edit->map, text);
}

bool mapping_names(const struct report *report, const char *name, const struct pci_device *device)
{
	const struct pci_mapping *mapping = facts_mapping(report->facts, name);
	const struct mapping_edit *edit = find_mapping_edit(report, name);
	for (size_t i = 0; mapping && i < mapping->entries.n; i++) {
		const struct pci_mapping_entry *entry = mapping->entries.item[i];
		if (facts_is_here(report->facts, entry) && text_starts(device->name, entry->path))
			return true;
	}
	for (size_t i = 0; edit && i < edit->map.n; i++) {
		struct pci_mapping_entry entry;
		if (pci_mapping_entry_parse(report->arena, edit->map.item[i], &entry, NULL) == 0 &&
				facts_is_here(report->facts, &entry) &&
				text_starts(device->name, entry.path))
			return true;
	}
	return false;
}

/* NODE=ADDRESS, or ADDRESS on this node. False and `why` when there is no such device. */
struct other_device {
	const char *node;
	const struct pci_device *device;
};

static bool find_other(struct report *report, const char *text, struct other_device *ret_other,
		const char **ret_why)
{
	const struct facts *facts = report->facts;
	struct arena *arena = report->arena;
	const char *equals = strchr(text, '=');
	const char *address = equals ? equals + 1 : text;
	const char *name =
			equals ? arena_strndup(arena, text, (size_t)(equals - text)) : facts->node;
	struct pci_address parsed;
	bool whole = false;
	bool here = name && facts->node && strcmp(name, facts->node) == 0;
	const struct cluster_node *node = here || !name ? NULL : facts_node(facts, name);
	const struct list *devices = here ? &facts->devices : node ? &node->devices : NULL;
	if (!pci_address_parse(address, &parsed, &whole)) {
		*ret_why = arena_printf(arena, "'%s' is not a PCI address", address);
	} else if (!devices) {
		*ret_why = arena_printf(arena, "there is no node '%s'", name ? name : "");
	} else if (node && node->devices_known != KNOWN_YES) {
		*ret_why = arena_printf(arena, "the devices of node %s could not be read%s%s", name,
				node->why ? ": " : "", node->why ? node->why : "");
	} else {
		for (size_t i = 0; i < devices->n; i++) {
			struct pci_device *device = devices->item[i];
			bool same = whole ? pci_address_same_slot(&device->address, &parsed) &&
								    pci_is_gpu(device)
					  : pci_address_compare(&device->address, &parsed) == 0;
			if (!same)
				continue;
			*ret_other = (struct other_device){name, device};
			return true;
		}
		*ret_why = arena_printf(arena, "node %s has no GPU at %s", name, address);
	}
	return false;
}

/* A function of the same slot, by its number, in the list the device is from. */
static const struct pci_device *sibling(const struct report *report, const char *node,
		const struct pci_device *device, unsigned function)
{
	bool here = strcmp(node, report->facts->node) == 0;
	const struct cluster_node *other = here ? NULL : facts_node(report->facts, node);
	const struct list *devices = other ? &other->devices : &report->facts->devices;
	for (size_t i = 0; i < devices->n; i++) {
		const struct pci_device *candidate = devices->item[i];
		if (pci_address_same_slot(&candidate->address, &device->address) &&
				candidate->address.function == function)
			return candidate;
	}
	return NULL;
}

/* An entry of this node describes the device as it is. */
static bool entry_is_right(const struct report *report, const struct mapping_edit *edit,
		const struct pci_device *device)
{
	for (size_t i = 0; i < edit->map.n; i++) {
		struct pci_mapping_entry entry;
		if (pci_mapping_entry_parse(report->arena, edit->map.item[i], &entry, NULL) == 0 &&
				facts_is_here(report->facts, &entry) &&
				text_starts(device->name, entry.path))
			return !mapping_entry_drift(report, &entry, device);
	}
	return false;
}

/* A path that covers more than the function takes no virtual function, and is of none. */
static bool takes_only(
		const struct report *report, const char *path, const struct pci_device *device)
{
	for (size_t i = 0; i < report->facts->devices.n; i++) {
		const struct pci_device *other = report->facts->devices.item[i];
		if (other != device && text_starts(other->name, path) &&
				(pci_is_virtual(other) || pci_is_virtual(device)))
			return false;
	}
	return true;
}

/* One mapping of the goal: the whole slot, or one function. */
static void want(struct report *report, struct mapping_edit *edit, const struct pci_device *device,
		bool slot)
{
	struct arena *arena = report->arena;
	const struct facts *facts = report->facts;
	edit->wanted = true;
	edit->device = device;
	/* Another device of this node in it would be an alternative: the VM could get that one. */
	struct strings allowed = {0};
	for (size_t i = 0; i < report->goal->mapping_devices.n; i++) {
		struct other_device other = {0};
		const char *why = NULL;
		if (!find_other(report, report->goal->mapping_devices.item[i], &other, &why)) {
			edit->why = why;
			return;
		}
		const struct pci_device *function =
				slot ? other.device
				     : sibling(report, other.node, other.device,
						       device->address.function);
		if (!function) {
			edit->why = arena_printf(arena, "%s has no function %u", other.device->name,
					device->address.function);
			return;
		}
		if (function->vendor != device->vendor || function->device != device->device) {
			edit->why = arena_printf(arena,
					"%s of node %s is %04x:%04x, not the same model as %s",
					function->name, other.node, function->vendor,
					function->device, device->name);
			return;
		}
		const char *path = slot ? slot_path(arena, function) : function->name;
		strings_add(arena, &allowed, arena_printf(arena, "%s=%s", other.node, path));
		put_entry(report, edit, other.node, path, function);
	}
	const char *path = slot ? slot_path(arena, device) : device->name;
	for (size_t i = 0; i < edit->map.n; i++) {
		struct pci_mapping_entry entry;
		if (pci_mapping_entry_parse(arena, edit->map.item[i], &entry, NULL) < 0 ||
				!facts_is_here(facts, &entry))
			continue;
		const char *key = arena_printf(arena, "%s=%s", entry.node, entry.path);
		if (strcmp(entry.path, path) != 0 &&
				!(text_starts(device->name, entry.path) &&
						takes_only(report, entry.path, device)) &&
				!strings_has(&allowed, key)) {
			edit->why = arena_printf(arena,
					"mapping %s names %s of this node already: the VM could get that one; "
					"choose another name, or keep it as an alternative with --mapping-device %s",
					edit->name, entry.path, entry.path);
			return;
		}
	}
	/* A slot that is named by its function 0 will do, as it did before. */
	if (!entry_is_right(report, edit, device))
		put_entry(report, edit, facts->node, path, device);
}

/* A VM's name as part of a mapping's: a letter first, then letters, digits, - and _. */
static char *name_part(struct arena *arena, const struct vm *vm)
{
	char *name = arena_strdup(
			arena, *vm->name ? vm->name : arena_printf(arena, "vm%u", vm->vmid));
	for (char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			*c = '-';
	return name;
}

/* Another device of the goal, before this one, is attached by that name. */
static bool is_wanted_before(const struct report *report, const char *name)
{
	for (size_t i = 0; report->whole->parts.item[i] != report; i++) {
		const struct report *before = report->whole->parts.item[i];
		bool together = (report->pool && before->pool == report->pool) ||
				parts_share(report, before);
		for (size_t m = 0; !together && m < before->mappings_wanted.n; m++) {
			const struct mapping_edit *edit = before->mappings_wanted.item[m];
			if (strcmp(edit->name, name) == 0)
				return true;
		}
	}
	return false;
}

/* By which another part of the goal gets its share of the same GPU; NULL: there is none. */
static const char *mapping_of_share(const struct report *report)
{
	for (size_t i = 0; report->whole->parts.item[i] != report; i++) {
		const struct report *before = report->whole->parts.item[i];
		if (parts_share(report, before) && before->mappings_wanted.n == 1)
			return ((const struct mapping_edit *)before->mappings_wanted.item[0])->name;
	}
	return NULL;
}

/* gpu-<vm>-<n>, the first n that is free or is this device's already. A mapping that names nothing
 * but this device is taken whatever its name. */
static const char *propose(
		struct report *report, const struct pci_device *device, bool slot, size_t *next)
{
	const struct facts *facts = report->facts;
	const char *path = slot ? slot_path(report->arena, device) : device->name;
	const struct vm_hostpci *entry_now = hostpci_with(report, report->vm, device);
	if (entry_now && entry_now->parsed.mapping)
		return entry_now->parsed.mapping;
	const char *shared = mapping_of_share(report);
	if (shared)
		return shared;
	for (size_t i = 0; i < facts->mappings.mappings.n; i++) {
		const struct pci_mapping *mapping = facts->mappings.mappings.item[i];
		size_t here = 0;
		bool same = false;
		for (size_t e = 0; e < mapping->entries.n; e++) {
			const struct pci_mapping_entry *entry = mapping->entries.item[e];
			here += facts_is_here(facts, entry);
			same = same ||
			       (facts_is_here(facts, entry) && strcmp(entry->path, path) == 0);
		}
		if (same && here == 1 && !mapping->error &&
				(mapping->mdev != 0) == (report->mdev != NULL))
			return mapping->name;
	}
	for (;; (*next)++) {
		char *name = arena_printf(report->arena, "gpu-%s-%zu",
				name_part(report->arena, report->vm), *next);
		const struct pci_mapping *mapping = facts_mapping(facts, name);
		size_t here = 0;
		for (size_t e = 0; mapping && e < mapping->entries.n; e++)
			here += facts_is_here(facts, mapping->entries.item[e]);
		if (!here && !is_wanted_before(report, name)) {
			(*next)++;
			return name;
		}
	}
}

/* The VM's line for the GPU when that gives it the whole slot, which a mapping per function cannot
 * share; NULL otherwise. */
static const struct vm_hostpci *whole_slot_line(const struct report *report)
{
	const struct vm_hostpci *entry = hostpci_with(report, report->vm, report->gpu);
	return entry && report->card.n > 1 && entry->devices.n > 1 ? entry : NULL;
}

/* Why that name will not do for one line of the goal, or NULL. */
static const char *why_not_named(const struct report *report, const struct mapping_edit *edit)
{
	struct arena *arena = report->arena;
	const struct vm_hostpci *line =
			report->decided[CHOOSE_MAPPING_FUNCTIONS] ? whole_slot_line(report) : NULL;
	if (line)
		return arena_printf(arena,
				"%s of VM %u gives it the whole card already; take that line away first, for one line a function",
				line->key, report->vm->vmid);
	if (is_wanted_before(report, edit->name))
		return arena_printf(arena, "mapping %s is for another device of the goal already",
				edit->name);
	if (edit->mapping && edit->mapping->mdev && !report->mdev)
		return "that mapping is for mediated devices (mdev)";
	if (edit->mapping && !edit->mapping->mdev && report->mdev)
		return "that mapping is not for mediated devices (mdev)";
	if (edit->mapping && edit->mapping->error)
		return edit->mapping->error;
	if (!pci_mapping_name_is_valid(edit->name))
		return arena_printf(arena,
				"'%s' is no name for a mapping: a letter, then letters, digits, - and _",
				edit->name);
	return edit->why;
}

struct list names_of_card(const struct report *report, bool functions, struct arena *arena)
{
	struct list names = {0};
	if (!report->mdev)
		return facts_card_names(report->facts, report->gpu, functions, arena);
	struct card_name *name = arena_alloc(arena, sizeof *name);
	*name = (struct card_name){.device = report->gpu, .path = report->gpu->name};
	list_add(arena, &names, name);
	return names;
}

static void want_mappings(struct report *report)
{
	struct arena *arena = report->arena;
	const char *wanted = report->goal->mapping;
	struct list names = names_of_card(report, report->decided[CHOOSE_MAPPING_FUNCTIONS], arena);
	size_t next = 0;
	if (report->pool) { /* as it is: all that it names is there already */
		struct mapping_edit *edit = edit_of(report, report->pool->name);
		edit->why = why_not_named(report, edit);
		edit->why = edit->why ? edit->why : pool_fault(report);
		edit->wanted = true;
		edit->device = report->gpu;
		list_add(arena, &report->mappings_wanted, edit);
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		const struct card_name *card = names.item[i];
		const char *name = !wanted ? propose(report, card->device, card->whole_slot, &next)
				   : names.n == 1 ? wanted
						  : arena_printf(arena, "%s-%zu", wanted, i);
		struct mapping_edit *edit = edit_of(report, name);
		edit->why = why_not_named(report, edit);
		edit->mdev = report->mdev != NULL;
		list_add(arena, &report->mappings_wanted, edit);
		if (!edit->why)
			want(report, edit, card->device, card->whole_slot);
	}
}

/* Another entry of this node names it, and rightly: it is not what a drifted one was made for. */
static bool is_taken(const struct report *report, const struct pci_mapping_entry *drifted,
		const struct pci_device *device)
{
	const struct facts *facts = report->facts;
	for (size_t i = 0; i < facts->mappings.mappings.n; i++) {
		const struct pci_mapping *mapping = facts->mappings.mappings.item[i];
		for (size_t e = 0; e < mapping->entries.n; e++) {
			const struct pci_mapping_entry *entry = mapping->entries.item[e];
			if (entry != drifted && facts_is_here(facts, entry) &&
					text_starts(device->name, entry->path))
				return true;
		}
	}
	return false;
}

/* The device that a drifted entry was made for, where that can be told: the one at its path, or
 * the only one of its kind. */
static const struct pci_device *device_meant(
		const struct report *report, const struct pci_mapping_entry *entry)
{
	const struct facts *facts = report->facts;
	unsigned long vendor = 0;
	unsigned long model = 0;
	size_t n = strcspn(entry->id, ":");
	if (!entry->id[n] || strchr(entry->path, ';') ||
			!text_to_ulong(arena_strndup(report->arena, entry->id, n), 16, 0xffff,
					&vendor) ||
			!text_to_ulong(entry->id + n + 1, 16, 0xffff, &model))
		return NULL;
	const struct pci_device *there = device_at(&facts->devices, entry->path);
	if (there && there->vendor == vendor && there->device == model)
		return there;
	const struct pci_device *found = NULL;
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *device = facts->devices.item[i];
		if (device->vendor != vendor || device->device != model ||
				is_taken(report, entry, device))
			continue;
		if (entry->subsystem_id && device->subsystem_known &&
				strcmp(entry->subsystem_id,
						arena_printf(report->arena, "%04x:%04x",
								device->subsystem_vendor,
								device->subsystem_device)) != 0)
			continue;
		if (found)
			return NULL; /* two of them: a person must say which */
		found = device;
	}
	return found;
}

const char *mapping_mended(struct report *report, const struct pci_mapping_entry *entry)
{
	const struct pci_device *device = device_meant(report, entry);
	if (!device || device->vendor == 0xffff)
		return NULL;
	bool function = strlen(entry->path) == strlen(device->name);
	/* A path of another domain's width names a slot when it has no dot. */
	function = strchr(entry->path, '.') != NULL || function;
	const char *path = function ? device->name : slot_path(report->arena, device);
	char *text = mapping_entry_text(report->arena, entry->node, path, device);
	/* The person's own words in it stay. */
	return entry->description ? arena_printf(report->arena, "%s,description=%s", text,
						    entry->description)
				  : text;
}

/* Whether the goal wants it mended: where its VM uses the mapping, unless it is said otherwise. */
static bool to_be_mended(const struct report *report, const char *name)
{
	enum choice choice = report->goal->chosen[CHOOSE_FIX_MAPPINGS];
	for (size_t i = 0; choice == CHOICE_ADVISED && report->vm && i < report->vm->hostpci.n;
			i++) {
		const struct vm_hostpci *entry = report->vm->hostpci.item[i];
		if (entry->valid && entry->parsed.mapping &&
				strcmp(entry->parsed.mapping, name) == 0)
			return true;
	}
	return choice == CHOICE_YES;
}

/* Before anything is asked of them: a mapping that is mended names the device it was made for. */
void mend_mappings(struct report *report)
{
	const struct facts *facts = report->facts;
	for (size_t i = 0; i < facts->mappings.mappings.n; i++) {
		const struct pci_mapping *mapping = facts->mappings.mappings.item[i];
		if (mapping->error || !to_be_mended(report, mapping->name))
			continue;
		for (size_t e = 0; e < mapping->entries.n; e++) {
			const struct pci_mapping_entry *entry = mapping->entries.item[e];
			bool unknown = false;
			const char *mended =
					facts_is_here(facts,
							entry) && mapping_drift(report, mapping,
										  entry, &unknown)
							? mapping_mended(report, entry)
							: NULL;
			if (mended)
				edit_of(report, mapping->name)->map.item[e] =
						arena_strdup(report->arena, mended);
		}
	}
}

static const struct vm_hostpci *line_of_mapping(const struct list *lines, const char *name)
{
	for (size_t e = 0; e < lines->n; e++) {
		const struct vm_hostpci *entry = lines->item[e];
		if (entry->parsed.mapping && strcmp(entry->parsed.mapping, name) == 0)
			return entry;
	}
	return NULL;
}

void choose_mappings(struct report *report)
{
	const struct goal *goal = report->goal;
	if (report->decided[CHOOSE_BY_MAPPING] && report->gpu && report->vm && report->facts->node)
		want_mappings(report);
	if (!goal->delete_mapping)
		return;
	struct mapping_edit *edit = edit_of(report, goal->delete_mapping);
	edit->map.n = 0;
	edit->deleted = true;
	if (!edit->mapping)
		edit->why = "there is no such mapping";
	if (edit->wanted)
		edit->why = "a device of the goal is attached by it";
	for (size_t i = 0; i < report->facts->vms.n; i++) {
		const struct vm *vm = report->facts->vms.item[i];
		const struct vm_hostpci *user = line_of_mapping(&vm->hostpci, edit->name);
		const struct vm_hostpci *waits = line_of_mapping(&vm->pending, edit->name);
		if (user || waits)
			edit->why = arena_printf(report->arena, "%s of VM %u uses it%s",
					user ? user->key : waits->key, vm->vmid,
					user ? "" : ", which waits in PENDING");
	}
}
