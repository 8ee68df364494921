/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <strings.h>

#include "pvegpu/base/text.h"
#include "tui/wizard.h"

/* The seven steps, in the guide's order: what each shows, and what a key on a row changes. */

static const char *const list_keys[] = {"Space tick", "Enter next", "b back", "? why", "v review",
		"1-7 step", "q quit", NULL};
static const char *const read_keys[] = {"Enter next", "b back", "? why", "v review", "r reread",
		"1-7 step", "q quit", NULL};
static const char *const choose_keys[] = {
		"Enter choose", "b back", "? why", "v review", "1-7 step", "q quit", NULL};
static const char *const attach_keys[] = {
		"Enter review", "Space tick", "b back", "? why", "1-7 step", "q quit", NULL};
static const char *const verify_keys[] = {
		"v review", "r reread", "b back", "? why", "1-7 step", "q quit", NULL};

/* ---- 1 BIOS ---- */

/* The guide's table of where the setup hides the IOMMU. */
static const struct board {
	const char *vendor; /* as the start of DMI's board_vendor, any case */
	const char *name;
	const char *intel, *amd;
} boards[] = {
		{"ASUS", "ASUS", "Advanced > CPU Configuration > Intel VT-d",
				"Advanced > AMD CBS > NBIO > IOMMU"},
		{"Gigabyte", "Gigabyte", "BIOS Features > Intel VT-d",
				"Settings > AMD CBS > IOMMU"},
		{"Micro-Star", "MSI", "OC > CPU Features > Intel VT-d", "OC > AMD CBS > IOMMU"},
		{"ASRock", "ASRock", "Advanced > CPU Configuration > Intel VT-d",
				"Advanced > AMD CBS > NBIO > IOMMU"},
		{"Supermicro", "Supermicro",
				"Advanced > Chipset Configuration > North Bridge > IIO "
				"Configuration > "
				"Intel VT-d",
				"Advanced > NB Configuration > IOMMU"},
};

static const char *bios_state(struct wizard *wizard, struct arena *arena)
{
	(void)arena;
	const char *state = "[ OK ]";
	for (size_t i = 0; i < wizard->report->findings.n; i++) {
		const struct finding *finding = wizard->report->findings.item[i];
		if (finding->check->step != STEP_BIOS)
			continue;
		if (finding->status == STATUS_FAIL)
			return "[FAIL]";
		if (finding->status == STATUS_UNKNOWN)
			state = "[ ?? ]";
	}
	return state;
}

static void bios_rows(struct wizard *wizard, struct rows *rows)
{
	const struct facts *facts = wizard->facts;
	bool amd = facts->cpu_vendor == CPU_AMD;
	(void)rows_add(rows, ROW_HEADING, "What the firmware setup (BIOS) must have on");
	rows_add_findings(rows, wizard->report, STEP_BIOS, NULL, true);
	(void)rows_add(rows, ROW_TEXT, "");
	bool fine = strcmp(bios_state(wizard, rows->arena), "[ OK ]") == 0;
	(void)rows_add(rows, ROW_HEADING,
			fine ? "Nothing to do here. It is set in the firmware setup:"
			     : "To switch it on: restart, press DEL, F2 or F12");
	bool found = false;
	for (size_t i = 0; i < sizeof boards / sizeof *boards; i++) {
		const struct board *board = &boards[i];
		bool mine = facts->board_vendor && strncasecmp(facts->board_vendor, board->vendor,
								   strlen(board->vendor)) == 0;
		if (!mine)
			continue;
		found = true;
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "This board: %s %s", facts->board_vendor,
						facts->board_name ? facts->board_name : ""));
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "%s: %s", board->name,
						amd ? board->amd : board->intel));
	}
	for (size_t i = 0; !found && i < sizeof boards / sizeof *boards; i++)
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "%s: %s", boards[i].name,
						amd ? boards[i].amd : boards[i].intel));
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_TEXT,
			amd ? "Its names: SVM or AMD-V, and IOMMU or AMD-Vi."
			    : "Its names: VT-x, and VT-d. Keys: DEL, F2 or F12.");
}

