/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/attribute_rule.h"

/*
 * One pass over /sys/bus/pci/devices. A device's `uevent` holds class, ids and driver in one file
 * (drivers/pci/pci-driver.c, pci_uevent), and the `iommu_group` link the group: two reads a device
 * where lspci needs dozens. What `uevent` does not have is read from the single attributes.
 */

/* The directory of one device. */
struct device_dir {
	int fd;
	const struct root *root;
	const char *name; /* 0000:01:00.0 */
};

/* An attribute that is there and cannot be read is a gap. Most are not there. */
static void note_failure(const struct device_dir *dir, const char *attribute, int sys_errno)
{
	char text[256];
	if (sys_errno == ENOENT)
		return;
	(void)snprintf(text, sizeof text, "/sys/bus/pci/devices/%s/%s", dir->name, attribute);
	root_note_failure(dir->root, text, sys_errno);
}

/* A small attribute below the device's directory; false, and "", if not there. */
static bool read_attribute(
		const struct device_dir *dir, const char *name, char *buffer, size_t size)
{
	buffer[0] = '\0';
	int fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, size - 1);
	if (n < 0)
		note_failure(dir, name, errno);
	if (fd >= 0)
		(void)close(fd);
	buffer[n > 0 ? n : 0] = '\0';
	return n >= 0;
}

static bool read_hex_attribute(const struct device_dir *dir, const char *name, unsigned long max,
		unsigned long *value)
{
	char buffer[32];
	(void)read_attribute(dir, name, buffer, sizeof buffer);
	buffer[strcspn(buffer, "\r\n")] = '\0';
	const char *digits = text_starts(buffer, "0x") ? buffer + 2 : buffer;
	return text_to_ulong(digits, 16, max, value);
}

/* The value after KEY= in a uevent text, cut into `buffer`; false when it is not there. */
static bool uevent_value(const char *uevent, const char *key, char *buffer, size_t size)
{
	size_t n = strlen(key);
	for (const char *at = uevent; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, key, n) != 0 || at[n] != '=')
			continue;
		size_t length = strcspn(at + n + 1, "\r\n");
		if (length >= size)
			return false;
		memcpy(buffer, at + n + 1, length);
		buffer[length] = '\0';
		return true;
	}
	return false;
}

/* "10DE:2206" into two numbers. */
static bool split_ids(const char *text, uint16_t *ret_first, uint16_t *ret_second)
{
	char first[8] = "";
	unsigned long a = 0;
	unsigned long b = 0;
	size_t n = strcspn(text, ":");
	if (text[n] != ':' || n >= sizeof first)
		return false;
	memcpy(first, text, n);
	if (!text_to_ulong(first, 16, 0xffff, &a) || !text_to_ulong(text + n + 1, 16, 0xffff, &b))
		return false;
	*ret_first = (uint16_t)a;
	*ret_second = (uint16_t)b;
	return true;
}

static char *link_base(struct arena *arena, const struct device_dir *dir, const char *name)
{
	char target[512];
	ssize_t n = readlinkat(dir->fd, name, target, sizeof target - 1);
	if (n < 0 && errno != EINVAL) /* no link: a captured tree may have it as a file */
		note_failure(dir, name, errno);
	if (n <= 0)
		return NULL;
	target[n] = '\0';
	const char *slash = strrchr(target, '/');
	return arena_strdup(arena, slash ? slash + 1 : target);
}

static void read_ids(const struct device_dir *dir, const char *uevent, struct pci_device *device)
{
	char buffer[32];
	unsigned long value = 0;
	device->vendor = 0xffff;
	device->device = 0xffff;
	if ((uevent_value(uevent, "PCI_CLASS", buffer, sizeof buffer) &&
			    text_to_ulong(buffer, 16, 0xffffff, &value)) ||
			read_hex_attribute(dir, "class", 0xffffff, &value))
		device->class_code = (uint32_t)value;
	if (!uevent_value(uevent, "PCI_ID", buffer, sizeof buffer) ||
			!split_ids(buffer, &device->vendor, &device->device)) {
		if (read_hex_attribute(dir, "vendor", 0xffff, &value))
			device->vendor = (uint16_t)value;
		if (read_hex_attribute(dir, "device", 0xffff, &value))
			device->device = (uint16_t)value;
	}
	if (uevent_value(uevent, "PCI_SUBSYS_ID", buffer, sizeof buffer)) {
		device->subsystem_known = split_ids(
				buffer, &device->subsystem_vendor, &device->subsystem_device);
	} else if (read_hex_attribute(dir, "subsystem_vendor", 0xffff, &value)) {
		device->subsystem_vendor = (uint16_t)value;
		device->subsystem_known =
				read_hex_attribute(dir, "subsystem_device", 0xffff, &value);
		device->subsystem_device = (uint16_t)value;
	}
}

