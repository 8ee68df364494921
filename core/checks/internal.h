/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_CHECKS_INTERNAL_H
#define PVEGPU_CORE_CHECKS_INTERNAL_H

#include "pvegpu/base/index.h"
#include "pvegpu/checks/check.h"

/* For the check functions: add a finding, then what it rests on. */
struct finding *report_add(struct report *report, const struct check *check, enum status status,
		const char *subject, const char *format, ...) __attribute__((format(printf, 5, 6)));
void finding_evidence(struct report *report, struct finding *finding, const char *source,
		const char *format, ...) __attribute__((format(printf, 4, 5)));
void finding_fix(struct report *report, struct finding *finding, bool automatic, const char *format,
		...) __attribute__((format(printf, 4, 5)));

/* rests.c: what could not be read. After a check ran: its findings, from number `first` on, that
 * rest on something unread become unknown, with the reason, and plan nothing. */
void doubt_findings(struct report *report, const struct check *check, size_t first);
/* What comes after this finding in a plan is left out: what it would do, or whether it may be done
 * at all, is not known. */
bool unread_holds(const struct report *report, const struct finding *finding);
/* A plan is refused while what guards it is unread. */
void refuse_unread(const struct report *report, struct plan *plan);
/* An error when what a goal names ("a VM 106") may be there all the same, hidden by what could not
 * be read; 0 when not. `vmid` 0: a GPU. */
int tell_hidden(const struct facts *facts, const char *what, unsigned vmid, struct error *err);

/* What a PCI mapping is to be like (mapping_edit.c). */
struct mapping_edit {
	char *name;
	const struct pci_mapping *mapping; /* as it is; NULL: there is none */
	struct strings map;                /* its entries, as they will be */
	bool wanted;                       /* the goal's GPU is attached by it */
	bool deleted;
	const struct pci_device *device; /* of the goal, or NULL */
	const char *why;                 /* it cannot be made so; or NULL */
};
/* The edit of a mapping, or NULL. */
struct mapping_edit *find_mapping_edit(const struct report *report, const char *name);
bool mapping_edit_changes(const struct mapping_edit *edit);
/* "node=…,path=…,id=…": an entry for a device. */
char *mapping_entry_text(struct arena *arena, const char *node, const char *path,
		const struct pci_device *device);
/* The mapping names this device of this node, alone or among others, or will when it is mended. */
bool mapping_names(const struct report *report, const char *name, const struct pci_device *device);
/* Why an entry does not describe the device (PVE/Mapping/PCI.pm, assert_valid), or NULL. */
const char *mapping_entry_drift(const struct report *report, const struct pci_mapping_entry *entry,
		const struct pci_device *device);
/* The entry as it should be now, where it can be told which device it was made for; or NULL. */
const char *mapping_mended(struct report *report, const struct pci_mapping_entry *entry);
/* What is wrong with an entry of this node, or NULL; `ret_unknown`: not all could be compared. */
const char *mapping_drift(const struct report *report, const struct pci_mapping *mapping,
		const struct pci_mapping_entry *entry, bool *ret_unknown);
void mend_mappings(struct report *report);
void choose_mappings(struct report *report);

/* power.c: what becomes of the goal's VM, and whether changes of it wait for its next stop. */
enum power choose_power(const struct report *report);
bool power_waits(const struct report *report);
/* The goal changes it (vm.c). */
bool vm_needs_machine(const struct report *report);
bool vm_needs_cpu(const struct report *report);
bool vm_needs_tablet(const struct report *report);
/* [PENDING] takes the key away: after the next start the line is gone. */
bool vm_key_is_removed(const struct vm *vm, const char *key);

/* Fill in advice (boot.c, vfio.c, attach.c), before the checks run. */
void choose_params(struct report *report);
void choose_vfio(struct report *report);
void choose_attach(struct report *report);

/* Shared questions. */
bool gpu_attached(const struct report *report); /* the goal's GPU is in the goal's VM's config */
/* The hostpci entry of a VM that holds the device, by its address or by a mapping that names it,
 * or NULL. */
