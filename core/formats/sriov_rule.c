/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/sriov_rule.h"

#include <string.h>

#include "pvegpu/base/text.h"

static const char attribute[] = "sriov_numvfs";

bool sriov_rule_names(const char *line)
{
	return strstr(line, attribute) != NULL;
}

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* The value that is assigned at `at`, behind the attribute's name; NULL where none is. */
static const char *assigned(const char *at)
{
	if (*at == '}')
		at++;
	at = skip_blanks(at);
	if (*at == ':')
		at++;
	if (*at != '=' || at[1] == '=')
		return NULL;
	at = skip_blanks(at + 1);
	return *at == '"' ? at + 1 : at;
}

/* The digits of the number that counts, which is the last one. */
static bool find_number(const char *line, size_t *ret_at, size_t *ret_n, unsigned *ret_count)
{
	bool found = false;
	for (const char *at = line; (at = strstr(at, attribute)) != NULL;) {
		at += strlen(attribute);
		const char *value = assigned(at);
		size_t n = value ? strspn(value, "0123456789") : 0;
		char digits[8] = "";
		unsigned long count = 0;
		if (!n || n >= sizeof digits)
			continue;
		memcpy(digits, value, n);
		if (!text_to_ulong(digits, 10, SRIOV_FUNCTIONS_MAX, &count))
			continue;
		*ret_at = (size_t)(value - line);
		*ret_n = n;
		*ret_count = (unsigned)count;
		found = true;
	}
	return found;
}

bool sriov_rule_count(const char *line, unsigned *ret_count)
{
	size_t at = 0;
	size_t n = 0;
	return find_number(line, &at, &n, ret_count);
}

char *sriov_rule_with(struct arena *arena, const char *line, unsigned count)
{
	size_t at = 0;
	size_t n = 0;
	unsigned before = 0;
	if (!find_number(line, &at, &n, &before))
		return NULL;
	return arena_printf(arena, "%.*s%u%s", (int)at, line, count, line + at + n);
}
