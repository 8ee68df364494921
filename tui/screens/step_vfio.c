/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tui/screens/steps.h"

/* Step 3: the VFIO modules, and who takes the GPU from the host. */

static const struct key keys[] = {{' ', "Space", "tick"}, {'\n', "Enter", "next"},
		{'b', "b", "back"}, {'?', "?", "why"}, {REVIEW_KEY, "v", "review"},
		{'1', "1-7", "step"}, {'q', "q", "quit"}, {0}};

enum { ACT_BIND_START = 1, ACT_BIND_EARLY };

/* The first that is not set up at boot already, or the first. */
static const struct report *first_to_bind(const struct report *report)
{
	for (size_t i = 0; i < report->parts.n; i++) {
		const struct report *part = report->parts.item[i];
		if (!part->bound_at_boot)
			return part;
	}
	return report;
}

static void vfio_rows(struct wizard *wizard, struct rows *rows)
{
	const struct report *report = wizard->report;
	(void)rows_add(rows, ROW_HEADING, "VFIO modules");
	if (rows_add_remote(rows, wizard->facts, report, "plan")) {
		(void)rows_add(rows, ROW_TEXT,
				"Most cards need nothing of it: Proxmox VE takes the host's driver "
				"off and puts vfio-pci in its place when the VM starts.");
		return;
	}
	const struct finding *modules = report_find(report, "vfio.modules");
	if (modules && modules->status == STATUS_OK) {
		rows_add_finding(rows, report, modules);
	} else {
		struct row *row = rows_add_choice(
				rows, CHOOSE_MODULES, report->decided[CHOOSE_MODULES]);
		row->finding = modules;
	}
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_HEADING, "Who takes the GPU from the host, and when");
	parts_add_rows(wizard, rows);
	const struct report *shown = parts_shown(wizard);
	const struct report *part = shown ? shown : first_to_bind(report);
	if (part->bound_at_boot) {
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena,
						"vfio-pci takes the card at boot: that is set up in /etc/modprobe.d. To undo it: %s",
						wizard->undo));
		return;
	}
	struct row *start = rows_add(rows, ROW_RADIO, "Proxmox VE, at VM start");
	struct row *early = rows_add_choice_of_parts(rows, wizard, CHOOSE_BIND_EARLY);
	start->on = !early->on && !early->mixed;
	start->action = ACT_BIND_START;
	start->hint = "Nothing to set up: Proxmox VE takes the host's driver off and puts vfio-pci in its place when the VM starts.";
	early->kind = ROW_RADIO;
	early->action = ACT_BIND_EARLY;
	if (!early->mixed)
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "%s: %s.",
						part->gpu ? "Advice" : "The GPU",
						part->bind_reason));
	(void)rows_add(rows, ROW_TEXT, "");
	struct finding_query query = {.steps = 1U << STEP_VFIO};
	const struct finding *finding;
	while ((finding = report_next(report, &query))) {
		/* Of the drivers only those that matter: of the GPUs chosen. */
		bool other = strcmp(finding->check->id, "vfio.host-driver") == 0 &&
			     !(finding->about.kind == SUBJECT_DEVICE &&
					     parts_give(report, finding->about.device));
		bool waiting = strcmp(finding->check->id, "vfio.binding") == 0 && !report->gpu;
		if (finding->status != STATUS_OK && finding != modules && !other && !waiting)
			rows_add_finding(rows, report, finding);
	}
}

static void vfio_act(struct wizard *wizard, const struct row *row)
{
	const struct report *shown = parts_shown(wizard);
	if (row->action)
		goal_choose(wizard->goal, &goal_choices[CHOOSE_BIND_EARLY],
				shown ? shown->gpu->name : NULL,
				row->action == ACT_BIND_EARLY ? CHOICE_YES : CHOICE_NO);
	else
		(void)parts_act(wizard, row);
}

static struct step_state vfio_state(const struct wizard *wizard)
{
	return state_of_findings(wizard, STEP_VFIO);
}

const struct wizard_step step_vfio = {.name = "VFIO",
		.step = STEP_VFIO,
		.rows = vfio_rows,
		.act = vfio_act,
		.state = vfio_state,
		.keys = keys};
