/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Redaction, in each form that a captured file may have: nothing counted, nothing changed; lines
 * stay lines; a password and an address in the midst of anything do not leave; and a second look
 * finds no host that the first one left. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/capture/redact.h"

static const char secret[] = "Kx7QvPz2Lm9T";

static size_t lines_of(const char *text)
{
	size_t n = 0;
	for (const char *c = text; *c; c++)
		n += *c == '\n';
	return n;
}

/* The input, and behind it lines with what must not leave. */
static char *with_secrets(struct arena *arena, const char *text)
{
	return arena_printf(arena, "%s\nx:%s,bc:24:11:74:74:8c\npass=one, %s\n10.11.12.13-%s\n",
			text, secret, secret, secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	struct redactor *redactor = redactor_new(size % 2);
	enum redact_form form = (enum redact_form)(size ? data[0] % REDACT_FORMS : 0);
	redactor_add_host(redactor, "pve2");
	size_t counts[REDACT_KINDS] = {0};
	char *once = redact(redactor, arena, form, text, counts);
	size_t all = 0;
	for (int i = 0; i < REDACT_KINDS; i++)
		all += counts[i];
	CHECK(all || strcmp(once, text) == 0);
	CHECK(lines_of(once) <= lines_of(text));
	CHECK(redactor_work(redactor) < (1U << 20) + 4000 * (size + 1));
	const char *planted = redact(redactor, arena, form, with_secrets(arena, text), NULL);
	size_t n = 0;
	const char *swept = redact_sweep(redactor, arena, planted, strlen(planted), &n);
	CHECK(n == strlen(swept));
	if (!strstr(text, secret)) {
		CHECK(!strstr(planted, secret));
		CHECK(!strstr(swept, secret));
	}
	CHECK(strstr(text, "10.11.12.13") || !strstr(planted, "10.11.12.13"));
	(void)redact_path(redactor, arena, text);
	redactor_free(redactor);
	arena_free(arena);
	free(text);
	return 0;
}
