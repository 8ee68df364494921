/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* PCI mappings: those that VMs name, and whether they still name the device they were made for.
 * What fails here fails at the VM's start (PVE/Mapping/PCI.pm, assert_valid). */

static size_t entries_here(const struct facts *facts, const struct pci_mapping *mapping)
{
	size_t n = 0;
	for (size_t i = 0; i < mapping->entries.n; i++)
		n += facts_is_here(facts, mapping->entries.item[i]);
	return n;
}

static bool judge_named(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	const struct facts *facts = report->facts;
	const char *name = entry->valid ? entry->parsed.mapping : NULL;
	if (!name)
		return false;
	const struct pci_mapping *mapping = facts_mapping(facts, name);
	const char *why = NULL;
	if (facts->mappings_known == KNOWN_NO)
		why = "Proxmox VE knows mappings from 8.0 on only";
	else if (facts->pci_cfg.error)
		why = facts->pci_cfg.error;
	else if (!mapping && find_mapping_edit(report, name))
		return false; /* it is made */
	else if (!mapping)
		why = "there is no such mapping";
	else if (mapping->error)
		why = mapping->error;
	else if (facts->node && !entries_here(facts, mapping))
		why = arena_printf(report->arena, "it has no device on node %s", facts->node);
	struct finding *finding = report_add(report, check, why ? STATUS_FAIL : STATUS_OK,
			subject_vm(vm), "%s of %u %s names mapping %s%s%s.", entry->key, vm->vmid,
			vm->name, name, why ? ": " : "", why ? why : "");
	finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	for (size_t i = 0; mapping && i < mapping->entries.n; i++) {
		const struct pci_mapping_entry *map = mapping->entries.item[i];
		finding_evidence(report, finding, facts->pci_cfg.path, "line %zu: map %s",
				map->line, map->text);
	}
	finding->prevents_start = why != NULL;
	if (why)
		finding_fix(report, finding, FIX_BY_HAND,
				"correct the mapping under Datacenter > Resource Mappings");
	return true;
}

/* What Proxmox VE drops from the file when it next writes it, and what makes it refuse to. */
static bool judge_file(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	struct finding *finding = NULL;
	for (size_t i = 0; i < facts->mappings.mappings.n; i++) {
		const struct pci_mapping *mapping = facts->mappings.mappings.item[i];
		if (!mapping->error)
			continue;
		finding = report_add(report, check, STATUS_FAIL, subject_path(facts->pci_cfg.path),
				"Mapping %s (line %zu): %s.", mapping->name, mapping->line,
				mapping->error);
		finding_evidence(report, finding, facts->pci_cfg.path, "line %zu: %s",
				mapping->line, mapping->name);
		finding_fix(report, finding, FIX_BY_HAND,
				"take that section out of the file by hand");
	}
	struct finding *dropped = NULL;
	for (size_t i = 0; i < facts->mappings.problems.n; i++) {
		const struct pci_mapping_problem *problem = facts->mappings.problems.item[i];
		if (!dropped)
			dropped = report_add(report, check, STATUS_WARN,
					subject_path(facts->pci_cfg.path),
					"%zu %s of the file would be dropped at the next write.",
					facts->mappings.problems.n,
					text_plural(facts->mappings.problems.n, "line", "lines"));
		finding_evidence(report, dropped, facts->pci_cfg.path, "line %zu: %s",
				problem->line, problem->what);
	}
	return finding || dropped;
}

static const char *wanted_detail(struct report *report, const struct mapping_edit *edit)
{
	size_t before = edit->mapping ? edit->mapping->entries.n : 0;
	if (!edit->mapping)
		return arena_printf(report->arena,
				"There is no mapping %s yet: it is made, with %zu %s.", edit->name,
				edit->map.n, text_plural(edit->map.n, "device", "devices"));
	return arena_printf(report->arena,
			"Mapping %s has %zu %s and will have %zu; those of other nodes are kept.",
			edit->name, before, text_plural(before, "entry", "entries"), edit->map.n);
}

