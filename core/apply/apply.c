/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/apply/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/plan/planner.h"
#include "pvegpu/facts/facts.h"
#include "pvegpu/formats/kernel_cmdline.h"

enum { COMMAND_TIMEOUT_S = 1800 }; /* update-initramfs for many kernels is slow */

bool run_tell(struct run_context *context, enum apply_event event, const char *text)
{
	return !context->progress || context->progress(context->user, context->change, event, text);
}

void run_line(void *user, const char *line, bool standard_error)
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

static int check_file(const struct root *root, const struct change *change, struct error *err)
{
	char now[SHA256_HEX];
	int status = file_hash(root, change->path, now, err);
	if (status < 0)
		return status;
	if (strcmp(now, change->before_sha256) != 0) {
		(void)error_set(err, ERROR_DRIFT, "'%s%s' was changed since the plan was made",
				root_dir(root), change->path);
		error_hint(err, "make a new plan; nothing was changed");
		return ERROR_DRIFT;
	}
	size_t size = change->after ? strlen(change->after) : 0;
	return file_check_place(root, change->path, size, err);
}

static int check_command(const struct root *root, const struct change *change, struct error *err)
{
	struct arena *arena = arena_new();
	bool found = process_find(root, change->argv.item[0], arena) != NULL;
	arena_free(arena);
	if (found || root_kind(root) == ROOT_CAPTURED)
		return 0;
	return error_set(err, ERROR_COMMAND, "the command '%s' is not on this host",
			change->argv.item[0]);
}

/* Everything that can be known to fail is found before the first write. */
static int preflight(struct run_context *context, struct error *err)
{
	const struct plan *plan = context->plan;
	bool calls = false;
	int status = 0;
	for (size_t i = 0; status == 0 && i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		if (change->kind == CHANGE_FILE)
			status = check_file(context->root, change, err);
		else if (change->kind == CHANGE_COMMAND)
			status = check_command(context->root, change, err);
		calls = calls || change->kind == CHANGE_API;
	}
	if (status < 0 || !calls || root_kind(context->root) == ROOT_CAPTURED)
		return status;
	struct pve_client *client = NULL;
	status = run_client(context, &client, err);
	for (size_t i = 0; status == 0 && i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		if (change->kind == CHANGE_API)
			status = change->mapping ? mapping_check(client, change, err)
						 : api_check_digest(
								   client, plan->node, change, err);
	}
	return status;
}

static int apply_file(const struct root *root, const struct change *change, struct error *err)
{
	/* Looked at once more right before the write: time has passed since the preflight. */
	int status = check_file(root, change, err);
	if (status < 0)
		return status;
	if (!change->after)
		return file_remove(root, change->path, err);
	for (size_t i = 0; i < change->dirs.n; i++) {
		status = file_make_dirs(root, change->dirs.item[i], 0755, err);
		if (status < 0)
			return status;
	}
	return file_replace(root, change->path, change->after, strlen(change->after),
			change->executable ? 0755 : 0644, err);
}

/* What a command says, watched for what it must and must not say. */
struct watch {
	struct run_context *context;
	const struct change *change;
	struct arena *arena;
	struct strings said;
	char *bad_line;
};

static void watch_line(void *user, const char *line, bool standard_error)
{
	struct watch *watch = user;
	const struct change *change = watch->change;
	(void)standard_error;
	/* It is in the journal already: the command writes there itself. */
	(void)run_tell(watch->context, APPLY_OUTPUT, text_printable(watch->arena, line));
	bool harmless = change->harmless && strstr(line, change->harmless);
	for (size_t i = 0; i < change->must_not_say.n && !harmless && !watch->bad_line; i++)
		if (strstr(line, change->must_not_say.item[i]))
			watch->bad_line = text_printable(watch->arena, line);
	for (size_t i = 0; i < change->must_say.n; i++)
		if (strstr(line, change->must_say.item[i]) &&
				!strings_has(&watch->said, change->must_say.item[i]))
			strings_add(watch->arena, &watch->said, change->must_say.item[i]);
}

/* After undoing: words that the files ask for again must be there, and those that they do not ask
 * for any more must be gone. */
