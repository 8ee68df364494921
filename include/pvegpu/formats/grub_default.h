/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_GRUB_DEFAULT_H
#define PVEGPU_FORMATS_GRUB_DEFAULT_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"

/*
 * /etc/default/grub and /etc/default/grub.d/NAME.cfg: shell text that grub-mkconfig sources, the
 * grub.d files after the main one. This reads what a shell would read: quotes of both kinds,
 * escapes, continued lines, comments, `export`, `+=`, several assignments. What only a running
 * shell could know (a variable, a command, a condition) is marked, never guessed.
 */
struct grub_assignment {
	char *name;
	char *value;       /* as the shell would have it; for a dynamic one, the raw text */
	size_t line;       /* from 1 */
	size_t start, end; /* byte range of the value in the text, quotes included */
	char quote;        /* '"' or '\'' when the whole value stands in one pair, else 0 */
	bool dynamic;      /* contains $ or ` that a shell would replace */
	bool escaped;     /* dynamic, and with an escaped $ or ` beside: `value` cannot tell them */
	bool append;      /* += */
	bool conditional; /* inside if, case, a loop, a function, a pipe, after && or || */
	bool for_command; /* NAME=value command: for that command only, not for the file */
	bool unset;       /* `unset NAME`: value is "" */
};

struct grub_default {
	struct list assignments; /* of struct grub_assignment, in order */
	size_t code_line;        /* where eval, source or . runs other code, or a value is set in
				    another way than by an assignment; 0 nowhere */
	size_t bad_line;         /* where a command stands that cannot be one (a carriage return, a
				    byte order mark); 0 nowhere */
	size_t stray_line;  /* where what was meant to be an assignment is a command to sh, which
			       is not there: NAME = value; 0 nowhere */
	char *stray_name;   /* what it names */
	size_t exit_line;   /* where `exit` ends all of grub-mkconfig; 0 nowhere */
	size_t return_line; /* where `return` ends this file: what stands below is not read */
};

/* ERROR_PARSE names `file` and the line: an open quote, expansion or block, a here-document. */
int grub_default_parse(struct arena *arena, const char *file, const char *text,
		struct grub_default *ret_parsed, struct error *err);

/* The last assignment of `name` that counts for the file, or NULL when there is none or it was
 * unset after it; `ret_count` (may be NULL) is how many there are. */
const struct grub_assignment *grub_default_find(
		const struct grub_default *parsed, const char *name, size_t *ret_count);

/* What `name` holds after the files were sourced one after the other, as far as that is known:
 * variables are followed, what only a running shell could know is left out and *ret_whole (may be
 * NULL) is false then. Under a condition only the words count that are there either way. */
struct grub_source {
	const char *file;
	const struct grub_default *parsed;
};
char *grub_default_effective(struct arena *arena, const struct grub_source *sources, size_t n,
		const char *name, bool *ret_whole);

/* A file of its own for grub.d, which adds words to whatever `name` holds already, and the words
 * that such a file adds. `why` is one line for the comment at its top. */
char *grub_snippet_make(struct arena *arena, const char *name, const struct strings *words,
		const char *why);
struct strings grub_snippet_words(
		struct arena *arena, const struct grub_default *parsed, const char *name);

/* Why an edit of `name` in place would be a guess, in words for a person; NULL when it is safe: the
 * last assignment is a plain one, or there is none at all. */
const char *grub_default_why_not_editable(
		const struct grub_default *parsed, const char *name, struct arena *arena);

/* A plain value, which can be edited where it stands: whether it counts is another question. */
bool grub_assignment_is_plain(const struct grub_assignment *assignment);

/* The text with the words of `remove` taken out of every plain assignment of `name`, for a file
 * whose last one takes over what the ones before it set. */
int grub_default_take_out(struct arena *arena, const char *file, const char *text, const char *name,
		const struct strings *remove, char **ret_text, struct error *err);

/* The text with the words of `name`'s value changed: those of `remove` taken out, those of `add`
 * put at the end. Every byte outside the value stays, and the quoting is kept. Where there is no
 * assignment yet a line is added at the end. */
int grub_default_edit(struct arena *arena, const char *file, const char *text, const char *name,
		const struct strings *add, const struct strings *remove, char **ret_text,
		struct error *err);

#endif
