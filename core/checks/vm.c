/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/property_string.h"

static const char *get(const struct vm *vm, const char *key)
{
	return vm_conf_get(&vm->conf.current, key);
}

static const char *subject_of(struct report *report, const struct vm *vm)
{
	return arena_printf(report->arena, "vm/%u", vm->vmid);
}

bool vm_is_q35(const struct vm *vm)
{
	const char *machine = get(vm, "machine");
	return machine && strstr(machine, "q35");
}

/* Judge the VMs that matter: the goal's, and those that have a PCI device. */
typedef void judge_vm(struct report *report, const struct check *check, const struct vm *vm);

static void for_each_vm(struct report *report, const struct check *check, judge_vm *judge)
{
	for (size_t i = 0; i < report->facts->vms.n; i++) {
		const struct vm *vm = report->facts->vms.item[i];
		if (vm == report->vm || vm->hostpci.n)
			judge(report, check, vm);
	}
}

CHECK_FUNCTION(check_vm_exists)
{
	const struct facts *facts = report->facts;
	if (report->vm) {
		(void)report_add(report, check, STATUS_OK, subject_of(report, report->vm), "%u %s",
				report->vm->vmid, report->vm->name);
	} else if (facts->vms_known != KNOWN_YES) {
		(void)report_add(report, check, STATUS_UNKNOWN, "host",
				"/etc/pve/qemu-server cannot be read: not a Proxmox VE host, or "
				"its "
				"cluster file system is not mounted.");
	} else if (!facts->vms.n) {
		struct finding *finding = report_add(report, check, STATUS_INFO, "host",
				"There is no VM on this node yet.");
		finding_fix(report, finding, false, "create the VM first");
	} else {
		(void)report_add(report, check, STATUS_OK, "host", "%zu %s on this node.",
				facts->vms.n, text_plural(facts->vms.n, "VM", "VMs"));
	}
}

CHECK_FUNCTION(check_vm_template)
{
	const struct vm *vm = report->vm;
	if (!vm)
		return;
	const char *value = get(vm, "template");
	if (!value || !property_is_bool(value) || strcmp(value, "0") == 0) {
		(void)report_add(report, check, STATUS_OK, subject_of(report, vm),
				"An ordinary VM.");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_of(report, vm),
			"%u %s is a template and cannot be started.", vm->vmid, vm->name);
	finding_evidence(report, finding, vm->path, "template: %s", value);
	finding_fix(report, finding, false, "choose a VM, or clone the template first");
	finding->risk = RISK_NEVER;
}

CHECK_FUNCTION(check_vm_locked)
{
	const struct vm *vm = report->vm;
	if (!vm)
		return;
	const char *value = get(vm, "lock");
	if (!value) {
		(void)report_add(report, check, STATUS_OK, subject_of(report, vm), "Not locked.");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_of(report, vm),
			"%u %s is locked (%s).", vm->vmid, vm->name, value);
	finding_evidence(report, finding, vm->path, "lock: %s", value);
	finding_fix(report, finding, false, "wait until the task that holds the lock has ended");
	finding->risk = RISK_NEVER;
}

CHECK_FUNCTION(check_vm_syntax)
{
	for (size_t i = 0; i < report->facts->vms.n; i++) {
		const struct vm *vm = report->facts->vms.item[i];
		if (!vm->conf.problems.n) {
			if (vm == report->vm)
				(void)report_add(report, check, STATUS_OK, subject_of(report, vm),
						"Every line is understood.");
			continue;
		}
		struct finding *finding = report_add(report, check, STATUS_WARN,
				subject_of(report, vm),
				"%zu %s of its configuration would be dropped at the next write.",
				vm->conf.problems.n,
				text_plural(vm->conf.problems.n, "line", "lines"));
		for (size_t p = 0; p < vm->conf.problems.n; p++) {
			const struct vm_conf_problem *problem = vm->conf.problems.item[p];
			finding_evidence(report, finding, vm->path, "line %zu: %s", problem->line,
					problem->what);
		}
	}
}

/* Something of the VM's configuration is still to be changed for the goal. */
static bool needs_changes(const struct report *report)
{
	return attach_needs_change(report);
}

CHECK_FUNCTION(check_vm_running)
{
	const struct vm *vm = report->vm;
	if (!vm)
		return;
	const char *subject = subject_of(report, vm);
	if (vm->running == KNOWN_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject,
				"Whether it runs is not recorded.");
	} else if (vm->running == KNOWN_NO) {
		(void)report_add(report, check, STATUS_OK, subject, "It is stopped.");
	} else if (!needs_changes(report)) {
		(void)report_add(report, check, STATUS_OK, subject,
				"It runs, and nothing is to be changed.");
	} else {
		struct finding *finding = report_add(report, check, STATUS_WARN, subject,
				"%u %s is running; a GPU cannot be plugged in while it runs.",
				vm->vmid, vm->name);
		finding_fix(report, finding, true, "shut it down first");
	}
}

