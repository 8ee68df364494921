/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

/* Every check of this step looks at each display function; the goal's GPU also carries the risk. */
static bool is_goal(const struct report *report, const struct pci_device *gpu)
{
	return report->gpu == gpu;
}

static size_t count_gpus(const struct report *report)
{
	size_t n = 0;
	for (size_t i = 0; i < report->facts->devices.n; i++)
		n += pci_is_display(report->facts->devices.item[i]);
	return n;
}

#define FOR_EACH_GPU(report, gpu)                                                                  \
	for (size_t i_ = 0; i_ < (report)->facts->devices.n; i_++)                                 \
		for (struct pci_device *gpu = (report)->facts->devices.item[i_];                   \
				gpu && pci_is_display(gpu); (gpu) = NULL)

CHECK_FUNCTION(check_gpu_present)
{
	FOR_EACH_GPU (report, gpu) {
		struct finding *finding = report_add(report, check, STATUS_OK, gpu->name, "%s",
				gpu->label);
		finding_evidence(report, finding, "/sys/bus/pci/devices",
				"%s class %04x, %04x:%04x", gpu->name, gpu->class_code >> 8,
				gpu->vendor, gpu->device);
	}
	if (count_gpus(report))
		return;
	struct finding *finding = report_add(report, check, STATUS_FAIL, "host",
			"No display controller among %zu PCI functions.", report->facts->devices.n);
	finding_evidence(report, finding, "/sys/bus/pci/devices", "no class 0300, 0302 or 0380");
	finding_fix(report, finding, false, "check the slot, its power, and the firmware setup");
}

CHECK_FUNCTION(check_only_gpu)
{
	size_t n = count_gpus(report);
	FOR_EACH_GPU (report, gpu) {
		if (n > 1) {
			(void)report_add(report, check, STATUS_OK, gpu->name,
					"One of %zu GPUs: another is left for the host.", n);
			continue;
		}
		struct finding *finding = report_add(report, check, STATUS_WARN, gpu->name,
				"The only GPU: with it in a VM the host has no local console.");
		finding_fix(report, finding, false, "make sure SSH or a BMC works before going on");
		if (is_goal(report, gpu))
			finding->risk = RISK_ACCEPT;
	}
}

CHECK_FUNCTION(check_boot_vga)
{
	FOR_EACH_GPU (report, gpu) {
		const char *source =
				arena_printf(report->arena, "/sys/bus/pci/devices/%s/boot_vga", gpu->name);
		struct finding *finding = NULL;
		if (gpu->boot_vga == KNOWN_YES) {
			finding = report_add(report, check,
					is_goal(report, gpu) ? STATUS_WARN : STATUS_INFO, gpu->name,
					"The firmware booted with this GPU: the host's console is on it.");
			finding_evidence(report, finding, source, "1");
			if (is_goal(report, gpu))
				finding->risk = RISK_ACCEPT;
		} else if (gpu->boot_vga == KNOWN_NO) {
			finding = report_add(report, check, STATUS_OK, gpu->name,
					"Not the GPU the host booted with.");
			finding_evidence(report, finding, source, "0");
		} else if (gpu->class_code >> 8 == 0x0300) {
			(void)report_add(report, check, STATUS_UNKNOWN, gpu->name,
					"Which GPU the firmware booted with is not recorded.");
		} else {
			(void)report_add(report, check, STATUS_OK, gpu->name,
					"Not VGA compatible: the host cannot have booted with it.");
		}
	}
}

static bool acs_override(const struct report *report)
{
	return cmdline_value(&report->facts->cmdline_words, "pcie_acs_override") != NULL;
}

CHECK_FUNCTION(check_group_isolated)
{
	FOR_EACH_GPU (report, gpu) {
		if (gpu->group < 0) {
			(void)report_add(report, check, STATUS_UNKNOWN, gpu->name,
					report->facts->iommu_groups
							? "The group of this function is not recorded."
							: "Groups are known once the IOMMU is on.");
			continue;
		}
		struct list group = facts_group(report->facts, gpu->group, report->arena);
		struct strings others = {0};
		bool driven = false;
		for (size_t i = 0; i < group.n; i++) {
			const struct pci_device *other = group.item[i];
			if (pci_is_bridge(other) ||
					pci_address_same_slot(&other->address, &gpu->address))
				continue;
			strings_add(report->arena, &others, device_text(report->arena, other));
			driven = driven || !other->driver || strcmp(other->driver, "vfio-pci") != 0;
		}
		struct finding *finding = NULL;
		if (others.n) {
			finding = report_add(report, check, driven ? STATUS_FAIL : STATUS_WARN,
					gpu->name,
					"Group %d holds %zu other %s, which would go to the VM's side too.",
					gpu->group, others.n,
					text_plural(others.n, "device", "devices"));
			finding_fix(report, finding, false,
					"use another slot, or the ACS override at the price it has");
			if (is_goal(report, gpu) && driven)
				finding->risk = RISK_ACCEPT;
		} else if (acs_override(report)) {
			finding = report_add(report, check, STATUS_WARN, gpu->name,
					"Group %d has only this card, but the ACS override is on: the "
					"hardware may not keep it apart.",
					gpu->group);
		} else {
			finding = report_add(report, check, STATUS_OK, gpu->name,
					"Group %d has only this card%s.", gpu->group,
					group.n > 1 ? " and bridges" : "");
		}
		for (size_t i = 0; i < group.n; i++)
			finding_evidence(report, finding,
					arena_printf(report->arena, "/sys/kernel/iommu_groups/%d",
							gpu->group),
					"%s", device_text(report->arena, group.item[i]));
	}
}

