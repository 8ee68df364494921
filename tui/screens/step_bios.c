/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <strings.h>

#include "tui/screens/steps.h"

/* Step 1: what the firmware setup must have on, and where to find it. */

static const char *const keys[] = {"Enter next", "b back", "? why", "v review", "r reread",
		"1-7 step", "q quit", NULL};

/* The guide's table of where the setup hides the IOMMU. */
static const struct board {
	const char *vendor; /* as the start of DMI's board_vendor, any case */
	const char *name;
	const char *intel, *amd;
} boards[] = {
		{"ASUS", "ASUS", "Advanced > CPU Configuration > Intel VT-d",
				"Advanced > AMD CBS > NBIO > IOMMU"},
		{"Gigabyte", "Gigabyte", "BIOS Features > Intel VT-d",
				"Settings > AMD CBS > IOMMU"},
		{"Micro-Star", "MSI", "OC > CPU Features > Intel VT-d", "OC > AMD CBS > IOMMU"},
		{"ASRock", "ASRock", "Advanced > CPU Configuration > Intel VT-d",
				"Advanced > AMD CBS > NBIO > IOMMU"},
		{"Supermicro", "Supermicro",
				"Advanced > Chipset Configuration > North Bridge > IIO "
				"Configuration > "
				"Intel VT-d",
				"Advanced > NB Configuration > IOMMU"},
};

static const char *bios_state(struct wizard *wizard, struct arena *arena)
{
	(void)arena;
	const char *state = "[ OK ]";
	for (size_t i = 0; i < wizard->report->findings.n; i++) {
		const struct finding *finding = wizard->report->findings.item[i];
		if (finding->check->step != STEP_BIOS)
			continue;
		if (finding->status == STATUS_FAIL)
			return "[FAIL]";
		if (finding->status == STATUS_UNKNOWN)
			state = "[ ?? ]";
	}
	return state;
}

static void bios_rows(struct wizard *wizard, struct rows *rows)
{
	const struct facts *facts = wizard->facts;
	bool amd = facts->cpu_vendor == CPU_AMD;
	(void)rows_add(rows, ROW_HEADING, "What the firmware setup (BIOS) must have on");
	rows_add_findings(rows, wizard->report, STEP_BIOS, NULL, true);
	(void)rows_add(rows, ROW_TEXT, "");
	bool fine = strcmp(bios_state(wizard, rows->arena), "[ OK ]") == 0;
	(void)rows_add(rows, ROW_HEADING,
			fine ? "Nothing to do here. It is set in the firmware setup:"
			     : "To switch it on: restart, press DEL, F2 or F12");
	bool found = false;
	for (size_t i = 0; i < sizeof boards / sizeof *boards; i++) {
		const struct board *board = &boards[i];
		bool mine = facts->board_vendor && strncasecmp(facts->board_vendor, board->vendor,
								   strlen(board->vendor)) == 0;
		if (!mine)
			continue;
		found = true;
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "This board: %s %s", facts->board_vendor,
						facts->board_name ? facts->board_name : ""));
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "%s: %s", board->name,
						amd ? board->amd : board->intel));
	}
	for (size_t i = 0; !found && i < sizeof boards / sizeof *boards; i++)
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "%s: %s", boards[i].name,
						amd ? boards[i].amd : boards[i].intel));
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_TEXT,
			amd ? "Its names: SVM or AMD-V, and IOMMU or AMD-Vi."
			    : "Its names: VT-x, and VT-d. Keys: DEL, F2 or F12.");
}

const struct wizard_step step_bios = {.name = "BIOS",
		.early = true,
		.step = STEP_BIOS,
		.rows = bios_rows,
		.state = bios_state,
		.keys = keys};
