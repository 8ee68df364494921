/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/wizard_draw.h"

#include <stdio.h>
#include <string.h>

#include "pvegpu/base/text.h"

enum { SIDE_COLUMNS = 24, NOTE_COLUMN = 20 };

void wizard_title(const struct wizard *wizard)
{
	const struct facts *facts = wizard->facts;
	struct arena *arena = arena_new();
	int banner = (int)strlen(wizard->banner);
	char *title = arena_printf(arena, "pvegpu  %s - Proxmox VE %s - kernel %s",
			facts->node ? facts->node : "host",
			facts->pve_version ? facts->pve_version : "unknown",
			facts->kernel ? facts->kernel : "unknown");
	(void)draw_text(0, 0, COLS - banner - 1, ROLE_TITLE, title);
	(void)draw_text(0, COLS - banner, banner, ROLE_KEY, wizard->banner);
	arena_free(arena);
}

/* One line on the screen; a row may have several. */
struct line_out {
	const struct row *row;
	const char *mark;
	const char *text;
	const char *note; /* at NOTE_COLUMN, or NULL */
	int indent;
};

static void add_line(struct arena *arena, struct list *lines, struct line_out line)
{
	struct line_out *copy = arena_alloc(arena, sizeof *copy);
	*copy = line;
	list_add(arena, lines, copy);
}

static const char *mark_of(const struct row *row)
{
	static const char *const findings[] = {
			"[ OK ] ", "[INFO] ", "[WARN] ", "[FAIL] ", "[ ?? ] "};
	switch (row->kind) {
	case ROW_CHECK:
		return row->on ? "[x] " : "[ ] ";
	case ROW_RADIO:
		return row->on ? "(*) " : "( ) ";
	case ROW_FINDING:
		/* What the plan mends is no fault of the person's: it is still to be done. */
		return finding_is_planned(row->finding) && row->finding->status != STATUS_OK
				       ? "[todo] "
		       : row->pending ? "[ .. ] "
				      : findings[row->finding->status];
	case ROW_ITEM:
		return " ";
	case ROW_HEADING:
	case ROW_TEXT:
		break;
	}
	return "";
}

static void add_wrapped(struct arena *arena, struct list *lines, struct line_out line,
		const char *text, int columns)
{
	struct strings wrapped = *text ? wrap_lines(arena, text, columns) : (struct strings){0};
	if (!wrapped.n)
		strings_add(arena, &wrapped, "");
	for (size_t i = 0; i < wrapped.n; i++) {
		line.text = wrapped.item[i];
		add_line(arena, lines, line);
	}
}

/* Mark and text, and the note beside them, or below where it is too long. */
static void add_choice_lines(
		struct arena *arena, struct list *lines, const struct row *row, int columns)
{
	const char *mark = mark_of(row);
	int indent = (int)strlen(mark);
	int text = (int)strlen(row->text);
	int note = row->note ? (int)strlen(row->note) : 0;
	int column = indent + text + 2 > NOTE_COLUMN ? indent + text + 2 : NOTE_COLUMN;
	bool beside = row->note && column + note <= columns;
	add_line(arena, lines,
			(struct line_out){.row = row,
					.mark = mark,
					.text = row->text,
					.note = beside ? row->note : NULL});
	if (note && !beside)
		add_wrapped(arena, lines,
				(struct line_out){.row = row, .mark = "", .indent = indent},
				row->note, columns - indent);
}

static struct list lines_of(struct arena *arena, const struct list *rows, int columns)
{
	enum { FOCUS_MARK = 2 };
	struct list lines = {0};
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = rows->item[i];
		if (row->focusable)
			add_choice_lines(arena, &lines, row, columns - FOCUS_MARK);
		else
			add_wrapped(arena, &lines, (struct line_out){.row = row, .mark = ""},
					row->text, columns);
	}
	return lines;
}

static void draw_line(const struct area *body, int y, const struct line_out *line, bool focused)
{
	const struct row *row = line->row;
	int columns = body->columns - 1;
	int x = body->x;
	enum role role = focused ? ROLE_FOCUS : row->role;
	if (row->focusable) {
		(void)draw_text(y, x, 2, ROLE_KEY, focused && line->mark[0] ? "> " : "  ");
		x += 2;
		columns -= 2;
	}
	x += line->indent;
	columns -= line->indent;
	int used = draw_text(y, x, columns, role, line->mark);
	used += draw_text(y, x + used, columns - used, role, line->text);
	if (line->note) {
		int at = used + 2 > NOTE_COLUMN ? used + 2 : NOTE_COLUMN;
		(void)draw_text(y, x + at, columns - at, row->role, line->note);
	}
}

