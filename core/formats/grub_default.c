/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/grub_default.h"

#include <ctype.h>
#include <string.h>

#include "pvegpu/base/index.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

/* A reader of shell words: just enough grammar to know what is an assignment and what is not. */
struct reader {
	struct arena *arena;
	const char *file;
	const char *text;
	size_t at;
	size_t line;
	struct text open;  /* what is open, innermost last: c for case, ( and { for the other blocks
			    */
	size_t block_line; /* where the outermost of them opened */
	bool after_logic;  /* the command follows &&, || or | */
	size_t first;      /* the first assignment of the command being read */
	bool has_words;    /* the command being read has a word or assignment */
	bool after_bracket; /* what was read last is a ) */
	struct grub_default *parsed;
	struct error *err;
};

struct word {
	struct text value;
	size_t start, end, line;
	char quote;
	size_t pieces; /* quoted and unquoted parts */
	bool dynamic;
	bool escaped; /* a $ or ` that is not replaced */
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

/* What ends the nested quote or expansion that `c` begins inside one ended by `shut`; 0 when it
 * begins none. `next` follows `c`. */
static char nested_end(char c, char next, char shut, bool in_double)
{
	if (shut == '\'' || shut == '`')
		return '\0'; /* only the end itself counts there */
	if (c == '"' || c == '`')
		return c;
	if (c == '\'' && shut != '"' && !(in_double && shut == '}'))
		return c;
	if (c == '(' && shut == ')')
		return ')';
	if (c == '$' && next == '(')
		return ')';
	return (char)(c == '$' && next == '{' ? '}' : '\0');
}

static void copy_next(struct reader *reader, struct word *word)
{
	char c = take(reader);
	text_add_bytes(&word->value, &c, 1);
}

/* Copy up to `shut`, nested quotes and expansions in it included: what stands in $(…), ${…} and
 * `…` may be anything, and quotes in it hide brackets. `in_double`: in double quotes, where a
 * single quote in ${…} is a plain character. Calls itself; files are small. */
static int skip_to(struct reader *reader, struct word *word, char shut, size_t line, int depth,
		bool in_double)
{
	if (depth > 50)
		return fail_at(reader, line, "expansions are nested too deeply");
	for (;;) {
		char c = take(reader);
		if (!c)
			return fail_at(reader, line,
					"a quote or expansion that starts here is not closed");
		text_add_bytes(&word->value, &c, 1);
		if (c == shut)
			return 0;
		char next = peek(reader);
		char end = nested_end(c, next, shut, in_double);
		if (c == '\\' && shut != '\'' && next) {
			copy_next(reader, word);
		} else if (c == '#' && shut == ')' &&
				strchr(" \t\n;&|(", reader->text[reader->at - 2])) {
			while (peek(reader) && peek(reader) != '\n')
				(void)take(reader); /* a comment; the value is dynamic anyway */
		} else if (end) {
			if (c == '$')
				copy_next(reader, word);
			bool quoted = c == '"' || (end == '}' && (in_double || shut == '"'));
			int status = skip_to(reader, word, end, reader->line, depth + 1, quoted);
			if (status < 0)
				return status;
		}
	}
}

/* After a `$` or `: skip what belongs to it. */
static int skip_expansion(struct reader *reader, struct word *word, char start, bool in_double)
{
	word->dynamic = true;
	if (start == '`')
		return skip_to(reader, word, '`', reader->line, 0, false);
	char open = peek(reader);
	if (open != '(' && open != '{')
		return 0;
	(void)take(reader);
	text_add_bytes(&word->value, &open, 1);
	return skip_to(reader, word, (char)(open == '(' ? ')' : '}'), reader->line, 0,
			in_double && open == '{');
}

static int read_double_quoted(struct reader *reader, struct word *word)
{
	size_t line = reader->line;
	(void)take(reader);
	for (;;) {
		char c = take(reader);
		if (!c)
			return fail_at(reader, line,
					"the double quote that opens here is not closed");
		if (c == '"')
			return 0;
		if (c == '\\' && peek(reader) && strchr("\"\\$`\n", peek(reader))) {
			char escaped = take(reader);
			word->escaped = word->escaped || escaped == '$' || escaped == '`';
			if (escaped != '\n')
				text_add_bytes(&word->value, &escaped, 1);
			continue;
		}
		text_add_bytes(&word->value, &c, 1);
		if ((c == '$' || c == '`') && skip_expansion(reader, word, c, true) < 0)
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
			return fail_at(reader, line,
					"the single quote that opens here is not closed");
		if (c == '\'')
			return 0;
		word->escaped = word->escaped || c == '$' || c == '`';
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
			word->escaped = word->escaped || escaped == '$' || escaped == '`';
			if (!escaped)
				escaped = '\\'; /* the last character of the file stands for itself
						 */
			if (escaped != '\n')
				text_add_bytes(&word->value, &escaped, 1);
			continue;
		}
		text_add_bytes(&word->value, &c, 1);
		if ((c == '$' || c == '`') && skip_expansion(reader, word, c, false) < 0)
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
			.escaped = word.dynamic && word.escaped,
			.append = append,
			.conditional = reader->open.n > 0 || reader->after_logic,
	};
	assignment->value = text_take(&word.value, reader->arena);
	if (!reader->parsed->return_line)
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

static void open_block(struct reader *reader, char mark)
{
	if (reader->open.n == 0)
		reader->block_line = reader->line;
	text_add_bytes(&reader->open, &mark, 1);
}

static char innermost(const struct reader *reader)
{
	return (char)(reader->open.n ? reader->open.data[reader->open.n - 1] : '\0');
}

static void add_unset(struct reader *reader, const char *name, size_t line)
{
	struct grub_assignment *assignment = arena_alloc(reader->arena, sizeof *assignment);
	*assignment = (struct grub_assignment){
			.name = arena_strdup(reader->arena, name),
			.value = arena_strdup(reader->arena, ""),
			.line = line,
			.unset = true,
	};
	if (!reader->parsed->return_line)
		list_add(reader->arena, &reader->parsed->assignments, assignment);
}

/* What the words of a command that is no assignment mean here. */
enum command_kind { COMMAND_NONE, COMMAND_DECLARES, COMMAND_UNSETS, COMMAND_OTHER };

static void set_once(size_t *line, size_t value)
{
	if (!*line)
		*line = value;
}

/* A word that was meant to be an assignment and is a command to sh: `NAME = value`, `2NAME=value`,
 * `"NAME=value"`, a lone GRUB_NAME. Patterns of `case` and the names of loops and functions are not
 * commands. */
static bool is_stray(const struct reader *reader, const char *text, bool dynamic)
{
	static const char letters[] =
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	const char *next = reader->text + reader->at;
	next += strspn(next, " \t");
	bool names = *text && !text[strspn(text, letters)];
	bool loop = text_starts(next, "in") && strchr(" \t\n;", next[2]);
	if (dynamic || *next == '(' || loop || innermost(reader) == 'c')
		return false;
	return strchr(text, '=') || (names && *next == '=') || text_starts(text, "GRUB_");
}

static void note_stray(struct reader *reader, const char *text, size_t line)
{
	struct grub_default *parsed = reader->parsed;
	if (parsed->stray_line || parsed->return_line)
		return;
	parsed->stray_line = line;
	parsed->stray_name = arena_strndup(reader->arena, text, strcspn(text, "="));
}

/* A command of another kind: some change values in their own way, some end the file. */
static void note_command(struct reader *reader, const char *text, size_t line)
{
	static const char *const running[] = {
			"eval", "source", ".", "read", "return", "exit", NULL};
	struct grub_default *parsed = reader->parsed;
	/* : "${NAME:=value}", and NAME itself after `for` */
	if (strcmp(text, ":") == 0 || text_starts(text, "GRUB_CMDLINE_LINUX") ||
			one_of(text, running))
		set_once(&parsed->code_line, line);
	if ((unsigned char)text[0] < ' ' || (unsigned char)text[0] == 0xef)
		set_once(&parsed->bad_line, line);
	bool always = reader->open.n == 0 && !reader->after_logic;
	if (always && strcmp(text, "exit") == 0 && !parsed->return_line)
		set_once(&parsed->exit_line, line);
	if (always && strcmp(text, "return") == 0)
		set_once(&parsed->return_line, line);
}

/* A word that is no assignment: keywords change the depth, and the first other word says what
 * kind of command this is. */
static int read_other_word(struct reader *reader, enum command_kind *kind)
{
	static const char *const opening[] = {"if", "case", "for", "while", "until", "{", NULL};
	static const char *const closing[] = {"fi", "esac", "done", "}", NULL};
	static const char *const transparent[] = {"then", "else", "elif", "do", "!", NULL};
	static const char *const declaring[] = {
			"export", "readonly", "local", "declare", "typeset", NULL};
	struct word word;
	size_t line = reader->line;
	int status = read_word(reader, &word);
	char *text = text_take(&word.value, reader->arena);
	if (status < 0)
		return status;
	/* `export $X`, `export "A=b"`: what that declares only a shell knows. */
	if ((word.dynamic || strchr(text, '=')) && *kind == COMMAND_DECLARES &&
			!reader->parsed->code_line)
		reader->parsed->code_line = line;
	if (*kind == COMMAND_UNSETS) {
		add_unset(reader, text, line);
	} else if (*kind != COMMAND_NONE || one_of(text, transparent)) {
		return 0;
	} else if (one_of(text, opening)) {
		open_block(reader, (char)(strcmp(text, "case") == 0 ? 'c' : '{'));
	} else if (one_of(text, closing)) {
		if (innermost(reader) != (strcmp(text, "esac") == 0 ? 'c' : '{'))
			return fail_at(reader, line, "a block ends here that was not begun");
		reader->open.n--;
	} else if (one_of(text, declaring)) {
		*kind = COMMAND_DECLARES;
	} else if (strcmp(text, "unset") == 0) {
		*kind = COMMAND_UNSETS;
	} else {
		*kind = COMMAND_OTHER;
		note_command(reader, text, line);
		if (is_stray(reader, text, word.dynamic))
			note_stray(reader, text, line);
	}
	return 0;
}

/* One simple command: assignments, then words. Where a command follows them the assignments are
 * for it alone. */
static int read_command(struct reader *reader)
{
	enum command_kind kind = COMMAND_NONE;
	reader->first = reader->parsed->assignments.n;
	reader->has_words = false;
	while (peek(reader) && !strchr("\n;&|()", peek(reader))) {
		bool skipped = false;
		int status = skip_between(reader, &skipped);
		if (status < 0)
			return status;
		if (skipped)
			continue;
		reader->has_words = true;
		size_t name = 0;
		bool append = false;
		bool may_assign = kind == COMMAND_NONE || kind == COMMAND_DECLARES;
		size_t prefix = may_assign ? assignment_prefix(reader->text + reader->at, &name,
							     &append)
					   : 0;
		status = prefix ? read_assignment(reader, prefix, name, append)
				: read_other_word(reader, &kind);
		if (status < 0)
			return status;
	}
	for (size_t i = reader->first; kind == COMMAND_OTHER && i < reader->parsed->assignments.n;
			i++)
		((struct grub_assignment *)reader->parsed->assignments.item[i])->for_command = true;
	return 0;
}

/* The character between two commands. */
static int read_separator(struct reader *reader)
{
	size_t line = reader->line;
	char c = take(reader);
	bool in_case = innermost(reader) == 'c';
	bool twice = (c == '&' || c == '|') && peek(reader) == c;
	bool case_end = c == ';' && peek(reader) == c;
	if (twice || case_end)
		(void)take(reader);
	/* NAME() begins a function; anything else before a bracket is no shell (an array of bash).
	 */
	if (c == '(' && reader->has_words &&
			(reader->first < reader->parsed->assignments.n || peek(reader) != ')'))
		return fail_at(reader, line, "a bracket is not understood here");
	if (c == '(')
		open_block(reader, '(');
	else if (c == ')' && innermost(reader) == '(')
		reader->open.n--;
	else if (c == ')' && !in_case) /* in case it ends a pattern */
		return fail_at(reader, line, "a bracket ends here that was not begun");
	if (case_end ? !in_case
		     : c != '\n' && c != '(' && c != ')' && !reader->has_words &&
							!reader->after_bracket)
		return fail_at(reader, line, "a command is missing here");
	reader->after_bracket = c == ')';
	/* A command of a pipe or in the background runs in a shell of its own. */
	for (size_t i = reader->first;
			(c == '|' || c == '&') && !twice && i < reader->parsed->assignments.n; i++)
		((struct grub_assignment *)reader->parsed->assignments.item[i])->conditional = true;
	/* `a &&` goes on over the end of the line. */
	bool goes_on = c == '\n' && !reader->has_words && reader->after_logic;
	reader->after_logic = twice || c == '|' || goes_on;
	return 0;
}

int grub_default_parse(struct arena *arena, const char *file, const char *text,
		struct grub_default *ret_parsed, struct error *err)
{
	struct grub_default parsed = {0};
	struct reader reader = {.arena = arena,
			.file = file,
			.text = text,
			.line = 1,
			.parsed = &parsed,
			.err = err};
	int status = 0;
	while (status == 0 && peek(&reader)) {
		status = read_command(&reader);
		if (status == 0 && peek(&reader))
			status = read_separator(&reader);
	}
	bool unfinished = reader.open.n > 0;
	text_free(&reader.open);
	if (status < 0)
		return status;
	if (unfinished)
		return fail_at(&reader, reader.block_line, "a block that opens here is not closed");
	if (reader.after_logic)
		return fail_at(&reader, reader.line, "a command is missing after &&, || or |");
	*ret_parsed = parsed;
	return 0;
}

const struct grub_assignment *grub_default_find(
		const struct grub_default *parsed, const char *name, size_t *ret_count)
{
	const struct grub_assignment *last = NULL;
	size_t count = 0;
	for (size_t i = 0; i < parsed->assignments.n; i++) {
		const struct grub_assignment *assignment = parsed->assignments.item[i];
		if (strcmp(assignment->name, name) != 0 || assignment->for_command)
			continue;
		last = assignment;
		count++;
	}
	if (ret_count)
		*ret_count = count;
	return last && !last->unset ? last : NULL;
}

static const char *why_not(const struct grub_assignment *assignment)
{
	return assignment->for_command
			       ? "is followed by a command, so it does not count (are quotes missing?)"
	       : assignment->unset               ? "is unset"
	       : assignment->dynamic             ? "is made from a variable or a command"
	       : assignment->conditional         ? "is set only under a condition"
	       : assignment->append              ? "is added to with +="
	       : strchr(assignment->value, '\r') ? "ends in a carriage return (a CRLF file)"
	       : strchr(assignment->value, '\n') ? "runs over several lines"
						 : NULL;
}

bool grub_assignment_is_plain(const struct grub_assignment *assignment)
{
	return !why_not(assignment);
}

const char *grub_default_why_not_editable(
		const struct grub_default *parsed, const char *name, struct arena *arena)
{
	const struct grub_assignment *last = NULL;
	for (size_t i = 0; i < parsed->assignments.n; i++) {
		const struct grub_assignment *assignment = parsed->assignments.item[i];
		if (strcmp(assignment->name, name) != 0)
			continue;
		/* Of several only the last counts, but one before a command tells of an error. */
		last = assignment;
		if (assignment->for_command)
			break;
	}
	const char *what = last ? why_not(last) : NULL;
	if (what)
		return arena_printf(arena, "%s %s in line %zu", name, what, last->line);
	if (parsed->code_line)
		return arena_printf(arena, "line %zu runs other code, which may set %s",
				parsed->code_line, name);
	return NULL;
}

/* Variables while files are sourced. */
struct variable {
	const char *name;
	char *value;
	bool whole; /* all of it is known */
};

/* The end of what `$` or ` begins at `at`, and the name it stands for when it is a plain one. */
static const char *expansion_end(const char *at, const char **ret_name, size_t *ret_n)
{
	static const char letters[] =
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	*ret_name = NULL;
	if (*at == '`') {
		const char *end = strchr(at + 1, '`');
		return end ? end + 1 : at + strlen(at);
	}
	at++;
	if (*at == '{') {
		size_t n = strspn(at + 1, letters);
		if (n && at[n + 1] == '}') {
			*ret_name = at + 1;
			*ret_n = n;
		}
	} else if (*at != '(') {
		*ret_n = strspn(at, letters);
		*ret_name = *ret_n ? at : NULL;
		return *ret_n ? at + *ret_n : at + (*at != '\0');
	}
	char open = *at;
	char shut = (char)(open == '{' ? '}' : ')');
	int depth = 0;
	for (; *at; at++) {
		depth += (*at == open) - (*at == shut);
		if (depth == 0)
			return at + 1;
	}
	return at;
}

static char *expand(struct arena *arena, struct index *variables,
		const struct grub_assignment *assignment, bool *whole, bool *refers)
{
	struct text text = {0};
	for (const char *at = assignment->value; *at;) {
		size_t plain = assignment->dynamic ? strcspn(at, "$`") : strlen(at);
		text_add_bytes(&text, at, plain);
		at += plain;
		if (!*at)
			break;
		const char *name = NULL;
		size_t n = 0;
		at = expansion_end(at, &name, &n);
		struct variable *variable =
				name ? index_get(variables, arena_strndup(arena, name, n)) : NULL;
		if (variable)
			text_add(&text, variable->value);
		*whole = *whole && variable && variable->whole;
		*refers = *refers || (name && strlen(assignment->name) == n &&
						     strncmp(assignment->name, name, n) == 0);
	}
	return text_take(&text, arena);
}

/* The words of both. */
static char *common_words(struct arena *arena, const char *first, const char *second)
{
	struct strings words = cmdline_words(arena, first);
	struct strings others = cmdline_words(arena, second);
	struct strings both = {0};
	for (size_t i = 0; i < words.n; i++)
		if (strings_has(&others, words.item[i]))
			strings_add(arena, &both, words.item[i]);
	return strings_join(arena, &both, " ");
}

static void source_assignment(struct arena *arena, struct index *variables,
		const struct grub_assignment *assignment)
{
	/* dash, which runs update-grub, knows no +=: the line does nothing there but complain. */
	if (assignment->for_command || assignment->append)
		return;
	struct variable *variable = index_get(variables, assignment->name);
	bool whole = true;
	bool refers = false;
	char *value = expand(arena, variables, assignment, &whole, &refers);
	if (assignment->escaped) { /* which $ is replaced is not known: nothing of it is */
		whole = false;
		value = arena_strdup(arena, refers && variable ? variable->value : "");
	}
	if (!variable) {
		variable = arena_alloc(arena, sizeof *variable);
		*variable = (struct variable){assignment->name, arena_strdup(arena, ""), true};
		index_put(arena, variables, assignment->name, variable);
	}
	if (assignment->conditional && !refers)
		value = common_words(arena, variable->value, value);
	else if (assignment->conditional)
		value = variable->value;
	variable->value = value;
	variable->whole = whole && !assignment->conditional;
}

char *grub_default_effective(struct arena *arena, const struct grub_source *sources, size_t n,
		const char *name, bool *ret_whole)
{
	struct index variables = {0};
	bool code = false;
	for (size_t i = 0; i < n; i++) {
		for (size_t a = 0; a < sources[i].parsed->assignments.n; a++)
			source_assignment(
					arena, &variables, sources[i].parsed->assignments.item[a]);
		code = code || sources[i].parsed->code_line;
	}
	const struct variable *variable = index_get(&variables, name);
	index_free(&variables);
	if (ret_whole)
		*ret_whole = !code && (!variable || variable->whole);
	return variable ? variable->value : arena_strdup(arena, "");
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

char *grub_snippet_make(
		struct arena *arena, const char *name, const struct strings *words, const char *why)
{
	struct strings lines = {0};
	char *quoted = quote_value(arena, strings_join(arena, words, " "), '"');
	strings_add(arena, &lines, "# Made by pvegpu; 'pvegpu rollback' takes it away.");
	strings_add(arena, &lines, arena_printf(arena, "# %s", text_printable(arena, why)));
	/* What the quoting put before the words goes after the reference. */
	strings_add(arena, &lines, arena_printf(arena, "%s=\"$%s %s", name, name, quoted + 1));
	return arena_printf(arena, "%s\n", strings_join(arena, &lines, "\n"));
}

struct strings grub_snippet_words(
		struct arena *arena, const struct grub_default *parsed, const char *name)
{
	const struct grub_assignment *found = grub_default_find(parsed, name, NULL);
	char *reference = arena_printf(arena, "$%s ", name);
	if (!found || !text_starts(found->value, reference))
		return (struct strings){0};
	return cmdline_words(arena, found->value + strlen(reference));
}

/* The text with a line of its own at the end. A last line that ends in a backslash would swallow
 * it, and one without a newline would run into it. */
static char *add_assignment(
		struct arena *arena, const char *text, const char *name, const char *quoted)
{
	size_t n = strlen(text);
	bool finished = n == 0 || text[n - 1] == '\n';
	size_t end = n - (n && finished);
	bool continued = end && text[end - 1] == '\\';
	return arena_printf(arena, "%s%s%s%s=%s\n", text, finished ? "" : "\n",
			continued ? "\n" : "", name, quoted);
}

static char *replace_value(struct arena *arena, const char *text,
		const struct grub_assignment *found, const char *quoted)
{
	struct text edited = {0};
	text_add_bytes(&edited, text, found->start);
	text_add(&edited, quoted);
	text_add(&edited, text + found->end);
	return text_take(&edited, arena);
}

/* Where words were only put at the end of a value in one pair of quotes: the raw text with them
 * before the closing quote, so that escapes and continued lines stay as the person wrote them. */
static char *append_in_quotes(struct arena *arena, const char *text,
		const struct grub_assignment *found, const char *value)
{
	size_t had = strlen(found->value);
	if (!found->quote || strncmp(value, found->value, had) != 0)
		return NULL;
	char *quoted = quote_value(arena, value + had, found->quote);
	if (quoted[0] != found->quote)
		return NULL;
	return arena_printf(arena, "%.*s%s", (int)(found->end - found->start - 1),
			text + found->start, quoted + 1);
}

int grub_default_take_out(struct arena *arena, const char *file, const char *text, const char *name,
		const struct strings *remove, char **ret_text, struct error *err)
{
	struct grub_default parsed = {0};
	int status = grub_default_parse(arena, file, text, &parsed, err);
	if (status < 0)
		return status;
	char *edited = arena_strdup(arena, text);
	/* From the end, so that the places of those above stay right. */
	for (size_t i = parsed.assignments.n; i-- > 0;) {
		const struct grub_assignment *item = parsed.assignments.item[i];
		if (strcmp(item->name, name) != 0 || why_not(item))
			continue;
		const char *value = item->value;
		for (size_t w = 0; w < remove->n; w++)
			value = cmdline_remove(arena, value, remove->item[w]);
		if (strcmp(value, item->value) != 0)
			edited = replace_value(arena, edited, item,
					quote_value(arena, value, item->quote));
	}
	struct grub_default after = {0};
	status = grub_default_parse(arena, file, edited, &after, err);
	if (status == 0 && after.assignments.n != parsed.assignments.n)
		status = error_set(err, ERROR_REFUSED, "%s: the edited value does not read back",
				file);
	if (status == 0)
		*ret_text = edited;
	return status;
}

int grub_default_edit(struct arena *arena, const char *file, const char *text, const char *name,
		const struct strings *add, const struct strings *remove, char **ret_text,
		struct error *err)
{
	struct grub_default parsed = {0};
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
	char *quoted = found ? append_in_quotes(arena, text, found, value) : NULL;
	if (found && !quoted)
		quoted = quote_value(arena, value, found->quote);
	char *edited = found ? replace_value(arena, text, found, quoted)
			     : add_assignment(arena, text, name, quote_value(arena, value, '"'));
	/* Read back what a shell will read: the edit is right, or it is not made. */
	struct grub_default after = {0};
	status = grub_default_parse(arena, file, edited, &after, err);
	const struct grub_assignment *now =
			status == 0 ? grub_default_find(&after, name, NULL) : NULL;
	if (!now || strcmp(now->value, value) != 0 ||
			grub_default_why_not_editable(&after, name, arena))
		return error_set(err, ERROR_REFUSED, "%s: the edited value does not read back",
				file);
	*ret_text = edited;
	return 0;
}
