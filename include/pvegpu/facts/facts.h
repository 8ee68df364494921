/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_FACTS_H
#define PVEGPU_FACTS_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"
#include "pvegpu/base/root.h"
#include "pvegpu/facts/boot.h"
#include "pvegpu/facts/cluster.h"
#include "pvegpu/facts/guests.h"
#include "pvegpu/facts/host.h"
#include "pvegpu/facts/known.h"
#include "pvegpu/facts/modules.h"
#include "pvegpu/facts/pci.h"
#include "pvegpu/formats/pci_mapping.h"
#include "pvegpu/pve/host.h"

/*
 * What the host is. Plain data, gathered by reading only; nothing is mounted, started or written
 * to learn a fact. All of it belongs to one arena and is freed by facts_free().
 */
struct facts {
	struct arena *arena;
	bool complete; /* false: only what facts_read_first() reads is in */
	char *root_dir;
	enum root_kind root_kind;
	bool all_recorded; /* what is not there was not there (root_is_complete()) */

	char *node;                /* host name, or NULL */
	enum known fabric_manager; /* NVIDIA's is installed on the host; asked where there are
				      NVSwitches */
	enum known vgpu_helper;    /* pve-nvidia-vgpu-helper is installed; asked where vGPUs are
				      offered */
	char *qemu_server_version; /* of that package; or NULL */
	char *qemu_version;        /* of pve-qemu-kvm; or NULL */
	struct list dir_storages;  /* of struct storage */
	const struct storage *snippets; /* the first of them that may hold hookscripts, or NULL */
	enum known storages_known;
	char *pve_version;              /* of the package pve-manager: "8.0.3", or NULL */
	char *kernel;                   /* "6.2.16-3-pve", or NULL */
	int kernel_major, kernel_minor; /* -1 unknown */
	unsigned long booted_at;        /* seconds since the epoch, /proc/stat; 0 unknown */

	enum cpu_vendor cpu_vendor;
	char *cpu_model;  /* or NULL */
	char *cpus;       /* those that are online: "0-15"; or NULL */
	char *numa_nodes; /* NUMA nodes that are online: "0-1"; or NULL */
	char *fast_cpus;  /* of a hybrid processor: those that are no efficiency cores; or NULL */
	struct list cpu_map; /* of struct cpu, by number; empty where it is not told how they belong
			      */
	enum known cpu_virtualization;   /* vmx or svm among the flags */
	char *board_vendor, *board_name; /* DMI, or NULL */
	char *firmware_vendor, *firmware_version, *firmware_date;
	enum known efi;
	enum known iommu_table;         /* ACPI DMAR or IVRS */
	enum known secure_boot;         /* the EFI variable SecureBoot */
	enum known firmware_setup;      /* the firmware can restart into its setup (EFI) */
	enum known interrupt_remapping; /* flag of the DMAR table, or the kernel's log */
	char *interrupt_remapping_source;
	int phys_bits;    /* width of physical addresses, of the processor; 0 unknown */
	int iommu_width;  /* of the addresses that devices use, in the narrowest of Intel's IOMMUs
			     (CAP_REG.MGAW); 0: unknown, or AMD's */
	char *kernel_pin; /* the kernel that is pinned, or NULL */
	char *kernel_pin_file;
	char *root_pool;         /* the ZFS pool of the root filesystem; NULL: it is none */
	char *root_pool_feature; /* that it uses and OpenZFS before 2.4 does not know, as far as
				    /etc/zfs/zpool.cache tells; or NULL */
	char *grub_submenu; /* the id of the root device in GRUB's submenu of kernels; or NULL */
	struct strings kernels_bare; /* of these, without an initramfs there */
	struct strings kernels;      /* installed in /boot, newest first */
	struct list kernel_configs;  /* of struct kernel_config: of the running kernel and of the
					next one, as far as they can be read */
	char *kernel_next;           /* what boots next, as far as that can be told, or NULL */
	enum known log_known;
	enum known iomem_known; /* who sits on which memory (/proc/iomem) */
	char *log_source;
	struct list log;                /* of struct log_line */
	char *initramfs;                /* of the running kernel, or NULL */
	struct strings initramfs_newer; /* its inputs that were changed after it was made */
	struct strings initramfs_inputs;
	enum known initramfs_read;        /* what it holds could be compared with the host */
	struct strings initramfs_differs; /* "/etc/modprobe.d/vfio.conf is not in it" */
	uint64_t memory_kib;              /* MemTotal, 0 unknown */
	uint64_t memory_free_kib;         /* MemAvailable, 0 unknown */
	uint64_t arc_kib; /* what ZFS's cache may give back; 0: nothing, or no ZFS */