struct row *rows_focused(const struct list *rows, int focus)
{
	int n = 0;
	for (size_t i = 0; i < rows->n; i++) {
		struct row *row = rows->item[i];
		if (row->focusable && n++ == focus)
			return row;
	}
	return NULL;
}

int rows_focusable(const struct list *rows)
{
	int n = 0;
	for (size_t i = 0; i < rows->n; i++)
		n += ((const struct row *)rows->item[i])->focusable;
	return n;
}

/* Until the whole host was read a step that needs it has no state, and unknown is not the last
 * word of the others. */
static struct step_state step_state(const struct wizard *wizard, int step)
{
	const struct step_state reading = {.stand = STAND_READING};
	bool complete = wizard->facts->complete;
	if (!complete && !wizard_steps[step]->early)
		return reading;
	struct step_state state = wizard_steps[step]->state(wizard);
	return !complete && state.stand == STAND_UNKNOWN ? reading : state;
}

/* Beside the name there is room for 9 characters. */
static const struct {
	const char *text;
	enum role role;
} stands[] = {
		[STAND_OK] = {"[ OK ]", ROLE_OK},
		[STAND_FAIL] = {"[FAIL]", ROLE_FAIL},
		[STAND_UNKNOWN] = {"[ ?? ]", ROLE_WARN},
		[STAND_READING] = {"[ .. ]", ROLE_DIM},
		[STAND_WAIT] = {"[wait]", ROLE_DIM},
		[STAND_CHOOSE] = {"[choose]", ROLE_WARN},
		[STAND_RISK] = {"[risk]", ROLE_WARN},
		[STAND_ACCEPTED] = {"[WARN]", ROLE_WARN},
		[STAND_REBOOT] = {"[reboot]", ROLE_WARN},
		[STAND_TO_DO] = {"[to do]", ROLE_WARN},
};

static const char *state_text(struct arena *arena, struct step_state state)
{
	return state.count ? arena_printf(arena, "[%zu to do]", state.count)
			   : stands[state.stand].text;
}

void wizard_rows(struct wizard *wizard, struct rows *rows)
{
	const struct wizard_step *step = wizard_steps[wizard->step];
	if (!wizard->facts->complete && !step->early) {
		(void)rows_add(rows, ROW_HEADING, "Reading the host ...");
		(void)rows_add(rows, ROW_TEXT,
				"This step fills in by itself as soon as the whole host was read.");
		return;
	}
	step->rows(wizard, rows);
	for (size_t i = 0; !wizard->facts->complete && i < rows->list.n; i++) {
		struct row *row = rows->list.item[i];
		row->pending = row->finding && row->finding->status == STATUS_UNKNOWN;
		if (row->pending)
			row->hint = "Still being read: it fills in by itself.";
	}
}

/* What the plan holds so far, below the steps where there is room. */
static void draw_planned(
		const struct wizard *wizard, const struct layout *layout, struct arena *arena)
{
	if (layout->side.lines < WIZARD_STEPS + 3 || !wizard->plan || !wizard->plan->changes.n)
		return;
	int y = layout->side.y + WIZARD_STEPS + 1;
	const char *text = plan_totals_text(arena, &wizard->plan->changes);
	(void)draw_text(y, 2, layout->side.columns - 3, ROLE_DIM, "Planned so far:");
	draw_wrapped((struct area){y + 1, 2, 3, layout->side.columns - 4}, ROLE_DIM, text);
}

static void draw_side(struct wizard *wizard, const struct layout *layout, struct arena *arena)
{
	for (int i = 0; i < WIZARD_STEPS && i < layout->side.lines; i++) {
		bool here = i == wizard->step;
		struct step_state state = step_state(wizard, i);
		int y = layout->side.y + i;
		(void)draw_text(y, 0, 2, ROLE_KEY, here ? "> " : "  ");
		char name[24];
		(void)snprintf(name, sizeof name, "%d %s", i + 1, wizard_steps[i]->name);
		(void)draw_text(y, 2, 12, here ? ROLE_FOCUS : ROLE_PLAIN, name);
		(void)draw_text(y, 13, layout->side.columns - 14, stands[state.stand].role,
				state_text(arena, state));
	}
	draw_planned(wizard, layout, arena);
}

