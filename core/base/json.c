/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/json.h"

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
