/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "core/formats/internal.h"
#include "pvegpu/base/text.h"

#define DIGITS  "0123456789"
#define HEX     DIGITS "abcdefABCDEF"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define BLANKS  " \t\n\r\f\v"

/* Not empty, and of these characters only. */
static bool only(const char *value, const char *characters)
{
	return *value && !value[strspn(value, characters)];
}

static bool is_in(char c, const char *characters)
{
	return c && strchr(characters, c);
}

static size_t digits_at(const char *text)
{
	return strspn(text, DIGITS);
}

/* Ask `check` of each part between characters of `separators`; `most` parts are taken apart in a
 * buffer, so a part longer than any right one is wrong. */
static bool each_part(const char *value, const char *separators, bool skip_empty,
		bool (*check)(const char *part))
{
	char part[512];
	for (const char *at = value;;) {
		size_t n = strcspn(at, separators);
		if (n >= sizeof part)
			return false;
		memcpy(part, at, n);
		part[n] = '\0';
		if (!(n == 0 && skip_empty) && !check(part))
			return false;
		if (!at[n])
			return true;
		at += n + 1;
	}
}

/* PVE::Tools::split_list */
static bool each_of_list(const char *value, bool (*check)(const char *part))
{
	return each_part(value, ",;" BLANKS, true, check);
}

bool format_is_word(const char *words, const char *value)
{
	size_t n = strlen(value);
	for (const char *at = words;; at++) {
		const char *end = strchrnul(at, '|');
		if ((size_t)(end - at) == n && memcmp(at, value, n) == 0)
			return true;
		at = end;
		if (!*at)
			return false;
	}
}

bool format_is_numbered(const char *value, const char *name, unsigned long count)
{
	unsigned long number = 0;
	size_t n = strlen(name);
	return strncmp(value, name, n) == 0 && only(value + n, DIGITS) &&
	       !(value[n] == '0' && value[n + 1]) &&
	       text_to_ulong(value + n, 10, count - 1, &number);
}

static bool is_label(const char *value)
{
	size_t n = strlen(value);
	return only(value, LETTERS DIGITS "-") && value[0] != '-' && value[n - 1] != '-';
}

bool format_dns_name(const char *value)
{
	return each_part(value, ".", false, is_label);
}

static bool is_ip(int family, const char *value)
{
	unsigned char address[16];
	return inet_pton(family, value, address) == 1;
}

bool format_ipv4(const char *value)
{
	return is_ip(AF_INET, value);
}

bool format_ipv6(const char *value)
{
	return is_ip(AF_INET6, value);
}

static bool is_address(const char *value)
{
	return format_ipv4(value) || format_ipv6(value) || format_dns_name(value);
}

bool format_address_list(const char *value)
{
	return each_of_list(value, is_address);
}

static bool is_cidr(int family, const char *value, unsigned long most)
{
	char address[64];
	unsigned long bits = 0;
	size_t n = strcspn(value, "/");
	if (!value[n] || n >= sizeof address || strlen(value + n + 1) > 3)
		return false;
	memcpy(address, value, n);
	address[n] = '\0';
	return is_ip(family, address) && only(value + n + 1, DIGITS) &&
	       text_to_ulong(value + n + 1, 10, most, &bits) && bits > 7;
}

bool format_ipv4_config(const char *value)
{
	return format_is_word("dhcp|manual", value) || is_cidr(AF_INET, value, 32);
}

bool format_ipv6_config(const char *value)
{
	return format_is_word("auto|dhcp|manual", value) || is_cidr(AF_INET6, value, 128);
}

/* The numbers of two strings of digits, however long they are. */
static bool not_above(const char *a, size_t n, const char *b, size_t m)
{
	for (; n && *a == '0'; n--)
		a++;
	for (; m && *b == '0'; m--)
		b++;
	return n != m ? n < m : strncmp(a, b, n) <= 0;
}

/* 3 or 0-7, blanks allowed around */
static bool is_cpu_range(const char *part)
{
	part += strspn(part, BLANKS);
	size_t n = digits_at(part);
	const char *rest = part + n;
	if (n && *rest == '-') {
		size_t m = digits_at(rest + 1);
		if (!m || !not_above(part, n, rest + 1, m))
			return false;
		rest += 1 + m;
	}
	return n && !rest[strspn(rest, BLANKS)];
}

