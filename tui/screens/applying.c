/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pvegpu/base/text.h"
#include "tui/screens/steps.h"
#include "tui/worker.h"

/*
 * Applying: the work is done by a thread of its own, so that the screen stays alive; what it
 * reports comes through one locked list. The person can watch, not interfere: a change is never
 * cut in half. After it: what was done, how to undo it, and the reboot question (default No).
 */
enum mark { MARK_WAIT, MARK_NOW, MARK_DONE, MARK_FAIL, MARK_NOT_RUN };

struct entry {
	char *title;
	enum mark mark;
};

struct job {
	/* set before the thread starts */
	struct wizard *wizard;
	const struct plan *plan;
	const char *undo;       /* a rollback of this run instead, or NULL */
	bool alone;             /* no thread could be had: nobody can be asked meanwhile */
	struct consent consent; /* to the plan, or to undoing that run */

	pthread_mutex_t lock;
	/* guarded by the lock while the thread runs */
	struct arena *arena;
	struct list entries; /* of struct entry */
	struct strings output;
	bool finished;
	const char *question; /* asked of the person, or NULL; valid until it is answered */
	enum { ANSWER_NONE, ANSWER_YES, ANSWER_NO } answer;
	pthread_cond_t answered;
	atomic_bool cancel;
	bool stop; /* asked to end: not before a change, never within one */

	/* read after the thread has ended */
	int status;
	struct error error;
	struct apply_result result;
	struct rollback_result undone;
	time_t started;
};

static bool on_progress(
		void *user, const struct change *change, enum apply_event event, const char *text)
{
	struct job *job = user;
	(void)pthread_mutex_lock(&job->lock);
	if (job->undo && event == APPLY_BEGIN) {
		struct entry *entry = arena_alloc(job->arena, sizeof *entry);
		*entry = (struct entry){arena_strdup(job->arena, text), MARK_NOW};
		list_add(job->arena, &job->entries, entry);
	}
	size_t index = job->undo ? job->entries.n : change ? change->n : 0;
	struct entry *entry =
			index && index <= job->entries.n ? job->entries.item[index - 1] : NULL;
	switch (event) {
	case APPLY_BEGIN:
		if (entry)
			entry->mark = MARK_NOW;
		break;
	case APPLY_OUTPUT:
		strings_add(job->arena, &job->output, text);
		break;
	case APPLY_DONE:
		if (entry)
			entry->mark = MARK_DONE;
		break;
	case APPLY_NOT_RUN:
		if (entry)
			entry->mark = MARK_NOT_RUN;
		strings_add(job->arena, &job->output, text);
		break;
	case APPLY_FAILED:
		if (entry)
			entry->mark = MARK_FAIL;
		break;
	}
	bool stop = event == APPLY_BEGIN && job->stop;
	if (stop && entry)
		entry->mark = MARK_WAIT;
	(void)pthread_mutex_unlock(&job->lock);
	return !stop;
}

/* In the thread that works: put the question on the screen and wait for the answer. */
static bool on_ask(void *user, const struct change *change, const char *question)
{
	struct job *job = user;
	(void)change;
	if (job->alone)
		return false;
	(void)pthread_mutex_lock(&job->lock);
	job->question = question;
	job->answer = ANSWER_NONE;
	while (job->answer == ANSWER_NONE)
		(void)pthread_cond_wait(&job->answered, &job->lock);
	bool yes = job->answer == ANSWER_YES;
	job->question = NULL;
	(void)pthread_mutex_unlock(&job->lock);
	return yes;
}

static void work(void *user)
{
	struct job *job = user;
	if (job->undo)
		/* Without a question: what a person changed since is kept and told. */
		job->status = rollback_run(job->wizard->host, job->undo, &job->consent, NULL,
				on_progress, job, &job->undone, &job->error);
	else
		job->status = apply_plan(job->wizard->host, job->plan, &job->consent, on_progress,
				on_ask, job, &job->result, &job->error);
	(void)pthread_mutex_lock(&job->lock);
	job->finished = true;
	(void)pthread_mutex_unlock(&job->lock);
}

static const char *const mark_texts[] = {"[wait]", "[now ]", "[done]", "[FAIL]", "[skip]"};
static const enum role mark_roles[] = {ROLE_DIM, ROLE_KEY, ROLE_OK, ROLE_FAIL, ROLE_WARN};

