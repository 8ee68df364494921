/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/plan/remedies.h"

/*
 * The power rule. A guest that ran before runs after, unless the person asked otherwise; it is
 * stopped only when a device that it is to get cannot reach it without, or when what is asked for
 * is to count now (--start). All else waits in PENDING for its next stop.
 */

static void restart(struct plan *plan, unsigned vmid, enum choice start)
{
	struct change *stop = plan_add_api_call(plan, STAGE_STOP, vmid, "vm.running");
	if (start != CHOICE_NO)
		plan_add_api_call(plan, STAGE_START, vmid, "verify.vm-started");
	else
		stop->cost = arena_strdup(plan->arena,
				"the VM is shut down, and stays off because of --no-start");
}

/* Of all parts of the goal that are for the VM. */
struct wishes {
	bool starts;       /* it is stopped, and to be started */
	bool held;         /* something unread holds what is to be done to it */
	enum choice start; /* what was said of its start, the same in each */
};

static struct wishes wishes_for(const struct report *report, const struct vm *vm)
{
	struct wishes wishes = {.start = CHOICE_ADVISED};
	for (size_t i = 0; i < report->parts.n; i++) {
		const struct report *part = report->parts.item[i];
		if (part->vm != vm)
			continue;
		wishes.starts = wishes.starts || vm_is_to_start(part);
		wishes.held = wishes.held || remedies_are_held(part, STEP_VERIFY);
		wishes.start = part->goal->chosen[CHOOSE_START];
	}
	return wishes;
}

static bool is_among(const struct list *given, const struct vm *vm)
{
	for (size_t i = 0; i < given->n; i++)
		if (given->item[i] == vm)
			return true;
	return false;
}

static void power_of(const struct planning *planning, const struct vm *vm)
{
	struct plan *plan = planning->plan;
	struct wishes wishes = wishes_for(planning->report, vm);
	bool calls = plan_calls_on(&plan->changes, vm->vmid, NULL);
	bool asked = wishes.start == CHOICE_YES;
	if (vm->running == KNOWN_UNKNOWN || wishes.held)
		return;
	if (vm->running == KNOWN_NO) {
		if (wishes.starts)
			plan_add_api_call(plan, STAGE_START, vm->vmid, "verify.vm-started");
	} else if (is_among(planning->given, vm) || (calls && asked)) {
		restart(plan, vm->vmid, wishes.start);
	} else if (calls) {
		plan_let_wait(plan, vm->vmid);
	}
}

void plan_power(const struct planning *planning)
{
	const struct list *parts = &planning->report->parts;
	struct list seen = {0};
	for (size_t i = 0; i < parts->n; i++) {
		struct vm *vm = ((const struct report *)parts->item[i])->vm;
		if (!vm || is_among(&seen, vm))
			continue;
		list_add(planning->plan->arena, &seen, vm);
		power_of(planning, vm);
	}
}