/* The sizes that a window can have (Documentation/ABI/testing/sysfs-bus-pci). */
static uint32_t read_sizes(const struct device_dir *dir, int window)
{
	char name[] = "resource0_resize";
	char value[32];
	name[strlen("resource")] = (char)('0' + window);
	return read_attribute(dir, name, value, sizeof value) ? (uint32_t)strtoul(value, NULL, 16)
							      : 0;
}

/* The largest memory window in `resource`: a line of start, end and flags for each (the kernel's
 * drivers/pci/pci-sysfs.c, resource_show; bit 9 of the flags is memory). And the largest of those
 * that can be resized, which are of 1 MiB at least. */
static void read_bars(const struct device_dir *dir, struct pci_device *device)
{
	char text[2048];
	(void)read_attribute(dir, "resource", text, sizeof text);
	const char *at = text;
	for (int bar = 0; bar < 6 && *at; bar++) {
		char *next = NULL;
		unsigned long long start = strtoull(at, &next, 16);
		unsigned long long end = strtoull(next, &next, 16);
		unsigned long long flags = strtoull(next, &next, 16);
		if (next == at)
			return;
		uint64_t size = (flags & 0x200) && end > start ? end - start + 1 : 0;
		uint32_t sizes = size >= 1 << 20 && size > device->resizable_bar &&
								 !pci_is_virtual(device)
						 ? read_sizes(dir, bar)
						 : 0;
		if (size > device->largest_bar) {
			device->largest_bar = size;
			device->bar_start = start;
		}
		if (sizes) {
			device->resizable_bar = size;
			device->resizable_index = bar;
			device->bar_sizes = sizes;
		}
		at = next;
	}
}

/* Whether an entry is there; one that cannot be looked at is not, and a gap. */
static bool has_entry(const struct device_dir *dir, const char *name)
{
	if (faccessat(dir->fd, name, F_OK, 0) == 0)
		return true;
	note_failure(dir, name, errno);
	return false;
}

/* A number; -1: it does not say. */
static int read_count(const struct device_dir *dir, const char *name)
{
	char value[16];
	unsigned long number = 0;
	(void)read_attribute(dir, name, value, sizeof value);
	value[strcspn(value, "\n")] = '\0';
	return text_to_ulong(value, 10, ATTRIBUTE_MAX, &number) ? (int)number : -1;
}

static void read_display(
		struct arena *arena, const struct device_dir *dir, struct pci_device *device)
{
	char value[128];
	if (read_attribute(dir, "reset_method", value, sizeof value))
		device->reset_method = text_trim(arena, value, strlen(value));
	bool splits = device->virtual_function != KNOWN_YES;
	device->sriov_total = splits ? read_count(dir, "sriov_totalvfs") : -1;
	device->sriov_active = splits ? read_count(dir, "sriov_numvfs") : -1;
	device->vf_drivers =
			device->sriov_total > 0 ? read_count(dir, "sriov_drivers_autoprobe") : -1;
	device->d3cold = splits ? read_count(dir, "d3cold_allowed") : -1;
	read_bars(dir, device);
	if (!pci_is_virtual(device) && read_attribute(dir, "local_cpulist", value, sizeof value))
		device->local_cpus = text_trim(arena, value, strlen(value));
	device->rom = has_entry(dir, "rom") ? KNOWN_YES : KNOWN_NO;
	char runtime[32] = "";
	(void)read_attribute(dir, "power_state", value, sizeof value);
	if (strcmp(value, "D0\n") != 0) /* awake: nothing more is to be told */
		(void)read_attribute(dir, "power/runtime_status", runtime, sizeof runtime);
	value[strcspn(value, "\n")] = '\0';
	runtime[strcspn(runtime, "\n")] = '\0';
	if (*value || *runtime)
		device->power = arena_printf(
				arena, "%s%s%s", value, *value && *runtime ? ", " : "", runtime);
}

