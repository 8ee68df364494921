/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_CHECKS_QUESTIONS_H
#define PVEGPU_CORE_CHECKS_QUESTIONS_H

#include "pvegpu/base/index.h"
#include "pvegpu/checks/check.h"
#include "pvegpu/formats/cpu_list.h"
#include "pvegpu/formats/modprobe_conf.h"

/*
 * What check functions are made of, and the questions on facts and goal that several of them, and
 * the planner's remedies and rules, ask.
 */

/* For the check functions: add a finding, then what it rests on. */
struct finding *report_add(struct report *report, const struct check *check, enum status status,
		struct subject about, const char *format, ...)
		__attribute__((format(printf, 5, 6)));
void finding_evidence(struct report *report, struct finding *finding, const char *source,
		const char *format, ...) __attribute__((format(printf, 4, 5)));
void finding_fix(struct report *report, struct finding *finding, enum fix_way way,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

static inline enum fix_way planned_if(bool planned)
{
	return planned ? FIX_BY_PLAN : FIX_BY_HAND;
}

/* Put findings that were added after the others, from number `first` on, to those of their check.
 */
void report_settle(struct report *report, size_t first);

/* Of a goal with several parts: the findings of all on the whole, each once. To be called again
 * when a part has got more. */
void report_join(struct report *whole);
/* The part of the goal whose card the device is of, or NULL; the report itself, another, or any. */
const struct report *part_with(const struct report *report, const struct pci_device *device);
/* The same, where the part takes it from the host: of a vGPU it does not. */
const struct report *part_takes(const struct report *report, const struct pci_device *device);
/* Each is asked for a part of one GPU, or of one of a pool, for a guest of its own: vGPUs. */
bool parts_share(const struct report *part, const struct report *other);
/* The part gives its GPU to its VM, or that has it already. */
bool part_gives(const struct report *part);
/* The devices that a VM has for itself at its next start, of struct pci_device: of its lines and of
 * the goal, less what the goal gives to another. A vGPU is none. */
struct list devices_next(const struct report *report, const struct vm *vm);

/* rests.c: what could not be read. After a check ran: its findings, from number `first` on, that
 * rest on something unread become unknown, with the reason, and plan nothing. */
void doubt_findings(struct report *report, const struct check *check, size_t first);
/* What comes after this finding in a plan is left out: what it would do, or whether it may be done
 * at all, is not known. */
bool unread_holds(const struct report *report, const struct finding *finding);
/* A finding that a plan's calls are not made without (finding->unread is set). */
bool unread_guards(const struct report *report, const struct finding *finding);
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
	bool mdev;                       /* it is for mediated devices, of one that is new */
	const struct pci_device *device; /* of the goal, or NULL */
	const char *why;                 /* it cannot be made so; or NULL */
};
/* conflict.c: the lines of another VM, of struct vm_hostpci, that are to be taken out of it because
 * the goal moves what they give; none where it does not, or where it cannot, and why not. */
struct list lines_to_move(
		const struct report *report, const struct vm *other, const char **ret_why);

/* vm.c: MiB, of the value of `memory`; 0 when it is not a number. */
unsigned long memory_of(struct arena *arena, const char *value);

/* settings.c: a setting of the goal's VM as it will be: as chosen, or else as it is; NULL: not set.
 */
const char *setting_of(const struct report *report, const char *key);
/* It is chosen, and another than it is. */
bool setting_differs(const struct report *report, const struct goal_choice *choice);

/* width.c: the width of addresses by which OVMF places windows; 0: the default, which it does not
 * believe (OvmfPkg/Library/PlatformInitLib/MemDetect.c, PlatformAddressWidthFromCpuid). */
int width_of_guest(const struct report *report, const struct vm *vm);

/* attach.c: a line of the goal's VM as it is at the next start: what waits in PENDING for it, or
 * itself. */
const struct vm_hostpci *line_at_start(const struct report *report, const struct vm_hostpci *entry);

/* cpus.c: before the checks, part by part. */
void choose_cpus(struct report *report);
/* A thread that is not in the list, of a core that is; NULL: there is none. */
const struct cpu *cpus_split_core(const struct report *report, const struct cpu_list *list);

/* give_back.c: the hookscript of ours for the goal's VM: as the VM names it, where it lies (NULL:
 * no storage of this node could hold it), and what it says. */
const char *hook_value(const struct report *report);
const char *hook_path(const struct report *report);
char *hook_text(const struct report *report);

/* kernel.c: the kernel that is to be pinned; NULL: none is. The one that boots next, with that in
 * mind; NULL: not known. */
extern const char kernel_pin_snippet[]; /* where GRUB boots without proxmox-boot-tool */
const char *kernel_to_pin(const struct report *report);
const char *kernel_to_boot(const struct report *report);

