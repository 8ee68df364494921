/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/schema.h"

static bool is_configid(const char *value)
{
	return rx_test("(?i)^[a-z][a-z0-9_-]+$", value);
}

static bool is_dns_name(const char *value)
{
	static const char label[] = "([a-zA-Z0-9]([a-zA-Z0-9\\-]*[a-zA-Z0-9])?)";
	struct arena *arena = arena_new();
	bool valid = rx_test(arena_printf(arena, "^(%s\\.)*%s$", label, label), value);
	arena_free(arena);
	return valid;
}

static bool is_ip(int family, const char *value)
{
	unsigned char address[16];
	return inet_pton(family, value, address) == 1;
}

static bool is_cidr(int family, const char *value, unsigned long most)
{
	struct arena *arena = arena_new();
	struct rx rx;
	unsigned long bits = 0;
	bool valid = rx_match(arena, "^([^/]+)/(\\d{1,3})$", RX_BYTES, value, &rx) &&
		     is_ip(family, rx.group[1]) && text_to_ulong(rx.group[2], 10, most, &bits) &&
		     bits > 7;
	arena_free(arena);
	return valid;
}

/* PVE::CpuSet->new: numbers and ascending ranges between commas, blanks allowed around. */
static bool is_cpuset(const char *value)
{
	struct arena *arena = arena_new();
	struct strings parts;
	perl_split(arena, value, ',', &parts);
	bool valid = true;
	for (size_t i = 0; i < parts.n && valid; i++) {
		struct rx rx;
		valid = rx_match(arena, "^\\s*(\\d+)(?:-(\\d+))?\\s*$", RX_UNICODE, parts.item[i],
				&rx);
		if (valid && rx.group[2])
			valid = strtod(rx.group[1], NULL) <= strtod(rx.group[2], NULL);
	}
	arena_free(arena);
	return valid;
}

static bool is_startup(const char *value)
{
	struct arena *arena = arena_new();
	struct strings parts;
	bool valid = perl_true(value);
	perl_split(arena, value, ',', &parts);
	for (size_t i = 0; i < parts.n && valid; i++)
		valid = rx_test("^(?:\\s*|(?:order=)?\\d+|up=\\d+|down=\\d+)$", parts.item[i]);
	arena_free(arena);
	return valid;
}

/* NULL, or the feature that there is not. */
static char *bad_hotplug(struct arena *arena, const char *value)
{
	struct strings parts;
	if (strcmp(value, "0") == 0 || strcmp(value, "1") == 0)
		return NULL;
	perl_split_list(arena, value, &parts);
	for (size_t i = 0; i < parts.n; i++)
		if (!rx_test("^(?:network|disk|cpu|memory|usb|cloudinit)$", parts.item[i]))
			return arena_printf(arena, "invalid hotplug feature '%s'", parts.item[i]);
	return NULL;
}

static bool is_drive_name(const char *value)
{
	return rx_test("^(?:ide[0-3]|sata[0-5]|scsi(?:[12]?[0-9]|30)|virtio(?:[0-9]|1[0-5]))$",
			value);
}

static bool is_boot_device(const char *value)
{
	return is_drive_name(value) ||
	       rx_test("^(?:net(?:[12]?[0-9]|3[01])|usb(?:[0-9]|1[0-3])|hostpci(?:[0-9]|1[0-5]))$",
			       value);
}

static bool is_volume_id(const char *value)
{
	return rx_test("(?i)^([a-z][a-z0-9\\-\\_\\.]*[a-z0-9]):(.+)$", value);
}

/* NULL, or `why` with the value in the place of "%s". */
static char *say_if(struct arena *arena, bool wrong, const char *why, const char *value)
{
	const char *gap = strstr(why, "%s");
	if (!wrong)
		return NULL;
	return gap ? arena_printf(arena, "%.*s%s%s", (int)(gap - why), why, value, gap + 2)
		   : arena_strdup(arena, why);
}

/* Formats whose message is fixed. */
struct simple {
	const char *name;
	const char *pattern;
	const char *why;
};

