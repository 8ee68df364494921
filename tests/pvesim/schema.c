/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/pvesim/schema.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool row_counts(const struct schema *row, const struct schema_world *world)
{
	if (world->file ? row->alloc : row->file_only)
		return false;
	return !row->since || version_at_least(world->version, row->since);
}

bool version_at_least(const char *version, const char *least)
{
	while (*least) {
		char *end = NULL;
		unsigned long have = strtoul(version, &end, 10);
		version = end;
		unsigned long want = strtoul(least, &end, 10);
		least = end;
		if (have != want)
			return have > want;
		version += *version == '.' || *version == '-';
		least += *least == '.' || *least == '-';
	}
	return true;
}

const struct schema *schema_find(
		const struct schema *table, const struct schema_world *world, const char *key)
{
	for (const struct schema *row = table; row->name; row++) {
		if (!row_counts(row, world))
			continue;
		if (!row->last) {
			if (strcmp(row->name, key) == 0)
				return row;
			continue;
		}
		size_t n = strcspn(row->name, "[");
		const char *digits = key + n;
		if (strncmp(row->name, key, n) != 0 || !*digits ||
				(digits[0] == '0' && digits[1]) || strlen(digits) > 3 ||
				strspn(digits, "0123456789") != strlen(digits))
			continue;
		long index = strtol(digits, NULL, 10);
		if (index >= row->first && index < row->last)
			return row;
	}
	return NULL;
}

/* add_error: Proxmox VE joins two messages by a backslash and an n ('\n' in Perl). */
static void add_error(struct arena *arena, json_t *errors, const char *path, const char *message)
{
	const char *key = *path ? path : "_root";
	const char *before = hash_get(errors, key);
	hash_set(errors, key, before ? arena_printf(arena, "%s\\n%s", before, message) : message);
}

static const char integer_rx[] = "^[+-]?\\d+$";
static const char number_rx[] = "^[+-]?(\\d+\\.\\d+|\\d+\\.|\\.\\d+|\\d+)([eE][+-]?\\d+)?$";

static const char *type_name(char type)
{
	switch (type) {
	case 'i':
		return "integer";
	case 'n':
		return "number";
	case 'b':
		return "boolean";
	case 'a':
		return "array";
	default:
		return "string";
	}
}

static bool type_matches(char type, const char *value)
{
	switch (type) {
	case 'i':
		return rx_test(integer_rx, value);
	case 'n':
		return rx_test(number_rx, value);
	case 'b':
		return strcmp(value, "0") == 0 || strcmp(value, "1") == 0;
	default:
		return true;
	}
}

static bool word_in(const char *words, const char *value)
{
	size_t n = strlen(value);
	for (const char *at = words;;) {
		size_t length = strcspn(at, "|");
		if (length == n && strncmp(at, value, n) == 0)
			return true;
		if (!at[length])
			return false;
		at += length + 1;
	}
}

static char *words_text(struct arena *arena, const char *words)
{
	struct text text = {0};
	for (const char *c = words; *c; c++) {
		if (*c == '|')
			text_add(&text, ", ");
		else
			text_add_bytes(&text, c, 1);
	}
	return text_take(&text, arena);
}

void schema_check_value(struct arena *arena, const struct schema_world *world,
		const struct schema *row, const char *value, const char *path, json_t *errors)
{
	if (!type_matches(row->type, value)) {
		add_error(arena, errors, path,
				arena_printf(arena, "type check ('%s') failed - got '%s'",
						type_name(row->type), value));
		return;
	}
	char *why = format_check(arena, world, row, value, path);
	if (why) {
		add_error(arena, errors, path, arena_printf(arena, "invalid format - %s", why));
		return;
	}
	if (row->pattern && !rx_test(arena_printf(arena, "^%s$", row->pattern), value)) {
		add_error(arena, errors, path, "value does not match the regex pattern");
		return;
	}
	if (row->max_length && perl_length(value) > row->max_length) {
		add_error(arena, errors, path,
				arena_printf(arena, "value may only be %zu characters long",
						row->max_length));
		return;
	}
	if ((row->max || row->min) && rx_test(number_rx, value)) {
		double number = strtod(value, NULL);
		if (row->max && number > strtod(row->max, NULL)) {
			add_error(arena, errors, path,
					arena_printf(arena, "value must have a maximum value of %s",
							row->max));
			return;
		}
		if (row->min && number < strtod(row->min, NULL)) {
			add_error(arena, errors, path,
					arena_printf(arena, "value must have a minimum value of %s",
							row->min));
			return;
		}
	}
	if (row->words && !word_in(row->words, value))
		add_error(arena, errors, path,
				arena_printf(arena,
						"value '%s' does not have a value in the enumeration '%s'",
						value, words_text(arena, row->words)));
}

