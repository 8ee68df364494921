/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ROM files: whatever the bytes are, what is taken for a ROM lies inside them. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/pci_rom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pci_rom rom;
	bool is_one = pci_rom_read(data, size, &rom);
	CHECK(is_one == !rom.problem);
	CHECK(rom.size <= size && rom.n_ids <= PCI_ROM_IDS);
	CHECK(!is_one || (rom.images && rom.size >= 512 && rom.n_ids));
	for (size_t i = 0; i < rom.n_ids; i++)
		CHECK(pci_rom_is_for(&rom, rom.ids[i].vendor, rom.ids[i].device));
	/* What follows its images does not count. */
	struct pci_rom again;
	if (is_one)
		CHECK(pci_rom_read(data, rom.size, &again) && again.images == rom.images);
	return 0;
}