/* Where there is no room for the list of steps: the one that this is, in the body's first line. */
static void draw_where(struct wizard *wizard, struct layout *layout, struct arena *arena)
{
	const char *name = wizard_steps[wizard->step]->name;
	const char *where =
			wizard->step >= WIZARD_AUDIT
					? name
					: arena_printf(arena, "Step %d of 7: %s %s",
							  wizard->step + 1, name,
							  state_text(arena,
									  step_state(wizard,
											  wizard->step)));
	(void)draw_text(layout->body.y, 0, COLS, ROLE_KEY, where);
	layout->body.y++;
	layout->body.lines--;
}

/* The line to begin with, so that the focused row is seen, with its neighbours where there is room:
 * `last`: nothing below it can have the focus, so what is there is shown too. */
static int first_line(const struct list *lines, const struct row *focused, bool last, int room)
{
	int at = 0;
	for (size_t i = 0; i < lines->n; i++)
		if (((const struct line_out *)lines->item[i])->row == focused)
			at = (int)i;
	int n = (int)lines->n;
	if (focused && last && n - at < room && n > room)
		return n - room;
	return focused && at >= room ? at - room + 1 : 0;
}

/* True when there is more below. */
static bool draw_body(const struct wizard *wizard, const struct layout *layout,
		const struct rows *rows, const struct row *focused)
{
	const struct area *body = &layout->body;
	struct list lines = lines_of(rows->arena, &rows->list, body->columns - 1);
	if (!lines.item)
		return false;
	bool last = wizard->focus[wizard->step] == rows_focusable(&rows->list) - 1;
	int first = first_line(&lines, focused, last, body->lines);
	for (int i = 0; i < body->lines && first + i < (int)lines.n; i++) {
		const struct line_out *line = lines.item[first + i];
		draw_line(body, body->y + i, line, line->row == focused);
	}
	return first + body->lines < (int)lines.n;
}

static void draw_foot(const struct wizard *wizard, const struct layout *layout,
		const struct row *focused, bool more)
{
	draw_rule(layout->rule_bottom, COLS);
	if (wizard->reading)
		(void)draw_text(layout->rule_bottom, 2, 18, ROLE_DIM, " reading the host ");
	if (more)
		(void)draw_text(layout->rule_bottom, COLS - 13, 13, ROLE_DIM, " more below ");
	const char *hint = focused && focused->hint ? focused->hint : "";
	draw_wrapped(layout->hint, wizard->message ? ROLE_WARN : ROLE_PLAIN,
			wizard->message ? wizard->message : hint);
}

/* Of a row that asks for a value, or has a page, Enter does that; x is the way there and back. */
static const struct key *keys_for(
		struct arena *arena, const struct wizard *wizard, const struct row *focused)
{
	const struct key *keys = wizard_steps[wizard->step]->keys;
	bool special = focused && (focused->prompt || row_is_page(focused));
	size_t n = 0;
	while (keys[n].name)
		n++;
	struct key *shown = arena_alloc(arena, (n + 1) * sizeof *shown);
	for (size_t i = 0; i <= n; i++) {
		shown[i] = keys[i];
		if (keys[i].name && keys[i].code == 'x' && wizard->advanced)
			shown[i].label = "less";
		if (special && keys[i].name && keys[i].code == '\n')
			shown[i].label = focused->prompt ? "set it" : "show";
		if (special && keys[i].name &&
				(keys[i].code == ' ' || keys[i].code == '+')) /* not of it */
			shown[i] = (struct key){REVIEW_KEY, "v", "review"};
	}
	return shown;
}

void wizard_draw_rows(struct wizard *wizard, const struct rows *rows)
{
	/* The doctor has long lines to show, and is no step. */
	int side = wizard->step >= WIZARD_DOCTOR ? 0 : SIDE_COLUMNS;
	struct layout layout = layout_make(LINES, COLS, side);
	if (layout.too_small) {
		draw_too_small();
		return;
	}
	(void)erase();
	wizard_title(wizard);
	draw_rule(layout.rule_top, COLS);
	if (layout.side_shown)
		draw_side(wizard, &layout, rows->arena);
	else if (side)
		draw_where(wizard, &layout, rows->arena);
	const struct row *focused = rows_focused(&rows->list, wizard->focus[wizard->step]);
	bool more = draw_body(wizard, &layout, rows, focused);
	draw_foot(wizard, &layout, focused, more);
	size_t planned = wizard->plan ? wizard->plan->changes.n + wizard->plan->refusals.n : 0;
	draw_keys(layout.keys, keys_for(rows->arena, wizard, focused), planned);
	(void)refresh();
}

void wizard_draw(struct wizard *wizard)
{
	struct rows rows = {.arena = arena_new()};
	wizard_rows(wizard, &rows);
	wizard_draw_rows(wizard, &rows);
	arena_free(rows.arena);
}
