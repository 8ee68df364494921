/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/formats/upid.h"

bool vm_is_to_start(const struct report *report)
{
	/* A start is for the GPU: without it the VM is none of our business. */
	return report->vm && report->vm->running == KNOWN_NO && report->decided[CHOOSE_START] &&
	       report->gpu && (report->decided[CHOOSE_ATTACH] || gpu_attached(report));
}

void check_vm_started(struct report *report, const struct check *check)
{
	const struct vm *vm = report->vm;
	if (!vm || !report->gpu)
		return;
	struct subject subject = subject_vm(vm);
	bool attached = gpu_attached(report);
	if (vm->running == KNOWN_YES && attached) {
		(void)report_add(report, check, STATUS_OK, subject, "%u %s runs with the GPU.",
				vm->vmid, vm->name);
		return;
	}
	if (vm->running == KNOWN_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject,
				"Whether it runs is not recorded.");
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_INFO, subject, "%s",
			vm->running == KNOWN_YES ? "It runs without the GPU."
			: attached               ? "It has the GPU and is stopped."
						 : "It is started when the GPU is attached.");
	finding_fix(report, finding, planned_if(vm_is_to_start(report)), "start it");
}

/* Those of the card that the VM has: a line may leave its audio with the host. */
static struct list attached_functions(const struct report *report)
{
	struct list attached = {0};
	for (size_t i = 0; i < report->card.n; i++)
		if (hostpci_with(report, report->vm, report->card.item[i]))
			list_add(report->arena, &attached, report->card.item[i]);
	return attached;
}

void check_vfio_bound(struct report *report, const struct check *check)
{
	const struct pci_device *gpu = report->gpu;
	if (!gpu || !report->vm)
		return;
	if (!gpu_attached(report) || report->vm->running != KNOWN_YES) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_device(gpu),
				"Seen while the VM runs with the GPU.");
		return;
	}
	struct list slot = attached_functions(report);
	size_t bound = 0; /* the functions before the first that is not on vfio-pci */
	while (bound < slot.n && device_on_vfio(slot.item[bound]))
		bound++;
	struct finding *finding = NULL;
	if (bound < slot.n) {
		const struct pci_device *unbound = slot.item[bound];
		finding = report_add(report, check, STATUS_FAIL, subject_device(gpu),
				"%s is not on vfio-pci but on %s.", unbound->name,
				unbound->driver ? unbound->driver : "no driver");
	} else {
		finding = report_add(report, check, STATUS_OK, subject_device(gpu),
				"All %zu functions are on vfio-pci.", slot.n);
	}
	for (size_t i = 0; i < slot.n; i++) {
		const struct pci_device *function = slot.item[i];
		finding_evidence(report, finding, "/sys/bus/pci/devices", "%s driver: %s",
				function->name, facts_driver(report->facts, function));
	}
}

void check_task_log(struct report *report, const struct check *check)
{
	const struct vm *vm = report->vm;
	if (!vm || !report->gpu)
		return;
	struct subject subject = subject_vm(vm);
	const struct task *last = NULL;
	for (size_t i = 0; i < report->facts->tasks.n; i++) {
		const struct task *task = report->facts->tasks.item[i];
		if (task->vmid == vm->vmid)
			last = task;
	}
	if (report->facts->tasks_known != KNOWN_YES || !last) {
		bool known = report->facts->tasks_known == KNOWN_YES;
		(void)report_add(report, check, known ? STATUS_INFO : STATUS_UNKNOWN, subject,
				known ? "It was not started yet, as far as the task list goes."
				      : "The list of tasks could not be read.");
		return;
	}
	bool fine = strcmp(last->status, "OK") == 0 || strncmp(last->status, "WARNINGS", 8) == 0;
	struct finding *finding = report_add(report, check, fine ? STATUS_OK : STATUS_FAIL, subject,
			"Its last start ended with: %s", last->status);
	const char *path = upid_log_path(report->arena, last->upid);
	finding_evidence(report, finding, path ? path : "/var/log/pve/tasks", "%s", last->status);
	if (!fine)
		finding_fix(report, finding, FIX_BY_HAND,
				"read that log: the line before TASK ERROR says why");
}

/* What only the guest or the cluster can tell is unknown from here. */
void check_inside(struct report *report, const struct check *check)
{
	/* Of a Windows guest none of them is asked. */
	if (report->vm && report->gpu && !vm_is_windows(report->vm))
		(void)report_add(report, check, STATUS_UNKNOWN, subject_vm(report->vm),
				"The host cannot see into the guest; step 7 has the commands that tell.");
}
