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
		struct list devices = devices_next(report, vm);
		struct share has = {0};
		count(&has, &devices);
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
