/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/facts/cmdline.h"

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
		error_hint(err, "VMs show only with VM.Audit: %s",
				facts_grant_one(facts, arena, "/vms", "VM.Audit"));
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

/* A GPU that is not there, though a VM's line names it. */
static void hint_gone_gpu(
		const struct facts *facts, const char *text, struct arena *arena, struct error *err)
{
	struct pci_address wanted;
	bool whole = false;
	if (!pci_address_parse(text, &wanted, &whole) || facts_device(facts, &wanted))
		return;
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		for (size_t e = 0; e < vm->hostpci.n; e++) {
			const struct vm_hostpci *entry = vm->hostpci.item[e];
			struct pci_address address;
			bool slot = false;
			for (size_t h = 0; entry->valid && h < entry->parsed.hosts.n; h++)
				if (pci_address_parse(
						    entry->parsed.hosts.item[h], &address, &slot) &&
						pci_address_same_slot(&address, &wanted))
					error_hint(err,
							"%s of VM %u %s names it, and nothing is "
							"there now: pvegpu audit --only "
							"attach.device-missing",
							entry->key, vm->vmid,
							text_printable(arena, vm->name));
		}
	}
}

/* What only the host's files tell is not guessed from its API: what to run there is said. */
static void add_unseen(struct report *report, const struct check *check)
{
	struct finding *finding = report_add(report, check, STATUS_UNKNOWN, "host",
			"Only the files of %s tell that, and the API does not show them.",
			report->facts->node);
	bool does = check->plans;
	finding_fix(report, finding, false, "on %s, as root: pvegpu %s%s%s", report->facts->node,
			does ? "plan" : "audit", report->gpu ? " --gpu " : "",
			report->gpu ? report->gpu->name : "");
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
	if (status < 0)
		hint_gone_gpu(facts, goal->gpus.item[0], arena, err);
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
		report->configured = facts_configured_words(facts, arena);
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

void report_settle(struct report *report, size_t first)
{
	for (size_t i = first; i < report->findings.n; i++) {
		struct finding *finding = report->findings.item[i];
		size_t at = i;
		for (; at > 0; at--) {
			struct finding *before = report->findings.item[at - 1];
			if (before->check <= finding->check)
				break;
			report->findings.item[at] = before;
		}
		report->findings.item[at] = finding;
	}
	report->judged = report->findings;
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