	enum boot_loader boot_loader;
	char *boot_loader_source;
	enum known proxmox_boot_tool; /* /etc/kernel/proxmox-boot-uuids has entries */
	char *cmdline_file;           /* the file that makes the next command line, or NULL */
	char *cmdline_running;        /* /proc/cmdline, or NULL */
	struct strings cmdline_words;
	struct text_file grub;
	struct grub_default grub_parsed;
	char *grub_parse_error;       /* file, line, reason; NULL when it parsed */
	struct list grub_files;       /* of struct grub_file: the main one, if it parsed, and those
					 of /etc/default/grub.d, in the order they are sourced */
	struct strings grub_unused;   /* words for the kernel in GRUB's files of a host that
					 systemd-boot boots: they never count */
	char *grub_cut;               /* of a value over several lines what stands after the first
					 one: GRUB takes it for commands; or NULL */
	struct list boot_entries;     /* of struct boot_entry: those of /boot/grub/grub.cfg, the
					 default one first, without the recovery ones */
	struct text_file grub_custom; /* /boot/grub/custom.cfg, and whether 41_custom reads it */
	enum known grub_custom_read;
	struct text_file kernel_cmdline; /* /etc/kernel/cmdline */
	struct list esps;                /* of struct esp: the boot tool's */

	enum known iommu_active;
	char *iommu_source;
	size_t iommu_groups;

	struct list *groups; /* devices by the number of their IOMMU group; NULL: not made */
	size_t n_groups;
	struct list devices;      /* of struct pci_device, by address */
	enum known drivers_known; /* false in a captured tree that records no driver at all */
	enum known uses_known;    /* mounts and routes could be read and traced */
	struct strings untraced;  /* storage in use that could not be traced to a device */

	struct strings modules_loaded; /* /proc/modules and built in */
	enum known modules_known;
	struct list module_files; /* of struct module_file: /etc/modules, modules-load.d */
	struct text_file etc_modules;
	struct list modprobe; /* of struct modprobe_entry, in modprobe's order */
	struct strings modprobe_files;
	struct list device_rules;      /* of struct device_rule: udev's, and of sysfs.conf */
	struct list attribute_rules;   /* of struct kept_attribute */
	struct strings overrides;      /* addresses that our initramfs script gives to vfio-pci */
	struct text_file init_script;  /* that script */
	struct text_file init_modules; /* /etc/initramfs-tools/modules */
	struct strings vfio_modules;   /* with a `vfio_pci:` alias: VFIO's variant drivers */
	enum known virqfd_exists;      /* vfio_virqfd is a module of the running kernel */

	enum known vms_known;
	struct list vms;       /* of struct vm, by vmid */
	enum known roms_known; /* /usr/share/kvm is there */
	struct list rom_files; /* of struct rom_file: those that lines name, and others there that
				  are not QEMU's own */
	enum known clustered;  /* /etc/pve/corosync.conf is there */
	enum known quorate;    /* of a cluster; unknown without one */
	enum known ha_known;
	struct strings ha_vms;     /* "106": managed by the cluster's high availability */
	struct list ha_guests;     /* of struct ha_guest: the same, one for each */
	struct strings node_names; /* of the cluster, this node too; empty: not known */
	enum known containers_known;
	struct list containers;   /* of struct container */
	struct text_file pci_cfg; /* /etc/pve/mapping/pci.cfg */
	struct pci_mapping_file mappings;
	char *mapping_digest;      /* of that file, as the API has it; NULL: there is none */
	enum known mappings_known; /* no: this Proxmox VE has none (7.x) */

