/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* The card by itself: its memory windows, ROM, virtual functions, and who uses it now. */

static const char *size_text(struct arena *arena, uint64_t bytes)
{
	unsigned long mib = (unsigned long)(bytes >> 20);
	return mib >= 1024 && mib % 1024 == 0 ? arena_printf(arena, "%lu GiB", mib / 1024)
					      : arena_printf(arena, "%lu MiB", mib);
}

static void judge_above_4g(struct report *report, const struct check *check, struct pci_device *gpu)
{
	static const uint64_t four_gib = 4ULL << 30;
	static const uint64_t resizable = 256ULL
					  << 20; /* what such cards show unless they are resized */
	const char *source =
			arena_printf(report->arena, "/sys/bus/pci/devices/%s/resource", gpu->name);
	const char *size = size_text(report->arena, gpu->largest_bar);
	if (!gpu->largest_bar) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"Its memory windows are not recorded.");
		return;
	}
	struct finding *finding = NULL;
	if (!gpu->bar_start) {
		finding = report_add(report, check, STATUS_FAIL, subject_device(gpu),
				"The firmware could not place its memory window of %s.", size);
		finding_fix(report, finding, FIX_BY_HAND,
				"enable Above 4G Decoding in the firmware setup");
	} else if (gpu->bar_start >= four_gib) {
		finding = report_add(report, check, STATUS_OK, subject_device(gpu),
				"On: its window of %s is above 4 GiB.", size);
	} else if (gpu->largest_bar < resizable) {
		finding = report_add(report, check, STATUS_OK, subject_device(gpu),
				"Not needed: its largest window has %s.", size);
	} else {
		finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
				"Its window of %s is below 4 GiB; a larger one (resizable BAR) would need Above 4G Decoding.",
				size);
	}
	finding_evidence(report, finding, source, "%s at 0x%llx", size,
			(unsigned long long)gpu->bar_start);
}

void check_above_4g(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_GIVEN, judge_above_4g);
}

static const char *count_text(struct arena *arena, const struct pci_device *gpu)
{
	size_t n = gpu->virtfns.n          ? gpu->virtfns.n
		   : gpu->sriov_active > 0 ? (size_t)gpu->sriov_active
					   : 0;
	return arena_printf(arena, "%zu virtual %s", n, text_plural(n, "function", "functions"));
}

/* What makes them at boot, and with which numbers, may stand in a rule. */
void add_rules(struct report *report, struct finding *finding, const struct pci_device *gpu)
{
	for (size_t i = 0; i < report->facts->device_rules.n; i++) {
		const struct device_rule *rule = report->facts->device_rules.item[i];
		if (rule->device == gpu)
			finding_evidence(report, finding, rule->path, "line %zu: %s", rule->line,
					rule->text);
	}
}

/* Whose a virtual function is: of guests all that name it. */
static const char *who_has(const struct report *report, const struct pci_device *function)
{
	struct list holders = facts_holders(report->facts, function, report->arena);
	struct text text = {0};
	for (size_t i = 0; i < holders.n; i++) {
		const struct holder *holder = holders.item[i];
		text_addf(&text, "%s%s%s", text.n ? ", " : "", holder_text(report->arena, holder),
				holder->has == KNOWN_YES ? " (has it now)" : "");
	}
	if (!text.n && function->uses.n)
		text_add(&text, "the host uses it");
	if (!text.n)
		text_add(&text, report->facts->vms_known == KNOWN_YES ? "no guest names it"
								      : "the guests are not known");
	return text_take(&text, report->arena);
}

/* A module that was added to the running kernel, and not to the one that boots next. */
static void tell_next_kernel(
		struct report *report, const struct check *check, const struct pci_device *gpu)
{
	const char *next = kernel_to_boot(report);
	if (!next || next != report->facts->kernel_next || gpu->driver_added != KNOWN_YES ||
			gpu->driver_added_next != KNOWN_NO)
		return;
	struct finding *finding = report_add(report, check, STATUS_WARN, subject_device(gpu),
			"Kernel %s boots next, and has only its own %s, which makes no virtual functions: they would not be there.",
			next, gpu->driver);
	finding_evidence(report, finding,
			arena_printf(report->arena, "/lib/modules/%s/updates/dkms", next), "no %s",
			gpu->driver);
	finding_fix(report, finding, FIX_BY_HAND,
			"dkms autoinstall -k %s, or stay with the kernel that runs: --pin-kernel %s",
			next, report->facts->kernel);
}

