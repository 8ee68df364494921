/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "pvegpu/apply/apply.h"
#include "pvegpu/base/text.h"
#include "pvegpu/checks/check.h"
#include "pvegpu/plan/diff.h"
#include "tui/connect.h"
#include "tui/doctor_command.h"
#include "tui/options.h"
#include "tui/say.h"
#include "tui/wizard.h"

int say_error(const struct error *error, int status)
{
	(void)fflush(stdout); /* so that the reason comes last */
	(void)fprintf(stderr, "pvegpu: %s\n", error->text);
	const char *cursor = error->hint;
	struct line line;
	while (line_next(&cursor, error->hint + strlen(error->hint), &line))
		(void)fprintf(stderr, "        %.*s\n", (int)line.n, line.start);
	return status;
}

int status_of(const struct error *error, int otherwise)
{
	switch (error->code) {
	case ERROR_USAGE:
	case ERROR_PARSE:
		return EXIT_USAGE;
	case ERROR_NOT_HOST:
	case ERROR_CONNECT:
	case ERROR_TRUST:
	case ERROR_LOGIN:
		return EXIT_NO_HOST;
	case ERROR_REFUSED:
		return EXIT_ATTENTION;
	case ERROR_OK:
	case ERROR_IO:
	case ERROR_DRIFT:
	case ERROR_BUSY:
	case ERROR_COMMAND:
	case ERROR_API:
	case ERROR_STOPPED:
		break;
	}
	return otherwise;
}

void print_json(json_t *json)
{
	char *text = json_dumps(json, JSON_INDENT(2));
	(void)puts(text ? text : "null");
	free(text);
	json_decref(json);
}

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
			(void)printf("%-28s %-7s %s\n", check->id, step_names[check->step],
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
	json_error_t error;
	json_t *before = json_load_file(options->since, 0, &error);
	if (!before)
		return error_set(err, ERROR_PARSE, "%s, line %d: %s", options->since,
				error.line > 0 ? error.line : 1, error.text);
	int status = report_changes(report->arena, report, before, ret_changes, err);
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
		(void)fputs(options->prometheus  ? report_prometheus(arena, view.report)
				: options->since ? report_changes_text(arena, &changes)
						 : report_text(arena, view.report),
				stdout);
	}
	struct report_counts counts = report_counts(view.report);
	view_close(&view);
	return counts.by_status[STATUS_FAIL] ? EXIT_ATTENTION : EXIT_FINE;
}

static void print_plan(FILE *out, const struct plan *plan)
{
	(void)fputs(text_printable_page(plan->arena, plan_text(plan->arena, plan)), out);
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
		(void)fprintf(out, "%s\n", text);
		break;
	case APPLY_OUTPUT:
		(void)fprintf(out, "    | %s\n", text);
		break;
	case APPLY_DONE:
		(void)fputs("    done\n", out);
		break;
	case APPLY_NOT_RUN:
		(void)fprintf(out, "    %s\n", text);
		break;
	case APPLY_FAILED:
		(void)fprintf(out, "    FAILED: %s\n", text);
		break;
	}
	(void)fflush(out);
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

bool typed_yes(const char *question)
{
	char line[32];
	(void)tcflush(STDIN_FILENO, TCIFLUSH); /* what was typed before the question is no answer */
	(void)fprintf(stderr, "%s", question);
	(void)fflush(stderr);
	return fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0;
}

/* The word of a person, or of --yes. */
int confirm(const struct options *options, const char *question)
{
	if (options->yes)
		return 0;
	if (!isatty(STDIN_FILENO)) {
		(void)fputs("pvegpu: nothing was changed: there is no terminal to ask on, and "
			    "--yes "
			    "was not given\n",
				stderr);
		return EXIT_USAGE;
	}
	if (typed_yes(question))
		return 0;
	(void)fputs("Nothing was changed.\n", stderr);
	return EXIT_ATTENTION;
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
	(void)printf("%zu of %zu changes made", result->done,
			plan->changes.n - (result->reboot ? 1 : 0));
	if (result->not_run)
		(void)printf(", %zu not run", result->not_run);
	if (result->run[0])
		(void)printf(". Undo with: pvegpu rollback %s", result->run);
	(void)puts("");
}

