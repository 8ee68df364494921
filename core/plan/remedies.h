/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_PLAN_REMEDIES_H
#define PVEGPU_CORE_PLAN_REMEDIES_H

#include "core/checks/questions.h"
#include "pvegpu/plan/planner.h"

/* A plan in the making, for one part of the goal. */
struct planning {
	const struct report *report;
	struct plan *plan;
	const struct root *root; /* NULL: only calls are planned, no files */
	struct error *err;
	struct list *given; /* of struct vm, by the remedies: they get a device they do not hold */
};

/* plan_draft() of the plan in the making. */
int planning_draft(const struct planning *planning, const char *path, const char **ret_text);
/* planner.c: calls on this VM are shown with what they make of its file. */
void planning_show_vm(const struct planning *planning, const struct vm *vm);

/* What mends a finding that is planned: it adds to the drafts, commands and calls of the plan,
 * and to nothing else. 0 or an error. ERROR_REFUSED, of a host that is no host for this change: the
 * plan is refused with the error's text, for the check and the subject of the finding. */
typedef int remedy_function(const struct planning *planning, const struct finding *finding);

/* A finding of this step, or one before, holds what comes after it for want of a reading. */
bool remedies_are_held(const struct report *report, enum step step);
/* Each remedy over the findings of its check, in the order of the table; what comes after a
 * finding that holds the plan (unread_holds()) is left out. What is of the host is drafted from the
 * first part of the goal alone. */
int remedies_draft(const struct planning *planning);

remedy_function fix_firmware_setup;
remedy_function fix_params;
remedy_function fix_refresh;
remedy_function fix_fallback_entry;
remedy_function fix_vfio_modules;
remedy_function fix_modules_obsolete;
remedy_function fix_vfio_binding;
remedy_function fix_leftovers;
remedy_function fix_attribute;
remedy_function fix_kernel_pin;
remedy_function fix_give_back;
remedy_function fix_vm_machine;
remedy_function fix_vm_cpu;
remedy_function fix_vm_tablet;
remedy_function fix_mapping;
remedy_function fix_vm_settings;
remedy_function fix_romfile;
remedy_function fix_conflict;
remedy_function fix_attach_hostpci;

/* remedy_boot.c: the command that makes the boot loader's configuration again, with what it must
 * do. */
void plan_refresh_loader(const struct report *report, struct plan *plan, const char *because);
/* What a reboot of this host costs: the guests it stops. */
char *reboot_cost(const struct report *report);

/* power.c: whether the goal's VMs are stopped and started for what was drafted, or that waits.
 * `planning` is of the whole goal. */
void plan_power(const struct planning *planning);

/* guard.c: what the plan is refused for, for one part of the goal. */
void guard_plan(const struct report *report, struct plan *plan);
/* starts.c: the same of a VM that is started, by all that it has. */
void guard_starts(const struct report *report, struct plan *plan);
/* The same of the VMs that start at boot, when the plan reboots. `report` is of the whole goal. */
void guard_boot(const struct report *report, struct plan *plan);

/* rights.c: the paths that the plan's calls need a privilege on, of struct pve_need. */
struct list plan_needs(struct arena *arena, const struct plan *plan);
/* The findings of attach.rights for the plan, or for none when the goal plans no call. */
void judge_rights(struct report *report, const struct plan *plan);

#endif
