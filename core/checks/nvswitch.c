/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* SXM boards: their GPUs reach each other by NVSwitches, which whoever has them must start (NVIDIA,
 * Fabric Manager User Guide, "Full Passthrough" and "Shared NVSwitch"): all GPUs and all switches
 * go to one VM, or the switches stay with the host's fabric manager. Else CUDA waits for the fabric
 * (error 802). */

struct share {
	size_t gpus, switches;
};

static bool is_sxm(const struct pci_device *device)
{
	return pci_is_gpu(device) && device->vendor == 0x10de && !pci_is_virtual(device);
}

static void count(struct share *share, const struct list *devices)
{
	for (size_t i = 0; i < devices->n; i++) {
		const struct pci_device *device = devices->item[i];
		share->gpus += is_sxm(device);
		share->switches += pci_is_nvswitch(device);
	}
}

/* What the VM has at its next start, with what the goal gives it. */
static struct share share_of(const struct report *report, const struct vm *vm)
{
	struct list lines = vm_next_lines(vm, report->arena);
	struct list devices = {0};
	struct share share = {0};
	for (size_t l = 0; l < lines.n; l++) {
		const struct vm_hostpci *line = lines.item[l];
		for (size_t d = 0; line->valid && d < line->devices.n; d++)
			list_add(report->arena, &devices, line->devices.item[d]);
	}
	for (size_t p = 0; p < report->whole->parts.n; p++) {
		const struct report *part = report->whole->parts.item[p];
		if (part->vm == vm && part->gpu && part_gives(part) &&
				!facts_in_list(&devices, part->gpu))
			list_add(report->arena, &devices, part->gpu);
	}
	count(&share, &devices);
	return share;
}

static void judge_share(struct report *report, const struct check *check, const struct vm *vm,
		const struct share *all, const struct share *has)
{
	bool whole = has->gpus == all->gpus && has->switches == all->switches;
	bool none = !has->switches;
	bool manager = report->facts->fabric_manager == KNOWN_YES;
	bool fine = whole || (none && manager);
	struct finding *finding = report_add(report, check, fine ? STATUS_OK : STATUS_WARN,
			subject_vm(vm),
			whole ? "%u %s has all %zu GPUs and all %zu NVSwitches: the fabric manager runs in it."
			: fine ? "%u %s has %zu GPUs and none of the %zu NVSwitches, which the host's fabric manager starts."
			: none ? "%u %s has %zu GPUs and none of the %zu NVSwitches, and the host has no fabric manager: CUDA waits for the fabric (error 802)."
			       : "%u %s has %zu GPUs and a part of the %zu NVSwitches: all of both go together, or no switch.",
			vm->vmid, vm->name, has->gpus, all->switches);
	finding_evidence(report, finding, "/sys/bus/pci/devices", "%zu GPUs, %zu NVSwitches",
			all->gpus, all->switches);
	finding_evidence(report, finding, vm->path, "%zu GPUs, %zu NVSwitches", has->gpus,
			has->switches);
	if (!fine)
		finding_fix(report, finding, FIX_BY_HAND,
				none ? "give it the switches, too (--gpu ADDRESS for each), or install nvidia-fabricmanager of the driver's version on the host"
				     : "give it all GPUs and all switches, or take the switches out");
}

void check_nvswitch(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	struct share all = {0};
	size_t found = 0;
	count(&all, &facts->devices);
	for (size_t i = 0; all.switches && i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		struct share has = share_of(report, vm);
		if (!has.gpus && !has.switches)
			continue;
		judge_share(report, check, vm, &all, &has);
		found++;
	}
	if (!found)
		(void)report_add(report, check, STATUS_OK, subject_host(),
				all.switches ? "No VM has a GPU of the board with NVSwitches."
					     : "This host has no NVSwitches.");
}