bool format_cpuset(const char *value)
{
	size_t n = strlen(value); /* Perl's split drops what is empty at the end */
	while (n && value[n - 1] == ',')
		n--;
	char copy[4096];
	if (n >= sizeof copy)
		return false;
	memcpy(copy, value, n);
	copy[n] = '\0';
	return !n || each_part(copy, ",", false, is_cpu_range);
}

/* "order=3", "3", "up=30" or "down=60", or blanks */
static bool is_startup_part(const char *part)
{
	if (part[strspn(part, BLANKS)] == '\0')
		return true;
	static const char *const names[] = {"order=", "up=", "down="};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (text_starts(part, names[i]))
			return only(part + strlen(names[i]), DIGITS);
	return only(part, DIGITS);
}

bool format_startup(const char *value)
{
	return *value && strcmp(value, "0") != 0 && each_part(value, ",", false, is_startup_part);
}

static bool is_hotplug_feature(const char *part)
{
	return format_is_word("network|disk|cpu|memory|usb|cloudinit", part);
}

bool format_hotplug(const char *value)
{
	return format_is_word("0|1", value) || each_of_list(value, is_hotplug_feature);
}

bool format_boot_disk(const char *value)
{
	return format_is_numbered(value, "ide", 4) || format_is_numbered(value, "sata", 6) ||
	       format_is_numbered(value, "scsi", 31) || format_is_numbered(value, "virtio", 16);
}

static bool is_boot_device(const char *part)
{
	return format_boot_disk(part) || format_is_numbered(part, "net", 32) ||
	       format_is_numbered(part, "usb", 14) || format_is_numbered(part, "hostpci", 16);
}

bool format_boot_order(const char *value)
{
	return each_of_list(value, is_boot_device);
}

bool format_legacy_boot(const char *value)
{
	return only(value, "acdn") && strlen(value) <= 4;
}

bool format_urlencoded(const char *value)
{
	return !*value || only(value, LETTERS DIGITS "-%_.!~*'()");
}

/* 32G, 1.5T, 528K */
bool format_disk_size(const char *value)
{
	size_t n = digits_at(value);
	if (n && value[n] == '.' && is_in(value[n + 1], DIGITS))
		n += 1 + digits_at(value + n + 1);
	return n && (!value[n] || (is_in(value[n], "KMGT") && !value[n + 1]));
}

static bool is_storage_id(const char *value, size_t n)
{
	static const char inside[] = LETTERS DIGITS "-_.";
	return n >= 2 && is_in(value[0], LETTERS) && strspn(value, inside) >= n &&
	       is_in(value[n - 1], LETTERS DIGITS);
}

bool format_storage_id(const char *value)
{
	return is_storage_id(value, strlen(value));
}

bool format_volume_id(const char *value)
{
	size_t n = strcspn(value, ":");
	return value[n] && value[n + 1] && is_storage_id(value, n);
}

bool format_drive_file(const char *value)
{
	return value[0] == '/' || format_is_word("none|cdrom", value) || format_volume_id(value);
}

static bool is_tag(const char *part)
{
	return only(part, LETTERS DIGITS "_-+.") && !is_in(part[0], "-+.");
}

bool format_tags(const char *value)
{
	return each_of_list(value, is_tag);
}

/* A unicast address. */
bool format_mac(const char *value)
{
	for (int i = 0; i < 6; i++, value += 2) {
		if (i && *value++ != ':')
			return false;
		if (!is_in(value[0], HEX) || !is_in(value[1], i ? HEX : "02468aceACE"))
			return false;
	}
	return !*value;
}

bool format_bridge(const char *value)
{
	return only(value, LETTERS DIGITS "-_.");
}

/* -9.2 or -9.2+pve1: past it, or NULL */
static const char *after_version(const char *text)
{
	size_t n = 0;
	if (*text != '-' || !(n = digits_at(text + 1)))
		return NULL;
	text += 1 + n;
	if (*text != '.')
		return NULL;
	while (*text == '.' && is_in(text[1], DIGITS))
		text += 1 + digits_at(text + 1);
	if (text_starts(text, "+pve") && is_in(text[4], DIGITS))
		text += 4 + digits_at(text + 4);
	return text;
}

