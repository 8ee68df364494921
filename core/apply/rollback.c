/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/apply/internal.h"
#include "pvegpu/plan/diff.h"

/* The directories that were made for a file, innermost first, where nothing else is in them now. */
static int undo_dirs(const struct root *root, const struct change *change, struct error *err)
{
	int status = 0;
	for (size_t i = change->dirs.n; status == 0 && i-- > 0;)
		status = file_remove_dir(root, change->dirs.item[i], err);
	return status;
}

/* Undo one change; `*ret_kept` when a person has changed it since and wants to keep that. */
static int undo_file(
		struct run_context *context, rollback_ask *ask, bool *ret_kept, struct error *err)
{
	const struct change *change = context->change;
	char now[SHA256_HEX];
	file_clean(context->root, change->path);
	int status = file_hash(context->root, change->path, now, err);
	if (status < 0)
		return status;
	if (strcmp(now, change->before_sha256) == 0) /* the directories may be there without it */
		return change->before ? 0 : undo_dirs(context->root, change, err);
	if (strcmp(now, change->after_sha256) != 0) {
		struct arena *arena = arena_new();
		char *text = NULL;
		(void)root_read(context->root, change->path, arena, &text, NULL, NULL);
		char *undone = undo_text(arena, change, text);
		if (undone) {
			run_line(context, "edited since: only what pvegpu changed is undone",
					false);
			status = file_replace(context->root, change->path, undone, strlen(undone),
					0644, err);
			arena_free(arena);
			return status;
		}
		char *diff = diff_unified(arena, change->path, text, change->before);
		bool overwrite = ask && ask(context->user, change, diff);
		arena_free(arena);
		if (!overwrite) {
			*ret_kept = true;
			return 0;
		}
	}
	if (change->before)
		return file_replace(context->root, change->path, change->before,
				strlen(change->before), 0644, err);
	status = file_remove(context->root, change->path, err);
	return status < 0 ? status : undo_dirs(context->root, change, err);
}

static int try_undo(struct run_context *context, struct pve_client *client, bool *ret_changed,
		char **ret_diff, bool force, struct arena *arena, struct error *err)
{
	const struct change *change = context->change;
	if (change->mapping)
		return mapping_undo(context, client, ret_changed, ret_diff, force, arena, err);
	return api_undo(client, context->plan->node, change, ret_changed, ret_diff, force, arena,
			err);
}

static int undo_call(
		struct run_context *context, rollback_ask *ask, bool *ret_kept, struct error *err)
{
	struct arena *arena = arena_new();
	bool changed = false;
	char *diff = NULL;
	struct pve_client *client = NULL;
	int status = run_client(context, &client, err);
	if (status == 0)
		status = try_undo(context, client, &changed, &diff, false, arena, err);
	if (status == 0 && changed) {
		if (ask && ask(context->user, context->change, diff))
			status = try_undo(context, client, &changed, &diff, true, arena, err);
		else
			*ret_kept = true;
	}
	if (status < 0 && err && strstr(err->text, "does not exist"))
		error_hint(err,
				"if VM %u was moved to another node: move it back to %s, then roll "
				"back "
				"once more",
				context->change->vmid, context->plan->node);
	arena_free(arena);
	return status;
}

/* What a hostpci line of this VM that was kept rests on: the VM's machine, and its mapping. */
static bool rests_on(const struct change *kept, const struct change *change)
{
	return kept && change->kind == CHANGE_API &&
	       (change->mapping || (change->vmid == kept->vmid && change->params.n));
}

static bool sets_hostpci(const struct change *change)
{
	for (size_t i = 0; change->kind == CHANGE_API && i < change->params.n; i++) {
		const struct pve_param *param = change->params.item[i];
		if (text_starts(param->key, "hostpci"))
			return true;
	}
	return false;
}

