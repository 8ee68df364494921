/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "pvegpu/base/text.h"
#include "pvegpu/doctor/doctor.h"

/* What a line of a log names: a device, a group, a VM. */

static bool is_hex(char c)
{
	return c && strchr("0123456789abcdefABCDEF", c) != NULL;
}

static size_t hex_run(const char *at)
{
	size_t n = 0;
	while (is_hex(at[n]))
		n++;
	return n;
}

/*
 * The length of the address that begins here; 0 if none does. With a domain (0000:01:00) the
 * function may be missing; without one it must not, or times of the day would be addresses.
 */
static size_t address_length(const char *at)
{
	size_t first = hex_run(at);
	if (at[first] != ':')
		return 0;
	size_t n = first + 1;
	bool domain = first >= 4 && first <= 8;
	if (domain) {
		if (hex_run(at + n) != 2 || at[n + 2] != ':')
			return 0;
		n += 3;
	} else if (first != 2) {
		return 0;
	}
	if (hex_run(at + n) != 2)
		return 0;
	n += 2;
	if (at[n] == '.' && at[n + 1] >= '0' && at[n + 1] <= '7' && !is_hex(at[n + 2]))
		return n + 2;
	return domain && at[n] != ':' && at[n] != '-' ? n : 0;
}

static void find_device(const char *line, struct named *named)
{
	for (const char *at = line; *at; at++) {
		if (at > line &&
				(is_hex(at[-1]) ||
						(at[-1] == ':' &&
								!(at - line >= 4 &&
										memcmp(at - 4, "PCI:",
												4) ==
												0))))
			continue;
		size_t n = is_hex(*at) ? address_length(at) : 0;
		char word[PCI_ADDRESS_TEXT];
		struct pci_address address;
		bool slot = false;
		if (!n || n >= sizeof word)
			continue;
		memcpy(word, at, n);
		word[n] = '\0';
		if (!pci_address_parse(word, &address, &slot))
			continue;
		pci_address_format(&address, named->device);
		if (slot)
			named->device[strlen(named->device) - 2] = '\0';
		return;
	}
}

static long number_after(const char *line, const char *words)
{
	for (const char *at = line; (at = strcasestr(at, words)) != NULL; at++) {
		const char *digits = at + strlen(words);
		if (*digits < '0' || *digits > '9')
			continue;
		char *end = NULL;
		long value = strtol(digits, &end, 10);
		if (value >= 0 && value <= 999999999)
			return value;
	}
	return -1;
}

struct named named_in(const char *line)
{
	static const char *const groups[] = {"group ", "/dev/vfio/", "iommu_groups/"};
	static const char *const vms[] = {"VMID '", "VMID ", " VM ", ":qmstart:", "vm:", "lock-",
			"qemu-server/", "hookscript error for ", "-id "};
	struct named named = {.group = -1};
	find_device(line, &named);
	for (size_t i = 0; named.group < 0 && i < sizeof groups / sizeof *groups; i++) {
		long group = number_after(line, groups[i]);
		named.group = group <= 65535 ? (int)group : -1;
	}
	for (size_t i = 0; !named.vmid && i < sizeof vms / sizeof *vms; i++) {
		long vmid = number_after(line, vms[i]);
		named.vmid = vmid >= 100 ? (unsigned)vmid : 0;
	}
	return named;
}