static const struct simple simple_formats[] = {
		{"pve-node", "^(?:[a-zA-Z0-9]([a-zA-Z0-9\\-]*[a-zA-Z0-9])?)$",
				"value does not look like a valid node name"},
		{"pve-vmid", "^[1-9][0-9]{2,8}$", "value does not look like a valid VM ID"},
		{"mac-addr", "(?i)^[a-f0-9][02468ace](?::[a-f0-9]{2}){5}$",
				"value does not look like a valid unicast MAC address"},
		{"pve-tag", "(?i)^[a-z0-9_][a-z0-9_\\-\\+\\.]*$", "invalid characters in tag"},
		{"pve-bridge-id", "(?i)^[-_.\\w\\d]+$", "invalid bridge ID"},
};

#define SAY(wrong_, why_) say_if(arena, wrong_, why_, value)
static char *check_one(struct arena *arena, const char *format, const char *value)
{
	for (size_t i = 0; i < sizeof simple_formats / sizeof *simple_formats; i++)
		if (strcmp(simple_formats[i].name, format) == 0)
			return rx_test(simple_formats[i].pattern, value)
					       ? NULL
					       : arena_strdup(arena, simple_formats[i].why);
	if (strcmp(format, "pve-configid") == 0)
		return SAY(!is_configid(value), "invalid configuration ID '%s'");
	if (strcmp(format, "dns-name") == 0)
		return SAY(!is_dns_name(value), "value does not look like a valid DNS name");
	if (strcmp(format, "pve-cpuset") == 0)
		return SAY(!is_cpuset(value), "unable to parse cpuset option");
	if (strcmp(format, "pve-startup-order") == 0)
		return SAY(!is_startup(value), "unable to parse startup options");
	if (strcmp(format, "pve-hotplug-features") == 0)
		return bad_hotplug(arena, value);
	if (strcmp(format, "pve-qm-bootdev") == 0)
		return SAY(!is_boot_device(value), "invalid boot device '%s'");
	if (strcmp(format, "pve-qm-bootdisk") == 0)
		return SAY(!is_drive_name(value), "invalid boot disk '%s'");
	if (strcmp(format, "urlencoded") == 0)
		return SAY(!rx_test("^[-%a-zA-Z0-9_.!~*'()]*$", value),
				"invalid urlencoded string: %s");
	if (strcmp(format, "disk-size") == 0)
		return SAY(!rx_test("^(\\d+(\\.\\d+)?)([KMGT])?$", value),
				"value does not look like a valid disk size: %s");
	if (strcmp(format, "pve-storage-id") == 0)
		return SAY(!rx_test("(?i)^[a-z][a-z0-9\\-\\_\\.]*[a-z0-9]$", value),
				"storage ID '%s' contains illegal characters");
	if (strcmp(format, "pve-phys-bits") == 0)
		return SAY(!rx_test("^(?:host|0?[89]|[1-5]\\d|6[0-4])$", value),
				"value must be an integer between 8 and 64 or 'host'");
	if (strcmp(format, "ipv4") == 0)
		return SAY(!is_ip(AF_INET, value), "value does not look like a valid IPv4 address");
	if (strcmp(format, "ipv6") == 0)
		return SAY(!is_ip(AF_INET6, value),
				"value does not look like a valid IPv6 address");
	if (strcmp(format, "address") == 0)
		return SAY(!is_ip(AF_INET, value) && !is_ip(AF_INET6, value) && !is_dns_name(value),
				"value does not look like a valid address: %s");
	if (strcmp(format, "pve-ipv4-config") == 0)
		return SAY(!rx_test("^(?:dhcp|manual)$", value) && !is_cidr(AF_INET, value, 32),
				"value does not look like a valid ipv4 network configuration");
	if (strcmp(format, "pve-ipv6-config") == 0)
		return SAY(!rx_test("^(?:auto|dhcp|manual)$", value) &&
						!is_cidr(AF_INET6, value, 128),
				"value does not look like a valid ipv6 network configuration");
	if (strcmp(format, "pve-volume-id") == 0)
		return SAY(!is_volume_id(value), "unable to parse volume ID '%s'");
	if (strcmp(format, "pve-volume-id-or-absolute-path") == 0)
		return SAY(value[0] != '/' && !is_volume_id(value),
				"unable to parse volume ID '%s'");
	if (strcmp(format, "pve-volume-id-or-qm-path") == 0)
		return SAY(value[0] != '/' && strcmp(value, "none") != 0 &&
						strcmp(value, "cdrom") != 0 && !is_volume_id(value),
				"unable to parse volume ID '%s'");
	if (strcmp(format, "pve-task-status-type") == 0)
		return SAY(!rx_test("(?i)^(ok|error|warning|unknown)$", value),
				"invalid status '%s'");
	return NULL; /* "string" and what is not checked here */
}