/* The mappings by which the goal's GPU is to be attached. */
static bool judge_wanted(struct report *report, const struct check *check)
{
	for (size_t i = 0; i < report->mappings_wanted.n; i++) {
		const struct mapping_edit *edit = report->mappings_wanted.item[i];
		struct subject subject = subject_mapping(edit->name);
		bool changes = mapping_edit_changes(edit);
		struct finding *finding = report_add(report, check,
				edit->why ? STATUS_FAIL
				: changes ? STATUS_INFO
					  : STATUS_OK,
				subject, "%s",
				edit->why ? arena_printf(report->arena, "%s: %s.", edit->name,
							    edit->why)
				: changes ? wanted_detail(report, edit)
					  : arena_printf(report->arena,
							    "Mapping %s names the card.",
							    edit->name));
		for (size_t m = 0; m < edit->map.n; m++)
			finding_evidence(report, finding, changes ? "as it will be" : "as it is",
					"map %s", edit->map.item[m]);
		if (edit->why)
			finding->risk = RISK_NEVER;
		else if (changes)
			finding_fix(report, finding, FIX_BY_PLAN,
					edit->mapping ? "extend the mapping" : "make the mapping");
	}
	return report->mappings_wanted.n > 0;
}

static bool judge_deleted(struct report *report, const struct check *check)
{
	const char *name = report->goal->delete_mapping;
	const struct mapping_edit *edit = name ? find_mapping_edit(report, name) : NULL;
	if (!edit)
		return false;
	struct finding *finding = report_add(report, check, edit->why ? STATUS_FAIL : STATUS_INFO,
			subject_mapping(name), "%s is to be deleted%s%s.", name,
			edit->why ? ": " : "", edit->why ? edit->why : "");
	if (edit->why) {
		finding->risk = RISK_NEVER;
		return true;
	}
	finding_fix(report, finding, FIX_BY_PLAN, "delete the mapping");
	/* Proxmox VE does not look whether a VM uses it, and we see this node's VMs only. */
	if (report->facts->clustered != KNOWN_NO)
		finding->risk = RISK_ACCEPT;
	return true;
}

void check_mapping(struct report *report, const struct check *check)
{
	if (vms_unknown(report, check))
		return;
	bool file = judge_file(report, check);
	file = judge_wanted(report, check) || file;
	file = judge_deleted(report, check) || file;
	if (!for_each_hostpci(report, check, judge_named) && !file)
		tell_no_vm(report, check, "No VM of this node uses a mapping.");
}

/* What the group should be by the device that is there, or NULL when it agrees. */
static const char *group_drift(struct arena *arena, const struct pci_mapping_entry *entry,
		const struct pci_device *device)
{
	if (device->group < 0 || entry->group == device->group)
		return NULL;
	return entry->group < 0 ? arena_printf(arena, "iommugroup=%d is missing", device->group)
				: arena_printf(arena, "%s is in IOMMU group %d now, not %d",
						  device->name, device->group, entry->group);
}

/* The same of the subsystem. */
static const char *subsystem_drift(struct arena *arena, const struct pci_mapping_entry *entry,
		const struct pci_device *device)
{
	if (!device->subsystem_known || !device->subsystem_vendor)
		return NULL;
	const char *subsystem = arena_printf(
			arena, "%04x:%04x", device->subsystem_vendor, device->subsystem_device);
	if (!entry->subsystem_id)
		return arena_printf(arena, "subsystem-id=%s is missing", subsystem);
	return strcmp(subsystem, entry->subsystem_id) == 0
			       ? NULL
			       : arena_printf(arena, "subsystem-id is %s there, not %s", subsystem,
						 entry->subsystem_id);
}

/* All that is not as the device that is there has it, or NULL when it agrees. The group is that of
 * the `first` device of the path. */
