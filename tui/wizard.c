/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/wizard.h"

#include "pvegpu/base/text.h"
#include "tui/connect.h"
#include "tui/reading.h"
#include "tui/say.h"
#include "tui/screens/steps.h"
#include "tui/wizard_draw.h"

static const char still_reading[] = "The host is still being read; that needs all of it.";

const struct wizard_step *const wizard_steps[WIZARD_SCREENS] = {&step_bios, &step_boot, &step_vfio,
		&step_gpu, &step_vm, &step_attach, &step_verify, &step_audit, &step_doctor,
		&step_diagnosis};

/* True when the person wants to leave. */
static bool quit_question(struct wizard *wizard)
{
	if (!wizard->plan || !wizard->plan->changes.n)
		return true;
	bool reboot_only = plan_count_reboots(&wizard->plan->changes) == wizard->plan->changes.n;
	wizard->message =
			reboot_only ? "Quit? The reboot is still to be made. y quits, any other key stays."
				    : "Quit? The planned changes were not made. y quits, any other key stays.";
	wizard_draw(wizard);
	int key = term_key(-1, true);
	wizard->message = NULL;
	return key == 'y' || key == 'Y' || key == KEY_ENDED;
}

static void act(struct wizard *wizard, const struct row *row)
{
	if (row && row->choice && row->kind == ROW_CHECK)
		rows_toggle(row, wizard->goal);
	else if (row && wizard_steps[wizard->step]->act)
		wizard_steps[wizard->step]->act(wizard, row);
	else
		return;
	wizard_judge(wizard);
}

