/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/logs/matcher.h"

#include <locale.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/*
 * The automaton is a table of states by classes of bytes. A class is a byte that stands in some
 * literal, upper and lower case as one; class 0 is every other byte, the newline among them, and
 * always leads back to the root. A cell holds the number of the next row times the width, so that
 * one step is one load; states where a literal ends come last, so that one comparison tells.
 */
static const uint32_t NONE = UINT32_MAX;

struct node { /* of the trie, while it is built */
	uint32_t fail;
	uint32_t ends;      /* the first literal that ends here, or NONE */
	uint32_t ends_next; /* the next node up the fail links where one ends; 0 none */
};

struct trie {
	struct node *nodes;
	uint32_t *children; /* of each node, by class; 0 none */
	size_t n;
};

struct rule {
	const struct symptom *symptom;
	uint32_t same; /* the next rule with the same end, or NONE */
	enum { RULE_NEW, RULE_READY, RULE_BROKEN } state;
	regex_t regex;
};

struct matcher {
	unsigned char class_of[256];
	uint32_t width;
	uint32_t *next;       /* rows * width */
	uint32_t first_final; /* cells from here on are states where literals end */
	uint32_t *ends;       /* by row: the first rule that ends there, or NONE */
	uint32_t *up;         /* by row: the next row up where one ends, or 0 */
	struct rule *rules;
	size_t rules_n;
	uint64_t *candidates; /* of the line that is judged: a bit for each rule */
	size_t words;         /* of candidates */
	locale_t c_locale;
	char line[MATCHER_LINE_MAX + 1]; /* the one that is judged, as a text */
};

static void *zeroed(size_t n, size_t size)
{
	void *memory = calloc(n ? n : 1, size);
	if (!memory)
		abort(); /* as arena.h says */
	return memory;
}

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : c;
}

static void find_classes(struct matcher *matcher)
{
	uint32_t classes = 1;
	for (size_t i = 0; i < matcher->rules_n; i++) {
		for (const char *at = matcher->rules[i].symptom->literal; *at; at++) {
			unsigned char c = lower((unsigned char)*at);
			if (!matcher->class_of[c])
				matcher->class_of[c] = (unsigned char)classes++;
		}
	}
	for (unsigned c = 'A'; c <= 'Z'; c++)
		matcher->class_of[c] = matcher->class_of[lower((unsigned char)c)];
	matcher->width = classes;
}

static uint32_t *child_of(const struct matcher *matcher, struct trie *trie, size_t at, uint32_t c)
{
	return &trie->children[at * matcher->width + c];
}

/* The trie of all literals. */
static void plant(struct matcher *matcher, struct trie *trie)
{
	trie->n = 1;
	for (size_t i = 0; i < matcher->rules_n; i++) {
		size_t at = 0;
		for (const char *c = matcher->rules[i].symptom->literal; *c; c++) {
			uint32_t *child = child_of(
					matcher, trie, at, matcher->class_of[(unsigned char)*c]);
			if (!*child) {
				trie->nodes[trie->n].ends = NONE;
				*child = (uint32_t)trie->n++;
			}
			at = *child;
		}
		matcher->rules[i].same = trie->nodes[at].ends;
		trie->nodes[at].ends = (uint32_t)i;
	}
}

/* Fail links, breadth first, and with them the missing children: `order` gets the nodes. */
static void link_up(const struct matcher *matcher, struct trie *trie, uint32_t *order)
{
	struct node *nodes = trie->nodes;
	size_t tail = 0;
	order[tail++] = 0;
	for (size_t head = 0; head < trie->n; head++) {
		const size_t at = order[head];
		for (uint32_t c = 0; c < matcher->width; c++) {
			uint32_t *child = child_of(matcher, trie, at, c);
			uint32_t other = at ? *child_of(matcher, trie, nodes[at].fail, c) : 0;
			if (!*child) {
				*child = other;
				continue;
			}
			nodes[*child].fail = other;
			nodes[*child].ends_next =
					nodes[other].ends != NONE ? other : nodes[other].ends_next;
			order[tail++] = *child;
		}
	}
}

static bool is_final(const struct node *node)
{
	return node->ends != NONE || node->ends_next;
}

