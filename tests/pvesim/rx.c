/* SPDX-License-Identifier: GPL-3.0-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/perl.h"

/* Compiled patterns, kept until the end: there are a few hundred. Used under the server's lock. */
struct compiled {
	struct compiled *next;
	char *pattern;
	int flags;
	pcre2_code *code;
};

enum { BUCKETS = 256 };
static struct compiled *cache[BUCKETS];
static pcre2_match_data *match_data;

static pcre2_code *compile(const char *pattern, int flags)
{
	unsigned hash = (unsigned)flags;
	for (const char *c = pattern; *c; c++)
		hash = hash * 31 + (unsigned char)*c;
	struct compiled **slot = &cache[hash % BUCKETS];
	for (struct compiled *at = *slot; at; at = at->next)
		if (at->flags == flags && strcmp(at->pattern, pattern) == 0)
			return at->code;
	uint32_t options = PCRE2_UTF | (flags & RX_BYTES ? 0 : PCRE2_UCP) |
			   (flags & RX_CASELESS ? PCRE2_CASELESS : 0);
	int code = 0;
	PCRE2_SIZE offset = 0;
	static pcre2_compile_context *context; /* a newline is LF, however the library was built */
	if (!context)
		context = pcre2_compile_context_create(NULL);
	if (!context || pcre2_set_newline(context, PCRE2_NEWLINE_LF) != 0)
		abort();
	pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options,
			&code, &offset, context);
	if (!compiled) {
		(void)fprintf(stderr, "pvesim: pattern '%s' is wrong at %zu\n", pattern, offset);
		abort();
	}
	struct compiled *entry = calloc(1, sizeof *entry);
	char *copy = strdup(pattern);
	if (!entry || !copy)
		abort();
	*entry = (struct compiled){
			.next = *slot, .pattern = copy, .flags = flags, .code = compiled};
	*slot = entry;
	if (!match_data)
		match_data = pcre2_match_data_create(RX_GROUPS, NULL);
	if (!match_data)
		abort();
	return compiled;
}

static int match_at(const char *pattern, int flags, const char *text, size_t start)
{
	pcre2_code *code = compile(pattern, flags);
	return pcre2_match(code, (PCRE2_SPTR)text, strlen(text), start, 0, match_data, NULL);
}

bool rx_test(const char *pattern, const char *text)
{
	return match_at(pattern, RX_UNICODE, text, 0) >= 0;
}

bool rx_match(struct arena *arena, const char *pattern, int flags, const char *text,
		struct rx *ret_rx)
{
	int count = match_at(pattern, flags, text, 0);
	if (count < 0)
		return false;
	*ret_rx = (struct rx){0};
	const PCRE2_SIZE *vector = pcre2_get_ovector_pointer(match_data);
	for (int i = 0; i < RX_GROUPS && i < (count ? count : RX_GROUPS); i++) {
		if (vector[2 * i] == PCRE2_UNSET)
			continue;
		ret_rx->group[i] = arena_strndup(
				arena, text + vector[2 * i], vector[2 * i + 1] - vector[2 * i]);
	}
	return true;
}

bool rx_find(const char *pattern, int flags, const char *text, size_t start, size_t *ret_from,
		size_t *ret_to)
{
	if (match_at(pattern, flags, text, start) < 0)
		return false;
	const PCRE2_SIZE *vector = pcre2_get_ovector_pointer(match_data);
	*ret_from = vector[0];
	*ret_to = vector[1];
	return true;
}
