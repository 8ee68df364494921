/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/modules_alias.h"

#include <string.h>

static const char plain[] = "alias pci:";
static const char vfio[] = "alias vfio_pci:";
enum { ALIAS = 6, VFIO = 5 }; /* bytes of "alias " and "vfio_" */

static bool starts(const struct line *line, const char *prefix)
{
	size_t n = strlen(prefix);
	return line->n > n && memcmp(line->start, prefix, n) == 0;
}

bool modules_alias_next(struct lines *cursor, struct modules_alias *ret_alias)
{
	struct line line;
	while (line_next(cursor, &line)) {
		bool variant = starts(&line, vfio);
		if (!variant && !starts(&line, plain))
			continue;
		const char *pattern = line.start + ALIAS + (variant ? VFIO : 0);
		const char *end = line.start + line.n;
		const char *blank = memchr(pattern, ' ', (size_t)(end - pattern));
		size_t n = blank ? (size_t)(blank - pattern) : 0;
		size_t rest = blank ? (size_t)(end - blank - 1) : 0;
		if (!n || !rest || n >= MODULES_ALIAS_TEXT || rest >= MODULES_ALIAS_TEXT)
			continue;
		ret_alias->vfio = variant;
		memcpy(ret_alias->pattern, pattern, n);
		ret_alias->pattern[n] = '\0';
		memcpy(ret_alias->module, blank + 1, rest);
		ret_alias->module[rest] = '\0';
		return true;
	}
	return false;
}