const struct vm_hostpci *hostpci_with(
		const struct report *report, const struct vm *vm, const struct pci_device *device);
/* It is not, or with other options than are chosen. */
bool attach_needs_change(const struct report *report);
const char *device_text(struct arena *arena, const struct pci_device *device);
/* The command line has an ACS override with a word the kernel patch knows. */
bool acs_override_works(const struct strings *words);
/* modprobe.d or the command line tells vfio-pci to take this device at boot. */
bool vfio_takes_at_boot(const struct report *report, const struct pci_device *device);
/* A device of another slot with the same (known) id, or NULL. */
const struct pci_device *twin_of(const struct report *report, const struct pci_device *device);
/* The GPU's group holds more than its card and bridges. */
bool group_has_others(const struct report *report, const struct pci_device *gpu);
/* "vm/106": the subject of findings on a VM. */
const char *vm_subject(const struct report *report, const struct vm *vm);
/* Judge each display function by itself. */
typedef void judge_gpu(struct report *report, const struct check *check, struct pci_device *gpu);
void for_each_gpu(struct report *report, const struct check *check, judge_gpu *judge);
/* Judge each VM that has a hostpci line, and the goal's. */
typedef void judge_vm(struct report *report, const struct check *check, const struct vm *vm);
void for_each_vm(struct report *report, const struct check *check, judge_vm *judge);
/* Judge each hostpci line of each VM; the number of lines that judge() said something on. */
typedef bool judge_hostpci(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry);
size_t for_each_hostpci(struct report *report, const struct check *check, judge_hostpci *judge);
/* Without the VMs' configurations nothing can be said of them: adds unknown. */
bool vms_unknown(struct report *report, const struct check *check);
/* "No VM does this": known only when every VM could be read. */
void tell_no_vm(struct report *report, const struct check *check, const char *text);
/* The words that the boot loader's files ask for, and those that they may ask for too, under a
 * condition or by code. */
struct strings possible_words(const struct report *report);
/* Add those that are not `known` yet to a list of words, however long both are. */
void add_words(const struct report *report, struct strings *words, struct index *known,
		const struct strings *more);
/* Why the boot loader's file cannot be edited, nor a file of our own made; or NULL. */
const char *why_not_editable(const struct report *report);
/* Words that the running kernel or a boot entry still has and the boot loader's file dropped. */
struct strings stale_words(const struct report *report);
/* This boot is from the entry that leaves vfio-pci out. */
bool booted_by_fallback(const struct report *report);
/* update-initramfs for all kernels. */
void add_initramfs(struct plan *plan, const char *because);
/* The file in which parameters are added: our own of grub.d, or the boot loader's; or NULL. */
const char *edited_file(const struct report *report);
/* The command that makes the boot loader's configuration, and the reboot after it. */
void add_refresh(const struct report *report, struct plan *plan, const char *because);
/* What a reboot of this host costs: the guests it stops. */
char *reboot_cost(const struct report *report);

#define CHECK_FUNCTION(name) void name(struct report *report, const struct check *check)
#define FIX_FUNCTION(name)                                                                         \
	int name(const struct report *report, const struct finding *finding, struct plan *plan,    \
			const struct root *root, struct error *err)

