/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/internal.h"
#include "pvegpu/base/base64.h"
#include "pvegpu/base/json.h"

const char *json_member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

json_t *json_text_or_null(const char *text)
{
	return text && *text ? json_text(text) : json_null();
}

void json_read_strings(struct arena *arena, const json_t *array, struct strings *list)
{
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(array, i, item) if (json_is_string(item))
			strings_add(arena, list, json_string_value(item));
}

int json_index(const json_t *object, const char *name, const char *const *names, int n)
{
	const char *text = json_member(object, name);
	for (int i = 0; text && i < n; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	return -1;
}

void json_set_content(json_t *object, struct arena *arena, const char *name, const char *text)
{
	if (!text)
		return;
	size_t n = strlen(text);
	if (text_is_utf8(text, n)) {
		(void)json_object_set_new(object, name, json_stringn(text, n));
		return;
	}
	(void)json_object_set_new(object, arena_printf(arena, "%s_base64", name),
			json_string(base64_encode(arena, text, n)));
}

char *json_get_content(const json_t *object, struct arena *arena, const char *name)
{
	const json_t *plain = json_object_get(object, name);
	if (json_is_string(plain))
		return arena_memdup(arena, json_string_value(plain), json_string_length(plain));
	const json_t *coded = json_object_get(object, arena_printf(arena, "%s_base64", name));
	if (!json_is_string(coded))
		return NULL;
	size_t n = 0;
	return base64_decode(arena, json_string_value(coded), &n);
}
