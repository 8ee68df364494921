/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cluster/hcl.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

char *hcl_quoted(struct arena *arena, const char *string)
{
	struct text text = {0};
	text_add(&text, "\"");
	for (const char *c = string; *c; c++) {
		if (*c == '"' || *c == '\\')
			text_addf(&text, "\\%c", *c);
		else if (*c == '\n' || *c == '\r' || *c == '\t')
			text_add(&text, *c == '\n' ? "\\n" : *c == '\r' ? "\\r" : "\\t");
		else if ((unsigned char)*c < 0x20 || *c == 0x7f)
			text_addf(&text, "\\u%04x", (unsigned)*c);
		else if ((*c == '$' || *c == '%') && c[1] == '{')
			text_addf(&text, "%c%c", *c, *c);
		else
			text_add_bytes(&text, c, 1);
	}
	text_add(&text, "\"");
	return text_take(&text, arena);
}

static void indent(struct hcl *hcl)
{
	text_addf(&hcl->text, "%*s", (int)(2 * hcl->depth), "");
}

static void flush(struct hcl *hcl)
{
	size_t widest = 0;
	for (size_t i = 0; i < hcl->keys.n; i++) {
		size_t n = strlen(hcl->keys.item[i]);
		widest = n > widest ? n : widest;
	}
	for (size_t i = 0; i < hcl->keys.n; i++) {
		indent(hcl);
		text_addf(&hcl->text, "%-*s = %s\n", (int)widest, hcl->keys.item[i],
				hcl->values.item[i]);
	}
	hcl->keys = (struct strings){0};
	hcl->values = (struct strings){0};
}

void hcl_set(struct hcl *hcl, const char *key, const char *value)
{
	strings_add(hcl->arena, &hcl->keys, key);
	strings_add(hcl->arena, &hcl->values, value);
}

void hcl_set_text(struct hcl *hcl, const char *key, const char *text)
{
	hcl_set(hcl, key, hcl_quoted(hcl->arena, text));
}

void hcl_line(struct hcl *hcl, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	char *line = arena_vprintf(hcl->arena, format, values);
	va_end(values);
	size_t n = strlen(line);
	flush(hcl);
	bool comment = *line == '#';
	if (*line && strchr("}])", *line) && hcl->depth)
		hcl->depth--;
	if (n)
		indent(hcl);
	text_addf(&hcl->text, "%s\n", line);
	if (n && !comment && strchr("{[(", line[n - 1]))
		hcl->depth++;
}

char *hcl_take(struct hcl *hcl)
{
	flush(hcl);
	return text_take(&hcl->text, hcl->arena);
}
