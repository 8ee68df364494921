/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/text.h"
#include "tui/screens/steps.h"

/* Step 6: how the GPU is attached, and the calls that do it. */

static const char *const keys[] = {
		"Enter review", "Space tick", "b back", "? why", "1-7 step", "q quit", NULL};

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
		{"by_mapping", "by a PCI mapping", "a name; what an API token needs",
				"Gives the device a name for the whole cluster, which a token may "
				"use. An address is for root@pam alone."},
		{"mapping_functions", "one for each function", "as OpenTofu configurations do",
				"A mapping and a hostpci line for each function of the card, "
				"instead of one for the whole slot."},
		{"start", "start the VM", "when it is attached",
				"Starts the VM at the end and follows its task."},
};

static bool attach_value(const struct report *report, const char *name)
{
	return strcmp(name, "pcie") == 0                ? report->pcie
	       : strcmp(name, "x_vga") == 0             ? report->x_vga
	       : strcmp(name, "machine_q35") == 0       ? report->machine_q35
	       : strcmp(name, "cpu_host") == 0          ? report->cpu_host
	       : strcmp(name, "tablet_off") == 0        ? report->tablet_off
	       : strcmp(name, "by_mapping") == 0        ? report->by_mapping
	       : strcmp(name, "mapping_functions") == 0 ? report->mapping_functions
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

/* The guide's other way: the lines to change in the VM's file by hand. */
static void add_predicted(struct rows *rows, const struct list *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		struct lines cursor = lines_start(change->predicted);
		struct line line;
		while (line_next(&cursor, &line)) {
			bool header = text_starts(line.start, "+++") ||
				      text_starts(line.start, "---");
			bool added = line.start[0] == '+';
			if (header || (!added && line.start[0] != '-'))
				continue;
			struct row *row = rows_add(rows, ROW_TEXT,
					arena_strndup(rows->arena, line.start, line.n));
			row->role = added ? ROLE_ADD : ROLE_DELETE;
		}
	}
}

static void add_calls(struct rows *rows, const struct list *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		if (change_is_api(change) && change->equivalent)
			(void)rows_add(rows, ROW_TEXT, change->equivalent);
	}
}

/* What the plan will do to the VM; of a refused one nothing is handed out to be done by hand. */
static void add_plan(struct wizard *wizard, struct rows *rows)
{
	const struct report *report = wizard->report;
	if (!wizard->plan || wizard->plan->refusals.n)
		return;
	const struct list *calls[] = {&wizard->plan->changes, &wizard->plan->forecast};
	bool later = wizard->plan->forecast.n > 0;
	size_t n = plan_count_calls(&wizard->plan->changes) + wizard->plan->forecast.n;
	if (n)
		(void)rows_add(rows, ROW_HEADING,
				later ? "After the reboot this will be done" : "The same by hand");
	add_calls(rows, calls[0]);
	add_calls(rows, calls[1]);
	if (n)
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "which makes of %s%s:", report->vm->path,
						report->vm->source == VM_CONF_API
								? ", as the API tells it"
								: ""));
	add_predicted(rows, calls[0]);
	add_predicted(rows, calls[1]);
	if (n)
		(void)rows_add(rows, ROW_TEXT, "");
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
		/* How mappings are made is a question only where there are some. */
		if (strcmp(choice->name, "mapping_functions") == 0 && !report->by_mapping)
			continue;
		if (strcmp(choice->name, "by_mapping") == 0 &&
				wizard->facts->mappings_known == KNOWN_NO)
			continue;
		struct row *row = rows_add(rows, ROW_CHECK, choice->text);
		bool done = attach_done(report, choice->name);
		row->on = done || attach_value(report, choice->name);
		row->note = done ? "so already" : choice->note;
		row->hint = choice->hint;
		row->data = done ? NULL : choice;
	}
	add_plan(wizard, rows);
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

const struct wizard_step step_attach = {.name = "Attach",
		.step = STEP_ATTACH,
		.rows = attach_rows,
		.act = attach_act,
		.state = attach_state,
		.keys = keys};
