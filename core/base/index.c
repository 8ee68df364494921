/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/index.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct named_item {
	const char *name;
	void *item;
};

static int compare_names(const void *a, const void *b)
{
	const struct named_item *first = a;
	const struct named_item *second = b;
	return strcmp(first->name, second->name);
}

void *index_get(const struct index *index, const char *name)
{
	const struct named_item wanted = {.name = name};
	struct named_item *const *found = tfind(&wanted, &index->tree, compare_names);
	return found ? (*found)->item : NULL;
}

void index_put(struct arena *arena, struct index *index, const char *name, void *item)
{
	struct named_item *entry = arena_alloc(arena, sizeof *entry);
	entry->name = arena_strdup(arena, name);
	struct named_item **found = tsearch(entry, &index->tree, compare_names);
	if (!found)
		abort(); /* see arena.h */
	(*found)->item = item;
}

static void keep(void *item)
{
	(void)item; /* the arena's */
}

void index_free(struct index *index)
{
	tdestroy(index->tree, keep);
	index->tree = NULL;
}
