/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "pvegpu/apply/apply.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"
#include "pvegpu/checks/check.h"
#include "pvegpu/plan/diff.h"
#include "tui/connect.h"
#include "tui/doctor_command.h"
#include "tui/options.h"
#include "tui/say.h"
#include "tui/wizard.h"

static int list_checks(bool json)
{
	json_t *array = json_array();
	for (const struct check *check = check_catalogue; check->id; check++) {
		if (json)
			(void)json_array_append_new(
					array, json_pack("{s:s, s:s, s:s}", "id", check->id, "step",
							       step_names[check->step], "title",
							       check->title));
		else
			say(stdout, "%-28s %-7s %s\n", check->id, step_names[check->step],
					check->title);
	}
	if (json)
		print_json(array);
	else
		json_decref(array);
	return EXIT_FINE;
}

/* Facts and report for the options' root and goal. */
struct view {
	struct host host;
	struct facts *facts;
	struct report *report;
};

static void view_close(struct view *view)
{
	report_free(view->report);
	facts_free(view->facts);
	host_close(&view->host);
}

static int view_open(const struct options *options, struct view *ret_view, struct error *err)
{
	struct view view = {0};
	int status = host_open(options, &view.host, err);
	if (status == 0)
		status = facts_read_host(&view.host, false, &view.facts, err);
	if (status < 0) {
		host_close(&view.host);
		return status;
	}
	report_prepare(&view.host, view.facts, options->goal);
	status = report_new(view.facts, options->goal, &view.report, err);
	if (status < 0) {
		view_close(&view);
		return status;
	}
	*ret_view = view;
	return 0;
}

/* An earlier audit, and what is otherwise now. */
static int read_since(const struct options *options, const struct report *report,
		struct list *ret_changes, struct error *err)
{
	json_t *before = NULL;
	int status = json_read_file(options->since, "a saved audit", &before, err);
	if (status < 0)
		return status;
	status = report_changes(report->arena, report, before, ret_changes, err);
	json_decref(before);
	return status;
}

static int run_audit(const struct options *options)
{
	struct error error;
	struct view view;
	if (options->list)
		return list_checks(options->json);
	if (view_open(options, &view, &error) < 0)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	struct list changes = {0};
	if (report_only(view.report, &options->only, &error) < 0 ||
			(options->since &&
					read_since(options, view.report, &changes, &error) < 0)) {
		view_close(&view);
		return say_error(&error, EXIT_USAGE);
	}
	if (options->json) {
		json_t *json = report_to_json(view.report);
		if (options->since)
			(void)json_object_set_new(
					json, "changes", report_changes_to_json(&changes));
		print_json(json);
	} else {
		struct arena *arena = view.report->arena;
		say(stdout, "%s",
				options->prometheus ? report_prometheus(arena, view.report)
				: options->since    ? report_changes_text(arena, &changes)
						    : report_text(arena, view.report));
	}
	struct report_counts counts = report_counts(view.report);
	view_close(&view);
	return counts.by_status[STATUS_FAIL] ? EXIT_ATTENTION : EXIT_FINE;
}

static void print_plan(FILE *out, const struct plan *plan)
{
	say(out, "%s", plan_text(plan->arena, plan));
}

static int run_plan(const struct options *options)
{
	struct error error;
	struct view view;
	struct plan *plan = NULL;
	if (view_open(options, &view, &error) < 0)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	if (report_plan(view.report, view.host.root, &plan, &error) < 0) {
		view_close(&view);
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	}
	if (options->json)
		print_json(plan_to_json(plan));
	else
		print_plan(stdout, plan);
	int status = plan->refusals.n ? EXIT_ATTENTION : EXIT_FINE;
	if (options->out && plan_save(plan, options->out, &error) < 0)
		status = say_error(&error, EXIT_USAGE);
	plan_free(plan);
	view_close(&view);
	return status;
}

static volatile sig_atomic_t stop_asked;

/* Progress as lines; on standard error where standard output is JSON. */
static bool print_progress(
		void *user, const struct change *change, enum apply_event event, const char *text)
{
	FILE *out = user;
	(void)change;
	if (event == APPLY_BEGIN && stop_asked)
		return false;
	switch (event) {
	case APPLY_BEGIN:
		say(out, "%s\n", text);
		break;
	case APPLY_OUTPUT:
		say(out, "    | %s\n", text);
		break;
	case APPLY_DONE:
		say(out, "    done\n");
		break;
	case APPLY_NOT_RUN:
		say(out, "    %s\n", text);
		break;
	case APPLY_FAILED:
		say(out, "    FAILED: %s\n", text);
		break;
	}
	return true;
}

/* While changes are made a signal does not cut one in half: the run stops before the next. */
static void on_stop(int number)
{
	(void)number;
	stop_asked = 1;
}

static void hold_signals(void)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT};
	struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		(void)sigaction(numbers[i], &action, NULL);
}