/* Types of vGPUs are offered by the driver that has the device, by none that is for a VM. */
static bool offers_types(const struct device_dir *dir, const struct pci_device *device)
{
	if (!device->driver || strcmp(device->driver, "vfio-pci") == 0)
		return false;
	return has_entry(dir, "mdev_supported_types") ||
	       (device->vendor == 0x10de && has_entry(dir, "nvidia"));
}

static struct pci_device *read_device(
		const struct root *root, struct arena *arena, int devices, const char *name)
{
	struct pci_address address;
	if (!pci_address_parse_full(name, &address))
		return NULL;
	struct device_dir place = {.fd = openat(devices, name, O_PATH | O_DIRECTORY | O_CLOEXEC),
			.root = root,
			.name = name};
	const struct device_dir *dir = &place;
	if (dir->fd < 0) {
		note_failure(dir, "uevent", errno == ENOENT ? EIO : errno);
		return NULL;
	}
	struct pci_device *device = arena_alloc(arena, sizeof *device);
	device->address = address;
	pci_address_format(&address, device->name);
	char uevent[1024];
	(void)read_attribute(dir, "uevent", uevent, sizeof uevent);
	read_ids(dir, uevent, device);
	char driver[64];
	if (uevent_value(uevent, "DRIVER", driver, sizeof driver))
		device->driver = arena_strdup(arena, driver);
	else
		device->driver = link_base(arena, dir, "driver");
	/* Variants of vfio-pci are named so; NVIDIA's driver has virtual functions on VFIO, and
	 * their physical one not: each is asked. */
	const char *bound = device->driver ? device->driver : "";
	bool may_be = strstr(bound, "vfio") || text_starts(bound, "nvidia");
	if (strcmp(bound, "vfio-pci") == 0 || (may_be && has_entry(dir, "vfio-dev")))
		device->on_vfio = KNOWN_YES;
	const char *group = link_base(arena, dir, "iommu_group");
	unsigned long number = 0;
	device->group = group && text_to_ulong(group, 10, 1000000, &number) ? (int)number : -1;
	device->physfn_name = link_base(arena, dir, "physfn");
	device->virtual_function = device->physfn_name ? KNOWN_YES : KNOWN_NO;
	if (pci_is_gpu(device)) {
		device->mdev = offers_types(dir, device) ? KNOWN_YES : KNOWN_NO;
		char value[8] = "";
		/* Of VGA controllers only (drivers/pci/pci-sysfs.c). */
		if (device->class_code >> 8 == 0x0300 || device->class_code >> 8 == 0x0001)
			(void)read_attribute(dir, "boot_vga", value, sizeof value);
		if (value[0] == '0' || value[0] == '1')
			device->boot_vga = value[0] == '1' ? KNOWN_YES : KNOWN_NO;
		read_display(arena, dir, device);
	}
	(void)close(dir->fd);
	return device;
}

/* The bridges that a GPU or its audio hangs on: the parts of its path in /sys/devices that are
 * addresses,
 * ../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0. */
