/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /etc/default/grub: ranges and values fit together; an edit changes the value only, is read back
 * as the old words and the new one, and taking the word out again gives the file back.
 */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/grub_default.h"
#include "pvegpu/formats/kernel_cmdline.h"

static const char name[] = "GRUB_CMDLINE_LINUX_DEFAULT";
static const char word[] = "pvegpu.fuzz=1,a:b";

static void check_assignments(const char *text, const struct grub_default *parsed)
{
	size_t n = strlen(text);
	size_t last_end = 0;
	for (size_t i = 0; i < parsed->assignments.n; i++) {
		const struct grub_assignment *item = parsed->assignments.item[i];
		if (item->unset)
			continue; /* has no place of its own */
		CHECK(item->name[0] && item->value);
		CHECK(item->start >= last_end && item->start <= item->end && item->end <= n);
		CHECK(item->start > 0 && text[item->start - 1] == '=');
		CHECK(!item->quote || (text[item->start] == item->quote &&
						      text[item->end - 1] == item->quote));
		size_t line = 1;
		for (size_t c = 0; c < item->start; c++)
			line += text[c] == '\n';
		CHECK(item->line == line);
		last_end = item->end;
	}
}

/* Quotes that the kernel would read on to the end, or blanks and words that an addition and a
 * removal cannot tell from its own. */
static bool comes_back(const char *value)
{
	size_t quotes = 0;
	for (const char *c = value; *c; c++)
		quotes += *c == '"';
	size_t n = strlen(value);
	return quotes % 2 == 0 && !strstr(value, word) && !strstr(value, "--") &&
	       (n == 0 || (value[n - 1] != ' ' && value[n - 1] != '\t'));
}

static void check_edit(struct arena *arena, const char *text, const struct grub_default *parsed)
{
	struct strings none = {0};
	struct strings words = {0};
	strings_add(arena, &words, word);
	char *added = NULL;
	struct error err = {0};
	int status = grub_default_edit(arena, "grub", text, name, &words, &none, &added, &err);
	const char *why = grub_default_why_not_editable(parsed, name, arena);
	CHECK(!why || status == ERROR_REFUSED);
	if (fuzz_failed(status, &err)) {
		CHECK(!added);
		return;
	}
	const struct grub_assignment *old = grub_default_find(parsed, name, NULL);
	const char *value = old ? old->value : "";
	struct grub_default again;
	CHECK(grub_default_parse(arena, "grub", added, &again, &err) == 0);
	size_t count = 0;
	const struct grub_assignment *new = grub_default_find(&again, name, &count);
	CHECK(new &&count > 0 && !new->dynamic && !new->append);
	/* A last line that ends in a backslash is read as another line once one follows it. */
	if (old || !*text || text[strlen(text) - 1] != '\\')
		CHECK(again.assignments.n == parsed->assignments.n + !old);
	CHECK(strcmp(new->value, cmdline_add(arena, value, word)) == 0);
	CHECK(strncmp(added, text, old ? old->start : strlen(text)) == 0);
	if (old)
		CHECK(strcmp(added + new->end, text + old->end) == 0);
	char *removed = NULL;
	CHECK(grub_default_edit(arena, "grub", added, name, &none, &words, &removed, &err) == 0);
	if (!old || !comes_back(value))
		return;
	CHECK(grub_default_parse(arena, "grub", removed, &again, &err) == 0);
	CHECK(strcmp(grub_default_find(&again, name, NULL)->value, value) == 0);
	/* Byte for byte where one pair of quotes holds no backslash. */
	if (old->quote && !memchr(text + old->start, '\\', old->end - old->start))
		CHECK(strcmp(removed, text) == 0);
}

/* What is said to be whole holds after a file of our own too, with the word added. */
static void check_snippet(struct arena *arena, const char *text, const struct grub_default *parsed)
{
	struct strings words = {0};
	strings_add(arena, &words, word);
	char *snippet = grub_snippet_make(arena, name, &words, "because");
	struct grub_default own;
	CHECK(grub_default_parse(arena, "own", snippet, &own, NULL) == 0);
	struct strings back = grub_snippet_words(arena, &own, name);
	CHECK(back.n == 1 && strcmp(back.item[0], word) == 0);
	const struct grub_source sources[] = {{"grub", parsed}, {"own", &own}};
	bool whole = false;
	char *alone = grub_default_effective(arena, sources, 1, name, &whole);
	char *both = grub_default_effective(arena, sources, 2, name, NULL);
	CHECK(strcmp(both, arena_printf(arena, "%s %s", alone, word)) == 0);
	size_t count = 0;
	const struct grub_assignment *found = grub_default_find(parsed, name, &count);
	if (found && !grub_default_why_not_editable(parsed, name, arena))
		CHECK(whole && strcmp(alone, found->value) == 0);
	(void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	struct grub_default parsed;
	struct error err = {0};
	if (!fuzz_failed(grub_default_parse(arena, "grub", text, &parsed, &err), &err)) {
		check_assignments(text, &parsed);
		check_edit(arena, text, &parsed);
		check_snippet(arena, text, &parsed);
	} else {
		CHECK(err.code == ERROR_PARSE && strstr(err.text, "grub, line "));
	}
	arena_free(arena);
	free(text);
	return 0;
}
