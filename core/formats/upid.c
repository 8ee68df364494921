/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/upid.h"

#include <string.h>

#include "pvegpu/base/text.h"

enum { FIELDS = 8 };

/* Split at ':'; a UPID has eight fields and a colon at its end. */
static bool split(struct arena *arena, const char *text, char *fields[FIELDS])
{
	for (int i = 0; i < FIELDS; i++) {
		size_t n = strcspn(text, ":");
		if (text[n] != ':')
			return false;
		fields[i] = arena_strndup(arena, text, n);
		text += n + 1;
	}
	return *text == '\0' && strcmp(fields[0], "UPID") == 0;
}

int upid_parse(struct arena *arena, const char *text, struct upid *ret_upid)
{
	char *fields[FIELDS];
	struct upid upid = {0};
	if (!split(arena, text, fields) || !*fields[1] || strlen(fields[4]) != 8 ||
			!text_to_ulong(fields[2], 16, ~0UL, &upid.pid) ||
			!text_to_ulong(fields[4], 16, ~0UL, &upid.start_time))
		return false;
	upid.node = fields[1];
	upid.type = fields[5];
	upid.id = fields[6];
	upid.user = fields[7];
	*ret_upid = upid;
	return true;
}

char *upid_log_path(struct arena *arena, const char *text)
{
	char *fields[FIELDS];
	if (!split(arena, text, fields) || strlen(fields[4]) != 8 || strchr(text, '/'))
		return NULL;
	return arena_printf(arena, "/var/log/pve/tasks/%c/%s", fields[4][7], text);
}

char *upid_find_last(struct arena *arena, const char *output)
{
	char *found = NULL;
	for (const char *at = output; (at = strstr(at, "UPID:")) != NULL; at++) {
		char *text = arena_strndup(arena, at, strcspn(at, "\" \t\r\n"));
		struct upid upid;
		if (upid_parse(arena, text, &upid))
			found = text;
	}
	return found;
}
