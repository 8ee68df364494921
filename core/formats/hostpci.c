/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/hostpci.h"

#include <string.h>

#include "pvegpu/formats/pci_mapping.h"

static size_t hex_lower(const char *text)
{
	return strspn(text, "0123456789abcdef");
}

/* $PCIRE of PVE/QemuServer/PCI.pm: (?:[a-f0-9]{4,}:)?[a-f0-9]{2}:[a-f0-9]{2}(?:\.[a-f0-9])? */
static bool host_is_valid(const char *text)
{
	size_t n = hex_lower(text);
	if (n >= 4 && text[n] == ':') {
		text += n + 1;
		n = hex_lower(text);
	}
	if (n != 2 || text[2] != ':' || hex_lower(text + 3) != 2)
		return false;
	text += 5;
	return *text == '\0' || (*text == '.' && hex_lower(text + 1) == 1 && text[2] == '\0');
}

static bool hosts_are_valid(const char *text, struct arena *arena, struct strings *hosts)
{
	for (;;) {
		size_t n = strcspn(text, ";");
		char *host = arena_strndup(arena, text, n);
		if (!host_is_valid(host))
			return false;
		strings_add(arena, hosts, host);
		if (!text[n])
			return true;
		text += n + 1;
	}
}

static bool id_is_valid(const char *text)
{
	return strncmp(text, "0x", 2) == 0 && strlen(text) == 6 &&
	       strspn(text + 2, "0123456789abcdefABCDEF") == 4;
}

enum kind { KIND_HOST, KIND_MAPPING, KIND_BOOL, KIND_FILE, KIND_MDEV, KIND_ID, KIND_DRIVER };

static const struct key {
	const char *name;
	enum kind kind;
} keys[] = {
		{"host", KIND_HOST},
		{"mapping", KIND_MAPPING},
		{"rombar", KIND_BOOL},
		{"romfile", KIND_FILE},
		{"pcie", KIND_BOOL},
		{"x-vga", KIND_BOOL},
		{"legacy-igd", KIND_BOOL},
		{"mdev", KIND_MDEV},
		{"vendor-id", KIND_ID},
		{"device-id", KIND_ID},
		{"sub-vendor-id", KIND_ID},
		{"sub-device-id", KIND_ID},
		{"driver", KIND_DRIVER},
};

static bool value_is_valid(
		enum kind kind, const char *value, struct arena *arena, struct strings *hosts)
{
	switch (kind) {
	case KIND_HOST:
		return hosts_are_valid(value, arena, hosts);
	case KIND_MAPPING:
		return pci_mapping_name_is_valid(value);
	case KIND_BOOL:
		return property_is_bool(value);
	case KIND_FILE:
		return !strpbrk(value, ",;");
	case KIND_MDEV:
		return !strpbrk(value, "/.:");
	case KIND_ID:
		return id_is_valid(value);
	case KIND_DRIVER:
		return strcmp(value, "vfio") == 0 || strcmp(value, "keep") == 0;
	}
	return false;
}

int hostpci_parse(struct arena *arena, const char *value, struct hostpci *ret_parsed,
		struct error *err)
{
	struct hostpci parsed = {0};
	int status = property_string_parse(arena, value, "host", &parsed.properties, err);
	if (status < 0)
		return status;
	for (size_t i = 0; i < parsed.properties.properties.n; i++) {
		const struct property *property = parsed.properties.properties.item[i];
		const struct key *key = NULL;
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			if (strcmp(keys[k].name, property->key) == 0)
				key = &keys[k];
		if (!key)
			return error_set(err, ERROR_PARSE, "'%s' is not a hostpci setting",
					property->key);
		if (!value_is_valid(key->kind, property->value, arena, &parsed.hosts))
			return error_set(err, ERROR_PARSE, "'%s' is not a valid value for %s",
					property->value, property->key);
	}
	parsed.mapping = property_get(&parsed.properties, "mapping");
	parsed.romfile = property_get(&parsed.properties, "romfile");
	parsed.mdev = property_get(&parsed.properties, "mdev");
	const char *driver = property_get(&parsed.properties, "driver");
	parsed.keep_driver = driver && strcmp(driver, "keep") == 0;
	parsed.pcie = property_bool(&parsed.properties, "pcie", false);
	parsed.x_vga = property_bool(&parsed.properties, "x-vga", false);
	*ret_parsed = parsed;
	return 0;
}

int hostpci_index(const char *key)
{
	if (strncmp(key, "hostpci", 7) != 0)
		return -1;
	const char *digits = key + 7;
	size_t n = strspn(digits, "0123456789");
	if (n == 0 || n > 2 || digits[n] || (n == 2 && digits[0] == '0'))
		return -1;
	int index = digits[0] - '0';
	if (n == 2)
		index = index * 10 + digits[1] - '0';
	return index < HOSTPCI_MAX ? index : -1;
}