/* ---- 2 Boot ---- */

static void boot_rows(struct wizard *wizard, struct rows *rows)
{
	const struct facts *facts = wizard->facts;
	const struct report *report = wizard->report;
	(void)rows_add(rows, ROW_HEADING, "Boot parameters");
	const char *loader = facts->boot_loader == BOOT_GRUB      ? "GRUB"
			     : facts->boot_loader == BOOT_SYSTEMD ? "systemd-boot"
								  : NULL;
	(void)rows_add(rows, ROW_TEXT,
			loader ? arena_printf(rows->arena, "%s boots this machine; %s has effect.",
						 loader, facts->cmdline_file)
			       : "It is not known what boots this machine.");
	(void)rows_add(rows, ROW_TEXT, "");
	for (size_t i = 0; i < report->params.n; i++) {
		const struct param_choice *param = report->params.item[i];
		struct row *row = rows_add(rows, ROW_CHECK, param->word);
		row->on = param->selected;
		row->note = param->note;
		row->hint = param->help;
		row->data = param;
		row->check = check_by_id(param->check);
		if (param->need == NEED_LATER || param->need == NEED_USELESS)
			row->role = ROLE_DIM;
	}
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_TEXT,
			facts->iommu_active == KNOWN_YES
					? arena_printf(rows->arena, "IOMMU now: on, %zu groups",
							  facts->iommu_groups)
			: facts->iommu_active == KNOWN_NO
					? "IOMMU now: off, no groups in /sys/kernel/iommu_groups"
					: "IOMMU now: unknown, no groups are recorded");
	(void)rows_add(rows, ROW_TEXT, "Command line now:");
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena, "  %s",
					facts->cmdline_running ? facts->cmdline_running
							       : "unknown"));
	(void)rows_add(rows, ROW_TEXT, "");
	rows_add_findings(rows, report, STEP_BOOT, NULL, false);
}

static void boot_act(struct wizard *wizard, const struct row *row)
{
	const struct param_choice *param = row->data;
	if (param)
		goal_param(wizard->goal, param->word, !param->selected);
}

static const char *boot_state(struct wizard *wizard, struct arena *arena)
{
	const struct report *report = wizard->report;
	size_t edits = 0;
	bool conflict = false;
	bool pending = false;
	for (size_t i = 0; i < report->params.n; i++) {
		const struct param_choice *param = report->params.item[i];
		edits += param->selected != param->configured;
	}
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		if (finding->check->step != STEP_BOOT)
			continue;
		conflict = conflict || finding->risk == RISK_NEVER ||
			   (strcmp(finding->check->id, "boot.cmdline-conflict") == 0 &&
					   finding->status == STATUS_FAIL);
		pending = pending || (strcmp(finding->check->id, "boot.cmdline-pending") == 0 &&
						     finding->automatic);
	}
	if (conflict)
		return "[FAIL]";
	if (edits)
		return arena_printf(arena, "[%zu to do]", edits);
	if (pending)
		return "[reboot]";
	return wizard->facts->iommu_active == KNOWN_YES  ? "[ OK ]"
	       : wizard->facts->iommu_active == KNOWN_NO ? "[FAIL]"
							 : "[ ?? ]";
}

/* ---- 3 VFIO ---- */

enum { ACT_MODULES = 1, ACT_BIND_START, ACT_BIND_EARLY };

