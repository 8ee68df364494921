/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <strings.h>

#include "tui/screens/steps.h"

/* Step 1: what the firmware setup must have on, and where to find it. */

static const struct key keys[] = {{' ', "Space", "tick"}, {'\n', "Enter", "next"},
		{'?', "?", "why"}, {REVIEW_KEY, "v", "review"}, {'r', "r", "reread"},
		{'1', "1-7", "step"}, {'q', "q", "quit"}, {0}};

enum { ACT_SEEN = 1 };

/* The guide's table of where the setup hides the IOMMU, with the words of AMD boards beside. */
static const struct board {
	const char *vendor; /* as the start of DMI's board_vendor, any case */
	const char *name;
	const char *intel, *amd;
} boards[] = {
		{"ASUS", "ASUS", "Advanced > CPU Configuration > Intel VT-d",
				"Advanced > AMD CBS > NBIO > IOMMU"},
		{"Gigabyte", "Gigabyte", "BIOS Features > Intel VT-d",
				"Settings > AMD CBS > NBIO > IOMMU"},
		{"Micro-Star", "MSI", "OC > CPU Features > Intel VT-d",
				"OC > Advanced CPU Configuration > AMD CBS > IOMMU"},
		{"ASRock", "ASRock", "Advanced > CPU Configuration > Intel VT-d",
				"Advanced > AMD CBS > NBIO > IOMMU"},
		{"Supermicro", "Supermicro",
				"Advanced > Chipset Configuration > North Bridge > IIO Configuration > Intel VT-d",
				"Advanced > NB Configuration > IOMMU"},
};

/* What only a person in front of the setup can see. Ticked by hand, for this session. */
static const struct by_hand {
	const char *text, *note, *hint;
} by_hand[] = {
		{"CSM off", "boot by UEFI only",
				"With the legacy module (CSM) on, the firmware starts the card's old video BIOS, and the guest's may then fail."},
		{"Display", "the host's is not the VM's GPU",
				"Let the host start on another GPU (often called iGPU or Primary "
				"Display), so that its console does not sit on the VM's."},
};

static struct step_state bios_state(const struct wizard *wizard)
{
	enum step_stand stand = STAND_OK;
	struct finding_query query = {.steps = 1U << STEP_BIOS};
	const struct finding *finding;
	while ((finding = report_next(wizard->report, &query))) {
		if (finding->status == STATUS_FAIL)
			return (struct step_state){.stand = STAND_FAIL};
		if (finding->status == STATUS_UNKNOWN)
			stand = STAND_UNKNOWN;
	}
	return (struct step_state){.stand = stand};
}

static void add_board(const struct wizard *wizard, struct rows *rows)
{
	const struct facts *facts = wizard->facts;
	bool amd = facts->cpu_vendor == CPU_AMD;
	const struct board *mine = NULL;
	for (size_t i = 0; i < sizeof boards / sizeof *boards; i++)
		if (facts->board_vendor && strncasecmp(facts->board_vendor, boards[i].vendor,
							   strlen(boards[i].vendor)) == 0)
			mine = &boards[i];
	if (facts->board_vendor)
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "This board: %s %s", facts->board_vendor,
						facts->board_name ? facts->board_name : ""));
	for (size_t i = 0; i < sizeof boards / sizeof *boards; i++)
		if (!mine || mine == &boards[i])
			(void)rows_add(rows, ROW_TEXT,
					arena_printf(rows->arena, "%s: %s", boards[i].name,
							amd ? boards[i].amd : boards[i].intel));
}

static void bios_rows(struct wizard *wizard, struct rows *rows)
{
	const struct facts *facts = wizard->facts;
	bool amd = facts->cpu_vendor == CPU_AMD;
	(void)rows_add(rows, ROW_HEADING, "What the firmware setup (BIOS) must have on");
	(void)rows_add_remote(rows, facts, wizard->report, "audit");
	rows_add_findings(rows, wizard->report, STEP_BIOS, NULL, true);
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_HEADING, "Only you can see (tick by hand)");
	for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++) {
		struct row *row = rows_add(rows, ROW_CHECK, by_hand[i].text);
		row->on = wizard->seen_by_hand & 1U << i;
		row->note = by_hand[i].note;
		row->hint = by_hand[i].hint;
		row->action = ACT_SEEN;
		row->data = &by_hand[i];
	}
	(void)rows_add(rows, ROW_TEXT, "");
	bool fine = bios_state(wizard).stand == STAND_OK;
	(void)rows_add(rows, ROW_HEADING,
			fine ? "Nothing to do here. It is set in the firmware setup:"
			     : "To switch it on: restart, press DEL, F2 or F12");
	add_board(wizard, rows);
	if (facts->firmware_version)
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "Firmware: %s %s%s%s%s",
						facts->firmware_vendor ? facts->firmware_vendor
								       : "",
						facts->firmware_version,
						facts->firmware_date ? " (" : "",
						facts->firmware_date ? facts->firmware_date : "",
						facts->firmware_date ? ")" : ""));
	(void)rows_add(rows, ROW_TEXT,
			amd ? "Its names: SVM or AMD-V, and IOMMU or AMD-Vi. Keys: DEL, F2 or F12."
			    : "Its names: VT-x, and VT-d. Keys: DEL, F2 or F12.");
	if (facts->firmware_setup == KNOWN_YES)
		(void)rows_add_choice(rows, CHOOSE_FIRMWARE_SETUP,
				wizard->goal->chosen[CHOOSE_FIRMWARE_SETUP] == CHOICE_YES);
}

static void bios_act(struct wizard *wizard, const struct row *row)
{
	if (row->action == ACT_SEEN)
		wizard->seen_by_hand ^= 1U << ((const struct by_hand *)row->data - by_hand);
}

const struct wizard_step step_bios = {.name = "BIOS",
		.early = true,
		.step = STEP_BIOS,
		.rows = bios_rows,
		.act = bios_act,
		.state = bios_state,
		.keys = keys};
