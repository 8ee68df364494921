/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/wizard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pvegpu/base/text.h"
#include "tui/say.h"
#include "tui/screens/steps.h"

enum { SIDE_COLUMNS = 24, NOTE_COLUMN = 20 };

static const char still_reading[] = "The host is still being read; that needs all of it.";

static const struct wizard_step *const wizard_steps[WIZARD_SCREENS] = {&step_bios, &step_boot,
		&step_vfio, &step_gpu, &step_vm, &step_attach, &step_verify, &step_audit,
		&step_doctor, &step_diagnosis};

void wizard_judge(struct wizard *wizard)
{
	plan_free(wizard->plan);
	report_free(wizard->report);
	wizard->plan = NULL;
	wizard->report = NULL;
	wizard->judged++;
	struct error error;
	wizard->plan_error = (struct error){0};
	if (!wizard->facts->complete) {
		/* Neither the devices nor the VMs are in: no goal to judge, and no plan. */
		unsigned vmid = wizard->goal->vmid;
		size_t gpus = wizard->goal->gpus.n;
		wizard->goal->vmid = 0;
		wizard->goal->gpus.n = 0;
		(void)report_new(wizard->facts, wizard->goal, &wizard->report, NULL);
		wizard->goal->vmid = vmid;
		wizard->goal->gpus.n = gpus;
		return;
	}
	report_prepare(wizard->host, wizard->facts, wizard->goal);
	if (report_new(wizard->facts, wizard->goal, &wizard->report, &error) < 0) {
		/* The GPU or VM of the goal is gone from the host: choose again. */
		wizard->goal->gpus.n = 0;
		wizard->goal->vmid = 0;
		wizard->message = "The GPU or VM chosen before is not on this host any more.";
		(void)report_new(wizard->facts, wizard->goal, &wizard->report, NULL);
	}
	(void)report_plan(wizard->report, wizard->root, &wizard->plan, &wizard->plan_error);
}

/* Judge by these facts from now on; they are the wizard's then. */
static void take_facts(struct wizard *wizard, struct facts *facts)
{
	/* The report points into the old facts: it goes first. */
	plan_free(wizard->plan);
	report_free(wizard->report);
	wizard->plan = NULL;
	wizard->report = NULL;
	facts_free(wizard->facts);
	wizard->facts = facts;
	wizard_judge(wizard);
}

int wizard_refresh(struct wizard *wizard, struct error *err)
{
	struct facts *facts = NULL;
	wizard->reading_stale = wizard->reading != NULL;
	int status = facts_read_host(wizard->host, false, &facts, err);
	if (status == 0)
		take_facts(wizard, facts);
	return status;
}

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
	int row; /* index in the list of rows */
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
		return row->finding->automatic && row->finding->status != STATUS_OK ? "[todo] "
		       : row->pending                                               ? "[ .. ] "
				      : findings[row->finding->status];
	case ROW_ITEM:
		return " ";
	case ROW_HEADING:
	case ROW_TEXT:
		break;
	}
	return "";
}

static struct list lines_of(struct arena *arena, const struct list *rows, int columns)
{
	struct list lines = {0};
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = rows->item[i];
		if (!row)
			continue;
		const char *mark = mark_of(row);
		int indent = (int)strlen(mark);
		if (row->focusable)
			columns -= 2; /* the focus mark */
		if (!row->focusable) {
			struct strings wrapped = *row->text ? wrap_lines(arena, row->text, columns)
							    : (struct strings){0};
			if (!wrapped.n)
				strings_add(arena, &wrapped, "");
			for (size_t w = 0; w < wrapped.n; w++)
				add_line(arena, &lines,
						(struct line_out){.row = (int)i,
								.mark = "",
								.text = wrapped.item[w]});
			continue;
		}
		int text = (int)strlen(row->text);
		int note = row->note ? (int)strlen(row->note) : 0;
		int column = indent + text + 2 > NOTE_COLUMN ? indent + text + 2 : NOTE_COLUMN;
		bool beside = row->note && column + note <= columns;
		add_line(arena, &lines,
				(struct line_out){.row = (int)i,
						.mark = mark,
						.text = row->text,
						.note = beside ? row->note : NULL});
		struct strings wrapped = row->note && !beside ? wrap_lines(arena, row->note,
										columns - indent)
							      : (struct strings){0};
		for (size_t w = 0; w < wrapped.n; w++)
			add_line(arena, &lines,
					(struct line_out){.row = (int)i,
							.mark = "",
							.text = wrapped.item[w],
							.indent = indent});
		columns += 2;
	}
	return lines;
}

