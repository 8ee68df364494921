/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/modules_list.h"

#include <string.h>

#include "pvegpu/base/text.h"

/* The first word of a line that is no comment, or "". */
static char *line_name(struct arena *arena, const struct line *line)
{
	char *text = text_trim(arena, line->start, line->n);
	if (text[0] == '#' || text[0] == ';')
		return arena_strdup(arena, "");
	return arena_strndup(arena, text, strcspn(text, " \t#"));
}

struct strings modules_list_names(struct arena *arena, const char *text)
{
	struct strings names = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *name = line_name(arena, &line);
		if (*name)
			strings_add(arena, &names, name);
	}
	return names;
}

bool modules_same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

bool modules_list_has(const struct strings *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (modules_same_name(names->item[i], name))
			return true;
	return false;
}

char *modules_list_add(struct arena *arena, const char *text, const char *name)
{
	size_t n = strlen(text);
	bool crlf = n >= 2 && text[n - 1] == '\n' && text[n - 2] == '\r';
	const char *ending = crlf ? "\r\n" : "\n";
	bool unfinished = n && text[n - 1] != '\n';
	return arena_printf(arena, "%s%s%s%s", text, unfinished ? "\n" : "", name, ending);
}

char *modules_list_remove(struct arena *arena, const char *text, const char *name)
{
	struct text kept = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line))
		if (!modules_same_name(line_name(arena, &line), name))
			text_add_bytes(&kept, line.start, line.full);
	return text_take(&kept, arena);
}
