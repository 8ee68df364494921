/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/apply/internal.h"
#include "pvegpu/base/files.h"
#include "pvegpu/base/text.h"
#include "pvegpu/facts/facts.h"
#include "pvegpu/plan/planner.h"

bool run_tell(struct run_context *context, enum apply_event event, const char *text)
{
	return !context->progress || context->progress(context->user, context->change, event, text);
}

/* To the journal, too. */
static void keep_line(void *user, const char *line, bool standard_error)
{
	struct run_context *context = user;
	struct arena *arena = arena_new();
	char *shown = text_printable(arena, line);
	if (context->journal)
		journal_output(context->journal, context->change ? context->change->n : 0, shown,
				standard_error);
	(void)run_tell(context, APPLY_OUTPUT, shown);
	arena_free(arena);
}

static void show_line(void *user, const char *line, bool standard_error)
{
	struct arena *arena = arena_new();
	(void)standard_error;
	(void)run_tell(user, APPLY_OUTPUT, text_printable(arena, line));
	arena_free(arena);
}

struct change_run run_change_begin(struct run_context *context)
{
	return (struct change_run){
			.host = context->host,
			.root = context->root,
			.node = context->plan ? context->plan->node : NULL,
			.keep = &context->keep,
			.output = context->journal ? journal_output_file(context->journal) : -1,
			.line = keep_line,
			.show = show_line,
			.line_user = context,
			.ask = context->ask,
			.ask_user = context->user,
			.arena = arena_new(),
	};
}

void run_change_end(struct change_run *run)
{
	arena_free(run->arena);
	run->arena = NULL;
}

static int refuse(const struct plan *plan, struct error *err)
{
	if (!plan->refusals.n)
		return 0;
	const struct refusal *first = plan->refusals.item[0];
	(void)error_set(err, ERROR_REFUSED, "refused by %s on %s: %s", first->check, first->subject,
			first->reason);
	if (first->acceptable)
		error_hint(err, "to accept this risk: --accept %s=%s", first->check,
				first->subject);
	return ERROR_REFUSED;
}

/* A captured tree has neither commands nor an API nor a kernel. */
static bool cannot_run(const struct run_context *context, const struct change *change)
{
	return change->kind->runs_on_host && root_kind(context->root) == ROOT_CAPTURED;
}

int run_check(struct run_context *context, struct error *err)
{
	const struct plan *plan = context->plan;
	struct change_run run = run_change_begin(context);
	int status = 0;
	for (size_t i = 0; status == 0 && i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		if (change->kind->check && !cannot_run(context, change))
			status = change->kind->check(&run, change, err);
	}
	run_change_end(&run);
	return status;
}

void run_release_client(struct run_context *context)
{
	if (!context->host->client)
		return;
	context->host->client->line = NULL;
	pve_keep(context->host->client, NULL);
}

static int make_change(struct run_context *context, struct error *err)
{
	const struct change *change = context->change;
	const struct change_kind *kind = change->kind;
	struct change_run run = run_change_begin(context);
	if (context->journal)
		journal_output(context->journal, change->n, change_title(run.arena, change), false);
	int status = kind->apply(&run, change, err);
	if (status == 0 && kind->seen_to_have_worked)
		status = kind->seen_to_have_worked(&run, change, false, err);
	run_change_end(&run);
	return status;
}

/* Begin, do, done: each is on disk before the next. */
static int apply_journaled(
		struct run_context *context, struct apply_result *result, struct error *err)
{
	const struct change *change = context->change;
	struct error error = {0};
	int status = journal_record(context->journal, change->n, "begin", NULL, &error);
	if (status == 0)
		status = make_change(context, &error);
	if (status == 0)
		status = journal_record(context->journal, change->n, "done", NULL, &error);
	if (status == 0) {
		result->done++;
		(void)run_tell(context, APPLY_DONE, NULL);
		return 0;
	}
	result->failed_n = change->n;
	(void)journal_record(context->journal, change->n, "failed", error.text, NULL);
	(void)run_tell(context, APPLY_FAILED, error.text);
	if (err)
		*err = error;
	return status;
}

static int apply_one(struct run_context *context, struct apply_result *result, struct error *err)
{
	const struct change *change = context->change;
	struct arena *arena = arena_new();
	bool go_on = run_tell(context, APPLY_BEGIN, change_title(arena, change));
	bool not_run = cannot_run(context, change);
	if (go_on && not_run) {
		result->not_run++;
		(void)run_tell(context, APPLY_NOT_RUN,
				arena_printf(arena, "not run: %s", process_why_not(context->root)));
	}
	arena_free(arena);
	if (!go_on)
		return error_set(err, ERROR_STOPPED, "stopped before change %zu, as asked",
				change->n);
	if (not_run)
		return journal_record(context->journal, change->n, "not-run", NULL, err);
	return apply_journaled(context, result, err);
}

static int check_room(struct run_context *context, struct error *err)
{
	const struct list *changes = &context->plan->changes;
	size_t room = 65536;
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		if (change->kind->journal_bytes)
			room += change->kind->journal_bytes(change);
	}
	return file_check_place(context->root, RUNS_DIR "/run", room, err);
}

