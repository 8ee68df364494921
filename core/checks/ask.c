/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"

/* From a check whose fix is wanted to the choice of the goal that makes it (core/goal/choices.c):
 * for those who come with a fault and want that one thing done. */

static bool is_parameters(const char *check)
{
	return strcmp(check, "boot.iommu-cmdline") == 0 ||
	       strcmp(check, "boot.iommu-active") == 0 ||
	       strcmp(check, "boot.cmdline-conflict") == 0;
}

/* The kernel parameters that this host needs, or that contradict. */
static bool ask_parameters(const struct report *report, struct goal *goal, bool wanted)
{
	bool any = false;
	for (size_t i = 0; i < report->params.n; i++) {
		const struct param_choice *param = report->params.item[i];
		bool there = param->configured || param->running;
		if (param->need != NEED_ADVISED && !(param->unwanted && there))
			continue;
		any = true;
		if (wanted)
			goal_param(goal, param->word, !param->unwanted);
		else
			goal_param_forget(goal, param->word);
	}
	return any;
}

bool report_ask_for(const struct report *report, struct goal *goal, const char *check, bool wanted)
{
	if (is_parameters(check))
		return ask_parameters(report, goal, wanted);
	const struct goal_choice *choice = goal_choice_for(check);
	if (choice)
		*goal_choice_at(goal, choice) = wanted ? CHOICE_YES : CHOICE_ADVISED;
	return choice != NULL;
}

const char *report_ask_text(const char *check)
{
	const struct goal_choice *choice = goal_choice_for(check);
	if (choice)
		return choice->tick;
	return is_parameters(check) ? "set the kernel parameters that this host needs" : NULL;
}

bool report_asks_for(const struct report *report, const struct goal *goal, const char *check)
{
	if (is_parameters(check)) {
		for (size_t i = 0; i < report->params.n; i++) {
			const struct param_choice *param = report->params.item[i];
			if (strings_has(&goal->params, param->word) ||
					strings_has(&goal->params_unwanted, param->word))
				return true;
		}
		return false;
	}
	const struct goal_choice *choice = goal_choice_for(check);
	return choice && goal->chosen[choice->id] == CHOICE_YES;
}