/* Number the nodes anew, those where a literal ends last, and write the table. */
static void write_table(struct matcher *matcher, struct trie *trie)
{
	const struct node *nodes = trie->nodes;
	const size_t n = trie->n;
	uint32_t *row = zeroed(n, sizeof *row);
	uint32_t next_row = 0;
	for (size_t i = 0; i < n; i++)
		if (!is_final(&nodes[i]))
			row[i] = next_row++;
	matcher->first_final = next_row * matcher->width;
	for (size_t i = 0; i < n; i++)
		if (is_final(&nodes[i]))
			row[i] = next_row++;
	matcher->next = zeroed(n * matcher->width, sizeof *matcher->next);
	matcher->ends = zeroed(n, sizeof *matcher->ends);
	matcher->up = zeroed(n, sizeof *matcher->up);
	for (size_t i = 0; i < n; i++) {
		matcher->ends[row[i]] = nodes[i].ends;
		matcher->up[row[i]] = nodes[i].ends_next ? row[nodes[i].ends_next] : 0;
		for (uint32_t c = 0; c < matcher->width; c++)
			matcher->next[row[i] * matcher->width + c] =
					row[*child_of(matcher, trie, i, c)] * matcher->width;
	}
	free(row);
}

static void build(struct matcher *matcher)
{
	size_t most = 1;
	for (size_t i = 0; i < matcher->rules_n; i++)
		most += strlen(matcher->rules[i].symptom->literal);
	struct trie trie = {.nodes = zeroed(most, sizeof *trie.nodes),
			.children = zeroed(most * matcher->width, sizeof *trie.children)};
	uint32_t *order = zeroed(most, sizeof *order);
	trie.nodes[0].ends = NONE;
	plant(matcher, &trie);
	link_up(matcher, &trie, order);
	write_table(matcher, &trie);
	free(order);
	free(trie.children);
	free(trie.nodes);
}

struct matcher *matcher_new(const struct symptom *const *symptoms, size_t n)
{
	struct matcher *matcher = zeroed(1, sizeof *matcher);
	matcher->rules_n = n;
	matcher->rules = zeroed(n, sizeof *matcher->rules);
	matcher->words = (n + 63) / 64;
	matcher->candidates = zeroed(matcher->words, sizeof *matcher->candidates);
	for (size_t i = 0; i < n; i++)
		matcher->rules[i].symptom = symptoms[i];
	matcher->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	find_classes(matcher);
	build(matcher);
	return matcher;
}

void matcher_free(struct matcher *matcher)
{
	if (!matcher)
		return;
	for (size_t i = 0; i < matcher->rules_n; i++)
		if (matcher->rules[i].state == RULE_READY)
			regfree(&matcher->rules[i].regex);
	if (matcher->c_locale != (locale_t)0)
		freelocale(matcher->c_locale);
	free(matcher->rules);
	free(matcher->next);
	free(matcher->ends);
	free(matcher->up);
	free(matcher->candidates);
	free(matcher);
}

static bool rule_matches(struct rule *rule, const char *line)
{
	if (rule->state == RULE_NEW)
		rule->state = regcomp(&rule->regex, rule->symptom->pattern,
					      REG_EXTENDED | REG_ICASE | REG_NOSUB) == 0
					      ? RULE_READY
					      : RULE_BROKEN;
	return rule->state == RULE_READY && regexec(&rule->regex, line, 0, NULL, 0) == 0;
}

/* Note every rule whose literal ends in this state. */
static void note(struct matcher *matcher, uint32_t state)
{
	for (size_t row = state / matcher->width; row; row = matcher->up[row])
		for (size_t i = matcher->ends[row]; i != NONE; i = matcher->rules[i].same)
			matcher->candidates[i / 64] |= (uint64_t)1 << (i % 64);
}

/* The best of the candidates whose expression matches the line too. */
static const struct symptom *judge(struct matcher *matcher, const char *line, size_t n)
{
	const struct symptom *best = NULL;
	memcpy(matcher->line, line, n);
	matcher->line[n] = '\0';
	for (size_t i = 0; (i = i + strlen(matcher->line + i)) < n;)
		matcher->line[i] = ' '; /* a text ends at a NUL, a line does not */
	locale_t before = matcher->c_locale != (locale_t)0 ? uselocale(matcher->c_locale)
							   : (locale_t)0;
	for (size_t i = 0; i < matcher->rules_n; i++) {
		struct rule *rule = &matcher->rules[i];
		if (!(matcher->candidates[i / 64] >> (i % 64) & 1) ||
				(best && best->rank <= rule->symptom->rank))
			continue;
		if (rule_matches(rule, matcher->line))
			best = rule->symptom;
	}
	if (before != (locale_t)0)
		(void)uselocale(before);
	return best;
}

