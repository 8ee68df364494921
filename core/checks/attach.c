/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

const struct vm_hostpci *entry_with(const struct report *report, const struct list *entries,
		const struct pci_device *device)
{
	for (size_t i = 0; i < entries->n; i++) {
		const struct vm_hostpci *entry = entries->item[i];
		const char *mapping = entry->parsed.mapping;
		if (entry->valid && (facts_in_list(&entry->devices, device) ||
						    (mapping && mapping_names(report, mapping,
										device))))
			return entry;
	}
	return NULL;
}

const struct vm_hostpci *hostpci_with(
		const struct report *report, const struct vm *vm, const struct pci_device *device)
{
	return entry_with(report, &vm->hostpci, device);
}

bool gpu_attached(const struct report *report)
{
	return report->vm && report->gpu && hostpci_with(report, report->vm, report->gpu);
}

bool line_keeps_name(const struct report *report, const struct vm_hostpci *entry)
{
	const char *wanted = report->goal->mapping;
	/* A vGPU is of one function; the whole card is more than that. */
	if ((report->mdev != NULL) != (entry->parsed.mdev != NULL) && entry->devices.n > 1)
		return false;
	return report->decided[CHOOSE_BY_MAPPING] == (entry->parsed.mapping != NULL) &&
	       (!wanted || (entry->parsed.mapping && strcmp(wanted, entry->parsed.mapping) == 0));
}

bool gpu_needs_stop(const struct report *report)
{
	const struct vm_hostpci *entry = hostpci_with(report, report->vm, report->gpu);
	if (!entry)
		return true;
	bool has = report->vm->taken_known == KNOWN_YES &&
		   facts_in_list(&report->vm->taken, report->gpu);
	return entry->alternatives.n > 1 && !line_keeps_name(report, entry) && !has;
}

/* A guest has one primary display: what is one already, or else the first it gets. */
static bool has_primary_beside(const struct report *report)
{
	bool before = true;
	for (size_t i = 0; i < report->whole->parts.n; i++) {
		const struct report *other = report->whole->parts.item[i];
		before = before && other != report;
		if (other != report && other->vm == report->vm &&
				((other->line && other->line->parsed.x_vga) ||
						(before && other->decided[CHOOSE_X_VGA])))
			return true;
	}
	return false;
}

void find_line(struct report *report)
{
	mend_mappings(report);
	const struct vm_hostpci *line =
			report->vm && report->gpu ? hostpci_with(report, report->vm, report->gpu)
						  : NULL;
	report->line = line ? line_at_start(report, line) : NULL;
}

void choose_attach(struct report *report)
{
	bool *decided = report->decided;
	choose_all(report);
	choose_vgpu(report);
	if (has_primary_beside(report) && !(report->line && report->line->parsed.x_vga))
		decided[CHOOSE_X_VGA] = false;
	if (report->facts->mappings_known == KNOWN_NO)
		decided[CHOOSE_BY_MAPPING] = false;
	choose_mappings(report);
}

bool vms_unknown(struct report *report, const struct check *check)
{
	if (report->facts->vms_known == KNOWN_YES)
		return false;
	(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
			"The VMs of this node could not be read.");
	return true;
}

void tell_no_vm(struct report *report, const struct check *check, const char *text)
{
	bool all = !report->facts->vms_incomplete;
	(void)report_add(report, check, all ? STATUS_OK : STATUS_UNKNOWN, subject_host(), "%s%s",
			all ? "" : "Not every VM could be read; of the others: ", text);
}

size_t for_each_hostpci(struct report *report, const struct check *check, judge_hostpci *judge)
{
	size_t found = 0;
	for (size_t i = 0; i < report->facts->vms.n; i++) {
		const struct vm *vm = report->facts->vms.item[i];
		for (size_t e = 0; e < vm->hostpci.n; e++)
			found += judge(report, check, vm, vm->hostpci.item[e]);
		for (size_t e = 0; e < vm->pending.n; e++)
			found += judge(report, check, vm, vm->pending.item[e]);
	}
	return found;
}

/* Proxmox VE looks for the type where the device says what it offers (PVE/QemuServer/PCI.pm). NULL
 * where there is nothing to say. */
static const char *why_no_mdev(const struct report *report, const struct vm_hostpci *entry)
{
	if (!entry->valid || !property_get(&entry->parsed.properties, "mdev"))
		return NULL;
	for (size_t i = 0; i < entry->devices.n; i++) {
		const struct pci_device *device = entry->devices.item[i];
		if (device->mdev != KNOWN_YES)
			return arena_printf(report->arena,
					report->facts->all_recorded
							? "mdev is set, but %s offers no mediated devices: the VM cannot start"
							: "mdev is set, and whether %s offers mediated devices is not on record",
					device->name);
	}
	return NULL;
}

