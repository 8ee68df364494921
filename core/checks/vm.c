/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/property_string.h"

/* It is so already, for the next start: said, and not set again. */
static bool tell_waiting(struct report *report, const struct check *check, const struct vm *vm,
		const char *key)
{
	const char *pending = vm_conf_get(&vm->conf.pending, key);
	if (!pending)
		return false;
	/* Of a stopped one Proxmox VE applies it with the next change or start: nothing should
	 * wait. */
	bool stopped = vm->running == KNOWN_NO;
	struct finding *finding = report_add(report, check, stopped ? STATUS_WARN : STATUS_INFO,
			subject_vm(vm), "%s: %s waits in PENDING: it counts %s.", key, pending,
			stopped ? "with the next start" : "when the VM was stopped and started");
	finding_evidence(report, finding, vm->path, "[PENDING] %s: %s", key, pending);
	return true;
}

/* Judge the VMs that matter: the goal's, and those that have a PCI device, or will have one. */
void for_each_vm(struct report *report, const struct check *check, judge_vm *judge)
{
	for (size_t i = 0; i < report->facts->vms.n; i++) {
		const struct vm *vm = report->facts->vms.item[i];
		if (vm == report->vm || vm->hostpci.n || vm->pending.n)
			judge(report, check, vm);
	}
}

void check_vm_exists(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (report->vm) {
		(void)report_add(report, check, STATUS_OK, subject_vm(report->vm), "%u %s",
				report->vm->vmid, report->vm->name);
	} else if (facts->vms_known != KNOWN_YES) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				facts->remote ? "the VMs of this node are not known."
					      : "/etc/pve/qemu-server cannot be read: not a Proxmox VE host, or its cluster file system is not mounted.");
	} else if (!facts->vms.n) {
		struct finding *finding = report_add(report, check, STATUS_INFO, subject_host(),
				"There is no VM on this node yet.");
		finding_fix(report, finding, FIX_BY_HAND, "create the VM first");
	} else {
		(void)report_add(report, check, STATUS_OK, subject_host(), "%zu %s on this node.",
				facts->vms.n, text_plural(facts->vms.n, "VM", "VMs"));
	}
	for (size_t i = 0; i < facts->gaps.n; i++) {
		const struct gap *gap = facts->gaps.item[i];
		if (gap->vmid && !facts_vm(facts, gap->vmid))
			(void)report_add(report, check, STATUS_UNKNOWN, subject_vmid(gap->vmid),
					"nothing is known of it.");
	}
}

void check_vm_template(struct report *report, const struct check *check)
{
	const struct vm *vm = report->vm;
	if (!vm)
		return;
	const char *value = vm_get(vm, "template");
	if (!vm_value_is_on(value)) {
		(void)report_add(report, check, STATUS_OK, subject_vm(vm), "An ordinary VM.");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(vm),
			"%u %s is a template and cannot be started.", vm->vmid, vm->name);
	finding_evidence(report, finding, vm->path, "template: %s", value);
	finding_fix(report, finding, FIX_BY_HAND, "choose a VM, or clone the template first");
	finding->risk = RISK_NEVER;
}

void check_vm_locked(struct report *report, const struct check *check)
{
	const struct vm *vm = report->vm;
	if (!vm)
		return;
	const char *value = vm_get(vm, "lock");
	if (!value) {
		(void)report_add(report, check, STATUS_OK, subject_vm(vm), "Not locked.");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(vm),
			"%u %s is locked (%s).", vm->vmid, vm->name, value);
	finding_evidence(report, finding, vm->path, "lock: %s", value);
	finding_fix(report, finding, FIX_BY_HAND,
			"wait until the task that holds the lock has ended");
	finding->risk = RISK_NEVER;
}

