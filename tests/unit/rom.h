/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TESTS_UNIT_ROM_H
#define PVEGPU_TESTS_UNIT_ROM_H

#include <string.h>

#include "pvegpu/formats/pci_rom.h"

/* Put one image of `blocks` times 512 bytes at `at`, as a card's ROM has it. */
static inline void rom_image(unsigned char *at, size_t blocks, enum pci_rom_code code,
		uint16_t vendor, uint16_t device, bool last)
{
	enum { DATA = 0x40 };
	unsigned char sum = 0;
	memset(at, 0x90, blocks * 512);
	memcpy(at, "\x55\xaa", 2);
	at[2] = (unsigned char)blocks;
	if (code == PCI_ROM_EFI)
		memcpy(at + 4, "\xf1\x0e\x00\x00", 4);
	at[0x18] = DATA;
	at[0x19] = 0;
	unsigned char *data = at + DATA;
	memset(data, 0, 0x1c);
	memcpy(data, "PCIR", 4);
	data[4] = (unsigned char)vendor;
	data[5] = (unsigned char)(vendor >> 8);
	data[6] = (unsigned char)device;
	data[7] = (unsigned char)(device >> 8);
	data[0x0a] = 0x1c;
	data[0x0c] = 3;
	data[0x0f] = 3; /* a display */
	data[0x10] = (unsigned char)blocks;
	data[0x14] = (unsigned char)code;
	data[0x15] = last ? 0x80 : 0;
	for (size_t i = 0; i < blocks * 512; i++)
		sum = (unsigned char)(sum + at[i]);
	at[blocks * 512 - 1] = (unsigned char)(at[blocks * 512 - 1] - sum);
}

#endif
