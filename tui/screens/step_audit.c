/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/screens/steps.h"

/* The audit as a list: every finding of every step, to be read one by one. It is reached with `l`
 * from any step; what can be mended leads to the same review. */

static const struct key keys[] = {{'\n', "Enter", "why"}, {'b', "b", "back"},
		{REVIEW_KEY, "v", "review"}, {'r', "r", "reread"}, {'1', "1-7", "step"},
		{'q', "q", "quit"}, {0}};

static void audit_rows(struct wizard *wizard, struct rows *rows)
{
	static const char *const names[STEP_COUNT] = {
			"Host", "BIOS", "Boot", "VFIO", "GPU", "VM", "Attach", "Verify"};
	struct report_counts counts = report_counts(wizard->report);
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena,
					"Audit: %zu fail, %zu warn, %zu info, %zu unknown, %zu ok",
					counts.by_status[STATUS_FAIL],
					counts.by_status[STATUS_WARN],
					counts.by_status[STATUS_INFO],
					counts.by_status[STATUS_UNKNOWN],
					counts.by_status[STATUS_OK]));
	for (int step = 0; step < STEP_COUNT; step++) {
		size_t before = rows->list.n;
		(void)rows_add(rows, ROW_HEADING, names[step]);
		rows_add_findings(rows, wizard->report, (enum step)step, NULL, true);
		if (rows->list.n == before + 1)
			rows->list.n = before; /* nothing applies */
	}
}

static int finding_show_row(struct wizard *wizard, const struct row *row)
{
	return row ? finding_show(wizard, row) : 0;
}

const struct wizard_step step_audit = {.name = "Audit",
		.step = STEP_COUNT,
		.rows = audit_rows,
		.enter = finding_show_row,
		.keys = keys};
