/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tui/screens/steps.h"

/* Step 2: the kernel parameters, each with what it does here. */

static const struct key keys[] = {{' ', "Space", "tick"}, {'\n', "Enter", "next"},
		{'b', "b", "back"}, {'?', "?", "why"}, {REVIEW_KEY, "v", "review"},
		{'1', "1-7", "step"}, {'q', "q", "quit"}, {0}};

/* What is no parameter: a way back, and cleaning up, where there is something to be done. */
static void add_extras(const struct wizard *wizard, struct rows *rows)
{
	const struct goal *goal = wizard->goal;
	const struct finding *fallback = report_find(wizard->report, "boot.fallback-entry");
	const struct finding *leftovers = report_find(wizard->report, "vfio.leftovers");
	const struct finding *obsolete = report_find(wizard->report, "boot.cmdline-obsolete");
	if (fallback && fallback->fix.text) {
		struct row *row = rows_add_choice(rows, CHOOSE_FALLBACK_ENTRY,
				goal->chosen[CHOOSE_FALLBACK_ENTRY] == CHOICE_YES);
		row->check = fallback->check;
	}
	if (wizard->facts->kernels.n > 1 || wizard->facts->kernel_pin ||
			goal->values[CHOOSE_PIN_KERNEL]) {
		struct row *row = rows_add_value_of_parts(rows, wizard, CHOOSE_PIN_KERNEL);
		row->check = check_by_id("host.kernel-pinned");
		row->device = NULL; /* it is of the host */
	}
	bool something = (leftovers && leftovers->fix.text) ||
			 (obsolete && obsolete->status != STATUS_OK &&
					 obsolete->status != STATUS_UNKNOWN) ||
			 goal->chosen[CHOOSE_CLEAN_UP] == CHOICE_YES;
	if (something) {
		struct row *row = rows_add_choice(
				rows, CHOOSE_CLEAN_UP, goal->chosen[CHOOSE_CLEAN_UP] == CHOICE_YES);
		row->check = leftovers ? leftovers->check : NULL;
	}
}

static void boot_rows(struct wizard *wizard, struct rows *rows)
{
	const struct facts *facts = wizard->facts;
	const struct report *report = wizard->report;
	(void)rows_add(rows, ROW_HEADING, "Boot parameters");
	if (rows_add_remote(rows, facts, report, "plan")) {
		(void)rows_add(rows, ROW_TEXT,
				facts->iommu_active == KNOWN_YES
						? arena_printf(rows->arena,
								  "What counts is seen from here: the IOMMU is on, with %zu groups.",
								  facts->iommu_groups)
				: facts->iommu_active == KNOWN_NO
						? "What counts is seen from here: the IOMMU is off, there are no groups. "
						  "No VM can start with a GPU until that is done."
						: "Whether the IOMMU is on is not known yet.");
		struct subject host = subject_host();
		rows_add_findings(rows, report, STEP_BOOT, &host, false);
		return;
	}
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
	add_extras(wizard, rows);
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
	/* The way back has a row of its own above. */
	const struct finding *fallback = report_find(report, "boot.fallback-entry");
	struct finding_query query = {.steps = 1U << STEP_BOOT};
	const struct finding *finding;
	while ((finding = report_next(report, &query)))
		if (finding->status != STATUS_OK && finding != fallback)
			rows_add_finding(rows, report, finding);
}

static void boot_act(struct wizard *wizard, const struct row *row)
{
	const struct param_choice *param = row->data;
	if (param)
		goal_param(wizard->goal, param->word, !param->selected);
}

static struct step_state boot_state(const struct wizard *wizard)
{
	const struct report *report = wizard->report;
	size_t edits = 0;
	bool conflict = false;
	bool pending = false;
	for (size_t i = 0; i < report->params.n; i++) {
		const struct param_choice *param = report->params.item[i];
		edits += param_is_put(param) || param_is_taken(param);
	}
	struct finding_query query = {.steps = 1U << STEP_BOOT};
	const struct finding *finding;
	while ((finding = report_next(report, &query))) {
		conflict = conflict || finding->risk == RISK_NEVER ||
			   (strcmp(finding->check->id, "boot.cmdline-conflict") == 0 &&
					   finding->status == STATUS_FAIL);
		pending = pending || (strcmp(finding->check->id, "boot.cmdline-pending") == 0 &&
						     finding_is_planned(finding));
	}
	if (conflict)
		return (struct step_state){.stand = STAND_FAIL};
	if (edits)
		return (struct step_state){STAND_TO_DO, edits};
	if (pending)
		return (struct step_state){.stand = STAND_REBOOT};
	enum known active = wizard->facts->iommu_active;
	return (struct step_state){.stand = active == KNOWN_YES  ? STAND_OK
					    : active == KNOWN_NO ? STAND_FAIL
								 : STAND_UNKNOWN};
}

const struct wizard_step step_boot = {.name = "Boot",
		.early = true,
		.step = STEP_BOOT,
		.rows = boot_rows,
		.act = boot_act,
		.state = boot_state,
		.keys = keys};