	/* Who we are to the API. On the host itself that is root@pam, by pvesh. */
	bool remote; /* read by the API: nothing that only files tell is known */
	char *api;   /* "pve1:8006", or "" */
	char *via;   /* the proxy between, for people; or NULL */
	char *identity;
	bool identity_root;    /* exactly root@pam: no privilege is missing */
	struct list rights;    /* of struct pve_rights, as far as they were asked for */
	struct list roles;     /* of struct pve_role, likewise */
	struct list gaps;      /* of struct gap; of a local host files and directories */
	char *answering;       /* the node that the API's address is, or NULL */
	bool vms_incomplete;   /* one of them or more could not be read whole */
	struct list nodes;     /* of struct cluster_node: the other ones */
	struct list other_vms; /* of struct cluster_vm */
	enum known tasks_known;
	struct list tasks; /* of struct task, oldest first: VM starts that have ended */
};

/* Read what a first screen needs and nothing slow: CPU, firmware, boot, and whether the IOMMU is
 * on. The rest stays unknown, without devices, `complete` false. ERROR_NOT_HOST when there is no
 * PCI bus to speak of. */
int facts_read_first(const struct root *root, struct facts **ret_facts, struct error *err);
/* Read everything. May run in a thread of its own: nothing is shared but the root. */
int facts_read(const struct root *root, struct facts **ret_facts, struct error *err);
void facts_free(struct facts *facts); /* NULL is fine */

/* The same of a host that may be remote. `node` of a remote host NULL: the only one, or the one
 * that answers; ERROR_USAGE names the nodes there are when it is none of them. */
int facts_read_host(struct host *host, bool first, struct facts **ret_facts, struct error *err);
/* Facts that depend on a goal, kept once they are known: what we may do at `path` (nothing is asked
 * where we are root@pam), and the devices of another node. */
int facts_know_rights(struct host *host, struct facts *facts, const char *path, struct error *err);
int facts_know_node(struct host *host, struct facts *facts, const char *name, struct error *err);
/* KNOWN_UNKNOWN when that path was not asked for. */
enum known facts_may(const struct facts *facts, const char *path, const char *privilege);
/* The line that gives us needs[at] (a list of struct pve_need), with what must be looked at before
 * as its comment; as good as what was asked for allows. */
char *facts_grant(const struct facts *facts, struct arena *arena, const struct list *needs,
		size_t at);
/* The same for one privilege. */
char *facts_grant_one(const struct facts *facts, struct arena *arena, const char *path,
		const char *privilege);
/* The other node of that name, or NULL. */
struct cluster_node *facts_node(const struct facts *facts, const char *name);
/* The mapping of that name, or NULL; a name is what it is, letter by letter. */
const struct pci_mapping *facts_mapping(const struct facts *facts, const char *name);
/* What Proxmox VE may take by it on this node, of struct list: for each entry the functions of
 * struct pci_device that it names, as a start would find them now. */
struct list facts_mapping_offers(
		const struct facts *facts, const struct pci_mapping *mapping, struct arena *arena);
/* The entry of a mapping is of the node that was read; false where its name is not known. */
bool facts_is_here(const struct facts *facts, const struct pci_mapping_entry *entry);

/* The device at an address, or NULL; and the functions of its slot. */
struct pci_device *facts_device(const struct facts *facts, const struct pci_address *address);
struct list facts_slot(
		const struct facts *facts, const struct pci_device *device, struct arena *arena);
/* Where a hookscript of ours for the VM lies, or would; NULL: no storage of this node may hold one.
 */
char *facts_own_hook(const struct facts *facts, unsigned vmid, struct arena *arena);
/* The type, among those that the GPU offers now; or NULL. */
const struct vgpu_type *facts_vgpu_type(const struct pci_device *gpu, const char *type);
/* What goes to a VM with a GPU, the GPU among it: audio and USB-C of the same board, of a
 * processor's own GPU only its audio (its slot also holds the security processor and the board's
 * USB, which stay with the host), of an Arc card the audio on the next bus. A virtual function
 * goes alone, and with no card. */
struct list facts_card(
		const struct facts *facts, const struct pci_device *gpu, struct arena *arena);
/* Its nodes below /dev/dri, card0 and renderD128, by the driver that has it now. */
struct strings facts_drm_nodes(
		const struct root *root, const struct pci_device *gpu, struct arena *arena);
/* The slot that it is in, as the board or the kernel names it, and its lanes; or NULL. */
char *facts_slot_text(const struct root *root, const struct pci_device *gpu, struct arena *arena);
/* Eight digits that stand for this card in this slot: its ids and the ports above it. Its address
 * is no part of it, which moves when cards are added or taken out. */
