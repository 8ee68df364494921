/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/apply/internal.h"

bool change_was_touched(enum change_state state)
{
	return state == STATE_DONE || state == STATE_BEGUN || state == STATE_FAILED ||
	       state == STATE_KEPT;
}

/* Why it stays as it is without a look at it, or NULL. `kept` are later changes that stay. */
static const char *why_kept(
		const struct run_context *context, const struct list *kept, struct arena *arena)
{
	const struct change *change = context->change;
	if (change->kind->not_in_chroot && root_kind(context->root) == ROOT_CHROOT)
		return arena_printf(arena, "left as it is: %s, by rollback once more",
				change->kind->not_in_chroot);
	for (size_t i = 0; i < kept->n; i++) {
		const struct change *other = kept->item[i];
		const char *why =
				other->kind->rests_on ? other->kind->rests_on(other, change) : NULL;
		if (why)
			return arena_printf(arena, "kept: %s", why);
	}
	return NULL;
}

static int undo_change(struct run_context *context, bool *ret_kept, struct error *err)
{
	const struct change *change = context->change;
	const struct change_kind *kind = change->kind;
	struct change_run run = run_change_begin(context);
	if (context->journal)
		journal_output(context->journal, change->n, change_title(run.arena, change), false);
	int status = kind->undo(&run, change, ret_kept, err);
	if (status == 0 && !*ret_kept && kind->seen_to_have_worked)
		status = kind->seen_to_have_worked(&run, change, true, err);
	run_change_end(&run);
	return status;
}

/* Undo the context's change, or say why not; what is kept is added to `kept`. */
static int undo_one(struct run_context *context, struct list *kept, struct arena *arena,
		struct rollback_result *result, struct error *err)
{
	const struct change *change = context->change;
	(void)run_tell(context, APPLY_BEGIN, change_title(arena, change));
	const char *why = why_kept(context, kept, arena);
	bool stays = why != NULL;
	int status = stays ? 0 : undo_change(context, &stays, err);
	if (status == 0)
		status = journal_record(
				context->journal, change->n, stays ? "kept" : "undone", NULL, err);
	if (status < 0) {
		(void)run_tell(context, APPLY_FAILED, err ? err->text : "it failed");
		return status;
	}
	result->undone += !stays;
	result->kept += stays;
	if (stays && !why) {
		why = "kept: it was changed since, and that was not overwritten";
		list_add(arena, kept, context->plan->changes.item[change->n - 1]);
	}
	(void)run_tell(context, stays ? APPLY_NOT_RUN : APPLY_DONE, why);
	return 0;
}

/* What can be known to fail is found before anything is undone. */
static int check_undo(
		struct run_context *context, const struct run_record *record, struct error *err)
{
	const struct plan *plan = record->plan;
	struct change_run run = run_change_begin(context);
	int status = 0;
	for (size_t i = 0; status == 0 && i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		if (change->kind->check_undo && change_was_touched(record->states[i]))
			status = change->kind->check_undo(&run, change, err);
	}
	run_change_end(&run);
	return status;
}

static bool is_due(const struct run_context *context, const struct run_record *record, size_t i,
		enum undo_order order)
{
	const struct change *change = context->plan->changes.item[i];
	return change->kind->undo_order == order && change_was_touched(record->states[i]);
}

static int rollback_locked(struct run_context *context, const struct run_record *record,
		struct rollback_result *result, struct error *err)
{
	const struct plan *plan = record->plan;
	struct arena *arena = arena_new();
	struct list kept = {0};
	int status = check_undo(context, record, err);
	for (size_t i = plan->changes.n; status == 0 && i-- > 0;) {
		context->change = plan->changes.item[i];
		if (is_due(context, record, i, UNDO_BACKWARDS))
			status = undo_one(context, &kept, arena, result, err);
	}
	/* Then the commands once more, in their own order, over the files as they are again. */
	for (size_t i = 0; status == 0 && i < plan->changes.n; i++) {
		context->change = plan->changes.item[i];
		if (is_due(context, record, i, UNDO_AGAIN))
			status = undo_one(context, &kept, arena, result, err);
	}
	result->reboot = plan_count_reboots(&plan->changes) > 0;
	if (status == 0 && result->kept == 0)
		status = journal_record(context->journal, 0, "rolled-back", NULL, err);
	arena_free(arena);
	return status;
}

int rollback_check(struct host *host, const char *run, struct error *err)
{
	struct arena *arena = arena_new();
	struct run_record record = {0};
	int status = journal_read(host->root, run, arena, &record, err);
	if (status == 0)
		status = identity_check(host, &record, run, err);
	plan_free(record.plan);
	arena_free(arena);
	return status;
}

int rollback_run(struct host *host, const char *run, const struct consent *consent,
		rollback_ask *ask, apply_progress *progress, void *user,
		struct rollback_result *ret_result, struct error *err)
{
	const struct root *root = host->root;
	*ret_result = (struct rollback_result){0};
	if (host->unpacked)
		return error_set(err, ERROR_REFUSED, "this is a capture: it is only looked at");
	struct arena *arena = arena_new();
	struct strings runs = {0};
	int status = journal_list(root, arena, &runs, err);
	if (status == 0 && !runs.n)
		status = error_set(err, ERROR_USAGE, "there is nothing to roll back on this host");
	if (status == 0)
		status = consent_check(consent, run, err);
	if (status < 0) {
		arena_free(arena);
		return status;
	}
	struct run_context context = {.host = host,
			.root = root,
			.consent = consent,
			.keep = {-1, -1},
			.progress = progress,
			.ask = ask,
			.user = user};
	struct run_record record = {0};
	int lock = -1;
	status = journal_lock(root, &lock, err);
	context.keep.lock = lock;
	if (status == 0)
		status = journal_read(root, run, arena, &record, err);
	if (status == 0 && record.rolled_back)
		status = error_set(err, ERROR_USAGE, "run %s was rolled back already", run);
	if (status == 0)
		status = identity_check(host, &record, run, err);
	if (status == 0)
		status = journal_open(root, run, &context.journal, err);
	if (status == 0) {
		(void)snprintf(ret_result->run, sizeof ret_result->run, "%s", run);
		context.plan = record.plan;
		status = rollback_locked(&context, &record, ret_result, err);
	}
	run_release_client(&context);
	journal_close(context.journal);
	plan_free(record.plan);
	if (lock >= 0)
		(void)close(lock);
	arena_free(arena);
	return status;
}