static void draw_job(struct job *job, const char *hint, enum role hint_role, const struct key *keys)
{
	struct layout layout = layout_make(LINES, COLS, 0);
	if (layout.too_small) {
		draw_too_small();
		return;
	}
	(void)pthread_mutex_lock(&job->lock);
	(void)erase();
	char title[96];
	long elapsed = (long)(time(NULL) - job->started);
	(void)snprintf(title, sizeof title, "pvegpu  %s%s", job->undo ? "Rolling back" : "Applying",
			job->finished ? "" : ": do not switch the host off");
	(void)draw_text(0, 0, COLS - 9, ROLE_TITLE, title);
	char seconds[24];
	(void)snprintf(seconds, sizeof seconds, "%ld s", elapsed);
	if (!job->finished)
		(void)draw_text(0, COLS - 8, 8, ROLE_DIM, seconds);
	draw_rule(layout.rule_top, COLS);
	int entries = (int)job->entries.n;
	int shown = entries < layout.body.lines - 3 ? entries : layout.body.lines - 3;
	int first = 0;
	for (int i = 0; i < entries; i++)
		if (((struct entry *)job->entries.item[i])->mark != MARK_WAIT && i >= shown)
			first = i - shown + 1;
	for (int i = 0; i < shown; i++) {
		const struct entry *entry = job->entries.item[first + i];
		(void)draw_text(layout.body.y + i, 1, 7, mark_roles[entry->mark],
				mark_texts[entry->mark]);
		(void)draw_text(layout.body.y + i, 8, COLS - 9, ROLE_PLAIN, entry->title);
	}
	int y = layout.body.y + shown + 1;
	int room = layout.rule_bottom - y;
	int from = (int)job->output.n > room ? (int)job->output.n - room : 0;
	for (int i = 0; i < room && from + i < (int)job->output.n; i++)
		(void)draw_text(y + i, 3, COLS - 4, ROLE_DIM, job->output.item[from + i]);
	draw_rule(layout.rule_bottom, COLS);
	(void)pthread_mutex_unlock(&job->lock);
	draw_wrapped(layout.hint, hint_role, hint);
	draw_keys(layout.keys, keys, 0);
	(void)refresh();
}

static void redraw_question(void *user)
{
	static const struct key keys[] = {{0}};
	struct job *job = user;
	draw_job(job, job->question, ROLE_WARN, keys);
}

/* The question of the thread, if it has one: it waits until this is answered. */
static void answer_question(struct job *job)
{
	(void)pthread_mutex_lock(&job->lock);
	bool asked = job->question != NULL && job->answer == ANSWER_NONE;
	(void)pthread_mutex_unlock(&job->lock);
	if (!asked)
		return;
	char typed[16] = "";
	redraw_question(job);
	int key = ask_line("Type yes and Enter for that, only Enter for no: ", typed, sizeof typed,
			redraw_question, job);
	(void)pthread_mutex_lock(&job->lock);
	job->answer = key == '\n' && strcmp(typed, "yes") == 0 ? ANSWER_YES : ANSWER_NO;
	(void)pthread_cond_signal(&job->answered);
	(void)pthread_mutex_unlock(&job->lock);
}

/* Run the thread and show it. A signal does not cut it off: the work ends first. */
static void run_job(struct job *job)
{
	static const struct key keys[] = {{0}};
	static const struct key waiting_keys[] = {
			{'c', "c", "do not wait for a task any more"}, {0}};
	job->started = time(NULL);
	struct worker *worker = worker_start(work, job);
	if (!worker) {
		job->alone = true;
		work(job);
		return;
	}
	term_hold(true);
	bool calls = plan_count_calls(&job->plan->changes) > 0;
	while (!worker_has_ended(worker)) {
		answer_question(job);
		draw_job(job,
				job->stop   ? "Asked to end: this change is finished first."
				: job->undo ? "Undoing, newest change first."
					    : "Each change is written to the journal before it is made.",
				job->stop ? ROLE_WARN : ROLE_PLAIN, calls ? waiting_keys : keys);
		int key = term_key(100, true);
		/* A task goes on by itself; what is being changed is not cut off. */
		if (key == 'c' && calls && job->wizard->host->client) {
			atomic_store(&job->cancel, true);
			job->wizard->host->client->cancel = &job->cancel;
		}
		if (key == KEY_ENDED) {
			(void)pthread_mutex_lock(&job->lock);
			job->stop = true;
			(void)pthread_mutex_unlock(&job->lock);
			(void)napms(100); /* term_key() does not wait any more */
		}
	}
	worker_join(worker);
	if (job->wizard->host->client)
		job->wizard->host->client->cancel = NULL;
	term_hold(false);
}

/* Show the end and wait for one of `keys`; others do nothing. No is said with n and Esc, too. */
static int wait_key(struct job *job, const char *hint, enum role role, const struct key *keys)
{
	for (;;) {
		draw_job(job, hint, role, keys);
		int pressed = term_key(-1, true);
		if (pressed == KEY_ENDED)
			return pressed;
		if (keys->code == 'y' && pressed > 0 && pressed < 128 && strchr("nN\033", pressed))
			return '\n';
		for (const struct key *key = keys; key->name; key++)
			if (key->code == pressed || (pressed == 'Y' && key->code == 'y'))
				return key->code;
	}
}