char *format_check_named(struct arena *arena, const struct schema_world *world, const char *format,
		const char *value)
{
	(void)world;
	if (!text_ends(format, "-list"))
		return check_one(arena, format, value);
	const char *name = arena_strndup(arena, format, strlen(format) - strlen("-list"));
	struct strings items;
	perl_split_list(arena, value, &items);
	for (size_t i = 0; i < items.n; i++) {
		char *why = check_one(arena, name, items.item[i]);
		if (why)
			return why;
	}
	return NULL;
}

/* True when the models file, a section configuration, has `cpu-model: NAME`. */
static bool custom_model_exists(const char *text, const char *name)
{
	struct arena *arena = arena_new();
	struct lines cursor = lines_start(text);
	struct line line;
	bool found = false;
	while (!found && line_next(&cursor, &line)) {
		struct rx rx;
		char *content = arena_strndup(arena, line.start, line.n);
		found = rx_match(arena, "^(\\S+):\\s*(\\S+)\\s*$", RX_BYTES, content, &rx) &&
			strcmp(rx.group[1], "cpu-model") == 0 && strcmp(rx.group[2], name) == 0;
	}
	arena_free(arena);
	return found;
}

static bool built_in_model_exists(const char *name)
{
	struct arena *arena = arena_new();
	struct strings names;
	perl_split(arena,
			schema_find(cpu_schema, &(struct schema_world){.version = "9"},
					"reported-model")
					->words,
			'|', &names);
	bool found = strings_has(&names, name) || rx_test("^x86-64-v(?:1|2|2-AES|3|4)$", name);
	arena_free(arena);
	return found;
}

#define VM_FLAGS                                                                                   \
	"aes|amd-no-ssb|amd-ssbd|hv-evmcs|hv-tlbflush|ibpb|md-clear|nested-virt|pcid|"             \
	"pdpe1gb|spec-ctrl|ssbd|virt-ssbd"

char *format_validate(struct arena *arena, const struct schema_world *world, const char *format,
		const json_t *properties)
{
	if (strcmp(format, "pve-vm-cpu-conf") != 0)
		return NULL;
	const char *type = hash_get(properties, "cputype");
	if (!perl_true(type))
		return arena_strdup(arena, "CPU is missing cputype");
	if (text_starts(type, "custom-")) {
		if (!custom_model_exists(world->cpu_models, type + strlen("custom-")))
			return arena_printf(arena, "Custom cputype '%s' not found",
					type + strlen("custom-"));
	} else if (!built_in_model_exists(type)) {
		return arena_printf(arena,
				"Built-in cputype '%s' is not defined (missing 'custom-' prefix?)",
				type);
	}
	const char *flags = hash_get(properties, "flags");
	static const char allowed[] = "^(?:[+-](?:" VM_FLAGS "))(?:;[+-](?:" VM_FLAGS "))*$";
	if (flags && !rx_test(allowed, flags))
		return arena_strdup(arena,
				"VM-specific CPU flags must be a subset of: aes, amd-no-ssb, "
				"amd-ssbd, hv-evmcs, hv-tlbflush, ibpb, md-clear, nested-virt, "
				"pcid, pdpe1gb, spec-ctrl, ssbd, virt-ssbd");
	if (json_object_get(properties, "reported-model"))
		return arena_strdup(arena,
				"Property 'reported-model' not allowed in VM-specific CPU config.");
	return NULL;
}
