/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/checks/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/pve/rights.h"

struct finding *report_add(struct report *report, const struct check *check, enum status status,
		const char *subject, const char *format, ...)
{
	struct finding *finding = arena_alloc(report->arena, sizeof *finding);
	va_list args;
	va_start(args, format);
	*finding = (struct finding){
			.check = check,
			.status = status,
			.subject = arena_strdup(report->arena, subject),
			.detail = arena_vprintf(report->arena, format, args),
	};
	va_end(args);
	list_add(report->arena, &report->findings, finding);
	return finding;
}

void finding_evidence(struct report *report, struct finding *finding, const char *source,
		const char *format, ...)
{
	struct evidence *evidence = arena_alloc(report->arena, sizeof *evidence);
	va_list args;
	va_start(args, format);
	evidence->source = arena_strdup(report->arena, source);
	evidence->text = arena_vprintf(report->arena, format, args);
	va_end(args);
	list_add(report->arena, &finding->evidence, evidence);
}

void finding_fix(struct report *report, struct finding *finding, bool automatic, const char *format,
		...)
{
	va_list args;
	va_start(args, format);
	finding->fix = arena_vprintf(report->arena, format, args);
	va_end(args);
	finding->automatic = automatic;
}

const char *device_text(struct arena *arena, const struct pci_device *device)
{
	return arena_printf(arena, "%s %s, %s", device->name, pci_class_text(device->class_code),
			device->label);
}

const char *vm_subject(const struct report *report, const struct vm *vm)
{
	return arena_printf(report->arena, "vm/%u", vm->vmid);
}

char *reboot_cost(const struct report *report)
{
	const struct facts *facts = report->facts;
	struct strings names = {0};
	struct strings containers = {0};
	struct text text = {0};
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		if (vm->running == KNOWN_YES)
			strings_add(report->arena, &names,
					arena_printf(report->arena, "%u %s", vm->vmid, vm->name));
	}
	for (size_t i = 0; i < facts->running_containers.n; i++)
		strings_add(report->arena, &containers, facts->running_containers.item[i]);
	if (names.n)
		text_addf(&text, "stops the running %s %s", text_plural(names.n, "VM", "VMs"),
				strings_join(report->arena, &names, ", "));
	if (containers.n)
		text_addf(&text, "%s%s %s", names.n ? " and " : "stops the running ",
				text_plural(containers.n, "container", "containers"),
				strings_join(report->arena, &containers, ", "));
	if (!text.n)
		text_add(&text, "the host is away for some minutes");
	if (facts->ha_vms.n)
		text_addf(&text, "; HA may start %s %s on another node meanwhile",
				text_plural(facts->ha_vms.n, "VM", "VMs"),
				strings_join(report->arena, &facts->ha_vms, ", "));
	if (facts->clustered == KNOWN_YES)
		text_add(&text, facts->quorate == KNOWN_NO ? "; the cluster has no quorum even now"
							   : "; the cluster has one vote less "
							     "until it is back");
	return text_take(&text, report->arena);
}

/* What is not found may only be hidden: the privilege that shows it. */
static void hint_gap(const struct facts *facts, struct arena *arena, bool vm, struct error *err)
{
	if (!facts->remote || facts->identity_root)
		return;
	struct text text = {0};
	for (size_t i = 0; i < facts->gaps.n; i++) {
		const struct gap *gap = facts->gaps.item[i];
		if (gap->grant)
			text_addf(&text, "%s%s could not be read: %s", text.n ? "\n" : "",
					gap->what, gap->grant);
	}
	if (text.n) {
		error_hint(err, "%s", text_take(&text, arena));
		return;
	}
	if (vm && !facts->vms.n) { /* Proxmox VE leaves out what may not be seen */
		struct list needs = {0};
		pve_need_add(arena, &needs, "/vms", "VM.Audit", NULL);
		error_hint(err, "VMs show only with VM.Audit: %s",
				facts_grant(facts, arena, &needs, 0));
	}
}

