/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pvegpu/doctor/doctor.h"
#include "tui/screens/steps.h"
#include "tui/worker.h"

/*
 * Guided troubleshooting. The first page lists what the logs say, and what a person may see; the
 * second is one diagnosis: the line, its cause, what was found here, what is ruled out, and the
 * fixes in order. A fix that pvegpu can make is ticked and goes to the same review as everything
 * else. While the doctor is open the goal is one of its own: nothing but what is ticked.
 */
struct doctor {
	struct scan *scan;
	struct diagnosis *diagnosis;     /* of the report that was judged last; or NULL */
	unsigned judged;                 /* wizard->judged of that */
	const struct symptom_kind *kind; /* that is looked at, or NULL: a case is */
	const struct match *match;       /* of the case that is looked at */
	struct goal *before;             /* the wizard's own goal meanwhile; NULL: not open */
	char pasted[512];
};

static const struct key list_keys[] = {{'\n', "Enter", "open"}, {'r', "r", "read again"},
		{'b', "b", "back"}, {'l', "l", "audit"}, {REVIEW_KEY, "v", "review"},
		{'q', "q", "quit"}, {0}};
static const struct key case_keys[] = {{' ', "Space", "tick a fix"}, {REVIEW_KEY, "v", "review"},
		{'?', "?", "why"}, {'b', "b", "back"}, {'r', "r", "read again"}, {'q', "q", "quit"},
		{0}};

static void drop_diagnosis(struct doctor *doctor)
{
	diagnosis_free(doctor->diagnosis);
	doctor->diagnosis = NULL;
}

void doctor_free(struct doctor *doctor)
{
	if (!doctor)
		return;
	drop_diagnosis(doctor);
	scan_free(doctor->scan);
	goal_free(doctor->before);
	free(doctor);
}

/* Made anew when the host was judged again, and for another symptom. */
static const struct diagnosis *diagnosis_of(struct wizard *wizard)
{
	struct doctor *doctor = wizard->doctor;
	if (doctor->diagnosis && doctor->judged == wizard->judged)
		return doctor->diagnosis;
	drop_diagnosis(doctor);
	doctor->judged = wizard->judged;
	doctor->diagnosis =
			doctor_diagnose(doctor->scan, wizard->report, wizard->root, doctor->kind);
	return doctor->diagnosis;
}

/* The logs are read beside the screen; that is bounded in time. */
static void read_logs(void *user)
{
	const struct wizard *wizard = user;
	scan_host(wizard->doctor->scan, wizard->root);
}

static void draw_reading(const struct wizard *wizard, time_t started)
{
	struct layout layout = layout_make(LINES, COLS, 0);
	char text[64];
	if (layout.too_small) {
		draw_too_small();
		return;
	}
	(void)erase();
	wizard_title(wizard);
	(void)snprintf(text, sizeof text, "Reading the logs ... %ld s",
			(long)(time(NULL) - started));
	(void)draw_text(layout.body.y + 1, 2, COLS - 4, ROLE_KEY, text);
	(void)refresh();
}

/* False when the program is to end. */
static bool scan_logs(struct wizard *wizard)
{
	struct doctor *doctor = wizard->doctor;
	bool asked_to_end = false;
	const time_t started = time(NULL);
	drop_diagnosis(doctor);
	doctor->match = NULL;
	scan_free(doctor->scan);
	doctor->scan = symptoms_scan(NULL);
	struct worker *worker = worker_start(read_logs, wizard);
	if (!worker)
		read_logs(wizard);
	while (worker && !worker_has_ended(worker)) {
		draw_reading(wizard, started);
		asked_to_end = term_key(50, true) == KEY_ENDED || asked_to_end;
	}
	worker_join(worker);
	scan_sort(doctor->scan);
	return !asked_to_end;
}

/* The doctor's goal: the GPU and the VM of the wizard's, or those the logs speak of. */
static void open_goal(struct wizard *wizard)
{
	struct doctor *doctor = wizard->doctor;
	struct goal *goal = goal_new();
	goal->chosen[CHOOSE_ADVISED] = CHOICE_NO;
	const struct report *report = wizard->report;
	if (report->gpu) /* it is about one card */
		strings_add(goal->arena, &goal->gpus, report->gpu->name);
	goal->vmid = report->vm ? report->vm->vmid : 0;
	doctor->before = wizard->goal;
	wizard->goal = goal;
	doctor_fill_goal(doctor->scan, wizard->facts, goal);
	wizard_judge(wizard);
}

int doctor_open(struct wizard *wizard)
{
	if (!wizard->doctor) {
		wizard->doctor = calloc(1, sizeof *wizard->doctor);
		if (!wizard->doctor)
			abort(); /* see arena.h */
	}
	if (!wizard->doctor->scan && !scan_logs(wizard))
		return KEY_ENDED;
	if (wizard->step < WIZARD_AUDIT)
		wizard->step_before = wizard->step;
	wizard->step = WIZARD_DOCTOR;
	if (!wizard->doctor->before)
		open_goal(wizard);
	return 0;
}

