/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/property_string.h"

/* How wide addresses are, in the guest and in the host's IOMMU: what lies beyond the latter cannot
 * be reached by a device that the guest has. */

enum { WIDTH_OF_QEMU = 40, WIDTH_OF_FIRMWARE = 46, WIDTH_WITHOUT_1G = 40 };

/* As its CPU is, or as a part of the goal makes it. */
static bool is_host(const struct report *report, const struct vm *vm, const char *cpu)
{
	bool host = vm_value_is_cpu_host(cpu);
	for (size_t i = 0; i < report->whole->parts.n; i++) {
		const struct report *part = report->whole->parts.item[i];
		host = host || (part->vm == vm && part->decided[CHOOSE_CPU_HOST]);
	}
	return host;
}

/* A number of the properties of a setting; 0: there is none. */
static int number_of(const struct property_string *properties, const char *key)
{
	const char *value = property_get(properties, key);
	unsigned long number = 0;
	return value && text_to_ulong(value, 10, 64, &number) ? (int)number : 0;
}

int width_of_guest(const struct report *report, const struct vm *vm)
{
	const char *cpu = vm_get_next(vm, "cpu");
	struct property_string properties = {0};
	if (cpu)
		(void)property_string_parse(report->arena, cpu, "cputype", &properties, NULL);
	bool host = is_host(report, vm, cpu);
	const char *phys = property_get(&properties, "phys-bits");
	const char *flags = property_get(&properties, "flags");
	int limit = number_of(&properties, "guest-phys-bits");
	int bits = number_of(&properties, "phys-bits");
	if (!bits)
		bits = host || (phys && strcmp(phys, "host") == 0) ? report->facts->phys_bits
								   : WIDTH_OF_QEMU;
	/* What QEMU says where nothing was chosen is not believed. */
	enum cpu_vendor vendor = report->facts->cpu_vendor;
	bool valid = limit || bits > WIDTH_OF_QEMU ||
		     (vendor == CPU_INTEL && (bits == 36 || bits == 39)) ||
		     (vendor == CPU_AMD && bits == WIDTH_OF_QEMU);
	if (limit && limit < bits)
		bits = limit;
	if (bits > WIDTH_OF_FIRMWARE)
		bits = WIDTH_OF_FIRMWARE;
	if (bits > WIDTH_WITHOUT_1G && !host && !(flags && strstr(flags, "+pdpe1gb")))
		bits = WIDTH_WITHOUT_1G;
	return valid ? bits : 0;
}

/* The width of its virtual IOMMU of Intel's kind; 0: it has none. */
static int width_of_viommu(
		const struct report *report, const struct vm *vm, enum known *ret_refuses)
{
	const char *machine = vm_get_next(vm, "machine");
	const char *qemu = report->facts->qemu_version;
	struct property_string properties = {0};
	if (!machine || property_string_parse(report->arena, machine, "type", &properties, NULL) <
					0)
		return 0;
	const char *kind = property_get(&properties, "viommu");
	const char *type = property_get(&properties, "type");
	const char *version = type ? strrchr(type, '-') : NULL;
	int bits = number_of(&properties, "aw-bits");
	if (!kind || strcmp(kind, "intel") != 0)
		return 0;
	/* A machine of a version keeps that version's width; the newest has QEMU's own. */
	bool versioned = version && strchr("0123456789", version[1]);
	const char *of = versioned ? version + 1 : qemu;
	*ret_refuses = qemu ? (strverscmp(qemu, "9.1") >= 0 ? KNOWN_YES : KNOWN_NO) : KNOWN_UNKNOWN;
	if (!bits)
		bits = of && strverscmp(of, "9.2") >= 0 ? 48 : 39;
	return bits;
}

/* hw/i386/intel_iommu.c, vtd_check_hiod, since QEMU 9.1; 48 bits are the default since 9.2. */
static bool judge_viommu(struct report *report, const struct check *check, const struct vm *vm)
{
	enum known refuses = KNOWN_UNKNOWN;
	int host = report->facts->iommu_width;
	int guest = width_of_viommu(report, vm, &refuses);
	if (guest <= host || refuses == KNOWN_NO)
		return false;
	struct finding *finding = report_add(report, check,
			refuses == KNOWN_YES ? STATUS_FAIL : STATUS_WARN, subject_vm(vm),
			"Its virtual IOMMU has addresses of %d bits, and the host's of %d: QEMU refuses to start it with a PCI device.",
			guest, host);
	finding->prevents_start = refuses == KNOWN_YES;
	finding_evidence(report, finding, vm->path, "machine: %s", vm_get_next(vm, "machine"));
	finding_evidence(report, finding, "/sys/class/iommu", "%d bits", host);
	/* It knows no width but these (vtd_decide_config). */
	const char *value = property_string_with(report->arena, vm_get_next(vm, "machine"), "type",
			"aw-bits", host >= 48 ? "48" : "39");
	if (value && host >= 39)
		finding_fix(report, finding, FIX_BY_HAND,
				"qm set %u --machine %s (qemu-server 9.0.21 or newer)", vm->vmid,
				text_shell_quote(report->arena, value));
	return true;
}

/* OVMF puts large windows at the end of what the CPU tells of addresses. */
static bool judge_width(struct report *report, const struct check *check, const struct vm *vm,
		const struct list *devices)
{
	int host = report->facts->iommu_width;
	int guest = width_of_guest(report, vm);
	size_t gpus = 0;
	for (size_t i = 0; i < devices->n; i++)
		gpus += pci_is_gpu(devices->item[i]);
	const char *cpu = vm_get_next(vm, "cpu");
	if (!gpus || !vm_value_is_ovmf(vm_get_next(vm, "bios")) || guest <= host)
		return false;
	struct finding *finding = report_add(report, check, gpus > 1 ? STATUS_WARN : STATUS_INFO,
			subject_vm(vm),
			"Its firmware places memory windows up to %d bits of addresses, and the host's IOMMU has %d: QEMU says VFIO_MAP_DMA failed (Invalid argument)%s.",
			guest, host,
			gpus > 1 ? ", and its GPUs cannot reach each other's memory"
				 : ", which one GPU alone can live with");
	finding_evidence(report, finding, vm->path, "cpu: %s", cpu ? cpu : "(not set)");
	finding_evidence(report, finding, "/sys/class/iommu", "%d bits", host);
	const char *value = property_string_with(report->arena, cpu ? cpu : "host", "cputype",
			"guest-phys-bits", arena_printf(report->arena, "%d", host));
	if (value)
		finding_fix(report, finding, FIX_BY_HAND,
				"qm set %u --cpu %s (qemu-server 9.0.18 or newer)", vm->vmid,
				text_shell_quote(report->arena, value));
	return true;
}

void check_address_width(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	size_t found = 0;
	for (size_t i = 0; facts->iommu_width && i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		struct list devices = devices_next(report, vm);
		if (devices.n)
			found += judge_viommu(report, check, vm) ||
				 judge_width(report, check, vm, &devices);
	}
	if (!found)
		(void)report_add(report, check, STATUS_OK, subject_host(),
				facts->iommu_width
						? "No guest with a PCI device has wider addresses than the host's IOMMU, which has %d bits."
						: "Nothing is told of the width of the host's IOMMU: AMD's has room for all.",
				facts->iommu_width);
}
