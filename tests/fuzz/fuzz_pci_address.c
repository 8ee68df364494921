/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PCI addresses: what is read is written in the kernel's spelling and read back the same. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/pci_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct pci_address address;
	struct pci_address again;
	bool whole = false;
	bool full = pci_address_parse_full(text, &again);
	if (pci_address_parse(text, &address, &whole)) {
		char formatted[PCI_ADDRESS_TEXT];
		CHECK(address.device < 32 && address.function < 8);
		CHECK(!whole || address.function == 0);
		CHECK(!(full && whole));
		pci_address_format(&address, formatted);
		CHECK(pci_address_parse_full(formatted, &again));
		CHECK(pci_address_compare(&address, &again) == 0);
		CHECK(pci_address_same_slot(&address, &again));
	} else {
		CHECK(!full);
	}
	free(text);
	return 0;
}
