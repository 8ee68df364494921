/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_PLAN_INTERNAL_H
#define PVEGPU_CORE_PLAN_INTERNAL_H

#include "pvegpu/plan/plan.h"

/* The hash of what the plan will do, and of what was asked for and accepted: its id. */
void plan_hash(const struct plan *plan, char ret_id[SHA256_HEX]);
/* As runs before that had it, without the goal: their journals are still to be undone. */
void plan_hash_changes(const struct plan *plan, char ret_id[SHA256_HEX]);

#endif