CHECK_FUNCTION(check_pve_version);
CHECK_FUNCTION(check_cpu_virtualization);
CHECK_FUNCTION(check_iommu_firmware);
CHECK_FUNCTION(check_boot_loader);
CHECK_FUNCTION(check_iommu_active);
CHECK_FUNCTION(check_iommu_cmdline);
CHECK_FUNCTION(check_cmdline_pending);
CHECK_FUNCTION(check_cmdline_obsolete);
CHECK_FUNCTION(check_cmdline_conflict);
CHECK_FUNCTION(check_cmdline_syntax);
CHECK_FUNCTION(check_acs_override);
CHECK_FUNCTION(check_framebuffer);
CHECK_FUNCTION(check_vfio_modules);
CHECK_FUNCTION(check_modules_obsolete);
CHECK_FUNCTION(check_vfio_binding);
CHECK_FUNCTION(check_host_driver);
CHECK_FUNCTION(check_ids_overreach);
CHECK_FUNCTION(check_unsafe_interrupts);
CHECK_FUNCTION(check_gpu_present);
CHECK_FUNCTION(check_only_gpu);
CHECK_FUNCTION(check_boot_vga);
CHECK_FUNCTION(check_group_isolated);
CHECK_FUNCTION(check_group_host_critical);
CHECK_FUNCTION(check_gpu_functions);
CHECK_FUNCTION(check_gpu_identical);
CHECK_FUNCTION(check_vm_exists);
CHECK_FUNCTION(check_vm_template);
CHECK_FUNCTION(check_vm_locked);
CHECK_FUNCTION(check_vm_running);
CHECK_FUNCTION(check_vm_machine);
CHECK_FUNCTION(check_vm_cpu);
CHECK_FUNCTION(check_vm_tablet);
CHECK_FUNCTION(check_vm_syntax);
CHECK_FUNCTION(check_attach_hostpci);
CHECK_FUNCTION(check_hostpci_invalid);
CHECK_FUNCTION(check_attach_conflict);
CHECK_FUNCTION(check_device_missing);
CHECK_FUNCTION(check_romfile);
CHECK_FUNCTION(check_vm_started);
CHECK_FUNCTION(check_vfio_bound);
CHECK_FUNCTION(check_quorum);
CHECK_FUNCTION(check_modprobe_conflict);
CHECK_FUNCTION(check_onboot_conflict);
CHECK_FUNCTION(check_vm_pinning);
CHECK_FUNCTION(check_inside);
CHECK_FUNCTION(check_kernel_pinned);
CHECK_FUNCTION(check_secure_boot);
CHECK_FUNCTION(check_interrupt_remapping);
CHECK_FUNCTION(check_above_4g);
CHECK_FUNCTION(check_gpu_reset);
CHECK_FUNCTION(check_gpu_sriov);
CHECK_FUNCTION(check_vm_ha);
CHECK_FUNCTION(check_vm_bios);
CHECK_FUNCTION(check_vm_efidisk);
CHECK_FUNCTION(check_vm_memory);
CHECK_FUNCTION(check_vm_balloon);
CHECK_FUNCTION(check_vm_display);
CHECK_FUNCTION(check_vm_snapshots);
CHECK_FUNCTION(check_task_log);
CHECK_FUNCTION(check_fallback_entry);
CHECK_FUNCTION(check_leftovers);
CHECK_FUNCTION(check_mapping_drift);
CHECK_FUNCTION(check_mapping);
CHECK_FUNCTION(check_token_raw);
CHECK_FUNCTION(check_api);
CHECK_FUNCTION(check_rights);
CHECK_FUNCTION(check_initramfs_stale);
CHECK_FUNCTION(check_kernel_next);
CHECK_FUNCTION(check_esp_sync);
CHECK_FUNCTION(check_gpu_in_use);
CHECK_FUNCTION(check_gpu_bar);
CHECK_FUNCTION(check_gpu_rom);

FIX_FUNCTION(fix_firmware_setup);
FIX_FUNCTION(fix_fallback_entry);
FIX_FUNCTION(fix_leftovers);
FIX_FUNCTION(fix_params);
FIX_FUNCTION(fix_refresh);
FIX_FUNCTION(fix_vfio_modules);
FIX_FUNCTION(fix_modules_obsolete);
FIX_FUNCTION(fix_vfio_binding);
FIX_FUNCTION(fix_vm_running);
FIX_FUNCTION(fix_vm_machine);
FIX_FUNCTION(fix_vm_cpu);
FIX_FUNCTION(fix_vm_tablet);
FIX_FUNCTION(fix_attach_hostpci);
FIX_FUNCTION(fix_vm_started);
FIX_FUNCTION(fix_mapping);

#endif
