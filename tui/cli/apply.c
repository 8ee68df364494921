/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include <unistd.h>

#include "tui/connect.h"
#include "tui/say.h"

static void print_apply_result(const struct options *options, const struct host *host,
		const struct plan *plan, const struct apply_result *result,
		const struct error *error)
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
		say(stdout, ". Undo with: %s %s", host_undo_command(plan->arena, host),
				result->run);
	say(stdout, "\n");
}

static int reboot_after(const struct options *options, struct host *host, const struct plan *plan,
		const struct consent *consent)
{
	struct error error;
	if (root_kind(host->root) == ROOT_CAPTURED)
		return EXIT_FINE;
	bool now = options->reboot ||
		   (!options->yes && isatty(STDIN_FILENO) &&
				   typed_yes("Reboot now? Type yes to reboot, Enter for not now: "));
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
	print_apply_result(options, host, plan, &result, failed ? &error : NULL);
	if (failed)
		return say_error(&error, error.code == ERROR_REFUSED ? EXIT_ATTENTION : EXIT_APPLY);
	return result.reboot ? reboot_after(options, host, plan, consent) : EXIT_FINE;
}

/* What could not be compared, or is not the same, is not asked about: it ends here. */
static int apply_refused(const struct options *options, const struct host *host,
		const struct plan *plan, const struct error *error)
{
	const struct apply_result nothing = {0};
	print_plan(options->json ? stderr : stdout, plan);
	print_apply_result(options, host, plan, &nothing, error);
	return say_error(error, error->code == ERROR_REFUSED ? EXIT_ATTENTION : EXIT_APPLY);
}

static int apply_on(const struct options *options, struct host *host, const struct plan *plan)
{
	struct error error;
	struct plan *fresh = NULL;
	struct consent consent = {0};
	if (apply_check(host, plan, &fresh, &error) < 0)
		return apply_refused(options, host, plan, &error);
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

int command_apply(const struct options *options)
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