void check_vm_syntax(struct report *report, const struct check *check)
{
	for (size_t i = 0; i < report->facts->vms.n; i++) {
		const struct vm *vm = report->facts->vms.item[i];
		if (!vm->conf.problems.n) {
			if (vm == report->vm)
				(void)report_add(report, check, STATUS_OK, subject_vm(vm),
						"Every line is understood.");
			continue;
		}
		struct finding *finding = report_add(report, check, STATUS_WARN, subject_vm(vm),
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

static void add_pending_evidence(struct report *report, struct finding *finding,
		const struct vm *vm, const char *what)
{
	for (size_t i = 0; i < vm->conf.pending.entries.n; i++) {
		const struct vm_conf_entry *entry = vm->conf.pending.entries.item[i];
		finding_evidence(report, finding, vm->path, "%s%s: %s", what, entry->key,
				entry->shown);
	}
}

/* It runs: what it is to get reaches it only when it was stopped. */
static void tell_running(struct report *report, const struct check *check, const struct vm *vm)
{
	struct subject subject = subject_vm(vm);
	if (!attach_needs_change(report) || !gpu_needs_stop(report)) {
		(void)report_add(report, check, STATUS_OK, subject,
				"%u %s runs; what is changed of it counts after its next stop and start.",
				vm->vmid, vm->name);
		return;
	}
	bool again = report->goal->chosen[CHOOSE_START] != CHOICE_NO;
	struct finding *finding = report_add(report, check, STATUS_WARN, subject,
			"%u %s is running; a device reaches it only after a full stop. It is shut down%s.",
			vm->vmid, vm->name,
			again ? " and started again" : ", and stays off as asked for");
	add_pending_evidence(report, finding, vm, "waits for a stop and start: ");
	finding_fix(report, finding, FIX_BY_PLAN,
			again ? "shut it down first, and start it again"
			      : "shut it down first; it stays off");
}

void check_vm_running(struct report *report, const struct check *check)
{
	const struct vm *vm = report->vm;
	if (!vm)
		return;
	struct subject subject = subject_vm(vm);
	if (vm->running == KNOWN_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject,
				"Whether it runs is not recorded.");
	} else if (vm->running == KNOWN_NO && vm->conf.pending.entries.n) {
		/* PVE/API2/Qemu.pm, update_vm_api: of a VM that is stopped all of it is applied. */
		struct finding *finding = report_add(report, check, STATUS_WARN, subject,
				"It is stopped, and what waits in PENDING becomes current with the "
				"first change to it, or its next start; rollback leaves that so.");
		add_pending_evidence(report, finding, vm, "[PENDING] ");
	} else if (vm->running == KNOWN_NO) {
		(void)report_add(report, check, STATUS_OK, subject, "It is stopped.");
	} else {
		tell_running(report, check, vm);
	}
}

static bool have_pcie(const struct list *lines)
{
	bool pcie = false;
	for (size_t i = 0; i < lines->n; i++) {
		const struct vm_hostpci *entry = lines->item[i];
		pcie = pcie || (entry->valid && entry->parsed.pcie);
	}
	return pcie;
}

static void judge_machine(struct report *report, const struct check *check, const struct vm *vm)
{
	bool goal = vm == report->vm && report->gpu;
	const char *now = vm_get(vm, "machine");
	const char *machine = vm_get_next(vm, "machine");
	const char *text = machine ? machine : "not set, so i440fx";
	bool q35 = vm_value_is_q35(machine);
	struct list lines = vm_next_lines(vm, report->arena);
	bool wanted = goal && report->decided[CHOOSE_PCIE];
	bool needed = wanted || have_pcie(&lines);
	/* What runs well has a line in PENDING that will not start. */
	bool runs = vm->running == KNOWN_YES && !wanted && !have_pcie(&vm->hostpci);
	if (q35 && needed && !vm_value_is_q35(now) && tell_waiting(report, check, vm, "machine"))
		return;
	if (q35 || !needed) {
		(void)report_add(report, check, STATUS_OK, subject_vm(vm), "machine: %s%s.", text,
				q35 ? "" : "; nothing needs q35");
		return;
	}
	struct finding *finding = report_add(report, check, runs ? STATUS_WARN : STATUS_FAIL,
			subject_vm(vm), "machine: %s; pcie=1%s needs q35.", text,
			runs ? ", which waits in PENDING," : "");
	finding_evidence(report, finding, vm->path, "machine: %s",
			machine ? machine : "(no such line)");
	finding->prevents_start = true;
	finding_fix(report, finding, planned_if(goal && report->decided[CHOOSE_MACHINE_Q35]),
			"set machine to q35; the guest sees other PCI addresses then");
	if (goal && !report->decided[CHOOSE_MACHINE_Q35] && report->decided[CHOOSE_ATTACH])
		finding->risk = RISK_NEVER;
}

void check_vm_machine(struct report *report, const struct check *check)
{
	for_each_vm(report, check, judge_machine);
}

/* Its args set the CPU, whatever the configuration says. */
static const char *cpu_by_args(const struct vm *vm)
{
	const char *arguments = vm_get(vm, "args");
	return arguments && strstr(arguments, "-cpu ") ? arguments : NULL;
}

static void judge_cpu(struct report *report, const struct check *check, const struct vm *vm)
{
	const char *value = vm_get(vm, "cpu");
	if (vm_value_is_cpu_host(value)) {
		(void)report_add(report, check, STATUS_OK, subject_vm(vm), "cpu: %s.", value);
		return;
	}
	const char *arguments = cpu_by_args(vm);
	if (arguments) {
		struct finding *by_hand = report_add(report, check, STATUS_INFO, subject_vm(vm),
				"Its args set the CPU by hand.");
		finding_evidence(report, by_hand, vm->path, "args: %s",
				vm_conf_shown(&vm->conf.current, "args"));
		return;
	}
	if (vm_value_is_cpu_host(vm_get_next(vm, "cpu")) && tell_waiting(report, check, vm, "cpu"))
		return;
	bool goal = vm == report->vm && report->gpu;
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_vm(vm),
			"cpu: %s; the guide sets host.",
			value ? value : "not set, so a generic type");
	finding_evidence(report, finding, vm->path, "cpu: %s", value ? value : "(no such line)");
	finding_fix(report, finding, planned_if(goal && report->decided[CHOOSE_CPU_HOST]),
			"set the CPU type to host");
}

void check_vm_cpu(struct report *report, const struct check *check)
{
	for_each_vm(report, check, judge_cpu);
}

void check_vm_tablet(struct report *report, const struct check *check)
{
	const struct vm *vm = report->vm;
	if (!vm)
		return;
	const char *value = vm_get(vm, "tablet");
	if (vm_value_is_off(value)) {
		(void)report_add(report, check, STATUS_OK, subject_vm(vm), "tablet: 0.");
		return;
	}
	if (vm_value_is_off(vm_get_next(vm, "tablet")) && tell_waiting(report, check, vm, "tablet"))
		return;
	bool asked = report->decided[CHOOSE_TABLET_OFF];
	struct finding *finding = report_add(report, check, asked ? STATUS_INFO : STATUS_OK,
			subject_vm(vm),
			"The VM has the emulated USB tablet: the mouse of a desktop in the web interface.");
	finding_evidence(report, finding, vm->path, "tablet: %s",
			value ? value : "(no such line, so 1)");
	if (asked)
		finding_fix(report, finding, planned_if(report->gpu), "set tablet to 0");
}

static bool is_ovmf(const struct vm *vm)
{
	return vm_value_is_ovmf(vm_get(vm, "bios"));
}

static void judge_bios(struct report *report, const struct check *check, const struct vm *vm)
{
	(void)report_add(report, check, is_ovmf(vm) ? STATUS_OK : STATUS_INFO, subject_vm(vm),
			is_ovmf(vm) ? "OVMF (UEFI)."
				    : "SeaBIOS: fine for a GPU without a screen; a card that shows the boot needs OVMF, or a legacy video BIOS.");
}

void check_vm_bios(struct report *report, const struct check *check)
{
	for_each_vm(report, check, judge_bios);
}

static void judge_efidisk(struct report *report, const struct check *check, const struct vm *vm)
{
	if (!is_ovmf(vm) || vm_get(vm, "efidisk0")) {
		(void)report_add(report, check, STATUS_OK, subject_vm(vm),
				is_ovmf(vm) ? "It has an EFI disk." : "Not needed with SeaBIOS.");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_WARN, subject_vm(vm),
			"OVMF without an EFI disk forgets its settings at every stop.");
	finding_evidence(report, finding, vm->path, "bios: ovmf, no efidisk0");
	finding_fix(report, finding, FIX_BY_HAND,
			"qm set %u --efidisk0 STORAGE:1,efitype=4m,pre-enrolled-keys=0", vm->vmid);
}

void check_vm_efidisk(struct report *report, const struct check *check)
{
	for_each_vm(report, check, judge_efidisk);
}

/* MiB; since 8.1 a property string with `current` as its default key. 0 when it is not a number. */
unsigned long memory_of(struct arena *arena, const char *value)
{
	struct property_string parsed = {0};
	unsigned long mib = 0;
	if (!value)
		return 512; /* PVE's default */
	(void)property_string_parse(arena, value, "current", &parsed, NULL);
	const char *current = property_get(&parsed, "current");
	return current && text_to_ulong(current, 10, 1UL << 40, &mib) ? mib : 0;
}

/* All of it is taken at once when it starts. False where nothing is to be said. */
static bool judge_free(struct report *report, const struct check *check, const struct vm *vm,
		unsigned long mib)
{
	const struct facts *facts = report->facts;
	unsigned long now = (unsigned long)(facts->memory_free_kib / 1024);
	unsigned long arc = (unsigned long)(facts->arc_kib / 1024);
	if (!now || mib <= now)
		return false;
	bool shrinks = mib <= now + arc;
	struct finding *finding = report_add(report, check, shrinks ? STATUS_INFO : STATUS_WARN,
			subject_vm(vm),
			shrinks ? "Its %lu MiB are taken at once when it starts, and %lu are free: ZFS's cache must give back the rest first, so the start may take long, or time out."
				: "Its %lu MiB are taken at once when it starts, and %lu are free: it does not start, or the host runs out of memory.",
			mib, now);
	finding_evidence(report, finding, "/proc/meminfo", "MemAvailable: %lu MiB", now);
	if (arc)
		finding_evidence(report, finding, "/proc/spl/kstat/zfs/arcstats",
				"%lu MiB above c_min", arc);
	finding_fix(report, finding, FIX_BY_HAND,
			arc ? "limit ZFS's cache (zfs_arc_max), or give the VM less memory"
			    : "stop another guest first, or give the VM less memory");
	return true;
}

static void judge_memory(struct report *report, const struct check *check, const struct vm *vm)
{
	unsigned long mib = memory_of(report->arena, vm_get(vm, "memory"));
	unsigned long host = (unsigned long)(report->facts->memory_kib / 1024);
	if (!mib || !host) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_vm(vm),
				mib ? "The host's memory is not known."
				    : "Its memory is not given as a number.");
		return;
	}
	bool fits = mib + 1024 <= host;
	if (fits && vm == report->vm && vm_is_to_start(report) &&
			judge_free(report, check, vm, mib))
		return;
	struct finding *finding = report_add(report, check, fits ? STATUS_OK : STATUS_FAIL,
			subject_vm(vm),
			"%lu of the host's %lu MiB are taken as long as it runs, used or not%s.",
			mib, host, fits ? "" : ": that does not leave enough for the host");
	finding_evidence(report, finding, vm->path, "memory: %lu", mib);
	if (!fits)
		finding_fix(report, finding, FIX_BY_HAND, "give the VM less memory");
}