static bool judge_invalid(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	const char *why = entry->error;
	if (!why && entry->parsed.hosts.n && entry->parsed.mapping)
		why = "it has both an address and a mapping";
	if (!why && !entry->parsed.hosts.n && !entry->parsed.mapping)
		why = "it has neither an address nor a mapping";
	bool dropped = why;
	if (!why)
		why = why_no_mdev(report, entry);
	if (!why)
		return false;
	bool told = dropped || report->facts->all_recorded;
	struct finding *finding = report_add(report, check, told ? STATUS_FAIL : STATUS_UNKNOWN,
			subject_vm(vm), "%s of %u %s: %s.", entry->key, vm->vmid, vm->name, why);
	finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	if (told)
		finding_fix(report, finding, FIX_BY_HAND, "correct the line: qm set %u --%s VALUE",
				vm->vmid, entry->key);
	finding->prevents_start = true;
	/* Any change to the VM drops the line, and what it was meant to give with it. */
	if (dropped && vm == report->vm && report->gpu)
		finding->risk = RISK_NEVER;
	return true;
}

/* The physical function among the devices whose virtual functions are among them too, or NULL. */
static const struct pci_device *split_in(const struct list *devices)
{
	for (size_t i = 0; i < devices->n; i++) {
		const struct pci_device *device = devices->item[i];
		if (device->physfn && facts_in_list(devices, device->physfn))
			return device->physfn;
	}
	return NULL;
}

/* A line for a slot takes what is in it now: a physical function that has been split since, and
 * with it all its virtual functions, which go when its driver lets go of it. */
static bool judge_widened(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	const struct pci_device *split = entry->valid ? split_in(&entry->devices) : NULL;
	if (!split)
		return false;
	bool stopped = vm->running == KNOWN_NO; /* else it is not known to fail */
	struct finding *finding = report_add(report, check, stopped ? STATUS_FAIL : STATUS_WARN,
			subject_vm(vm),
			"%s of %u %s names a whole slot: the physical function %s and its virtual functions, %zu devices in all.",
			entry->key, vm->vmid, vm->name, split->name, entry->devices.n);
	finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	finding_fix(report, finding, FIX_BY_HAND,
			"name the function that is meant: qm set %u --%s %s", vm->vmid, entry->key,
			((struct pci_device *)split->virtfns.item[0])->name);
	if (vm == report->vm && vm->running != KNOWN_YES)
		finding->risk = RISK_NEVER;
	return true;
}

void check_hostpci_invalid(struct report *report, const struct check *check)
{
	if (vms_unknown(report, check))
		return;
	size_t found = for_each_hostpci(report, check, judge_invalid);
	found += for_each_hostpci(report, check, judge_widened);
	if (!found)
		tell_no_vm(report, check, "All that there are is understood.");
}

/* Ids that vfio-pci was set up for and that no device has: what had them is gone, not moved. */
static struct strings lost_ids(const struct report *report)
{
	struct strings lost = {0};
	const char *ids = configured_ids(report, NULL);
	while (ids && *ids) {
		char *id = arena_strndup(report->arena, ids, strcspn(ids, ","));
		bool found = false;
		for (size_t i = 0; i < report->facts->devices.n; i++) {
			const struct pci_device *device = report->facts->devices.item[i];
			found = found || device->vendor == 0xffff || ids_have(id, device);
		}
		if (!found)
			strings_add(report->arena, &lost, id);
		ids += strcspn(ids, ",");
		ids += *ids == ',';
	}
	return lost;
}

static void tell_gone(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	struct strings lost = lost_ids(report);
	const char *ids = strings_join(report->arena, &lost, ", ");
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(vm),
			lost.n ? "%s of %u %s names %s, where no device is, and none of the host "
				 "has the ids %s that vfio-pci is set up for: the card is gone."
			       : "%s of %u %s names %s, where no device is%s.",
			entry->key, vm->vmid, vm->name,
			strings_join(report->arena, &entry->parsed.hosts, ";"), ids);
	finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	finding_fix(report, finding, FIX_BY_HAND,
			lost.n ? "power the host off fully and on again; if the card stays away, "
				 "look at the power supply, cables, riser and slot, and take back "
				 "an overclock"
			       : "lspci shows whether the card is at another address now; if it is "
				 "at none, power the host off fully, and look at its power and "
				 "slot");
	finding->prevents_start = true;
}

