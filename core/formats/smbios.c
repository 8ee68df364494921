/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/smbios.h"

#include <string.h>

enum { SYSTEM_SLOT = 9, DESIGNATION = 4, SEGMENT = 13, BUS = 15, FUNCTION = 16, SLOT_LENGTH = 17 };

/* Behind the structure's strings, which two zeros end. */
static size_t end_of(const unsigned char *tables, size_t n, size_t strings)
{
	while (strings + 1 < n && (tables[strings] || tables[strings + 1]))
		strings++;
	return strings + 2;
}

/* The k-th string, from 1. */
static char *string_at(struct arena *arena, const unsigned char *tables, size_t n, size_t strings,
		unsigned k)
{
	size_t at = strings;
	while (k-- > 1) {
		while (at < n && tables[at])
			at++;
		at++;
	}
	size_t length = at < n ? strnlen((const char *)tables + at, n - at) : 0;
	return length ? arena_strndup(arena, (const char *)tables + at, length) : NULL;
}

char *smbios_slot_name(struct arena *arena, const unsigned char *tables, size_t n,
		const struct pci_address *address)
{
	for (size_t at = 0; at + 4 <= n && tables[at + 1] >= 4;) {
		const unsigned char *found = tables + at;
		size_t length = found[1];
		size_t strings = at + length;
		if (strings + 2 > n)
			return NULL;
		if (found[0] == SYSTEM_SLOT && length >= SLOT_LENGTH && found[DESIGNATION] &&
				(found[SEGMENT] | found[SEGMENT + 1] << 8) ==
						(int)address->domain &&
				found[BUS] == address->bus &&
				found[FUNCTION] >> 3 == address->device)
			return string_at(arena, tables, n, strings, found[DESIGNATION]);
		at = end_of(tables, n, strings);
	}
	return NULL;
}
