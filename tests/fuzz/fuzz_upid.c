/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Task ids: one that is found in an output is one, and its log stays in the log directory. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/upid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	static const char start[] = "/var/log/pve/tasks/";
	struct upid upid;
	if (upid_parse(arena, text, &upid)) {
		CHECK(upid.node[0] && upid.type && upid.id && upid.user);
		CHECK(strncmp(text, "UPID:", 5) == 0 && text[strlen(text) - 1] == ':');
	}
	char *path = upid_log_path(arena, text);
	if (path) {
		CHECK(strncmp(path, start, strlen(start)) == 0);
		CHECK(!strchr(path + strlen(start) + 2, '/'));
	}
	char *found = upid_find_last(arena, text);
	if (found) {
		CHECK(upid_parse(arena, found, &upid) && strstr(text, found));
		char *more = arena_printf(arena, "%s\n%s\n", found, text);
		CHECK(strcmp(upid_find_last(arena, more), found) == 0);
	}
	arena_free(arena);
	free(text);
	return 0;
}