static void hint_other_node(const struct facts *facts, unsigned vmid, struct error *err)
{
	for (size_t i = 0; i < facts->other_vms.n; i++) {
		const struct cluster_vm *vm = facts->other_vms.item[i];
		if (vm->vmid == vmid)
			error_hint(err, "VM %u %s is on node %s: --node %s, or migrate it here",
					vmid, vm->name, vm->node, vm->node);
	}
}

/* What only the host's files tell is not guessed from its API: what to run there is said. */
static void add_unseen(struct report *report, const struct check *check)
{
	struct finding *finding = report_add(report, check, STATUS_UNKNOWN, "host",
			"Only the files of %s tell that, and the API does not show them.",
			report->facts->node);
	bool does = check->fix != NULL;
	finding_fix(report, finding, false, "on %s, as root: pvegpu %s%s%s", report->facts->node,
			does ? "plan" : "audit", report->gpu ? " --gpu " : "",
			report->gpu ? report->gpu->name : "");
}

void report_prepare(struct host *host, struct facts *facts, const struct goal *goal)
{
	struct report *report = NULL;
	if (!facts->complete)
		return;
	for (size_t i = 0; i < goal->mapping_devices.n; i++) {
		const char *text = goal->mapping_devices.item[i];
		const char *equals = strchr(text, '=');
		char *node = equals ? arena_strndup(facts->arena, text, (size_t)(equals - text))
				    : NULL;
		if (node && (!facts->node || strcmp(node, facts->node) != 0))
			(void)facts_know_node(host, facts, node, NULL);
	}
	if (facts->identity_root)
		return;
	(void)facts_know_rights(host, facts, "/mapping/pci", NULL);
	if (goal->vmid)
		(void)facts_know_rights(host, facts,
				arena_printf(facts->arena, "/vms/%u", goal->vmid), NULL);
	/* The mapping's name is proposed by the report. */
	if (report_new(facts, goal, &report, NULL) < 0 || !report)
		return;
	for (size_t i = 0; i < report->mapping_edits.n; i++) {
		const struct mapping_edit *edit = report->mapping_edits.item[i];
		(void)facts_know_rights(host, facts,
				arena_printf(facts->arena, "/mapping/pci/%s", edit->name), NULL);
	}
	report_free(report);
}

int report_new(const struct facts *facts, const struct goal *goal, struct report **ret_report,
		struct error *err)
{
	struct arena *arena = arena_new();
	struct report *report = arena_alloc(arena, sizeof *report);
	*report = (struct report){.arena = arena, .facts = facts, .goal = goal};
	if (goal->gpus.n > 1) {
		arena_free(arena);
		return error_set(err, ERROR_USAGE,
				"one GPU at a time: attach the first, then the next");
	}
	int status = 0;
	if (goal->gpus.n)
		status = facts_find_gpu(facts, goal->gpus.item[0], &report->gpu, err);
	int hidden = status < 0 ? tell_hidden(facts,
						  arena_printf(arena, "a GPU at '%s'",
								  (char *)goal->gpus.item[0]),
						  0, err)
				: 0;
	status = hidden < 0 ? hidden : status;
	if (status == 0 && goal->vmid) {
		report->vm = facts_vm(facts, goal->vmid);
		if (!report->vm) {
			struct strings names = {0};
			for (size_t i = 0; i < facts->vms.n && i < 8; i++) {
				const struct vm *vm = facts->vms.item[i];
				strings_add(arena, &names, arena_printf(arena, "%u", vm->vmid));
			}
			status = error_set(err, ERROR_USAGE, "there is no VM %u on this node",
					goal->vmid);
			error_hint(err, "VMs on this node: %s%s",
					names.n ? strings_join(arena, &names, ", ") : "none",
					facts->vms.n > 8 ? " ..." : "");
			hint_other_node(facts, goal->vmid, err);
			hidden = tell_hidden(facts, arena_printf(arena, "a VM %u", goal->vmid),
					goal->vmid, err);
			status = hidden < 0 ? hidden : status;
		}
	}
	if (status < 0) {
		hint_gap(facts, arena, goal->vmid && report->gpu, err);
		arena_free(arena);
		return status;
	}
	if (!facts->remote) {
		report->configured = boot_configured_words(facts, arena);
		choose_params(report);
		choose_vfio(report);
	}
	choose_attach(report);
	for (const struct check *check = check_catalogue; check->id; check++) {
		size_t first = report->findings.n;
		if (facts->remote && check->needs_files) {
			add_unseen(report, check);
			continue;
		}
		check->run(report, check);
		doubt_findings(report, check, first);
	}
	report->judged = report->findings;
	*ret_report = report;
	return 0;
}

