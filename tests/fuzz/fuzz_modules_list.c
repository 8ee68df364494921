/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Module lists: add and remove give the bytes back where the last line is finished. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/modules_list.h"

static const char name[] = "vfio_pci";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	size_t n = strlen(text);
	struct strings names = modules_list_names(arena, text);
	for (size_t i = 0; i < names.n; i++)
		CHECK(names.item[i][0] && modules_list_has(&names, names.item[i]));
	char *added = modules_list_add(arena, text, name);
	struct strings more = modules_list_names(arena, added);
	CHECK(more.n == names.n + 1);
	CHECK(modules_list_has(&more, "vfio-pci"));
	CHECK(strncmp(added, text, n) == 0);
	char *removed = modules_list_remove(arena, added, name);
	struct strings left = modules_list_names(arena, removed);
	CHECK(!modules_list_has(&left, name));
	if (!modules_list_has(&names, name) && (n == 0 || text[n - 1] == '\n'))
		CHECK(strcmp(removed, text) == 0);
	CHECK(strcmp(modules_list_remove(arena, removed, name), removed) == 0);
	arena_free(arena);
	free(text);
	return 0;
}
