/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/text.h"
#include "tui/wizard.h"

struct row *rows_add(struct rows *rows, enum row_kind kind, const char *text)
{
	struct row *row = arena_alloc(rows->arena, sizeof *row);
	*row = (struct row){.kind = kind, .text = arena_strdup(rows->arena, text)};
	row->focusable = kind != ROW_HEADING && kind != ROW_TEXT;
	row->role = kind == ROW_HEADING ? ROLE_TITLE : ROLE_PLAIN;
	list_add(rows->arena, &rows->list, row);
	return row;
}

bool row_is_page(const struct row *row)
{
	return row->kind == ROW_ITEM && row->page && !row->choice;
}

struct row *rows_add_choice(struct rows *rows, enum choice_id id, bool on)
{
	const struct goal_choice *choice = &goal_choices[id];
	struct row *row = rows_add(rows, ROW_CHECK, choice->text);
	row->on = on;
	row->note = choice->note;
	row->hint = choice->hint;
	row->choice = choice;
	return row;
}

struct row *rows_add_value(
		struct rows *rows, enum choice_id id, const char *device, const char *prompt)
{
	const struct goal_choice *choice = &goal_choices[id];
	struct row *row = rows_add(rows, ROW_ITEM, choice->text);
	row->hint = choice->hint;
	row->choice = choice;
	row->device = device;
	row->prompt = prompt;
	return row;
}

/* "2 now, of 7", "4 asked for, 2 now". */
static const char *attribute_note(struct arena *arena, const struct goal *goal,
		const struct goal_choice *choice, const struct pci_device *gpu)
{
	int now = device_attribute_now(gpu, choice->form->attribute);
	const char *value = now >= 0 ? arena_printf(arena, "%d", now) : "unknown";
	unsigned wanted = 0;
	if (goal_number(goal, choice->id, gpu->name, &wanted))
		return arena_printf(arena, "%u asked for, %s now", wanted, value);
	return choice->id == CHOOSE_FUNCTIONS
			       ? arena_printf(arena, "%s now, of %d", value, gpu->sriov_total)
			       : arena_printf(arena, "%s now", value);
}

void rows_add_attribute(struct rows *rows, const struct report *report,
		const struct goal_choice *choice, const struct pci_device *gpu)
{
	const char *name = short_address(gpu);
	bool counts = choice->id == CHOOSE_FUNCTIONS;
	char *sizes = choice->id == CHOOSE_BAR_SIZE ? device_window_sizes(gpu, rows->arena) : NULL;
	const char *range = counts  ? arena_printf(rows->arena, "0 to %d",
                                                     gpu->sriov_total > 0 ? gpu->sriov_total : 0)
			    : sizes ? sizes
				    : choice->form->what;
	unsigned wanted = 0;
	bool asked = goal_number(report->goal, choice->id, gpu->name, &wanted);
	struct row *row = rows_add_value(rows, choice->id, gpu->name,
			arena_printf(rows->arena, "%s of %s, %s (empty: as now): ", choice->yes,
					name, range));
	row->text = arena_printf(rows->arena, "%s %s", name, choice->text);
	row->note = attribute_note(rows->arena, report->goal, choice, gpu);
	row->check = check_by_id(choice->checks);
	struct subject about = subject_device(gpu);
	struct finding_query query = {.check = choice->checks, .subject = &about};
	const struct finding *finding;
	while (asked && (choice->page != PAGE_GPU || !parts_give(report, gpu)) &&
			(finding = report_next(report, &query)))
		rows_add_finding(rows, report, finding);
}

struct row *rows_add_choice_of_parts(
		struct rows *rows, const struct wizard *wizard, enum choice_id id)
{
	const struct list parts = parts_on_screen(rows->arena, wizard);
	const struct report *shown = parts_shown(wizard);
	bool on = true;
	bool any = false;
	bool asked = false;
	bool done = true;
	for (size_t i = 0; i < parts.n; i++) {
		const struct report *part = parts.item[i];
		bool so = part->done[id] || part->decided[id];
		on = on && so;
		any = any || so;
		asked = asked || part->goal->chosen[id] == CHOICE_YES;
		done = done && part->done[id];
	}
	struct row *row = rows_add_choice(rows, id, on);
	row->device = shown ? shown->gpu->name : NULL;
	row->settled = done;
	if (done)
		row->note = "so already";
	row->mixed = any && !on;
	if (row->mixed)
		row->note = "not the same for all";
	else if (asked && !any)
		row->note = "asked for; not possible here";
	return row;
}

