/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines that set the number of virtual functions: where one is understood, the number stands where
 * it is said to, and the line with another one is understood as that. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/attribute_rule.h"

static void check_form(struct arena *arena, enum device_attribute attribute, const char *line,
		attribute_rule_read *read)
{
	struct attribute_rule rule;
	struct attribute_rule again;
	if (!read(arena, attribute, line, &rule))
		return;
	CHECK(attribute_rule_names(attribute, line));
	CHECK(rule.value <= ATTRIBUTE_MAX);
	CHECK(rule.n && rule.at + rule.n <= strlen(line));
	CHECK(strspn(line + rule.at, "0123456789") == rule.n);
	const char *other = arena_printf(
			arena, "%.*s%u%s", (int)rule.at, line, 42U, line + rule.at + rule.n);
	CHECK(read(arena, attribute, other, &again));
	CHECK(again.value == 42 && again.at == rule.at);
	CHECK(pci_address_compare(&again.address, &rule.address) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	for (int a = ATTRIBUTE_NONE + 1; a < ATTRIBUTES; a++) {
		check_form(arena, (enum device_attribute)a, text, attribute_rule_read_udev);
		check_form(arena, (enum device_attribute)a, text, attribute_rule_read_sysfs);
	}
	arena_free(arena);
	free(text);
	return 0;
}