const struct symptom *matcher_line(struct matcher *matcher, const char *line, size_t n)
{
	uint32_t state = 0;
	memset(matcher->candidates, 0, matcher->words * sizeof *matcher->candidates);
	if (n > MATCHER_LINE_MAX)
		n = MATCHER_LINE_MAX;
	for (size_t i = 0; i < n; i++) {
		state = matcher->next[state + matcher->class_of[(unsigned char)line[i]]];
		if (state >= matcher->first_final)
			note(matcher, state);
	}
	for (size_t i = 0; i < matcher->words; i++)
		if (matcher->candidates[i])
			return judge(matcher, line, n);
	return NULL;
}

static size_t count_newlines(const char *at, const char *end)
{
	size_t n = 0;
	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		n++;
		at++;
	}
	return n;
}

/* Where the next literal ends, or `end`. */
static const char *next_literal(const struct matcher *matcher, const char *at, const char *end)
{
	const uint32_t *next = matcher->next;
	const unsigned char *class_of = matcher->class_of;
	const uint32_t first_final = matcher->first_final;
	uint32_t state = 0;
	for (; at < end; at++) {
		state = next[state + class_of[(unsigned char)*at]];
		if (state >= first_final)
			return at;
	}
	return end;
}

/* Whole lines, the last one with its newline. */
static void scan_lines(struct matcher *matcher, struct matcher_stream *stream, const char *start,
		const char *end)
{
	const char *counted = start;
	for (const char *at = start; (at = next_literal(matcher, at, end)) < end;) {
		const char *before = memrchr(start, '\n', (size_t)(at - start));
		const char *line = before ? before + 1 : start;
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((newline ? newline : end) - line);
		const struct symptom *symptom = matcher_line(matcher, line, n);
		stream->lines += count_newlines(counted, line);
		counted = line;
		if (symptom)
			stream->hit(stream->user, symptom, stream->lines + 1, line,
					n > MATCHER_LINE_MAX ? MATCHER_LINE_MAX : n);
		at = newline ? newline + 1 : end;
	}
	stream->lines += count_newlines(counted, end);
}

/* Keep the beginning of a line whose end has not come yet. */
static void keep_partial(struct matcher_stream *stream, const char *bytes, size_t n)
{
	size_t room = MATCHER_LINE_MAX - stream->partial_n;
	if (n > room) {
		stream->partial_cut = true;
		n = room;
	}
	if (!stream->partial)
		stream->partial = zeroed(MATCHER_LINE_MAX, 1);
	memcpy(stream->partial + stream->partial_n, bytes, n);
	stream->partial_n += n;
}

static void end_partial(struct matcher *matcher, struct matcher_stream *stream)
{
	const struct symptom *symptom = stream->partial_n ? matcher_line(matcher, stream->partial,
									    stream->partial_n)
							  : NULL;
	stream->lines++;
	stream->cut_lines += stream->partial_cut;
	if (symptom)
		stream->hit(stream->user, symptom, stream->lines, stream->partial,
				stream->partial_n);
	stream->partial_n = 0;
	stream->partial_cut = false;
}

static void feed_slice(
		struct matcher *matcher, struct matcher_stream *stream, const char *bytes, size_t n)
{
	const char *end = bytes + n;
	if (stream->partial_n) {
		const char *newline = memchr(bytes, '\n', n);
		keep_partial(stream, bytes, (size_t)((newline ? newline : end) - bytes));
		if (!newline)
			return;
		end_partial(matcher, stream);
		bytes = newline + 1;
	}
	const char *last = memrchr(bytes, '\n', (size_t)(end - bytes));
	if (last) {
		scan_lines(matcher, stream, bytes, last + 1);
		bytes = last + 1;
	}
	if (bytes < end)
		keep_partial(stream, bytes, (size_t)(end - bytes));
}

/* In slices no longer than a line may be: a line that is too long then always ends in `partial`,
 * where it is cut. */
void matcher_feed(
		struct matcher *matcher, struct matcher_stream *stream, const char *bytes, size_t n)
{
	stream->bytes += n;
	while (n) {
		size_t slice = n < MATCHER_LINE_MAX ? n : MATCHER_LINE_MAX;
		feed_slice(matcher, stream, bytes, slice);
		bytes += slice;
		n -= slice;
	}
}

void matcher_finish(struct matcher *matcher, struct matcher_stream *stream)
{
	if (stream->partial_n)
		end_partial(matcher, stream);
	free(stream->partial);
	stream->partial = NULL;
}
