/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/screens/steps.h"

/* Step 4: which GPU, and what goes along with it. */

static const struct key keys[] = {{'\n', "Enter", "choose"}, {'+', "+", "also"}, {'b', "b", "back"},
		{'?', "?", "why"}, {'m', "m", "groups"}, {REVIEW_KEY, "v", "review"},
		{'q', "q", "quit"}, {0}};

/* What goes along with one of the chosen GPUs, and what was found of it. */
static void show_part(struct rows *rows, const struct report *report, const struct report *part)
{
	if (!part->gpu)
		return;
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_HEADING,
			report->parts.n > 1 ? arena_printf(rows->arena, "What goes with %s",
							      short_address(part->gpu))
					    : "What goes to the VM");
	for (size_t i = 0; i < part->card.n; i++) {
		const struct pci_device *function = part->card.item[i];
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "%s %s, %s", short_address(function),
						pci_class_text(function->class_code),
						function->driver ? function->driver : "no driver"));
	}
	(void)rows_add(rows, ROW_TEXT, "GPU drivers on the host are not needed for this.");
	(void)rows_add(rows, ROW_TEXT, "");
	struct subject gpu = subject_device(part->gpu);
	struct subject group = subject_group(part->gpu->group);
	rows_add_findings(rows, report, STEP_GPU, &gpu, false);
	rows_add_findings(rows, report, STEP_GPU, &group, true);
}

/* Of those that can be split: into how many, and who may take the functions. */
static bool has_row(const struct report *report, const struct goal_choice *choice,
		const struct pci_device *gpu)
{
	unsigned wanted = 0;
	if (goal_number(report->goal, choice->id, gpu->name, &wanted))
		return true;
	return pci_is_gpu(gpu) && !pci_is_virtual(gpu) && gpu->sriov_total > 0;
}

static void attribute_rows(struct rows *rows, const struct report *report)
{
	const struct facts *facts = report->facts;
	bool any = false;
	for (size_t i = 0; i < facts->devices.n; i++)
		for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
			const struct pci_device *gpu = facts->devices.item[i];
			if (choice->page != PAGE_GPU || !has_row(report, choice, gpu))
				continue;
			if (!any)
				(void)rows_add(rows, ROW_TEXT, "");
			any = true;
			rows_add_attribute(rows, report, choice, gpu);
		}
}

static void gpu_rows(struct wizard *wizard, struct rows *rows)
{
	const struct facts *facts = wizard->facts;
	const struct report *report = wizard->report;
	(void)rows_add(rows, ROW_HEADING, "Which GPU goes to the VM?");
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *gpu = facts->devices.item[i];
		if (!pci_is_gpu(gpu) || pci_is_bmc(gpu))
			continue;
		struct row *row = rows_add(rows, ROW_RADIO,
				arena_printf(rows->arena, "%s %s", short_address(gpu),
						short_label(rows->arena, gpu)));
		row->on = parts_give(report, gpu);
		row->data = gpu;
		row->page = gpu_page;
		row->note = gpu->boot_vga == KNOWN_YES ? "host's console"
			    : gpu->group >= 0 ? arena_printf(rows->arena, "group %d", gpu->group)
					      : "group not known yet";
		row->hint = arena_printf(rows->arena, "%s, %04x:%04x, driver %s. %s", gpu->label,
				gpu->vendor, gpu->device, facts_driver(facts, gpu),
				row->on && report->parts.n > 1
						? "Enter takes it alone, + leaves it out."
						: "Enter chooses it, + takes it too.");
	}
	if (!facts->remote) {
		struct row *share = rows_add(rows, ROW_ITEM, "VM, container, or both?");
		share->page = share_page;
		share->hint = "What each means for the GPUs of this host, and what excludes what. Enter shows it.";
	}
	attribute_rows(rows, report);
	for (size_t i = 0; i < report->parts.n; i++)
		show_part(rows, report, report->parts.item[i]);
}

static void gpu_act(struct wizard *wizard, const struct row *row)
{
	const struct pci_device *gpu = row->data;
	if (!gpu)
		return;
	goal_only_gpu(wizard->goal, gpu->name);
}

/* One more for the same VM, or one less. */
static void gpu_add(struct wizard *wizard, const struct row *row)
{
	const struct pci_device *gpu = row->data;
	if (gpu)
		goal_gpu(wizard->goal, gpu->name, !row->on);
}

static struct step_state gpu_state(const struct wizard *wizard)
{
	if (!wizard->report->gpu)
		return (struct step_state){.stand = STAND_CHOOSE};
	enum step_stand stand = STAND_OK;
	struct finding_query query = {.steps = 1U << STEP_GPU};
	const struct finding *finding;
	while ((finding = report_next(wizard->report, &query))) {
		if (finding->risk == RISK_NEVER)
			return (struct step_state){.stand = STAND_FAIL};
		if (finding->risk == RISK_ACCEPT)
			stand = goal_accepted(wizard->goal, finding->check->id, finding->subject)
						? STAND_ACCEPTED
						: STAND_RISK;
	}
	return (struct step_state){.stand = stand};
}

const struct wizard_step step_gpu = {.name = "GPU",
		.step = STEP_GPU,
		.rows = gpu_rows,
		.act = gpu_act,
		.add = gpu_add,
		.state = gpu_state,
		.keys = keys};
