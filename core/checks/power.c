/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/internal.h"

/*
 * What becomes of the goal's VM. A guest that ran before runs after, unless the person asked
 * otherwise; it is stopped only when the GPU it is to get cannot reach it without, or when what is
 * asked for is to count now (--start). All else waits in PENDING for its next stop.
 */

static bool settings_change(const struct report *report)
{
	return vm_needs_machine(report) || vm_needs_cpu(report) || vm_needs_tablet(report);
}

static enum power power_of_running(const struct report *report)
{
	bool change = attach_needs_change(report);
	bool now = change && !gpu_attached(report);
	if (report->goal->start == CHOICE_YES)
		now = now || change || settings_change(report);
	if (!now)
		return POWER_AS_IS;
	return report->goal->start == CHOICE_NO ? POWER_STOP : POWER_RESTART;
}

enum power choose_power(const struct report *report)
{
	const struct vm *vm = report->vm;
	if (!vm || vm->running == KNOWN_UNKNOWN)
		return POWER_AS_IS;
	if (vm->running == KNOWN_YES)
		return power_of_running(report);
	/* A start is for the GPU: without it the VM is none of our business. */
	bool with_gpu = report->gpu && (report->attach || gpu_attached(report));
	return report->start && with_gpu ? POWER_START : POWER_AS_IS;
}

bool power_waits(const struct report *report)
{
	return report->vm && report->vm->running == KNOWN_YES && report->power == POWER_AS_IS &&
	       (attach_needs_change(report) || settings_change(report));
}