static int undo_one(struct run_context *context, rollback_ask *ask,
		const struct change *kept_before, struct rollback_result *result, struct error *err)
{
	const struct change *change = context->change;
	struct arena *arena = arena_new();
	(void)run_tell(context, APPLY_BEGIN, change_title(arena, change));
	arena_free(arena);
	bool kept = false;
	const char *why = "kept: it was changed since, and that was not overwritten";
	int status = 0;
	if (change->kind == CHANGE_API && root_kind(context->root) == ROOT_CHROOT) {
		kept = true; /* Proxmox VE does not run in a chroot */
		why = "left as it is: VMs are undone on the running host, by rollback once more";
	} else if (rests_on(kept_before, change)) {
		kept = true;
		why = "kept: the hostpci line that was kept needs it";
	} else {
		status = change->kind == CHANGE_FILE ? undo_file(context, ask, &kept, err)
						     : undo_call(context, ask, &kept, err);
	}
	if (status == 0)
		status = journal_record(
				context->journal, change->n, kept ? "kept" : "undone", NULL, err);
	if (status < 0) {
		(void)run_tell(context, APPLY_FAILED, err ? err->text : "it failed");
		return status;
	}
	result->undone += !kept;
	result->kept += kept;
	(void)run_tell(context, kept ? APPLY_NOT_RUN : APPLY_DONE, kept ? why : NULL);
	return 0;
}

bool change_was_touched(enum change_state state)
{
	return state == STATE_DONE || state == STATE_BEGUN || state == STATE_FAILED ||
	       state == STATE_KEPT;
}

/* What can be known to fail is found before anything is undone. */
static int check_files(const struct root *root, const struct run_record *record, struct error *err)
{
	const struct plan *plan = record->plan;
	int status = 0;
	for (size_t i = 0; status == 0 && i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		char now[SHA256_HEX];
		if (change->kind != CHANGE_FILE || !change_was_touched(record->states[i]))
			continue;
		status = file_hash(root, change->path, now, err);
		if (status == 0 && strcmp(now, change->before_sha256) != 0)
			status = file_check_place(root, change->path,
					change->before ? strlen(change->before) : 0, err);
	}
	return status;
}

static int rollback_locked(struct run_context *context, const struct run_record *record,
		rollback_ask *ask, struct rollback_result *result, struct error *err)
{
	const struct plan *plan = record->plan;
	int status = check_files(context->root, record, err);
	const struct change *kept_line = NULL;
	for (size_t i = plan->changes.n; status == 0 && i-- > 0;) {
		context->change = plan->changes.item[i];
		bool undoable = context->change->kind == CHANGE_FILE ||
				context->change->kind == CHANGE_API;
		if (!undoable || !change_was_touched(record->states[i]))
			continue;
		size_t kept = result->kept;
		status = undo_one(context, ask, kept_line, result, err);
		if (result->kept > kept && sets_hostpci(context->change))
			kept_line = context->change;
	}
	/* Then the commands once more, in their own order, over the files as they are again. */
	for (size_t i = 0; status == 0 && i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		result->reboot = result->reboot || change->kind == CHANGE_REBOOT;
		if (change->kind != CHANGE_COMMAND || !change_was_touched(record->states[i]))
			continue;
		context->change = change;
		struct arena *arena = arena_new();
		(void)run_tell(context, APPLY_BEGIN, change_title(arena, change));
		arena_free(arena);
		status = run_watched(context, change, true, err);
		if (status == 0)
			status = journal_record(context->journal, change->n, "undone", NULL, err);
		(void)run_tell(context, status == 0 ? APPLY_DONE : APPLY_FAILED,
				status < 0 && err ? err->text : NULL);
		result->undone += status == 0;
	}
	if (status == 0 && result->kept == 0)
		status = journal_record(context->journal, 0, "rolled-back", NULL, err);
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
		status = rollback_locked(&context, &record, ask, ret_result, err);
	}
	run_release_client(&context);
	journal_close(context.journal);
	plan_free(record.plan);
	if (lock >= 0)
		(void)close(lock);
	arena_free(arena);
	return status;
}