static int after_failure(struct job *job)
{
	static const struct key keys[] = {
			{'r', "r", "roll back now"}, {'\n', "Enter", "go on"}, {0}};
	static const struct key nothing_keys[] = {{'\n', "Enter", "go on"}, {0}};
	struct wizard *wizard = job->wizard;
	char hint[sizeof job->error.text + sizeof job->error.hint + 2];
	bool begun = job->result.run[0] != '\0';
	(void)snprintf(hint, sizeof hint, "%s. %s", job->error.text,
			begun                ? "What was done before stays until it is rolled back."
			: job->error.hint[0] ? job->error.hint
					     : "Nothing was changed.");
	int key = wait_key(job, hint, ROLE_FAIL, begun ? keys : nothing_keys);
	if (key != 'r')
		return key;
	struct job undo = {.wizard = wizard,
			.plan = job->plan,
			.undo = job->result.run,
			.consent = consent_given(job->result.run), /* the key was the yes */
			.arena = arena_new()};
	(void)pthread_mutex_init(&undo.lock, NULL);
	(void)pthread_cond_init(&undo.answered, NULL);
	run_job(&undo);
	(void)snprintf(hint, sizeof hint, "%s",
			undo.status < 0 ? undo.error.text
			: undo.undone.kept
					? "Rolled back, but for what was changed since: see pvegpu history."
					: "Rolled back: the host is as it was before.");
	if (undo.status == 0 && !undo.undone.kept && wizard->runs.n)
		wizard->runs.n--;
	key = wait_key(&undo, hint, undo.status < 0 ? ROLE_FAIL : ROLE_OK, nothing_keys);
	(void)pthread_mutex_destroy(&undo.lock);
	arena_free(undo.arena);
	return key;
}

static const char *reboot_cost(const struct plan *plan)
{
	for (size_t i = 0; i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		if (change_is_reboot(change) && change->cost)
			return change->cost;
	}
	return "the host is away for some minutes";
}

/* The reboot, by a person's own yes. */
static int ask_reboot(struct job *job)
{
	static const struct key keys[] = {
			{'y', "y", "reboot now"}, {'\n', "Enter", "not now"}, {0}};
	struct wizard *wizard = job->wizard;
	char hint[512];
	(void)snprintf(hint, sizeof hint, "Reboot now? [y/N] It %s. The changes count after it.",
			reboot_cost(job->plan));
	/* Where the reboot is all there is, the typed yes was for it. */
	bool asked = job->plan->changes.n == 1;
	int key = asked ? 'y' : wait_key(job, hint, ROLE_WARN, keys);
	if (key != 'y') {
		wizard->message =
				"Not rebooted. When the host was rebooted, run pvegpu again: it goes on where this ends.";
		return key;
	}
	struct error error;
	if (apply_reboot(wizard->host, job->plan, &job->consent, on_progress, job, &error) < 0) {
		static const struct key back[] = {{'\n', "Enter", "go on"}, {0}};
		return wait_key(job, error.text, ROLE_FAIL, back);
	}
	wizard->rebooting = root_kind(wizard->root) == ROOT_LIVE;
	wizard->message = "The host was rebooted; this is what it shows now.";
	return key;
}

static void add_entries(struct job *job)
{
	for (size_t i = 0; i < job->plan->changes.n; i++) {
		struct entry *entry = arena_alloc(job->arena, sizeof *entry);
		*entry = (struct entry){
				change_title(job->arena, job->plan->changes.item[i]), MARK_WAIT};
		list_add(job->arena, &job->entries, entry);
	}
}

/* Where to go on: the facts tell. */
static void go_on(struct wizard *wizard)
{
	struct error error;
	const char *message = wizard->message;
	/* The doctor looks again whether the fault is gone. */
	if (!wizard->rebooting && doctor_is_open(wizard)) {
		(void)doctor_read_again(wizard);
		return;
	}
	if (!wizard->rebooting && wizard_refresh(wizard, &error) == 0)
		wizard->step = wizard_next_step(wizard);
	if (message)
		wizard->message = message;
}

int apply_show(struct wizard *wizard, const struct consent *consent)
{
	static const struct key keys[] = {{'\n', "Enter", "go on"}, {0}};
	struct job job = {.wizard = wizard,
			.plan = wizard->plan,
			.consent = *consent,
			.arena = arena_new()};
	(void)pthread_mutex_init(&job.lock, NULL);
	(void)pthread_cond_init(&job.answered, NULL);
	add_entries(&job);
	run_job(&job);
	if (job.result.run[0])
		strings_add(wizard->arena, &wizard->runs, job.result.run);
	int key = 0;
	if (term_signal())
		key = KEY_ENDED;
	else if (job.status < 0)
		key = after_failure(&job);
	else if (job.result.reboot && root_kind(wizard->root) != ROOT_CAPTURED)
		key = ask_reboot(&job);
	else
		key = wait_key(&job,
				job.result.not_run
						? "Done, but for what could not be run in a captured tree."
						: arena_printf(wizard->arena,
								  "Done. Undo at any time with: %s",
								  wizard->demo ? "pvegpu rollback"
									       : wizard->undo),
				ROLE_OK, keys);
	if (key != KEY_ENDED)
		go_on(wizard);
	(void)pthread_mutex_destroy(&job.lock);
	arena_free(job.arena);
	return key;
}
