/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_PLAN_PLANNER_H
#define PVEGPU_PLAN_PLANNER_H

#include "pvegpu/checks/check.h"
#include "pvegpu/plan/plan.h"

/*
 * From findings to a plan. Remedies, in an order of their own (remedies.c), draft what mends each
 * finding; then the rules go over what was drafted: power (power.c), what is refused (guard.c),
 * what we may do (rights.c). What people read has no meaning here, nor has the order of the
 * catalogue.
 */

/* A report on the goal, with what only a plan tells: it learns from the host what the goal needs
 * beside its facts (devices of other nodes that it names, what we may do where the plan's calls
 * go), and adds the findings of attach.rights. What cannot be learnt stays unknown. ERROR_USAGE
 * when the goal names a GPU or VM that is not there. */
int planner_report(struct host *host, struct facts *facts, const struct goal *goal,
		struct report **ret_report, struct error *err);

/* The plan that takes the host from these findings to the goal. */
int planner_plan(const struct report *report, const struct root *root, struct plan **ret_plan,
		struct error *err);

/* A plan can mend what this check finds. */
bool planner_mends(const char *check);

#endif
