/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "pvegpu/base/hash.h"
#include "tests/pvesim/devices.h"

static const char file_name[] = "mapping/pci.cfg";
static const char warn_name[] = "/etc/pve/mapping/pci.cfg";

static const struct schema section_schema[] = {
		{.name = "description", .type = 's', .max_length = 4096},
		{.name = "live-migration-capable", .type = 'b', .since = "8.4"},
		{.name = "map", .type = 'a', .needed = true, .object = map_schema},
		{.name = "mdev", .type = 'b'},
		{0},
};

/* check_value(): the value as it is kept, or NULL with the reason. */
static char *check_value(
		struct call *call, const char *key, const char *value, bool schema, char **ret_why)
{
	*ret_why = NULL;
	if (strcmp(key, "type") == 0 && value && strcmp(value, "pci") == 0)
		return arena_strdup(call->arena, value);
	const struct schema *row = schema_find(section_schema, &call->world, key);
	if (!row) {
		*ret_why = arena_printf(call->arena, "unexpected property '%s'", key);
		return NULL;
	}
	if (!value && row->type == 'b')
		value = "1";
	if (!value)
		*ret_why = arena_strdup(call->arena, "got undefined value");
	else if (strpbrk(value, "\n\r"))
		*ret_why = arena_strdup(call->arena, "property contains a line feed");
	if (*ret_why)
		return NULL;
	if (schema) {
		json_t *errors = json_object();
		struct schema item = *row;
		item.type = item.type == 'a' ? 's' : item.type;
		schema_check_value(call->arena, &call->world, &item, value, "", errors);
		*ret_why = arena_strdup(call->arena, hash_get(errors, "_root"));
		json_decref(errors);
	}
	return *ret_why ? NULL : arena_strdup(call->arena, value);
}

static void keep(json_t *section, const char *key, const char *value, char type)
{
	if (type == 'a') {
		json_t *list = json_object_get(section, key);
		if (!list) {
			list = json_array();
			json_object_set_new(section, key, list);
		}
		json_array_append_new(list, json_string(value));
	} else if (type == 'b') {
		json_object_set_new(section, key, json_integer(strtol(value, NULL, 10)));
	} else {
		hash_set(section, key, value);
	}
}

struct reader {
	struct call *call;
	struct strings lines;
	size_t next; /* also the number of the line read last */
	size_t told; /* the line that a warning names: a section's last that was not empty */
	json_t *ids;
	json_t *order;
	json_t *errors;
};

/* The next line that is no comment, or NULL. */
static const char *next_line(struct reader *reader)
{
	while (reader->next < reader->lines.n) {
		const char *line = reader->lines.item[reader->next++];
		struct rx rx;
		if (!rx_match(reader->call->arena, "^\\s*#", RX_BYTES, line, &rx))
			return line;
	}
	return NULL;
}

static void read_property(struct reader *reader, json_t *section, const char *id, const char *line)
{
	struct call *call = reader->call;
	struct rx rx;
	reader->told = reader->next;
	if (!rx_match(call->arena, "^\\s+(\\S+)(\\s+(.*\\S))?\\s*$", RX_BYTES, line, &rx)) {
		warn(call, "file %s line %zu (section '%s') - ignore config line: %s", warn_name,
				reader->next, id, line);
		return;
	}
	const char *key = rx.group[1];
	const struct schema *row = schema_find(section_schema, &call->world, key);
	char *why = NULL;
	char *value = NULL;
	if (!row && strcmp(key, "id") != 0 && strcmp(key, "type") != 0)
		why = arena_strdup(call->arena, "unknown property type");
	else if (row && row->type != 'a' && json_object_get(section, key))
		why = arena_strdup(call->arena, "duplicate attribute");
	else
		value = check_value(call, key, rx.group[3], true, &why);
	if (value) {
		keep(section, key, value, row ? row->type : 's');
		return;
	}
	warn(call, "file %s line %zu (section '%s') - unable to parse value of '%s': %s", warn_name,
			reader->next, id, key, why);
	json_array_append_new(reader->errors,
			json_pack("{s:s,s:s,s:s,s:s}", "context",
					arena_printf(call->arena, "file %s line %zu", warn_name,
							reader->next),
					"section", id, "key", key, "err", why));
}

static void read_section(struct reader *reader, const char *id)
{
	struct call *call = reader->call;
	char *why = format_check_named(call->arena, &call->world, "pve-configid", id);
	if (why)
		warn(call, "file %s line %zu (skip section '%s'): %s", warn_name, reader->next, id,
				why);
	json_t *section = json_object();
	reader->told = reader->next;
	for (;;) {
		const char *line = next_line(reader);
		if (!perl_true(line))
			break;
		if (!why)
			read_property(reader, section, id, line);
	}
	if (why) {
		json_decref(section);
		return;
	}
	if (json_object_get(section, "map")) {
		hash_set(section, "type", "pci");
	} else {
		warn(call, "file %s line %zu (skip section '%s'): missing value for required option 'map'",
				warn_name, reader->told, id);
		json_decref(section);
		section = json_null();
	}
	json_object_set_new(reader->order, id,
			json_integer((json_int_t)json_object_size(reader->order) + 1));
	json_object_set_new(reader->ids, id, section);
}

