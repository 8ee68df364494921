/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/grub_default.h"

#include <ctype.h>
#include <string.h>

#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

/* A reader of shell words: just enough grammar to know what is an assignment and what is not. */
struct reader {
	struct arena *arena;
	const char *file;
	const char *text;
	size_t at;
	size_t line;
	int depth;        /* of if, case, for, while, {, ( */
	bool after_logic; /* the command follows && or || */
	struct grub_default *parsed;
	struct error *err;
};

struct word {
	struct text value;
	size_t start, end, line;
	char quote;
	size_t pieces; /* quoted and unquoted parts */
	bool dynamic;
};

static int fail_at(struct reader *reader, size_t line, const char *what)
{
	return error_set(reader->err, ERROR_PARSE, "%s, line %zu: %s", reader->file, line, what);
}

static char peek(const struct reader *reader)
{
	return reader->text[reader->at];
}

static char take(struct reader *reader)
{
	char c = reader->text[reader->at];
	if (c == '\n')
		reader->line++;
	if (c)
		reader->at++;
	return c;
}

/* After a `$`: skip what belongs to it. `$(…)` and `${…}` may hold anything up to their end. */
static int skip_expansion(struct reader *reader, struct word *word)
{
	word->dynamic = true;
	char open = peek(reader);
	if (open != '(' && open != '{')
		return 0;
	char shut = open == '(' ? ')' : '}';
	size_t line = reader->line;
	int depth = 0;
	do {
		char c = take(reader);
		if (!c)
			return fail_at(reader, line, "an expansion that starts here is not closed");
		if (c == open)
			depth++;
		else if (c == shut)
			depth--;
		text_add_bytes(&word->value, &c, 1);
	} while (depth);
	return 0;
}

static int read_double_quoted(struct reader *reader, struct word *word)
{
	size_t line = reader->line;
	(void)take(reader);
	for (;;) {
		char c = take(reader);
		if (!c)
			return fail_at(reader, line, "the double quote that opens here is not closed");
		if (c == '"')
			return 0;
		if (c == '\\' && peek(reader) && strchr("\"\\$`\n", peek(reader))) {
			char escaped = take(reader);
			if (escaped != '\n')
				text_add_bytes(&word->value, &escaped, 1);
			continue;
		}
		text_add_bytes(&word->value, &c, 1);
		if (c == '`')
			word->dynamic = true;
		if (c == '$' && skip_expansion(reader, word) < 0)
			return ERROR_PARSE;
	}
}

static int read_single_quoted(struct reader *reader, struct word *word)
{
	size_t line = reader->line;
	(void)take(reader);
	for (;;) {
		char c = take(reader);
		if (!c)
			return fail_at(reader, line, "the single quote that opens here is not closed");
		if (c == '\'')
			return 0;
		text_add_bytes(&word->value, &c, 1);
	}
}

static int read_word(struct reader *reader, struct word *word)
{
	*word = (struct word){.start = reader->at, .line = reader->line};
	bool unquoted = false;
	while (peek(reader) && !strchr(" \t\n;&|()<>", peek(reader))) {
		char c = peek(reader);
		if (c == '"' || c == '\'') {
			word->quote = c;
			word->pieces++;
			unquoted = false;
			int status = c == '"' ? read_double_quoted(reader, word)
					      : read_single_quoted(reader, word);
			if (status < 0)
				return status;
			continue;
		}
		word->pieces += !unquoted;
		unquoted = true;
		(void)take(reader);
		if (c == '\\') {
			char escaped = take(reader);
			if (escaped && escaped != '\n')
				text_add_bytes(&word->value, &escaped, 1);
			continue;
		}
		text_add_bytes(&word->value, &c, 1);
		if (c == '`')
			word->dynamic = true;
		if (c == '$' && skip_expansion(reader, word) < 0)
			return ERROR_PARSE;
	}
	word->end = reader->at;
	return 0;
}

