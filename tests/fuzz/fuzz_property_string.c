/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Property strings: keys are unique, and writing the properties out reads back the same. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/base/text.h"
#include "pvegpu/formats/property_string.h"

static void check_printed(struct arena *arena, const struct property_string *parsed)
{
	struct text text = {0};
	for (size_t i = 0; i < parsed->properties.n; i++) {
		const struct property *property = parsed->properties.item[i];
		CHECK(property->key[0] && property->value[0]);
		CHECK(!strchr(property->key, ','));
		CHECK(!strchr(property->value, ','));
		CHECK(property_get(parsed, property->key) == property->value);
		text_addf(&text, "%s%s=%s", i ? "," : "", property->key, property->value);
		(void)property_bool(parsed, property->key, false);
	}
	struct property_string again;
	CHECK(property_string_parse(arena, text_take(&text, arena), NULL, &again, NULL) == 0);
	CHECK(again.properties.n == parsed->properties.n);
	for (size_t i = 0; i < again.properties.n; i++) {
		const struct property *property = again.properties.item[i];
		CHECK(strcmp(property_get(parsed, property->key), property->value) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	struct property_string parsed;
	struct error err = {0};
	if (!fuzz_failed(property_string_parse(arena, text, "host", &parsed, &err), &err))
		check_printed(arena, &parsed);
	if (!fuzz_failed(property_string_parse(arena, text, NULL, &parsed, &err), &err))
		check_printed(arena, &parsed);
	arena_free(arena);
	free(text);
	return 0;
}
