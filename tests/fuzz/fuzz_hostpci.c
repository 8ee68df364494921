/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostpci values, as they are and as a line of a configuration. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/hostpci.h"
#include "pvegpu/formats/pci_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	struct hostpci parsed;
	struct error err = {0};
	int index = hostpci_index(text);
	CHECK(index >= -1 && index < HOSTPCI_MAX);
	if (!fuzz_failed(hostpci_parse(arena, text, &parsed, &err), &err)) {
		CHECK((parsed.hosts.n > 0) == (property_get(&parsed.properties, "host") != NULL));
		for (size_t i = 0; i < parsed.hosts.n; i++) {
			size_t n = strlen(parsed.hosts.item[i]);
			CHECK(n >= strlen("01:00") && strstr(text, parsed.hosts.item[i]));
			CHECK(strspn(parsed.hosts.item[i], "0123456789abcdef:.") == n);
		}
		CHECK(!parsed.mapping || parsed.mapping[0]);
		CHECK(!parsed.romfile || parsed.romfile[0]);
		/* The order of the parts does not matter, and nothing may be given twice. */
		struct hostpci again;
		if (!property_get(&parsed.properties, "pcie")) {
			char *more = arena_printf(arena, "pcie=1,%s", text);
			CHECK(hostpci_parse(arena, more, &again, &err) == 0);
			CHECK(again.pcie && again.hosts.n == parsed.hosts.n);
			more = arena_printf(arena, "pcie=1,%s,pcie=1", text);
			CHECK(hostpci_parse(arena, more, &again, &err) == ERROR_PARSE);
		}
	}
	arena_free(arena);
	free(text);
	return 0;
}
