/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/text.h"
#include "pvegpu/plan/plan.h"

static void add_changes(struct arena *arena, struct text *text, const struct list *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		text_addf(text, "\n[%zu] %s\n", change->n, change_title(arena, change));
		const char *detail = change_detail(arena, change);
		struct lines cursor = lines_start(detail);
		struct line line;
		while (line_next(&cursor, &line)) {
			text_add(text, line.n ? "    " : "");
			text_add_bytes(text, line.start, line.full);
		}
	}
}

/* CHECK=SUBJECT names what stands against the plan all the same. */
static bool is_refused(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->refusals.n; i++) {
		const struct refusal *refusal = plan->refusals.item[i];
		size_t n = strlen(refusal->check);
		if (text_starts(name, refusal->check) && name[n] == '=' &&
				strcmp(name + n + 1, refusal->subject) == 0)
			return true;
	}
	return false;
}

/* By name, each time the plan is shown: what was accepted once is not out of sight then. */
static void add_accepted(struct text *text, const struct plan *plan)
{
	for (size_t i = 0; i < plan->accepted.n; i++) {
		const struct refusal *risk = plan->accepted.item[i];
		text_addf(text, "\nACCEPTED: %s on %s:\n    %s\n", risk->check, risk->subject,
				risk->reason);
	}
	for (size_t i = 0; i < plan->goal->accepted.n; i++) {
		const char *name = plan->goal->accepted.item[i];
		bool named = false;
		for (size_t r = 0; r < plan->accepted.n && !named; r++) {
			const struct refusal *risk = plan->accepted.item[r];
			size_t n = strlen(risk->check);
			named = text_starts(name, risk->check) && name[n] == '=' &&
				strcmp(name + n + 1, risk->subject) == 0;
		}
		if (!named)
			text_addf(text,
					is_refused(plan, name)
							? "\nNOT ACCEPTED: %s, which cannot be\n"
							: "\nACCEPTED: %s, which this plan has no need of\n",
					name);
	}
}

/* What a person must know before anything else of the plan. */
static void add_consequences(struct text *text, const struct plan *plan)
{
	for (size_t i = 0; i < plan->consequences.n; i++) {
		const struct consequence *one = plan->consequences.item[i];
		text_add(text, i ? "  ! " : "\nTo know first:\n  ! ");
		text_add_wrapped(text, one->text, 4, 4, 100);
	}
}

char *plan_text(struct arena *arena, const struct plan *plan)
{
	struct text text = {0};
	text_addf(&text, "Plan %.12s: %s\n", plan->id, plan_totals_text(arena, &plan->changes));
	const char *goal = goal_text(arena, plan->goal);
	if (goal)
		text_addf(&text, "Goal: %s\n", goal);
	add_consequences(&text, plan);
	for (size_t i = 0; i < plan->refusals.n; i++) {
		const struct refusal *refusal = plan->refusals.item[i];
		text_addf(&text, "\nREFUSED by %s on %s:\n    %s\n", refusal->check,
				refusal->subject, refusal->reason);
		if (refusal->acceptable)
			text_addf(&text, "    to accept this risk: --accept %s=%s\n",
					refusal->check, refusal->subject);
	}
	add_accepted(&text, plan);
	if (plan->nothing_to_do && !plan->refusals.n)
		text_add(&text, "\nNothing to do: the host is already as the goal asks.\n");
	add_changes(arena, &text, &plan->changes);
	if (plan->forecast.n) {
		text_add(&text, "\nForecast after the reboot (planned again then, from what the host shows):\n");
		add_changes(arena, &text, &plan->forecast);
	}
	if (plan->refusals.n)
		text_addf(&text, "\nREFUSED, as said at the top: %s on %s%s\n",
				((const struct refusal *)plan->refusals.item[0])->check,
				((const struct refusal *)plan->refusals.item[0])->subject,
				plan->refusals.n > 1 ? ", and more" : "");
	return text_take(&text, arena);
}
