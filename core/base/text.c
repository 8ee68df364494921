/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

char *text_reserve(struct text *text, size_t more)
{
	if (text->capacity - text->n > more)
		return text->data + text->n;
	size_t capacity = text->capacity ? text->capacity : 256;
	while (capacity - text->n <= more)
		capacity *= 2;
	char *grown = realloc(text->data, capacity);
	if (!grown)
		abort(); /* see arena.h */
	text->data = grown;
	text->capacity = capacity;
	return text->data + text->n;
}

void text_reserved(struct text *text, const char *end)
{
	text->n = (size_t)(end - text->data);
	text->data[text->n] = '\0';
}

void text_add_bytes(struct text *text, const char *bytes, size_t n)
{
	char *at = text_reserve(text, n);
	if (n)
		memcpy(at, bytes, n);
	text_reserved(text, at + n);
}

void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

void text_addf(struct text *text, const char *format, ...)
{
	va_list args;
	va_list again;
	va_start(args, format);
	va_copy(again, args);
	/* The analyzer does not follow va_copy. */
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length > 0) {
		char *at = text_reserve(text, (size_t)length);
		(void)vsnprintf(at, (size_t)length + 1, format, args);
		text_reserved(text, at + length);
	}
	va_end(args);
}

const char *text_string(const struct text *text)
{
	return text->data ? text->data : "";
}

char *text_take(struct text *text, struct arena *arena)
{
	char *copy = arena_memdup(arena, text_string(text), text->n);
	text_free(text);
	return copy;
}

struct lines lines_start_n(const char *text, size_t n)
{
	return n ? (struct lines){text, text + n} : (struct lines){0};
}

struct lines lines_start(const char *text)
{
	return lines_start_n(text, text ? strlen(text) : 0);
}

bool line_next(struct lines *lines, struct line *ret_line)
{
	if (!lines->rest)
		return false;
	const char *start = lines->rest;
	size_t left = (size_t)(lines->end - start);
	const char *newline = memchr(start, '\n', left);
	ret_line->start = start;
	ret_line->n = newline ? (size_t)(newline - start) : left;
	ret_line->full = ret_line->n + (newline ? 1 : 0);
	lines->rest = ret_line->full < left ? start + ret_line->full : NULL;
	return true;
}

char *text_trim(struct arena *arena, const char *text, size_t n)
{
	static const char blanks[] = " \t\r\n\f\v"; /* what isspace() and Perl's \s have in ASCII */
	while (n && text[0] && strchr(blanks, text[0])) {
		text++;
		n--;
	}
	while (n && text[n - 1] && strchr(blanks, text[n - 1]))
		n--;
	return arena_memdup(arena, text, n);
}

