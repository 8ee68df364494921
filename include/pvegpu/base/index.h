/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_INDEX_H
#define PVEGPU_BASE_INDEX_H

#include "pvegpu/base/arena.h"

/*
 * Things by name, for lists whose length an input decides: to look through such a list for each of
 * its members costs the square of it. Start from {0}; index_free() gives the tree back, the names
 * are the arena's and the items the caller's.
 */
struct index {
	void *tree;
};

/* NULL: there is none of that name. */
void *index_get(const struct index *index, const char *name);
/* Keep `item` (not NULL) under the name, in place of one that had it. */
void index_put(struct arena *arena, struct index *index, const char *name, void *item);
void index_free(struct index *index);

#endif