static void undone_words(const struct root *root, const struct change *change, struct arena *arena,
		struct strings *with, struct strings *without)
{
	struct facts *facts = NULL;
	if (facts_read_first(root, &facts, NULL) < 0)
		return;
	struct strings words = boot_configured_words(facts, arena);
	for (size_t i = 0; i < change->entries_with.n; i++)
		if (!strings_has(&words, change->entries_with.item[i]))
			strings_add(arena, without, change->entries_with.item[i]);
	for (size_t i = 0; i < change->entries_without.n; i++)
		if (strings_has(&words, change->entries_without.item[i]))
			strings_add(arena, with, change->entries_without.item[i]);
	facts_free(facts);
}

/* What the boot entries must be like now, read back from what was made. */
static int check_entries(
		const struct root *root, const struct change *change, bool undo, struct error *err)
{
	struct arena *arena = arena_new();
	struct strings with = {0};
	struct strings without = {0};
	if (undo) {
		undone_words(root, change, arena, &with, &without);
	} else {
		with = change->entries_with;
		without = change->entries_without;
	}
	struct list entries = facts_boot_entries(root, arena);
	int status = 0;
	if (!entries.n && change->entries_in)
		status = error_set(err, ERROR_COMMAND,
				"'%s' ended well, but %s has no entry of an installed kernel",
				strings_join(arena, &change->argv, " "), change->entries_in);
	for (size_t i = 0; status == 0 && i < entries.n; i++) {
		const struct boot_entry *entry = entries.item[i];
		struct strings words = cmdline_words(arena, entry->cmdline);
		for (size_t w = 0; status == 0 && w < with.n; w++)
			if (!cmdline_has_word(&words, with.item[w]))
				status = error_set(err, ERROR_COMMAND,
						"'%s' ended well, but the entry of kernel %s in %s "
						"has not %s",
						strings_join(arena, &change->argv, " "),
						entry->kernel ? entry->kernel : "?", entry->path,
						with.item[w]);
		for (size_t w = 0; status == 0 && w < without.n; w++)
			if (cmdline_has_word(&words, without.item[w]))
				status = error_set(err, ERROR_COMMAND,
						"'%s' ended well, but the entry of kernel %s in %s "
						"still has %s",
						strings_join(arena, &change->argv, " "),
						entry->kernel ? entry->kernel : "?", entry->path,
						without.item[w]);
	}
	arena_free(arena);
	return status;
}

/* Each image must have been made again since `start`, and hold what the host has now. */
static int check_images(
		const struct root *root, const char *command, time_t start, struct error *err)
{
	struct arena *arena = arena_new();
	struct strings names = {0};
	int status = 0;
	(void)root_list(root, "/boot", arena, &names);
	for (size_t i = 0; status == 0 && i < names.n; i++) {
		const char *kernel = names.item[i] + strlen("initrd.img-");
		struct stat made;
		if (!text_starts(names.item[i], "initrd.img-") ||
				!root_exists(root, arena_printf(arena, "/boot/vmlinuz-%s", kernel)))
			continue;
		const char *path = arena_printf(arena, "/boot/%s", names.item[i]);
		struct strings differs = {0};
		if (root_stat(root, path, &made) == 0 && made.st_mtime + 1 < start)
			status = error_set(err, ERROR_COMMAND,
					"'%s' ended well, but %s was not made again", command,
					path);
		else if (facts_initramfs_differs(root, path, arena, &differs) && differs.n)
			status = error_set(err, ERROR_COMMAND,
					"'%s' ended well, but %s does not hold what it should: %s",
					command, path, strings_join(arena, &differs, ", "));
	}
	arena_free(arena);
	return status;
}

int run_watched(struct run_context *context, const struct change *change, bool undo,
		struct error *err)
{
	struct arena *arena = arena_new();
	struct watch watch = {.context = context, .change = change, .arena = arena};
	const char **vector = arena_alloc(arena, (change->argv.n + 1) * sizeof *vector);
	for (size_t i = 0; i < change->argv.n; i++)
		vector[i] = change->argv.item[i];
	struct process_result result;
	const time_t start = time(NULL);
	const char *command = strings_join(arena, &change->argv, " ");
	struct process_keep keep = {.lock = context->keep.lock, .output = -1};
	if (context->journal) {
		journal_output(context->journal, change->n, arena_printf(arena, "$ %s", command),
				false);
		keep.output = journal_output_file(context->journal);
	}
	int status = process_run_kept(context->root, vector, COMMAND_TIMEOUT_S, &keep, watch_line,
			&watch, arena, &result, err);
	if (status == 0 && result.exit_status != 0)
		status = error_set(err, ERROR_COMMAND, "'%s' ended with status %d", command,
				result.exit_status);
	if (status == 0 && watch.bad_line)
		status = error_set(err, ERROR_COMMAND, "'%s' did not do all of it: %s", command,
				watch.bad_line);
	for (size_t i = 0; status == 0 && i < change->must_say.n; i++)
		if (!strings_has(&watch.said, change->must_say.item[i]))
			status = error_set(err, ERROR_COMMAND,
					"'%s' ended well, but said nothing of %s", command,
					change->must_say.item[i]);
	if (status == 0 && change->makes_images)
		status = check_images(context->root, command, start, err);
	if (status == 0 &&
			(change->entries_with.n || change->entries_without.n || change->entries_in))
		status = check_entries(context->root, change, undo, err);
	arena_free(arena);
	return status;
}

