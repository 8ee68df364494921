/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

static void read_cpu(const struct root *root, struct facts *facts)
{
	facts->cpu_virtualization = KNOWN_UNKNOWN;
	facts->cpus = root_read_value(root, "/sys/devices/system/cpu/online", facts->arena);
	facts->numa_nodes = root_read_value(root, "/sys/devices/system/node/online", facts->arena);
	facts_read_cpus(root, facts);
	char *text = root_read_value(root, "/proc/cpuinfo", facts->arena);
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		if (line.n == 0 && facts->cpu_vendor != CPU_UNKNOWN)
			break; /* the first processor tells */
		char *entry = text_trim(facts->arena, line.start, line.n);
		const char *colon = strchr(entry, ':');
		if (!colon)
			continue;
		const char *value = colon + 1 + strspn(colon + 1, " \t");
		if (text_starts(entry, "vendor_id")) {
			if (strcmp(value, "GenuineIntel") == 0)
				facts->cpu_vendor = CPU_INTEL;
			else if (strcmp(value, "AuthenticAMD") == 0)
				facts->cpu_vendor = CPU_AMD;
		} else if (text_starts(entry, "address sizes")) {
			facts->phys_bits = (int)strtol(value, NULL, 10);
		} else if (text_starts(entry, "model name")) {
			facts->cpu_model = arena_strdup(facts->arena, value);
		} else if (text_starts(entry, "flags")) {
			const char *padded = arena_printf(facts->arena, " %s ", value);
			bool found = strstr(padded, " vmx ") || strstr(padded, " svm ");
			facts->cpu_virtualization = found ? KNOWN_YES : KNOWN_NO;
		}
	}
}

/* The version of an installed package, from dpkg's status file: one stanza a package. */
static char *version_in(struct arena *arena, const char *text, const char *package)
{
	const char *wanted = arena_printf(arena, "Package: %s\n", package);
	const char *found = text_starts(text, wanted) ? text : NULL;
	if (!found) {
		found = strstr(text, arena_printf(arena, "\n%s", wanted));
		found += found ? 1 : 0;
	}
	if (!found)
		return NULL;
	const char *end = strstr(found, "\n\n");
	const char *version = strstr(found, "\nVersion: ");
	const char *status = strstr(found, "\nStatus: ");
	if (!version || !status || (end && version > end) || (end && status > end) ||
			!text_starts(status, "\nStatus: install ok installed"))
		return NULL;
	version += strlen("\nVersion: ");
	return arena_strndup(arena, version, strcspn(version, "\n"));
}

static char *read_status(const struct root *root, struct arena *arena)
{
	char *text = NULL;
	return root_read(root, "/var/lib/dpkg/status", arena, &text, NULL, NULL) == 0 ? text : NULL;
}

char *facts_package_version(const struct root *root, struct arena *arena, const char *package)
{
	char *text = read_status(root, arena);
	return text ? version_in(arena, text, package) : NULL;
}

/* 5 bytes: four of attributes, then 0 or 1 (UEFI specification, global variables). */
static enum known read_secure_boot(const struct root *root, struct arena *arena)
{
	static const char path[] =
			"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
	char *bytes = NULL;
	size_t size = 0;
	if (root_read(root, path, arena, &bytes, &size, NULL) < 0 || size < 5)
		return KNOWN_UNKNOWN;
	return bytes[4] == 1 ? KNOWN_YES : KNOWN_NO;
}

/* OsIndicationsSupported, 4 bytes of attributes and 8 of flags: bit 0 says that the firmware can
 * be asked to open its setup at the next boot (UEFI, EFI_OS_INDICATIONS_BOOT_TO_FW_UI). */
static enum known read_firmware_setup(const struct root *root, struct arena *arena)
{
	static const char path[] =
			"/sys/firmware/efi/efivars/OsIndicationsSupported-8be4df61-93ca-11d2-aa0d-00e098032b8c";
	char *bytes = NULL;
	size_t size = 0;
	if (root_read(root, path, arena, &bytes, &size, NULL) < 0 || size < 5)
		return KNOWN_UNKNOWN;
	return bytes[4] & 1 ? KNOWN_YES : KNOWN_NO;
}

/* Byte 37 of the DMAR table, bit 0: the platform supports interrupt remapping (Intel, VT-d
 * specification, DMA Remapping Reporting Structure). */
static enum known read_interrupt_remapping(const struct root *root, struct arena *arena)
{
	char *bytes = NULL;
	size_t size = 0;
	if (root_read(root, "/sys/firmware/acpi/tables/DMAR", arena, &bytes, &size, NULL) < 0 ||
			size < 48)
		return KNOWN_UNKNOWN;
	return bytes[37] & 1 ? KNOWN_YES : KNOWN_NO;
}

/* The pool that / is on, and what it uses that ZFS before 2.4 cannot read: features_for_read of the
 * pool's configuration (zpool-features(7)). The names stand in the cache file as they are. */
