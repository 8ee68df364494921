/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/internal.h"
#include "pvegpu/checks/subject.h"

/*
 * What a person must know of a plan before anything else, told from what it does and from the risks
 * that were accepted. It is never saved by itself: a plan that is read says what its changes say.
 */

const char *const consequence_names[] = {[CONSEQUENCE_REBOOT] = "reboot",
		[CONSEQUENCE_STOPS] = "stops",
		[CONSEQUENCE_STAYS_STOPPED] = "stays-stopped",
		[CONSEQUENCE_RISK] = "risk",
		[CONSEQUENCE_ISOLATION] = "isolation",
		[CONSEQUENCE_CONSOLE] = "console",
		[CONSEQUENCE_LATER] = "later"};
enum { KINDS = sizeof consequence_names / sizeof *consequence_names };

/* Accepted risks that have a kind of their own, by the check that names them. */
static const struct {
	const char *check;
	enum consequence_kind kind;
} risks[] = {
		{"gpu.boot-vga", CONSEQUENCE_CONSOLE},
		{"gpu.only-gpu", CONSEQUENCE_CONSOLE},
		{"gpu.group-isolated", CONSEQUENCE_ISOLATION},
		{"boot.acs-override", CONSEQUENCE_ISOLATION},
		{"vfio.unsafe-interrupts", CONSEQUENCE_ISOLATION},
};

/* Settings that take isolation away, as they stand in files. */
static const struct {
	const char *setting, *text;
} weakenings[] = {
		{"pcie_acs_override=",
				"The kernel takes devices apart that the hardware keeps together: one VM may reach another's device and memory."},
		{"allow_unsafe_interrupts=1",
				"Devices in VMs may send interrupts that the hardware cannot check: a VM may disturb the host."},
};

static void add_text(struct plan *plan, enum consequence_kind kind, const char *subject, char *text)
{
	for (size_t i = 0; i < plan->consequences.n; i++) {
		const struct consequence *other = plan->consequences.item[i];
		if (other->kind == kind && strcmp(other->subject, subject) == 0 &&
				strcmp(other->text, text) == 0)
			return;
	}
	struct consequence *one = arena_alloc(plan->arena, sizeof *one);
	*one = (struct consequence){kind, arena_strdup(plan->arena, subject), text};
	list_add(plan->arena, &plan->consequences, one);
}

static void add(struct plan *plan, enum consequence_kind kind, struct subject about, char *text)
{
	add_text(plan, kind, subject_text(plan->arena, about), text);
}

static void add_of_call(struct plan *plan, const struct list *changes, const struct change *change)
{
	struct arena *arena = plan->arena;
	struct subject vm = subject_vmid(change->vmid);
	const char *when = changes == &plan->forecast ? "After the reboot " : "";
	if (change->stage == STAGE_STOP && plan_find_call(changes, STAGE_START, change->vmid))
		add(plan, CONSEQUENCE_STOPS, vm,
				arena_printf(arena,
						"%sVM %u is shut down, and started again at the end.",
						when, change->vmid));
	else if (change->stage == STAGE_STOP)
		add(plan, CONSEQUENCE_STAYS_STOPPED, vm,
				arena_printf(arena, "%sVM %u is shut down and stays stopped.", when,
						change->vmid));
	if (change->waits)
		add(plan, CONSEQUENCE_LATER, vm,
				arena_printf(arena,
						"VM %u runs on: what is set on it counts when it was stopped and started again.",
						change->vmid));
}

static bool newly_holds(const struct change *change, const char *setting)
{
	return change->after && strstr(change->after, setting) &&
	       !(change->before && strstr(change->before, setting));
}

static void add_of_file(struct plan *plan, const struct change *change)
{
	for (size_t i = 0; i < sizeof weakenings / sizeof *weakenings; i++)
		if (newly_holds(change, weakenings[i].setting))
			add(plan, CONSEQUENCE_ISOLATION, subject_host(),
					arena_strdup(plan->arena, weakenings[i].text));
}

static void add_of_changes(struct plan *plan, const struct list *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		if (change_is_reboot(change))
			add(plan, CONSEQUENCE_REBOOT, subject_host(),
					arena_printf(plan->arena, "The host reboots: %s.",
							change->cost ? change->cost
								     : "it is away for some time"));
		if (change_is_api(change))
			add_of_call(plan, changes, change);
		if (change_is_file(change))
			add_of_file(plan, change);
	}
}

static void add_of_risks(struct plan *plan)
{
	for (size_t i = 0; i < plan->accepted.n; i++) {
		const struct refusal *risk = plan->accepted.item[i];
		enum consequence_kind kind = CONSEQUENCE_RISK;
		for (size_t r = 0; r < sizeof risks / sizeof *risks; r++)
			if (strcmp(risks[r].check, risk->check) == 0)
				kind = risks[r].kind;
		add_text(plan, kind, risk->subject, risk->reason);
	}
}

void plan_find_consequences(struct plan *plan)
{
	plan->consequences = (struct list){0};
	add_of_changes(plan, &plan->changes);
	add_of_changes(plan, &plan->forecast);
	add_of_risks(plan);
	if (plan->forecast.n)
		add(plan, CONSEQUENCE_LATER, subject_host(),
				arena_printf(plan->arena,
						"After the reboot there is more to do: %s, planned again then.",
						plan_totals_text(plan->arena, &plan->forecast)));
	struct list found = plan->consequences;
	plan->consequences = (struct list){0};
	for (int kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < found.n; i++)
			if ((int)((struct consequence *)found.item[i])->kind == kind)
				list_add(plan->arena, &plan->consequences, found.item[i]);
}
