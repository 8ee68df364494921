/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"
#include "pvegpu/base/text.h"

/*
 * No plan starts what the audit says cannot start, and no start takes from the host, or from a
 * guest that runs, what another line of the VM names: Proxmox VE takes every function that a line
 * means, with its whole IOMMU group (PVE/QemuServer/PCI.pm). The line of the goal itself is judged
 * where it is chosen.
 */

/* The finding is of the VM, or of a mapping that one of its lines uses. */
static bool is_of_vm(const struct report *report, const struct finding *finding)
{
	const struct vm *vm = report->vm;
	if (subject_is_vm(finding->about, vm))
		return true;
	struct list lines = vm_next_lines(vm, report->arena);
	for (size_t i = 0; i < lines.n; i++) {
		const struct vm_hostpci *entry = lines.item[i];
		const char *name = entry->valid ? entry->parsed.mapping : NULL;
		if (subject_is_mapping(finding->about, name))
			return true;
	}
	return false;
}

static void refuse_findings(const struct report *report, struct plan *plan)
{
	for (size_t i = 0; i < report->findings.n; i++) {
		const struct finding *finding = report->findings.item[i];
		/* What is mended starts, and what has a risk of its own is refused by it. */
		if (finding->prevents_start && !finding_is_planned(finding) &&
				finding->risk == RISK_NONE && is_of_vm(report, finding))
			plan_refuse(plan, finding->check->id, finding->subject, finding->detail,
					false);
	}
}

static void refuse_host(struct plan *plan, const struct vm *vm, const char *when,
		const struct vm_hostpci *entry, const struct pci_device *device)
{
	const struct host_use *use = device->uses.item[0];
	plan_refuse(plan, "gpu.group-host-critical", subject_text(plan->arena, subject_vm(vm)),
			arena_printf(plan->arena,
					"%s: %s would take %s from the host when the VM starts%s: %s.",
					entry->key, entry->value, device->name, when, use->what),
			false);
}

/* The plan takes the line out of the VM. */
static bool is_taken_out(
		const struct plan *plan, const struct vm *vm, const struct vm_hostpci *entry)
{
	const struct change *call = plan_find_call(&plan->changes, STAGE_SETTINGS, vm->vmid);
	for (size_t i = 0; call && i < call->params.n; i++) {
		const struct pve_param *param = call->params.item[i];
		if (!param->value && strcmp(param->key, entry->key) == 0)
			return true;
	}
	return false;
}

/* The part gives its GPU's vGPUs, of which others may have some. */
static bool part_shares(const struct report *part)
{
	return part->mdev && !part->gpu->vgpu_alone;
}

/* Another VM that the plan starts would have it too, by a line or from the goal; or NULL. Who is
 * given a part of it (`shares`) leaves parts for others. */
static const struct vm *started_with(const struct report *report, const struct plan *plan,
		const struct pci_device *device, bool shares)
{
	for (size_t i = 0; i < report->whole->parts.n; i++) {
		const struct report *part = report->whole->parts.item[i];
		if (!part->vm || part->vm == report->vm ||
				!plan_find_call(&plan->changes, STAGE_START, part->vm->vmid))
			continue;
		struct list lines = vm_next_lines(part->vm, plan->arena);
		bool has = part_gives(part) && facts_in_list(&part->card, device) &&
			   !(shares && part_shares(part));
		for (size_t l = 0; !has && l < lines.n; l++) {
			const struct vm_hostpci *entry = lines.item[l];
			has = entry->valid && !is_taken_out(plan, part->vm, entry) &&
			      !(shares && hostpci_shares(entry)) &&
			      (facts_in_list(&entry->devices, device) ||
					      facts_in_list(&entry->alternatives, device));
		}
		if (has)
			return part->vm;
	}
	return NULL;
}

/* By the driver of the host, which stays with it. */
static bool holder_shares(const struct holder *holder)
{
	return holder->container || (holder->entry && hostpci_shares(holder->entry));
}

/* Another guest that runs and has it, or NULL. */
static const struct holder *held_by(const struct report *report, const struct pci_device *device,
		bool shares, struct arena *arena)
{
	struct list holders = facts_holders(report->facts, device, arena);
	for (size_t i = 0; i < holders.n; i++) {
		const struct holder *holder = holders.item[i];
		if (holder->vm != report->vm && holder->running == KNOWN_YES &&
				holder->has != KNOWN_NO && !(shares && holder_shares(holder)))
			return holder;
	}
	return NULL;
}

/* Another guest that runs, or is started too, has the device. */
static bool refuse_held(const struct report *report, struct plan *plan, const char *what,
		const struct pci_device *device, bool shares)
{
	const struct vm *other = started_with(report, plan, device, shares);
	if (other)
		plan_refuse(plan, "attach.conflict",
				subject_text(plan->arena, subject_vm(report->vm)),
				arena_printf(plan->arena,
						"%s needs %s, which VM %u %s would have too, and both are to be started.",
						what, device->name, other->vmid, other->name),
				false);
	const struct holder *holder = held_by(report, device, shares, plan->arena);
	if (holder)
		plan_refuse(plan, holder->vm ? "attach.conflict" : "gpu.in-use",
				subject_text(plan->arena, subject_vm(report->vm)),
				arena_printf(plan->arena,
						"%s needs %s, which %s has, and that runs.", what,
						device->name, holder_text(plan->arena, holder)),
				false);
	return other || holder;
}