static void vfio_rows(struct wizard *wizard, struct rows *rows)
{
	const struct report *report = wizard->report;
	(void)rows_add(rows, ROW_HEADING, "VFIO modules");
	const struct finding *modules = NULL;
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		if (strcmp(finding->check->id, "vfio.modules") == 0)
			modules = finding;
	}
	if (modules && modules->status == STATUS_OK) {
		rows_add_finding(rows, modules);
	} else {
		struct row *row = rows_add(rows, ROW_CHECK, "name them in /etc/modules");
		row->on = report->modules;
		row->note = "vfio, vfio_iommu_type1, vfio_pci";
		row->hint = "Loads the driver that hands devices to VMs at every boot. Proxmox VE "
			    "also "
			    "loads it when a VM needs it.";
		row->action = ACT_MODULES;
		row->finding = modules;
	}
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_HEADING, "Who takes the GPU from the host, and when");
	if (report->bound_at_boot) {
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena,
						"vfio-pci takes the card at boot: that is set up "
						"in "
						"/etc/modprobe.d. To undo it: %s",
						wizard->undo));
		return;
	}
	struct row *start = rows_add(rows, ROW_RADIO, "Proxmox VE, at VM start");
	start->on = !report->bind_early;
	start->action = ACT_BIND_START;
	start->hint = "Nothing to set up: Proxmox VE takes the host's driver off and puts vfio-pci "
		      "in "
		      "its place when the VM starts.";
	struct row *early = rows_add(rows, ROW_RADIO, "vfio-pci, at boot");
	early->on = report->bind_early;
	early->action = ACT_BIND_EARLY;
	early->hint = "Writes /etc/modprobe.d/pvegpu.conf with the card's ids, so that no host "
		      "driver "
		      "ever touches it. Costs a reboot.";
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena, "%s: %s.", report->gpu ? "Advice" : "The GPU",
					report->bind_reason));
	(void)rows_add(rows, ROW_TEXT, "");
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		/* Of the drivers only the one that matters: that of the GPU chosen. */
		bool other = strcmp(finding->check->id, "vfio.host-driver") == 0 &&
			     (!report->gpu || strcmp(finding->subject, report->gpu->name) != 0);
		bool waiting = strcmp(finding->check->id, "vfio.binding") == 0 && !report->gpu;
		if (finding->check->step == STEP_VFIO && finding->status != STATUS_OK &&
				finding != modules && !other && !waiting)
			rows_add_finding(rows, finding);
	}
}

static void vfio_act(struct wizard *wizard, const struct row *row)
{
	struct goal *goal = wizard->goal;
	if (row->action == ACT_MODULES)
		goal->modules = wizard->report->modules ? CHOICE_NO : CHOICE_YES;
	else if (row->action == ACT_BIND_START)
		goal->bind_early = CHOICE_NO;
	else if (row->action == ACT_BIND_EARLY)
		goal->bind_early = CHOICE_YES;
}

static const char *vfio_state(struct wizard *wizard, struct arena *arena)
{
	return state_of_findings(wizard, STEP_VFIO, arena);
}

/* ---- 4 GPU ---- */

static const char *short_label(struct arena *arena, const struct pci_device *device)
{
	/* "NVIDIA Corporation GA102 [GeForce RTX 3080]": the name people know is in brackets. */
	const char *open = strrchr(device->label, '[');
	const char *end = open ? strchr(open, ']') : NULL;
	if (open && end && !end[1])
		return arena_strndup(arena, open + 1, (size_t)(end - open - 1));
	return device->label;
}

static void gpu_rows(struct wizard *wizard, struct rows *rows)
{
	const struct facts *facts = wizard->facts;
	const struct report *report = wizard->report;
	(void)rows_add(rows, ROW_HEADING, "Which GPU goes to the VM?");
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *gpu = facts->devices.item[i];
		if (!pci_is_display(gpu))
			continue;
		const char *address = text_starts(gpu->name, "0000:") ? gpu->name + 5 : gpu->name;
		struct row *row = rows_add(rows, ROW_RADIO,
				arena_printf(rows->arena, "%s %s", address,
						short_label(rows->arena, gpu)));
		row->on = report->gpu == gpu;
		row->data = gpu;
		row->note = gpu->boot_vga == KNOWN_YES ? "host's console"
			    : gpu->group >= 0 ? arena_printf(rows->arena, "group %d", gpu->group)
					      : "group not known yet";
		row->hint = arena_printf(rows->arena, "%s, %04x:%04x, driver %s. Enter chooses it.",
				gpu->label, gpu->vendor, gpu->device,
				gpu->driver ? gpu->driver : "none");
	}
	if (!report->gpu)
		return;
	struct list slot = facts_card(facts, report->gpu, rows->arena);
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_HEADING, "What goes to the VM");
	for (size_t i = 0; i < slot.n; i++) {
		const struct pci_device *function = slot.item[i];
		const char *name = text_starts(function->name, "0000:") ? function->name + 5
									: function->name;
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "%s %s, %s", name,
						pci_class_text(function->class_code),
						function->driver ? function->driver : "no driver"));
	}
	(void)rows_add(rows, ROW_TEXT, "");
	rows_add_findings(rows, report, STEP_GPU, report->gpu->name, false);
	rows_add_findings(rows, report, STEP_GPU,
			arena_printf(rows->arena, "group/%d", report->gpu->group), true);
}

