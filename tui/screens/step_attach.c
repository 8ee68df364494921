/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/text.h"
#include "tui/screens/steps.h"

/* Step 6: how the GPU is attached, and the calls that do it. */

static const struct key keys[] = {{'\n', "Enter", "review"}, {' ', "Space", "tick"},
		{'x', "x", "advanced"}, {'b', "b", "back"}, {'?', "?", "why"}, {'1', "1-7", "step"},
		{'q', "q", "quit"}, {0}};

/* The guide's other way: the lines to change in the VM's file by hand. */
static void add_predicted(struct rows *rows, const struct list *changes, unsigned vmid)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		if (change->vmid && change->vmid != vmid)
			continue;
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

/* What the plan will do to the VMs; of a refused one nothing is handed out to be done by hand. */
static void add_plan(struct wizard *wizard, struct rows *rows, const struct list *vms)
{
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
	for (size_t i = 0; n && i < vms->n; i++) {
		const struct vm *vm = vms->item[i];
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "which makes of %s%s:", vm->path,
						vm->source == VM_CONF_API ? ", as the API tells it"
									  : ""));
		add_predicted(rows, calls[0], vm->vmid);
		add_predicted(rows, calls[1], vm->vmid);
	}
	if (n)
		(void)rows_add(rows, ROW_TEXT, "");
}

static const char *what_is_missing(struct arena *arena, const struct report *report)
{
	for (size_t i = 0; report->parts.n > 1 && i < report->parts.n; i++) {
		const struct report *part = report->parts.item[i];
		if (part->gpu && !part->vm)
			return arena_printf(arena, "Choose a VM for %s in step 5 first (press 5).",
					short_address(part->gpu));
	}
	return report->gpu ? "Choose a VM in step 5 first (press 5)."
			   : "Choose a GPU in step 4 first (press 4).";
}

static const char *attach_heading(
		struct arena *arena, const struct report *report, const struct list *vms)
{
	const struct vm *vm = report->vm;
	if (vms->n > 1)
		return "Each GPU to its VM";
	return arena_printf(arena, "%s to VM %u %s",
			report->parts.n > 1 ? arena_printf(arena, "%zu GPUs", report->parts.n)
					    : short_label(arena, report->gpu),
			vm->vmid, vm->name);
}

/* It is about one of the VMs. */
static bool is_of(const struct list *vms, const struct finding *finding)
{
	for (size_t i = 0; i < vms->n; i++)
		if (subject_equal(finding->about, subject_vm(vms->item[i])))
			return true;
	return false;
}

/* What the Advanced page asks for is judged with the VM. */
static bool is_of_advanced(const struct finding *finding)
{
	return strcmp(finding->check->id, "vm.settings") == 0 ||
	       strcmp(finding->check->id, "vm.give-back") == 0;
}

/* Those of the VMs first, then what else stands in the way. */
static void add_findings(struct rows *rows, const struct report *report, const struct list *vms,
		bool advanced)
{
	struct finding_query mine = {.steps = 1U << STEP_ATTACH};
	struct finding_query query = {.steps = 1U << STEP_ATTACH};
	struct finding_query asked = {.steps = 1U << STEP_VM};
	const struct finding *finding;
	while (advanced && (finding = report_next(report, &asked)))
		if (is_of_advanced(finding) && finding->status != STATUS_OK)
			rows_add_finding(rows, report, finding);
	while ((finding = report_next(report, &mine)))
		if (is_of(vms, finding) && !finding_is_unseen(report, finding))
			rows_add_finding(rows, report, finding);
	while ((finding = report_next(report, &query)))
		if (finding->risk != RISK_NONE && !is_of(vms, finding))
			rows_add_finding(rows, report, finding);
}

static bool goes_by_mapping(const struct list *parts)
{
	for (size_t i = 0; i < parts->n; i++)
		if (((const struct report *)parts->item[i])->decided[CHOOSE_BY_MAPPING])
			return true;
	return false;
}

