/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include "pvegpu/plan/planner.h"
#include "tui/say.h"

void print_plan(FILE *out, const struct plan *plan)
{
	say(out, "%s", plan_text(plan->arena, plan));
}

int command_plan(const struct options *options)
{
	struct error error;
	struct view view;
	struct plan *plan = NULL;
	if (view_open(options, &view, &error) < 0)
		return say_error(&error, status_of(&error, EXIT_NO_HOST));
	if (planner_plan(view.report, view.host.root, &plan, &error) < 0) {
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