bool text_starts(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

char *text_lower(struct arena *arena, const char *text)
{
	size_t n = strlen(text);
	char *lower = arena_memdup(arena, text, n);
	for (size_t i = 0; i < n; i++)
		lower[i] = (char)tolower((unsigned char)lower[i]);
	return lower;
}

bool text_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

bool text_ends(const char *text, const char *end)
{
	size_t n = strlen(text);
	size_t m = strlen(end);
	return n >= m && strcmp(text + n - m, end) == 0;
}

const char *text_plural(size_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

bool text_to_ulong(const char *text, int base, unsigned long max, unsigned long *ret_value)
{
	/* strtoul() would take blanks, a sign and 0x. */
	if (!isxdigit((unsigned char)text[0]) || text[1] == 'x' || text[1] == 'X')
		return false;
	char *end = NULL;
	errno = 0;
	unsigned long value = strtoul(text, &end, base);
	if (errno || *end || value > max)
		return false;
	*ret_value = value;
	return true;
}

/* Length of the UTF-8 sequence at `s`, or 0 if it is not one. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	if (s[0] < 0x80)
		return 1;
	size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	if (length == 0 || length > n || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
			(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return length;
}

bool text_is_utf8(const char *bytes, size_t n)
{
	const unsigned char *s = (const unsigned char *)bytes;
	for (size_t i = 0; i < n;) {
		size_t length = s[i] < 0x80 ? 1 : utf8_length(s + i, n - i);
		if (length == 0)
			return false;
		i += length;
	}
	return true;
}

static uint32_t utf8_decode(const unsigned char *s, size_t length)
{
	uint32_t code = length == 1 ? s[0] : s[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++)
		code = code << 6 | (s[i] & 0x3fU);
	return code;
}

/* Characters that steer a terminal, or that are not seen and make text look like other text. */
static bool is_unsafe(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
			{0x00, 0x1f}, {0x7f, 0x9f},                     /* C0, DEL and C1 */
			{0xad, 0xad}, {0x61c, 0x61c}, {0x180e, 0x180e}, /* soft hyphen, marks */
			{0x200b, 0x200f}, {0x2028, 0x202e},   /* zero width, separators, bidi */
			{0x2060, 0x206f}, {0xfeff, 0xfeff},   /* joiners, isolates, byte order */
			{0xfff9, 0xfffb}, {0xe0000, 0xe007f}, /* annotations, tags */
	};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

static char *printable(struct arena *arena, const char *text, bool page)
{
	size_t n = strlen(text);
	char *copy = arena_memdup(arena, text, n);
	unsigned char *s = (unsigned char *)copy;
	for (size_t i = 0; i < n;) {
		size_t length = utf8_length(s + i, n - i);
		bool kept = page && (s[i] == '\n' || s[i] == '\t');
		if (!kept && (length == 0 || is_unsafe(utf8_decode(s + i, length))))
			memset(s + i, '?', length ? length : 1);
		i += length ? length : 1;
	}
	return copy;
}

char *text_printable(struct arena *arena, const char *text)
{
	return printable(arena, text, false);
}

char *text_printable_page(struct arena *arena, const char *text)
{
	return printable(arena, text, true);
}

/* An escape that JSON has a letter for, or 0. */
static char json_escape(unsigned char c)
{
	static const char escapes[][2] = {{'"', '"'}, {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
			{'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}};
	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
		if ((unsigned char)escapes[i][0] == c)
			return escapes[i][1];
	return '\0';
}

/* The character at `s`, of which there are `n` bytes; how many it took. */
static size_t add_json_character(struct text *text, const char *s, size_t n)
{
	const unsigned char *bytes = (const unsigned char *)s;
	size_t length = utf8_length(bytes, n);
	uint32_t code = length ? utf8_decode(bytes, length) : 0xfffd;
	char escape = json_escape(bytes[0]);
	if (escape)
		text_add_bytes(text, (const char[]){'\\', escape}, 2);
	else if (code < 0x20)
		text_addf(text, "\\u%04X", code);
	else if (length && !is_unsafe(code))
		text_add_bytes(text, s, length);
	else if (code > 0xffff)
		text_addf(text, "\\u%04x\\u%04x", 0xd7c0U + (code >> 10),
				0xdc00U + (code & 0x3ffU));
	else
		text_addf(text, "\\u%04x", code);
	return length ? length : 1;
}

void text_put_hex(char *at, unsigned long value, size_t digits)
{
	for (; digits; value >>= 4)
		at[--digits] = "0123456789abcdef"[value & 0xf];
}

static bool is_json_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Eight at once: each test leaves the highest bit of the first byte that fails. */
static bool are_json_plain(const char *bytes)
{
	const uint64_t each = 0x0101010101010101;
	uint64_t word = 0;
	memcpy(&word, bytes, sizeof word);
	uint64_t failed = word | (word - 0x20 * each) | (word + each) |
			  ((word ^ '"' * each) - each) | ((word ^ '\\' * each) - each);
	return !(failed & 0x80 * each);
}

static size_t json_plain(const char *string, size_t n)
{
	size_t at = 0;
	while (at + sizeof(uint64_t) <= n && are_json_plain(string + at))
		at += sizeof(uint64_t);
	while (at < n && is_json_plain(string[at]))
		at++;
	return at;
}

size_t text_json_plain(const char *string)
{
	return json_plain(string, strlen(string));
}

void text_add_json(struct text *text, const char *string)
{
	size_t left = strlen(string);
	while (left) {
		size_t n = json_plain(string, left);
		text_add_bytes(text, string, n);
		if (n < left)
			n += add_json_character(text, string + n, left - n);
		string += n;
		left -= n;
	}
}

char *text_shell_quote(struct arena *arena, const char *word)
{
	static const char safe[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./:,@%";
	if (word[0] && strspn(word, safe) == strlen(word))
		return arena_strdup(arena, word);
	struct text text = {0};
	text_add(&text, "'");
	for (const char *c = word; *c; c++) {
		if (*c == '\'')
			text_add(&text, "'\\''");
		else
			text_add_bytes(&text, c, 1);
	}
	text_add(&text, "'");
	return text_take(&text, arena);
}

static size_t columns(const char *bytes, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)bytes[i] & 0xc0) !=
			 0x80; /* one a character is near enough */
	return count;
}

void text_add_wrapped(struct text *text, const char *string, size_t at, size_t indent, size_t width)
{
	bool start = true;
	while (*string) {
		string += strspn(string, " ");
		size_t n = strcspn(string, " \n");
		size_t wide = columns(string, n);
		if (!start && at + 1 + wide > width) {
			text_addf(text, "\n%*s", (int)indent, "");
			at = indent;
			start = true;
		}
		if (!start) {
			text_add(text, " ");
			at++;
		}
		text_add_bytes(text, string, n);
		at += wide;
		start = false;
		string += n;
		if (*string == '\n') {
			string++;
			text_addf(text, "\n%*s", (int)indent, "");
			at = indent;
			start = true;
		}
	}
	text_add(text, "\n");
}

enum { WORD_MAX = 40 }; /* no name is that long; a longer word is like none */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: letters put in, left out, replaced, or swapped with the next. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t n = strlen(b);
	for (size_t j = 0; j <= n; j++)
		rows[0][j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t *now = rows[i % 3];
		const size_t *before = rows[(i - 1) % 3];
		const size_t *earlier = rows[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= n; j++) {
			now[j] = least(least(before[j], now[j - 1]) + 1,
					before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], earlier[j - 2] + 1);
		}
	}
	return rows[strlen(a) % 3][n];
}

const char *text_nearest(const char *word, const struct strings *names)
{
	enum { FAR = 3 };
	size_t n = strlen(word);
	const char *nearest = NULL;
	if (n > WORD_MAX)
		return NULL;
	size_t best = least((n + 2) / 3, FAR) + 1; /* one for a short word */
	for (size_t i = 0; i < names->n; i++) {
		const char *name = names->item[i];
		if (strlen(name) > WORD_MAX)
			continue;
		size_t away = distance(word, name);
		if (away < best && away < least(n, strlen(name))) {
			best = away;
			nearest = name;
		}
	}
	return nearest;
}