/* A choice that nothing can make right: stay with it and say why. */
static bool stay_for_refusal(struct wizard *wizard)
{
	struct finding_query query = {.steps = 1U << wizard_steps[wizard->step]->step};
	const struct finding *finding;
	while ((finding = report_next(wizard->report, &query))) {
		if (finding->risk == RISK_NEVER) {
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

static void draw_behind(void *user)
{
	wizard_draw(user);
}

/* The value of the row's choice; nothing typed takes it back. */
static int ask_value(struct wizard *wizard, const struct row *row)
{
	char typed[128];
	struct error error;
	int key = ask_line(row->prompt, typed, sizeof typed, draw_behind, wizard);
	if (key != '\n')
		return key == KEY_ENDED ? key : 0;
	if (goal_set_value(wizard->goal, row->choice, row->device, *typed ? typed : NULL, &error) <
			0)
		wizard->message = arena_strdup(wizard->arena, error.text);
	wizard_judge(wizard);
	if (!wizard->message)
		(void)stay_for_refusal(wizard);
	return 0;
}

static int go_forward(struct wizard *wizard, const struct row *row, int key)
{
	if (wizard_steps[wizard->step]->enter)
		return wizard_steps[wizard->step]->enter(wizard, row);
	if (!wizard->facts->complete && !wizard_steps[wizard->step]->early) {
		wizard->message = still_reading;
		return 0;
	}
	if (row && row->prompt && key == '\n')
		return ask_value(wizard, row);
	if (row && row_is_page(row) && key == '\n')
		return finding_show(wizard, row);
	if (row && row->kind == ROW_RADIO && key == '\n') {
		bool stays = row->stays;
		act(wizard, row);
		if (stays || wizard_steps[wizard->step]->state(wizard).stand == STAND_CHOOSE ||
				stay_for_refusal(wizard))
			return 0;
	}
	return next_step(wizard);
}

static void go_back(struct wizard *wizard)
{
	if (wizard->step == WIZARD_DIAGNOSIS)
		wizard->step = WIZARD_DOCTOR;
	else if (wizard->advanced && wizard_steps[wizard->step]->has_advanced)
		wizard->advanced = false;
	else if (wizard->step >= WIZARD_AUDIT)
		wizard->step = wizard->step_before;
	else
		wizard->step -= wizard->step > 0;
}

static int open_doctor(struct wizard *wizard)
{
	if (host_is_remote(wizard->host))
		wizard->message =
				"The doctor reads the host's own logs: run pvegpu on the node itself.";
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
	struct row *row = rows_focused(rows, wizard->focus[wizard->step]);
	wizard->message = NULL;
	if (move_focus(wizard, key, rows_focusable(rows)))
		return 0;
	switch (key) {
	case ' ':
		act(wizard, row);
		return 0;
	case '+':
		if (row && wizard_steps[wizard->step]->add) {
			wizard_steps[wizard->step]->add(wizard, row);
			wizard_judge(wizard);
		}
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
		keys_show();
		return 0;
	case REVIEW_KEY:
	case 'c':
	case 'm':
		if (!wizard->facts->complete) {
			wizard->message = still_reading;
			return 0;
		}
		return key == 'v'   ? review_show(wizard)
		       : key == 'c' ? card_show(wizard)
				    : groups_show(wizard);
	case 'x':
		if (wizard_steps[wizard->step]->has_advanced) {
			wizard->advanced = !wizard->advanced;
			wizard->focus[wizard->step] = 0;
		}
		return 0;
	case 'd':
		return open_doctor(wizard);
	case 'r':
		if (doctor_is_open(wizard))
			return doctor_read_again(wizard);
		reading_start(wizard);
		return 0;
	case 'q':
		return quit_question(wizard) ? KEY_LEAVE : 0;
	default:
		break;
	}
	if (key >= '1' && key <= '7')
		wizard->step = key - '1';
	else if (key != KEY_RESIZE)
		wizard->message =
				"Keys: arrows move, Space ticks, Enter goes on, ? explains, q quits.";
	return 0;
}

static void loop(struct wizard *wizard)
{
	enum { POLL_MS = 30 }; /* while the host is being read */
	for (;;) {
		reading_finish(wizard);
		if (wizard->step < WIZARD_DOCTOR)
			doctor_leave(wizard);
		struct rows rows = {.arena = arena_new()};
		wizard_rows(wizard, &rows);
		int count = rows_focusable(&rows.list);
		if (wizard->focus[wizard->step] >= count)
			wizard->focus[wizard->step] = count ? count - 1 : 0;
		wizard_draw_rows(wizard, &rows);
		int key = term_key(wizard->reading ? POLL_MS : -1, false);
		if (key != KEY_NONE && key != KEY_RESIZE)
			wizard->touched = true;
		if (key != KEY_ENDED && key != KEY_NONE)
			key = handle(wizard, key, &rows.list);
		arena_free(rows.arena);
		if (key == KEY_ENDED || key == KEY_LEAVE || wizard->rebooting)
			return;
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
		say(stdout, "This was the demo: only its sample host was changed, and that is gone.\n");
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

/* On the terminal, from the first screen to the last; the exit status. */
static int run_on_terminal(struct wizard *wizard, bool no_color)
{
	const char *reason = NULL;
	if (!term_start(no_color, &reason)) {
		say(stderr,
				"pvegpu: %s, so the wizard cannot run here\n"
				"        without it: pvegpu audit, pvegpu plan, pvegpu apply\n",
				reason);
		return EXIT_USAGE;
	}
	if (wizard->facts->complete) /* with a goal that took all of it */
		wizard->step = wizard_next_step(wizard);
	else
		reading_start(wizard);
	loop(wizard);
	term_stop();
	int status = term_signal() ? 128 + term_signal() : EXIT_FINE;
	say_goodbye(wizard);
	reading_leave(wizard, status);
	return status;
}

/* The goal that is asked for, or that of the last run. */
static int begin_goal(struct wizard *wizard, const struct tofu_source *workers, struct error *err)
{
	struct strings elsewhere = {0};
	wizard->goal = workers ? NULL : history_last_goal(wizard->root);
	if (!wizard->goal)
		wizard->goal = goal_new();
	/* Workers are found by the names of all VMs, which the first look leaves out. */
	int status = facts_read_host(wizard->host, !workers, &wizard->facts, err);
	if (status == 0 && workers)
		status = tofu_goal(workers, wizard->root, wizard->facts, wizard->goal, &elsewhere,
				err);
	if (status == 0 && elsewhere.n)
		wizard->message = arena_printf(wizard->arena, "Not here: %s.",
				strings_join(wizard->arena, &elsewhere, ", "));
	return status;
}

int wizard_run(struct host *host, bool no_color, bool demo, const struct tofu_source *workers)
{
	static const char *const banners[] = {[ROOT_LIVE] = "",
			[ROOT_CAPTURED] = "CAPTURED HOST",
			[ROOT_SAMPLE] = "SAMPLE HOST",
			[ROOT_CHROOT] = "",
			[ROOT_REMOTE] = "REMOTE HOST"};
	struct wizard wizard = {.host = host,
			.root = host->root,
			.banner = banners[root_kind(host->root)],
			.demo = demo,
			.arena = arena_new()};
	struct error error;
	int status;
	wizard.undo = host_undo_command(wizard.arena, host);
	if (begin_goal(&wizard, workers, &error) < 0) {
		status = say_error(&error, error.code == ERROR_USAGE ? EXIT_USAGE : EXIT_NO_HOST);
	} else {
		wizard_judge(&wizard);
		status = run_on_terminal(&wizard, no_color);
	}
	plan_free(wizard.plan);
	report_free(wizard.report);
	doctor_free(wizard.doctor);
	facts_free(wizard.facts);
	goal_free(wizard.goal);
	arena_free(wizard.arena);
	return status;
}