static void read_path(struct facts *facts, int devices, struct pci_device *device)
{
	char target[512];
	ssize_t n = pci_is_gpu(device) || pci_is_audio(device)
				    ? readlinkat(devices, device->name, target, sizeof target - 1)
				    : 0;
	if (n <= 0)
		return;
	target[n] = '\0';
	char *rest = NULL;
	for (char *part = strtok_r(target, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		struct pci_address address;
		struct pci_device *bridge = pci_address_parse_full(part, &address)
							    ? facts_device(facts, &address)
							    : NULL;
		if (bridge && bridge != device)
			list_add(facts->arena, &device->path, bridge);
	}
}

/* The links `virtfnN` of a physical function say the same; a captured tree may have only them. */
static void join_by_links(struct facts *facts, int devices, struct pci_device *physical)
{
	enum { MOST = 256 }; /* VFs of one function (PCI Express, SR-IOV: a bus of them) */
	for (int n = 0; n < MOST; n++) {
		char target[512];
		char *link = arena_printf(facts->arena, "%s/virtfn%d", physical->name, n);
		ssize_t length = readlinkat(devices, link, target, sizeof target - 1);
		if (length <= 0)
			return;
		target[length] = '\0';
		const char *slash = strrchr(target, '/');
		struct pci_address address;
		if (pci_address_parse_full(slash ? slash + 1 : target, &address))
			facts_join_function(facts, facts_device(facts, &address), physical);
	}
}

/* Who sits on a display device's memory, from /proc/iomem: what is nested below the device's own
 * line and is no driver's. Addresses are shown to root only; the names to all.
 *   c0000000-d1ffffff : PCI Bus 0000:01
 *     c0000000-cfffffff : 0000:01:00.0
 *       c0000000-c02fffff : BOOTFB                                                          */
static void read_holders(const struct root *root, struct facts *facts)
{
	static const char *const firmware[] = {
			"BOOTFB", "efifb", "vesafb", "simplefb", "simple-framebuffer"};
	char *text = root_read_value(root, "/proc/iomem", facts->arena);
	facts->iomem_known = text ? KNOWN_YES : KNOWN_UNKNOWN;
	struct lines cursor = lines_start(text);
	struct line line;
	struct pci_device *owner = NULL;
	size_t owner_indent = 0;
	while (line_next(&cursor, &line)) {
		const char *colon = memmem(line.start, line.n, " : ", 3);
		if (!colon)
			continue;
		size_t indent = strspn(line.start, " ");
		char *name = text_trim(
				facts->arena, colon + 3, line.n - (size_t)(colon + 3 - line.start));
		struct pci_address address;
		if (owner && indent <= owner_indent)
			owner = NULL;
		if (pci_address_parse_full(name, &address)) {
			owner = facts_device(facts, &address);
			owner_indent = indent;
			continue;
		}
		for (size_t i = 0; owner && i < sizeof firmware / sizeof *firmware; i++)
			if (strcasecmp(name, firmware[i]) == 0 && !owner->bar_holder)
				owner->bar_holder = name;
	}
}

static int compare_devices(const void *a, const void *b)
{
	const struct pci_device *const *first = a;
	const struct pci_device *const *second = b;
	return pci_address_compare(&(*first)->address, &(*second)->address);
}

static void drop_hidden(struct strings *names)
{
	size_t kept = 0;
	for (size_t i = 0; i < names->n; i++)
		if (names->item[i][0] != '.')
			names->item[kept++] = names->item[i];
	names->n = kept;
}

/* The narrowest of Intel's units: bits 21 to 16 of its capabilities and one more (VT-d, CAP_REG;
 * the kernel's drivers/iommu/intel/iommu.c, cap_show). */
static int read_iommu_width(
		const struct root *root, const struct strings *units, struct arena *arena)
{
	int narrowest = 0;
	for (size_t i = 0; i < units->n; i++) {
		if (!text_starts(units->item[i], "dmar"))
			continue;
		const char *value = root_read_value(root,
				arena_printf(arena, "/sys/class/iommu/%s/intel-iommu/cap",
						units->item[i]),
				arena);
		int width = value ? (int)(strtoull(value, NULL, 16) >> 16 & 0x3f) + 1 : 0;
		if (width && (!narrowest || width < narrowest))
			narrowest = width;
	}
	return narrowest;
}

static void judge_iommu(const struct root *root, struct facts *facts)
{
	/* PVE's own test is a non-empty /sys/class/iommu (PVE/SysFSTools.pm, check_iommu_support);
	 * a captured tree may lack that directory while its groups are recorded. */
	struct strings units = {0};
	struct strings groups = {0};
	bool class_known = root_list(root, "/sys/class/iommu", facts->arena, &units);
	bool groups_known = root_list(root, "/sys/kernel/iommu_groups", facts->arena, &groups);
	/* A tree that was stored may keep an empty directory by a file with a dot. */
	drop_hidden(&units);
	drop_hidden(&groups);
	facts->iommu_groups = groups.n;
	facts->iommu_width = read_iommu_width(root, &units, facts->arena);
	facts->iommu_source = arena_strdup(facts->arena, "/sys/kernel/iommu_groups");
	if (groups.n)
		facts->iommu_active = KNOWN_YES;
	else if (!groups_known || !class_known)
		facts->iommu_active = KNOWN_UNKNOWN;
	else
		facts->iommu_active = KNOWN_NO;
}

static const char path[] = "/sys/bus/pci/devices";

int facts_list_pci(const struct root *root, struct facts *facts, struct strings *ret_names,
		struct error *err)
{
	struct error error = {0};
	if (root_read_dir(root, path, facts->arena, ret_names, &error) < 0 &&
			error.sys_errno != ENOENT && error.sys_errno != ENOTDIR)
		return error_set(err, ERROR_NOT_HOST, "the PCI devices are not known: %s",
				error.text);
	if (ret_names->n == 0) {
		(void)error_set(err, ERROR_NOT_HOST, "'%s%s' has no PCI devices", root_dir(root),
				path);
		error_hint(err, "give a host's root directory with --root DIR, or run on the host");
		return ERROR_NOT_HOST;
	}
	judge_iommu(root, facts);
	return 0;
}

void facts_sort_devices(struct list *devices)
{
	if (devices->n > 1)
		qsort(devices->item, devices->n, sizeof *devices->item, compare_devices);
}

/* What read_device() looks at by descriptors, for a capture. */
static void note_device(const struct root *root, struct arena *arena, const char *name)
{
	static const char *const read[] = {"uevent", "class", "vendor", "device",
			"subsystem_vendor", "subsystem_device", "boot_vga", "reset_method",
			"sriov_totalvfs", "sriov_numvfs", "sriov_drivers_autoprobe",
			"d3cold_allowed", "resource", "resource0_resize", "resource1_resize",
			"resource2_resize", "resource3_resize", "resource4_resize",
			"resource5_resize", "local_cpulist", "power_state", "power/runtime_status"};
	static const char *const seen[] = {"driver", "iommu_group", "physfn", "vfio-dev",
			"mdev_supported_types", "nvidia", "rom"};
	for (size_t i = 0; i < sizeof read / sizeof *read; i++)
		root_note(root, arena_printf(arena, "%s/%s/%s", path, name, read[i]),
				ROOT_LOOK_READ);
	for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
		root_note(root, arena_printf(arena, "%s/%s/%s", path, name, seen[i]),
				ROOT_LOOK_STAT);
}

int facts_read_pci(const struct root *root, struct facts *facts, struct error *err)
{
	struct strings names = {0};
	int status = facts_list_pci(root, facts, &names, err);
	if (status < 0)
		return status;
	int dir = root_openat(root, path, O_PATH | O_DIRECTORY);
	facts->drivers_known = KNOWN_NO;
	for (size_t i = 0; i < names.n; i++) {
		struct pci_device *device = read_device(root, facts->arena, dir, names.item[i]);
		if (!device)
			continue;
		if (root_is_watched(root))
			note_device(root, facts->arena, names.item[i]);
		list_add(facts->arena, &facts->devices, device);
		if (device->driver)
			facts->drivers_known = KNOWN_YES;
	}
	if (facts->devices.n == 0) {
		(void)close(dir);
		(void)error_set(err, ERROR_NOT_HOST, "no entry of '%s%s' can be read as a device",
				root_dir(root), path);
		return ERROR_NOT_HOST;
	}
	facts_sort_devices(&facts->devices);
	for (size_t i = 0; i < facts->devices.n; i++)
		read_path(facts, dir, facts->devices.item[i]);
	facts_join_functions(facts);
	for (size_t i = 0; i < facts->devices.n; i++)
		if (((struct pci_device *)facts->devices.item[i])->sriov_active > 0)
			join_by_links(facts, dir, facts->devices.item[i]);
	(void)close(dir);
	read_holders(root, facts);
	return 0;
}

void facts_hidden_reset(struct facts *facts)
{
	bool shown = facts_kernel_at_least(facts, 5, 15) == KNOWN_YES && facts->all_recorded;
	for (size_t i = 0; shown && i < facts->devices.n; i++) {
		struct pci_device *device = facts->devices.item[i];
		if (pci_is_gpu(device) && !device->reset_method)
			device->reset_method = arena_strdup(facts->arena, "");
	}
}

int device_attribute_now(const struct pci_device *device, enum device_attribute attribute)
{
	switch (attribute) {
	case ATTRIBUTE_FUNCTIONS:
		return device->sriov_active;
	case ATTRIBUTE_VF_DRIVERS:
		return device->vf_drivers;
	case ATTRIBUTE_D3COLD:
		return device->d3cold;
	case ATTRIBUTE_WINDOW:
		return device->bar_sizes ? (int)(device->resizable_bar >> 20) : -1;
	case ATTRIBUTE_NONE:
	case ATTRIBUTES:
	default:
		return -1;
	}
}

char *device_window_sizes(const struct pci_device *device, struct arena *arena)
{
	int least = -1;
	int most = -1;
	for (int bit = 0; bit < 32; bit++)
		if (device->bar_sizes >> bit & 1) {
			least = least < 0 ? bit : least;
			most = bit;
		}
	return least < 0 ? NULL
			 : arena_printf(arena, "%llu MiB to %llu MiB", 1ULL << least, 1ULL << most);
}

bool pci_is_storage(const struct pci_device *device)
{
	return device->class_code >> 16 == 0x01;
}

bool pci_is_network(const struct pci_device *device)
{
	return device->class_code >> 16 == 0x02;
}

const char *pci_class_text(uint32_t class_code)
{
	static const struct {
		uint32_t class_word;
		const char *text;
	} names[] = {
			{0x0101, "IDE controller"},
			{0x0104, "RAID controller"},
			{0x0106, "SATA controller"},
			{0x0107, "SAS controller"},
			{0x0108, "NVMe controller"},
			{0x0200, "Ethernet controller"},
			{0x0280, "Network controller"},
			{0x0300, "VGA controller"},
			{0x0302, "3D controller"},
			{0x0380, "Display controller"},
			{0x0401, "Audio device"},
			{0x0403, "Audio device"},
			{0x0500, "RAM memory"},
			{0x0600, "Host bridge"},
			{0x0601, "ISA bridge"},
			{0x0604, "PCI bridge"},
			{0x0680, "Bridge"},
			{0x0780, "Communication controller"},
			{0x0806, "IOMMU"},
			{0x0c03, "USB controller"},
			{0x0c05, "SMBus"},
			{0x0c80, "Serial bus controller"},
			{0x1080, "Encryption controller"},
			{0x1200, "Processing accelerator"},
	};
	static const char *const base[] = {"Unclassified device", "Storage controller",
			"Network controller", "Display controller", "Multimedia device",
			"Memory controller", "Bridge", "Communication controller",
			"System peripheral", "Input device", "Docking station", "Processor",
			"Serial bus controller", "Wireless controller"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].class_word == class_code >> 8)
			return names[i].text;
	uint32_t index = class_code >> 16;
	return index < sizeof base / sizeof *base ? base[index] : "Device";
}

