/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/*
 * What HA may do to a VM with a PCI device. It asks for a migration by force: a stopped VM passes
 * with an address in its hostpci line, and is started where that address is another device; what
 * ran on a node that failed is started elsewhere without a migration (pve-ha-manager, qemu-server
 * QemuMigrate.pm). A mapping that names a device there is all it takes.
 */

/* Where HA may run it; empty: not known. */
static struct strings allowed_nodes(const struct report *report, const struct ha_guest *guest)
{
	return guest->restricted == KNOWN_YES ? guest->nodes : report->facts->node_names;
}

/* A node without a cluster has no other to go to. */
static bool stays_here(const struct report *report, const struct ha_guest *guest)
{
	if (report->facts->clustered == KNOWN_NO)
		return true;
	return guest->restricted == KNOWN_YES && guest->nodes.n == 1 && report->facts->node &&
	       strcmp(guest->nodes.item[0], report->facts->node) == 0;
}

/* The nodes that a mapping has a device of, as it will be when it is edited. */
static struct strings mapped_nodes(const struct report *report, const char *name)
{
	struct arena *arena = report->arena;
	struct strings nodes = {0};
	const struct mapping_edit *edit = find_mapping_edit(report, name);
	const struct pci_mapping *mapping = facts_mapping(report->facts, name);
	for (size_t i = 0; edit && i < edit->map.n; i++) {
		struct pci_mapping_entry entry;
		if (pci_mapping_entry_parse(arena, edit->map.item[i], &entry, NULL) == 0)
			strings_add(arena, &nodes, entry.node);
	}
	for (size_t i = 0; !edit && mapping && i < mapping->entries.n; i++)
		strings_add(arena, &nodes,
				((const struct pci_mapping_entry *)mapping->entries.item[i])->node);
	return nodes;
}

static void add_mapping(const struct report *report, struct strings *mappings, const char *name)
{
	if (name && !strings_has(mappings, name))
		strings_add(report->arena, mappings, arena_strdup(report->arena, name));
}

/* The mappings of its lines, and of the line that it is to get; the number of addresses. */
static size_t count_lines(
		const struct report *report, const struct vm *vm, struct strings *ret_mappings)
{
	size_t raw = 0;
	struct list lines = vm_next_lines(vm, report->arena);
	for (size_t i = 0; i < lines.n; i++) {
		const struct vm_hostpci *entry = lines.item[i];
		raw += entry->parsed.hosts.n > 0;
		add_mapping(report, ret_mappings, entry->parsed.mapping);
	}
	if (vm != report->vm || !report->gpu || !report->decided[CHOOSE_ATTACH] ||
			gpu_attached(report))
		return raw;
	for (size_t i = 0; report->decided[CHOOSE_BY_MAPPING] && i < report->mappings_wanted.n; i++)
		add_mapping(report, ret_mappings,
				((const struct mapping_edit *)report->mappings_wanted.item[i])
						->name);
	return raw + !report->decided[CHOOSE_BY_MAPPING];
}

static void tell_evidence(struct report *report, struct finding *finding,
		const struct ha_guest *guest, const struct vm *vm)
{
	finding_evidence(report, finding, "/etc/pve/ha/resources.cfg", "vm: %u, state %s",
			guest->vmid, guest->state);
	if (guest->restricted == KNOWN_YES)
		finding_evidence(report, finding, "/etc/pve/ha", "it may run on %s alone",
				strings_join(report->arena, &guest->nodes, ", "));
	struct list lines = vm_next_lines(vm, report->arena);
	for (size_t i = 0; i < lines.n; i++) {
		const struct vm_hostpci *entry = lines.item[i];
		finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	}
}

static void judge_raw(struct report *report, const struct check *check, const struct vm *vm,
		const struct ha_guest *guest)
{
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(vm),
			"HA may start it on another node, where another device sits at that "
			"address: it is taken from that node, with its whole IOMMU group.");
	tell_evidence(report, finding, guest, vm);
	finding_fix(report, finding, FIX_BY_HAND,
			"attach it by a PCI mapping that names a device of every node HA may use (--by-mapping, "
			"--mapping-device NODE=ADDRESS), keep it on this node by a strict node affinity rule "
			"(before 9.0: a restricted group), or take it out of HA: ha-manager remove vm:%u",
			vm->vmid);
}

static void judge_mapped(struct report *report, const struct check *check, const struct vm *vm,
		const struct ha_guest *guest, const struct strings *mappings)
{
	struct arena *arena = report->arena;
	struct strings nodes = allowed_nodes(report, guest);
	struct strings missing = {0};
	for (size_t m = 0; m < mappings->n; m++) {
		struct strings mapped = mapped_nodes(report, mappings->item[m]);
		for (size_t i = 0; i < nodes.n; i++)
			if (!strings_has(&mapped, nodes.item[i]))
				strings_add(arena, &missing,
						arena_printf(arena, "%s on %s", mappings->item[m],
								nodes.item[i]));
	}
	bool unknown = !nodes.n || (missing.n && guest->restricted == KNOWN_UNKNOWN);
	struct finding *finding = report_add(report, check,
			unknown     ? STATUS_UNKNOWN
			: missing.n ? STATUS_WARN
				    : STATUS_OK,
			subject_vm(vm), "%s",
			unknown     ? "HA manages it, and where it may run it could not be read."
			: missing.n ? arena_printf(arena,
						      "HA may choose a node that has no device for it: %s.",
						      strings_join(arena, &missing, ", "))
				    : "HA manages it, and its mappings name a device of every node that HA may choose.");
	tell_evidence(report, finding, guest, vm);
	if (!unknown && missing.n)
		finding_fix(report, finding, FIX_BY_HAND,
				"let the mapping name a device there too (--mapping-device "
				"NODE=ADDRESS), or keep the VM from that node by a strict node "
				"affinity rule (before 9.0: a restricted group)");
}

static void judge_ha(struct report *report, const struct check *check, const struct vm *vm)
{
	if (report->facts->ha_known != KNOWN_YES) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_vm(vm),
				"The HA resources could not be read.");
		return;
	}
	const struct ha_guest *guest = facts_ha_guest(report->facts, vm->vmid);
	struct strings mappings = {0};
	size_t raw = count_lines(report, vm, &mappings);
	if (!guest || stays_here(report, guest) || (!raw && !mappings.n)) {
		struct finding *finding = report_add(report, check, STATUS_OK, subject_vm(vm), "%s",
				!guest                      ? "Not managed by HA."
				: stays_here(report, guest) ? "HA manages it, on this node alone."
							    : "HA manages it; it has no device.");
		if (guest)
			tell_evidence(report, finding, guest, vm);
	} else if (raw) {
		judge_raw(report, check, vm, guest);
	} else {
		judge_mapped(report, check, vm, guest, &mappings);
	}
}

void check_vm_ha(struct report *report, const struct check *check)
{
	for_each_vm(report, check, judge_ha);
}