/* A physical function that has been split: given to a VM it takes all of them along. */
static void judge_split(struct report *report, const struct check *check, struct pci_device *gpu)
{
	bool asked = report->gpu == gpu;
	const struct pci_device *first = gpu->virtfns.n ? gpu->virtfns.item[0] : NULL;
	struct finding *finding = report_add(report, check, asked ? STATUS_FAIL : STATUS_INFO,
			subject_device(gpu),
			"It is a physical function, split into %s, each a device of its own%s.",
			count_text(report->arena, gpu),
			asked ? ". Given to a VM it would take them all away" : "");
	for (size_t i = 0; i < gpu->virtfns.n; i++) {
		const struct pci_device *function = gpu->virtfns.item[i];
		finding_evidence(report, finding,
				arena_printf(report->arena, "/sys/bus/pci/devices/%s/physfn",
						function->name),
				"%s, driver %s, group %d: %s", function->name,
				facts_driver(report->facts, function), function->group,
				who_has(report, function));
	}
	add_rules(report, finding, gpu);
	tell_next_kernel(report, check, gpu);
	if (!asked)
		return;
	finding->risk = RISK_NEVER;
	finding_fix(report, finding, FIX_BY_HAND,
			"name one of them%s%s; or take them away first: echo 0 >/sys/bus/pci/devices/%s/sriov_numvfs",
			first ? ": --gpu " : "", first ? first->name : "", gpu->name);
}

/* Who makes the functions is the device's driver. */
static const char *driver_makes_none(const struct pci_device *gpu)
{
	if (!gpu->driver)
		return "no driver is bound to it, and its driver makes them";
	if (device_on_vfio(gpu))
		return "it is held for a VM, and the driver of the host makes them";
	if (strcmp(gpu->driver, "nvidia") == 0)
		return "NVIDIA's vGPU driver makes them, by its own tool: systemctl enable --now pve-nvidia-sriov@ALL.service";
	return NULL;
}

/* The goal gives a VM what goes away, if only for a moment. */
static const char *given_away(const struct report *report, const struct pci_device *gpu)
{
	for (size_t i = 0; i < gpu->virtfns.n; i++) {
		const struct pci_device *function = gpu->virtfns.item[i];
		if (part_with(report, function))
			return arena_printf(report->arena,
					"%s, which is one of them, is to go to a VM by the same goal: change the number first",
					function->name);
	}
	return NULL;
}

/* Why it cannot have so many; NULL: it can. */
static const char *why_not_split(
		const struct report *report, const struct pci_device *gpu, unsigned wanted)
{
	struct arena *arena = report->arena;
	if (gpu->sriov_total <= 0)
		return report->facts->all_recorded ? "it has none (SR-IOV)"
						   : "how many it can have is not recorded";
	if (wanted > (unsigned)gpu->sriov_total)
		return arena_printf(arena, "it can have %d at most", gpu->sriov_total);
	if (gpu->sriov_active < 0)
		return "how many it has now is not recorded";
	if (part_with(report, gpu))
		return "it is to go to a VM itself: one or the other";
	bool changes = gpu->sriov_active != (int)wanted;
	const char *reason = wanted || changes ? driver_makes_none(gpu) : NULL;
	if (!reason && wanted && gpu->driver_added == KNOWN_NO)
		reason = arena_printf(arena,
				"the %s of kernel %s makes none: that takes i915-sriov-dkms, or xe where it knows the GPU",
				gpu->driver, report->facts->kernel);
	if (!reason && changes)
		reason = given_away(report, gpu);
	if (!reason && changes && gpu->sriov_active > 0)
		reason = facts_functions_held(report->facts, gpu, wanted, arena);
	return reason;
}