static const char *drift_of(struct arena *arena, const struct pci_mapping_entry *entry,
		const struct pci_device *device, bool first, bool *ret_unknown)
{
	if (device->vendor == 0xffff) {
		*ret_unknown = true;
		return NULL;
	}
	/* Without groups, without a subsystem in a captured tree, nothing can be compared. */
	*ret_unknown = (first && device->group < 0 && entry->group >= 0) ||
		       (entry->subsystem_id &&
				       (!device->subsystem_known || !device->subsystem_vendor));
	const char *id = arena_printf(arena, "%04x:%04x", device->vendor, device->device);
	if (strcmp(entry->id, id) != 0) /* another device: the rest is its own */
		return arena_printf(arena, "%s is %s there, not %s", device->name, id, entry->id);
	const char *group = first ? group_drift(arena, entry, device) : NULL;
	const char *subsystem = subsystem_drift(arena, entry, device);
	if (group && subsystem)
		return arena_printf(arena, "%s, and %s", group, subsystem);
	return group ? group : subsystem;
}

const char *mapping_entry_drift(const struct report *report, const struct pci_mapping_entry *entry,
		const struct pci_device *device)
{
	bool unknown = false;
	return drift_of(report->arena, entry, device, true, &unknown);
}

/* The device of one piece of a path; without a function Proxmox VE takes function 0. */
static const struct pci_device *device_of(const struct facts *facts, const char *piece)
{
	struct pci_address address;
	bool whole = false;
	return pci_address_parse(piece, &address, &whole) ? facts_device(facts, &address) : NULL;
}

const char *mapping_drift(const struct report *report, const struct pci_mapping *mapping,
		const struct pci_mapping_entry *entry, bool *ret_unknown)
{
	const struct facts *facts = report->facts;
	const char *why = NULL;
	size_t n = 0;
	*ret_unknown = false;
	for (const char *at = entry->path; *at && !why; n++) {
		char *piece = arena_strndup(report->arena, at, strcspn(at, ";"));
		at += strlen(piece);
		at += *at == ';';
		const struct pci_device *device = device_of(facts, piece);
		why = device ? drift_of(report->arena, entry, device, n == 0, ret_unknown)
			     : arena_printf(report->arena, "there is no %s", piece);
		/* Since qemu-server 8.3.9. */
		if (device && !why && mapping->mdev && device->mdev == KNOWN_NO &&
				facts->all_recorded)
			why = arena_printf(report->arena,
					"mdev is set, but %s offers no mediated devices",
					device->name);
	}
	return why;
}

/* Whether an entry names the device that is there; what is said otherwise. */
static bool judge_drift(struct report *report, const struct check *check,
		const struct pci_mapping *mapping, const struct pci_mapping_entry *entry)
{
	const struct facts *facts = report->facts;
	bool unknown = false;
	const char *why = mapping_drift(report, mapping, entry, &unknown);
	if (!why && !unknown)
		return true;
	struct finding *finding = report_add(report, check, why ? STATUS_FAIL : STATUS_UNKNOWN,
			subject_mapping(mapping->name), "%s: %s.", mapping->name,
			why ? why : "not all it names could be compared (ids, group, subsystem)");
	finding_evidence(report, finding, facts->pci_cfg.path, "line %zu: map %s", entry->line,
			entry->text);
	finding->prevents_start = why != NULL;
	if (!why)
		return false;
	const struct mapping_edit *edit = find_mapping_edit(report, mapping->name);
	const char *mended = mapping_mended(report, entry);
	if (mended)
		finding_evidence(report, finding, "as it should be", "map %s", mended);
	bool planned = mended && edit && !edit->why && mapping_edit_changes(edit);
	finding_fix(report, finding, planned_if(planned),
			planned ? "write the entry anew"
			: mended ? "pvegpu plan --fix-mappings writes the entry anew; a VM that uses it does not start until then"
				 : "set the mapping anew under Datacenter > Resource Mappings; a VM that uses it does not start until then");
	return false;
}

/* The entries of this node: what is wrong with each, and once of all that are right. How many? */
static size_t judge_entries(
		struct report *report, const struct check *check, const struct pci_mapping *mapping)
{
	struct list right = {0};
	size_t judged = 0;
	for (size_t e = 0; e < mapping->entries.n; e++) {
		struct pci_mapping_entry *entry = mapping->entries.item[e];
		if (!facts_is_here(report->facts, entry))
			continue;
		judged++;
		if (judge_drift(report, check, mapping, entry))
			list_add(report->arena, &right, entry);
	}
	if (!right.n)
		return judged;
	struct finding *finding =
			report_add(report, check, STATUS_OK, subject_mapping(mapping->name),
					right.n == 1 ? "%s: it names the device that is there."
						     : "%s: it names %zu devices that are there.",
					mapping->name, right.n);
	for (size_t i = 0; i < right.n; i++) {
		const struct pci_mapping_entry *entry = right.item[i];
		finding_evidence(report, finding, report->facts->pci_cfg.path, "line %zu: map %s",
				entry->line, entry->text);
	}
	return judged;
}

