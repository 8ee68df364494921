/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_PLAN_INTERNAL_H
#define PVEGPU_CORE_PLAN_INTERNAL_H

#include "pvegpu/plan/plan.h"

/* The hash of what the plan will do: its id. */
void plan_hash(const struct plan *plan, char ret_id[SHA256_HEX]);

#endif
