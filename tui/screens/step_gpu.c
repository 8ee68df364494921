/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/text.h"
#include "tui/screens/steps.h"

/* Step 4: which GPU, and what goes along with it. */

static const char *const keys[] = {"Enter choose", "b back", "? details", "m groups", "v review",
		"1-7 step", "q quit", NULL};

static void gpu_rows(struct wizard *wizard, struct rows *rows)
{
	const struct facts *facts = wizard->facts;
	const struct report *report = wizard->report;
	(void)rows_add(rows, ROW_HEADING, "Which GPU goes to the VM?");
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *gpu = facts->devices.item[i];
		if (!pci_is_gpu(gpu) || pci_is_bmc(gpu))
			continue;
		const char *address = text_starts(gpu->name, "0000:") ? gpu->name + 5 : gpu->name;
		struct row *row = rows_add(rows, ROW_RADIO,
				arena_printf(rows->arena, "%s %s", address,
						short_label(rows->arena, gpu)));
		row->on = report->gpu == gpu;
		row->data = gpu;
		row->page = gpu_page;
		row->note = gpu->boot_vga == KNOWN_YES ? "host's console"
			    : gpu->group >= 0 ? arena_printf(rows->arena, "group %d", gpu->group)
					      : "group not known yet";
		row->hint = arena_printf(rows->arena, "%s, %04x:%04x, driver %s. Enter chooses it.",
				gpu->label, gpu->vendor, gpu->device, facts_driver(facts, gpu));
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
	(void)rows_add(rows, ROW_TEXT, "GPU drivers on the host are not needed for this.");
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

const struct wizard_step step_gpu = {.name = "GPU",
		.step = STEP_GPU,
		.rows = gpu_rows,
		.act = gpu_act,
		.state = gpu_state,
		.keys = keys};