/* Everything that leaves the host with this GPU: its group, or its slot while groups are unknown. */
static struct list taken_with(const struct report *report, const struct pci_device *gpu)
{
	struct list taken = facts_group(report->facts, gpu->group, report->arena);
	struct list slot = facts_slot(report->facts, gpu, report->arena);
	for (size_t i = 0; i < slot.n; i++) {
		const struct pci_device *function = slot.item[i];
		if (function->group != gpu->group || gpu->group < 0)
			list_add(report->arena, &taken, slot.item[i]);
	}
	return taken;
}

CHECK_FUNCTION(check_group_host_critical)
{
	const struct facts *facts = report->facts;
	FOR_EACH_GPU (report, gpu) {
		struct list taken = taken_with(report, gpu);
		const char *subject = gpu->group < 0 ? gpu->name
						     : arena_printf(report->arena, "group/%d",
								       gpu->group);
		struct finding *critical = NULL;
		const struct pci_device *doubtful = NULL;
		for (size_t i = 0; i < taken.n; i++) {
			const struct pci_device *device = taken.item[i];
			for (size_t u = 0; u < device->uses.n; u++) {
				const struct host_use *use = device->uses.item[u];
				if (!critical)
					critical = report_add(report, check, STATUS_FAIL, subject,
							"Giving %s to a VM would take from the host: %s "
							"(%s).",
							gpu->name, use->what, device->name);
				finding_evidence(report, critical, use->source, "%s: %s",
						device->name, use->what);
			}
			bool unsure = pci_is_storage(device)
					? facts->uses_known != KNOWN_YES || facts->untraced.n
					: pci_is_network(device) && facts->uses_known != KNOWN_YES;
			if (unsure && !device->uses.n)
				doubtful = device;
		}
		if (critical) {
			finding_fix(report, critical, false,
					"use another slot or another GPU; the ACS override may split the "
					"group, at the price it has");
			if (is_goal(report, gpu))
				critical->risk = RISK_NEVER;
		} else if (doubtful) {
			struct finding *finding = report_add(report, check, STATUS_UNKNOWN, subject,
					"With %s goes %s, and whether the host needs it could not be "
					"traced%s%s.",
					gpu->name, device_text(report->arena, doubtful),
					facts->untraced.n ? ": " : "",
					facts->untraced.n ? facts->untraced.item[0] : "");
			if (is_goal(report, gpu))
				finding->risk = RISK_NEVER;
		} else if (gpu->group < 0) {
			(void)report_add(report, check, STATUS_UNKNOWN, subject,
					"Judged again when groups are known; the card's own functions are "
					"not used by the host.");
		} else {
			(void)report_add(report, check, STATUS_OK, subject,
					"No disk, network link or default route of the host goes along "
					"with %s.",
					gpu->name);
		}
	}
}

CHECK_FUNCTION(check_gpu_functions)
{
	FOR_EACH_GPU (report, gpu) {
		struct list slot = facts_slot(report->facts, gpu, report->arena);
		bool split = false;
		for (size_t i = 0; i < slot.n; i++)
			split = split || ((struct pci_device *)slot.item[i])->group != gpu->group;
		struct finding *finding = report_add(report, check, STATUS_OK, gpu->name,
				"%zu %s in the slot%s.", slot.n,
				text_plural(slot.n, "function", "functions"),
				split ? ", in different IOMMU groups" : "");
		for (size_t i = 0; i < slot.n; i++) {
			const struct pci_device *function = slot.item[i];
			finding_evidence(report, finding, "/sys/bus/pci/devices", "%s, driver %s",
					device_text(report->arena, function),
					function->driver ? function->driver : "none");
		}
	}
}

CHECK_FUNCTION(check_gpu_identical)
{
	FOR_EACH_GPU (report, gpu) {
		struct strings twins = {0};
		for (size_t i = 0; i < report->facts->devices.n; i++) {
			const struct pci_device *other = report->facts->devices.item[i];
			if (other != gpu && other->vendor == gpu->vendor &&
					other->device == gpu->device && gpu->vendor != 0xffff)
				strings_add(report->arena, &twins, other->name);
		}
		if (!twins.n) {
			(void)report_add(report, check, STATUS_OK, gpu->name,
					"%04x:%04x stands once on this host.", gpu->vendor, gpu->device);
			continue;
		}
		struct finding *finding = report_add(report, check, STATUS_WARN, gpu->name,
				"%s has the same id %04x:%04x: tell them apart by address.",
				strings_join(report->arena, &twins, ", "), gpu->vendor, gpu->device);
		finding_evidence(report, finding, "/sys/bus/pci/devices", "%s and %s", gpu->name,
				strings_join(report->arena, &twins, ", "));
	}
}