static int reboot_after(const struct options *options, struct host *host, const struct plan *plan)
{
	struct error error;
	if (root_kind(host->root) == ROOT_CAPTURED)
		return EXIT_FINE;
	bool now = options->reboot || (!options->yes && isatty(STDIN_FILENO) &&
						      typed_yes("Reboot now? Type yes to reboot, "
								"Enter for not now: "));
	if (!now) {
		(void)fputs("The changes count after a reboot. Then run pvegpu again.\n", stderr);
		return EXIT_FINE;
	}
	if (apply_reboot(host, plan, print_progress, options->json ? stderr : stdout, &error) < 0)
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
	FILE *out = options->json ? stderr : stdout;
	/* What is shown is what the host and the goal give now, not what the file says of itself.
	 */
	struct plan *fresh = NULL;
	bool same = apply_check(&host, plan, &fresh, &error) == 0;
	print_plan(out, same ? fresh : plan);
	plan_free(fresh);
	int status = 0;
	if (same && plan->changes.n)
		status = confirm(options, "\nType yes to make these changes: ");
	if (status == 0) {
		struct apply_result result;
		hold_signals();
		bool failed = apply_plan(&host, plan, print_progress, ask_at_apply, out, &result,
					      &error) < 0;
		print_apply_result(options, plan, &result, failed ? &error : NULL);
		if (failed)
			status = say_error(&error,
					error.code == ERROR_REFUSED ? EXIT_ATTENTION : EXIT_APPLY);
		else if (result.reboot)
			status = reboot_after(options, &host, plan);
	}
	plan_free(plan);
	host_close(&host);
	return status;
}

static bool ask_overwrite(void *user, const struct change *change, const char *diff)
{
	FILE *out = user;
	struct arena *arena = arena_new();
	(void)fprintf(out, "    changed since by someone else: %s\n%s", change_title(arena, change),
			text_printable_page(arena, diff));
	arena_free(arena);
	(void)fflush(out);
	/* --yes does not cover this: a person's edit is only overwritten by a person's word. */
	return isatty(STDIN_FILENO) &&
	       typed_yes("    Type yes to overwrite that, Enter to keep it: ");
}

/* What a rollback would do, newest change first. */
static void print_undo(FILE *out, const struct run *run)
{
	struct arena *arena = arena_new();
	(void)fprintf(out, "Run %s (%s), to be undone, newest change first:\n", run->id,
			run_state_names[run->state]);
	for (size_t i = run->plan->changes.n; i-- > 0;) {
		const struct change *change = run->plan->changes.item[i];
		if (change->kind == CHANGE_COMMAND || change->kind == CHANGE_REBOOT)
			continue;
		(void)fprintf(out, "\n%s\n    undo: %s\n", change_title(arena, change),
				change->undo);
		if (change->kind == CHANGE_FILE)
			(void)fputs(text_printable_page(arena,
						    diff_unified(arena, change->path, change->after,
								    change->before)),
					out);
		for (size_t p = 0; p < change->before_params.n; p++) {
			const struct pve_param *before = change->before_params.item[p];
			(void)fprintf(out, "    %s: %s\n", before->key,
					before->value ? before->value : "(not set)");
		}
	}
	for (size_t i = 0; i < run->plan->changes.n; i++) {
		const struct change *change = run->plan->changes.item[i];
		if (change->kind == CHANGE_COMMAND)
			(void)fprintf(out, "\n%s (once more, at the end)\n",
					change_title(arena, change));
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
	(void)printf("%zu %s of run %s undone", result->undone,
			text_plural(result->undone, "change", "changes"), result->run);
	if (result->kept)
		(void)printf(", %zu kept because %s changed since", result->kept,
				text_plural(result->kept, "it was", "they were"));
	(void)puts(result->reboot ? "; reboot for the old state to count." : ".");
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
	if (status == 0)
		status = confirm(options, "\nType yes to undo this: ");
	if (status == 0) {
		struct rollback_result result;
		hold_signals();
		bool failed = rollback_run(&host, name, ask_overwrite, print_progress, out, &result,
					      &error) < 0;
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
		(void)fputs(history_text(history->arena, history), stdout);
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

/* The demo: the wizard on a private copy of the sample host, which is removed at the end. With
 * --root DIR, which must not exist yet or be empty, the copy is made there and kept. */
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
		(void)puts("pvegpu " PVEGPU_VERSION);
		return EXIT_FINE;
	case COMMAND_WIZARD:
		break;
	}
	return run_wizard(options, false);
}