/* vgpu.c: the type of vGPU that a line is to have, which is as chosen or else as it is; NULL: none.
 */
const char *mdev_of_line(const struct report *report, const struct vm_hostpci *line);
/* After the choices of all: of a vGPU the card is the GPU alone, and stays with its driver. */
void choose_vgpu(struct report *report);
/* The card's names for lines and mappings, as facts_card_names() has them; of a vGPU the device. */
struct list names_of_card(const struct report *report, bool functions, struct arena *arena);

/* rom.c: the ROM file that a line is to have, which is as chosen or else as it is; of a new line
 * (NULL) as chosen. NULL: none. */
const char *rom_of_line(const struct report *report, const struct vm_hostpci *line);
/* The firmware has it in a table (VFCT), and the card shows none, or one that it ran already. */
bool rom_is_in_table(const struct pci_device *gpu);
/* The name that the card's own ROM is to be saved by; NULL: it is not to be, or is already. */
const char *rom_to_save(const struct report *report);

/* pool.c: the pool that a part of the goal names, and the GPU of it that is judged. */
int find_pool(struct report *part, struct error *err);
/* A device of it is left for the VM, whatever other guests that run, and the goal, take. */
bool pool_has_room(const struct report *report);
/* The line of another guest is of the pool, and it has room for both. */
bool pool_gives(const struct report *report, const struct vm_hostpci *entry);
/* Why no VM can be given a device of it, or NULL. */
const char *pool_fault(const struct report *report);
/* For each other device that the VM could get, of struct report: the part as if that was chosen, to
 * be judged. */
struct list pool_others(const struct report *report);
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

/* What is chosen and what is so already, before the checks run: parameters (boot_params.c), the
 * rows of the table of choices, which the row decides (report.c), and what only a mapping, or
 * another part of the goal, tells (attach.c, vfio.c). */
void choose_params(struct report *report);
/* What the next boot's command line will be is known. */
bool is_configured_known(const struct facts *facts);
/* How a kernel was built; NULL where that is not on record. */
const struct kernel_config *config_of(const struct facts *facts, const char *kernel);
/* Whether the kernel that runs and the next one ignore a video= word: unknown where they differ.
 * `ret_by_version`: told by the kernel's version alone. */
enum known is_video_ignored(const struct facts *facts, const char *word, bool *ret_by_version);
void choose_all(struct report *report);
void find_line(struct report *report); /* the VM's line for the GPU, before all of these */
void choose_attach(struct report *report);
void choose_vfio(struct report *report);

/* Shared questions. */
/* The line goes on to name its device as it does, by address or by its mapping. */
bool line_keeps_name(const struct report *report, const struct vm_hostpci *entry);
/* The GPU reaches the VM only by a stop: no line gives it, or that of a pool, of which the VM may
 * have got another device, and which is to name the GPU itself. */
bool gpu_needs_stop(const struct report *report);
bool gpu_attached(const struct report *report); /* the goal's GPU is in the goal's VM's config */
/* The hostpci entry of a VM that holds the device, by its address or by a mapping that names it,
 * or NULL. */
const struct vm_hostpci *hostpci_with(
		const struct report *report, const struct vm *vm, const struct pci_device *device);
/* It is not, or with other options than are chosen. */
bool attach_needs_change(const struct report *report);
/* The goal's VM is stopped, and is to be started with the GPU. */
bool vm_is_to_start(const struct report *report);
const char *device_text(struct arena *arena, const struct pci_device *device);
/* The command line has an ACS override with a word the kernel patch knows. */
bool acs_override_works(const struct strings *words);
/* modprobe.d or the command line tells vfio-pci to take this device at boot. */
bool vfio_takes_at_boot(const struct report *report, const struct pci_device *device);
/* A device of another slot with the same (known) id, or NULL. */
const struct pci_device *twin_of(const struct report *report, const struct pci_device *device);
/* That of one of the GPU's functions: it is then bound by address, at boot. */
const struct pci_device *twin_of_card(const struct report *report);
/* The last line of that kind in the kernel's log that names the device; or NULL. */
const struct log_line *log_of(
		const struct report *report, enum log_kind kind, const struct pci_device *device);
/* The GPU's group holds more than its card and bridges. */
bool group_has_others(const struct report *report, const struct pci_device *gpu);
/* Modules that could take the function before vfio-pci, each once. */
void add_rivals(const struct report *report, const struct pci_device *function,
		struct strings *rivals);
/* Judge each GPU by itself, the goal's always. Of the others virtual functions only where they are
 * more than a part of their physical one, and then what is well is not said of each; a BMC's chip,
 * which no guest gets, only where it is listed or has the console. */
enum gpu_scope { GPUS_GIVEN = 0, GPUS_VIRTUAL = 1, GPUS_BMC = 2 };
typedef void judge_gpu(struct report *report, const struct check *check, struct pci_device *gpu);
void for_each_gpu(struct report *report, const struct check *check, enum gpu_scope scope,
		judge_gpu *judge);
