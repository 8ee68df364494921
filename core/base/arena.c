/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Most arenas need one small block. */
enum { BLOCK_SIZE = 16 * 1024, NEXT_SIZE = 64 * 1024, ALIGN = 16, LIST_FIRST = 4 };

/* Pieces that must be aligned are taken from the front, text from the end. */
struct block {
	struct block *next;
	size_t used;
	size_t end;
	_Alignas(ALIGN) char data[];
};

struct arena {
	struct block *first; /* the block that is being filled; the others are full */
};

/* All pages of a large block at once: each one that is first touched by itself costs as much as
 * reading a small file. Where the kernel is older than 5.14 they come as they are touched. */
static void populate(struct block *block, size_t size)
{
#ifdef MADV_POPULATE_WRITE
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)block + page - 1) / page * page;
	uintptr_t to = ((uintptr_t)block + size) / page * page;
	if (to > from)
		(void)madvise((char *)block + (from - (uintptr_t)block), to - from,
				MADV_POPULATE_WRITE);
#else
	(void)block;
	(void)size;
#endif
}

static struct block *block_new(size_t size)
{
	struct block *block = malloc(sizeof *block + size);
	if (!block)
		abort();
	if (size == NEXT_SIZE)
		populate(block, size);
	*block = (struct block){.end = size};
	return block;
}

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof *arena);
	if (!arena)
		abort();
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	struct block *block = arena->first;
	while (block) {
		struct block *next = block->next;
		free(block);
		block = next;
	}
	free(arena);
}

/* A block with `size` bytes left: the one being filled, a new one, or, for a large piece, one of
 * its own behind the one being filled. */
static struct block *block_with(struct arena *arena, size_t size)
{
	struct block *block = arena->first;
	if (block && block->end - block->used >= size)
		return block;
	bool own = block && size > NEXT_SIZE / 4;
	size_t usual = block ? NEXT_SIZE : BLOCK_SIZE;
	struct block *made = block_new(own || size > usual ? size : usual);
	made->next = own ? block->next : block;
	if (own)
		block->next = made;
	else
		arena->first = made;
	return made;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		abort();
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	struct block *block = block_with(arena, size);
	void *memory = block->data + block->used;
	block->used += size;
	return memset(memory, 0, size);
}

char *arena_memdup(struct arena *arena, const char *bytes, size_t n)
{
	if (n > SIZE_MAX / 2)
		abort();
	struct block *block = block_with(arena, n + 1);
	block->end -= n + 1;
	char *copy = block->data + block->end;
	if (n)
		memcpy(copy, bytes, n);
	copy[n] = '\0';
	return copy;
}

char *arena_strndup(struct arena *arena, const char *text, size_t n)
{
	return arena_memdup(arena, text, strnlen(text, n));
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return text ? arena_memdup(arena, text, strlen(text)) : NULL;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	char buffer[256]; /* most are shorter, and formatted once */
	va_list again;
	va_copy(again, args);
	/* The analyzer does not follow va_copy. */
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	int length = vsnprintf(buffer, sizeof buffer, format, again);
	va_end(again);
	if (length < 0)
		return arena_strdup(arena, format);
	if ((size_t)length < sizeof buffer)
		return arena_memdup(arena, buffer, (size_t)length);
	char *text = arena_alloc(arena, (size_t)length + 1);
	(void)vsnprintf(text, (size_t)length + 1, format, args);
	return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}

void list_add(struct arena *arena, struct list *list, void *item)
{
	if (list->n == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : LIST_FIRST;
		void **grown = arena_alloc(arena, capacity * sizeof *grown);
		if (list->n)
			memcpy(grown, list->item, list->n * sizeof *grown);
		list->item = grown;
		list->capacity = capacity;
	}
	list->item[list->n++] = item;
}

void strings_add(struct arena *arena, struct strings *list, const char *text)
{
	if (list->n == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : LIST_FIRST;
		char **grown = arena_alloc(arena, capacity * sizeof *grown);
		if (list->n)
			memcpy(grown, list->item, list->n * sizeof *grown);
		list->item = grown;
		list->capacity = capacity;
	}
	list->item[list->n++] = arena_strdup(arena, text);
}

void strings_remove(struct strings *list, const char *text)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->item[i], text) != 0)
			list->item[kept++] = list->item[i];
	list->n = kept;
}

int strings_has(const struct strings *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->item[i], text) == 0)
			return 1;
	return 0;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strings_sort(struct strings *list)
{
	if (list->n > 1)
		qsort(list->item, list->n, sizeof *list->item, compare_strings);
}

char *strings_join(struct arena *arena, const struct strings *list, const char *between)
{
	size_t size = 1;
	for (size_t i = 0; i < list->n; i++)
		size += strlen(list->item[i]) + (i ? strlen(between) : 0);
	char *text = arena_alloc(arena, size);
	char *end = text;
	for (size_t i = 0; i < list->n; i++) {
		if (i)
			end = stpcpy(end, between);
		end = stpcpy(end, list->item[i]);
	}
	return text;
}
