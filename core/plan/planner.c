/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"
#include "pvegpu/base/text.h"
#include "pvegpu/pve/rights.h"

/* What runs of guests that could not be read is stopped as well, and cannot be named. */
static void add_unread_guests(struct text *text, const struct facts *facts)
{
	bool vms = facts->vms_known != KNOWN_YES;
	bool containers = facts->containers_known != KNOWN_YES;
	if (vms || containers)
		text_addf(text, "; the %s%s%s of this host could not be read: those that run stop, too",
				vms ? "VMs" : "", vms && containers ? " and " : "",
				containers ? "containers" : "");
}

char *reboot_cost(const struct report *report)
{
	const struct facts *facts = report->facts;
	struct strings names = {0};
	struct strings containers = {0};
	struct strings unknown = {0};
	struct text text = {0};
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		if (vm->running == KNOWN_YES)
			strings_add(report->arena, &names,
					arena_printf(report->arena, "%u %s", vm->vmid, vm->name));
		if (vm->running == KNOWN_UNKNOWN)
			strings_add(report->arena, &unknown,
					arena_printf(report->arena, "%u %s", vm->vmid, vm->name));
	}
	for (size_t i = 0; i < facts->containers.n; i++) {
		const struct container *container = facts->containers.item[i];
		const char *name = container_text(report->arena, container);
		if (container->running == KNOWN_YES)
			strings_add(report->arena, &containers, name);
		if (container->running == KNOWN_UNKNOWN)
			strings_add(report->arena, &unknown,
					arena_printf(report->arena, "container %s", name));
	}
	if (names.n)
		text_addf(&text, "stops the running %s %s", text_plural(names.n, "VM", "VMs"),
				strings_join(report->arena, &names, ", "));
	if (containers.n)
		text_addf(&text, "%s%s %s", names.n ? " and " : "stops the running ",
				text_plural(containers.n, "container", "containers"),
				strings_join(report->arena, &containers, ", "));
	if (unknown.n)
		text_addf(&text, "%sstops, if %s, %s", text.n ? " and " : "",
				unknown.n > 1 ? "they run" : "it runs",
				strings_join(report->arena, &unknown, ", "));
	if (!text.n)
		text_add(&text, "the host is away for some minutes");
	add_unread_guests(&text, facts);
	const char *next = kernel_to_boot(report);
	if (facts->kernel && next && strcmp(facts->kernel, next) != 0)
		text_addf(&text, "; boots kernel %s, where %s runs now", next, facts->kernel);
	if (facts->ha_vms.n)
		text_addf(&text, "; HA may start %s %s on another node meanwhile",
				text_plural(facts->ha_vms.n, "VM", "VMs"),
				strings_join(report->arena, &facts->ha_vms, ", "));
	if (facts->clustered == KNOWN_YES)
		text_add(&text, facts->quorate == KNOWN_NO
						? "; the cluster has no quorum even now"
						: "; the cluster has one vote less until it is back");
	return text_take(&text, report->arena);
}

/* A start under HA is a request that stays: undoing it needs to know what was asked for before. */
static void keep_ha_state(const struct report *report, struct plan *plan)
{
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *change = plan->changes.item[i];
		const struct ha_guest *guest = facts_ha_guest(report->facts, change->vmid);
		if (change_is_api(change) && change->stage == STAGE_START && guest)
			pve_param_add(plan->arena, &change->before_params, PLAN_HA_STATE,
					guest->state);
	}
}

/* Devices as the kernel writes them, however they were asked for. */
static void name_devices(const struct report *report, struct goal *goal)
{
	const struct list *parts = &report->parts;
	for (size_t i = 0; i < parts->n; i++) {
		const struct report *part = parts->item[i];
		char *name = part->gpu && !part->pool ? arena_strdup(goal->arena, part->gpu->name)
						      : NULL;
		if (name)
			goal_know_card(goal, name, facts_fingerprint(part->gpu, goal->arena));
		if (name && i < goal->gpus.n)
			goal->gpus.item[i] = name;
		else if (name && i - goal->gpus.n < goal->assignments.n)
			((struct assignment *)goal->assignments.item[i - goal->gpus.n])->device =
					name;
	}
}

