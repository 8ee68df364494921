/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"

/* Attributes of a GPU that are set now and kept for each boot: whether its power may be cut, and
 * whether host drivers take its virtual functions. */

const struct kept_attribute *attribute_rule_of(const struct report *report,
		const struct pci_device *device, enum device_attribute attribute,
		const char **ret_why)
{
	const struct facts *facts = report->facts;
	const struct kept_attribute *found = NULL;
	*ret_why = NULL;
	for (size_t i = 0; i < facts->attribute_rules.n && !*ret_why; i++) {
		const struct kept_attribute *rule = facts->attribute_rules.item[i];
		if (rule->attribute != attribute || (rule->device && rule->device != device))
			continue;
		if (found)
			*ret_why = arena_printf(report->arena,
					"line %zu of %s and line %zu of %s set it at boot: leave one",
					found->line, found->path, rule->line, rule->path);
		else if (!rule->device)
			*ret_why = arena_printf(report->arena,
					"line %zu of %s sets such an attribute at boot, and for which device is not understood: see to it by hand",
					rule->line, rule->path);
		else if (rule->value < 0)
			*ret_why = arena_printf(report->arena,
					"line %zu of %s sets it at boot in a way of its own: change it there by hand",
					rule->line, rule->path);
		found = rule;
	}
	return *ret_why ? NULL : found;
}

static const char *path_of(
		struct arena *arena, const struct pci_device *gpu, enum device_attribute attribute)
{
	return arena_printf(
			arena, "/sys/bus/pci/devices/%s/%s", gpu->name, attribute_name(attribute));
}

/* The goal asks for a value; false where it does not. */
static bool judge_wanted(
		struct report *report, const struct check *check, const struct pci_device *gpu)
{
	const struct goal_choice *choice = goal_attribute_for(check->id);
	enum device_attribute attribute = choice->form->attribute;
	const char *name = attribute_name(attribute);
	int now = device_attribute_now(gpu, attribute);
	unsigned wanted = 0;
	if (!goal_number(report->goal, choice->id, gpu->name, &wanted))
		return false;
	const char *reason = NULL;
	const struct kept_attribute *rule = attribute_rule_of(report, gpu, attribute, &reason);
	unsigned at_boot = rule ? (unsigned)rule->value : attribute_at_first(attribute);
	if (now < 0)
		reason = "it has no such attribute";
	struct finding *finding = NULL;
	if (reason) {
		finding = report_add(report, check, STATUS_FAIL, subject_device(gpu),
				"Its %s cannot be %u: %s.", name, wanted, reason);
		finding->risk = RISK_NEVER;
	} else if (now == (int)wanted && at_boot == wanted) {
		finding = report_add(report, check, STATUS_OK, subject_device(gpu),
				"Its %s is %u, as asked for, and is so at each boot.", name,
				wanted);
	} else {
		finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
				"Its %s is %d, and is to be %u, at each boot too.", name, now,
				wanted);
		finding_fix(report, finding, FIX_BY_PLAN, "write it, and keep it for each boot");
	}
	if (now >= 0)
		finding_evidence(
				report, finding, path_of(report->arena, gpu, attribute), "%d", now);
	if (rule)
		finding_evidence(report, finding, rule->path, "line %zu: %s", rule->line,
				rule->text);
	return true;
}

static void judge_power(struct report *report, const struct check *check, struct pci_device *gpu)
{
	const char *path = path_of(report->arena, gpu, ATTRIBUTE_D3COLD);
	const struct log_line *stuck = log_of(report, LOG_POWER, gpu);
	/* A card that is reset with its whole bus is one that may not wake up. */
	bool doubtful = (device_on_vfio(gpu) || report->gpu == gpu) && gpu->reset_method &&
			strcmp(gpu->reset_method, "bus") == 0;
	struct finding *finding = NULL;
	if (judge_wanted(report, check, gpu) || !pci_is_gpu(gpu))
		return;
	if (stuck) {
		finding = report_add(report, check, STATUS_WARN, subject_device(gpu),
				"It did not come back from a power state since the host was booted: only power off and on may bring it back.");
		finding_evidence(report, finding, report->facts->log_source, "%s", stuck->text);
	} else if (gpu->d3cold < 0) {
		(void)report_add(report, check, pci_is_virtual(gpu) ? STATUS_OK : STATUS_UNKNOWN,
				subject_device(gpu),
				pci_is_virtual(gpu)
						? "Its power is its physical function's."
						: "Whether its power may be cut is not recorded.");
		return;
	} else if (gpu->d3cold > 0 && doubtful) {
		finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
				"Its power may be cut (D3cold) while no guest has it. Where it does not come back from that: --d3cold %s=0.",
				gpu->name);
	} else {
		finding = report_add(report, check, STATUS_OK, subject_device(gpu),
				gpu->d3cold ? "Nothing is known against its power states."
					    : "Its power is not cut while nobody uses it.");
	}
	if (gpu->d3cold >= 0)
		finding_evidence(report, finding, path, "%d", gpu->d3cold);
	if (gpu->power)
		finding_evidence(report, finding,
				arena_printf(report->arena, "/sys/bus/pci/devices/%s/power_state",
						gpu->name),
				"%s", gpu->power);
	if (stuck && gpu->d3cold > 0)
		finding_fix(report, finding, FIX_BY_HAND,
				"power the host off and on; then keep its power on: pvegpu plan --d3cold %s=0",
				gpu->name);
}

void check_gpu_power(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_GIVEN, judge_power);
}

/* Of a virtual function of it that goes to a guest: its driver is taken when the guest starts. */
static bool is_wanted(const struct report *report, const struct pci_device *physical)
{
	for (size_t i = 0; i < physical->virtfns.n; i++) {
		const struct pci_device *function = physical->virtfns.item[i];
		if (part_takes(report, function) && !device_on_vfio(function))
			return true;
	}
	return false;
}

static void judge_drivers(struct report *report, const struct check *check, struct pci_device *gpu)
{
	if (judge_wanted(report, check, gpu))
		return;
	if (gpu->sriov_total <= 0 || pci_is_virtual(gpu)) {
		(void)report_add(report, check, STATUS_OK, subject_device(gpu),
				"It has no virtual functions of its own.");
		return;
	}
	if (gpu->vf_drivers < 0) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"Whether drivers may take its virtual functions is not recorded.");
		return;
	}
	/* drivers/pci/pci-driver.c, pci_device_can_probe; PVE/SysFSTools.pm, pci_dev_bind_to_vfio,
	 * writes new_id and bind, and no driver_override. */
	bool wanted = !gpu->vf_drivers && is_wanted(report, gpu);
	struct finding *finding = report_add(report, check,
			gpu->vf_drivers ? STATUS_OK
			: wanted        ? STATUS_FAIL
					: STATUS_WARN,
			subject_device(gpu), "%s",
			gpu->vf_drivers ? "Drivers may take its virtual functions, vfio-pci too."
					: "No driver may take its virtual functions, vfio-pci neither: a VM that gets one does not start.");
	finding_evidence(report, finding, path_of(report->arena, gpu, ATTRIBUTE_VF_DRIVERS), "%d",
			gpu->vf_drivers);
	if (wanted)
		finding->risk = RISK_NEVER;
	if (!gpu->vf_drivers)
		finding_fix(report, finding, FIX_BY_HAND, "pvegpu plan --vf-drivers %s=1",
				gpu->name);
}

void check_gpu_vf_drivers(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_GIVEN, judge_drivers);
}
