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

/* A line of its own, indented. */
static char *put_line(const struct json_out *out, char *at)
{
	*at++ = '\n';
	return (char *)memset(at, ' ', 2 * out->depth) + 2 * out->depth;
}

/* What comes before a value, and room for it where it is `n` bytes. */
static char *start_item(struct json_out *out, const char *key, size_t n)
{
	enum { BLOCK = 16 * 1024 };
	hand_on(out, BLOCK);
	size_t length = key ? text_json_plain(key) : 0;
	bool plain = !key || !key[length];
	char *at = text_reserve(&out->text, 2 * out->depth + length + n + sizeof ",\n\"\": ");
	if (out->started)
		*at++ = ',';
	if (out->depth && !out->compact)
		at = put_line(out, at);
	out->started = true;
	if (!key)
		return at;
	*at++ = '"';
	if (!plain) {
		text_reserved(&out->text, at);
		text_add_json(&out->text, key);
		at = text_reserve(&out->text, n + sizeof "\": ");
	} else {
		at = mempcpy(at, key, length);
	}
	*at++ = '"';
	*at++ = ':';
	if (!out->compact)
		*at++ = ' ';
	return at;
}

/* An item that is these bytes as they are. */
static void put_bytes(struct json_out *out, const char *key, const char *bytes, size_t n)
{
	text_reserved(&out->text, mempcpy(start_item(out, key, n), bytes, n));
}

/* `n`: how many bytes at its start stand there as they are. */
static void put_string(struct json_out *out, const char *key, const char *string, size_t n)
{
	char *at = start_item(out, key, n + sizeof "\"\"");
	*at++ = '"';
	at = mempcpy(at, string, n);
	if (string[n]) {
		text_reserved(&out->text, at);
		text_add_json(&out->text, string + n);
		at = text_reserve(&out->text, 1);
	}
	*at++ = '"';
	text_reserved(&out->text, at);
}

void json_open(struct json_out *out, const char *key, char bracket)
{
	put_bytes(out, key, &bracket, 1);
	out->depth++;
	out->started = false;
}

void json_close(struct json_out *out, char bracket)
{
	out->depth--;
	char *at = text_reserve(&out->text, 2 * out->depth + sizeof "\n}");
	if (out->started && !out->compact)
		at = put_line(out, at);
	*at++ = bracket;
	text_reserved(&out->text, at);
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
	if (json_is_string(value)) {
		const char *string = json_string_value(value);
		put_string(out, key, string, text_json_plain(string));
		return;
	}
	char *text = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
	const char *bytes = text ? text : "null";
	put_bytes(out, key, bytes, strlen(bytes));
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
	size_t n = text ? text_json_plain(text) : 0;
	if (!text) {
		put_bytes(out, key, "null", strlen("null"));
	} else if (!text[n] || text_is_utf8(text + n, strlen(text + n))) {
		put_string(out, key, text, n);
	} else {
		struct arena *arena = arena_new();
		put_string(out, key, text_printable(arena, text), n);
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
