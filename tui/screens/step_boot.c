/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tui/screens/steps.h"

/* Step 2: the kernel parameters, each with what it does here. */

static const char *const keys[] = {"Space tick", "Enter next", "b back", "? why", "v review",
		"1-7 step", "q quit", NULL};

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

const struct wizard_step step_boot = {.name = "Boot",
		.early = true,
		.step = STEP_BOOT,
		.rows = boot_rows,
		.act = boot_act,
		.state = boot_state,
		.keys = keys};
