/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_DOCTOR_INTERNAL_H
#define PVEGPU_CORE_DOCTOR_INTERNAL_H

#include <stdbool.h>

#include "pvegpu/doctor/symptoms.h"

/* One family of the catalogue, as a file of its own; each ends with a row without an id. */
extern const struct symptom symptoms_pve[];
extern const struct symptom symptoms_pve_api[];
extern const struct symptom symptoms_qemu[];
extern const struct symptom symptoms_vfio[];
extern const struct symptom symptoms_iommu[];
extern const struct symptom symptoms_bar[];
extern const struct symptom symptoms_reset[];
extern const struct symptom symptoms_host[];
extern const struct symptom symptoms_drivers[];
extern const struct symptom symptoms_nvidia[];
extern const struct symptom symptoms_talos[];
extern const struct symptom symptoms_kubernetes[];

/* What many rows say of how to see that it worked. */
#define CONFIRM_START   "Start the VM again: its task ends with TASK OK."
#define CONFIRM_BOOT    "After the reboot the line is gone from journalctl -b -k."
#define CONFIRM_GROUPS  "After the reboot /sys/kernel/iommu_groups is not empty."
#define CONFIRM_BOUND   "lspci -nnk -s ADDRESS says: Kernel driver in use: vfio-pci."
#define CONFIRM_RESTART "Stop and start the VM twice: the second start works as well."
#define CONFIRM_SMI     "In the guest nvidia-smi lists the GPU."
#define CONFIRM_NODE    "kubectl describe node shows nvidia.com/gpu among Allocatable."
#define CONFIRM_POD     "kubectl get pods -A shows the GPU operator's pods as Running."

#endif