static void add_value(
		const struct wizard *wizard, struct rows *rows, const struct goal_choice *choice)
{
	const char *key = choice->form->key;
	struct row *row = rows_add_value_of_parts(rows, wizard, choice->id);
	if (key && (strcmp(key, "affinity") == 0 || strcmp(key, "cores") == 0 ||
				   strcmp(key, "sockets") == 0 || strcmp(key, "numa") == 0))
		row->page = cpus_page;
}

/* What is to be set of the GPUs themselves, whoever gets them. */
static void add_attributes(struct rows *rows, const struct report *report,
		const struct goal_choice *choice, const struct list *parts)
{
	for (size_t i = 0; i < parts->n; i++) {
		const struct pci_device *gpu = ((const struct report *)parts->item[i])->gpu;
		if (gpu && device_attribute_now(gpu, choice->form->attribute) >= 0)
			rows_add_attribute(rows, report, choice, gpu);
	}
}

/* The choices of the page: how the GPU is attached, or what few need. */
static void add_choices(const struct wizard *wizard, struct rows *rows)
{
	const struct list parts = parts_on_screen(rows->arena, wizard);
	enum choice_page page = wizard->advanced ? PAGE_ADVANCED : PAGE_ATTACH;
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		if (choice->page != page)
			continue;
		/* How mappings are made is a question only where there are some. */
		if (choice->id == CHOOSE_MAPPING_FUNCTIONS && !goes_by_mapping(&parts))
			continue;
		if (choice->id == CHOOSE_BY_MAPPING && wizard->facts->mappings_known == KNOWN_NO)
			continue;
		if (choice->scope == SCOPE_DEVICE)
			add_attributes(rows, wizard->report, choice, &parts);
		else if (choice->form)
			add_value(wizard, rows, choice);
		else
			(void)rows_add_choice_of_parts(rows, wizard, choice->id);
	}
}

static void attach_rows(struct wizard *wizard, struct rows *rows)
{
	const struct report *report = wizard->report;
	if (!parts_are_chosen(report)) {
		(void)rows_add(rows, ROW_HEADING, "Attach the GPU to the VM");
		(void)rows_add(rows, ROW_TEXT, what_is_missing(rows->arena, report));
		return;
	}
	const struct list vms = parts_vms(rows->arena, report);
	const char *heading = attach_heading(rows->arena, report, &vms);
	(void)rows_add(rows, ROW_HEADING,
			wizard->advanced ? arena_printf(rows->arena, "Advanced: %s", heading)
					 : heading);
	parts_add_rows(wizard, rows);
	add_choices(wizard, rows);
	add_plan(wizard, rows, &vms);
	add_findings(rows, report, &vms, wizard->advanced);
}

static void attach_act(struct wizard *wizard, const struct row *row)
{
	(void)parts_act(wizard, row);
}

static struct step_state attach_state(const struct wizard *wizard)
{
	const struct report *report = wizard->report;
	if (!parts_are_chosen(report))
		return (struct step_state){.stand = STAND_WAIT};
	size_t todo = 0;
	struct finding_query power = {.check = "gpu.power"};
	struct finding_query query = {.steps = 1U << STEP_VM | 1U << STEP_ATTACH};
	const struct finding *finding;
	while ((finding = report_next(report, &power)))
		todo += finding_is_planned(finding);
	while ((finding = report_next(report, &query))) {
		if ((finding->check->step == STEP_ATTACH || is_of_advanced(finding)) &&
				finding->risk == RISK_NEVER)
			return (struct step_state){.stand = STAND_FAIL};
		todo += finding_is_planned(finding);
	}
	return (struct step_state){todo ? STAND_TO_DO : STAND_OK, todo};
}

const struct wizard_step step_attach = {.name = "Attach",
		.step = STEP_ATTACH,
		.rows = attach_rows,
		.act = attach_act,
		.state = attach_state,
		.keys = keys,
		.has_advanced = true};
