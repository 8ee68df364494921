/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tui/screens/steps.h"

/* Step 7: does it work? */

static const struct key keys[] = {{REVIEW_KEY, "v", "review"}, {'r', "r", "reread"},
		{'b', "b", "back"}, {'?', "?", "why"}, {'1', "1-7", "step"}, {'q', "q", "quit"},
		{0}};

static void verify_rows(struct wizard *wizard, struct rows *rows)
{
	const struct report *report = wizard->report;
	(void)rows_add(rows, ROW_HEADING, "Does it work?");
	if (!parts_are_chosen(report)) {
		(void)rows_add(rows, ROW_TEXT, "Choose a GPU (step 4) and a VM (step 5) first.");
		return;
	}
	rows_add_findings(rows, report, STEP_VERIFY, NULL, true);
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_HEADING, "Then, in the guest and the cluster");
	const struct list vms = parts_vms(rows->arena, report);
	for (size_t i = 0; i < vms.n; i++)
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "qm terminal %u",
						((const struct vm *)vms.item[i])->vmid));
	(void)rows_add(rows, ROW_TEXT, "kubectl get nodes -l nvidia.com/gpu.present=true");
	for (size_t i = 0; i < vms.n; i++)
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena,
						"kubectl describe node %s | grep nvidia.com/gpu",
						((const struct vm *)vms.item[i])->name));
	(void)rows_add(rows, ROW_TEXT,
			"Talos needs the NVIDIA extensions, Kubernetes the GPU operator or its device plugin.");
}

static struct step_state verify_state(const struct wizard *wizard)
{
	const struct report *report = wizard->report;
	if (!parts_are_chosen(report))
		return (struct step_state){.stand = STAND_WAIT};
	bool all = true;
	bool attached = false;
	bool missing = false; /* one of several GPUs */
	struct finding_query hostpci = {.check = "attach.hostpci"};
	struct finding_query verify = {.steps = 1U << STEP_VERIFY};
	const struct finding *finding;
	while ((finding = report_next(report, &hostpci))) {
		attached = attached || finding->status == STATUS_OK;
		missing = missing || finding->status == STATUS_FAIL;
	}
	attached = attached && !missing;
	/* What only the guest can tell stays unknown here and is no work left to do. */
	while ((finding = report_next(report, &verify)))
		all = all && finding->status != STATUS_FAIL && !finding_is_planned(finding);
	return (struct step_state){.stand = !attached ? STAND_WAIT : all ? STAND_OK : STAND_TO_DO};
}

const struct wizard_step step_verify = {.name = "Verify",
		.step = STEP_VERIFY,
		.rows = verify_rows,
		.state = verify_state,
		.keys = keys};