/* The line that sets the attribute of the device at boot, and may be edited; NULL: none. `ret_why`:
 * why that is not told, or NULL. */
const struct kept_attribute *attribute_rule_of(const struct report *report,
		const struct pci_device *device, enum device_attribute attribute,
		const char **ret_why);
/* Rules of udev and sysfs.conf that touch the device, as evidence. */
void add_rules(struct report *report, struct finding *finding, const struct pci_device *device);
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
/* Words of the file that has no effect because another loader boots this machine, which the file
 * that has effect lacks; and the path of that file. */
struct strings idle_words(const struct report *report, const char **ret_path);
/* Words that the running kernel or a boot entry still has and the boot loader's file dropped. */
struct strings stale_words(const struct report *report);
/* fallback.c: the entry in custom.cfg that boots without what is planned. */
#define FALLBACK_BEGIN "### BEGIN pvegpu: the host as it was ###\n"
#define FALLBACK_END   "### END pvegpu ###\n"
#define FALLBACK_WORD  "module_blacklist=vfio_pci"
/* This boot is from the entry that leaves vfio-pci out. */
bool booted_by_fallback(const struct report *report);
/* The file in which parameters are added: our own of grub.d, or the boot loader's; or NULL. */
const char *edited_file(const struct report *report);
/* /etc/default/grub and /etc/default/grub.d (boot_file.c): the value that is edited, and what is
 * appended to by /etc/grub.d/10_linux beside it. */
#define GRUB_DEFAULT_NAME "GRUB_CMDLINE_LINUX_DEFAULT"
#define GRUB_LINUX_NAME   "GRUB_CMDLINE_LINUX"
/* Our own file in grub.d, when there is one and nobody edited it; NULL. */
const struct grub_file *find_snippet(const struct facts *facts);
/* Where it is, or would be, so that it is sourced after all that set the value; NULL: no place. */
const char *snippet_path(const struct report *report);
/* Why the value is left alone in /etc/default/grub and a file of our own is used; NULL: in place.
 */
const char *why_not_in_place(const struct report *report);
bool grub_file_sets(const struct grub_file *file, const char *name);
/* Words to put in and to take out. */
struct edits {
	struct strings add, remove;
};
struct edits list_edits(const struct report *report, struct arena *arena);

/* vfio.c: what modprobe.d gives vfio-pci by id now, with the line; NULL when nothing. */
const char *configured_ids(const struct report *report, const struct modprobe_entry **ret_entry);
bool ids_have(const char *ids, const struct pci_device *device);
/* Modules that are to be loaded at boot and are not listed. */
struct strings missing_modules(const struct report *report);

/* leftovers.c: what has no use in a modprobe file. */
struct leftover {
	const struct modprobe_entry *entry;
	const char *word; /* of the command; NULL: all of it */
	const char *why;
	bool goes; /* the goal is to take it out */
};
/* Of struct leftover, in the order of the files' lines. */
struct list find_leftovers(const struct report *report);
/* The tool that makes this file as a whole, or NULL. */
const char *tool_of(const char *path);

/* gpu.c: those that the host may need, without it being known: disk controllers, and the USB
 * controllers a disk may hang on, while storage cannot be traced; network functions, and USB ones,
 * while links are unknown. */
struct list find_doubtful(const struct report *report, const struct list *taken);
/* conflict.c: what a start with a line takes from the host, by itself or with its groups. */
struct taking {
	const struct vm *vm; /* of list_takings_at_boot() */
	const struct vm_hostpci *entry;
	struct list devices; /* of struct pci_device: what the host lives on */
	bool by_chance;      /* at boot, of a pool: with another of its devices nothing is lost */
	bool doubtful;       /* what it takes may be what the host uses */
	bool untold;         /* it may be more: the groups, or what the host uses, are not known */
};
struct taking judge_taking(
		const struct report *report, const struct vm_hostpci *entry, struct arena *arena);
/* Of struct taking: the lines of VMs that start at boot that take something, or may. */
struct list list_takings_at_boot(const struct report *report, struct arena *arena);
/* Another of these lines of a VM that names the device for certain, or NULL. */
const struct vm_hostpci *named_beside(const struct list *lines, const struct vm_hostpci *entry,
		const struct pci_device *device);
/* An attached GPU has another pcie= or x-vga= than is asked for, or is to be named
 * another way. */
bool options_differ(const struct report *report, const struct vm_hostpci *entry);
/* The entry of these that holds the device, or NULL. */
const struct vm_hostpci *entry_with(const struct report *report, const struct list *entries,
		const struct pci_device *device);