json_t *mapping_parse(struct call *call, const char *text)
{
	struct reader reader = {.call = call,
			.ids = json_object(),
			.order = json_object(),
			.errors = json_array()};
	long priority = 1;
	perl_split(call->arena, text, '\n', &reader.lines);
	while (reader.next < reader.lines.n) {
		const char *line = next_line(&reader);
		struct rx rx;
		if (!perl_true(line))
			continue;
		if (!rx_match(call->arena, "^(\\S+)\\s*$", RX_BYTES, line, &rx)) {
			warn(call, "file %s line %zu - ignore config line: %s", warn_name,
					reader.next, line);
			continue;
		}
		read_section(&reader, rx.group[1]);
		if (json_object_get(reader.ids, rx.group[1]) &&
				!format_check_named(call->arena, &call->world, "pve-configid",
						rx.group[1]))
			json_object_set_new(reader.order, rx.group[1], json_integer(priority++));
	}
	size_t n = 0;
	char digest[SHA1_HEX];
	char *bytes = perl_to_bytes(call->arena, text, &n);
	hash_sha1(bytes, n, digest);
	json_t *cfg = json_pack("{s:s,s:o,s:o}", "digest", digest, "ids", reader.ids, "order",
			reader.order);
	if (json_array_size(reader.errors))
		json_object_set(cfg, "errors", reader.errors);
	json_decref(reader.errors);
	return cfg;
}

static int print_section(struct call *call, const char *id, const json_t *section, struct text *out)
{
	static const char *const optional[] = {"description", "live-migration-capable", "mdev"};
	if (!json_is_object(section))
		return die(call, "unknown section type ''");
	text_addf(out, "%s\n", id);
	size_t i = 0;
	json_t *entry = NULL;
	json_array_foreach(json_object_get(section, "map"), i, entry)
			text_addf(out, "\tmap %s\n", json_string_value(entry));
	for (i = 0; i < sizeof optional / sizeof *optional; i++) {
		const char *value = perl_scalar(call->arena, json_object_get(section, optional[i]));
		if (value && strpbrk(value, "\n\r"))
			return die(call, "property '%s' contains a line feed", optional[i]);
		if (value && *value)
			text_addf(out, "\t%s %s\n", optional[i], value);
	}
	text_add(out, "\n");
	return 0;
}

char *mapping_print(struct call *call, const json_t *cfg)
{
	struct text out = {0};
	json_t *ids = json_object_get(cfg, "ids");
	json_t *order = json_object_get(cfg, "order");
	struct strings keys;
	perl_keys(call->arena, ids, &keys);
	json_int_t last = -1;
	for (size_t printed = 0; printed < keys.n; printed++) {
		/* The smallest number above the last; what has none yet comes at the end. */
		const char *next = NULL;
		json_int_t best = 0;
		for (size_t i = 0; i < keys.n; i++) {
			json_t *number = json_object_get(order, keys.item[i]);
			json_int_t at = number ? json_integer_value(number)
					       : (json_int_t)1000000 + (json_int_t)i;
			if (at > last && (!next || at < best)) {
				next = keys.item[i];
				best = at;
			}
		}
		last = best;
		if (!next || print_section(call, next, json_object_get(ids, next), &out) < 0) {
			text_free(&out);
			return NULL;
		}
	}
	return text_take(&out, call->arena);
}

json_t *mapping_load(struct call *call)
{
	char *text = state_read(call->sim, call->arena, file_name);
	size_t warned = call->warnings.n;
	json_t *cfg = mapping_parse(call, text ? text : "");
	if (state_was_parsed(call->sim, file_name, hash_get(cfg, "digest")))
		call->warnings.n = warned;
	return cfg;
}

json_t *mapping_check(struct call *call, const json_t *settings)
{
	json_t *kept = json_pack("{s:s}", "type", "pci");
	struct strings keys;
	perl_keys(call->arena, settings, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		json_t *value = json_object_get(settings, key);
		char *why = NULL;
		if (json_is_null(value)) {
			why = arena_printf(call->arena, "got undefined value for option '%s'", key);
		} else if (json_is_array(value)) {
			json_object_set(kept, key, value);
		} else {
			char *text = check_value(
					call, key, perl_scalar(call->arena, value), false, &why);
			const struct schema *row = schema_find(section_schema, &call->world, key);
			if (text)
				keep(kept, key, text, row ? row->type : 's');
		}
		if (why) {
			json_decref(kept);
			die(call, "%s", why);
			return NULL;
		}
	}
	if (!json_object_get(kept, "map")) {
		json_decref(kept);
		die(call, "missing value for required option 'map'");
		return NULL;
	}
	return kept;
}

json_t *mapping_entries(struct call *call, const json_t *cfg, const char *id, const char *node)
{
	json_t *section = json_object_get(json_object_get(cfg, "ids"), id);
	if (!json_is_object(section))
		return NULL;
	json_t *entries = json_array();
	size_t i = 0;
	json_t *map = NULL;
	json_array_foreach(json_object_get(section, "map"), i, map)
	{
		char *why = NULL;
		json_t *entry = property_parse_text(call->arena, &call->world, map_schema, NULL,
				json_string_value(map), NULL, &why);
		if (entry && strcmp(hash_get(entry, "node"), node) == 0)
			json_array_append(entries, entry);
		json_decref(entry);
	}
	return entries;
}
