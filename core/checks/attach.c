/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/internal.h"
#include "pvegpu/base/text.h"

static bool has_device(const struct vm_hostpci *entry, const struct pci_device *device)
{
	for (size_t i = 0; i < entry->devices.n; i++)
		if (entry->devices.item[i] == device)
			return true;
	return false;
}

/* The hostpci entry of a VM that holds the device, or NULL. */
static const struct vm_hostpci *entry_with(const struct vm *vm, const struct pci_device *device)
{
	for (size_t i = 0; i < vm->hostpci.n; i++) {
		const struct vm_hostpci *entry = vm->hostpci.item[i];
		if (entry->valid && has_device(entry, device))
			return entry;
	}
	return NULL;
}

bool gpu_attached(const struct report *report)
{
	return report->vm && report->gpu && entry_with(report->vm, report->gpu);
}

void choose_attach(struct report *report)
{
	const struct goal *goal = report->goal;
	/* Once attached, what is there stays unless something else is asked for. */
	const struct vm_hostpci *entry =
			gpu_attached(report) ? entry_with(report->vm, report->gpu) : NULL;
	report->pcie = goal->pcie == CHOICE_ADVISED && entry ? entry->parsed.pcie
							     : goal->pcie != CHOICE_NO;
	report->x_vga = goal->x_vga == CHOICE_ADVISED && entry ? entry->parsed.x_vga
							       : goal->x_vga == CHOICE_YES;
	report->machine_q35 = goal->machine_q35 != CHOICE_NO;
	report->cpu_host = goal->cpu_host != CHOICE_NO;
	report->tablet_off = goal->tablet_off != CHOICE_NO;
	report->start = goal->start != CHOICE_NO;
}

bool vms_unknown(struct report *report, const struct check *check)
{
	if (report->facts->vms_known == KNOWN_YES)
		return false;
	(void)report_add(report, check, STATUS_UNKNOWN, "host",
			"The VMs of this node could not be read.");
	return true;
}

size_t for_each_hostpci(struct report *report, const struct check *check, judge_hostpci *judge)
{
	size_t found = 0;
	for (size_t i = 0; i < report->facts->vms.n; i++) {
		const struct vm *vm = report->facts->vms.item[i];
		for (size_t e = 0; e < vm->hostpci.n; e++)
			found += judge(report, check, vm, vm->hostpci.item[e]);
	}
	return found;
}

static bool judge_invalid(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	const char *why = entry->error;
	if (!why && entry->parsed.hosts.n && entry->parsed.mapping)
		why = "it has both an address and a mapping";
	if (!why && !entry->parsed.hosts.n && !entry->parsed.mapping)
		why = "it has neither an address nor a mapping";
	if (!why)
		return false;
	struct finding *finding = report_add(report, check, STATUS_FAIL, vm_subject(report, vm),
			"%s of %u %s: %s.", entry->key, vm->vmid, vm->name, why);
	finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	finding_fix(report, finding, false, "correct the line: qm set %u --%s VALUE", vm->vmid,
			entry->key);
	return true;
}

CHECK_FUNCTION(check_hostpci_invalid)
{
	if (vms_unknown(report, check))
		return;
	if (!for_each_hostpci(report, check, judge_invalid))
		(void)report_add(report, check, STATUS_OK, "host",
				"All that there are is understood.");
}

static bool judge_missing(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	if (!entry->valid || !entry->parsed.hosts.n)
		return false;
	const struct pci_device *first = entry->devices.n ? entry->devices.item[0] : NULL;
	if (first && !pci_is_bridge(first))
		return false;
	struct finding *finding =
			first ? report_add(report, check, STATUS_FAIL, vm_subject(report, vm),
						"%s of %u %s names a bridge (%s), not the card "
						"behind it.",
						entry->key, vm->vmid, vm->name, first->label)
			      : report_add(report, check, STATUS_FAIL, vm_subject(report, vm),
						"%s of %u %s names a device that is not there.",
						entry->key, vm->vmid, vm->name);
	finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	finding_fix(report, finding, false, "find the device's present address with lspci");
	return true;
}

CHECK_FUNCTION(check_device_missing)
{
	if (vms_unknown(report, check))
		return;
	if (!for_each_hostpci(report, check, judge_missing))
		(void)report_add(report, check, STATUS_OK, "host", "Every address named is there.");
}

