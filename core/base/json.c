/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/json.h"

#include "pvegpu/base/root.h"
#include "pvegpu/base/text.h"

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
