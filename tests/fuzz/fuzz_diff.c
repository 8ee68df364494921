/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two texts parted by the first NUL: applying the diff to the one gives the other. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/base/text.h"
#include "pvegpu/plan/diff.h"

static const char no_newline[] = "\\ No newline at end of file\n";

/* Walk the hunks, checking each line against `before`, and make the text they lead to. */
static char *apply(struct arena *arena, const char *before, const char *diff)
{
	struct text out = {0};
	struct lines cursor = lines_start(diff);
	const char *old = before;
	size_t at = 1;
	struct line line;
	CHECK(line_next(&cursor, &line) && strncmp(line.start, "--- ", 4) == 0);
	CHECK(line_next(&cursor, &line) && strncmp(line.start, "+++ ", 4) == 0);
	while (line_next(&cursor, &line)) {
		if (strncmp(line.start, "@@ -", 4) == 0) {
			char *rest = NULL;
			size_t from = strtoul(line.start + 4, &rest, 10);
			bool empty = strncmp(rest, ",0 ", 3) == 0;
			/* Lines between the hunks are as they were. */
			while (at < from + empty) {
				const char *newline = strchr(old, '\n');
				CHECK(newline);
				text_add_bytes(&out, old, (size_t)(newline - old) + 1);
				old = newline + 1;
				at++;
			}
			continue;
		}
		char mark = line.start[0];
		size_t n = line.full - 1;
		if (cursor.rest && strncmp(cursor.rest, no_newline, strlen(no_newline)) == 0) {
			n--;
			struct line marker;
			CHECK(line_next(&cursor, &marker));
		}
		CHECK(mark == ' ' || mark == '-' || mark == '+');
		if (mark != '+') {
			CHECK(strncmp(old, line.start + 1, n) == 0);
			old += n;
			at++;
		}
		if (mark != '-')
			text_add_bytes(&out, line.start + 1, n);
	}
	text_add(&out, old);
	return text_take(&out, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *before = fuzz_text(data, size);
	size_t n = strlen(before);
	char *after = n < size ? fuzz_text(data + n + 1, size - n - 1) : fuzz_text(data, 0);
	struct arena *arena = arena_new();
	char *diff = diff_unified(arena, "/x", before, after);
	if (strcmp(before, after) == 0)
		CHECK(!*diff);
	else
		CHECK(strcmp(apply(arena, before, diff), after) == 0);
	arena_free(arena);
	free(before);
	free(after);
	return 0;
}
