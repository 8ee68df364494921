/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/plan/plan.h"

#include <string.h>

#include "core/plan/internal.h"

struct plan *plan_new(const struct goal *goal, const char *node)
{
	struct arena *arena = arena_new();
	struct plan *plan = arena_alloc(arena, sizeof *plan);
	plan->arena = arena;
	plan->goal = goal_copy(goal);
	plan->node = arena_strdup(arena, node ? node : "localhost");
	return plan;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	goal_free(plan->goal);
	arena_free(plan->arena);
}

struct change *plan_add_change(struct plan *plan, const struct change_kind *kind)
{
	struct change *change = arena_alloc(plan->arena, sizeof *change);
	change->kind = kind;
	list_add(plan->arena, &plan->changes, change);
	return change;
}

void plan_add_because(struct plan *plan, struct change *change, const char *because)
{
	if (!strings_has(&change->because, because))
		strings_add(plan->arena, &change->because, because);
}

/* What is listed already is not said again. */
static void list_refusal(struct plan *plan, struct list *refusals, const char *check,
		const char *subject, const char *reason, bool acceptable)
{
	for (size_t i = 0; i < refusals->n; i++) {
		const struct refusal *other = refusals->item[i];
		if (strcmp(other->check, check) == 0 && strcmp(other->subject, subject) == 0 &&
				strcmp(other->reason, reason) == 0)
			return;
	}
	struct refusal *refusal = arena_alloc(plan->arena, sizeof *refusal);
	*refusal = (struct refusal){
			.check = arena_strdup(plan->arena, check),
			.subject = arena_strdup(plan->arena, subject),
			.reason = arena_strdup(plan->arena, reason),
			.acceptable = acceptable,
	};
	list_add(plan->arena, refusals, refusal);
}

void plan_refuse(struct plan *plan, const char *check, const char *subject, const char *reason,
		bool acceptable)
{
	list_refusal(plan, &plan->refusals, check, subject, reason, acceptable);
}

void plan_accept(struct plan *plan, const char *check, const char *subject, const char *reason)
{
	list_refusal(plan, &plan->accepted, check, subject, reason, true);
}

static int place_of(const struct change *change)
{
	const struct change_kind *kind = change->kind;
	return kind->place + (kind->place_of ? kind->place_of(change) : 0);
}

/* What comes to something, by its place; of one place as it was planned. */
static struct list in_order(struct plan *plan)
{
	struct list sorted = {0};
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *change = plan->changes.item[i];
		if (change->kind->is_empty && change->kind->is_empty(change))
			continue;
		list_add(plan->arena, &sorted, change);
		for (size_t at = sorted.n - 1;
				at > 0 && place_of(sorted.item[at - 1]) > place_of(change); at--) {
			sorted.item[at] = sorted.item[at - 1];
			sorted.item[at - 1] = change;
		}
	}
	return sorted;
}

void plan_finish(struct plan *plan)
{
	struct list changes = in_order(plan);
	bool reboot = plan_count_reboots(&changes) > 0;
	plan->changes = (struct list){0};
	for (size_t i = 0; i < changes.n; i++) {
		struct change *change = changes.item[i];
		bool later = reboot && change->kind->follows_reboot && !change->early;
		list_add(plan->arena, later ? &plan->forecast : &plan->changes, change);
		if (change->kind->finish)
			change->kind->finish(plan, &changes, change, later);
	}
	plan_seal(plan);
}

void plan_seal(struct plan *plan)
{
	size_t n = 0;
	for (size_t i = 0; i < plan->changes.n; i++)
		((struct change *)plan->changes.item[i])->n = ++n;
	for (size_t i = 0; i < plan->forecast.n; i++)
		((struct change *)plan->forecast.item[i])->n = ++n;
	plan->nothing_to_do = n == 0;
	plan->sealed = true;
	plan_find_consequences(plan);
	plan_hash(plan, plan->id);
}
