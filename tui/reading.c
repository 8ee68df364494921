/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tui/wizard_draw.h"
#include "tui/worker.h"

struct reading {
	struct worker *worker;
	struct host *host;
	bool stale; /* what it reads is from before a change: not to be taken */
	struct facts *facts;
	struct error error;
};

static void read_host(void *user)
{
	struct reading *reading = user;
	(void)facts_read_host(reading->host, false, &reading->facts, &reading->error);
}

/* The report points into the facts: it goes before them. */
static void drop_report(struct wizard *wizard)
{
	plan_free(wizard->plan);
	report_free(wizard->report);
	wizard->plan = NULL;
	wizard->report = NULL;
}

/* Neither the devices nor the VMs are in: no goal to judge, and no plan. */
static void judge_first_facts(struct wizard *wizard)
{
	struct goal *goal = wizard->goal;
	struct goal as_it_is = *goal;
	goal_forget_devices(goal);
	(void)report_new(wizard->facts, goal, &wizard->report, NULL);
	*goal = as_it_is;
}

void wizard_judge(struct wizard *wizard)
{
	struct error error;
	drop_report(wizard);
	wizard->judged++;
	wizard->plan_error = (struct error){0};
	if (!wizard->facts->complete) {
		judge_first_facts(wizard);
		return;
	}
	if (planner_report(wizard->host, wizard->facts, wizard->goal, &wizard->report, &error) <
			0) {
		/* The GPU or VM of the goal is gone from the host: choose again. */
		goal_forget_devices(wizard->goal);
		wizard->message = "The GPU or VM chosen before is not on this host any more.";
		(void)report_new(wizard->facts, wizard->goal, &wizard->report, NULL);
	}
	(void)planner_plan(wizard->report, wizard->root, &wizard->plan, &wizard->plan_error);
}

/* Judge by these facts from now on; they are the wizard's then. */
static void take_facts(struct wizard *wizard, struct facts *facts)
{
	drop_report(wizard);
	facts_free(wizard->facts);
	wizard->facts = facts;
	wizard_judge(wizard);
}

int wizard_refresh(struct wizard *wizard, struct error *err)
{
	struct facts *facts = NULL;
	if (wizard->reading)
		wizard->reading->stale = true;
	int status = facts_read_host(wizard->host, false, &facts, err);
	if (status == 0)
		take_facts(wizard, facts);
	return status;
}

void reading_start(struct wizard *wizard)
{
	struct error error;
	if (wizard->reading)
		return;
	struct reading *reading = calloc(1, sizeof *reading);
	if (reading) {
		reading->host = wizard->host;
		reading->worker = worker_start(read_host, reading);
	}
	if (reading && reading->worker) {
		wizard->reading = reading;
		return;
	}
	free(reading);
	(void)wizard_refresh(wizard, &error);
}

/* What the reading has made is the caller's; it is gone. */
static struct facts *end_reading(struct wizard *wizard, bool *ret_stale, struct error *err)
{
	struct reading *reading = wizard->reading;
	worker_join(reading->worker);
	struct facts *facts = reading->facts;
	*ret_stale = reading->stale;
	*err = reading->error;
	free(reading);
	wizard->reading = NULL;
	return facts;
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

static const char *not_read_text(const struct wizard *wizard, const struct error *error)
{
	if (error->code == ERROR_LOGIN)
		return "The login is not accepted any more: q, then start pvegpu again to log in.";
	return wizard->facts->complete
			       ? "The host could not be read again; what is shown is from before."
			       : "The host could not be read. r tries again, q quits.";
}

void reading_finish(struct wizard *wizard)
{
	struct error error;
	bool stale = false;
	if (!wizard->reading || !worker_has_ended(wizard->reading->worker))
		return;
	struct facts *facts = end_reading(wizard, &stale, &error);
	if (stale) {
		facts_free(facts);
		return;
	}
	if (!facts) {
		wizard->message = not_read_text(wizard, &error);
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
	if (!wizard->touched && (wizard->report->gpu || wizard->report->vm))
		wizard->step = wizard_next_step(wizard);
	focus_choices(wizard);
}

void reading_leave(struct wizard *wizard, int status)
{
	const struct timespec moment = {.tv_nsec = 10L * 1000 * 1000};
	struct error error;
	bool stale = false;
	if (!wizard->reading)
		return;
	while (!worker_has_ended(wizard->reading->worker)) {
		if (!wizard->demo) {
			(void)fflush(stdout);
			_exit(status);
		}
		(void)nanosleep(&moment, NULL);
	}
	facts_free(end_reading(wizard, &stale, &error));
}
