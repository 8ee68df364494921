/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/attribute_rule.h"

#include <string.h>

#include "pvegpu/base/text.h"

static const char blanks[] = " \t\r\n";

const char *attribute_name(enum device_attribute attribute)
{
	static const char *const names[ATTRIBUTES] = {[ATTRIBUTE_NONE] = "",
			[ATTRIBUTE_VF_DRIVERS] = "sriov_drivers_autoprobe",
			[ATTRIBUTE_FUNCTIONS] = "sriov_numvfs",
			[ATTRIBUTE_D3COLD] = "d3cold_allowed",
			[ATTRIBUTE_WINDOW] = "_resize"};
	return names[attribute];
}

unsigned attribute_at_first(enum device_attribute attribute)
{
	return attribute == ATTRIBUTE_FUNCTIONS || attribute == ATTRIBUTE_WINDOW ? 0 : 1;
}

/* resource1_resize, resource*_resize, resource${N}_resize */
static bool names_resize(const char *line)
{
	static const char start[] = "resource";
	for (const char *at = strstr(line, start); at; at = strstr(at + 1, start)) {
		const char *end = strstr(at, "_resize");
		if (end && end - at <= (long)strlen("resource${N}") &&
				end - at > (long)strlen(start))
			return true;
	}
	return false;
}

bool attribute_rule_names(enum device_attribute attribute, const char *line)
{
	return attribute == ATTRIBUTE_WINDOW ? names_resize(line)
					     : strstr(line, attribute_name(attribute)) != NULL;
}

/* The decimal number of `n` characters at `at`. "010" is eight to the kernel. */
static bool read_number(const char *line, size_t at, size_t n, struct attribute_rule *rule)
{
	char digits[8] = "";
	unsigned long count = 0;
	if (!n || n >= sizeof digits || (line[at] == '0' && n > 1))
		return false;
	memcpy(digits, line + at, n);
	if (digits[strspn(digits, "0123456789")] ||
			!text_to_ulong(digits, 10, ATTRIBUTE_MAX, &count))
		return false;
	rule->value = (unsigned)count;
	rule->at = at;
	rule->n = n;
	return true;
}

/* Once in a boot, and while no guest can run: /etc/pve is there before the first of them starts. */
static const char resize_before[] =
		"/bin/sh -c '[ -e /etc/pve/local ] && exit 0; mkdir /run/pvegpu-bar-%k 2>/dev/null || exit 0; cd /sys%p; echo %k >driver/unbind; echo ";
static const char resize_middle[] = " >resource";
static const char resize_after[] = "_resize; echo %k >/sys/bus/pci/drivers/vfio-pci/bind'";

unsigned attribute_number(enum device_attribute attribute, unsigned value)
{
	unsigned bit = 0;
	while (bit < 31 && 1U << bit < value)
		bit++;
	return attribute == ATTRIBUTE_WINDOW ? bit : value;
}

char *attribute_rule_resize(struct arena *arena, int window, unsigned mib)
{
	return arena_printf(arena, "%s%u%s%d%s", resize_before,
			attribute_number(ATTRIBUTE_WINDOW, mib), resize_middle, window,
			resize_after);
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

/* ATTR{sriov_numvfs} */
static bool key_is_attribute(const struct token *token, enum device_attribute attribute)
{
	const char *name = attribute_name(attribute);
	size_t n = strlen(name);
	return token->key_n == n + strlen("ATTR{}") && memcmp(token->key, "ATTR{", 5) == 0 &&
	       memcmp(token->key + 5, name, n) == 0 && token->key[n + 5] == '}';
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
static bool read_match(struct arena *arena, enum device_attribute attribute,
		const struct token *token, struct attribute_rule *rule, size_t *addresses)
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
	if (key_is(token, "DRIVER") && attribute == ATTRIBUTE_WINDOW)
		return !negated && strcmp(value, "vfio-pci") == 0;
	if (key_is(token, "DRIVER"))
		return negated ? strcmp(value, "vfio-pci") == 0 : strcmp(value, "?*") == 0;
	long *id = key_is(token, "ATTR{vendor}")   ? &rule->vendor
		   : key_is(token, "ATTR{device}") ? &rule->device
						   : NULL;
	if (id && !negated) {
		*id = read_id(value);
		return *id >= 0;
	}
	return !negated && attribute == ATTRIBUTE_FUNCTIONS && key_is_attribute(token, attribute) &&
	       strcmp(value, "0") == 0;
}

/* RUN+="…", as we write it. */
static bool read_resize(struct arena *arena, const char *line, const struct token *token,
		struct attribute_rule *rule)
{
	const char *value = arena_strndup(arena, token->value, token->value_n);
	const char *number = value + strlen(resize_before);
	if (!key_is(token, "RUN") || token->operator!= '+' || !text_starts(value, resize_before) ||
			!read_number(line, (size_t)(token->value - line) + strlen(resize_before),
					strspn(number, "0123456789"), rule) ||
			rule->value > 31)
		return false;
	rule->value = 1U << rule->value;
	const char *middle = number + rule->n;
	const char *window = middle + strlen(resize_middle);
	return text_starts(middle, resize_middle) && *window >= '0' && *window <= '5' &&
	       strcmp(window + 1, resize_after) == 0;
}

bool attribute_rule_read_udev(struct arena *arena, enum device_attribute attribute,
		const char *line, struct attribute_rule *ret_rule)
{
	struct attribute_rule rule = {.vendor = -1, .device = -1};
	struct token token;
	size_t addresses = 0;
	size_t numbers = 0;
	const char *at = line;
	while (next_token(&at, &token)) {
		bool sets = token.operator== '=' ? token.operator_n == 1 : token.operator== ':';
		bool resizes = attribute == ATTRIBUTE_WINDOW && !compares(&token);
		if (compares(&token)      ? !read_match(arena, attribute, &token, &rule, &addresses)
				: resizes ? !read_resize(arena, line, &token, &rule)
					  : !sets || !key_is_attribute(&token, attribute))
			return false;
		if (compares(&token))
			continue;
		numbers++;
		if (!resizes && !read_number(line, (size_t)(token.value - line), token.value_n,
						&rule))
			return false;
	}
	if (*at || addresses != 1 || numbers != 1)
		return false;
	*ret_rule = rule;
	return true;
}

bool attribute_rule_read_sysfs(struct arena *arena, enum device_attribute attribute,
		const char *line, struct attribute_rule *ret_rule)
{
	static const char start[] = "bus/pci/devices/";
	struct attribute_rule rule = {.vendor = -1, .device = -1};
	const char *at = line + strspn(line, blanks);
	if (attribute == ATTRIBUTE_WINDOW)
		return false;
	if (!text_starts(at, start))
		return false;
	at += strlen(start);
	size_t n = strcspn(at, "/");
	if (!pci_address_parse_full(arena_strndup(arena, at, n), &rule.address) || at[n] != '/')
		return false;
	at += n + 1;
	if (!text_starts(at, attribute_name(attribute)))
		return false;
	at += strlen(attribute_name(attribute));
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