/* What a part is to have, or has already. */
static const char *value_note(
		struct arena *arena, const struct report *part, const struct goal_choice *choice)
{
	const struct choice_view view = report_view(part);
	const char *chosen = part->goal->values[choice->id];
	const char *now = choice_now(choice, &view);
	bool offers = choice->id != CHOOSE_MDEV || !part->gpu || part->gpu->mdev != KNOWN_NO;
	if (chosen)
		return arena_printf(arena, "%s asked for, %s now", chosen, now ? now : "not set");
	return now ? now : offers ? "not set" : "not set; none is offered";
}

struct row *rows_add_value_of_parts(
		struct rows *rows, const struct wizard *wizard, enum choice_id id)
{
	const struct list parts = parts_on_screen(rows->arena, wizard);
	const struct report *shown = parts_shown(wizard);
	struct row *row = rows_add_value(
			rows, id, shown ? shown->gpu->name : NULL, goal_choices[id].form->ask);
	for (size_t i = 0; i < parts.n; i++) {
		const char *note = value_note(rows->arena, parts.item[i], row->choice);
		if (i && strcmp(note, row->note) != 0)
			row->mixed = true;
		row->note = note;
	}
	if (row->mixed)
		row->note = "not the same for all";
	return row;
}

/* What is on only because nobody said otherwise must be refused to be off. */
void rows_toggle(const struct row *row, struct goal *goal)
{
	const struct goal_choice *choice = row->choice;
	bool by_itself = choice->advise || choice->usual;
	if (!row->settled)
		goal_choose(goal, choice, row->device,
				!row->on                   ? CHOICE_YES
				: by_itself || row->device ? CHOICE_NO
							   : CHOICE_ADVISED);
}

void rows_add_finding(struct rows *rows, const struct report *report, const struct finding *finding)
{
	static const enum role roles[] = {ROLE_OK, ROLE_PLAIN, ROLE_WARN, ROLE_FAIL, ROLE_WARN};
	struct row *row = rows_add(rows, ROW_FINDING, finding->check->title);
	row->finding = finding;
	row->hint = finding->detail;
	if (finding->about.kind == SUBJECT_DEVICE)
		row->note = finding->subject;
	else if (finding->about.kind == SUBJECT_VM && parts_vms(rows->arena, report).n > 1)
		row->note = arena_printf(rows->arena, "VM %u", finding->about.vmid);
	row->role = finding_is_planned(finding) && finding->status != STATUS_OK
				    ? ROLE_WARN
				    : roles[finding->status];
}

void rows_add_findings(struct rows *rows, const struct report *report, enum step step,
		const struct subject *subject, bool all)
{
	struct finding_query query = {.steps = 1U << step, .subject = subject};
	const struct finding *finding;
	while ((finding = report_next(report, &query)))
		if ((all || finding->status != STATUS_OK) && !finding_is_unseen(report, finding))
			rows_add_finding(rows, report, finding);
}

bool rows_add_remote(struct rows *rows, const struct facts *facts, const struct report *report,
		const char *command)
{
	if (!facts->remote)
		return false;
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena,
					"Only the files of %s tell this, and its API does not show them. On %s, as root, run:",
					facts->node, facts->node));
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena, "    pvegpu %s%s%s", command,
					report->gpu ? " --gpu " : "",
					report->gpu ? report->gpu->name : ""));
	(void)rows_add(rows, ROW_TEXT, "");
	return true;
}

struct step_state state_of_findings(const struct wizard *wizard, enum step step)
{
	size_t todo = 0;
	bool failed = false;
	bool unknown = false;
	struct finding_query query = {.steps = 1U << step};
	const struct finding *finding;
	while ((finding = report_next(wizard->report, &query))) {
		todo += finding_is_planned(finding);
		failed = failed || finding->risk == RISK_NEVER ||
			 (finding->status == STATUS_FAIL && finding->check->plans &&
					 !finding_is_planned(finding));
		unknown = unknown || finding->status == STATUS_UNKNOWN;
	}
	if (failed)
		return (struct step_state){.stand = STAND_FAIL};
	if (todo)
		return (struct step_state){STAND_TO_DO, todo};
	return (struct step_state){.stand = unknown ? STAND_UNKNOWN : STAND_OK};
}

const char *short_address(const struct pci_device *device)
{
	return device->name + (text_starts(device->name, "0000:") ? strlen("0000:") : 0);
}

const char *short_label(struct arena *arena, const struct pci_device *device)
{
	/* "NVIDIA Corporation GA102 [GeForce RTX 3080]": the name people know is in brackets. */
	const char *open = strrchr(device->label, '[');
	const char *end = open ? strchr(open, ']') : NULL;
	if (open && end && !end[1])
		return arena_strndup(arena, open + 1, (size_t)(end - open - 1));
	/* "Intel Corporation Cannon Lake PCH": without the word that says nothing. */
	const char *word = strstr(device->label, " Corporation ");
	return word ? arena_printf(arena, "%.*s %s", (int)(word - device->label), device->label,
				      word + strlen(" Corporation "))
		    : device->label;
}