static void hint_rollback(
		const struct plan *plan, const struct apply_result *result, struct error *err)
{
	char why[sizeof err->hint];
	(void)snprintf(why, sizeof why, "%s", err->hint);
	error_hint(err, "%.1500s%s%zu of %zu changes were made; undo them with 'pvegpu rollback %s'",
			why, why[0] ? "\n" : "", result->done,
			plan->changes.n - plan_count_reboots(&plan->changes), result->run);
}

int run_apply(struct run_context *context, struct apply_result *result, struct error *err)
{
	const struct plan *plan = context->plan;
	int status = check_room(context, err);
	if (status == 0)
		status = journal_begin(context->root, plan, &context->journal, err);
	if (status < 0)
		return status;
	(void)snprintf(result->run, sizeof result->run, "%s", journal_run(context->journal));
	status = identity_record(context, err);
	for (size_t i = 0; status == 0 && i < plan->changes.n; i++) {
		context->change = plan->changes.item[i];
		if (context->change->kind->ends_plan)
			result->reboot = true;
		else
			status = apply_one(context, result, err);
	}
	context->change = NULL;
	if (status < 0 && err)
		hint_rollback(plan, result, err);
	return status;
}

static int plan_again(struct host *host, const struct plan *plan, struct plan **ret_fresh,
		struct error *err)
{
	struct facts *facts = NULL;
	struct report *report = NULL;
	int status = facts_read_host(host, false, &facts, err);
	if (status == 0)
		status = planner_report(host, facts, plan->goal, &report, err);
	if (status == 0)
		status = planner_plan(report, host->root, ret_fresh, err);
	report_free(report);
	facts_free(facts);
	return status;
}

static int same_plan(const struct plan *fresh, const struct plan *plan, struct error *err)
{
	int status = refuse(fresh, err);
	if (status < 0 || strcmp(fresh->id, plan->id) == 0)
		return status;
	(void)error_set(err, ERROR_DRIFT,
			strcmp(fresh->node, plan->node) != 0
					? "the plan was made for the node '%s', not for this one"
					: "the host is not as it was when the plan for '%s' was made",
			plan->node);
	error_hint(err, "make a new plan; nothing was changed");
	return ERROR_DRIFT;
}

static int check_all(struct run_context *context, struct plan **ret_fresh, struct error *err)
{
	/* What is said first is the most telling: a changed file or configuration by its name. */
	struct plan *fresh = NULL;
	int status = refuse(context->plan, err);
	if (status == 0)
		status = run_check(context, err);
	if (status == 0)
		status = plan_again(context->host, context->plan, &fresh, err);
	if (status == 0 && fresh)
		status = same_plan(fresh, context->plan, err);
	if (status < 0) {
		plan_free(fresh);
		return status;
	}
	*ret_fresh = fresh;
	return 0;
}

static int refuse_capture(const struct host *host, struct error *err)
{
	return host->unpacked ? error_set(err, ERROR_REFUSED,
						"this is a capture: it is only looked at")
			      : 0;
}

int apply_check(struct host *host, const struct plan *plan, struct plan **ret_fresh,
		struct error *err)
{
	struct run_context context = {
			.host = host, .root = host->root, .plan = plan, .keep = {-1, -1}};
	int status = refuse_capture(host, err);
	if (status == 0) /* what another run is changing now would look like an edit */
		status = journal_check_free(host->root, err);
	if (status == 0)
		status = check_all(&context, ret_fresh, err);
	run_release_client(&context);
	return status;
}

static int apply_under_lock(
		struct run_context *context, struct apply_result *result, struct error *err)
{
	struct plan *fresh = NULL;
	const struct plan *shown = context->plan;
	int status = check_all(context, &fresh, err);
	if (status < 0 || !fresh)
		return status;
	status = consent_check(context->consent, fresh->id, err);
	if (status == 0) {
		context->plan = fresh;
		status = run_apply(context, result, err);
		context->plan = shown;
	}
	plan_free(fresh);
	return status;
}

int apply_plan(struct host *host, const struct plan *plan, const struct consent *consent,
		apply_progress *progress, apply_ask *ask, void *user,
		struct apply_result *ret_result, struct error *err)
{
	*ret_result = (struct apply_result){0};
	int status = refuse_capture(host, err);
	if (status == 0)
		status = refuse(plan, err);
	if (status < 0 || plan->changes.n == 0)
		return status;
	status = consent_check(consent, plan->id, err);
	int lock = -1;
	if (status == 0)
		status = journal_lock(host->root, &lock, err);
	if (status < 0)
		return status;
	struct run_context context = {.host = host,
			.root = host->root,
			.plan = plan,
			.consent = consent,
			.keep = {.lock = lock, .output = -1},
			.progress = progress,
			.ask = ask,
			.user = user};
	status = apply_under_lock(&context, ret_result, err);
	run_release_client(&context);
	journal_close(context.journal);
	(void)close(lock);
	return status;
}

int apply_reboot(struct host *host, const struct plan *plan, const struct consent *consent,
		apply_progress *progress, void *user, struct error *err)
{
	int status = consent_check(consent, plan->id, err);
	if (status < 0)
		return status;
	struct run_context context = {.host = host,
			.root = host->root,
			.keep = {-1, -1},
			.progress = progress,
			.user = user};
	for (size_t i = 0; status == 0 && i < plan->changes.n; i++) {
		context.change = plan->changes.item[i];
		if (context.change->kind->ends_plan)
			status = make_change(&context, err);
	}
	return status;
}