/* The word of a person, or of --yes, for what changes the host: the commands' only way to a yes. */
static int ask_consent(const struct options *options, const char *question, const char *what,
		struct consent *ret_consent)
{
	int status = confirm(options, question);
	if (status == 0)
		*ret_consent = consent_given(what);
	return status;
}

static void print_apply_result(const struct options *options, const struct plan *plan,
		const struct apply_result *result, const struct error *error)
{
	if (options->json) {
		print_json(json_pack("{s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:b}", "schema",
				"pvegpu.apply/1", "plan", plan->id, "run",
				result->run[0] ? json_string(result->run) : json_null(), "done",
				(json_int_t)result->done, "not_run", (json_int_t)result->not_run,
				"failed",
				result->failed_n ? json_integer((json_int_t)result->failed_n)
						 : json_null(),
				"error", error ? json_string(error->text) : json_null(),
				"reboot_needed", result->reboot ? 1 : 0));
		return;
	}
	if (error)
		return;
	say(stdout, "%zu of %zu changes made", result->done,
			plan->changes.n - (result->reboot ? 1 : 0));
	if (result->not_run)
		say(stdout, ", %zu not run", result->not_run);
	if (result->run[0])
		say(stdout, ". Undo with: pvegpu rollback %s", result->run);
	say(stdout, "\n");
}

static int reboot_after(const struct options *options, struct host *host, const struct plan *plan,
		const struct consent *consent)
{
	struct error error;
	if (root_kind(host->root) == ROOT_CAPTURED)
		return EXIT_FINE;
	bool now = options->reboot || (!options->yes && isatty(STDIN_FILENO) &&
						      typed_yes("Reboot now? Type yes to reboot, "
								"Enter for not now: "));
	if (!now) {
		say(stderr, "The changes count after a reboot. Then run pvegpu again.\n");
		return EXIT_FINE;
	}
	if (apply_reboot(host, plan, consent, print_progress, options->json ? stderr : stdout,
			    &error) < 0)
		return say_error(&error, EXIT_APPLY);
	return EXIT_FINE;
}

/* In the middle of a run: --yes does not cover it. */
static bool ask_at_apply(void *user, const struct change *change, const char *question)
{
	struct arena *arena = arena_new();
	(void)user;
	(void)change;
	bool yes = isatty(STDIN_FILENO) &&
		   typed_yes(arena_printf(arena, "    %s\n    Type yes for that: ", question));
	arena_free(arena);
	return yes;
}

static int apply_confirmed(const struct options *options, struct host *host,
		const struct plan *plan, const struct consent *consent)
{
	struct error error;
	struct apply_result result;
	hold_signals();
	bool failed = apply_plan(host, plan, consent, print_progress, ask_at_apply,
				      options->json ? stderr : stdout, &result, &error) < 0;
	print_apply_result(options, plan, &result, failed ? &error : NULL);
	if (failed)
		return say_error(&error, error.code == ERROR_REFUSED ? EXIT_ATTENTION : EXIT_APPLY);
	return result.reboot ? reboot_after(options, host, plan, consent) : EXIT_FINE;
}

/* What could not be compared, or is not the same, is not asked about: it ends here. */
static int apply_refused(
		const struct options *options, const struct plan *plan, const struct error *error)
{
	const struct apply_result nothing = {0};
	print_plan(options->json ? stderr : stdout, plan);
	print_apply_result(options, plan, &nothing, error);
	return say_error(error, error->code == ERROR_REFUSED ? EXIT_ATTENTION : EXIT_APPLY);
}

static int apply_on(const struct options *options, struct host *host, const struct plan *plan)
{
	struct error error;
	struct plan *fresh = NULL;
	struct consent consent = {0};
	if (apply_check(host, plan, &fresh, &error) < 0)
		return apply_refused(options, plan, &error);
	/* What is shown is what the host and the goal give now, not what the file says of itself.
	 */
	print_plan(options->json ? stderr : stdout, fresh);
	int status = 0;
	if (fresh->changes.n)
		status = ask_consent(
				options, "\nType yes to make these changes: ", fresh->id, &consent);
	if (status == 0)
		status = apply_confirmed(options, host, fresh, &consent);
	plan_free(fresh);
	return status;
}