static void gpu_act(struct wizard *wizard, const struct row *row)
{
	const struct pci_device *gpu = row->data;
	if (!gpu)
		return;
	wizard->goal->gpus.n = 0;
	strings_add(wizard->goal->arena, &wizard->goal->gpus, gpu->name);
}

static const char *gpu_state(struct wizard *wizard, struct arena *arena)
{
	(void)arena;
	if (!wizard->report->gpu)
		return "[choose]";
	const char *state = "[ OK ]";
	for (size_t i = 0; i < wizard->report->findings.n; i++) {
		const struct finding *finding = wizard->report->findings.item[i];
		if (finding->check->step != STEP_GPU)
			continue;
		if (finding->risk == RISK_NEVER)
			return "[FAIL]";
		if (finding->risk == RISK_ACCEPT)
			state = goal_accepted(wizard->goal, finding->check->id, finding->subject)
						? "[WARN]"
						: "[risk]";
	}
	return state;
}

/* ---- 5 VM ---- */

static void vm_rows(struct wizard *wizard, struct rows *rows)
{
	const struct facts *facts = wizard->facts;
	const struct report *report = wizard->report;
	(void)rows_add(rows, ROW_HEADING, "Which VM gets the GPU?");
	if (!facts->vms.n)
		(void)rows_add(rows, ROW_TEXT,
				facts->vms_known == KNOWN_YES ? "There is no VM on this node yet. "
								"Create it first, then "
								"press r."
							      : "The VMs of this node cannot be "
								"read (/etc/pve).");
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		const char *template = vm_conf_get(&vm->conf.current, "template");
		struct row *row = rows_add(rows, ROW_RADIO,
				arena_printf(rows->arena, "%u %s", vm->vmid, vm->name));
		row->on = report->vm == vm;
		row->data = vm;
		row->note = template && strcmp(template, "1") == 0 ? "template"
			    : vm->running == KNOWN_YES             ? "running"
			    : vm->running == KNOWN_NO              ? "stopped"
								   : "state unknown";
		const char *machine = vm_conf_get(&vm->conf.current, "machine");
		const char *cpu = vm_conf_get(&vm->conf.current, "cpu");
		const char *memory = vm_conf_get(&vm->conf.current, "memory");
		row->hint = arena_printf(rows->arena,
				"machine %s, cpu %s, memory %s MiB, %zu PCI %s. Enter chooses it.",
				machine ? machine : "i440fx", cpu ? cpu : "default",
				memory ? memory : "512", vm->hostpci.n,
				text_plural(vm->hostpci.n, "device", "devices"));
	}
	if (!report->vm)
		return;
	(void)rows_add(rows, ROW_TEXT, "");
	rows_add_findings(rows, report, STEP_VM,
			arena_printf(rows->arena, "vm/%u", report->vm->vmid), false);
}

static void vm_act(struct wizard *wizard, const struct row *row)
{
	const struct vm *vm = row->data;
	if (vm)
		wizard->goal->vmid = vm->vmid;
}