/* How long the NAME= or NAME+= at this place is, or 0. */
static size_t assignment_prefix(const char *text, size_t *ret_name, bool *ret_append)
{
	size_t n = 0;
	if (!isalpha((unsigned char)text[0]) && text[0] != '_')
		return 0;
	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	*ret_name = n;
	*ret_append = text[n] == '+';
	if (text[n] == '+')
		n++;
	return text[n] == '=' ? n + 1 : 0;
}

static bool one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static int read_assignment(struct reader *reader, size_t prefix, size_t name, bool append)
{
	char *text = arena_memdup(reader->arena, reader->text + reader->at, name);
	reader->at += prefix;
	struct word word;
	int status = read_word(reader, &word);
	if (status < 0) {
		text_free(&word.value);
		return status;
	}
	struct grub_assignment *assignment = arena_alloc(reader->arena, sizeof *assignment);
	*assignment = (struct grub_assignment){
			.name = text,
			.line = word.line,
			.start = word.start,
			.end = word.end,
			.quote = (char)(word.pieces == 1 ? word.quote : '\0'),
			.dynamic = word.dynamic,
			.append = append,
			.conditional = reader->depth > 0 || reader->after_logic,
	};
	assignment->value = text_take(&word.value, reader->arena);
	list_add(reader->arena, &reader->parsed->assignments, assignment);
	return 0;
}

/* Skip blanks, continued lines, comments and redirections; true when one was there. A
 * here-document cannot be skipped without its text: ERROR_PARSE then. */
static int skip_between(struct reader *reader, bool *ret_skipped)
{
	char c = peek(reader);
	char next = '\0';
	if (c)
		next = reader->text[reader->at + 1];
	*ret_skipped = true;
	if (c == '<' && next == '<') {
		return fail_at(reader, reader->line, "a here-document is not understood");
	} else if (c == ' ' || c == '\t' || c == '<' || c == '>') {
		(void)take(reader);
	} else if (c == '\\' && next == '\n') {
		(void)take(reader);
		(void)take(reader);
	} else if (c == '#') {
		while (peek(reader) && peek(reader) != '\n')
			(void)take(reader);
	} else {
		*ret_skipped = false;
	}
	return 0;
}

/* A word that is no assignment: keywords change the depth, any other ends the place where an
 * assignment may stand. */
static int read_other_word(struct reader *reader, bool *command_position)
{
	static const char *const opening[] = {"if", "case", "for", "while", "until", "{", NULL};
	static const char *const closing[] = {"fi", "esac", "done", "}", NULL};
	static const char *const transparent[] = {"then", "else", "elif", "do", "!", "export",
			"readonly", "local", "declare", "typeset", NULL};
	struct word word;
	int status = read_word(reader, &word);
	char *text = text_take(&word.value, reader->arena);
	if (status < 0)
		return status;
	if (*command_position && one_of(text, opening))
		reader->depth++;
	else if (*command_position && one_of(text, closing))
		reader->depth -= reader->depth > 0;
	else if (!one_of(text, transparent))
		*command_position = false;
	return 0;
}

/* One simple command: assignments first, then words that are looked at only for grammar. */
static int read_command(struct reader *reader)
{
	bool command_position = true;
	while (peek(reader) && !strchr("\n;&|()", peek(reader))) {
		bool skipped = false;
		int status = skip_between(reader, &skipped);
		if (status < 0)
			return status;
		if (skipped)
			continue;
		size_t name = 0;
		bool append = false;
		size_t prefix = command_position
				? assignment_prefix(reader->text + reader->at, &name, &append)
				: 0;
		status = prefix ? read_assignment(reader, prefix, name, append)
				: read_other_word(reader, &command_position);
		if (status < 0)
			return status;
	}
	return 0;
}

