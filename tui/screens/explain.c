/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/screens/steps.h"

/* What '?' shows: why a row says what it says, and the keys. */

/* What is known of a choice that is no finding. */
static void add_choice(struct text *text, const struct row *row)
{
	if (row->hint)
		text_addf(text, "What it does:\n  %s\n", row->hint);
	if (row->note)
		text_addf(text, "\nHere:\n  %s\n", row->note);
	if (row->check)
		text_addf(text, "\n%s:\n  %s\n\nSee: %s\nCheck: %s\n", row->check->title,
				row->check->why, row->check->see, row->check->id);
}

/* The guide's own line for it. */
static void add_guide(struct text *text, const struct row *row)
{
	const struct guide_line *line = row->choice ? goal_guide_line(row->choice->id) : NULL;
	if (line)
		text_addf(text, "\nThe guide has:\n  %s\n  %s\n", line->text, line->fault);
}

static void add_finding(struct text *text, const struct finding *finding)
{
	text_addf(text, "Found (%s, %s):\n  %s\n\nWhy it matters:\n  %s\n",
			status_names[finding->status], finding->subject, finding->detail,
			finding->check->why);
	if (finding->evidence.n)
		text_add(text, "\nSeen in:\n");
	for (size_t i = 0; i < finding->evidence.n; i++) {
		const struct evidence *item = finding->evidence.item[i];
		text_addf(text, "  %s: %s\n", item->source, item->text);
	}
	if (finding->fix.text)
		text_addf(text, "\nWhat to do%s:\n  %s\n",
				finding_is_planned(finding) ? " (in the plan, press v)" : "",
				finding->fix.text);
	text_addf(text, "\nSee: %s\nCheck: %s\n", finding->check->see, finding->check->id);
}

int finding_show(struct wizard *wizard, const struct row *row)
{
	struct text text = {0};
	if (row->page)
		row->page(wizard, row, &text);
	else if (row->finding)
		add_finding(&text, row->finding);
	else
		add_choice(&text, row);
	add_guide(&text, row);
	int key = show_text(row->finding && !row->page ? row->finding->check->title : row->text,
			text_string(&text));
	text_free(&text);
	/* What the plan mends leads to the same review as everything else. */
	return key == 'v' && wizard->facts->complete ? review_show(wizard) : key;
}

void keys_show(void)
{
	(void)show_text("Keys",
			"The seven steps are on the left, in the order of the guide. "
			"Nothing is changed\n"
			"before the review, where every change is shown and a typed yes is "
			"asked for.\n"
			"\n"
			"Up, Down, j, k     move\n"
			"Space              tick, or choose\n"
			"Enter, n           next step; on a GPU or VM: choose it\n"
			"x                  advanced: what few need (step 6)\n"
			"b, Backspace, Esc  back\n"
			"1 ... 7            go to that step (from any step)\n"
			"v                  review all planned changes\n"
			"r                  read the host again\n"
			"l                  the whole audit as a list\n"
			"c                  quick reference card: the commands, for this host\n"
			"m                  the IOMMU groups, drawn\n"
			"d                  doctor: from a symptom to its cause\n"
			"? or F1            why: explains the row\n"
			"q                  quit\n");
}