int doctor_read_again(struct wizard *wizard)
{
	struct error error;
	if (!scan_logs(wizard))
		return KEY_ENDED;
	if (wizard_refresh(wizard, &error) < 0)
		wizard->message = "The host could not be read again.";
	else
		wizard->message = "Read again.";
	wizard->step = WIZARD_DOCTOR;
	return 0;
}

void doctor_leave(struct wizard *wizard)
{
	struct doctor *doctor = wizard->doctor;
	if (!doctor || !doctor->before)
		return;
	goal_free(wizard->goal);
	wizard->goal = doctor->before;
	doctor->before = NULL;
	wizard_judge(wizard);
}

bool doctor_is_open(const struct wizard *wizard)
{
	return wizard->doctor && wizard->doctor->before;
}

static const char *const marks[SEVERITY_COUNT] = {"[ERROR]", "[WARN] ", "[INFO] ", "[ fine]"};
static const enum role mark_roles[SEVERITY_COUNT] = {ROLE_FAIL, ROLE_WARN, ROLE_PLAIN, ROLE_OK};

enum { ACT_CASE = 1, ACT_KIND, ACT_PASTE };

static struct row *add_item(struct rows *rows, const char *text, int action, const void *data)
{
	struct row *row = rows_add(rows, ROW_ITEM, text);
	row->action = action;
	row->data = data;
	return row;
}

static void add_case(struct rows *rows, const struct doctor_case *found)
{
	const struct symptom *symptom = found->match->symptom;
	struct row *row = add_item(rows,
			arena_printf(rows->arena, "%s %s%s", marks[symptom->severity], symptom->id,
					found->over ? " (over)" : ""),
			ACT_CASE, found->match);
	row->note = symptom->cause;
	row->hint = found->match->text;
	row->role = found->over ? ROLE_DIM : mark_roles[symptom->severity];
}

static void add_sources(struct rows *rows, const struct scan *scan)
{
	uint64_t lines = 0;
	size_t logs = 0;
	for (size_t i = 0; i < scan->sources.n; i++) {
		const struct log_source *source = scan->sources.item[i];
		lines += source->lines;
		logs += source->lines > 0;
	}
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena, "%llu lines of %zu logs were read.",
					(unsigned long long)lines, logs));
	for (size_t i = 0, said = 0; i < scan->sources.n && said < 3; i++) {
		const struct log_source *source = scan->sources.item[i];
		if (!source->not_read)
			continue;
		said++;
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "Not read: %s: %s", source->name,
						source->not_read));
	}
}

static void doctor_rows(struct wizard *wizard, struct rows *rows)
{
	const struct diagnosis *diagnosis = diagnosis_of(wizard);
	(void)rows_add(rows, ROW_HEADING, "Doctor: what the logs say");
	size_t shown = 0;
	for (size_t i = 0; i < diagnosis->cases.n; i++) {
		const struct doctor_case *found = diagnosis->cases.item[i];
		if (found->match->symptom->severity <= SEVERITY_WARNING || diagnosis->cases.n < 4) {
			add_case(rows, found);
			shown++;
		}
	}
	if (!shown)
		(void)rows_add(rows, ROW_TEXT, "Nothing that is known as a fault.");
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_HEADING, "Or choose what you see");
	for (const struct symptom_kind *kind = symptom_kinds; kind->id; kind++) {
		struct row *row = add_item(rows, kind->title, ACT_KIND, kind);
		row->hint = "Looks at what may be behind it on this host, in order.";
	}
	struct row *paste = add_item(rows, "Paste an error line", ACT_PASTE, NULL);
	paste->hint = "From a task's log, the guest, Talos or Kubernetes: the line as it is.";
	(void)rows_add(rows, ROW_TEXT, "");
	if (diagnosis->holders.n)
		(void)rows_add(rows, ROW_HEADING,
				wizard->report->gpu
						? arena_printf(rows->arena, "Who has %s",
								  short_label(rows->arena,
										  wizard->report->gpu))
						: "Who has a GPU");
	for (size_t i = 0; i < diagnosis->holders.n; i++) {
		const struct card_holder *holder = diagnosis->holders.item[i];
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "%s: %s%s", holder->what, holder->how,
						holder->running == KNOWN_NO ? " (stopped)" : ""));
	}
	if (diagnosis->holders_unknown)
		(void)rows_add(rows, ROW_TEXT, diagnosis->holders_unknown);
	add_sources(rows, diagnosis->scan);
}

static void draw_list(void *user)
{
	wizard_draw(user);
}

