/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/plan/diff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pvegpu/base/text.h"

static const size_t CONTEXT = 3;
static const size_t CELLS_MAX = 4UL * 1024 * 1024;

/* The lines of a text; the flag of a line says it is not in the other text. */
struct side {
	struct line *lines;
	bool *changed;
	size_t n;
};

static struct side split(struct arena *arena, const char *text)
{
	struct side side = {0};
	size_t capacity = 1;
	for (const char *c = text; *c; c++)
		capacity += *c == '\n';
	side.lines = arena_alloc(arena, (capacity + 1) * sizeof *side.lines);
	side.changed = arena_alloc(arena, (capacity + 1) * sizeof *side.changed);
	struct lines cursor = lines_start(text);
	while (line_next(&cursor, &side.lines[side.n]))
		side.n++;
	return side;
}

/* Lines are equal when their endings are too: a missing final newline is a change. */
static bool same(const struct line *a, const struct line *b)
{
	return a->full == b->full && memcmp(a->start, b->start, a->full) == 0;
}

/* Mark what is not part of a longest common subsequence of the ranges. */
static void mark_changes(struct side *a, size_t a_from, size_t a_to, struct side *b, size_t b_from,
		size_t b_to)
{
	size_t rows = a_to - a_from;
	size_t columns = b_to - b_from;
	if (rows == 0 || columns == 0 || rows > CELLS_MAX / columns) {
		memset(a->changed + a_from, 1, rows);
		memset(b->changed + b_from, 1, columns);
		return;
	}
	size_t width = columns + 1;
	uint32_t *common = calloc((rows + 1) * width, sizeof *common);
	if (!common)
		abort(); /* see arena.h */
	for (size_t i = rows; i-- > 0;)
		for (size_t j = columns; j-- > 0;) {
			uint32_t down = common[(i + 1) * width + j];
			uint32_t right = common[i * width + j + 1];
			common[i * width + j] =
					same(&a->lines[a_from + i], &b->lines[b_from + j])
							? common[(i + 1) * width + j + 1] + 1
					: down > right ? down
						       : right;
		}
	size_t i = 0;
	size_t j = 0;
	while (i < rows || j < columns) {
		if (i < rows && j < columns && same(&a->lines[a_from + i], &b->lines[b_from + j])) {
			i++;
			j++;
		} else if (j == columns ||
				(i < rows && common[(i + 1) * width + j] >=
								common[i * width + j + 1])) {
			a->changed[a_from + i++] = true;
		} else {
			b->changed[b_from + j++] = true;
		}
	}
	free(common);
}

/* Where the same lines could be called changed a little later, say later, as diff(1) does. */
static void slide_down(struct side *side)
{
	size_t start = 0;
	while (start < side->n) {
		if (!side->changed[start]) {
			start++;
			continue;
		}
		size_t end = start;
		while (end < side->n && side->changed[end])
			end++;
		while (end < side->n && same(&side->lines[start], &side->lines[end])) {
			side->changed[start++] = false;
			side->changed[end++] = true;
			while (end < side->n && side->changed[end])
				end++;
		}
		start = end;
	}
}

static void add_line(struct text *out, char mark, const struct line *line)
{
	text_add_bytes(out, &mark, 1);
	text_add_bytes(out, line->start, line->full);
	if (line->full == line->n)
		text_add(out, "\n\\ No newline at end of file\n");
}

static void add_range(struct text *out, size_t from, size_t n)
{
	/* An empty range is named by the line before it. */
	if (n == 1)
		text_addf(out, "%zu", from + 1);
	else
		text_addf(out, "%zu,%zu", n ? from + 1 : from, n);
}

/* One hunk: the lines [a_from, a_to) and [b_from, b_to) with their context. */
static void add_hunk(struct text *out, const struct side *a, size_t a_from, size_t a_to,
		const struct side *b, size_t b_from, size_t b_to)
{
	text_add(out, "@@ -");
	add_range(out, a_from, a_to - a_from);
	text_add(out, " +");
	add_range(out, b_from, b_to - b_from);
	text_add(out, " @@\n");
	size_t i = a_from;
	size_t j = b_from;
	while (i < a_to || j < b_to) {
		if (i < a_to && a->changed[i]) {
			add_line(out, '-', &a->lines[i++]);
		} else if (j < b_to && b->changed[j]) {
			add_line(out, '+', &b->lines[j++]);
		} else {
			add_line(out, ' ', &a->lines[i++]);
			j++;
		}
	}
}

