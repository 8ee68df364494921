/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"

/* What mends what, in the order in which it is drafted: a file's parameters before what cleans it,
 * a VM's settings before the device that needs them. */
static const struct remedy {
	const char *check;
	remedy_function *draft; /* NULL: the power rule does it */
} remedies[] = {
		{"host.kernel-pinned", fix_kernel_pin},
		{"bios.iommu-firmware", fix_firmware_setup},
		{"boot.iommu-cmdline", fix_params},
		{"boot.cmdline-pending", fix_refresh},
		{"boot.fallback-entry", fix_fallback_entry},
		{"vfio.modules", fix_vfio_modules},
		{"vfio.modules-obsolete", fix_modules_obsolete},
		{"vfio.binding", fix_vfio_binding},
		{"vfio.leftovers", fix_leftovers},
		{"gpu.vf-drivers", fix_attribute}, /* before the functions are made */
		{"gpu.sriov", fix_attribute},
		{"gpu.power", fix_attribute},
		{"gpu.bar-size", fix_attribute},
		{"vm.machine-q35", fix_vm_machine},
		{"vm.cpu-host", fix_vm_cpu},
		{"vm.tablet", fix_vm_tablet},
		{"vm.settings", fix_vm_settings},
		{"vm.give-back", fix_give_back},
		{"vm.running", NULL},
		{"attach.mapping", fix_mapping},
		{"attach.mapping-drift", fix_mapping},
		{"attach.romfile", fix_romfile},
		{"attach.conflict", fix_conflict},
		{"attach.hostpci", fix_attach_hostpci},
		{"verify.vm-started", NULL},
};
enum { REMEDIES = sizeof remedies / sizeof *remedies };

int planning_draft(const struct planning *planning, const char *path, const char **ret_text)
{
	return plan_draft(planning->plan, planning->root, path, ret_text, planning->err);
}

bool planner_mends(const char *check)
{
	for (size_t i = 0; i < REMEDIES; i++)
		if (strcmp(remedies[i].check, check) == 0)
			return true;
	return false;
}

bool remedies_are_held(const struct report *report, enum step step)
{
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		if (finding->check->step <= step && unread_holds(report, finding))
			return true;
	}
	return false;
}

static int draft_for(const struct planning *planning, const struct remedy *remedy)
{
	const struct report *report = planning->report;
	struct finding_query query = {.check = remedy->check};
	const struct finding *finding;
	while ((finding = report_next(report, &query))) {
		if (!finding_is_planned(finding))
			continue;
		if (remedies_are_held(report, finding->check->step))
			return 0;
		struct error why = {0};
		struct planning one = *planning;
		one.err = &why;
		int status = remedy->draft(&one, finding);
		if (status == ERROR_REFUSED)
			plan_refuse(planning->plan, remedy->check, finding->subject,
					arena_printf(planning->plan->arena, "%s.", why.text),
					false);
		else if (status < 0) {
			if (planning->err)
				*planning->err = why;
			return status;
		}
	}
	return 0;
}

int remedies_draft(const struct planning *planning)
{
	bool first = planning->report->whole->parts.item[0] == planning->report;
	for (size_t i = 0; i < REMEDIES; i++) {
		enum step step = check_by_id(remedies[i].check)->step;
		bool files = step < STEP_VM;
		bool host = files && remedies[i].draft != fix_vfio_binding;
		if (!remedies[i].draft || (files && !planning->root) || (host && !first))
			continue;
		int status = draft_for(planning, &remedies[i]);
		if (status < 0)
			return status;
	}
	return 0;
}
