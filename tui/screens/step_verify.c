/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tui/screens/steps.h"

/* Step 7: does it work? */

static const struct key keys[] = {{REVIEW_KEY, "v", "review"}, {'r', "r", "reread"},
		{'b', "b", "back"}, {'?', "?", "why"}, {'1', "1-7", "step"}, {'q', "q", "quit"},
		{0}};

/* By what the VM's name, tags and installation medium say. */
static bool is_talos(const struct vm *vm)
{
	const char *const told[] = {vm->name, vm_get(vm, "tags"), vm_get(vm, "ide2")};
	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		if (told[i] && strcasestr(told[i], "talos"))
			return true;
	return false;
}

/* The GPU that goes to the VM, of several the first. */
static const struct pci_device *gpu_of(const struct report *report, const struct vm *vm)
{
	for (size_t i = 0; i < report->parts.n; i++) {
		const struct report *part = report->parts.item[i];
		if (part->vm == vm && part->gpu)
			return part->gpu;
	}
	return NULL;
}

static void talos_rows(struct rows *rows, const struct vm *vm)
{
	(void)rows_add(rows, ROW_TEXT, arena_printf(rows->arena, "qm terminal %u", vm->vmid));
	(void)rows_add(rows, ROW_TEXT, "kubectl get nodes -l nvidia.com/gpu.present=true");
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena, "kubectl describe node %s | grep nvidia.com/gpu",
					vm->name));
	(void)rows_add(rows, ROW_TEXT,
			"Talos needs the NVIDIA extensions, Kubernetes the GPU operator or its device plugin.");
}

static void windows_rows(struct rows *rows, const struct vm *vm)
{
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena,
					"VM %u is Windows: install the vendor's driver, then look into the Device Manager.",
					vm->vmid));
	(void)rows_add(rows, ROW_TEXT,
			"Code 43: an NVIDIA driver before 465 hides from VMs, a newer one does not; else the card was not reset, or its ROM is not its own (?, doctor).");
	(void)rows_add(rows, ROW_TEXT,
			"Sound that crackles: message-signaled interrupts (MSI) are off for the card's audio.");
}

static void linux_rows(struct rows *rows, const struct vm *vm, const struct pci_device *gpu)
{
	const char *tool = !gpu                    ? "lspci -nnk"
			   : gpu->vendor == 0x10de ? "nvidia-smi"
			   : gpu->vendor == 0x1002 ? "rocm-smi"
						   : "ls -l /dev/dri";
	(void)rows_add(rows, ROW_TEXT,
			arena_printf(rows->arena, "In VM %u %s: lspci -nnk; %s", vm->vmid, vm->name,
					tool));
	(void)rows_add(rows, ROW_TEXT,
			"Without a driver there: dmesg says why. A worker of Kubernetes needs the GPU operator or its device plugin.");
}

static void verify_rows(struct wizard *wizard, struct rows *rows)
{
	const struct report *report = wizard->report;
	(void)rows_add(rows, ROW_HEADING, "Does it work?");
	if (!parts_are_chosen(report)) {
		(void)rows_add(rows, ROW_TEXT, "Choose a GPU (step 4) and a VM (step 5) first.");
		return;
	}
	rows_add_findings(rows, report, STEP_VERIFY, NULL, true);
	(void)rows_add(rows, ROW_TEXT, "");
	(void)rows_add(rows, ROW_HEADING, "Then, in the guest and the cluster");
	const struct list vms = parts_vms(rows->arena, report);
	for (size_t i = 0; i < vms.n; i++) {
		const struct vm *vm = vms.item[i];
		if (vm_is_windows(vm))
			windows_rows(rows, vm);
		else if (is_talos(vm))
			talos_rows(rows, vm);
		else
			linux_rows(rows, vm, gpu_of(report, vm));
	}
}

static struct step_state verify_state(const struct wizard *wizard)
{
	const struct report *report = wizard->report;
	if (!parts_are_chosen(report))
		return (struct step_state){.stand = STAND_WAIT};
	bool all = true;
	bool attached = false;
	bool missing = false; /* one of several GPUs */
	struct finding_query hostpci = {.check = "attach.hostpci"};
	struct finding_query verify = {.steps = 1U << STEP_VERIFY};
	const struct finding *finding;
	while ((finding = report_next(report, &hostpci))) {
		attached = attached || finding->status == STATUS_OK;
		missing = missing || finding->status == STATUS_FAIL;
	}
	attached = attached && !missing;
	/* What only the guest can tell stays unknown here and is no work left to do. */
	while ((finding = report_next(report, &verify)))
		all = all && finding->status != STATUS_FAIL && !finding_is_planned(finding);
	return (struct step_state){.stand = !attached ? STAND_WAIT : all ? STAND_OK : STAND_TO_DO};
}

const struct wizard_step step_verify = {.name = "Verify",
		.step = STEP_VERIFY,
		.rows = verify_rows,
		.state = verify_state,
		.keys = keys};
