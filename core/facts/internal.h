/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_FACTS_INTERNAL_H
#define PVEGPU_CORE_FACTS_INTERNAL_H

#include "pvegpu/facts/facts.h"

/* What could not be read, once for each source. Files and directories are noted by themselves: the
 * parts below read through a view of the root (root_view()). */
struct gap *facts_add_gap(
		struct facts *facts, const char *what, const char *source, const char *why);

/* The parts of facts_read(), in the order they run. */
void facts_read_system(const struct root *root, struct facts *facts); /* CPU, firmware, versions */
void facts_read_boot(const struct root *root, struct facts *facts);
/* Names of the devices, and whether the IOMMU is on. ERROR_NOT_HOST when there is no device. */
int facts_list_pci(const struct root *root, struct facts *facts, struct strings *ret_names,
		struct error *err);
/* kernel_major and kernel_minor from facts->kernel; -1 where it has none. */
void facts_kernel_numbers(struct facts *facts);
/* The kernel (5.15 on) hides reset_method of a device that it cannot reset. */
void facts_hidden_reset(struct facts *facts);
void facts_index_groups(struct facts *facts);
int facts_read_pci(const struct root *root, struct facts *facts, struct error *err);
void facts_read_names(struct facts *facts); /* pci.ids */
void facts_read_modules(const struct root *root, struct facts *facts);
void facts_read_uses(const struct root *root, struct facts *facts); /* storage and network */
void facts_read_vms(const struct root *root, struct facts *facts);
/* What sets the number of virtual functions at boot. */
void facts_read_attribute_rules(const struct root *root, struct facts *facts);
/* The devices that a mapping's or a line's path names, one or several between ';'. */
void facts_find_path(const struct facts *facts, struct arena *arena, struct list *devices,
		const char *path);
/* Of devices that are no GPU: whether they offer what a line or a mapping asks of them. */
/* system.c: the version of an installed package, from dpkg's status file; or NULL. */
char *facts_package_version(const struct root *root, struct arena *arena, const char *package);
/* slots.c: of GPUs that have a twin. */
void facts_read_slots(const struct root *root, struct facts *facts);
/* storage.c: after the VMs, whose hookscripts lie there. */
void facts_read_storage(const struct root *root, struct facts *facts);
/* cpus.c */
void facts_read_cpus(const struct root *root, struct facts *facts);
/* vgpu.c */
void facts_read_vgpu_types(const struct root *root, struct facts *facts);
void facts_read_mdev(const struct root *root, struct facts *facts);
/* ha.c: of the host's files; of the API, where something is managed: after facts_add_ha(). */
void facts_read_ha(const struct root *root, struct facts *facts);
struct pve_client;
void facts_read_ha_api(struct pve_client *client, struct facts *facts);
void facts_add_ha(struct facts *facts, const char *vmid, const char *state);
void facts_read_log(const struct root *root, struct facts *facts); /* the kernel's, of this boot */
void facts_read_kernels(
		const struct root *root, struct facts *facts); /* installed, next, initramfs */
void facts_read_rules(const struct root *root, struct facts *facts);   /* udev, sysfs.conf */
void facts_read_drivers(const struct root *root, struct facts *facts); /* after the kernels */
void facts_read_containers(const struct root *root, struct facts *facts);
/* holders.c: the arguments of a VM's process, `size` bytes of texts; what is reserved; and what the
 * configuration's `args` give. */
void facts_add_taken(struct facts *facts, struct vm *vm, const char *arguments, size_t size);
void facts_read_reservations(const struct root *root, struct facts *facts);
void facts_read_args(struct facts *facts, struct vm *vm);
/* roms.c: ROM files, those that the VMs' lines name among them. */
void facts_read_roms(const struct root *root, struct facts *facts);
void facts_read_mappings(const struct root *root, struct facts *facts);
/* Take over a VM's configuration. The text is the arena's, the digest that of the API or NULL. */
struct vm *facts_add_vm(struct facts *facts, enum vm_conf_source source, unsigned vmid,
		const char *path, char *text, size_t size, const char *digest, enum known running);
void facts_sort_vms(struct facts *facts);      /* by number */
void facts_sort_devices(struct list *devices); /* by address */
/* Join virtual functions and their physical ones by physfn_name: in sysfs a link `physfn`
 * (Documentation/ABI/testing/sysfs-bus-pci), in the API a member since Proxmox VE 9.2. */
void facts_join_functions(struct facts *facts);
/* `function` is a virtual function of `physical`; either may be NULL, not on record. */
void facts_join_function(
		struct facts *facts, struct pci_device *function, struct pci_device *physical);
struct facts *facts_new(const struct root *root);
int facts_read_api(struct pve_client *client, const struct root *root, const char *node, bool first,
		struct facts **ret_facts, struct error *err);
/* The boot tool's ESPs: their names, and once it is known where they are mounted, their entries. */
void facts_read_esps(const struct root *root, struct facts *facts);
void facts_read_esp_entries(const struct root *root, struct facts *facts);
/* The `linux` lines of a GRUB menu, as struct boot_entry, the default entry's first; not those of
 * recovery entries. */
struct list facts_grub_menu(const struct root *root, struct arena *arena, const char *path);

/* The number in "106.conf", a guest's configuration; 0 when it is none. */
unsigned facts_guest_id(struct arena *arena, const char *name);

void facts_add_use(struct facts *facts, struct pci_device *device, const char *source,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
