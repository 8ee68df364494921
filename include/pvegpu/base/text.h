/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_TEXT_H
#define PVEGPU_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "pvegpu/base/arena.h"

/* A growing text. Start from {0}; text_free() gives the memory back. Always NUL-terminated. */
struct text {
	char *data; /* NULL while empty: read it through text_string() */
	size_t n;
	size_t capacity;
};

void text_free(struct text *text);
void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const char *bytes, size_t n);
/* The end of the text, with room there for `more` bytes; text_reserved() says how far they went. */
char *text_reserve(struct text *text, size_t more);
void text_reserved(struct text *text, const char *end);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *text_string(const struct text *text); /* never NULL; lent until the next change */
/* Copy into `arena` and free the text. */
char *text_take(struct text *text, struct arena *arena);

/* One line of a text that is not copied. */
struct line {
	const char *start;
	size_t n;    /* without the line ending */
	size_t full; /* with it */
};

/*
 * A walk over the lines of a text, which must not change meanwhile. The text's end is looked for
 * once, by lines_start(): a walk costs as much as the text is long.
 *
 *	struct lines lines = lines_start(text);
 *	struct line line;
 *	while (line_next(&lines, &line))
 */
struct lines {
	const char *rest; /* the lines still to come; NULL after the last */
	const char *end;
};

struct lines lines_start(const char *text); /* NULL: no lines */
struct lines lines_start_n(const char *text, size_t n);
/* False when there is no more. */
bool line_next(struct lines *lines, struct line *ret_line);

/* The text without blanks, tabs, CR and LF at both ends, as a copy. */
char *text_trim(struct arena *arena, const char *text, size_t n);
/* The same in small letters. */
char *text_lower(struct arena *arena, const char *text);
/* Each may be NULL, which is the same as NULL alone. */
bool text_same(const char *a, const char *b);
bool text_starts(const char *text, const char *start);
bool text_ends(const char *text, const char *end);
/* "thing"/"things": the word for a count. */
const char *text_plural(size_t n, const char *one, const char *many);
/* Read an unsigned number; false unless the whole text is one in range. */
bool text_to_ulong(const char *text, int base, unsigned long max, unsigned long *ret_value);

/*
 * Text from a host may carry anything. This gives a copy that is safe to show on a terminal:
 * control characters (C1 too), characters without width, those that turn the direction of writing,
 * and bytes that are not UTF-8 become '?'. Tabs and newlines are controls too.
 */
char *text_printable(struct arena *arena, const char *text);
/* The same for a page of text: newlines and tabs stay. */
char *text_printable_page(struct arena *arena, const char *text);
/* The same for what stands between the quotes of a JSON string, which stays what it is: such
 * characters become \uXXXX, and what JSON has an escape for gets it. */
void text_add_json(struct text *text, const char *string);
/* How many bytes at its start stand in a JSON string as they are. */
size_t text_json_plain(const char *string);
/* The lowest `digits` digits of a number in hexadecimal, in small letters, without a NUL. */
void text_put_hex(char *at, unsigned long value, size_t digits);
/* True when the bytes are valid UTF-8 (no overlong forms, no surrogates). */
bool text_is_utf8(const char *bytes, size_t n);
/* Add `string` in lines of at most `width` columns, broken at blanks, each after `indent` blanks
 * (the first line goes on where the text stands, at column `at`). Ends with a newline. */
void text_add_wrapped(
		struct text *text, const char *string, size_t at, size_t indent, size_t width);
/* The name that a misspelt word most likely means: the one with the fewest letters that are wrong,
 * missing, too many or swapped with the next; NULL when none is near. */
const char *text_nearest(const char *word, const struct strings *names);
/* Quote one word for a POSIX shell where that is needed. */
char *text_shell_quote(struct arena *arena, const char *word);

#endif