void check_pve_version(struct report *report, const struct check *check);
void check_cpu_virtualization(struct report *report, const struct check *check);
void check_iommu_firmware(struct report *report, const struct check *check);
void check_boot_loader(struct report *report, const struct check *check);
void check_iommu_active(struct report *report, const struct check *check);
void check_iommu_cmdline(struct report *report, const struct check *check);
void check_cmdline_pending(struct report *report, const struct check *check);
void check_cmdline_obsolete(struct report *report, const struct check *check);
void check_cmdline_conflict(struct report *report, const struct check *check);
void check_cmdline_syntax(struct report *report, const struct check *check);
void check_acs_override(struct report *report, const struct check *check);
void check_framebuffer(struct report *report, const struct check *check);
void check_vfio_modules(struct report *report, const struct check *check);
void check_modules_obsolete(struct report *report, const struct check *check);
void check_vfio_binding(struct report *report, const struct check *check);
void check_host_driver(struct report *report, const struct check *check);
void check_ids_overreach(struct report *report, const struct check *check);
void check_unsafe_interrupts(struct report *report, const struct check *check);
void check_gpu_present(struct report *report, const struct check *check);
void check_same_card(struct report *report, const struct check *check);
void check_nvswitch(struct report *report, const struct check *check);
void check_only_gpu(struct report *report, const struct check *check);
void check_boot_vga(struct report *report, const struct check *check);
void check_group_isolated(struct report *report, const struct check *check);
void check_group_host_critical(struct report *report, const struct check *check);
void check_gpu_functions(struct report *report, const struct check *check);
void check_gpu_identical(struct report *report, const struct check *check);
void check_vm_exists(struct report *report, const struct check *check);
void check_vm_template(struct report *report, const struct check *check);
void check_vm_locked(struct report *report, const struct check *check);
void check_vm_running(struct report *report, const struct check *check);
void check_vm_machine(struct report *report, const struct check *check);
void check_vm_cpu(struct report *report, const struct check *check);
void check_vm_tablet(struct report *report, const struct check *check);
void check_vm_args(struct report *report, const struct check *check);
void check_vm_syntax(struct report *report, const struct check *check);
void check_attach_hostpci(struct report *report, const struct check *check);
void check_hostpci_invalid(struct report *report, const struct check *check);
void check_attach_conflict(struct report *report, const struct check *check);
void check_device_missing(struct report *report, const struct check *check);
void check_attach_mdev(struct report *report, const struct check *check);
void check_romfile(struct report *report, const struct check *check);
void check_vm_started(struct report *report, const struct check *check);
void check_vfio_bound(struct report *report, const struct check *check);
void check_quorum(struct report *report, const struct check *check);
void check_modprobe_conflict(struct report *report, const struct check *check);
void check_onboot_conflict(struct report *report, const struct check *check);
void check_vm_pinning(struct report *report, const struct check *check);
void check_vm_settings(struct report *report, const struct check *check);
void check_inside(struct report *report, const struct check *check);
void check_kernel_pinned(struct report *report, const struct check *check);
void check_secure_boot(struct report *report, const struct check *check);
void check_interrupt_remapping(struct report *report, const struct check *check);
void check_above_4g(struct report *report, const struct check *check);
void check_gpu_reset(struct report *report, const struct check *check);
void check_gpu_sriov(struct report *report, const struct check *check);
void check_gpu_vf_drivers(struct report *report, const struct check *check);
void check_gpu_power(struct report *report, const struct check *check);
void check_gpu_bar_size(struct report *report, const struct check *check);
void check_address_width(struct report *report, const struct check *check);
void check_vm_large_gpu(struct report *report, const struct check *check);
void check_give_back(struct report *report, const struct check *check);
void check_vm_ha(struct report *report, const struct check *check);
void check_vm_bios(struct report *report, const struct check *check);
void check_vm_efidisk(struct report *report, const struct check *check);
void check_vm_memory(struct report *report, const struct check *check);
void check_vm_balloon(struct report *report, const struct check *check);
void check_vm_display(struct report *report, const struct check *check);
void check_vm_snapshots(struct report *report, const struct check *check);
void check_task_log(struct report *report, const struct check *check);
void check_fallback_entry(struct report *report, const struct check *check);
void check_leftovers(struct report *report, const struct check *check);
void check_mapping_drift(struct report *report, const struct check *check);
void check_mapping(struct report *report, const struct check *check);
void check_token_raw(struct report *report, const struct check *check);
void check_api(struct report *report, const struct check *check);
void check_rights(struct report *report, const struct check *check);
void check_initramfs_stale(struct report *report, const struct check *check);
void check_kernel_next(struct report *report, const struct check *check);
void check_esp_sync(struct report *report, const struct check *check);
void check_gpu_in_use(struct report *report, const struct check *check);
void check_gpu_bar(struct report *report, const struct check *check);
void check_gpu_rom(struct report *report, const struct check *check);

#endif
