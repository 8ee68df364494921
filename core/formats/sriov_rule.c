/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/sriov_rule.h"

#include <string.h>

#include "pvegpu/base/text.h"

static const char attribute[] = "sriov_numvfs";
static const char blanks[] = " \t\r\n";

bool sriov_rule_names(const char *line)
{
	return strstr(line, attribute) != NULL;
}

/* The decimal number of `n` characters at `at`. "010" is eight to the kernel. */
static bool read_number(const char *line, size_t at, size_t n, struct sriov_rule *rule)
{
	char digits[8] = "";
	unsigned long count = 0;
	if (!n || n >= sizeof digits || (line[at] == '0' && n > 1))
		return false;
	memcpy(digits, line + at, n);
	if (digits[strspn(digits, "0123456789")] ||
			!text_to_ulong(digits, 10, SRIOV_FUNCTIONS_MAX, &count))
		return false;
	rule->count = (unsigned)count;
	rule->at = at;
	rule->n = n;
	return true;
}

/* KEY OPERATOR "VALUE" of a rule. */
struct token {
	const char *key, *value;
	size_t key_n, operator_n, value_n;
	char operator; /* = ! + - : the first character */
};

/* The next one; false at the end, and where there is something else: then *at is not the end. */
static bool next_token(const char **at, struct token *ret)
{
	const char *c = *at + strspn(*at, ", \t\r\n");
	*at = c;
	*ret = (struct token){.key = c};
	ret->key_n = strcspn(c, " \t=!+-:\"");
	c += ret->key_n;
	c += strspn(c, " \t");
	ret->operator= * c;
	ret->operator_n = *c == '=' ? strspn(c, "=") : strspn(c, "!+-:") + 1;
	if (!ret->key_n || !*c || c[ret->operator_n - 1] != '=' || ret->operator_n > 2)
		return false;
	c += ret->operator_n;
	c += strspn(c, " \t");
	if (*c != '"')
		return false;
	ret->value = c + 1;
	ret->value_n = strcspn(ret->value, "\"\\");
	if (ret->value[ret->value_n] != '"')
		return false;
	*at = ret->value + ret->value_n + 1;
	return true;
}

static bool is(const char *text, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(text, word, n) == 0;
}

static bool key_is(const struct token *token, const char *word)
{
	return is(token->key, token->key_n, word);
}

static bool compares(const struct token *token)
{
	return token->operator_n == 2 && (token->operator== '=' || token->operator== '!');
}

/* "0x10de"; -1: it is none. */
static long read_id(const char *value)
{
	unsigned long id = 0;
	return text_starts(value, "0x") && text_to_ulong(value + 2, 16, 0xffff, &id) ? (long)id
										     : -1;
}

/* What narrows a rule down, and cannot keep it from acting on the device it names. */
static bool read_match(struct arena *arena, const struct token *token, struct sriov_rule *rule,
		size_t *addresses)
{
	const char *value = arena_strndup(arena, token->value, token->value_n);
	bool negated = token->operator== '!';
	if (key_is(token, "KERNEL") && !negated) {
		(*addresses)++;
		return pci_address_parse_full(value, &rule->address);
	}
	if (key_is(token, "ACTION") && !negated)
		return strcmp(value, "add") == 0 || strcmp(value, "bind") == 0 ||
		       strcmp(value, "add|bind") == 0 || strcmp(value, "add|change") == 0;
	if (key_is(token, "SUBSYSTEM") && !negated)
		return strcmp(value, "pci") == 0;
	if (key_is(token, "DRIVER"))
		return negated ? strcmp(value, "vfio-pci") == 0 : strcmp(value, "?*") == 0;
	long *id = key_is(token, "ATTR{vendor}")   ? &rule->vendor
		   : key_is(token, "ATTR{device}") ? &rule->device
						   : NULL;
	if (id && !negated) {
		*id = read_id(value);
		return *id >= 0;
	}
	return !negated && key_is(token, "ATTR{sriov_numvfs}") && strcmp(value, "0") == 0;
}

bool sriov_rule_read_udev(struct arena *arena, const char *line, struct sriov_rule *ret_rule)
{
	struct sriov_rule rule = {.vendor = -1, .device = -1};
	struct token token;
	size_t addresses = 0;
	size_t numbers = 0;
	const char *at = line;
	while (next_token(&at, &token)) {
		bool sets = token.operator== '=' ? token.operator_n == 1 : token.operator== ':';
		if (compares(&token) ? !read_match(arena, &token, &rule, &addresses)
				     : !sets || !key_is(&token, "ATTR{sriov_numvfs}"))
			return false;
		if (compares(&token))
			continue;
		numbers++;
		if (!read_number(line, (size_t)(token.value - line), token.value_n, &rule))
			return false;
	}
	if (*at || addresses != 1 || numbers != 1)
		return false;
	*ret_rule = rule;
	return true;
}

bool sriov_rule_read_sysfs(struct arena *arena, const char *line, struct sriov_rule *ret_rule)
{
	static const char start[] = "bus/pci/devices/";
	struct sriov_rule rule = {.vendor = -1, .device = -1};
	const char *at = line + strspn(line, blanks);
	if (!text_starts(at, start))
		return false;
	at += strlen(start);
	size_t n = strcspn(at, "/");
	if (!pci_address_parse_full(arena_strndup(arena, at, n), &rule.address) || at[n] != '/')
		return false;
	at += n + 1;
	if (!text_starts(at, attribute))
		return false;
	at += strlen(attribute);
	at += strspn(at, " \t");
	if (*at != '=')
		return false;
	at++;
	at += strspn(at, " \t");
	n = strcspn(at, blanks);
	if (at[n + strspn(at + n, blanks)] || !read_number(line, (size_t)(at - line), n, &rule))
		return false;
	*ret_rule = rule;
	return true;
}
