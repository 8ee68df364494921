/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <string.h>

#include "tests/pvesim/api.h"

/* Reading JSON only to say why it is none, in the words of Perl's JSON::XS. */
struct reader {
	const char *start;
	const char *at;
	const char *end;
	const char *why; /* NULL while all is well */
};

static void blanks(struct reader *reader)
{
	while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at)
		reader->at++;
}

static char peek(const struct reader *reader)
{
	return reader->at < reader->end ? *reader->at : '\0';
}

static bool fail_at(struct reader *reader, const char *why)
{
	if (!reader->why)
		reader->why = why;
	return false;
}

static bool expect(struct reader *reader, char c, const char *why)
{
	if (peek(reader) != c)
		return fail_at(reader, why);
	reader->at++;
	return true;
}

static bool read_string(struct reader *reader)
{
	while (reader->at < reader->end) {
		unsigned char c = (unsigned char)*reader->at;
		if (c == '"') {
			reader->at++;
			return true;
		}
		if (c < 0x20)
			return fail_at(reader,
					"invalid character encountered while parsing JSON string");
		if (c == '\\') {
			reader->at++;
			if (!peek(reader) || !strchr("\"\\/bfnrtu", peek(reader)))
				return fail_at(reader,
						"illegal backslash escape sequence in string");
		}
		reader->at++;
	}
	return fail_at(reader, "unexpected end of string while parsing JSON string");
}

static bool read_digits(struct reader *reader, const char *why)
{
	if (!isdigit((unsigned char)peek(reader)))
		return fail_at(reader, why);
	while (isdigit((unsigned char)peek(reader)))
		reader->at++;
	return true;
}

static bool read_number(struct reader *reader)
{
	if (peek(reader) == '-')
		reader->at++;
	if (peek(reader) == '0') {
		reader->at++;
		if (isdigit((unsigned char)peek(reader)))
			return fail_at(reader,
					"malformed number (leading zero must not be followed by another digit)");
	} else if (!read_digits(reader, "malformed number (no digits after initial minus)")) {
		return false;
	}
	if (peek(reader) == '.') {
		reader->at++;
		if (!read_digits(reader, "malformed number (no digits after decimal point)"))
			return false;
	}
	if (peek(reader) == 'e' || peek(reader) == 'E') {
		reader->at++;
		reader->at += peek(reader) == '+' || peek(reader) == '-';
		if (!read_digits(reader, "malformed number (no digits after exp sign)"))
			return false;
	}
	return true;
}

static bool read_word(struct reader *reader, const char *word, const char *why)
{
	size_t n = strlen(word);
	if ((size_t)(reader->end - reader->at) < n || strncmp(reader->at, word, n) != 0)
		return fail_at(reader, why);
	reader->at += n;
	return true;
}

static bool read_value(struct reader *reader, int depth);

/* The members of an array or an object, after its opening bracket. */
static bool read_members(struct reader *reader, bool object, int depth)
{
	char close = object ? '}' : ']';
	blanks(reader);
	if (peek(reader) == close) {
		reader->at++;
		return true;
	}
	for (;;) {
		if (object) {
			if (!expect(reader, '"', "'\"' expected") || !read_string(reader))
				return false;
			blanks(reader);
			if (!expect(reader, ':', "':' expected"))
				return false;
			blanks(reader);
		}
		if (!read_value(reader, depth + 1))
			return false;
		blanks(reader);
		if (peek(reader) == close) {
			reader->at++;
			return true;
		}
		if (!expect(reader, ',',
				    object ? ", or } expected while parsing object/hash"
					   : ", or ] expected while parsing array"))
			return false;
		blanks(reader);
	}
}

static bool read_value(struct reader *reader, int depth)
{
	enum { DEPTH_MAX = 512 };
	char c = peek(reader);
	blanks(reader);
	c = peek(reader);
	if (depth > DEPTH_MAX)
		return fail_at(reader,
				"json text or perl structure exceeds maximum nesting level (max_depth set too low?)");
	if (c == '{' || c == '[') {
		reader->at++;
		return read_members(reader, c == '{', depth);
	}
	if (c == '"') {
		reader->at++;
		return read_string(reader);
	}
	if (c == '-' || isdigit((unsigned char)c))
		return read_number(reader);
	if (c == 't')
		return read_word(reader, "true", "'true' expected");
	if (c == 'f')
		return read_word(reader, "false", "'false' expected");
	if (c == 'n')
		return read_word(reader, "null", "'null' expected");
	return fail_at(reader,
			"malformed JSON string, neither tag, array, object, number, string or atom");
}

char *json_complaint(struct arena *arena, const char *text, size_t n)
{
	enum { SHOWN = 20 };
	struct reader reader = {.start = text, .at = text, .end = text + n};
	if (read_value(&reader, 0)) {
		blanks(&reader);
		if (reader.at < reader.end)
			(void)fail_at(&reader, "garbage after JSON object");
	}
	size_t left = (size_t)(reader.end - reader.at);
	struct text before = {0};
	for (size_t i = 0; i < left && i < SHOWN; i++) {
		char c = reader.at[i];
		if (c == '\n' || c == '\t' || c == '\r')
			text_add(&before, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
		else
			text_addf(&before, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
	}
	if (left > SHOWN)
		text_add(&before, "...");
	char *shown = text_take(&before, arena);
	return arena_printf(arena, "%s, at character offset %zu (before \"%s\")",
			reader.why ? reader.why : "malformed JSON string",
			(size_t)(reader.at - reader.start), left ? shown : "(end of string)");
}