static void read_root_pool(const struct root *root, struct facts *facts)
{
	static const char *const features[] = {"com.klarasystems:dynamic_gang_header",
			"com.truenas:physical_rewrite", "com.truenas:block_cloning_endian"};
	char *mounts = root_read_value(root, "/proc/mounts", facts->arena);
	struct lines cursor = lines_start(mounts);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *entry = arena_strndup(facts->arena, line.start, line.n);
		const char *where = strchr(entry, ' ');
		if (where && text_starts(where, " / zfs "))
			facts->root_pool = arena_strndup(facts->arena, entry, strcspn(entry, "/ "));
	}
	char *cache = NULL;
	size_t size = 0;
	if (!facts->root_pool || root_read(root, "/etc/zfs/zpool.cache", facts->arena, &cache,
						 &size, NULL) < 0)
		return;
	for (size_t i = 0; i < sizeof features / sizeof *features; i++)
		if (memmem(cache, size, features[i], strlen(features[i])))
			facts->root_pool_feature = arena_strdup(facts->arena, features[i]);
}

/* proxmox-boot-tool kernel pin writes these; on GRUB hosts without it the snippet. */
static void read_kernel_pin(const struct root *root, struct facts *facts)
{
	static const char *const files[] = {
			"/etc/kernel/next-boot-pin", "/etc/kernel/proxmox-boot-pin"};
	for (size_t i = 0; i < 2; i++) {
		char *pin = root_read_value(root, files[i], facts->arena);
		if (!pin || !*pin)
			continue;
		facts->kernel_pin = arena_strndup(facts->arena, pin, strcspn(pin, " \t\n"));
		facts->kernel_pin_file = arena_strdup(facts->arena, files[i]);
		return;
	}
}

/* The number behind a name; 0: it is not there. */
static uint64_t number_behind(const char *text, const char *name)
{
	const char *found = text ? strstr(text, name) : NULL;
	return found ? strtoull(found + strlen(name), NULL, 10) : 0;
}

/* Of the whole, and what is free; what ZFS keeps in its cache (ARC) beside that, which it gives
 * back down to c_min (OpenZFS, /proc/spl/kstat/zfs/arcstats: name, type, bytes). */
static void read_memory(const struct root *root, struct facts *facts)
{
	char *text = root_read_value(root, "/proc/meminfo", facts->arena);
	char *arc = root_read_value(root, "/proc/spl/kstat/zfs/arcstats", facts->arena);
	uint64_t size = number_behind(arc, "\nsize                            4    ");
	uint64_t least = number_behind(arc, "\nc_min                           4    ");
	facts->memory_kib = number_behind(text, "MemTotal:");
	facts->memory_free_kib = number_behind(text, "MemAvailable:");
	facts->arc_kib = size > least ? (size - least) / 1024 : 0;
}

static unsigned long read_boot_time(const struct root *root, struct arena *arena)
{
	char *text = root_read_value(root, "/proc/stat", arena);
	const char *found = text ? strstr(text, "\nbtime ") : NULL;
	return found ? strtoul(found + strlen("\nbtime "), NULL, 10) : 0;
}

void facts_kernel_numbers(struct facts *facts)
{
	int major = 0;
	int minor = 0;
	/* Bounded digits by the widths; anything else leaves the version unknown. */
	/* NOLINTNEXTLINE(cert-err34-c) */
	bool both = facts->kernel && sscanf(facts->kernel, "%4d.%4d", &major, &minor) == 2;
	facts->kernel_major = both ? major : -1;
	facts->kernel_minor = both ? minor : -1;
}

void facts_read_system(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	read_cpu(root, facts);
	facts->node = root_read_value(root, "/etc/hostname", arena);
	if (facts->node) /* PVE's node name is the host name up to the first dot */
		facts->node[strcspn(facts->node, ". \n")] = '\0';
	const char *packages = read_status(root, arena);
	if (packages) {
		facts->pve_version = version_in(arena, packages, "pve-manager");
		facts->qemu_server_version = version_in(arena, packages, "qemu-server");
		facts->qemu_version = version_in(arena, packages, "pve-qemu-kvm");
	}
	facts->kernel = root_read_value(root, "/proc/sys/kernel/osrelease", arena);
	facts_kernel_numbers(facts);
	facts->booted_at = read_boot_time(root, arena);
	facts->secure_boot = read_secure_boot(root, arena);
	facts->firmware_setup = read_firmware_setup(root, arena);
	facts_hidden_reset(facts);
	facts->interrupt_remapping = read_interrupt_remapping(root, arena);
	facts->interrupt_remapping_source = arena_strdup(arena, "/sys/firmware/acpi/tables/DMAR");
	read_kernel_pin(root, facts);
	read_root_pool(root, facts);
	read_memory(root, facts);
	facts->board_vendor = root_read_value(root, "/sys/class/dmi/id/board_vendor", arena);
	facts->board_name = root_read_value(root, "/sys/class/dmi/id/board_name", arena);
	facts->firmware_vendor = root_read_value(root, "/sys/class/dmi/id/bios_vendor", arena);
	facts->firmware_version = root_read_value(root, "/sys/class/dmi/id/bios_version", arena);
	facts->firmware_date = root_read_value(root, "/sys/class/dmi/id/bios_date", arena);
	facts->efi = root_exists(root, "/sys/firmware/efi") ? KNOWN_YES
		     : root_exists(root, "/sys/firmware")   ? KNOWN_NO
							    : KNOWN_UNKNOWN;
	bool dmar = root_exists(root, "/sys/firmware/acpi/tables/DMAR");
	bool ivrs = root_exists(root, "/sys/firmware/acpi/tables/IVRS");
	facts->iommu_table = dmar || ivrs                                     ? KNOWN_YES
			     : root_exists(root, "/sys/firmware/acpi/tables") ? KNOWN_NO
									      : KNOWN_UNKNOWN;
}