void check_vm_memory(struct report *report, const struct check *check)
{
	for_each_vm(report, check, judge_memory);
}

static void judge_balloon(struct report *report, const struct check *check, const struct vm *vm)
{
	const char *value = vm_get(vm, "balloon");
	if (value && strcmp(value, "0") == 0) {
		(void)report_add(report, check, STATUS_OK, subject_vm(vm), "balloon: 0.");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_vm(vm),
			"Ballooning cannot take memory back from a VM with a PCI device.");
	finding_evidence(
			report, finding, vm->path, "balloon: %s", value ? value : "(no such line)");
	finding_fix(report, finding, FIX_BY_HAND, "qm set %u --balloon 0", vm->vmid);
}

void check_vm_balloon(struct report *report, const struct check *check)
{
	for_each_vm(report, check, judge_balloon);
}

static void judge_display(struct report *report, const struct check *check, const struct vm *vm)
{
	bool primary = vm == report->vm && report->gpu && report->decided[CHOOSE_X_VGA];
	struct list lines = vm_next_lines(vm, report->arena);
	for (size_t i = 0; i < lines.n; i++) {
		const struct vm_hostpci *entry = lines.item[i];
		primary = primary || (entry->valid && entry->parsed.x_vga);
	}
	const char *vga = vm_get_next(vm, "vga");
	bool none = vga && (strcmp(vga, "none") == 0 || text_starts(vga, "none,") ||
					   text_starts(vga, "type=none"));
	bool two = primary && vga && !none;
	struct finding *finding = report_add(report, check, two ? STATUS_WARN : STATUS_OK,
			subject_vm(vm),
			two ? "x-vga=1 and vga: %s: the guest has two primary displays."
			: primary ? "The GPU is the only display: the console of the web interface stays empty%s."
			: none ? "It has no emulated display (vga: none): the console of the web interface stays empty%s."
			       : "The emulated display stays beside the GPU%s.",
			two ? vga : "");
	if (two) {
		finding_evidence(report, finding, vm->path, "vga: %s", vga);
		finding_fix(report, finding, FIX_BY_HAND, "qm set %u --vga none", vm->vmid);
	}
}

