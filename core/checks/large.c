/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* GPUs with large memory windows: whether the guest's firmware finds addresses for them. */

#define GIB (1ULL << 30)

/* Rounded up to a power of two, as a window is placed. */
static uint64_t room_for(const struct pci_device *device)
{
	uint64_t room = 1;
	if (device->largest_bar > 1ULL << 48)
		return 0; /* that is no window */
	while (room < device->largest_bar)
		room <<= 1;
	return device->largest_bar ? room : 0;
}

/* Of all GPUs that the VM gets at its next start, the goal's among them. */
static uint64_t room_wanted(const struct report *report, const struct vm *vm, bool *ret_large)
{
	struct list devices = devices_next(report, vm);
	uint64_t sum = 0;
	for (size_t i = 0; i < devices.n; i++) {
		const struct pci_device *device = devices.item[i];
		if (!pci_is_gpu(device))
			continue;
		sum += room_for(device);
		*ret_large = *ret_large || device->largest_bar >= 16 * GIB;
	}
	return sum;
}

/* As its CPU is, or as a part of the goal makes it. */
static bool has_cpu_host(const struct report *report, const struct vm *vm)
{
	bool host = vm_value_is_cpu_host(vm_get_next(vm, "cpu"));
	for (size_t i = 0; i < report->whole->parts.n; i++) {
		const struct report *part = report->whole->parts.item[i];
		host = host || (part->vm == vm && part->decided[CHOOSE_CPU_HOST]);
	}
	return host;
}

/* OvmfPkg/Library/PlatformInitLib/MemDetect.c: an eighth of the address space where the CPU tells
 * its width and that is above 40 bits, which QEMU says where nothing was chosen; else 32 GiB. */
static uint64_t room_of_ovmf(const struct report *report, const struct vm *vm)
{
	int bits = report->facts->phys_bits;
	return has_cpu_host(report, vm) && bits > 40 && bits <= 64 ? 1ULL << (bits - 3) : 32 * GIB;
}

static bool judge_room(struct report *report, const struct check *check, const struct vm *vm)
{
	bool large = false;
	uint64_t wanted = room_wanted(report, vm, &large);
	const char *args = vm_get_next(vm, "args");
	bool ovmf = vm_value_is_ovmf(vm_get_next(vm, "bios"));
	bool by_hand = args && strstr(args, "X-PciMmio64Mb");
	uint64_t room = room_of_ovmf(report, vm);
	if (!large || !ovmf || by_hand || wanted < room)
		return false;
	struct finding *finding = report_add(report, check, STATUS_WARN, subject_vm(vm),
			"Its GPUs want %llu GiB of addresses, and OVMF has %llu GiB less what else there is: the guest may see no memory of them.",
			(unsigned long long)(wanted / GIB), (unsigned long long)(room / GIB));
	finding_evidence(report, finding, vm->path, "bios: ovmf, cpu: %s",
			vm_get_next(vm, "cpu") ? vm_get_next(vm, "cpu") : "(not set)");
	if (report->facts->phys_bits)
		finding_evidence(report, finding, "/proc/cpuinfo",
				"address sizes: %d bits physical", report->facts->phys_bits);
	finding_fix(report, finding, FIX_BY_HAND,
			report->facts->phys_bits > 40 && room == 32 * GIB
					? "set cpu: host, by which OVMF knows how wide addresses are: qm set %u --cpu host"
					: "qm set %u --args '-fw_cfg name=opt/ovmf/X-PciMmio64Mb,string=131072'",
			vm->vmid);
	return true;
}

/* The sizes that the window can have, and the one it has: "256 MiB to 32 GiB". */
static char *sizes_text(struct arena *arena, const struct pci_device *gpu)
{
	int least = -1;
	int most = -1;
	for (int bit = 0; bit < 32; bit++)
		if (gpu->bar_sizes >> bit & 1) {
			least = least < 0 ? bit : least;
			most = bit;
		}
	return least < 0 ? NULL
			 : arena_printf(arena, "%llu MiB to %llu MiB", 1ULL << least, 1ULL << most);
}

/* vfio maps a window page by page before Linux 6.14, which takes minutes of a large one; from
 * there on by large pages (mm/gup.c and vfio-pci's huge_fault). */
static bool is_slow(const struct report *report, const struct pci_device *gpu)
{
	return gpu->largest_bar >= 32 * GIB &&
	       facts_kernel_at_least(report->facts, 6, 14) == KNOWN_NO;
}

static void judge_window(struct report *report, const struct check *check, struct pci_device *gpu)
{
	const char *sizes = sizes_text(report->arena, gpu);
	bool slow = is_slow(report, gpu);
	if (gpu->largest_bar < 16 * GIB && !(sizes && report->gpu == gpu))
		return;
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
			"Its largest memory window is %llu MiB%s%s.%s",
			(unsigned long long)(gpu->largest_bar >> 20),
			sizes ? "; it can be resized: " : "", sizes ? sizes : "",
			slow ? " A VM with it takes long to start on this kernel, which maps it page by page; from 6.14 on it does not."
			     : "");
	finding_evidence(report, finding,
			arena_printf(report->arena, "/sys/bus/pci/devices/%s/resource", gpu->name),
			"%llu bytes", (unsigned long long)gpu->largest_bar);
	if (sizes)
		finding_evidence(report, finding,
				arena_printf(report->arena,
						"/sys/bus/pci/devices/%s/resource%d_resize",
						gpu->name, gpu->bar_index),
				"%08lx", (unsigned long)gpu->bar_sizes);
}

void check_vm_large_gpu(struct report *report, const struct check *check)
{
	size_t found = 0;
	size_t before = report->findings.n;
	for (size_t i = 0; i < report->facts->vms.n; i++)
		found += judge_room(report, check, report->facts->vms.item[i]);
	for_each_gpu(report, check, GPUS_GIVEN, judge_window);
	if (!found && report->findings.n == before)
		(void)report_add(report, check, STATUS_OK, subject_host(),
				"No GPU has a memory window that a guest may have no room for.");
}