void report_free(struct report *report)
{
	if (report)
		arena_free(report->arena);
}

bool finding_is_unseen(const struct report *report, const struct finding *finding)
{
	return report->facts->remote && finding->check->needs_files;
}

int report_only(struct report *report, const struct strings *names, struct error *err)
{
	for (size_t i = 0; i < names->n; i++) {
		bool known = check_by_id(names->item[i]) != NULL;
		for (int step = 0; step < STEP_COUNT; step++)
			known = known || strcmp(step_names[step], names->item[i]) == 0;
		if (known)
			continue;
		(void)error_set(err, ERROR_USAGE, "'%s' is no step and no check", names->item[i]);
		error_hint(err, "steps: host bios boot vfio gpu vm attach verify; checks: pvegpu "
				"audit --list");
		return ERROR_USAGE;
	}
	struct list kept = {0};
	for (size_t i = 0; i < report->findings.n; i++) {
		struct finding *finding = report->findings.item[i];
		if (!names->n || strings_has(names, finding->check->id) ||
				strings_has(names, step_names[finding->check->step]))
			list_add(report->arena, &kept, finding);
	}
	report->findings = kept;
	return 0;
}

struct report_counts report_counts(const struct report *report)
{
	struct report_counts counts = {0};
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		counts.by_status[finding->status]++;
	}
	return counts;
}

const char *report_verdict(const struct report *report, const struct pci_device *gpu)
{
	const char *group = arena_printf(report->arena, "group/%d", gpu->group);
	bool needs_work = false;
	bool blocked = false;
	bool unknown = gpu->group < 0;
	for (size_t i = 0; i < report->judged.n; i++) {
		const struct finding *finding = report->judged.item[i];
		bool host = strcmp(finding->subject, "host") == 0 &&
			    (finding->check->step == STEP_BIOS ||
					    finding->check->step == STEP_BOOT);
		bool mine = strcmp(finding->subject, gpu->name) == 0 ||
			    strcmp(finding->subject, group) == 0;
		if (mine && finding->status == STATUS_UNKNOWN)
			unknown = unknown || strncmp(finding->check->id, "gpu.group", 9) == 0;
		unknown = unknown || ((mine || host) && finding->unread);
		if (finding->status != STATUS_FAIL || (!mine && !host))
			continue;
		needs_work = needs_work || finding->automatic || host;
		blocked = blocked || (mine && !finding->automatic);
	}
	if (blocked)
		return "blocked";
	if (needs_work)
		return "needs-work";
	return unknown ? "unknown" : "ready";
}

enum step report_next_step(const struct report *report)
{
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		enum step step = finding->check->step;
		if (step == STEP_BIOS && finding->status == STATUS_FAIL)
			return STEP_BIOS;
		/* What already waits in the configuration needs no new decision. */
		if ((step == STEP_BOOT || step == STEP_VFIO) && finding->automatic)
			return step;
	}
	if (!report->gpu)
		return STEP_GPU;
	if (!report->vm)
		return STEP_VM;
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		if ((finding->check->step == STEP_VM || finding->check->step == STEP_ATTACH) &&
				finding->automatic)
			return STEP_ATTACH;
	}
	return STEP_VERIFY;
}