static bool judge_romfile(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	const char *romfile = entry->valid ? entry->parsed.romfile : NULL;
	if (!romfile || entry->romfile_found == KNOWN_YES)
		return false;
	bool missing = entry->romfile_found == KNOWN_NO || romfile[0] == '/';
	struct finding *finding =
			missing ? report_add(report, check, STATUS_FAIL, vm_subject(report, vm),
						  "%s of %u %s: there is no /usr/share/kvm/%s, so "
						  "the VM "
						  "cannot start.",
						  entry->key, vm->vmid, vm->name, romfile)
				: report_add(report, check, STATUS_UNKNOWN, vm_subject(report, vm),
						  "%s of %u %s names the ROM file %s; "
						  "/usr/share/kvm is not "
						  "recorded.",
						  entry->key, vm->vmid, vm->name, romfile);
	finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	if (missing)
		finding_fix(report, finding, false,
				"put the file into /usr/share/kvm and give its name only");
	return true;
}

CHECK_FUNCTION(check_romfile)
{
	if (vms_unknown(report, check))
		return;
	if (!for_each_hostpci(report, check, judge_romfile))
		(void)report_add(report, check, STATUS_OK, "host", "None is missing.");
}

/* Two VMs with one device; the second of them is the subject. */
static void add_conflict(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm *other, const struct vm_hostpci *entry,
		const struct pci_device *device)
{
	bool running = other->running == KNOWN_YES &&
		       (vm == report->vm || vm->running == KNOWN_YES);
	struct finding *finding = report_add(report, check, running ? STATUS_FAIL : STATUS_WARN,
			vm_subject(report, other), "%u %s has %s too, like %u %s%s.", other->vmid,
			other->name, device->name, vm->vmid, vm->name,
			running ? ", and is running" : "; only one of them can run");
	finding_evidence(report, finding, other->path, "%s: %s", entry->key, entry->value);
	finding_fix(report, finding, false, running ? "stop that VM first" : "do not start both");
	if (running && vm == report->vm)
		finding->risk = RISK_NEVER;
}

/* Does `other` hold a device of this line? The first one is told. */
static bool compare_line(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *line, const struct vm *other)
{
	for (size_t d = 0; line->valid && d < line->devices.n; d++) {
		const struct pci_device *device = line->devices.item[d];
		const struct vm_hostpci *entry = entry_with(other, device);
		if (!entry)
			continue;
		add_conflict(report, check, vm, other, entry, device);
		return true;
	}
	return false;
}

static bool judge_conflict(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	bool found = false;
	for (size_t i = 0; i < report->facts->vms.n; i++) {
		const struct vm *other = report->facts->vms.item[i];
		/* Each pair once; pairs with the goal's VM are judged by the goal. */
		if (other->vmid > vm->vmid && other->hostpci.n && other != report->vm &&
				vm != report->vm)
			found = compare_line(report, check, vm, entry, other) || found;
	}
	return found;
}

static bool starts_at_boot(const struct vm *vm)
{
	const char *value = vm_conf_get(&vm->conf.current, "onboot");
	return value && property_is_bool(value) && strcmp(value, "0") != 0;
}

static bool judge_onboot(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *line)
{
	bool found = false;
	for (size_t i = 0; starts_at_boot(vm) && i < report->facts->vms.n; i++) {
		const struct vm *other = report->facts->vms.item[i];
		if (other->vmid <= vm->vmid || !starts_at_boot(other))
			continue;
		for (size_t d = 0; line->valid && d < line->devices.n; d++) {
			const struct pci_device *device = line->devices.item[d];
			if (!entry_with(other, device))
				continue;
			found = true;
			struct finding *finding = report_add(report, check, STATUS_WARN,
					vm_subject(report, other),
					"%u %s and %u %s both start at boot with %s: the second "
					"one "
					"fails.",
					vm->vmid, vm->name, other->vmid, other->name, device->name);
			finding_evidence(report, finding, other->path, "onboot: 1");
			finding_fix(report, finding, false, "qm set %u --onboot 0", other->vmid);
			break;
		}
	}
	return found;
}

CHECK_FUNCTION(check_onboot_conflict)
{
	if (vms_unknown(report, check))
		return;
	if (!for_each_hostpci(report, check, judge_onboot))
		(void)report_add(report, check, STATUS_OK, "host",
				"No two VMs start at boot with one device.");
}

CHECK_FUNCTION(check_attach_conflict)
{
	if (vms_unknown(report, check))
		return;
	size_t found = for_each_hostpci(report, check, judge_conflict);
	for (size_t i = 0; report->gpu && report->vm && i < report->facts->vms.n; i++) {
		const struct vm *other = report->facts->vms.item[i];
		const struct vm_hostpci *entry =
				other == report->vm ? NULL : entry_with(other, report->gpu);
		if (!entry)
			continue;
		found++;
		add_conflict(report, check, report->vm, other, entry, report->gpu);
	}
	if (!found)
		(void)report_add(
				report, check, STATUS_OK, "host", "No device is given to two VMs.");
}

static bool describe(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	struct finding *finding = report_add(report, check, STATUS_INFO, vm_subject(report, vm),
			"%u %s has %s: %s", vm->vmid, vm->name, entry->key, entry->value);
	for (size_t i = 0; i < entry->devices.n; i++)
		finding_evidence(report, finding, vm->path, "%s",
				device_text(report->arena, entry->devices.item[i]));
	return true;
}

