/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's command line: an added word is there, and taken out again leaves what was. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/kernel_cmdline.h"

static const char word[] = "iommu=pt";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	struct strings words = cmdline_words(arena, text);
	for (size_t i = 0; i < words.n; i++) {
		CHECK(words.item[i][0]);
		CHECK(strstr(text, words.item[i]));
		CHECK(cmdline_has_word(&words, words.item[i]));
	}
	(void)cmdline_value(&words, "intel_iommu");
	(void)cmdline_list_has(text, "on");
	size_t quotes = 0;
	for (const char *c = text; *c; c++)
		quotes += *c == '"';
	size_t n = strlen(text);
	char *added = cmdline_add(arena, text, word);
	char *removed = cmdline_remove(arena, added, word);
	struct strings left = cmdline_words(arena, removed);
	if (quotes % 2 == 0) {
		struct strings more = cmdline_words(arena, added);
		CHECK(more.n == words.n + 1);
		CHECK(cmdline_has_word(&more, word));
		CHECK(!cmdline_has_word(&left, word));
		bool blank_end = n && strchr(" \t\r\n", text[n - 1]);
		if (!strstr(text, word) && !blank_end)
			CHECK(strcmp(removed, text) == 0);
		if (!cmdline_has_word(&words, word) && !strstr(text, word))
			CHECK(left.n == words.n);
	}
	CHECK(strcmp(cmdline_remove(arena, removed, word), removed) == 0);
	CHECK(cmdline_holds(&words, word) || !cmdline_has_word(&words, word));
	/* The file: all below the first line stays; an edit and its undoing give the bytes back. */
	struct strings none = {0};
	struct strings one = {0};
	struct error err = {0};
	char *edited = NULL;
	strings_add(arena, &one, word);
	if (!fuzz_failed(cmdline_file_edit(arena, "cmdline", text, &one, &none, &edited, &err),
			    &err)) {
		size_t line = strcspn(text, "\r\n");
		CHECK(strcmp(edited + strcspn(edited, "\r\n"), text + line) == 0);
		char *undone = NULL;
		struct strings first = cmdline_words(arena, cmdline_file_line(arena, text));
		CHECK(cmdline_file_edit(arena, "cmdline", edited, &none, &one, &undone, &err) == 0);
		bool blank = line && strchr(" \t", text[line - 1]);
		if (!blank && !cmdline_has_word(&first, word) && !memmem(text, line, "--", 2))
			CHECK(strcmp(undone, text) == 0);
	}
	arena_free(arena);
	free(text);
	return 0;
}