/* Of a pool each device is with a guest that runs. */
static void refuse_pool(
		const struct report *report, struct plan *plan, const struct vm_hostpci *entry)
{
	const struct pci_device *held = NULL;
	for (size_t i = 0; i < entry->offers.n; i++) {
		const struct list *offer = entry->offers.item[i];
		held = NULL;
		for (size_t d = 0; !held && d < offer->n; d++) {
			const struct holder *holder = held_by(
					report, offer->item[d], hostpci_shares(entry), plan->arena);
			if (holder && holder->has == KNOWN_YES)
				held = offer->item[d];
		}
		if (!held)
			return;
	}
	if (held)
		(void)refuse_held(report, plan, entry->key, held, hostpci_shares(entry));
}

/* Another line of the VM, or the goal, names it: which of them Proxmox VE asks first is chance
 * (PVE/QemuServer/PCI.pm, choose_hostpci_devices goes through a hash). */
static bool may_be_twice(const struct report *report, const struct list *lines,
		const struct vm_hostpci *entry, const struct pci_device *device)
{
	return named_beside(lines, entry, device) ||
	       (report->decided[CHOOSE_ATTACH] && device == report->gpu && !gpu_attached(report));
}

/* A line names functions, or by a mapping several of which any that is free may be taken. */
static void judge_line(const struct report *report, struct plan *plan, const struct list *lines,
		const struct vm_hostpci *entry)
{
	struct taking taking = judge_taking(report, entry, plan->arena);
	for (size_t i = 0; i < taking.devices.n; i++)
		refuse_host(plan, report->vm, "", entry, taking.devices.item[i]);
	if (!taking.devices.n && taking.untold)
		plan_refuse(plan, "gpu.group-host-critical",
				subject_text(plan->arena, subject_vm(report->vm)),
				arena_printf(plan->arena,
						"%s: %s. What the VM takes from the host with it cannot be told: what the host uses, or the IOMMU group, is not known.",
						entry->key, entry->value),
				false);
	/* One function of a card says it for all. */
	for (size_t i = 0; entry->valid && i < entry->devices.n; i++)
		if (refuse_held(report, plan, entry->key, entry->devices.item[i],
				    hostpci_shares(entry)))
			break;
	if (entry->valid)
		refuse_pool(report, plan, entry);
	for (size_t i = 0; entry->valid && i < entry->alternatives.n; i++) {
		struct pci_device *device = entry->alternatives.item[i];
		if (may_be_twice(report, lines, entry, device)) {
			plan_refuse(plan, "attach.conflict",
					subject_text(plan->arena, subject_vm(report->vm)),
					arena_printf(plan->arena,
							"%s: %s may take %s, which another line names: the VM may not start.",
							entry->key, entry->value, device->name),
					false);
			return;
		}
	}
}

void guard_starts(const struct report *report, struct plan *plan)
{
	const struct vm *vm = report->vm;
	if (!vm || !plan_find_call(&plan->changes, STAGE_START, vm->vmid))
		return;
	refuse_findings(report, plan);
	struct list next = vm_next_lines(vm, plan->arena);
	struct list lines = {0};
	for (size_t i = 0; i < next.n; i++)
		if (!is_taken_out(plan, vm, next.item[i]))
			list_add(plan->arena, &lines, next.item[i]);
	for (size_t i = 0; i < lines.n; i++)
		judge_line(report, plan, &lines, lines.item[i]);
	bool room = report->pool && pool_has_room(report);
	for (size_t i = 0; !room && i < report->card.n; i++) {
		const struct pci_device *function = report->card.item[i];
		if (!hostpci_with(report, vm, function) &&
				refuse_held(report, plan, "The GPU: the VM", function,
						part_shares(report)))
			break;
	}
}

/* What the VM would take from the host cannot be told yet. */
static void refuse_untold(struct plan *plan, const struct vm *vm, const struct vm_hostpci *entry)
{
	plan_refuse(plan, "attach.onboot-conflict", subject_text(plan->arena, subject_vm(vm)),
			arena_printf(plan->arena,
					"VM %u %s starts at boot with %s: %s. What goes to it from the host, by itself or for being in one IOMMU group, cannot be told before the reboot, and after it nobody is asked. First let it not start at boot: qm set %u --onboot 0",
					vm->vmid, vm->name, entry->key, entry->value, vm->vmid),
			false);
}

void guard_boot(const struct report *report, struct plan *plan)
{
	if (!plan_count_reboots(&plan->changes))
		return;
	struct list takings = list_takings_at_boot(report, plan->arena);
	const struct vm *untold = NULL;
	for (size_t i = 0; i < takings.n; i++) {
		const struct taking *taking = takings.item[i];
		if (taking->vm == untold)
			continue;
		if (taking->devices.n) {
			refuse_host(plan, taking->vm, ", as it does at boot", taking->entry,
					taking->devices.item[0]);
		} else {
			refuse_untold(plan, taking->vm, taking->entry);
			untold = taking->vm;
		}
	}
}