static bool judge_missing(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	if (!entry->valid || !entry->parsed.hosts.n)
		return false;
	const struct pci_device *first = entry->devices.n ? entry->devices.item[0] : NULL;
	if (!first) {
		tell_gone(report, check, vm, entry);
		return true;
	}
	if (!pci_is_bridge(first))
		return false;
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(vm),
			"%s of %u %s names a bridge (%s), not the card behind it.", entry->key,
			vm->vmid, vm->name, first->label);
	finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	finding_fix(report, finding, FIX_BY_HAND, "find the card's own address with lspci");
	finding->prevents_start = true;
	return true;
}

void check_device_missing(struct report *report, const struct check *check)
{
	if (vms_unknown(report, check))
		return;
	if (!for_each_hostpci(report, check, judge_missing))
		tell_no_vm(report, check, "Every address named is there.");
}

/* Each VM's devices in one finding, however many lines give them. */
static void describe(struct report *report, const struct check *check, const struct vm *vm)
{
	const struct vm_hostpci *only = vm->hostpci.n == 1 ? vm->hostpci.item[0] : NULL;
	if (!vm->hostpci.n)
		return;
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_vm(vm),
			"%u %s has %s", vm->vmid, vm->name,
			only ? arena_printf(report->arena, "%s: %s", only->key, only->value)
			     : arena_printf(report->arena, "%zu hostpci lines.", vm->hostpci.n));
	for (size_t e = 0; e < vm->hostpci.n; e++) {
		const struct vm_hostpci *entry = vm->hostpci.item[e];
		if (!only && entry)
			finding_evidence(report, finding, vm->path, "%s: %s", entry->key,
					entry->value);
		for (size_t i = 0; entry && i < entry->devices.n; i++)
			finding_evidence(report, finding, "/sys/bus/pci/devices", "%s",
					device_text(report->arena, entry->devices.item[i]));
	}
	/* What runs beside the lines, and is not looked into. */
	const char *hook = vm_conf_shown(&vm->conf.current, "hookscript");
	if (hook)
		finding_evidence(report, finding, vm->path, "hookscript: %s%s", hook,
				!vm->hook_text ? ""
				: strstr(vm->hook_text, "vfio") || strstr(vm->hook_text,
										   "/sys/bus/pci")
						? " (it binds drivers, or touches PCI devices)"
						: "");
}

static void describe_attached(struct report *report, const struct check *check)
{
	if (vms_unknown(report, check))
		return;
	size_t before = report->findings.n;
	for (size_t i = 0; i < report->facts->vms.n; i++)
		describe(report, check, report->facts->vms.item[i]);
	if (report->findings.n == before)
		(void)report_add(report, check, STATUS_INFO, subject_host(),
				"No VM of this node has a PCI device.");
}

/* An attached GPU has other options than are asked for, or is to be named another way. */
bool options_differ(const struct report *report, const struct vm_hostpci *entry)
{
	const struct mapping_edit *edit =
			report->decided[CHOOSE_BY_MAPPING] && report->mappings_wanted.n
					? report->mappings_wanted.item[0]
					: NULL;
	bool asked = report->goal->mapping ||
		     report->goal->chosen[CHOOSE_BY_MAPPING] != CHOICE_ADVISED;
	if (asked && edit &&
			(!entry->parsed.mapping || strcmp(entry->parsed.mapping, edit->name) != 0))
		return true;
	if (asked && !report->decided[CHOOSE_BY_MAPPING] && entry->parsed.mapping)
		return true;
	const char *romfile = rom_of_line(report, entry);
	return !text_same(romfile, entry->parsed.romfile) ||
	       !text_same(mdev_of_line(report, entry), entry->parsed.mdev) ||
	       entry->parsed.pcie != report->decided[CHOOSE_PCIE] ||
	       entry->parsed.x_vga != report->decided[CHOOSE_X_VGA];
}

const struct vm_hostpci *line_at_start(const struct report *report, const struct vm_hostpci *entry)
{
	const struct vm_hostpci *pending =
			report->vm ? entry_with(report, &report->vm->pending, report->gpu) : NULL;
	return pending && strcmp(pending->key, entry->key) == 0 ? pending : entry;
}

/* The line as it is wanted waits in PENDING already. */
static const struct vm_hostpci *option_waits(
		const struct report *report, const struct vm_hostpci *entry)
{
	const struct vm_hostpci *next = line_at_start(report, entry);
	return next != entry && !options_differ(report, next) ? next : NULL;
}

bool attach_needs_change(const struct report *report)
{
	const struct vm_hostpci *entry =
			report->vm && report->gpu ? hostpci_with(report, report->vm, report->gpu)
						  : NULL;
	if (!report->decided[CHOOSE_ATTACH] || !report->gpu)
		return false;
	const struct vm_hostpci *next = entry ? line_at_start(report, entry) : NULL;
	return !next || options_differ(report, next);
}

