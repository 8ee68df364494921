/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The firmware's tables: whatever they hold, a slot's name is a text of theirs. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/smbios.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	for (unsigned bus = 0; bus < 4; bus++) {
		const struct pci_address address = {.bus = (uint8_t)bus};
		const char *name = smbios_slot_name(arena, data, size, &address);
		CHECK(!name || (*name && memmem(data, size, name, strlen(name))));
	}
	arena_free(arena);
	return 0;
}
