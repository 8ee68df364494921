/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include "pvegpu/plan/planner.h"
#include "tui/connect.h"
#include "tui/say.h"

void view_close(struct view *view)
{
	report_free(view->report);
	facts_free(view->facts);
	host_close(&view->host);
}

/* The workers of an output that are on this node; the others are told. */
static int read_workers(const struct options *options, const struct root *root,
		const struct facts *facts, struct error *err)
{
	struct strings elsewhere;
	int status = tofu_goal(&options->workers, root, facts, options->goal, &elsewhere, err);
	for (size_t i = 0; i < elsewhere.n; i++)
		say(stderr, "pvegpu: not here: %s\n", elsewhere.item[i]);
	return status;
}

int view_open(const struct options *options, struct view *ret_view, struct error *err)
{
	struct view view = {0};
	int status = host_open(options, &view.host, err);
	if (status == 0)
		status = facts_read_host(&view.host, false, &view.facts, err);
	if (status < 0) {
		host_close(&view.host);
		return status;
	}
	if (tofu_is_asked(&options->workers))
		status = read_workers(options, view.host.root, view.facts, err);
	if (status == 0)
		status = planner_report(&view.host, view.facts, options->goal, &view.report, err);
	if (status < 0) {
		view_close(&view);
		return status;
	}
	*ret_view = view;
	return 0;
}