static void add_hunks(struct text *out, const struct side *a, const struct side *b)
{
	size_t i = 0;
	size_t j = 0;
	while (i < a->n || j < b->n) {
		bool changed = (i < a->n && a->changed[i]) || (j < b->n && b->changed[j]);
		if (!changed) {
			i++;
			j++;
			continue;
		}
		size_t before = i < CONTEXT ? i : CONTEXT;
		size_t a_from = i - before;
		size_t b_from = j - before;
		size_t equal = 0; /* unchanged lines since the last change */
		while ((i < a->n || j < b->n) && equal <= 2 * CONTEXT) {
			if (i < a->n && a->changed[i]) {
				i++;
				equal = 0;
			} else if (j < b->n && b->changed[j]) {
				j++;
				equal = 0;
			} else {
				i++;
				j++;
				equal++;
			}
		}
		size_t extra = equal > CONTEXT ? equal - CONTEXT : 0;
		add_hunk(out, a, a_from, i - extra, b, b_from, j - extra);
	}
}

/* Split both and mark what is not common to them. */
static void compare(struct arena *arena, const char *old_text, const char *new_text,
		struct side *ret_old, struct side *ret_new)
{
	struct side a = split(arena, old_text);
	struct side b = split(arena, new_text);
	size_t start = 0;
	while (start < a.n && start < b.n && same(&a.lines[start], &b.lines[start]))
		start++;
	size_t end = 0;
	while (end < a.n - start && end < b.n - start &&
			same(&a.lines[a.n - 1 - end], &b.lines[b.n - 1 - end]))
		end++;
	mark_changes(&a, start, a.n - end, &b, start, b.n - end);
	slide_down(&a);
	slide_down(&b);
	*ret_old = a;
	*ret_new = b;
}

char *diff_unified(struct arena *arena, const char *path, const char *before, const char *after)
{
	const char *old_text = before ? before : "";
	const char *new_text = after ? after : "";
	if (strcmp(old_text, new_text) == 0 && !before == !after)
		return arena_strdup(arena, "");
	struct side a;
	struct side b;
	compare(arena, old_text, new_text, &a, &b);
	struct text out = {0};
	text_addf(&out, "--- %s\n+++ %s\n", before ? path : "/dev/null",
			after ? path : "/dev/null");
	add_hunks(&out, &a, &b);
	return text_take(&out, arena);
}

/* One way away from the base: its lines, those of the base it drops, and how far both are. */
struct way {
	struct side base, side;
	size_t at;
};

static bool changes_at(const struct way *way, size_t i)
{
	return (i < way->base.n && way->base.changed[i]) ||
	       (way->at < way->side.n && way->side.changed[way->at]);
}

/* Take the change of `way` at base line *i; false when `other` changes the same lines. */
static bool take_change(struct text *out, struct way *way, struct way *other, size_t *i)
{
	while (way->at < way->side.n && way->side.changed[way->at]) {
		const struct line *line = &way->side.lines[way->at++];
		text_add_bytes(out, line->start, line->full);
	}
	for (; *i < way->base.n && way->base.changed[*i]; (*i)++, other->at++)
		if (changes_at(other, *i))
			return false;
	return true;
}

char *diff_merge(struct arena *arena, const char *base, const char *ours, const char *theirs)
{
	struct way a = {0};
	struct way b = {0};
	struct text out = {0};
	compare(arena, base, ours, &a.base, &a.side);
	compare(arena, base, theirs, &b.base, &b.side);
	bool clean = true;
	for (size_t i = 0; clean && (i < a.base.n || a.at < a.side.n || b.at < b.side.n);) {
		bool by_a = changes_at(&a, i);
		bool by_b = changes_at(&b, i);
		if (by_a && by_b) {
			clean = false;
		} else if (by_a) {
			clean = take_change(&out, &a, &b, &i);
		} else if (by_b) {
			clean = take_change(&out, &b, &a, &i);
		} else {
			text_add_bytes(&out, a.base.lines[i].start, a.base.lines[i].full);
			i++;
			a.at++;
			b.at++;
		}
	}
	char *merged = text_take(&out, arena);
	return clean ? merged : NULL;
}
