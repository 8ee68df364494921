/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/capture/redact_internal.h"

/* A table of open addressing, at most half full. */
struct dictionary_slot {
	const char *key;
	size_t n;
	void *value; /* NULL: free */
};

/* FNV-1a, over small letters. */
static size_t hash_of(const char *key, size_t n)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (uint64_t)tolower((unsigned char)key[i])) * UINT64_C(1099511628211);
	return (size_t)(hash ^ hash >> 32);
}

void dictionary_free(struct dictionary *dictionary)
{
	free(dictionary->slots);
	*dictionary = (struct dictionary){0};
}

/* The slot of a key, or the free one where it would be. */
static struct dictionary_slot *slot_of(struct dictionary *dictionary, const char *key, size_t n)
{
	size_t mask = dictionary->capacity - 1;
	for (size_t i = hash_of(key, n) & mask;; i = (i + 1) & mask) {
		struct dictionary_slot *slot = &dictionary->slots[i];
		dictionary->compared++;
		if (!slot->value || (slot->n == n && strncasecmp(slot->key, key, n) == 0))
			return slot;
	}
}

void *dictionary_get(struct dictionary *dictionary, const char *key, size_t n)
{
	return dictionary->n ? slot_of(dictionary, key, n)->value : NULL;
}

static void grow(struct dictionary *dictionary)
{
	struct dictionary old = *dictionary;
	dictionary->capacity = old.capacity ? old.capacity * 2 : 256;
	dictionary->slots = calloc(dictionary->capacity, sizeof *dictionary->slots);
	if (!dictionary->slots)
		abort(); /* see arena.h */
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i].value)
			*slot_of(dictionary, old.slots[i].key, old.slots[i].n) = old.slots[i];
	free(old.slots);
}

void dictionary_put(struct dictionary *dictionary, const char *key, size_t n, void *value)
{
	if (2 * (dictionary->n + 1) > dictionary->capacity)
		grow(dictionary);
	*slot_of(dictionary, key, n) = (struct dictionary_slot){key, n, value};
	dictionary->n++;
}