static void check_array(struct arena *arena, const struct schema_world *world,
		const struct schema *row, const json_t *list, const char *path, json_t *errors)
{
	struct schema item = {
			.name = row->name, .type = 's', .needed = true, .object = row->object};
	size_t i = 0;
	json_t *element = NULL;
	json_array_foreach(list, i, element)
	{
		char *at = arena_printf(arena, "%s[%zu]", path, i);
		char *value = perl_scalar(arena, element);
		if (value)
			schema_check_value(arena, world, &item, value, at, errors);
		else if (json_is_null(element))
			add_error(arena, errors, at, "property is missing and it is not optional");
		else
			add_error(arena, errors, at,
					json_is_array(element)
							? "type check ('string') failed - got ARRAY"
							: "type check ('string') failed - got HASH");
	}
}

static void check_property(struct arena *arena, const struct schema_world *world,
		const struct schema *row, const json_t *value, const char *path, json_t *errors)
{
	if (!value || json_is_null(value)) {
		if (row->needed && !row->alias)
			add_error(arena, errors, path,
					"property is missing and it is not optional");
		return;
	}
	if (row->type == 'a') {
		if (json_is_array(value))
			check_array(arena, world, row, value, path, errors);
		else
			add_error(arena, errors, path, "type check ('array') failed");
		return;
	}
	const char *reference = json_is_array(value)     ? "ARRAY"
				: json_is_object(value)  ? "HASH"
				: json_is_boolean(value) ? "JSON::PP::Boolean"
							 : NULL;
	if (reference && !(json_is_boolean(value) && row->type == 'b')) {
		add_error(arena, errors, path,
				arena_printf(arena, "type check ('%s') failed - got %s",
						type_name(row->type), reference));
		return;
	}
	if (!reference)
		schema_check_value(arena, world, row, perl_scalar(arena, value), path, errors);
}

static void check_rows(struct arena *arena, const struct schema_world *world,
		const struct schema *table, const json_t *object, const char *prefix,
		json_t *errors)
{
	for (const struct schema *row = table; row && row->name; row++) {
		if (row->last || !row_counts(row, world))
			continue;
		check_property(arena, world, row, json_object_get(object, row->name),
				arena_printf(arena, "%s%s%s", prefix, *prefix ? "." : "",
						row->name),
				errors);
	}
}

static void check_object(struct arena *arena, const struct schema_world *world,
		const struct schema *table, const struct schema *second, const json_t *object,
		const char *prefix, json_t *errors)
{
	const char *dot = *prefix ? "." : "";
	check_rows(arena, world, table, object, prefix, errors);
	check_rows(arena, world, second, object, prefix, errors);
	struct strings keys;
	perl_keys(arena, object, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		char *path = arena_printf(arena, "%s%s%s", prefix, dot, key);
		const struct schema *row = schema_find(table, world, key);
		if (!row && second)
			row = schema_find(second, world, key);
		if (!row) {
			add_error(arena, errors, path,
					"property is not defined in schema and the schema does not allow additional properties");
			continue;
		}
		if (row->last)
			check_property(arena, world, row, json_object_get(object, key), path,
					errors);
		const json_t *other = row->requires ? json_object_get(object, row->requires) : NULL;
		if (row->requires && (!other || json_is_null(other)))
			add_error(arena, errors,
					arena_printf(arena, "%s%s%s", prefix, dot, row->requires),
					arena_printf(arena, "missing property required by '%s'",
							path));
	}
}

void schema_check(struct arena *arena, const struct schema_world *world, const struct schema *table,
		const struct schema *second, const json_t *params, json_t *errors)
{
	check_object(arena, world, table, second, params, "", errors);
}

static const char *boolean(const char *value)
{
	static const char yes[] = "^(?:1|on|yes|true)$";
	static const char no[] = "^(?:0|off|no|false)$";
	size_t from = 0;
	size_t to = 0;
	if (rx_find(yes, RX_CASELESS, value, 0, &from, &to))
		return "1";
	return rx_find(no, RX_CASELESS, value, 0, &from, &to) ? "0" : value;
}

static const struct schema *default_row(const struct schema *table)
{
	for (const struct schema *row = table; row->name; row++)
		if (row->default_key)
			return row;
	return NULL;
}