/* The goal asks for so many virtual functions of it. */
static void judge_asked(struct report *report, const struct check *check, struct pci_device *gpu,
		unsigned wanted)
{
	struct arena *arena = report->arena;
	const char *many = arena_printf(arena, "%u virtual %s", wanted,
			text_plural(wanted, "function", "functions"));
	const char *untold = NULL;
	const struct kept_attribute *rule =
			attribute_rule_of(report, gpu, ATTRIBUTE_FUNCTIONS, &untold);
	const char *reason = why_not_split(report, gpu, wanted);
	if (!reason)
		reason = untold;
	int at_boot = rule ? rule->value : 0;
	struct finding *finding = NULL;
	if (reason) {
		finding = report_add(report, check, STATUS_FAIL, subject_device(gpu),
				"It cannot have %s: %s.", many, reason);
		finding->risk = RISK_NEVER;
	} else if (gpu->sriov_active == (int)wanted && at_boot == (int)wanted) {
		finding = report_add(report, check, STATUS_OK, subject_device(gpu),
				"It has %s, as asked for%s.", many,
				rule ? ", and gets them at each boot" : "");
	} else {
		finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
				"It has %s now and %d at boot, and is to have %s.",
				count_text(arena, gpu), at_boot, many);
		finding_fix(report, finding, FIX_BY_PLAN,
				"write the number, and keep it for each boot");
	}
	finding_evidence(report, finding,
			arena_printf(arena, "/sys/bus/pci/devices/%s/sriov_totalvfs", gpu->name),
			"%d, driver %s", gpu->sriov_total, facts_driver(report->facts, gpu));
	if (rule)
		finding_evidence(report, finding, rule->path, "line %zu: %s", rule->line,
				rule->text);
	if (!reason && wanted)
		tell_next_kernel(report, check, gpu);
}

/* Other GPUs of the slot may be its virtual functions where that is not told. */
static bool may_be_split(const struct report *report, const struct pci_device *gpu)
{
	struct list slot = facts_slot(report->facts, gpu, report->arena);
	for (size_t i = 0; i < slot.n && gpu->address.function == 0; i++) {
		const struct pci_device *other = slot.item[i];
		if (other != gpu && pci_is_gpu(other) && other->virtual_function == KNOWN_UNKNOWN)
			return true;
	}
	return false;
}

static void judge_sriov(struct report *report, const struct check *check, struct pci_device *gpu)
{
	unsigned wanted = 0;
	if (goal_number(report->goal, CHOOSE_FUNCTIONS, gpu->name, &wanted)) {
		judge_asked(report, check, gpu, wanted);
		return;
	}
	if (gpu->virtfns.n || gpu->sriov_active > 0) {
		judge_split(report, check, gpu);
		return;
	}
	if (pci_is_virtual(gpu)) {
		struct finding *finding = report_add(report, check, STATUS_OK, subject_device(gpu),
				"It is a virtual function of %s.", gpu->physfn_name);
		finding_evidence(report, finding,
				arena_printf(report->arena, "/sys/bus/pci/devices/%s/physfn",
						gpu->name),
				"%s", gpu->physfn_name);
		return;
	}
	if (may_be_split(report, gpu)) {
		struct finding *finding = report_add(report, check, STATUS_UNKNOWN,
				subject_device(gpu),
				"Its slot holds other GPUs, and whether they are its virtual "
				"functions is not told: name the function that is meant.");
		if (report->gpu == gpu)
			finding->risk = RISK_NEVER;
		return;
	}
	if (gpu->sriov_total <= 0 && !report->facts->all_recorded) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"Whether it can be split is not recorded.");
		return;
	}
	if (gpu->sriov_total <= 0) {
		(void)report_add(report, check, STATUS_OK, subject_device(gpu),
				"No virtual functions.");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
			"It can be split into %d virtual functions (SR-IOV).", gpu->sriov_total);
	finding_evidence(report, finding,
			arena_printf(report->arena, "/sys/bus/pci/devices/%s/sriov_totalvfs",
					gpu->name),
			"%d", gpu->sriov_total);
}

