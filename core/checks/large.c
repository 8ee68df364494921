/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* Memory windows of GPUs: how large they are, or are to be (resizable BAR), and whether the guest's
 * firmware finds addresses for them. */

#define GIB (1ULL << 30)

/* The size that the window will have, as far as it is kept or asked for. */
static uint64_t window_next(const struct report *report, const struct pci_device *gpu)
{
	unsigned mib = 0;
	const char *untold = NULL;
	const struct kept_attribute *rule =
			attribute_rule_of(report, gpu, ATTRIBUTE_WINDOW, &untold);
	if (!goal_number(report->goal, CHOOSE_BAR_SIZE, gpu->name, &mib) && rule)
		mib = (unsigned)rule->value;
	uint64_t next = (uint64_t)mib << 20;
	bool larger = gpu->largest_bar > gpu->resizable_bar && gpu->largest_bar > next;
	return mib && !larger ? next : gpu->largest_bar;
}

/* Rounded up to a power of two, as a window is placed. */
static uint64_t room_for(uint64_t window)
{
	uint64_t room = 1;
	if (window > 1ULL << 48)
		return 0; /* that is no window */
	while (room < window)
		room <<= 1;
	return window ? room : 0;
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
		uint64_t window = window_next(report, device);
		sum += room_for(window);
		*ret_large = *ret_large || window >= 16 * GIB;
	}
	return sum;
}

/* OvmfPkg/Library/PlatformInitLib/MemDetect.c, PlatformDynamicMmioWindow: an eighth of the address
 * space where the CPU tells its width, and 32 GiB at least. */
static uint64_t room_of_ovmf(const struct report *report, const struct vm *vm)
{
	int bits = width_of_guest(report, vm);
	return bits > 38 ? 1ULL << (bits - 3) : 32 * GIB;
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

/* vfio maps a window page by page before Linux 6.14, which takes minutes of a large one; from
 * there on by large pages (mm/gup.c and vfio-pci's huge_fault). */
static bool is_slow(const struct report *report, const struct pci_device *gpu)
{
	return gpu->largest_bar >= 32 * GIB &&
	       facts_kernel_at_least(report->facts, 6, 14) == KNOWN_NO;
}

/* Of a window that is kept, or is to be: vfio-pci takes the GPU at boot, and lets go of it again.
 */
static bool is_taken_early(const struct report *report, const struct pci_device *gpu)
{
	const struct report *part = part_takes(report, gpu);
	return part ? part->decided[CHOOSE_BIND_EARLY]
		    : vfio_takes_at_boot(report, gpu) && device_on_vfio(gpu);
}

/* Why it cannot be so many MiB at each boot; NULL: it can, as far as this host tells. */
static const char *why_no_size(
		const struct report *report, const struct pci_device *gpu, unsigned wanted)
{
	bool one = !(wanted & (wanted - 1));
	if (!wanted)
		return NULL;
	if (!gpu->bar_sizes)
		return report->facts->all_recorded ? "it has one size only"
						   : "which sizes it can have is not recorded";
	if (!one || !(gpu->bar_sizes & wanted))
		return arena_printf(report->arena, "it can have %s, by powers of two",
				device_window_sizes(gpu, report->arena));
	if (!is_taken_early(report, gpu))
		return "a driver of the host takes the GPU at boot, and may not be asked to let go: with --bind early vfio-pci has it";
	return NULL;
}

static void tell_kept(struct report *report, const struct check *check, struct pci_device *gpu,
		const struct kept_attribute *rule)
{
	unsigned now = (unsigned)(gpu->resizable_bar >> 20);
	bool has = now == (unsigned)rule->value;
	bool early = is_taken_early(report, gpu);
	struct finding *finding = report_add(report, check, has ? STATUS_OK : STATUS_WARN,
			subject_device(gpu), "Its memory window is %u MiB%s %d MiB%s", now,
			has ? ", as asked for:" : ", and is to be", rule->value,
			has     ? " at each boot."
			: early ? " from the next boot on. If the host was restarted since, there was no room for it: see the kernel's log."
				: ", which a rule does only where vfio-pci takes it at boot: now a driver of the host does.");
	finding_evidence(report, finding, rule->path, "line %zu: %s", rule->line, rule->text);
	if (!has)
		finding_fix(report, finding, FIX_BY_HAND,
				early ? "restart the host; without room, a smaller one: pvegpu plan --bar-size %s=MIB"
				      : "give it to vfio-pci at boot (--bind early), or take the rule out: pvegpu plan --bar-size %s=0",
				gpu->name);
}

/* The goal asks for a size; false where it does not. */
static bool judge_size_asked(struct report *report, const struct check *check,
		struct pci_device *gpu, const struct kept_attribute *rule, const char *untold)
{
	unsigned wanted = 0;
	unsigned kept = rule ? (unsigned)rule->value : 0;
	if (!goal_number(report->goal, CHOOSE_BAR_SIZE, gpu->name, &wanted))
		return false;
	const char *reason = untold ? untold : why_no_size(report, gpu, wanted);
	if (reason) {
		report_add(report, check, STATUS_FAIL, subject_device(gpu),
				"Its memory window cannot be made %u MiB: %s.", wanted, reason)
				->risk = RISK_NEVER;
		return true;
	}
	if (kept == wanted)
		return false;
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
			wanted ? "Its memory window is %llu MiB, and is to be %u MiB at each boot."
			       : "Its memory window is %llu MiB, and is to be as the firmware makes it.",
			(unsigned long long)(gpu->resizable_bar >> 20), wanted);
	finding_fix(report, finding, FIX_BY_PLAN, "keep it for each boot");
	return true;
}

