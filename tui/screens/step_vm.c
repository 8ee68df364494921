/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/text.h"
#include "tui/screens/steps.h"

/* Step 5: which VM. */

static const char *const keys[] = {
		"Enter choose", "b back", "? why", "v review", "1-7 step", "q quit", NULL};

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

const struct wizard_step step_vm = {.name = "VM",
		.step = STEP_VM,
		.rows = vm_rows,
		.act = vm_act,
		.state = vm_state,
		.keys = keys};