char *facts_fingerprint(const struct pci_device *gpu, struct arena *arena);
/* The GPU is a part of the processor: on its own bus, or with other parts of it in the slot. */
bool facts_in_processor(const struct facts *facts, const struct pci_device *gpu);
/* How a line or a mapping names a card: its slot where that holds nothing else, or with
 * `functions` each function; what is on another bus by its own address. */
struct card_name {
	struct pci_device *device; /* that describes it: function 0 of a slot */
	bool whole_slot;
	char *path; /* 0000:01:00, 0000:01:00.0 */
};
struct list facts_card_names(const struct facts *facts, const struct pci_device *gpu,
		bool functions, struct arena *arena);
/* Modules that could take the device at boot before vfio-pci does, which is told its id: not kept
 * away, not told to come after it. Of the functions of cards. */
struct strings facts_rivals(
		const struct facts *facts, const struct pci_device *device, struct arena *arena);
/* "VM 106 talos-gpu-1", "container 200 pihole". */
char *holder_text(struct arena *arena, const struct holder *holder);
/* "VM 106 talos-gpu-1 runs with WHAT", or that it may; NULL: it has it not. */
char *holder_has_text(struct arena *arena, const struct holder *holder, const char *what);
/* The guests of this node that have the device or would take it, as struct holder: VMs by number,
 * then containers. What is not known of guests is not in it: vms_known, containers_known. */
struct list facts_holders(
		const struct facts *facts, const struct pci_device *device, struct arena *arena);
/* Every address that stands as a part of a sysfs path, the last one: the PCI function a block
 * device or network interface hangs on. */
struct pci_device *facts_device_in_path(const struct facts *facts, const char *path);
/* Why the virtual functions that `physical` has now may not go for a moment, so that it has `count`
 * of them: who has one, or would lose it for good. NULL: nothing is in the way. */
char *facts_functions_held(const struct facts *facts, const struct pci_device *physical,
		unsigned count, struct arena *arena);
/* The device's driver; "none", or "unknown" where nothing is known of drivers. */
const char *facts_driver(const struct facts *facts, const struct pci_device *device);
bool facts_in_list(const struct list *devices, const struct pci_device *device);
/* Members of an IOMMU group, bridges included. */
struct list facts_group(const struct facts *facts, int group, struct arena *arena);
struct vm *facts_vm(const struct facts *facts, unsigned vmid);
/* The ROM file of this name below /usr/share/kvm, or NULL. */
struct rom_file *facts_rom_file(const struct facts *facts, const char *name);
/* NULL: high availability does not manage it, or that is not known (ha_known). */
struct ha_guest *facts_ha_guest(const struct facts *facts, unsigned vmid);
/* Find what a person means by 01:00, 01:00.0 …: the GPU of that slot, or the very function; of a
 * slot of virtual functions it must be the function. ERROR_USAGE names what is wrong and what
 * there is. */
int facts_find_gpu(const struct facts *facts, const char *text, struct pci_device **ret_device,
		struct error *err);
/* The boot entries as they are now: of GRUB's menu, or of the ESPs that are mounted. */
struct list facts_boot_entries(const struct root *root, struct arena *arena);
/* Whether a pinned kernel is what boots: GRUB without proxmox-boot-tool goes by the last
 * GRUB_DEFAULT of its files, which has to name it. */
bool facts_pin_counts(const struct facts *facts, const char *kernel);
/* The kernel's log of a live host, /dev/kmsg: the text of each record and when it was written, in
 * microseconds since the kernel started, oldest first, `most` of them, until `each` says false.
 * False when there was none to read. */
typedef bool facts_log_record(void *user, uint64_t microseconds, const char *text, size_t n);
bool facts_log_records(const struct root *root, int most, facts_log_record *each, void *user);
/* What the image at `path` holds otherwise than the host would put there now, of what passthrough
 * rests on: /etc/modprobe.d and our own script (initramfs-tools copies them as they are). False
 * when the image could not be read. */
bool facts_initramfs_differs(const struct root *root, const char *path, struct arena *arena,
		struct strings *ret_differs);
/* Kernel at least major.minor; unknown stays unknown. */
enum known facts_kernel_at_least(const struct facts *facts, int major, int minor);
/* Does this kernel switch the Intel IOMMU on by itself? (Proxmox kernels from 6.8 on.) */
enum known facts_intel_iommu_default_on(const struct facts *facts);

#endif