/* The line is looked at like any log; what it means is opened, or that nothing is known of it. */
static int paste_line(struct wizard *wizard)
{
	struct doctor *doctor = wizard->doctor;
	int key = ask_line("Paste it here, then Enter: ", doctor->pasted, sizeof doctor->pasted,
			draw_list, wizard);
	if (key != '\n' || !doctor->pasted[0])
		return key == KEY_ENDED ? key : 0;
	struct matcher *matcher = symptoms_matcher();
	const struct symptom *symptom =
			matcher_line(matcher, doctor->pasted, strlen(doctor->pasted));
	matcher_free(matcher);
	if (!symptom) {
		wizard->message =
				"Nothing is known of that line. Choose what you see instead, or try the line above it in the log.";
		return 0;
	}
	drop_diagnosis(doctor);
	scan_text(doctor->scan, "pasted", doctor->pasted, strlen(doctor->pasted));
	doctor_fill_goal(doctor->scan, wizard->facts, wizard->goal);
	wizard_judge(wizard);
	doctor->kind = NULL;
	doctor->match = scan_match(doctor->scan, symptom->id);
	wizard->step = WIZARD_DIAGNOSIS;
	wizard->focus[WIZARD_DIAGNOSIS] = 0;
	return 0;
}

static int doctor_enter(struct wizard *wizard, const struct row *row)
{
	struct doctor *doctor = wizard->doctor;
	if (!row)
		return 0;
	if (row->action == ACT_PASTE)
		return paste_line(wizard);
	drop_diagnosis(doctor);
	doctor->kind = row->action == ACT_KIND ? row->data : NULL;
	doctor->match = row->action == ACT_CASE ? row->data : NULL;
	wizard->step = WIZARD_DIAGNOSIS;
	wizard->focus[WIZARD_DIAGNOSIS] = 0;
	return 0;
}

static const struct doctor_case *case_of(
		const struct diagnosis *diagnosis, const struct match *match)
{
	for (size_t i = 0; i < diagnosis->cases.n; i++) {
		const struct doctor_case *found = diagnosis->cases.item[i];
		if (found->match == match)
			return found;
	}
	return NULL;
}

static bool can_ask(const struct wizard *wizard, const char *check)
{
	struct goal *goal = goal_copy(wizard->goal);
	bool can = check && report_ask_for(wizard->report, goal, check, true);
	goal_free(goal);
	return can;
}

static bool is_in_plan(const struct wizard *wizard, const char *check)
{
	struct finding_query query = {.check = check};
	const struct finding *finding;
	while ((finding = report_next(wizard->report, &query)))
		if (finding_is_planned(finding))
			return true;
	return report_asks_for(wizard->report, wizard->goal, check);
}

static void add_fix(struct wizard *wizard, struct rows *rows, size_t number, const char *text,
		const char *check)
{
	if (!can_ask(wizard, check)) {
		(void)rows_add(rows, ROW_TEXT, arena_printf(rows->arena, "%zu. %s", number, text));
		return;
	}
	struct row *row = rows_add(rows, ROW_CHECK, arena_printf(rows->arena, "%zu.", number));
	row->on = is_in_plan(wizard, check);
	row->note = text;
	row->hint = row->on ? "It is planned: v shows every change, and asks before it is made."
			    : "Space plans it; v then shows every change, and asks before it is made.";
	row->check = check_by_id(check);
	row->data = check;
}

static void add_list(struct rows *rows, const char *heading, const struct list *evidence)
{
	if (!evidence->n)
		return;
	(void)rows_add(rows, ROW_HEADING, heading);
	for (size_t i = 0; i < evidence->n; i++) {
		const struct evidence *item = evidence->item[i];
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "%s: %s", item->source, item->text));
	}
}

static void add_titles(struct rows *rows, const char *heading, const struct list *findings)
{
	struct strings titles = {0};
	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *finding = findings->item[i];
		if (!strings_has(&titles, finding->check->title))
			strings_add(rows->arena, &titles, finding->check->title);
	}
	if (titles.n)
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "%s %s.", heading,
						strings_join(rows->arena, &titles, "; ")));
}