/* Another line of the VM that names a function of the card, which a line for the whole card would
 * name again: QEMU does not start with that. */
static const struct vm_hostpci *line_with_part(const struct report *report, const struct vm *vm)
{
	for (size_t i = 0; i < report->card.n; i++) {
		const struct vm_hostpci *entry = hostpci_with(report, vm, report->card.item[i]);
		if (entry)
			return entry;
	}
	return NULL;
}

/* What is asked of a line, and none is to be: it would be passed over. */
static void refuse_unused(struct report *report, const struct check *check)
{
	const struct goal *goal = report->goal;
	if (report->vm && report->gpu && report->decided[CHOOSE_ATTACH])
		return;
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		bool asked = choice->form ? goal->values[choice->id] != NULL
					  : goal->chosen[choice->id] == CHOICE_YES;
		if (choice->scope != SCOPE_ASSIGNMENT || choice->page != PAGE_ADVANCED || !asked)
			continue;
		struct finding *finding = report_add(report, check, STATUS_FAIL, subject_host(),
				"--%s is of a GPU that is given to a VM, and %s.", choice->yes,
				!report->gpu  ? "no GPU is named"
				: !report->vm ? "no VM is named"
					      : "it is not to be attached");
		finding->risk = RISK_NEVER;
	}
}

void check_attach_hostpci(struct report *report, const struct check *check)
{
	const struct vm *vm = report->vm;
	refuse_unused(report, check);
	if (!vm || !report->gpu) {
		describe_attached(report, check);
		return;
	}
	const struct vm_hostpci *entry = hostpci_with(report, vm, report->gpu);
	if (entry && vm_key_is_removed(vm, entry->key)) {
		struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(vm),
				"%s is there, but its removal waits in PENDING: the next start is without it.",
				entry->key);
		finding_evidence(report, finding, vm->path, "[PENDING] delete: %s",
				vm_conf_get(&vm->conf.pending, "delete"));
		finding_fix(report, finding, FIX_BY_HAND,
				"take the removal back: qm set %u --revert %s, or Revert in its Hardware panel",
				vm->vmid, entry->key);
		finding->risk = RISK_NEVER;
		return;
	}
	const struct vm_hostpci *part = entry ? NULL : line_with_part(report, vm);
	if (part) {
		struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(vm),
				"%s has a part of the card already; given twice, the VM does not start.",
				part->key);
		finding_evidence(report, finding, vm->path, "%s: %s", part->key, part->value);
		finding_fix(report, finding, FIX_BY_HAND,
				"take that line away first: qm set %u --delete %s", vm->vmid,
				part->key);
		finding->risk = RISK_NEVER;
		return;
	}
	if (entry && !options_differ(report, entry) &&
			!options_differ(report, line_at_start(report, entry))) {
		struct finding *finding = report_add(report, check, STATUS_OK, subject_vm(vm),
				"%s: %s.", entry->key, entry->value);
		finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
		return;
	}
	const struct vm_hostpci *waiting = entry ? option_waits(report, entry) : NULL;
	if (waiting) {
		struct finding *finding = report_add(report, check, STATUS_INFO, subject_vm(vm),
				"%s is attached; other options of it wait in PENDING until the VM was stopped and started.",
				entry->key);
		finding_evidence(report, finding, vm->path, "[PENDING] %s: %s", entry->key,
				waiting->value);
		return;
	}
	if (entry) {
		struct finding *finding = report_add(report, check, STATUS_INFO, subject_vm(vm),
				"%s is attached with other options.", entry->key);
		finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
		finding_fix(report, finding, planned_if(report->decided[CHOOSE_ATTACH]),
				"set pcie and x-vga as chosen");
		return;
	}
	const struct vm_hostpci *pending = entry_with(report, &vm->pending, report->gpu);
	if (pending && !options_differ(report, pending)) {
		struct finding *finding = report_add(report, check, STATUS_INFO, subject_vm(vm),
				"%s waits in PENDING: it counts when the VM was stopped and started; a restart inside the guest is not enough.",
				pending->key);
		finding_evidence(report, finding, vm->path, "[PENDING] %s: %s", pending->key,
				pending->value);
		finding_fix(report, finding, planned_if(report->decided[CHOOSE_ATTACH]),
				"stop and start the VM");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(vm),
			"%s is not attached to %u %s yet.", report->gpu->name, vm->vmid, vm->name);
	finding_fix(report, finding, planned_if(report->decided[CHOOSE_ATTACH]), "attach it");
}