void check_gpu_sriov(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_GIVEN, judge_sriov);
}

const struct log_line *log_of(
		const struct report *report, enum log_kind kind, const struct pci_device *device)
{
	const struct log_line *last = NULL;
	for (size_t i = 0; i < report->facts->log.n; i++) {
		const struct log_line *line = report->facts->log.item[i];
		if (line->kind == kind && line->device == device)
			last = line;
	}
	return last;
}

static void judge_bar(struct report *report, const struct check *check, struct pci_device *gpu)
{
	const struct facts *facts = report->facts;
	const struct log_line *held = log_of(report, LOG_BAR_HELD, gpu);
	struct finding *finding = NULL;
	if (held) {
		finding = report_add(report, check, STATUS_FAIL, subject_device(gpu),
				"vfio-pci could not get its memory: something on the host holds a part of it%s%s.",
				gpu->bar_holder ? ", now " : "",
				gpu->bar_holder ? gpu->bar_holder : "");
		finding_evidence(report, finding, facts->log_source, "%s", held->text);
		finding_fix(report, finding, FIX_BY_HAND,
				"boot with another GPU, or tick initcall_blacklist=sysfb_init in step 2: the host then has no local console");
	} else if (gpu->bar_holder && !device_on_vfio(gpu)) {
		finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
				"The firmware's framebuffer (%s) sits on its memory. Kernels from 6.0 on take it off when vfio-pci binds.",
				gpu->bar_holder);
	} else if (gpu->bar_holder) {
		finding = report_add(report, check, STATUS_WARN, subject_device(gpu),
				"The firmware's framebuffer (%s) still sits on its memory.",
				gpu->bar_holder);
		finding_fix(report, finding, FIX_BY_HAND,
				"if the VM does not start: tick initcall_blacklist=sysfb_init in step 2");
	} else if (facts->iomem_known != KNOWN_YES) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"/proc/iomem could not be read, which tells who holds its memory.");
		return;
	} else {
		(void)report_add(report, check, STATUS_OK, subject_device(gpu),
				"No firmware framebuffer holds its memory.");
		return;
	}
	if (gpu->bar_holder)
		finding_evidence(report, finding, "/proc/iomem", "%s inside a window of %s",
				gpu->bar_holder, gpu->name);
}

void check_gpu_bar(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_GIVEN, judge_bar);
}

/* "renderD" and 129 of "renderD129". */
static size_t split_node(const char *node, unsigned long *ret_number)
{
	size_t stem = strcspn(node, "0123456789");
	return text_to_ulong(node + stem, 10, ULONG_MAX, ret_number) ? stem : 0;
}

/* The number of a node that the container names counts on one of the goal's GPU before it: that has
 * none when vfio-pci takes it at boot. The node, or NULL. */
static const char *node_that_moves(const struct report *report, const struct pci_device *gpu,
		const struct container *container)
{
	const struct strings *before = &report->gpu->drm;
	for (size_t i = 0; i < container->nodes.n; i++) {
		const char *node = container->nodes.item[i];
		unsigned long number = 0;
		unsigned long other = 0;
		size_t stem = strings_has(&gpu->drm, node) ? split_node(node, &number) : 0;
		for (size_t b = 0; stem && b < before->n; b++)
			if (split_node(before->item[b], &other) == stem && other < number &&
					strncmp(before->item[b], node, stem) == 0)
				return node;
	}
	return NULL;
}

