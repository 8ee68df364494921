/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/modules_list.h"

/* How the card is reset between two starts of a VM, and whether that is known to work. */

/* AMD's cards that a bus reset is known to leave dead until the host is powered off and on; the
 * module vendor-reset knows them (its device-db.h: Polaris to Navi 14). */
static const struct {
	unsigned first, last; /* device ids */
	const char *name;
} reset_faults[] = {
		{0x66a0, 0x66af, "Vega 20"},
		{0x67c0, 0x67df, "Polaris 10"},
		{0x67e0, 0x67ff, "Polaris 11"},
		{0x6860, 0x687f, "Vega 10"},
		{0x6980, 0x699f, "Polaris 12"},
		{0x6fdf, 0x6fdf, "Polaris 20"},
		{0x7310, 0x731f, "Navi 10"},
		{0x7340, 0x734f, "Navi 14"},
		{0x7360, 0x7362, "Navi 12"},
};

/* The name of its family, when a card has that fault; or NULL. */
static const char *reset_fault(const struct pci_device *gpu)
{
	for (size_t i = 0; i < sizeof reset_faults / sizeof *reset_faults; i++)
		if (gpu->vendor == 0x1002 && gpu->device >= reset_faults[i].first &&
				gpu->device <= reset_faults[i].last)
			return reset_faults[i].name;
	return NULL;
}

/* What is known of newer families, whatever reset the kernel has for them: reports of their owners
 * (github.com/NVIDIA/open-gpu-kernel-modules 853, gnif/vendor-reset 97 and 107). */
static const struct {
	unsigned vendor, first, last;
	const char *text;
} family_notes[] = {
		{0x10de, 0x2b80, 0x2fff,
				"Blackwell: some have hung the host when they were reset after a VM's stop; current firmware of the card and a current kernel help. The guest needs NVIDIA's open kernel modules."},
		{0x1002, 0x7440, 0x749f,
				"RDNA 3: on some boards it starts once and then not again, and vendor-reset does not know it."},
		{0x1002, 0x7550, 0x759f,
				"RDNA 4: on some boards it starts once and then not again, and vendor-reset does not know it."},
};

static const char *family_note(const struct pci_device *gpu)
{
	for (size_t i = 0; i < sizeof family_notes / sizeof *family_notes; i++)
		if (gpu->vendor == family_notes[i].vendor && gpu->device >= family_notes[i].first &&
				gpu->device <= family_notes[i].last)
			return family_notes[i].text;
	return NULL;
}

static bool has_vendor_reset(const struct facts *facts)
{
	return modules_list_has(&facts->modules_loaded, "vendor_reset");
}

/* The kernel itself has none of its own for AMD's cards: it is the module's where there is one. */
static bool resets_itself(const char *method, const char *fault)
{
	static const char *const own[] = {"device_specific", "flr", "acpi", "pm"};
	bool found = strstr(method, own[0]) != NULL;
	for (size_t i = 1; !fault && i < sizeof own / sizeof *own; i++)
		found = found || strstr(method, own[i]);
	return found;
}

static const char *describe_reset(
		const struct report *report, const struct pci_device *gpu, const char *fault)
{
	const char *method = gpu->reset_method;
	if (resets_itself(method, fault))
		return arena_printf(report->arena, "It can be reset by itself (%s).", method);
	if (fault)
		return arena_printf(report->arena,
				"%s: %s is known to leave such a card dead for the next start%s.",
				fault, *method ? "the kernel's own reset of it" : "a start",
				has_vendor_reset(report->facts)
						? "; vendor-reset is loaded, but the kernel does not use it for this card"
						: "; the module vendor-reset can reset it");
	return *method ? arena_printf(report->arena, "It is reset with its whole bus (%s).", method)
		       : "The kernel knows no way to reset it: it may work once and not again.";
}

static void judge_reset(struct report *report, const struct check *check, struct pci_device *gpu)
{
	const char *method = gpu->reset_method;
	if (!method) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"What resets it is not recorded.");
		return;
	}
	const char *fault = reset_fault(gpu);
	bool itself = resets_itself(method, fault);
	const char *path = arena_printf(
			report->arena, "/sys/bus/pci/devices/%s/reset_method", gpu->name);
	const char *note = family_note(gpu);
	struct finding *finding = report_add(report, check,
			itself && !note     ? STATUS_OK
			: itself            ? STATUS_INFO
			: fault || !*method ? STATUS_WARN
					    : STATUS_INFO,
			subject_device(gpu), "%s%s%s", describe_reset(report, gpu, fault),
			note ? " " : "", note ? note : "");
	finding_evidence(report, finding, path, "%s", *method ? method : "(empty)");
	if (!itself && fault && has_vendor_reset(report->facts))
		finding_fix(report, finding, FIX_BY_HAND, "echo device_specific >%s", path);
	else if (!itself && fault)
		finding_fix(report, finding, FIX_BY_HAND,
				"install the module vendor-reset (DKMS), name it in /etc/modules, and reboot");
}

/* The module is loaded, and none of this host's GPUs is one of those that it is for. */
static void judge_vendor_reset(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (!has_vendor_reset(facts))
		return;
	for (size_t i = 0; i < facts->devices.n; i++)
		if (reset_fault(facts->devices.item[i]))
			return;
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_host(),
			"The module vendor-reset is loaded. It is for AMD's cards from Polaris (RX "
			"400) to Navi 14 (RX 5500), not for the GPUs of processors: this host has "
			"none of these.");
	finding_evidence(report, finding, "/proc/modules", "vendor_reset");
}

void check_gpu_reset(struct report *report, const struct check *check)
{
	for_each_gpu(report, check, GPUS_GIVEN, judge_reset);
	judge_vendor_reset(report, check);
}
