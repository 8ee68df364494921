/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cli/cli.h"

#include "pvegpu/audit/audit.h"
#include "pvegpu/base/json.h"
#include "tui/say.h"

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

int command_audit(const struct options *options)
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
		struct json_out out = say_json();
		report_put_json(&out, view.report, options->since ? &changes : NULL);
		json_end(&out);
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
