/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/property_string.h"

#include <string.h>
#include <strings.h>

#include "pvegpu/base/text.h"

int property_string_parse(struct arena *arena, const char *text, const char *default_key,
		struct property_string *ret_parsed, struct error *err)
{
	struct property_string parsed = {0};
	const char *at = text;
	while (*at) {
		size_t n = (size_t)(strchrnul(at, ',') - at);
		char *part = arena_memdup(arena, at, n);
		at += n;
		at += *at == ',';
		if (strspn(part, " \t\r\n\f\v") == n)
			continue; /* PVE skips blank parts */
		struct property *property = arena_alloc(arena, sizeof *property);
		char *equals = strchr(part, '=');
		if (equals) {
			*equals = '\0';
			property->key = part;
			property->value = equals + 1;
		} else if (default_key) {
			property->key = arena_strdup(arena, default_key);
			property->value = part;
		}
		/* A value goes to the end of its line there (.+), so none holds a newline. */
		if (!property->key || !*property->key || !*property->value ||
				strchr(property->value, '\n'))
			return error_set(err, ERROR_PARSE,
					"'%s' has a part without a key or a value", text);
		if (property_get(&parsed, property->key))
			return error_set(err, ERROR_PARSE, "'%s' gives '%s' twice", text,
					property->key);
		list_add(arena, &parsed.properties, property);
	}
	*ret_parsed = parsed;
	return 0;
}

const char *property_get(const struct property_string *parsed, const char *key)
{
	for (size_t i = 0; i < parsed->properties.n; i++) {
		const struct property *property = parsed->properties.item[i];
		if (property->key[0] == key[0] && strcmp(property->key, key) == 0)
			return property->value;
	}
	return NULL;
}

int property_bool_value(const char *value)
{
	static const char *const yes[] = {"1", "on", "yes", "true"};
	static const char *const no[] = {"0", "off", "no", "false"};
	for (size_t i = 0; i < 4; i++) {
		if (strcasecmp(value, yes[i]) == 0)
			return 1;
		if (strcasecmp(value, no[i]) == 0)
			return 0;
	}
	return -1;
}

static void add_property(
		struct text *text, const char *default_key, const char *key, const char *value)
{
	bool named = strcmp(key, default_key) != 0;
	text_addf(text, "%s%s%s%s", text->n ? "," : "", named ? key : "", named ? "=" : "", value);
}

char *property_string_with(struct arena *arena, const char *text, const char *default_key,
		const char *key, const char *value)
{
	struct property_string parsed = {0};
	struct text edited = {0};
	bool first = strcmp(key, default_key) == 0;
	if (property_string_parse(arena, text, default_key, &parsed, NULL) < 0)
		return NULL;
	if (first)
		add_property(&edited, default_key, key, value);
	for (size_t i = 0; i < parsed.properties.n; i++) {
		const struct property *property = parsed.properties.item[i];
		if (strcmp(property->key, key) != 0)
			add_property(&edited, default_key, property->key, property->value);
	}
	if (!first)
		add_property(&edited, default_key, key, value);
	return text_take(&edited, arena);
}

bool property_is_bool(const char *value)
{
	return property_bool_value(value) >= 0;
}

bool property_bool(const struct property_string *parsed, const char *key, bool missing)
{
	const char *value = property_get(parsed, key);
	int known = value ? property_bool_value(value) : -1;
	return known < 0 ? missing : known == 1;
}