/* One part between commas; NULL, or why not. */
static char *add_part(struct arena *arena, const struct schema_world *world,
		const struct schema *table, const char *part, json_t *properties)
{
	struct rx rx;
	if (rx_match(arena, "^([^=]+)=(.+)$", RX_UNICODE, part, &rx)) {
		const char *key = rx.group[1];
		if (json_object_get(properties, key))
			return arena_printf(arena,
					"duplicate key in comma-separated list property: %s", key);
		const struct schema *row = schema_find(table, world, key);
		if (row && row->alias) {
			/* net0: virtio=MAC says the model by its key. */
			if (strcmp(row->alias, "macaddr") == 0) {
				if (json_object_get(properties, "model"))
					return arena_strdup(arena,
							"key alias 'model' is already defined");
				hash_set(properties, "model", key);
			}
			key = row->alias;
			row = schema_find(table, world, key);
		}
		bool is_boolean = row && row->type == 'b';
		hash_set(properties, key, is_boolean ? boolean(rx.group[2]) : rx.group[2]);
		return NULL;
	}
	if (strchr(part, '='))
		return arena_strdup(arena, "missing key in comma-separated list property");
	const struct schema *row = default_row(table);
	if (!row)
		return arena_strdup(arena,
				"value without key, but schema does not define a default key");
	if (json_object_get(properties, row->name))
		return arena_printf(arena, "duplicate key in comma-separated list property: %s",
				row->name);
	hash_set(properties, row->name, row->type == 'b' ? boolean(part) : part);
	return NULL;
}

json_t *property_parse(struct arena *arena, const struct schema_world *world,
		const struct schema *table, const char *format, const char *text, const char *path,
		char **ret_why, json_t **ret_errors)
{
	json_t *properties = json_object();
	struct strings parts;
	*ret_errors = NULL;
	*ret_why = NULL;
	perl_split(arena, text, ',', &parts);
	for (size_t i = 0; i < parts.n && !*ret_why; i++)
		if (!rx_test("^\\s*$", parts.item[i]))
			*ret_why = add_part(arena, world, table, parts.item[i], properties);
	if (!*ret_why) {
		json_t *errors = json_object();
		check_object(arena, world, table, NULL, properties, path ? path : "", errors);
		if (json_object_size(errors)) {
			*ret_why = arena_strdup(arena, "format error");
			*ret_errors = errors;
		} else {
			json_decref(errors);
			if (format)
				*ret_why = format_validate(arena, world, format, properties);
		}
	}
	if (*ret_why) {
		json_decref(properties);
		return NULL;
	}
	return properties;
}

json_t *property_parse_text(struct arena *arena, const struct schema_world *world,
		const struct schema *table, const char *format, const char *text, const char *path,
		char **ret_why)
{
	json_t *errors = NULL;
	json_t *properties =
			property_parse(arena, world, table, format, text, path, ret_why, &errors);
	if (errors) {
		struct text why = {0};
		struct strings keys;
		struct strings lines = {0};
		text_add(&why, *ret_why);
		perl_keys(arena, errors, &keys);
		for (size_t i = 0; i < keys.n; i++)
			strings_add(arena, &lines,
					arena_printf(arena, "%s: %s", keys.item[i],
							hash_get(errors, keys.item[i])));
		strings_sort(&lines); /* in any order there */
		for (size_t i = 0; i < lines.n; i++)
			text_addf(&why, "\n%s", lines.item[i]);
		*ret_why = text_take(&why, arena);
		json_decref(errors);
	}
	return properties;
}

char *format_check(struct arena *arena, const struct schema_world *world, const struct schema *row,
		const char *value, const char *path)
{
	char *why = NULL;
	if (row->object) {
		json_decref(property_parse_text(
				arena, world, row->object, row->format, value, path, &why));
		return why;
	}
	return row->format ? format_check_named(arena, world, row->format, value) : NULL;
}

static void print_one(struct text *text, const struct schema *table, const char *key,
		const json_t *properties)
{
	const char *value = hash_get(properties, key);
	const struct schema *row = default_row(table);
	text_add(text, text->n ? "," : "");
	if (row && strcmp(row->name, key) == 0)
		text_add(text, value);
	else
		text_addf(text, "%s=%s", key, value);
}

char *property_print(struct arena *arena, const struct schema *table, const json_t *properties)
{
	struct text text = {0};
	struct strings keys;
	struct schema_world world = {.version = "999"};
	perl_keys(arena, properties, &keys);
	for (int pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < keys.n; i++) {
			const struct schema *row = schema_find(table, &world, keys.item[i]);
			int at = row && row->default_key ? 0 : row && row->needed ? 1 : 2;
			if (at == pass)
				print_one(&text, table, keys.item[i], properties);
		}
	}
	return text_take(&text, arena);
}