void check_vm_display(struct report *report, const struct check *check)
{
	for_each_vm(report, check, judge_display);
	if (report->gpu && report->vm && report->goal->chosen[CHOOSE_X_VGA] == CHOICE_YES &&
			!report->decided[CHOOSE_X_VGA])
		(void)report_add(report, check, STATUS_INFO, subject_vm(report->vm),
				"%s stays without x-vga=1, which was asked for: a VM has one primary display, and another GPU of it is that.",
				report->gpu->name);
}

static void judge_snapshots(struct report *report, const struct check *check, const struct vm *vm)
{
	struct strings with_memory = {0};
	for (size_t i = 0; i < vm->conf.snapshots.n; i++) {
		const struct vm_conf_section *snapshot = vm->conf.snapshots.item[i];
		if (vm_conf_get(snapshot, "vmstate"))
			strings_add(report->arena, &with_memory, snapshot->name);
	}
	if (!with_memory.n) {
		(void)report_add(report, check, STATUS_OK, subject_vm(vm),
				"%zu %s, none with memory.", vm->conf.snapshots.n,
				text_plural(vm->conf.snapshots.n, "snapshot", "snapshots"));
		return;
	}
	const char *names = strings_join(report->arena, &with_memory, ", ");
	struct finding *finding = report_add(report, check, STATUS_WARN, subject_vm(vm),
			"Snapshots with memory cannot be resumed beside a GPU: %s.", names);
	finding_evidence(report, finding, vm->path, "vmstate in %s", names);
}