static void add_no_iommu(const struct report *report, struct plan *plan)
{
	const struct facts *facts = report->facts;
	if (!facts->remote || facts->iommu_active != KNOWN_NO || !plan->changes.n)
		return;
	plan_refuse(plan, "boot.iommu-active", "host",
			arena_printf(plan->arena,
					"%s shows no IOMMU groups: no VM could start with a "
					"device. "
					"On %s, as root: pvegpu plan%s%s",
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
		gives = gives || (change_is_api(change) && report->vm &&
						 change->vmid == report->vm->vmid &&
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
		plan_refuse(plan, "boot.iommu-active", "host",
				"The IOMMU is off: no VM could start with the GPU, and what would "
				"go along with it is not known. Turn it on in the firmware setup "
				"and by the kernel parameters first.",
				false);
		return;
	}
	struct list card = facts_card(report->facts, report->gpu, plan->arena);
	for (size_t i = 0; i < card.n; i++) {
		const struct pci_device *function = card.item[i];
		if (function->group >= 0)
			continue;
		plan_refuse(plan, "gpu.group-isolated", report->gpu->name,
				arena_printf(plan->arena,
						"The IOMMU group of %s is not known, so neither is "
						"what would go along with it.",
						function->name),
				false);
		return;
	}
}

static bool has_calls(const struct plan *plan)
{
	for (size_t i = 0; i < plan->changes.n; i++)
		if (change_is_api(plan->changes.item[i]))
			return true;
	return false;
}

/* Proxmox VE would refuse each of them, and a run would stop in its middle. */
static void add_no_quorum(const struct report *report, struct plan *plan)
{
	if (report->facts->quorate == KNOWN_NO && has_calls(plan))
		plan_refuse(plan, "host.quorum", "host",
				"The cluster has no quorum: /etc/pve is read-only, and no VM or "
				"mapping can be changed. Bring the other nodes back first: pvecm "
				"status",
				false);
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

/* Where only what is named is done, what stands against a VM or a GPU counts when it is touched. */
static bool is_touched(const struct report *report, const struct plan *plan, enum step step)
{
	if (report->goal->advised != CHOICE_NO || has_calls(plan))
		return true;
	return step == STEP_GPU ? report->bind_early : step != STEP_VM && step != STEP_ATTACH;
}

static void add_refusals(const struct report *report, struct plan *plan, enum risk risk)
{
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		if (finding->risk != risk)
			continue;
		bool acceptable = risk == RISK_ACCEPT;
		if (!is_touched(report, plan, finding->check->step))
			continue;
		if (acceptable &&
				goal_accepted(report->goal, finding->check->id, finding->subject)) {
			plan_accept(plan, finding->check->id, finding->subject, finding->detail);
			continue;
		}
		plan_refuse(plan, finding->check->id, finding->subject, finding->detail,
				acceptable);
	}
}

int report_plan(const struct report *report, const struct root *root, struct plan **ret_plan,
		struct error *err)
{
	struct plan *plan = plan_new(report->goal, report->facts->node);
	if (report->facts->remote)
		plan->api = arena_strdup(plan->arena, report->facts->api);
	if (report->gpu) /* as the kernel writes it, however it was asked for */
		plan->goal->gpus.item[0] = arena_strdup(plan->goal->arena, report->gpu->name);
	if (report->vm)
		plan_show_conf(plan, &(struct plan_conf){.vmid = report->vm->vmid,
						     .path = report->vm->path,
						     .text = report->vm->text,
						     .source = report->vm->source,
						     .running = report->vm->running == KNOWN_YES});
	bool held = false;
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		/* What would come after something that is refused for want of a reading. */
		held = held || unread_holds(report, finding);
		if (held || !finding->automatic || !finding->check->fix)
			continue;
		int status = finding->check->fix(report, finding, plan, root, err);
		if (status < 0) {
			plan_free(plan);
			return status;
		}
	}
	if (report->vm && power_waits(report))
		plan_let_wait(plan, report->vm->vmid);
	keep_ha_state(report, plan);
	add_no_iommu(report, plan);
	add_no_quorum(report, plan);
	refuse_unread(report, plan);
	add_refusals(report, plan, RISK_NEVER); /* what nothing can accept stands first */
	if (!plan->refusals.n)
		add_no_groups(report, plan);
	add_refusals(report, plan, RISK_ACCEPT);
	plan_finish(plan);
	*ret_plan = plan;
	return 0;
}