static int run_apply(const struct options *options)
{
	struct error error;
	struct host host = {0};
	struct plan *plan = NULL;
	if (plan_load(options->operand, &plan, &error) < 0)
		return say_error(&error, EXIT_USAGE);
	if (host_open(options, &host, &error) < 0) {
		plan_free(plan);
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	}
	if (host_is_remote(&host) && !options->node && plan->node)
		host_set_node(&host, plan->node); /* not the one that was worked on last */
	int status = apply_on(options, &host, plan);
	plan_free(plan);
	host_close(&host);
	return status;
}

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
		if (change->kind == CHANGE_COMMAND || change->kind == CHANGE_REBOOT)
			continue;
		say(out, "\n%s\n    undo: %s\n", change_title(arena, change), change->undo);
		if (change->kind == CHANGE_FILE)
			say(out, "%s",
					diff_unified(arena, change->path, change->after,
							change->before));
		for (size_t p = 0; p < change->before_params.n; p++) {
			const struct pve_param *before = change->before_params.item[p];
			say(out, "    %s: %s\n", before->key,
					before->value ? before->value : "(not set)");
		}
	}
	for (size_t i = 0; i < run->plan->changes.n; i++) {
		const struct change *change = run->plan->changes.item[i];
		if (change->kind == CHANGE_COMMAND)
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

static void print_rollback_result(const struct rollback_result *result)
{
	say(stdout, "%zu %s of run %s undone", result->undone,
			text_plural(result->undone, "change", "changes"), result->run);
	if (result->kept)
		say(stdout, ", %zu kept because %s changed since", result->kept,
				text_plural(result->kept, "it was", "they were"));
	say(stdout, "%s\n", result->reboot ? "; reboot for the old state to count." : ".");
}

static int run_rollback(const struct options *options)
{
	struct error error;
	struct host host = {0};
	if (host_open(options, &host, &error) < 0)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	const struct root *root = host.root;
	if (options->chroot && root_use_chroot(host.root, &error) < 0) {
		host_close(&host);
		return say_error(&error, EXIT_USAGE);
	}
	FILE *out = options->json ? stderr : stdout;
	char name[64] = "";
	int status = show_rollback(root, options->operand, out, name, sizeof name);
	if (status == 0 && rollback_check(&host, name, &error) < 0)
		status = say_error(&error, status_of(&error, EXIT_APPLY));
	struct consent consent = {0};
	if (status == 0)
		status = ask_consent(options, "\nType yes to undo this: ", name, &consent);
	if (status == 0) {
		struct rollback_result result;
		hold_signals();
		bool failed = rollback_run(&host, name, &consent, ask_overwrite, print_progress,
					      out, &result, &error) < 0;
		if (options->json)
			print_json(json_pack("{s:s, s:o, s:I, s:I, s:o, s:b}", "schema",
					"pvegpu.rollback/1", "run",
					result.run[0] ? json_string(result.run) : json_null(),
					"undone", (json_int_t)result.undone, "kept",
					(json_int_t)result.kept, "error",
					failed ? json_string(error.text) : json_null(),
					"reboot_needed", result.reboot ? 1 : 0));
		else if (!failed)
			print_rollback_result(&result);
		if (failed)
			status = say_error(&error, error.code == ERROR_USAGE     ? EXIT_USAGE
						   : error.code == ERROR_REFUSED ? EXIT_ATTENTION
										 : EXIT_APPLY);
		else if (result.kept)
			status = EXIT_ATTENTION;
	}
	host_close(&host);
	return status;
}

static int run_history(const struct options *options)
{
	struct error error;
	struct host host = {0};
	struct history *history = NULL;
	if (host_open(options, &host, &error) < 0)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	if (history_read(host.root, &history, &error) < 0) {
		host_close(&host);
		return say_error(&error, EXIT_NO_HOST);
	}
	if (options->json)
		print_json(history_to_json(history));
	else
		say(stdout, "%s", history_text(history->arena, history));
	history_free(history);
	host_close(&host);
	return EXIT_FINE;
}

static int run_wizard(const struct options *options, bool demo)
{
	struct error error;
	struct host host = {0};
	if (host_open(options, &host, &error) < 0)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	int status = wizard_run(&host, options->no_color, demo);
	host_close(&host);
	return status;
}

/* The demo: the wizard on a private copy of the sample host, made here and removed at the end. */
static int run_demo(const struct options *options)
{
	/* Beside the program as installed; while developing, in the source tree. */
	static const char *const sources[] = {PVEGPU_SAMPLE_INSTALLED, PVEGPU_SAMPLE_BUILD};
	struct error error = {0};
	char *dir = NULL;
	struct options demo = *options;
	int status = -1;
	for (size_t i = 0; status < 0 && i < 2; i++)
		status = root_private_copy(sources[i], &dir, &error);
	if (status < 0)
		return say_error(&error, EXIT_NO_HOST);
	demo.root = dir;
	demo.run_scripts = true;
	status = run_wizard(&demo, true);
	if (root_remove_tree(dir, &error) < 0)
		(void)say_error(&error, 0);
	free(dir);
	return status;
}

int command_run(const struct options *options)
{
	switch (options->command) {
	case COMMAND_AUDIT:
		return run_audit(options);
	case COMMAND_PLAN:
		return run_plan(options);
	case COMMAND_APPLY:
		return run_apply(options);
	case COMMAND_ROLLBACK:
		return run_rollback(options);
	case COMMAND_HISTORY:
		return run_history(options);
	case COMMAND_CAPTURE:
		return run_capture(options);
	case COMMAND_DEMO:
		return run_demo(options);
	case COMMAND_DOCTOR:
		return doctor_command(options);
	case COMMAND_HELP:
		options_help();
		return EXIT_FINE;
	case COMMAND_VERSION:
		say(stdout, "pvegpu %s\n", PVEGPU_VERSION);
		return EXIT_FINE;
	case COMMAND_WIZARD:
		break;
	}
	return run_wizard(options, false);
}
