/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_FORMATS_INTERNAL_H
#define PVEGPU_CORE_FORMATS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "pvegpu/base/arena.h"

/* Formats of values that Proxmox VE gives a name (PVE/JSONSchema.pm and others, register_format),
 * and patterns of its property strings. */
bool format_dns_name(const char *value);
bool format_address_list(const char *value);
bool format_ipv4(const char *value);
bool format_ipv6(const char *value);
bool format_ipv4_config(const char *value);
bool format_ipv6_config(const char *value);
bool format_cpuset(const char *value);
bool format_startup(const char *value);
bool format_hotplug(const char *value);
bool format_boot_disk(const char *value);
bool format_boot_order(const char *value);
bool format_legacy_boot(const char *value);
bool format_urlencoded(const char *value);
bool format_disk_size(const char *value);
bool format_storage_id(const char *value);
bool format_volume_id(const char *value);
bool format_drive_file(const char *value);
bool format_tags(const char *value);
bool format_mac(const char *value);
bool format_bridge(const char *value);
bool format_machine(const char *value);
bool format_cpu_flags(const char *value);
bool format_cpu_vendor(const char *value);
bool format_phys_bits(const char *value);
bool format_number_ranges(const char *value);
bool format_uuid(const char *value);
bool format_base64(const char *value);
bool format_usb_host(const char *value);
bool format_digits(const char *value);
bool format_dotted(const char *value);
bool format_wwn(const char *value);
bool format_scsi_product(const char *value);
bool format_scsi_vendor(const char *value);
bool format_shared_name(const char *value);

/* True when `value` is one of "a|b|c". */
bool format_is_word(const char *words, const char *value);
/* "scsi12" below `scsi` with 31 of them: digits without a zero in front. */
bool format_is_numbered(const char *value, const char *name, unsigned long count);

/* As vm_secret_value(), of what is known to be an option or not. */
const char *vm_secret_known(struct arena *arena, bool option, const char *key, const char *value);

/* What a line of a VM's configuration is, whatever its section makes of it. */
enum vm_conf_kind { VM_CONF_BLANK, VM_CONF_HEADER, VM_CONF_COMMENT, VM_CONF_ENTRY, VM_CONF_OTHER };
struct vm_conf_line {
	char *name; /* of a header: between its brackets */
	char *key;
	char *value;
	size_t value_at; /* where the value begins in the line */
};
enum vm_conf_kind vm_conf_read_line(
		struct arena *arena, const char *line, struct vm_conf_line *ret_line);

#endif