void check_mapping_drift(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	size_t judged = 0;
	const char *why = facts->pci_cfg.error            ? facts->pci_cfg.error
			  : facts->vms_known != KNOWN_YES ? "/etc/pve could not be read"
			  : !facts->node && facts->mappings.mappings.n
					  ? "The name of this node is not known (/etc/hostname)"
					  : NULL;
	if (why) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(), "%s.", why);
		return;
	}
	for (size_t i = 0; i < facts->mappings.mappings.n; i++)
		judged += judge_entries(report, check, facts->mappings.mappings.item[i]);
	if (!judged)
		(void)report_add(report, check, STATUS_OK, subject_host(),
				"No mapping names a device of this node.");
}

/* What an identity that is not root@pam itself cannot do to the goal's VM, said before anything
 * else is tried (PVE/API2/Qemu.pm, check_hostpci_perm; the old value is looked at too). */
static bool judge_goal_raw(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (facts->identity_root || !report->vm || !report->gpu || !attach_needs_change(report))
		return false;
	const char *why = NULL;
	const char *fix = NULL;
	if (facts->mappings_known == KNOWN_NO) {
		why = "Proxmox VE 7 has no mappings, and lets only root@pam give a VM a PCI device";
		fix = "log in as root@pam with its password: --user root@pam";
	}
	for (size_t i = 0; !why && i < report->vm->hostpci.n; i++) {
		const struct vm_hostpci *entry = report->vm->hostpci.item[i];
		if (!facts_in_list(&entry->devices, report->gpu))
			continue;
		if (entry->parsed.hosts.n)
			why = arena_printf(report->arena,
					"%s names it by its address, and only root@pam itself may change or replace that",
					entry->key);
		else if (entry->parsed.romfile)
			why = arena_printf(report->arena,
					"%s has a romfile, and only root@pam itself may change such a line",
					entry->key);
		if (why)
			fix = "log in as root@pam with its password: --user root@pam";
	}
	if (!why && !report->decided[CHOOSE_BY_MAPPING]) {
		why = "only root@pam itself may give a VM a device by its address";
		fix = "attach it by a mapping: --by-mapping, or --mapping NAME";
	}
	if (!why)
		return false;
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(report->vm),
			"We are %s: %s.", facts->identity, why);
	finding_evidence(report, finding, facts->api, "logged in as %s", facts->identity);
	finding_fix(report, finding, FIX_BY_HAND, "%s", fix);
	finding->risk = RISK_NEVER;
	return true;
}

void check_token_raw(struct report *report, const struct check *check)
{
	if (vms_unknown(report, check) || judge_goal_raw(report, check))
		return;
	struct finding *finding = NULL;
	for (size_t i = 0; i < report->facts->vms.n; i++) {
		const struct vm *vm = report->facts->vms.item[i];
		struct list lines = vm_next_lines(vm, report->arena);
		for (size_t e = 0; e < lines.n; e++) {
			const struct vm_hostpci *entry = lines.item[e];
			if (!entry->valid || !entry->parsed.hosts.n)
				continue;
			if (!finding)
				finding = report_add(report, check, STATUS_INFO, subject_host(),
						"VMs have PCI devices by address: an API token (OpenTofu) can neither set nor change that, only root@pam can.");
			finding_evidence(report, finding, vm->path, "%s: %s", entry->key,
					entry->value);
		}
	}
	if (finding)
		finding_fix(report, finding, FIX_BY_HAND,
				"use a PCI mapping instead where a token must do it");
	else
		tell_no_vm(report, check, "No VM of this node has a PCI device by its address.");
}