/* q35, pc, virt, or one of them with a version (PVE/QemuServer/Machine.pm) */
bool format_machine(const char *value)
{
	static const char *const names[] = {"pc-i440fx", "pc-q35", "pc", "virt"};
	if (format_is_word("pc|q35|virt", value))
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!text_starts(value, names[i]))
			continue;
		const char *rest = after_version(value + strlen(names[i]));
		if (rest && (!*rest || (strcmp(rest, ".pxe") == 0 && i < 3)))
			return true;
	}
	return text_starts(value, "virt+pve") && only(value + 8, DIGITS);
}

/* The flags that a VM may set, beside those of its model (PVE/QemuServer/CPUConfig.pm). */
static bool is_cpu_flag(const char *part)
{
	return is_in(part[0], "+-") &&
	       format_is_word("aes|amd-no-ssb|amd-ssbd|hv-evmcs|hv-tlbflush|ibpb|md-clear|nested-virt|pcid|pdpe1gb|spec-ctrl|ssbd|virt-ssbd",
			       part + 1);
}

bool format_cpu_flags(const char *value)
{
	return each_part(value, ";", false, is_cpu_flag);
}

bool format_cpu_vendor(const char *value)
{
	return only(value, LETTERS DIGITS) && strlen(value) <= 12;
}

bool format_phys_bits(const char *value)
{
	unsigned long bits = 0;
	size_t n = strlen(value);
	bool zero = value[0] == '0'; /* 08 and 09 are taken */
	return strcmp(value, "host") == 0 ||
	       (only(value, DIGITS) && n <= 2 && text_to_ulong(value, 10, 64, &bits) && bits >= 8 &&
			       (!zero || bits < 10));
}

static bool is_number_range(const char *part)
{
	size_t n = digits_at(part);
	return n && (!part[n] || (part[n] == '-' && only(part + n + 1, DIGITS)));
}

bool format_number_ranges(const char *value)
{
	return each_part(value, ";", false, is_number_range);
}

bool format_uuid(const char *value)
{
	static const size_t groups[] = {8, 4, 4, 4, 12};
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		if ((i && *value++ != '-') || strspn(value, HEX) < groups[i])
			return false;
		value += groups[i];
	}
	return !*value;
}

bool format_base64(const char *value)
{
	size_t n = strspn(value, LETTERS DIGITS "+/");
	return n && strspn(value + n, "=") <= 2 && !value[n + strspn(value + n, "=")];
}

/* 0x1234:0xabcd, 1-2.3 or spice */
bool format_usb_host(const char *value)
{
	if (strcasecmp(value, "spice") == 0)
		return true;
	size_t n = digits_at(value);
	if (n && value[n] == '-') {
		const char *at = value + n;
		do {
			size_t digits = digits_at(at + 1);
			if (!digits)
				return false;
			at += 1 + digits;
		} while (*at == '.');
		return !*at;
	}
	for (int i = 0; i < 2; i++) {
		if (i && *value++ != ':')
			return false;
		value += text_starts(value, "0x") ? 2 : 0;
		if (strspn(value, HEX) < 4)
			return false;
		value += 4;
	}
	return !*value;
}

bool format_digits(const char *value)
{
	return only(value, DIGITS);
}

/* 10.1.2 */
bool format_dotted(const char *value)
{
	return strchr(value, '.') && each_part(value, ".", false, format_digits);
}

bool format_wwn(const char *value)
{
	return text_starts(value, "0x") && strspn(value + 2, HEX) == 16 && !value[18];
}

static bool is_scsi_text(const char *value, size_t most)
{
	return strlen(value) <= most && (!*value || only(value, LETTERS DIGITS "-_" BLANKS));
}

bool format_scsi_product(const char *value)
{
	return is_scsi_text(value, 16);
}

bool format_scsi_vendor(const char *value)
{
	return is_scsi_text(value, 8);
}

bool format_shared_name(const char *value)
{
	return only(value, LETTERS DIGITS "-");
}
