/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* A part of a GPU, a vGPU, that the driver of the host makes: the GPU stays with it. */

const char *mdev_of_line(const struct report *report, const struct vm_hostpci *line)
{
	const char *chosen = report->goal->values[CHOOSE_MDEV];
	if (chosen)
		return strcmp(chosen, "none") == 0 ? NULL : chosen;
	return line ? line->parsed.mdev : NULL;
}

void choose_vgpu(struct report *report)
{
	report->mdev = report->gpu ? mdev_of_line(report, report->line) : NULL;
	if (!report->mdev)
		return;
	report->decided[CHOOSE_BIND_EARLY] = false;
	if (report->goal->chosen[CHOOSE_MODULES] == CHOICE_ADVISED)
		report->decided[CHOOSE_MODULES] = false;
	report->card = (struct list){0};
	list_add(report->arena, &report->card, report->gpu);
}

/* One of its virtual functions that offers it. */
static const struct pci_device *function_with(const struct pci_device *gpu, const char *type)
{
	for (size_t i = 0; i < gpu->virtfns.n; i++)
		if (facts_vgpu_type(gpu->virtfns.item[i], type))
			return gpu->virtfns.item[i];
	return NULL;
}

static bool has_it(const struct report *part)
{
	return part->line && text_same(part->line->parsed.mdev, part->mdev);
}

/* What parts of the goal take of the same device before this one gets its own: those before it, and
 * those whose line is there; a guest that runs has its own already. `type` NULL: of any. */
static int count_others(const struct report *report, const char *type)
{
	int n = 0;
	bool before = true;
	for (size_t i = 0; i < report->whole->parts.n; i++) {
		const struct report *part = report->whole->parts.item[i];
		bool takes = part->gpu == report->gpu && part->mdev && part->vm &&
			     !(has_it(part) && part->vm->running == KNOWN_YES);
		before = before && part != report;
		n += part != report && takes && (before || has_it(part)) &&
		     (!type || strcmp(part->mdev, type) == 0);
	}
	return n;
}

/* NVIDIA's time-sliced vGPUs of one GPU are of one type, unless mixed sizes are switched on
 * (NVIDIA, Virtual GPU Software User Guide). */
static void tell_mixed(struct report *report, const struct check *check)
{
	const struct pci_device *gpu = report->gpu;
	if (gpu->vendor != 0x10de || gpu->vgpu_alone ||
			count_others(report, NULL) == count_others(report, report->mdev))
		return;
	(void)report_add(report, check, STATUS_WARN, subject_device(gpu),
			"The goal asks it for vGPUs of several types. NVIDIA's makes one type at a time, unless mixed sizes are on: the second guest may not start.");
}

/* What is against it; NULL: nothing. */
static const char *why_not(const struct report *report)
{
	struct arena *arena = report->arena;
	const struct pci_device *gpu = report->gpu;
	const struct vgpu_type *type = facts_vgpu_type(gpu, report->mdev);
	const struct pci_device *other = function_with(gpu, report->mdev);
	int others = count_others(report, report->mdev);
	if (report->goal->chosen[CHOOSE_BIND_EARLY] == CHOICE_YES)
		return "vfio-pci at boot would take the GPU from the driver that makes vGPUs";
	if (device_on_vfio(gpu) && !gpu->vgpu_alone && !pci_is_virtual(gpu))
		return "vfio-pci has the GPU: the driver that makes vGPUs has to";
	if (other)
		return arena_printf(arena, "its virtual functions offer it: --gpu %s", other->name);
	if (gpu->mdev == KNOWN_NO)
		return arena_printf(arena, "its driver (%s) offers no vGPUs",
				facts_driver(report->facts, gpu));
	if (has_it(report) || report->facts->remote)
		return NULL; /* one that runs is not offered again */
	if (!type)
		return gpu->vgpu_types.n ? "it does not offer that"
					 : "which it offers is not told: all may be given out";
	if (gpu->vgpu_alone && count_others(report, NULL))
		return "it makes one vGPU, which the goal gives to another guest";
	if (type->available > 0 && others >= type->available)
		return arena_printf(arena, "%d of it %s free, which the goal gives to others",
				type->available, type->available > 1 ? "are" : "is");
	return type->available == 0 ? "none of it is free" : NULL;
}

static void add_types(struct report *report, struct finding *finding, const struct pci_device *gpu)
{
	const char *source = arena_printf(report->arena, "/sys/bus/pci/devices/%s/%s", gpu->name,
			gpu->vgpu_alone ? "nvidia/creatable_vgpu_types" : "mdev_supported_types");
	for (size_t i = 0; i < gpu->vgpu_types.n; i++) {
		const struct vgpu_type *type = gpu->vgpu_types.item[i];
		finding_evidence(report, finding, source, "%s%s%s%s", type->type,
				type->name ? ": " : "", type->name ? type->name : "",
				type->available >= 0 ? arena_printf(report->arena, ", %d free",
								       type->available)
						     : "");
	}
}

/* pve-nvidia-vgpu-helper(1): the host driver's packages, headers and services. */
static void tell_helper(struct report *report, const struct check *check)
{
	if (report->facts->vgpu_helper != KNOWN_NO || report->gpu->vendor != 0x10de)
		return;
	struct finding *finding = report_add(report, check, STATUS_INFO,
			subject_device(report->gpu),
			"pve-nvidia-vgpu-helper is not installed, which prepares a node for NVIDIA's vGPU driver and keeps its virtual functions at boot.");
	finding_evidence(report, finding, "/var/lib/dpkg/status", "no pve-nvidia-vgpu-helper");
	finding_fix(report, finding, FIX_BY_HAND,
			"apt install pve-nvidia-vgpu-helper && pve-nvidia-vgpu-helper setup");
}

void check_attach_mdev(struct report *report, const struct check *check)
{
	const struct pci_device *gpu = report->gpu;
	struct finding *finding = NULL;
	if (report->mdev) {
		const char *why = why_not(report);
		finding = report_add(report, check, why ? STATUS_FAIL : STATUS_OK,
				subject_device(gpu),
				why ? "It cannot give a vGPU of type %s: %s."
				    : "A vGPU of type %s%s: the GPU stays with the host's driver.",
				report->mdev, why ? why : "");
		if (why) {
			finding->risk = RISK_NEVER;
			finding_fix(report, finding, FIX_BY_HAND, "%s",
					gpu->vgpu_types.n
							? "name a type that it offers, or none: --mdev none"
							: "give the whole GPU: --mdev none; parts take a driver that makes them");
		}
		tell_mixed(report, check);
		tell_helper(report, check);
	} else if (gpu && gpu->vgpu_types.n) {
		finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
				"It offers %zu %s of vGPUs, parts of it for several guests: --mdev TYPE. Whole it goes to one.",
				gpu->vgpu_types.n, text_plural(gpu->vgpu_types.n, "type", "types"));
	} else {
		(void)report_add(report, check, STATUS_OK,
				gpu ? subject_device(gpu) : subject_host(),
				"No vGPU is asked for.");
	}
	if (finding)
		add_types(report, finding, gpu);
}