static void show_conf(struct plan *plan, const struct vm *vm)
{
	for (size_t i = 0; i < plan->confs.n; i++)
		if (((const struct plan_conf *)plan->confs.item[i])->vmid == vm->vmid)
			return;
	plan_show_conf(plan, &(struct plan_conf){.vmid = vm->vmid,
					     .path = vm->path,
					     .text = vm->text,
					     .source = vm->source,
					     .running = vm->running == KNOWN_YES});
}

void planning_show_vm(const struct planning *planning, const struct vm *vm)
{
	show_conf(planning->plan, vm);
}

static struct plan *start_plan(const struct report *report)
{
	struct plan *plan = plan_new(report->goal, report->facts->node);
	if (report->facts->remote)
		plan->api = arena_strdup(plan->arena, report->facts->api);
	name_devices(report, plan->goal);
	for (size_t i = 0; i < report->parts.n; i++) {
		const struct report *part = report->parts.item[i];
		if (part->vm)
			show_conf(plan, part->vm);
	}
	return plan;
}

/* What mends the findings of each part of the goal, and the power that it needs. */
static int draft(const struct report *report, const struct root *root, struct plan *plan,
		struct error *err)
{
	struct list given = {0};
	for (size_t i = 0; i < report->parts.n; i++) {
		const struct planning planning = {report->parts.item[i], plan, root, err, &given};
		int status = remedies_draft(&planning);
		if (status < 0)
			return status;
	}
	plan_power(&(struct planning){report, plan, root, err, &given});
	keep_ha_state(report, plan);
	return 0;
}

int planner_plan(const struct report *report, const struct root *root, struct plan **ret_plan,
		struct error *err)
{
	struct plan *plan = start_plan(report);
	int status = draft(report, root, plan, err);
	if (status < 0) {
		plan_free(plan);
		return status;
	}
	for (size_t i = 0; i < report->parts.n; i++)
		guard_plan(report->parts.item[i], plan);
	guard_boot(report, plan);
	plan_finish(plan);
	*ret_plan = plan;
	return 0;
}

/* The devices of other nodes that the goal names. */
static void know_nodes(struct host *host, struct facts *facts, const struct goal *goal)
{
	for (size_t i = 0; i < goal->mapping_devices.n; i++) {
		const char *text = goal->mapping_devices.item[i];
		const char *equals = strchr(text, '=');
		char *node = equals ? arena_strndup(facts->arena, text, (size_t)(equals - text))
				    : NULL;
		if (node && (!facts->node || strcmp(node, facts->node) != 0))
			(void)facts_know_node(host, facts, node, NULL);
	}
}

/* What we may do where the plan's calls go. */
static void know_rights(struct host *host, struct facts *facts, const struct report *report,
		const struct plan *plan)
{
	struct list needs = plan_needs(facts->arena, plan);
	(void)facts_know_rights(host, facts, "/mapping/pci", NULL);
	for (size_t i = 0; i < report->parts.n; i++) {
		const struct report *part = report->parts.item[i];
		if (part->vm)
			(void)facts_know_rights(host, facts,
					arena_printf(facts->arena, "/vms/%u", part->vm->vmid),
					NULL);
	}
	for (size_t i = 0; i < needs.n; i++)
		(void)facts_know_rights(
				host, facts, ((const struct pve_need *)needs.item[i])->path, NULL);
}

int planner_report(struct host *host, struct facts *facts, const struct goal *goal,
		struct report **ret_report, struct error *err)
{
	if (facts->complete)
		know_nodes(host, facts, goal);
	int status = report_new(facts, goal, ret_report, err);
	if (status < 0 || facts->identity_root)
		return status;
	struct report *report = *ret_report;
	struct plan *plan = start_plan(report);
	if (draft(report, NULL, plan, NULL) == 0) {
		if (facts->complete)
			know_rights(host, facts, report, plan);
		for (size_t i = 0; i < report->parts.n; i++)
			judge_rights(report->parts.item[i], plan);
		report_join(report);
	}
	plan_free(plan);
	return 0;
}