static const char *vm_state(struct wizard *wizard, struct arena *arena)
{
	(void)arena;
	if (!wizard->report->vm)
		return "[choose]";
	for (size_t i = 0; i < wizard->report->findings.n; i++) {
		const struct finding *finding = wizard->report->findings.item[i];
		if (finding->check->step == STEP_VM && finding->risk == RISK_NEVER)
			return "[FAIL]";
	}
	return "[ OK ]";
}

/* ---- 6 Attach ---- */

static const struct attach_choice {
	const char *name; /* in goal_choices */
	const char *text;
	const char *note;
	const char *hint;
} attach_choices[] = {
		{"pcie", "pcie=1", "a PCIe device, as GPUs expect",
				"Shows the GPU to the guest as a PCI Express device. Needs the q35 "
				"machine."},
		{"x_vga", "x-vga=1", "primary display: not for Talos",
				"Makes the GPU the guest's primary display. A worker without a "
				"screen "
				"has no use for it."},
		{"machine_q35", "machine: q35", "needed by pcie=1",
				"The guest sees other PCI addresses with q35: network and disk "
				"names may "
				"change once."},
		{"cpu_host", "cpu: host", "all features of the CPU",
				"GPU drivers and CUDA use CPU features that the generic types "
				"hide. "
				"Live migration then needs equal CPUs."},
		{"tablet_off", "tablet: 0", "no emulated USB tablet",
				"Removes the emulated tablet, which a GPU worker does not need."},
		{"start", "start the VM", "when it is attached",
				"Starts the VM at the end and follows its task."},
};

static bool attach_value(const struct report *report, const char *name)
{
	return strcmp(name, "pcie") == 0          ? report->pcie
	       : strcmp(name, "x_vga") == 0       ? report->x_vga
	       : strcmp(name, "machine_q35") == 0 ? report->machine_q35
	       : strcmp(name, "cpu_host") == 0    ? report->cpu_host
	       : strcmp(name, "tablet_off") == 0  ? report->tablet_off
						  : report->start;
}

/* What the VM has already is not chosen any more; rollback takes it back. */
static bool attach_done(const struct report *report, const char *name)
{
	const char *machine = vm_conf_get(&report->vm->conf.current, "machine");
	const char *cpu = vm_conf_get(&report->vm->conf.current, "cpu");
	const char *tablet = vm_conf_get(&report->vm->conf.current, "tablet");
	if (strcmp(name, "machine_q35") == 0)
		return machine && strstr(machine, "q35");
	if (strcmp(name, "cpu_host") == 0)
		return cpu && text_starts(cpu, "host") && (!cpu[4] || cpu[4] == ',');
	if (strcmp(name, "tablet_off") == 0)
		return tablet && strcmp(tablet, "0") == 0;
	return false;
}

static void add_calls(struct rows *rows, const struct list *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		if (change->kind == CHANGE_API)
			(void)rows_add(rows, ROW_TEXT, change->equivalent);
	}
}

static void attach_rows(struct wizard *wizard, struct rows *rows)
{
	const struct report *report = wizard->report;
	if (!report->gpu || !report->vm) {
		(void)rows_add(rows, ROW_HEADING, "Attach the GPU to the VM");
		(void)rows_add(rows, ROW_TEXT,
				!report->gpu ? "Choose a GPU in step 4 first (press 4)."
					     : "Choose a VM in step 5 first (press 5).");
		return;
	}
	(void)rows_add(rows, ROW_HEADING,
			arena_printf(rows->arena, "%s to VM %u %s",
					short_label(rows->arena, report->gpu), report->vm->vmid,
					report->vm->name));
	for (size_t i = 0; i < sizeof attach_choices / sizeof *attach_choices; i++) {
		const struct attach_choice *choice = &attach_choices[i];
		struct row *row = rows_add(rows, ROW_CHECK, choice->text);
		bool done = attach_done(report, choice->name);
		row->on = done || attach_value(report, choice->name);
		row->note = done ? "so already" : choice->note;
		row->hint = choice->hint;
		row->data = done ? NULL : choice;
	}
	(void)rows_add(rows, ROW_TEXT, "");
	if (wizard->plan) {
		bool later = wizard->plan->forecast.n > 0;
		size_t n = plan_totals(&wizard->plan->changes).api_calls + wizard->plan->forecast.n;
		if (n)
			(void)rows_add(rows, ROW_HEADING,
					later ? "After the reboot this will be done"
					      : "The same by hand");
		add_calls(rows, &wizard->plan->changes);
		add_calls(rows, &wizard->plan->forecast);
		if (n)
			(void)rows_add(rows, ROW_TEXT, "");
	}
	const char *subject = arena_printf(rows->arena, "vm/%u", report->vm->vmid);
	rows_add_findings(rows, report, STEP_ATTACH, subject, true);
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		if (finding->check->step == STEP_ATTACH && finding->risk != RISK_NONE &&
				strcmp(finding->subject, subject) != 0)
			rows_add_finding(rows, finding);
	}
}