/* It keeps the GPU, and does not find it any more. */
static void judge_node(struct report *report, const struct check *check,
		const struct pci_device *gpu, const struct holder *holder)
{
	if (!report->gpu || report->gpu == gpu || !report->decided[CHOOSE_BIND_EARLY] ||
			device_on_vfio(report->gpu))
		return;
	const char *node = node_that_moves(report, gpu, holder->container);
	if (!node)
		return;
	struct finding *finding = report_add(report, check, STATUS_WARN, subject_device(gpu),
			"Container %u %s names it by the number of its node, /dev/dri/%s. With %s on vfio-pci from the boot on the numbers move: the container finds another GPU there, or none and does not start.",
			holder->id, holder->name, node, report->gpu->name);
	finding_evidence(report, finding, holder->path, "%s", holder->line);
	finding_fix(report, finding, FIX_BY_HAND,
			"let vfio-pci take the GPU when the VM starts (--bind at-start), or change the container's node after the reboot");
	finding->risk = RISK_ACCEPT;
}

static void used_by_container(struct report *report, const struct check *check,
		const struct pci_device *gpu, const struct holder *holder)
{
	bool stopped = holder->running == KNOWN_NO;
	struct finding *finding = report_add(report, check, stopped ? STATUS_INFO : STATUS_WARN,
			subject_device(gpu),
			stopped ? "Container %u %s uses it through the host's driver when it runs: it has no GPU while a VM has it."
				: "Container %u %s uses it through the host's driver: it loses the GPU when a VM takes it.",
			holder->id, holder->name);
	finding_evidence(report, finding, holder->path, "%s", holder->line);
	finding_fix(report, finding, FIX_BY_HAND,
			"use another GPU for one of them, or stop the container: pct shutdown %u",
			holder->id);
	/* It has the device open: the driver would be taken off under it. */
	if (!stopped && report->gpu == gpu && !device_on_vfio(gpu))
		finding->risk = report->decided[CHOOSE_BIND_EARLY] ? RISK_ACCEPT : RISK_NEVER;
	judge_node(report, check, gpu, holder);
}

static void used_by_vm(struct report *report, const struct check *check,
		const struct pci_device *gpu, const struct holder *holder)
{
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_device(gpu),
			holder->way == HOLDS_BY_MDEV ? "VM %u %s runs with a part of it."
						     : "VM %u %s runs with it.",
			holder->id, holder->name);
	finding_evidence(report, finding, holder->path, "%s", holder->line);
}

/* A container runs, and what it has cannot be told: its configuration is not there, or it names a
 * node that is told by the GPU's driver, and of drivers nothing is known. */
static bool may_be_in_container(const struct facts *facts)
{
	bool unread = facts->containers_known != KNOWN_YES;
	bool may = false;
	for (size_t i = 0; i < facts->containers.n; i++) {
		const struct container *container = facts->containers.item[i];
		if (unread)
			may = may || container->running == KNOWN_YES;
		else if (container->line)
			may = may || (container->running != KNOWN_NO && !container->devices.n);
	}
	return may && (unread || facts->drivers_known != KNOWN_YES);
}

static void judge_in_use(struct report *report, const struct check *check, struct pci_device *gpu)
{
	const struct facts *facts = report->facts;
	bool used = false;
	bool undecided = false;
	struct list holders = facts_holders(facts, gpu, report->arena);
	for (size_t i = 0; i < holders.n; i++) {
		const struct holder *holder = holders.item[i];
		undecided = undecided || (holder->vm && holder->has == KNOWN_UNKNOWN);
		if (holder->container)
			used_by_container(report, check, gpu, holder);
		else if (holder->has == KNOWN_YES && holder->vm != report->vm)
			used_by_vm(report, check, gpu, holder);
		else
			continue;
		used = true;
	}
	if (used)
		return;
	const char *why =
			facts->vms_known != KNOWN_YES ? "The VMs of this node could not be read."
			: facts->containers_known != KNOWN_YES
					? "The containers of this node could not be read."
			: may_be_in_container(facts)
					? "A container has a GPU by its driver, and which driver has this one is not known."
			: undecided ? "A VM may have it, but whether it has it now is not known."
				    : NULL;
	struct finding *finding = report_add(report, check, why ? STATUS_UNKNOWN : STATUS_OK,
			subject_device(gpu), "%s",
			why ? why : "No container and no other running VM uses it.");
	finding->unread = may_be_in_container(facts);
}

void check_gpu_in_use(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_VIRTUAL, judge_in_use);
}