void check_vm_snapshots(struct report *report, const struct check *check)
{
	for_each_vm(report, check, judge_snapshots);
}

static void judge_pinning(struct report *report, const struct check *check, const struct vm *vm)
{
	const char *affinity = vm_get(vm, "affinity");
	const char *vcpus = vm_get(vm, "vcpus");
	const char *sockets = vm_get(vm, "sockets");
	const char *cores = vm_get(vm, "cores");
	unsigned long wanted = 0;
	unsigned long n_sockets = 1;
	unsigned long n_cores = 1;
	(void)(sockets && text_to_ulong(sockets, 10, 1000, &n_sockets));
	(void)(cores && text_to_ulong(cores, 10, 10000, &n_cores));
	if (vcpus && text_to_ulong(vcpus, 10, 100000, &wanted) && wanted > n_sockets * n_cores) {
		struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(vm),
				"vcpus: %lu is more than sockets times cores (%lu): QEMU refuses that.",
				wanted, n_sockets * n_cores);
		finding_evidence(report, finding, vm->path, "vcpus: %s", vcpus);
		finding->prevents_start = true;
		finding_fix(report, finding, FIX_BY_HAND, "use cores: %lu instead of vcpus",
				wanted);
		return;
	}
	(void)report_add(report, check, affinity ? STATUS_INFO : STATUS_OK, subject_vm(vm),
			affinity ? "affinity: %s: all of QEMU's threads stay on these CPUs."
				 : "Not pinned; the scheduler places it%s.",
			affinity ? affinity : "");
}

void check_vm_pinning(struct report *report, const struct check *check)
{
	for_each_vm(report, check, judge_pinning);
}