static void case_rows(struct wizard *wizard, struct rows *rows, const struct doctor_case *found)
{
	const struct match *match = found->match;
	const struct symptom *symptom = match->symptom;
	(void)rows_add(rows, ROW_HEADING,
			arena_printf(rows->arena, "%s %s", marks[symptom->severity], symptom->id));
	(void)rows_add(rows, ROW_TEXT, match->text);
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena, "(%s, line %llu%s)", match->source->name,
					(unsigned long long)match->line,
					match->count > 1 ? arena_printf(rows->arena, ", %llu times",
									   (unsigned long long)match
											   ->count)
							 : ""));
	(void)rows_add(rows, ROW_TEXT, symptom->cause);
	if (found->over)
		(void)rows_add(rows, ROW_TEXT, arena_printf(rows->arena, "Over: %s.", found->over));
	if (found->fixes.n)
		(void)rows_add(rows, ROW_HEADING, "What to do, in order");
	for (size_t i = 0; i < found->fixes.n; i++) {
		const struct doctor_fix *fix = found->fixes.item[i];
		add_fix(wizard, rows, i + 1, fix->text, fix->check);
	}
	add_list(rows, "Found on this host", &found->evidence);
	add_titles(rows, "Ruled out:", &found->ruled_out);
	add_titles(rows, "Nobody can tell from here:", &found->unknown);
	if (symptom->confirm) {
		(void)rows_add(rows, ROW_HEADING, "How to see that it worked");
		(void)rows_add(rows, ROW_TEXT, symptom->confirm);
	}
}

static void kind_rows(struct wizard *wizard, struct rows *rows, const struct diagnosis *diagnosis)
{
	const struct symptom_kind *kind = wizard->doctor->kind;
	const struct doctor_kind *entry = diagnosis->kinds.n ? diagnosis->kinds.item[0] : NULL;
	(void)rows_add(rows, ROW_HEADING, kind->title);
	struct list fine = {0};
	struct list unknown = {0};
	size_t number = 0;
	size_t bad = 0;
	for (size_t i = 0; entry && i < entry->findings.n; i++) {
		struct finding *finding = entry->findings.item[i];
		if (finding->status == STATUS_OK)
			list_add(rows->arena, &fine, finding);
		else if (finding->status == STATUS_UNKNOWN)
			list_add(rows->arena, &unknown, finding);
		if (finding->status == STATUS_OK || finding->status == STATUS_UNKNOWN)
			continue;
		bad++;
		rows_add_finding(rows, wizard->report, finding);
		/* Of another card than the one that is meant nothing is offered. */
		bool other = wizard->report->gpu && finding->about.kind == SUBJECT_DEVICE &&
			     !subject_is_device(finding->about, wizard->report->gpu);
		const char *text = finding->fix.text ? finding->fix.text
						     : report_ask_text(finding->check->id);
		if (text && !other &&
				(finding_is_planned(finding) ||
						can_ask(wizard, finding->check->id)))
			add_fix(wizard, rows, ++number, text, finding->check->id);
	}
	if (!bad)
		(void)rows_add(rows, ROW_TEXT, "Nothing was found here that would explain it.");
	for (size_t i = 0; entry && i < entry->cases.n; i++)
		add_case(rows, entry->cases.item[i]);
	add_titles(rows, "Ruled out:", &fine);
	add_titles(rows, "Nobody can tell from here:", &unknown);
	(void)rows_add(rows, ROW_HEADING, "By hand, in order");
	for (size_t i = 0; i < sizeof kind->steps / sizeof *kind->steps && kind->steps[i]; i++)
		(void)rows_add(rows, ROW_TEXT,
				arena_printf(rows->arena, "%zu. %s", i + 1, kind->steps[i]));
}

static void diagnosis_rows(struct wizard *wizard, struct rows *rows)
{
	const struct diagnosis *diagnosis = diagnosis_of(wizard);
	const struct doctor_case *found = case_of(diagnosis, wizard->doctor->match);
	if (wizard->doctor->kind)
		kind_rows(wizard, rows, diagnosis);
	else if (found)
		case_rows(wizard, rows, found);
	else
		(void)rows_add(rows, ROW_TEXT, "The logs do not say that any more.");
}

static void diagnosis_act(struct wizard *wizard, const struct row *row)
{
	const char *check = row->kind == ROW_CHECK ? row->data : NULL;
	if (!check)
		return;
	bool asked = report_asks_for(wizard->report, wizard->goal, check);
	(void)report_ask_for(wizard->report, wizard->goal, check, !asked);
	if (!asked && !wizard->report->gpu && strncmp(check, "boot.", 5) != 0)
		wizard->message = "It is not known which GPU is meant: choose it in step 4 first.";
}

static int diagnosis_enter(struct wizard *wizard, const struct row *row)
{
	if (row && row->kind == ROW_ITEM && row->action == ACT_CASE)
		return doctor_enter(wizard, row);
	return row && (row->finding || row->check) ? finding_show(wizard, row) : 0;
}

const struct wizard_step step_doctor = {.name = "Doctor",
		.step = STEP_COUNT,
		.rows = doctor_rows,
		.enter = doctor_enter,
		.keys = list_keys};

const struct wizard_step step_diagnosis = {.name = "Diagnosis",
		.step = STEP_COUNT,
		.rows = diagnosis_rows,
		.act = diagnosis_act,
		.enter = diagnosis_enter,
		.keys = case_keys};
