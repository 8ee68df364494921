/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"

/* The guard: what a plan is refused for, from what it would do and what was found. */

static void add_no_iommu(const struct report *report, struct plan *plan)
{
	const struct facts *facts = report->facts;
	if (!facts->remote || facts->iommu_active != KNOWN_NO || !plan->changes.n)
		return;
	plan_refuse(plan, "boot.iommu-active", subject_text(plan->arena, subject_host()),
			arena_printf(plan->arena,
					"%s shows no IOMMU groups: no VM could start with a device. On %s, as root: pvegpu plan%s%s",
					facts->node, facts->node, report->gpu ? " --gpu " : "",
					report->gpu ? report->gpu->name : ""),
			false);
}

/* A call gives the GPU to the VM, or starts the VM with it, before the next boot. */
static bool gives_now(const struct report *report, const struct plan *plan)
{
	bool gives = false;
	for (size_t i = 0; i < plan->changes.n; i++) {
		const struct change *change = plan->changes.item[i];
		if (change_is_reboot(change))
			return false;
		gives = gives ||
			(change_is_api(change) && report->vm && change->vmid == report->vm->vmid &&
					(change->stage == STAGE_ATTACH ||
							change->stage == STAGE_START));
	}
	return gives;
}

/* What goes along with the GPU is judged by its groups: while they are not known nothing is given
 * away, nor started. */
static void add_no_groups(const struct report *report, struct plan *plan)
{
	if (!report->gpu || !gives_now(report, plan))
		return;
	if (report->facts->iommu_active == KNOWN_NO) {
		plan_refuse(plan, "boot.iommu-active", subject_text(plan->arena, subject_host()),
				"The IOMMU is off: no VM could start with the GPU, and what would "
				"go along with it is not known. Turn it on in the firmware setup "
				"and by the kernel parameters first.",
				false);
		return;
	}
	for (size_t i = 0; i < report->card.n; i++) {
		const struct pci_device *function = report->card.item[i];
		if (function->group >= 0)
			continue;
		plan_refuse(plan, "gpu.group-isolated",
				subject_text(plan->arena, subject_device(report->gpu)),
				arena_printf(plan->arena,
						"The IOMMU group of %s is not known, so neither is what would go along with it.",
						function->name),
				false);
		return;
	}
}

/* Proxmox VE would refuse each of them, and a run would stop in its middle. */
static void add_no_quorum(const struct report *report, struct plan *plan)
{
	if (report->facts->quorate == KNOWN_NO && plan_count_calls(&plan->changes))
		plan_refuse(plan, "host.quorum", subject_text(plan->arena, subject_host()),
				"The cluster has no quorum: /etc/pve is read-only, and no VM or "
				"mapping can be changed. Bring the other nodes back first: pvecm "
				"status",
				false);
}

/* A plan is not made while what guards it is unread; what has a risk of its own is refused by it.
 */
static void refuse_unread(const struct report *report, struct plan *plan)
{
	bool calls = plan_count_calls(&plan->changes) > 0;
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		if (finding->risk == RISK_NONE && ((calls && unread_guards(report, finding)) ||
								  unread_holds(report, finding)))
			plan_refuse(plan, finding->check->id, finding->subject, finding->detail,
					false);
	}
}

/* The goal asks for an attribute of the device that the finding is about. */
static bool is_set(const struct report *report, const struct finding *finding)
{
	const struct goal_choice *choice = goal_attribute_for(finding->check->id);
	unsigned value = 0;
	return choice && finding->about.kind == SUBJECT_DEVICE &&
	       goal_number(report->goal, choice->id, finding->about.device->name, &value);
}

/* Where only what is named is done, what stands against a VM or a GPU counts when it is touched. */
static bool is_touched(
		const struct report *report, const struct plan *plan, const struct finding *finding)
{
	enum step step = finding->check->step;
	if (is_set(report, finding))
		return true;
	if (report->goal->chosen[CHOOSE_ADVISED] != CHOICE_NO || plan_count_calls(&plan->changes))
		return true;
	return step == STEP_GPU ? report->decided[CHOOSE_BIND_EARLY]
				: step != STEP_VM && step != STEP_ATTACH;
}

static void add_refusals(const struct report *report, struct plan *plan, enum risk risk)
{
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		if (finding->risk != risk)
			continue;
		bool acceptable = risk == RISK_ACCEPT;
		if (!is_touched(report, plan, finding))
			continue;
		if (acceptable && !plan->changes.n)
			continue; /* nothing is done, so nothing has to be accepted */
		if (acceptable &&
				goal_accepted(report->goal, finding->check->id, finding->subject)) {
			plan_accept(plan, finding->check->id, finding->subject, finding->detail);
			continue;
		}
		plan_refuse(plan, finding->check->id, finding->subject, finding->detail,
				acceptable);
	}
}

void guard_plan(const struct report *report, struct plan *plan)
{
	add_no_iommu(report, plan);
	add_no_quorum(report, plan);
	refuse_unread(report, plan);
	add_refusals(report, plan, RISK_NEVER); /* what nothing can accept stands first */
	guard_starts(report, plan);
	if (!plan->refusals.n)
		add_no_groups(report, plan);
	add_refusals(report, plan, RISK_ACCEPT);
}
