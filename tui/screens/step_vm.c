/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/text.h"
#include "tui/screens/steps.h"

/* Step 5: which VM. */

static const struct key keys[] = {{'\n', "Enter", "choose"}, {'b', "b", "back"},
		{'?', "?", "details"}, {REVIEW_KEY, "v", "review"}, {'1', "1-7", "step"},
		{'q', "q", "quit"}, {0}};

/* Its configuration, and what a GPU means for it. */
void vm_page(const struct wizard *wizard, const struct row *row, struct text *text)
{
	const struct vm *vm = row->data;
	text_addf(text, "%s\n", vm->path);
	for (size_t i = 0; i < vm->conf.current.entries.n; i++) {
		const struct vm_conf_entry *entry = vm->conf.current.entries.item[i];
		text_addf(text, "  %s: %s\n", entry->key, entry->shown);
	}
	for (size_t i = 0; i < vm->conf.pending.entries.n; i++) {
		const struct vm_conf_entry *entry = vm->conf.pending.entries.item[i];
		text_addf(text, "%s  %s: %s\n",
				i ? "" : "Pending, until it is stopped and started\n", entry->key,
				entry->shown);
	}
	for (size_t i = 0; i < vm->conf.snapshots.n; i++) {
		const struct vm_conf_section *snapshot = vm->conf.snapshots.item[i];
		text_addf(text, "%s  %s%s\n", i ? "" : "Snapshots\n", snapshot->name,
				vm_conf_get(snapshot, "vmstate") ? " (with memory)" : "");
	}
	text_addf(text,
			"\nWith a GPU this VM\n"
			"  - takes all of its memory at once, as long as it runs (ballooning "
			"ends)\n"
			"  - cannot be migrated while it runs, nor snapshotted with memory\n"
			"  - %s\n"
			"  - keeps its console in the web interface unless x-vga=1 is chosen\n",
			vm_conf_get(&vm->conf.current, "machine") &&
							strstr(vm_conf_get(&vm->conf.current,
									       "machine"),
									"q35")
					? "keeps its machine type, q35"
					: "becomes a q35 machine: its PCI addresses change, so network names (ens18) and Windows drivers may change once");
	(void)wizard;
}

/* Which of the GPUs the screen is about the VM has already; "" for none. */
static const char *given_text(const struct wizard *wizard, struct arena *arena, const struct vm *vm)
{
	struct list parts = parts_on_screen(arena, wizard);
	bool several = wizard->report->parts.n > 1;
	for (size_t i = 0; i < parts.n; i++) {
		const struct report *part = parts.item[i];
		for (size_t e = 0; part->gpu && e < vm->hostpci.n; e++) {
			const struct vm_hostpci *entry = vm->hostpci.item[e];
			if (facts_in_list(&entry->devices, part->gpu))
				return several ? arena_printf(arena, ", has %s",
								 short_address(part->gpu))
					       : ", has this GPU";
		}
	}
	return "";
}

/* What stands in the way of a choice, at a glance. */
static const char *vm_note(const struct wizard *wizard, struct arena *arena, const struct vm *vm)
{
	const char *template = vm_conf_get(&vm->conf.current, "template");
	const char *lock = vm_conf_get(&vm->conf.current, "lock");
	const char *state = vm->running == KNOWN_YES  ? "running"
			    : vm->running == KNOWN_NO ? "stopped"
						      : "state unknown";
	if (template && strcmp(template, "1") == 0)
		return "template";
	const char *has = given_text(wizard, arena, vm);
	bool ha = strings_has(&wizard->facts->ha_vms, arena_printf(arena, "%u", vm->vmid));
	return arena_printf(arena, "%s%s%s%s%s", state, lock ? ", locked: " : "", lock ? lock : "",
			ha ? ", HA" : "", has);
}

static bool all_go_to(const struct list *parts, const struct vm *vm)
{
	for (size_t i = 0; i < parts->n; i++)
		if (((const struct report *)parts->item[i])->vm != vm)
			return false;
	return true;
}

/* What was found of each VM that gets one. */
static void add_found(struct rows *rows, const struct report *report)
{
	struct list vms = parts_vms(rows->arena, report);
	for (size_t i = 0; i < vms.n; i++) {
		struct subject subject = subject_vm(vms.item[i]);
		(void)rows_add(rows, ROW_TEXT, "");
		rows_add_findings(rows, report, STEP_VM, &subject, false);
	}
}

static void vm_rows(struct wizard *wizard, struct rows *rows)
{
	const struct facts *facts = wizard->facts;
	const struct report *report = wizard->report;
	const struct list parts = parts_on_screen(rows->arena, wizard);
	bool several = report->parts.n > 1;
	(void)rows_add(rows, ROW_HEADING,
			several ? "Which GPU goes ..." : "Which VM gets the GPU?");
	parts_add_rows(wizard, rows);
	if (several)
		(void)rows_add(rows, ROW_HEADING, "... to which VM?");
	if (!facts->vms.n)
		(void)rows_add(rows, ROW_TEXT,
				facts->vms_known == KNOWN_YES
						? "There is no VM on this node yet. Create it first, then press r."
						: "The VMs of this node cannot be read (/etc/pve).");
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		struct row *row = rows_add(rows, ROW_RADIO,
				arena_printf(rows->arena, "%u %s", vm->vmid, vm->name));
		row->on = all_go_to(&parts, vm);
		row->data = vm;
		row->page = vm_page;
		row->note = vm_note(wizard, rows->arena, vm);
		const char *machine = vm_conf_get(&vm->conf.current, "machine");
		const char *cpu = vm_conf_get(&vm->conf.current, "cpu");
		const char *memory = vm_conf_get(&vm->conf.current, "memory");
		row->hint = arena_printf(rows->arena,
				"machine %s, cpu %s, memory %s MiB, %zu PCI %s. Enter chooses it.",
				machine ? machine : "i440fx", cpu ? cpu : "default",
				memory ? memory : "512", vm->hostpci.n,
				text_plural(vm->hostpci.n, "device", "devices"));
	}
	add_found(rows, report);
}

static void show_next_without_vm(struct wizard *wizard, const struct report *shown)
{
	for (size_t i = 0; i < wizard->report->parts.n; i++) {
		const struct report *part = wizard->report->parts.item[i];
		if (part != shown && part->gpu && !part->vm) {
			parts_show(wizard, part->gpu->name);
			return;
		}
	}
}

static void vm_act(struct wizard *wizard, const struct row *row)
{
	const struct vm *vm = row->data;
	const struct report *shown = parts_shown(wizard);
	if (parts_act(wizard, row) || !vm)
		return;
	goal_give(wizard->goal, shown ? shown->gpu->name : NULL, vm->vmid);
	if (shown)
		show_next_without_vm(wizard, shown);
}

static struct step_state vm_state(const struct wizard *wizard)
{
	for (size_t i = 0; i < wizard->report->parts.n; i++)
		if (!((const struct report *)wizard->report->parts.item[i])->vm)
			return (struct step_state){.stand = STAND_CHOOSE};
	struct finding_query query = {.steps = 1U << STEP_VM};
	const struct finding *finding;
	while ((finding = report_next(wizard->report, &query))) {
		if (finding->risk == RISK_NEVER)
			return (struct step_state){.stand = STAND_FAIL};
	}
	return (struct step_state){.stand = STAND_OK};
}

const struct wizard_step step_vm = {.name = "VM",
		.step = STEP_VM,
		.rows = vm_rows,
		.act = vm_act,
		.state = vm_state,
		.keys = keys};
