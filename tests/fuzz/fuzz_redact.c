/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Redaction: what was taken out is taken out; a second time changes no host, address or id. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/doctor/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	struct redactor *redactor = redactor_new(size % 2);
	redactor_add_host(redactor, "pve2");
	size_t counts[REDACT_KINDS] = {0};
	char *once = redact(redactor, arena, text, counts);
	size_t again[REDACT_KINDS] = {0};
	(void)redact(redactor, arena, once, again);
	CHECK(again[REDACT_HOST] == 0);
	size_t all = 0;
	for (int i = 0; i < REDACT_KINDS; i++)
		all += counts[i];
	CHECK(all || strcmp(once, text) == 0);
	(void)redact_path(redactor, arena, text);
	redactor_free(redactor);
	arena_free(arena);
	free(text);
	return 0;
}