int run_client(struct run_context *context, struct pve_client **ret_client, struct error *err)
{
	int status = host_client(context->host, ret_client, err);
	if (status == 0) {
		(*ret_client)->line = run_line;
		(*ret_client)->user = context;
		pve_keep(*ret_client, &context->keep);
	}
	return status;
}

static int run_call(struct run_context *context, struct error *err)
{
	struct pve_client *client = NULL;
	int status = run_client(context, &client, err);
	if (status < 0)
		return status;
	return context->change->mapping ? mapping_apply(client, context->change, err)
					: api_apply(context, client, err);
}

void run_release_client(struct run_context *context)
{
	if (!context->host->client)
		return;
	context->host->client->line = NULL;
	pve_keep(context->host->client, NULL);
}

static int apply_change(struct run_context *context, struct error *err)
{
	const struct change *change = context->change;
	switch (change->kind) {
	case CHANGE_FILE:
		return apply_file(context->root, change, err);
	case CHANGE_COMMAND:
		return run_watched(context, change, false, err);
	case CHANGE_API:
		return run_call(context, err);
	case CHANGE_REBOOT:
		break;
	}
	return 0;
}

static int apply_one(struct run_context *context, struct apply_result *result, struct error *err)
{
	const struct change *change = context->change;
	struct arena *arena = arena_new();
	bool go_on = run_tell(context, APPLY_BEGIN, change_title(arena, change));
	bool runs = change->kind == CHANGE_COMMAND || change->kind == CHANGE_API;
	bool not_run = runs && root_kind(context->root) == ROOT_CAPTURED;
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
	struct error error = {0};
	int status = journal_record(context->journal, change->n, "begin", NULL, &error);
	if (status == 0)
		status = apply_change(context, &error);
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

static int apply_locked(struct run_context *context, struct apply_result *result, struct error *err)
{
	const struct plan *plan = context->plan;
	size_t room = 65536;
	for (size_t i = 0; i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		if (change->kind == CHANGE_FILE)
			room += 4 * ((change->before ? strlen(change->before) : 0) +
						    (change->after ? strlen(change->after) : 0));
	}
	int status = file_check_place(context->root, RUNS_DIR "/run", room, err);
	if (status == 0)
		status = journal_begin(context->root, plan, &context->journal, err);
	if (status < 0)
		return status;
	(void)snprintf(result->run, sizeof result->run, "%s", journal_run(context->journal));
	status = identity_record(context, err);
	for (size_t i = 0; status == 0 && i < plan->changes.n; i++) {
		context->change = plan->changes.item[i];
		if (context->change->kind == CHANGE_REBOOT)
			result->reboot = true;
		else
			status = apply_one(context, result, err);
	}
	context->change = NULL;
	if (status < 0 && err) {
		char why[sizeof err->hint];
		(void)snprintf(why, sizeof why, "%s", err->hint);
		error_hint(err,
				"%.1500s%s%zu of %zu changes were made; undo them with 'pvegpu "
				"rollback %s'",
				why, why[0] ? "\n" : "", result->done,
				plan_totals(&plan->changes).reboots ? plan->changes.n - 1
								    : plan->changes.n,
				result->run);
	}
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
					: "the host is not as it was when the plan for '%s' was "
					  "made",
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
		status = preflight(context, err);
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
		status = apply_locked(context, result, err);
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
	for (size_t i = 0; i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		if (change->kind == CHANGE_REBOOT)
			return run_watched(&context, change, false, err);
	}
	return 0;
}