static void draw_line(const struct area *body, int y, const struct line_out *line,
		const struct row *row, bool focused)
{
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

/* The focus counts rows that can have it. */
static struct row *focused_row(const struct list *rows, int focus)
{
	int n = 0;
	for (size_t i = 0; i < rows->n; i++) {
		struct row *row = rows->item[i];
		if (row->focusable && n++ == focus)
			return row;
	}
	return NULL;
}

static int count_focusable(const struct list *rows)
{
	int n = 0;
	for (size_t i = 0; i < rows->n; i++)
		n += ((const struct row *)rows->item[i])->focusable;
	return n;
}

/* Until the whole host was read a step that needs it has no state, and unknown is not the last
 * word of the others. */
static const char *step_state(struct wizard *wizard, int step, struct arena *arena)
{
	bool complete = wizard->facts->complete;
	if (!complete && !wizard_steps[step]->early)
		return "[ .. ]";
	const char *state = wizard_steps[step]->state(wizard, arena);
	return !complete && strcmp(state, "[ ?? ]") == 0 ? "[ .. ]" : state;
}

static void make_rows(struct wizard *wizard, struct rows *rows)
{
	const struct wizard_step *step = wizard_steps[wizard->step];
	if (!wizard->facts->complete && !step->early) {
		(void)rows_add(rows, ROW_HEADING, "Reading the host ...");
		(void)rows_add(rows, ROW_TEXT,
				"This step fills in by itself as soon as the whole "
				"host was read.");
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

static void draw_side(struct wizard *wizard, const struct layout *layout, struct arena *arena)
{
	for (int i = 0; i < WIZARD_STEPS && i < layout->side.lines; i++) {
		bool here = i == wizard->step;
		const char *state = step_state(wizard, i, arena);
		enum role role = strcmp(state, "[ OK ]") == 0   ? ROLE_OK
				 : strcmp(state, "[FAIL]") == 0 ? ROLE_FAIL
				 : strcmp(state, "[wait]") == 0 || strcmp(state, "[ .. ]") == 0
						 ? ROLE_DIM
						 : ROLE_WARN;
		int y = layout->side.y + i;
		(void)draw_text(y, 0, 2, ROLE_KEY, here ? "> " : "  ");
		char name[24];
		(void)snprintf(name, sizeof name, "%d %s", i + 1, wizard_steps[i]->name);
		(void)draw_text(y, 2, 12, here ? ROLE_FOCUS : ROLE_PLAIN, name);
		(void)draw_text(y, 13, layout->side.columns - 14, role, state);
	}
	if (layout->side.lines < WIZARD_STEPS + 3 || !wizard->plan || !wizard->plan->changes.n)
		return;
	int y = layout->side.y + WIZARD_STEPS + 1;
	struct plan_totals totals = plan_totals(&wizard->plan->changes);
	const char *text = plan_totals_text(arena, totals);
	(void)draw_text(y, 2, layout->side.columns - 3, ROLE_DIM, "Planned so far:");
	draw_wrapped((struct area){y + 1, 2, 3, layout->side.columns - 4}, ROLE_DIM, text);
}

static void draw_step(struct wizard *wizard, struct rows *rows);

void wizard_draw(struct wizard *wizard)
{
	struct rows rows = {.arena = arena_new()};
	make_rows(wizard, &rows);
	draw_step(wizard, &rows);
	arena_free(rows.arena);
}

static size_t planned(const struct wizard *wizard)
{
	return wizard->plan ? wizard->plan->changes.n + wizard->plan->refusals.n : 0;
}

static void draw_step(struct wizard *wizard, struct rows *rows)
{
	/* The doctor has long lines to show, and is no step. */
	int side = wizard->step >= WIZARD_DOCTOR ? 0 : SIDE_COLUMNS;
	struct layout layout = layout_make(LINES, COLS, side);
	if (layout.too_small) {
		draw_too_small();
		return;
	}
	struct arena *arena = rows->arena;
	(void)erase();
	wizard_title(wizard);
	draw_rule(layout.rule_top, COLS);
	int top_line = 0;
	if (layout.side_shown) {
		draw_side(wizard, &layout, arena);
	} else if (side) {
		const struct wizard_step *step = wizard_steps[wizard->step];
		const char *where =
				wizard->step >= WIZARD_AUDIT
						? step->name
						: arena_printf(arena, "Step %d of 7: %s %s",
								  wizard->step + 1, step->name,
								  step_state(wizard, wizard->step,
										  arena));
		(void)draw_text(layout.body.y, 0, COLS, ROLE_KEY, where);
		layout.body.y++;
		layout.body.lines--;
	}
	struct list lines = lines_of(arena, &rows->list, layout.body.columns - 1);
	const struct row *focused = focused_row(&rows->list, wizard->focus[wizard->step]);
	/* Scroll so that the focused row is seen, with its neighbours where there is room. */
	int last_focus = 0;
	for (size_t i = 0; i < lines.n; i++) {
		const struct line_out *line = lines.item[i];
		if (rows->list.item[line->row] == focused)
			last_focus = (int)i;
	}
	if (focused && last_focus >= layout.body.lines)
		top_line = last_focus - layout.body.lines + 1;
	if (focused && wizard->focus[wizard->step] == count_focusable(&rows->list) - 1 &&
			(int)lines.n - last_focus < layout.body.lines &&
			(int)lines.n > layout.body.lines)
		top_line = (int)lines.n - layout.body.lines;
	for (int i = 0; i < layout.body.lines && top_line + i < (int)lines.n; i++) {
		const struct line_out *line = lines.item[top_line + i];
		const struct row *row = rows->list.item[line->row];
		if (row)
			draw_line(&layout.body, layout.body.y + i, line, row, row == focused);
	}
	draw_rule(layout.rule_bottom, COLS);
	if (wizard->reading)
		(void)draw_text(layout.rule_bottom, 2, 18, ROLE_DIM, " reading the host ");
	if (top_line + layout.body.lines < (int)lines.n)
		(void)draw_text(layout.rule_bottom, COLS - 13, 13, ROLE_DIM, " more below ");
	const char *hint = wizard->message            ? wizard->message
			   : focused && focused->hint ? focused->hint
						      : "";
	draw_wrapped(layout.hint, wizard->message ? ROLE_WARN : ROLE_PLAIN, hint);
	const char *keys[12];
	size_t n = 0;
	for (const char *const *key = wizard_steps[wizard->step]->keys; *key && n < 11; key++)
		keys[n++] = strcmp(*key, "v review") == 0 && planned(wizard)
					    ? arena_printf(arena, "v review (%zu)", planned(wizard))
					    : *key;
	keys[n] = NULL;
	draw_keys(layout.keys, keys);
	(void)refresh();
}

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
	if (finding->fix)
		text_addf(text, "\nWhat to do%s:\n  %s\n",
				finding->automatic ? " (in the plan, press v)" : "", finding->fix);
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
	int key = show_text(row->finding && !row->page ? row->finding->check->title : row->text,
			text_string(&text));
	text_free(&text);
	/* What the plan mends leads to the same review as everything else. */
	return key == 'v' && wizard->facts->complete ? review_show(wizard) : key;
}

static void general_help(void)
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

/* True when the person wants to leave. */
static bool quit_question(struct wizard *wizard)
{
	if (!wizard->plan || !wizard->plan->changes.n)
		return true;
	struct plan_totals totals = plan_totals(&wizard->plan->changes);
	bool reboot_only = totals.reboots == wizard->plan->changes.n;
	wizard->message = reboot_only ? "Quit? The reboot is still to be made. y quits, any other "
					"key stays."
				      : "Quit? The planned changes were not made. y quits, any "
					"other key stays.";
	wizard_draw(wizard);
	int key = term_key(-1, true);
	wizard->message = NULL;
	return key == 'y' || key == 'Y' || key == KEY_ENDED;
}

static void act(struct wizard *wizard, const struct row *row)
{
	if (!row || !wizard_steps[wizard->step]->act)
		return;
	wizard_steps[wizard->step]->act(wizard, row);
	wizard_judge(wizard);
}

/* A choice that nothing can make right: stay with it and say why. */
static bool stay_for_refusal(struct wizard *wizard)
{
	for (size_t i = 0; i < wizard->report->findings.n; i++) {
		const struct finding *finding = wizard->report->findings.item[i];
		if (finding->check->step == wizard_steps[wizard->step]->step &&
				finding->risk == RISK_NEVER) {
			wizard->message = finding->detail;
			return true;
		}
	}
	return false;
}

static int next_step(struct wizard *wizard)
{
	if (wizard->step == 5)
		return review_show(wizard);
	if (wizard->step < WIZARD_STEPS - 1)
		wizard->step++;
	return 0;
}

/* Put the focus on what is chosen already. */
static void focus_choices(struct wizard *wizard)
{
	for (int step = 3; step <= 4; step++) {
		struct rows rows = {.arena = arena_new()};
		wizard_steps[step]->rows(wizard, &rows);
		int n = 0;
		for (size_t i = 0; i < rows.list.n; i++) {
			const struct row *row = rows.list.item[i];
			if (row->focusable && row->kind == ROW_RADIO && row->on)
				wizard->focus[step] = n;
			n += row->focusable;
		}
		arena_free(rows.arena);
	}
}

/* Read the host beside the screen, or, where no thread can be had, at once. */
static void start_reading(struct wizard *wizard)
{
	struct error error;
	if (wizard->reading)
		return;
	wizard->reading_stale = false;
	wizard->reading = reading_start(wizard->host);
	if (!wizard->reading)
		(void)wizard_refresh(wizard, &error);
}

/* The host was read: judge by that. */
static void finish_reading(struct wizard *wizard)
{
	struct facts *facts = NULL;
	struct error error;
	if (!wizard->reading || !reading_take(wizard->reading, &facts, &error))
		return;
	wizard->reading = NULL;
	if (wizard->reading_stale) {
		facts_free(facts);
		return;
	}
	if (!facts) {
		wizard->message = error.code == ERROR_LOGIN
						  ? "The login is not accepted any more: q, then "
						    "start pvegpu again to log in."
				  : wizard->facts->complete
						  ? "The host could not be read again; what "
						    "is shown is from before."
						  : "The host could not be read. r tries "
						    "again, q quits.";
		return;
	}
	bool first = !wizard->facts->complete;
	/* Keys that were typed at a step not yet filled in were not meant for what it shows now. */
	if (first && !wizard_steps[wizard->step]->early)
		(void)flushinp();
	take_facts(wizard, facts);
	if (!first) {
		wizard->message = "Read again.";
		return;
	}
	/* Without any earlier choice a newcomer starts at the beginning. */
	if (!wizard->touched && (wizard->goal->gpus.n || wizard->goal->vmid))
		wizard->step = wizard_next_step(wizard);
	focus_choices(wizard);
}

/* Keys that move the focus; true when it was one. */
static bool move_focus(struct wizard *wizard, int key, int count)
{
	enum { PAGE = 10 };
	int *focus = &wizard->focus[wizard->step];
	int to = *focus;
	switch (key) {
	case KEY_DOWN:
		to++;
		break;
	case KEY_UP:
		to--;
		break;
	case KEY_NPAGE:
		to += PAGE;
		break;
	case KEY_PPAGE:
		to -= PAGE;
		break;
	case KEY_HOME:
		to = 0;
		break;
	case KEY_END:
		to = count - 1;
		break;
	default:
		return false;
	}
	to = to < count - 1 ? to : count - 1;
	*focus = to > 0 ? to : 0;
	return true;
}

static int go_forward(struct wizard *wizard, const struct row *row, int key)
{
	if (wizard_steps[wizard->step]->enter)
		return wizard_steps[wizard->step]->enter(wizard, row);
	if (!wizard->facts->complete && !wizard_steps[wizard->step]->early) {
		wizard->message = still_reading;
		return 0;
	}
	if (row && row->kind == ROW_RADIO && key == '\n') {
		act(wizard, row);
		if (stay_for_refusal(wizard))
			return 0;
	}
	return next_step(wizard);
}

static void go_back(struct wizard *wizard)
{
	if (wizard->step == WIZARD_DIAGNOSIS)
		wizard->step = WIZARD_DOCTOR;
	else if (wizard->step >= WIZARD_AUDIT)
		wizard->step = wizard->step_before;
	else
		wizard->step -= wizard->step > 0;
}

static int open_doctor(struct wizard *wizard)
{
	if (host_is_remote(wizard->host))
		wizard->message = "The doctor reads the host's own logs: run pvegpu on the node "
				  "itself.";
	else if (!wizard->facts->complete)
		wizard->message = still_reading;
	else
		return doctor_open(wizard);
	return 0;
}

enum { KEY_LEAVE = KEY_NONE + 1 };

/* One key; returns KEY_ENDED or KEY_LEAVE to leave, else anything. */
static int handle(struct wizard *wizard, int key, const struct list *rows)
{
	struct row *row = focused_row(rows, wizard->focus[wizard->step]);
	wizard->message = NULL;
	if (move_focus(wizard, key, count_focusable(rows)))
		return 0;
	switch (key) {
	case ' ':
		act(wizard, row);
		return 0;
	case '\n':
	case 'n':
		return go_forward(wizard, row, key);
	case 'b':
		go_back(wizard);
		return 0;
	case 'l':
		if (wizard->step < WIZARD_AUDIT)
			wizard->step_before = wizard->step;
		wizard->step = WIZARD_AUDIT;
		return 0;
	case '?':
		if (row && (row->finding || row->hint || row->page))
			return finding_show(wizard, row);
		general_help();
		return 0;
	case 'v':
	case 'c':
	case 'm':
		if (!wizard->facts->complete) {
			wizard->message = still_reading;
			return 0;
		}
		return key == 'v'   ? review_show(wizard)
		       : key == 'c' ? card_show(wizard)
				    : groups_show(wizard);
	case 'd':
		return open_doctor(wizard);
	case 'r':
		if (doctor_is_open(wizard))
			return doctor_read_again(wizard);
		start_reading(wizard);
		return 0;
	case 'q':
		return quit_question(wizard) ? KEY_LEAVE : 0;
	default:
		break;
	}
	if (key >= '1' && key <= '7')
		wizard->step = key - '1';
	else if (key != KEY_RESIZE)
		wizard->message = "Keys: arrows move, Space ticks, Enter goes on, ? explains, q "
				  "quits.";
	return 0;
}

static int loop(struct wizard *wizard)
{
	enum { POLL_MS = 30 }; /* while the host is being read */
	for (;;) {
		finish_reading(wizard);
		if (wizard->step < WIZARD_DOCTOR)
			doctor_leave(wizard);
		struct rows rows = {.arena = arena_new()};
		make_rows(wizard, &rows);
		int count = count_focusable(&rows.list);
		if (wizard->focus[wizard->step] >= count)
			wizard->focus[wizard->step] = count ? count - 1 : 0;
		draw_step(wizard, &rows);
		int key = term_key(wizard->reading ? POLL_MS : -1, false);
		if (key != KEY_NONE && key != KEY_RESIZE)
			wizard->touched = true;
		if (key != KEY_ENDED && key != KEY_NONE)
			key = handle(wizard, key, &rows.list);
		arena_free(rows.arena);
		if (key == KEY_ENDED || key == KEY_LEAVE || wizard->rebooting)
			return key;
	}
}

int wizard_next_step(const struct wizard *wizard)
{
	enum step next = report_next_step(wizard->report);
	for (int i = 0; i < WIZARD_STEPS; i++)
		if (wizard_steps[i]->step == next)
			return i;
	return 0;
}

static void say_goodbye(const struct wizard *wizard)
{
	if (wizard->demo) {
		say(stdout, "This was the demo: only its sample host was changed, and that is "
			    "gone.\n");
		return;
	}
	if (!wizard->runs.n)
		say(stdout, "Nothing was changed.\n");
	for (size_t i = wizard->runs.n; i-- > 0;)
		say(stdout, "Changes were made in run %s.\nUndo them with: %s\n",
				wizard->runs.item[i], wizard->undo);
	if (wizard->runs.n > 1)
		say(stdout, "Each rollback undoes one run, the newest first.\n");
	if (wizard->rebooting)
		say(stdout, "The host is restarting. Run pvegpu again when it is back.\n");
}

/* Leaving does not wait for a host that is slow to read: the thread is then left behind with the
 * process. The demo's own tree is never slow, and is to be removed. */
static void leave_reading(struct wizard *wizard, int status)
{
	const struct timespec moment = {.tv_nsec = 10L * 1000 * 1000};
	while (!reading_drop(wizard->reading)) {
		if (!wizard->demo) {
			(void)fflush(stdout);
			_exit(status);
		}
		(void)nanosleep(&moment, NULL);
	}
	wizard->reading = NULL;
}

int wizard_run(struct host *host, bool no_color, bool demo)
{
	struct root *root = host->root;
	static const char *const banners[] = {[ROOT_LIVE] = "",
			[ROOT_CAPTURED] = "CAPTURED HOST",
			[ROOT_SAMPLE] = "SAMPLE HOST",
			[ROOT_CHROOT] = "",
			[ROOT_REMOTE] = "REMOTE HOST"};
	struct wizard wizard = {.host = host,
			.root = root,
			.banner = banners[root_kind(root)],
			.demo = demo,
			.arena = arena_new()};
	wizard.undo = host_is_remote(host) ? arena_printf(wizard.arena,
							     "pvegpu rollback --api https://%s",
							     host->client->address)
		      : root_dir(root)[0]
				      ? arena_printf(wizard.arena, "pvegpu rollback --root %s%s",
							text_shell_quote(wizard.arena,
									root_dir(root)),
							root_kind(root) == ROOT_SAMPLE &&
											!root_is_sandboxed(
													root)
									? " --run-scripts"
									: "")
				      : "pvegpu rollback";
	struct error error;
	wizard.goal = history_last_goal(root);
	if (!wizard.goal)
		wizard.goal = goal_new();
	if (facts_read_host(host, true, &wizard.facts, &error) < 0) {
		int wrong = say_error(&error, error.code == ERROR_USAGE ? 2 : 3);
		goal_free(wizard.goal);
		arena_free(wizard.arena);
		return wrong;
	}
	wizard_judge(&wizard);
	const char *reason = NULL;
	int status = 0;
	if (!term_start(no_color, &reason)) {
		say(stderr,
				"pvegpu: %s, so the wizard cannot run here\n"
				"        without it: pvegpu audit, pvegpu plan, pvegpu apply\n",
				reason);
		status = 2;
	} else {
		start_reading(&wizard);
		(void)loop(&wizard);
		term_stop();
		if (term_signal())
			status = 128 + term_signal();
		say_goodbye(&wizard);
		leave_reading(&wizard, status);
	}
	plan_free(wizard.plan);
	report_free(wizard.report);
	doctor_free(wizard.doctor);
	facts_free(wizard.facts);
	goal_free(wizard.goal);
	arena_free(wizard.arena);
	return status;
}
