/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of PCI mappings, and one value of `map`. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/pci_mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	struct pci_mapping_entry entry;
	struct error err = {0};
	if (!fuzz_failed(pci_mapping_entry_parse(arena, text, &entry, &err), &err)) {
		CHECK(entry.node[0] && entry.path[0] && strlen(entry.id) == 9);
		CHECK(entry.group >= -1);
	}
	struct pci_mapping_file file;
	pci_mapping_parse(arena, text, &file);
	for (size_t i = 0; i < file.mappings.n; i++) {
		const struct pci_mapping *mapping = file.mappings.item[i];
		CHECK(pci_mapping_name_is_valid(mapping->name));
		CHECK((mapping->entries.n == 0) == (mapping->error != NULL));
		for (size_t other = 0; other < i; other++)
			CHECK(strcmp(((struct pci_mapping *)file.mappings.item[other])->name,
					      mapping->name) != 0);
	}
	arena_free(arena);
	free(text);
	return 0;
}