int grub_default_parse(struct arena *arena, const char *file, const char *text,
		struct grub_default *ret_parsed, struct error *err)
{
	struct grub_default parsed = {0};
	struct reader reader = {.arena = arena, .file = file, .text = text, .line = 1,
			.parsed = &parsed, .err = err};
	while (peek(&reader)) {
		int status = read_command(&reader);
		if (status < 0)
			return status;
		char c = take(&reader);
		if (c == '(')
			reader.depth++;
		else if (c == ')')
			reader.depth -= reader.depth > 0;
		reader.after_logic = (c == '&' || c == '|') && peek(&reader) == c;
		if (reader.after_logic)
			(void)take(&reader);
	}
	*ret_parsed = parsed;
	return 0;
}

const struct grub_assignment *grub_default_find(const struct grub_default *parsed,
		const char *name, size_t *ret_count)
{
	const struct grub_assignment *last = NULL;
	size_t count = 0;
	for (size_t i = 0; i < parsed->assignments.n; i++) {
		const struct grub_assignment *assignment = parsed->assignments.item[i];
		if (strcmp(assignment->name, name) != 0)
			continue;
		last = assignment;
		count++;
	}
	if (ret_count)
		*ret_count = count;
	return last;
}

const char *grub_default_why_not_editable(const struct grub_default *parsed, const char *name,
		struct arena *arena)
{
	size_t count = 0;
	const struct grub_assignment *last = grub_default_find(parsed, name, &count);
	if (!last)
		return NULL;
	if (count > 1)
		return arena_printf(arena, "%s is set %zu times, the last time in line %zu", name,
				count, last->line);
	const char *what = last->dynamic	 ? "is made from a variable or a command"
			: last->conditional	 ? "is set only under a condition"
			: last->append		 ? "is added to with +="
			: strchr(last->value, '\r') ? "ends in a carriage return (a CRLF file)"
			: strchr(last->value, '\n') ? "runs over several lines"
						 : NULL;
	return what ? arena_printf(arena, "%s %s in line %zu", name, what, last->line) : NULL;
}

/* The value as shell text in the quoting that was there. */
static char *quote_value(struct arena *arena, const char *value, char quote)
{
	if (quote == '\'' && !strchr(value, '\''))
		return arena_printf(arena, "'%s'", value);
	struct text text = {0};
	text_add(&text, "\"");
	for (const char *c = value; *c; c++) {
		if (strchr("\"\\$`", *c))
			text_add(&text, "\\");
		text_add_bytes(&text, c, 1);
	}
	text_add(&text, "\"");
	return text_take(&text, arena);
}

int grub_default_edit(struct arena *arena, const char *file, const char *text, const char *name,
		const struct strings *add, const struct strings *remove, char **ret_text,
		struct error *err)
{
	struct grub_default parsed;
	int status = grub_default_parse(arena, file, text, &parsed, err);
	if (status < 0)
		return status;
	const char *why = grub_default_why_not_editable(&parsed, name, arena);
	if (why)
		return error_set(err, ERROR_REFUSED, "%s: %s, so it is not edited", file, why);
	const struct grub_assignment *found = grub_default_find(&parsed, name, NULL);
	const char *value = found ? found->value : "";
	for (size_t i = 0; i < remove->n; i++)
		value = cmdline_remove(arena, value, remove->item[i]);
	for (size_t i = 0; i < add->n; i++)
		value = cmdline_add(arena, value, add->item[i]);
	size_t n = strlen(text);
	if (!found) {
		const char *gap = n && text[n - 1] != '\n' ? "\n" : "";
		*ret_text = arena_printf(arena, "%s%s%s=%s\n", text, gap, name,
				quote_value(arena, value, '"'));
		return 0;
	}
	struct text edited = {0};
	text_add_bytes(&edited, text, found->start);
	/* Where the quotes hold no escapes this puts back the very bytes that were there. */
	text_add(&edited, quote_value(arena, value, found->quote));
	text_add(&edited, text + found->end);
	*ret_text = text_take(&edited, arena);
	return 0;
}
