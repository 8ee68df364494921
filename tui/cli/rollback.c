/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#include "pvegpu/base/text.h"
#include "tui/connect.h"
#include "tui/say.h"

static bool ask_overwrite(void *user, const struct change *change, const char *diff)
{
	FILE *out = user;
	struct arena *arena = arena_new();
	say(out, "    changed since by someone else: %s\n%s", change_title(arena, change), diff);
	arena_free(arena);
	/* --yes does not cover this: a person's edit is only overwritten by a person's word. */
	return isatty(STDIN_FILENO) &&
	       typed_yes("    Type yes to overwrite that, Enter to keep it: ");
}

/* What a rollback would do, newest change first. */
static void print_undo(FILE *out, const struct run *run)
{
	struct arena *arena = arena_new();
	say(out, "Run %s (%s), to be undone, newest change first:\n", run->id,
			run_state_names[run->state]);
	for (size_t i = run->plan->changes.n; i-- > 0;) {
		const struct change *change = run->plan->changes.item[i];
		if (change_is_undone(change))
			say(out, "\n%s\n    undo: %s\n%s", change_title(arena, change),
					change->undo, change_undo_detail(arena, change));
	}
	for (size_t i = 0; i < run->plan->changes.n; i++) {
		const struct change *change = run->plan->changes.item[i];
		if (change_is_done_again(change))
			say(out, "\n%s (once more, at the end)\n", change_title(arena, change));
	}
	arena_free(arena);
}

/* Show the run before the question, and tell its name: that one is then undone, and no other. */
static int show_rollback(
		const struct root *root, const char *name, FILE *out, char *ret_name, size_t size)
{
	struct history *history = NULL;
	struct error error;
	const struct run *run = NULL;
	if (history_read(root, &history, &error) < 0)
		return say_error(&error, EXIT_NO_HOST);
	int status = history_find(history, name, &run, &error);
	if (status == 0) {
		print_undo(out, run);
		(void)snprintf(ret_name, size, "%s", run->id);
	} else {
		history_hint_elsewhere(root, name, &error);
	}
	history_free(history);
	return status < 0 ? say_error(&error, EXIT_USAGE) : 0;
}

static void print_rollback_result(const struct options *options,
		const struct rollback_result *result, const struct error *error)
{
	if (options->json) {
		print_json(json_pack("{s:s, s:o, s:I, s:I, s:o, s:b}", "schema",
				"pvegpu.rollback/1", "run",
				result->run[0] ? json_string(result->run) : json_null(), "undone",
				(json_int_t)result->undone, "kept", (json_int_t)result->kept,
				"error", error ? json_string(error->text) : json_null(),
				"reboot_needed", result->reboot ? 1 : 0));
		return;
	}
	if (error)
		return;
	say(stdout, "%zu %s of run %s undone", result->undone,
			text_plural(result->undone, "change", "changes"), result->run);
	if (result->kept)
		say(stdout, ", %zu kept because %s changed since", result->kept,
				text_plural(result->kept, "it was", "they were"));
	say(stdout, "%s\n", result->reboot ? "; reboot for the old state to count." : ".");
}

static int rollback_confirmed(const struct options *options, struct host *host, const char *name,
		const struct consent *consent)
{
	struct error error;
	struct rollback_result result;
	hold_signals();
	bool failed = rollback_run(host, name, consent, ask_overwrite, print_progress,
				      options->json ? stderr : stdout, &result, &error) < 0;
	print_rollback_result(options, &result, failed ? &error : NULL);
	if (failed)
		return say_error(&error, error.code == ERROR_USAGE     ? EXIT_USAGE
					 : error.code == ERROR_REFUSED ? EXIT_ATTENTION
								       : EXIT_APPLY);
	return result.kept ? EXIT_ATTENTION : EXIT_FINE;
}

/* The run that is named, or the last one: shown, asked about, undone. */
static int rollback_on(const struct options *options, struct host *host)
{
	struct error error;
	struct consent consent = {0};
	char name[64] = "";
	int status = show_rollback(host->root, options->operand, options->json ? stderr : stdout,
			name, sizeof name);
	if (status == 0 && rollback_check(host, name, &error) < 0)
		status = say_error(&error, status_of(&error, EXIT_APPLY));
	if (status == 0)
		status = ask_consent(options, "\nType yes to undo this: ", name, &consent);
	return status == 0 ? rollback_confirmed(options, host, name, &consent) : status;
}

int command_rollback(const struct options *options)
{
	struct error error;
	struct host host = {0};
	if (host_open(options, &host, &error) < 0)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	int status = options->chroot && root_use_chroot(host.root, &error) < 0
				     ? say_error(&error, EXIT_USAGE)
				     : rollback_on(options, &host);
	host_close(&host);
	return status;
}
