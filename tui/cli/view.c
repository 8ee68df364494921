/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include "pvegpu/plan/planner.h"
#include "tui/connect.h"

void view_close(struct view *view)
{
	report_free(view->report);
	facts_free(view->facts);
	host_close(&view->host);
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
	status = planner_report(&view.host, view.facts, options->goal, &view.report, err);
	if (status < 0) {
		view_close(&view);
		return status;
	}
	*ret_view = view;
	return 0;
}