static void judge_window(struct report *report, const struct check *check, struct pci_device *gpu)
{
	const char *sizes = device_window_sizes(gpu, report->arena);
	bool slow = is_slow(report, gpu);
	const char *untold = NULL;
	const struct kept_attribute *rule =
			attribute_rule_of(report, gpu, ATTRIBUTE_WINDOW, &untold);
	if (judge_size_asked(report, check, gpu, rule, untold))
		return;
	if (rule && rule->value > 0 && gpu->resizable_bar) {
		tell_kept(report, check, gpu, rule);
		return;
	}
	if (gpu->largest_bar < 16 * GIB && !(sizes && report->gpu == gpu))
		return;
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
			"Its largest memory window is %llu MiB%s%s.%s",
			(unsigned long long)(gpu->largest_bar >> 20),
			sizes ? "; it can be resized (--bar-size): " : "", sizes ? sizes : "",
			slow ? " A VM with it takes long to start on this kernel, which maps it page by page; from 6.14 on it does not."
			     : "");
	finding_evidence(report, finding,
			arena_printf(report->arena, "/sys/bus/pci/devices/%s/resource", gpu->name),
			"%llu bytes", (unsigned long long)gpu->largest_bar);
	if (sizes)
		finding_evidence(report, finding,
				arena_printf(report->arena,
						"/sys/bus/pci/devices/%s/resource%d_resize",
						gpu->name, gpu->resizable_index),
				"%08lx", (unsigned long)gpu->bar_sizes);
}

void check_gpu_bar_size(struct report *report, const struct check *check)
{
	size_t before = report->findings.n;
	for_each_gpu(report, check, GPUS_GIVEN, judge_window);
	if (report->findings.n == before)
		(void)report_add(report, check, STATUS_OK, subject_host(),
				"No GPU has a large memory window, or is to have another.");
}

void check_vm_large_gpu(struct report *report, const struct check *check)
{
	size_t found = 0;
	for (size_t i = 0; i < report->facts->vms.n; i++)
		found += judge_room(report, check, report->facts->vms.item[i]);
	if (!found)
		(void)report_add(report, check, STATUS_OK, subject_host(),
				"No GPU has a memory window that a guest may have no room for.");
}
