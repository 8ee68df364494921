/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/json.h"

#include <stdlib.h>
#include <string.h>

#include "pvegpu/base/root.h"

json_t *json_text(const char *text)
{
	if (!text)
		return json_null();
	json_t *string = json_string(text); /* refuses what is not UTF-8 */
	if (string)
		return string;
	struct arena *arena = arena_new();
	string = json_string(text_printable(arena, text));
	arena_free(arena);
	return string;
}

json_t *json_texts(const struct strings *list)
{
	json_t *array = json_array();
	for (size_t i = 0; i < list->n; i++)
		(void)json_array_append_new(array, json_text(list->item[i]));
	return array;
}

static void hand_on(struct json_out *out, size_t least)
{
	if (out->text.n < least)
		return;
	out->write(text_string(&out->text), out->text.n);
	out->text.n = 0;
}

static void add_string(struct json_out *out, const char *string, size_t n)
{
	text_add_bytes(&out->text, "\"", 1);
	text_add_json(&out->text, string, n);
	text_add_bytes(&out->text, "\"", 1);
}

static void start_line(struct json_out *out)
{
	static const char blanks[] = "\n                                ";
	size_t indent = 2 * out->depth;
	if (out->compact)
		return;
	for (bool first = true; first || indent; first = false) {
		size_t n = indent < sizeof blanks - 2 ? indent : sizeof blanks - 2;
		text_add_bytes(&out->text, first ? blanks : blanks + 1, first ? n + 1 : n);
		indent -= n;
	}
}

/* What comes before a value. */
static void start_item(struct json_out *out, const char *key)
{
	enum { BLOCK = 16 * 1024 };
	hand_on(out, BLOCK);
	if (out->started)
		text_add_bytes(&out->text, ",", 1);
	if (out->depth)
		start_line(out);
	out->started = true;
	if (!key)
		return;
	add_string(out, key, strlen(key));
	text_add_bytes(&out->text, ": ", out->compact ? 1 : 2);
}

void json_open(struct json_out *out, const char *key, char bracket)
{
	start_item(out, key);
	text_add_bytes(&out->text, &bracket, 1);
	out->depth++;
	out->started = false;
}

void json_close(struct json_out *out, char bracket)
{
	out->depth--;
	if (out->started)
		start_line(out);
	text_add_bytes(&out->text, &bracket, 1);
	out->started = true;
}

static void put_value(struct json_out *out, const char *key, json_t *value);

static void put_members(struct json_out *out, json_t *object)
{
	const char *key = NULL;
	json_t *value = NULL;
	json_object_foreach(object, key, value)
	{
		put_value(out, key, value);
	}
}

static void put_items(struct json_out *out, json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		put_value(out, NULL, json_array_get(array, i));
}

static void put_scalar(struct json_out *out, const char *key, const json_t *value)
{
	char *text = NULL;
	start_item(out, key);
	if (json_is_string(value)) {
		add_string(out, json_string_value(value), json_string_length(value));
	} else if (value) {
		text = json_dumps(value, JSON_ENCODE_ANY);
		text_add(&out->text, text ? text : "null");
	} else {
		text_add(&out->text, "null");
	}
	free(text);
}

static void put_value(struct json_out *out, const char *key, json_t *value)
{
	if (json_is_object(value)) {
		json_open(out, key, '{');
		put_members(out, value);
		json_close(out, '}');
	} else if (json_is_array(value)) {
		json_open(out, key, '[');
		put_items(out, value);
		json_close(out, ']');
	} else {
		put_scalar(out, key, value);
	}
}

void json_put(struct json_out *out, const char *key, json_t *value)
{
	put_value(out, key, value);
	json_decref(value);
}

void json_put_text(struct json_out *out, const char *key, const char *text)
{
	size_t n = text ? strlen(text) : 0;
	start_item(out, key);
	if (!text) {
		text_add(&out->text, "null");
	} else if (text_is_utf8(text, n)) {
		add_string(out, text, n);
	} else {
		struct arena *arena = arena_new();
		add_string(out, text_printable(arena, text), n);
		arena_free(arena);
	}
}

void json_end(struct json_out *out)
{
	text_add_bytes(&out->text, "\n", 1);
	hand_on(out, 1);
	text_free(&out->text);
}

int json_read_file(const char *path, const char *what, json_t **ret_json, struct error *err)
{
	struct arena *arena = arena_new();
	json_error_t error;
	json_t *json = NULL;
	char *text = NULL;
	size_t n = 0;
	int status = root_read(NULL, path, arena, &text, &n, err);
	if (status == 0)
		json = json_loadb(text, n, 0, &error);
	if (status == 0 && !json)
		status = error_set(err, ERROR_PARSE, "%s, line %d: not %s: %s", path,
				error.line > 0 ? error.line : 1, what, error.text);
	arena_free(arena);
	if (status == 0)
		*ret_json = json;
	return status;
}