FIX_FUNCTION(fix_vm_running)
{
	(void)root;
	(void)err;
	plan_add_api_call(plan, STAGE_STOP, report->vm->vmid, finding->check->id);
	return 0;
}

static void judge_machine(struct report *report, const struct check *check, const struct vm *vm)
{
	bool goal = vm == report->vm && report->gpu;
	bool pcie = goal && report->pcie;
	for (size_t i = 0; i < vm->hostpci.n; i++) {
		const struct vm_hostpci *entry = vm->hostpci.item[i];
		pcie = pcie || (entry->valid && entry->parsed.pcie);
	}
	const char *machine = get(vm, "machine");
	const char *text = machine ? machine : "not set, so i440fx";
	if (vm_is_q35(vm) || !pcie) {
		(void)report_add(report, check, STATUS_OK, subject_of(report, vm), "machine: %s%s.",
				text, vm_is_q35(vm) ? "" : "; nothing needs q35");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_of(report, vm),
			"machine: %s; pcie=1 needs q35.", text);
	finding_evidence(report, finding, vm->path, "machine: %s",
			machine ? machine : "(no such line)");
	finding_fix(report, finding, goal && report->machine_q35,
			"set machine to q35; the guest sees other PCI addresses then");
	if (goal && !report->machine_q35)
		finding->risk = RISK_NEVER;
}

CHECK_FUNCTION(check_vm_machine)
{
	for_each_vm(report, check, judge_machine);
}

FIX_FUNCTION(fix_vm_machine)
{
	(void)root;
	(void)err;
	const struct vm *vm = report->vm;
	plan_add_api(plan, STAGE_SETTINGS, vm->vmid, vm->digest, "machine", "q35",
			get(vm, "machine"), finding->check->id);
	return 0;
}

/* The type in `cpu: host,flags=+aes`: the default key cputype. */
static const char *cpu_type(struct arena *arena, const char *value)
{
	struct property_string parsed;
	if (!value || property_string_parse(arena, value, "cputype", &parsed, NULL) < 0)
		return NULL;
	return property_get(&parsed, "cputype");
}

static void judge_cpu(struct report *report, const struct check *check, const struct vm *vm)
{
	const char *value = get(vm, "cpu");
	const char *type = cpu_type(report->arena, value);
	if (type && strcmp(type, "host") == 0) {
		(void)report_add(report, check, STATUS_OK, subject_of(report, vm), "cpu: %s.",
				value);
		return;
	}
	const char *arguments = get(vm, "args");
	if (arguments && strstr(arguments, "-cpu ")) {
		struct finding *by_hand = report_add(report, check, STATUS_INFO,
				subject_of(report, vm), "Its args set the CPU by hand.");
		finding_evidence(report, by_hand, vm->path, "args: %s", arguments);
		return;
	}
	bool goal = vm == report->vm && report->gpu;
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_of(report, vm),
			"cpu: %s; the guide sets host.",
			value ? value : "not set, so a generic type");
	finding_evidence(report, finding, vm->path, "cpu: %s", value ? value : "(no such line)");
	finding_fix(report, finding, goal && report->cpu_host, "set the CPU type to host");
}

CHECK_FUNCTION(check_vm_cpu)
{
	for_each_vm(report, check, judge_cpu);
}

FIX_FUNCTION(fix_vm_cpu)
{
	(void)root;
	(void)err;
	const struct vm *vm = report->vm;
	const char *value = get(vm, "cpu");
	/* The type alone is replaced: flags and the like stay as they were. */
	struct text text = {0};
	struct property_string parsed = {0};
	text_add(&text, "host");
	if (value)
		(void)property_string_parse(plan->arena, value, "cputype", &parsed, NULL);
	for (size_t i = 0; i < parsed.properties.n; i++) {
		const struct property *property = parsed.properties.item[i];
		if (strcmp(property->key, "cputype") != 0)
			text_addf(&text, ",%s=%s", property->key, property->value);
	}
	plan_add_api(plan, STAGE_SETTINGS, vm->vmid, vm->digest, "cpu",
			text_take(&text, plan->arena), value, finding->check->id);
	return 0;
}

CHECK_FUNCTION(check_vm_tablet)
{
	const struct vm *vm = report->vm;
	if (!vm)
		return;
	const char *value = get(vm, "tablet");
	if (value && property_is_bool(value) && strcmp(value, "0") == 0) {
		(void)report_add(report, check, STATUS_OK, subject_of(report, vm), "tablet: 0.");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_of(report, vm),
			"The VM has the emulated USB tablet.");
	finding_evidence(report, finding, vm->path, "tablet: %s",
			value ? value : "(no such line, so 1)");
	finding_fix(report, finding, report->gpu && report->tablet_off, "set tablet to 0");
}

FIX_FUNCTION(fix_vm_tablet)
{
	(void)root;
	(void)err;
	const struct vm *vm = report->vm;
	plan_add_api(plan, STAGE_SETTINGS, vm->vmid, vm->digest, "tablet", "0", get(vm, "tablet"),
			finding->check->id);
	return 0;
}