/* What read_device() asks of a GPU. */
static bool offers_mdev(
		const struct root *root, struct arena *arena, const struct pci_device *device)
{
	const char *types = arena_printf(arena, "%s/%s/mdev_supported_types", path, device->name);
	const char *nvidia = arena_printf(arena, "%s/%s/nvidia", path, device->name);
	return root_exists(root, types) || (device->vendor == 0x10de && root_exists(root, nvidia));
}

static void read_mdev(const struct root *root, struct facts *facts, const struct list *devices)
{
	for (size_t i = 0; i < devices->n; i++) {
		struct pci_device *device = devices->item[i];
		if (device->mdev == KNOWN_UNKNOWN && !pci_is_bridge(device))
			device->mdev = offers_mdev(root, facts->arena, device) ? KNOWN_YES
									       : KNOWN_NO;
	}
}

void facts_read_mdev(const struct root *root, struct facts *facts)
{
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		const struct list *lines[] = {&vm->hostpci, &vm->pending};
		for (size_t e = 0; e < 2; e++)
			for (size_t n = 0; n < lines[e]->n; n++) {
				const struct vm_hostpci *entry = lines[e]->item[n];
				if (!entry->parsed.mdev)
					continue;
				read_mdev(root, facts, &entry->devices);
				read_mdev(root, facts, &entry->alternatives);
			}
	}
	for (size_t i = 0; i < facts->mappings.mappings.n; i++) {
		const struct pci_mapping *mapping = facts->mappings.mappings.item[i];
		for (size_t e = 0; mapping->mdev && e < mapping->entries.n; e++) {
			const struct pci_mapping_entry *entry = mapping->entries.item[e];
			struct list devices = {0};
			facts_find_path(facts, facts->arena, &devices, entry->path);
			read_mdev(root, facts, &devices);
		}
	}
}
