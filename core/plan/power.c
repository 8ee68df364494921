/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/plan/remedies.h"

/*
 * The power rule. A guest that ran before runs after, unless the person asked otherwise; it is
 * stopped only when a device that it is to get cannot reach it without, or when what is asked for
 * is to count now (--start). All else waits in PENDING for its next stop.
 */

static void restart(const struct planning *planning, unsigned vmid)
{
	struct plan *plan = planning->plan;
	struct change *stop = plan_add_api_call(plan, STAGE_STOP, vmid, "vm.running");
	if (planning->report->goal->chosen[CHOOSE_START] != CHOICE_NO)
		plan_add_api_call(plan, STAGE_START, vmid, "verify.vm-started");
	else
		stop->cost = arena_strdup(plan->arena,
				"the VM is shut down, and stays off because of --no-start");
}

void plan_power(const struct planning *planning)
{
	const struct report *report = planning->report;
	const struct vm *vm = report->vm;
	if (!vm || vm->running == KNOWN_UNKNOWN || remedies_are_held(report, STEP_VERIFY))
		return;
	bool calls = plan_calls_on(&planning->plan->changes, vm->vmid, NULL);
	if (vm->running == KNOWN_NO) {
		if (vm_is_to_start(report))
			plan_add_api_call(
					planning->plan, STAGE_START, vm->vmid, "verify.vm-started");
	} else if (*planning->gives ||
			(calls && report->goal->chosen[CHOOSE_START] == CHOICE_YES)) {
		restart(planning, vm->vmid);
	} else if (calls) {
		plan_let_wait(planning->plan, vm->vmid);
	}
}
