/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines that set the number of virtual functions: where one is understood, the number stands where
 * it is said to, and the line with another one is understood as that. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/sriov_rule.h"

typedef bool reads(struct arena *arena, const char *line, struct sriov_rule *ret_rule);

static void check_form(struct arena *arena, const char *line, reads *read)
{
	struct sriov_rule rule;
	struct sriov_rule again;
	if (!read(arena, line, &rule))
		return;
	CHECK(sriov_rule_names(line));
	CHECK(rule.count <= SRIOV_FUNCTIONS_MAX);
	CHECK(rule.n && rule.at + rule.n <= strlen(line));
	CHECK(strspn(line + rule.at, "0123456789") == rule.n);
	const char *other = arena_printf(
			arena, "%.*s%u%s", (int)rule.at, line, 42U, line + rule.at + rule.n);
	CHECK(read(arena, other, &again));
	CHECK(again.count == 42 && again.at == rule.at);
	CHECK(pci_address_compare(&again.address, &rule.address) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	check_form(arena, text, sriov_rule_read_udev);
	check_form(arena, text, sriov_rule_read_sysfs);
	arena_free(arena);
	free(text);
	return 0;
}