static void describe_attached(struct report *report, const struct check *check)
{
	if (!vms_unknown(report, check) && !for_each_hostpci(report, check, describe))
		(void)report_add(report, check, STATUS_INFO, "host",
				"No VM of this node has a PCI device.");
}

/* An attached GPU has another pcie= or x-vga= than is asked for. */
static bool options_differ(const struct report *report, const struct vm_hostpci *entry)
{
	return entry->parsed.pcie != report->pcie || entry->parsed.x_vga != report->x_vga;
}

bool attach_needs_change(const struct report *report)
{
	const struct vm_hostpci *entry =
			report->vm && report->gpu ? entry_with(report->vm, report->gpu) : NULL;
	return report->gpu && (!entry || options_differ(report, entry));
}

CHECK_FUNCTION(check_attach_hostpci)
{
	const struct vm *vm = report->vm;
	if (!vm || !report->gpu) {
		describe_attached(report, check);
		return;
	}
	const struct vm_hostpci *entry = entry_with(vm, report->gpu);
	if (entry && !options_differ(report, entry)) {
		struct finding *finding = report_add(report, check, STATUS_OK,
				vm_subject(report, vm), "%s: %s.", entry->key, entry->value);
		finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
		return;
	}
	if (entry) {
		struct finding *finding =
				report_add(report, check, STATUS_INFO, vm_subject(report, vm),
						"%s is attached with other options.", entry->key);
		finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
		finding_fix(report, finding, true, "set pcie and x-vga as chosen");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_FAIL, vm_subject(report, vm),
			"%s is not attached to %u %s yet.", report->gpu->name, vm->vmid, vm->name);
	finding_fix(report, finding, true, "attach it");
}

/* The first hostpciN that neither the configuration nor what is pending in it uses. */
static const char *free_key(const struct vm *vm, struct arena *arena)
{
	for (int i = 0; i < HOSTPCI_MAX; i++) {
		const char *key = arena_printf(arena, "hostpci%d", i);
		if (!vm_conf_get(&vm->conf.current, key) && !vm_conf_get(&vm->conf.pending, key))
			return key;
	}
	return NULL;
}

/* A whole card is its slot: without a function PVE takes them all, as the guide does. Of a slot
 * that holds more than the card the functions are named. */
static const char *host_value(const struct report *report, struct arena *arena)
{
	const struct pci_device *gpu = report->gpu;
	struct list slot = facts_slot(report->facts, gpu, arena);
	struct list card = facts_card(report->facts, gpu, arena);
	if (card.n == slot.n)
		return arena_strndup(arena, gpu->name, strlen(gpu->name) - 2);
	struct strings names = {0};
	for (size_t i = 0; i < card.n; i++)
		strings_add(arena, &names, ((struct pci_device *)card.item[i])->name);
	return strings_join(arena, &names, ";");
}

/* The line as it is, with pcie and x-vga as chosen and all else kept. */
static const char *with_options(
		const struct report *report, const struct vm_hostpci *entry, struct arena *arena)
{
	struct text text = {0};
	for (size_t i = 0; i < entry->parsed.properties.properties.n; i++) {
		const struct property *property = entry->parsed.properties.properties.item[i];
		if (strcmp(property->key, "pcie") == 0 || strcmp(property->key, "x-vga") == 0)
			continue;
		text_addf(&text, "%s%s%s%s", text.n ? "," : "",
				strcmp(property->key, "host") == 0 ? "" : property->key,
				strcmp(property->key, "host") == 0 ? "" : "=", property->value);
	}
	text_addf(&text, "%s%s", report->pcie ? ",pcie=1" : "", report->x_vga ? ",x-vga=1" : "");
	return text_take(&text, arena);
}

FIX_FUNCTION(fix_attach_hostpci)
{
	(void)root;
	const struct vm *vm = report->vm;
	const struct vm_hostpci *entry = entry_with(vm, report->gpu);
	if (entry) {
		plan_add_api(plan, STAGE_ATTACH, vm->vmid, vm->digest, entry->key,
				with_options(report, entry, plan->arena), entry->value,
				finding->check->id);
		return 0;
	}
	const char *key = free_key(vm, plan->arena);
	if (!key)
		return error_set(err, ERROR_USAGE, "VM %u has no free hostpci slot", vm->vmid);
	const char *value = arena_printf(plan->arena, "%s%s%s", host_value(report, plan->arena),
			report->pcie ? ",pcie=1" : "", report->x_vga ? ",x-vga=1" : "");
	plan_add_api(plan, STAGE_ATTACH, vm->vmid, vm->digest, key, value, NULL,
			finding->check->id);
	return 0;
}
