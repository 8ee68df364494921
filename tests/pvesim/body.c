/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/pvesim/api.h"

/* %XX is undone, + is a blank, and the bytes are UTF-8. */
static char *decode(struct arena *arena, const char *text, size_t n)
{
	char *bytes = arena_memdup(arena, text, n);
	for (size_t i = 0; i < n; i++)
		if (bytes[i] == '+')
			bytes[i] = ' ';
	bytes = perl_unescape(arena, bytes, n, &n);
	return perl_decode_utf8(arena, bytes, n);
}

static void add_param(struct call *call, const char *key, const char *value)
{
	json_t *before = json_object_get(call->params, key);
	if (!before) {
		hash_set(call->params, key, value);
		return;
	}
	if (!json_is_array(before)) {
		json_t *list = json_pack("[O]", before);
		json_object_set_new(call->params, key, list);
		before = list;
	}
	json_array_append_new(before, json_string(value));
}

/* decode_urlencoded: & and ; part the fields, and a second = ends the value. */
int body_decode_form(struct call *call, const char *text, size_t n)
{
	const char *end = text + n;
	while (text < end) {
		const char *stop = text;
		while (stop < end && *stop != '&' && *stop != ';')
			stop++;
		const char *equals = memchr(text, '=', (size_t)(stop - text));
		if (stop > text) {
			size_t key_n = (size_t)((equals ? equals : stop) - text);
			const char *value = equals ? equals + 1 : stop;
			const char *second = memchr(value, '=', (size_t)(stop - value));
			size_t value_n = (size_t)((second ? second : stop) - value);
			char *key = decode(call->arena, text, key_n);
			if (equals)
				add_param(call, key, decode(call->arena, value, value_n));
			else if (!json_object_get(call->params, key))
				json_object_set_new(call->params, key, json_null());
		}
		text = stop + 1;
	}
	return 0;
}

json_t *json_without_nul(struct arena *arena, json_t *value)
{
	if (json_is_string(value)) {
		const char *text = json_string_value(value);
		return json_string(perl_decode_utf8(arena, text, json_string_length(value)));
	}
	if (json_is_array(value)) {
		json_t *list = json_array();
		for (size_t i = 0; i < json_array_size(value); i++)
			json_array_append_new(
					list, json_without_nul(arena, json_array_get(value, i)));
		return list;
	}
	if (json_is_object(value)) {
		json_t *object = json_object();
		const char *key = NULL;
		json_t *member = NULL;
		json_object_foreach(value, key, member)
				json_object_set_new(object, key, json_without_nul(arena, member));
		return object;
	}
	return json_incref(value);
}

int body_decode_json(struct call *call, const char *text, size_t n)
{
	json_error_t error;
	json_t *value = json_loadb(text, n, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
	if (!value)
		return die(call, "%s", json_complaint(call->arena, text, n));
	if (json_is_object(value)) {
		json_t *object = json_without_nul(call->arena, value);
		json_object_update(call->params, object);
		json_decref(object);
	}
	bool is_object = json_is_object(value);
	json_decref(value);
	return is_object ? 0
			 : die(call, "Not a HASH reference at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 936.");
}