static void attach_act(struct wizard *wizard, const struct row *row)
{
	const struct attach_choice *choice = row->data;
	if (!choice)
		return;
	for (const struct goal_choice *entry = goal_choices; entry->name; entry++)
		if (strcmp(entry->name, choice->name) == 0)
			*goal_choice_at(wizard->goal, entry) =
					attach_value(wizard->report, choice->name) ? CHOICE_NO
										   : CHOICE_YES;
}

static const char *attach_state(struct wizard *wizard, struct arena *arena)
{
	const struct report *report = wizard->report;
	if (!report->gpu || !report->vm)
		return "[wait]";
	size_t todo = 0;
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		bool mine = finding->check->step == STEP_VM || finding->check->step == STEP_ATTACH;
		if (finding->check->step == STEP_ATTACH && finding->risk == RISK_NEVER)
			return "[FAIL]";
		todo += mine && finding->automatic;
	}
	return todo ? arena_printf(arena, "[%zu to do]", todo) : "[ OK ]";
}

/* ---- 7 Verify ---- */

static void verify_rows(struct wizard *wizard, struct rows *rows)
{
	const struct report *report = wizard->report;
	(void)rows_add(rows, ROW_HEADING, "Does it work?");
	if (!report->gpu || !report->vm) {
		(void)rows_add(rows, ROW_TEXT, "Choose a GPU (step 4) and a VM (step 5) first.");
		return;
	}
	rows_add_findings(rows, report, STEP_VERIFY, NULL, true);
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_HEADING, "Then, in the guest and the cluster");
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena, "qm terminal %u", report->vm->vmid));
	(void)rows_add(rows, ROW_TEXT, "kubectl get nodes -l nvidia.com/gpu.present=true");
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena, "kubectl describe node %s | grep nvidia.com/gpu",
					report->vm->name));
	(void)rows_add(rows, ROW_TEXT,
			"Talos needs the NVIDIA extensions, Kubernetes the GPU operator or its "
			"device "
			"plugin.");
}

static const char *verify_state(struct wizard *wizard, struct arena *arena)
{
	(void)arena;
	const struct report *report = wizard->report;
	if (!report->gpu || !report->vm)
		return "[wait]";
	bool all = true;
	bool attached = false;
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		if (strcmp(finding->check->id, "attach.hostpci") == 0)
			attached = finding->status == STATUS_OK;
		if (finding->check->step == STEP_VERIFY && finding->status != STATUS_OK)
			all = false;
	}
	return !attached ? "[wait]" : all ? "[ OK ]" : "[to do]";
}

const struct wizard_step wizard_steps[WIZARD_STEPS] = {
		{"BIOS", bios_rows, NULL, bios_state, read_keys},
		{"Boot", boot_rows, boot_act, boot_state, list_keys},
		{"VFIO", vfio_rows, vfio_act, vfio_state, list_keys},
		{"GPU", gpu_rows, gpu_act, gpu_state, choose_keys},
		{"VM", vm_rows, vm_act, vm_state, choose_keys},
		{"Attach", attach_rows, attach_act, attach_state, attach_keys},
		{"Verify", verify_rows, NULL, verify_state, verify_keys},
};
