/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_LOGS_MATCHER_H
#define PVEGPU_LOGS_MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvegpu/logs/symptom.h"

/*
 * Text in, matches out: finds the lines of a log that one of many symptoms knows.
 *
 * One automaton (Aho-Corasick) looks for the literals of all rows at once; the regular expressions
 * see only lines that hold one. They are compiled when first needed, and run in the C locale
 * whatever the program's is: in a UTF-8 locale they are several times slower.
 *
 * The text may be anything and comes in pieces of any size. Of a line only the first
 * MATCHER_LINE_MAX bytes are looked at. Memory is bounded: the automaton, and one partial line a
 * stream.
 */
enum { MATCHER_LINE_MAX = 64 * 1024 };

struct matcher;

/* Of these rows, however many; where two of one rank match a line the first is the better. The
 * rows are lent. */
struct matcher *matcher_new(const struct symptom *const *symptoms, size_t n);
void matcher_free(struct matcher *matcher); /* NULL is fine */

/* The row that tells most about this line, or NULL. */
const struct symptom *matcher_line(struct matcher *matcher, const char *line, size_t n);

/* A line that matched; `line` counts from 1, the text is not NUL-terminated. */
typedef void matcher_hit(void *user, const struct symptom *symptom, uint64_t line, const char *text,
		size_t n);

/* A log that is read piece by piece. Start from {.hit = …, .user = …}. */
struct matcher_stream {
	matcher_hit *hit;
	void *user;
	uint64_t bytes, lines; /* so far; a last line without an end counts when it is finished */
	uint64_t cut_lines;    /* longer than MATCHER_LINE_MAX */
	char *partial;
	size_t partial_n;
	bool partial_cut;
};

void matcher_feed(struct matcher *matcher, struct matcher_stream *stream, const char *bytes,
		size_t n);
/* The end: the last line, if it had no newline. Frees what the stream held. */
void matcher_finish(struct matcher *matcher, struct matcher_stream *stream);

#endif
