/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_ARENA_H
#define PVEGPU_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Memory that lives and dies together: the facts of a host, a plan, a report.
 *
 * An arena owns everything that was taken from it; arena_free() gives all of it back at once and
 * nothing is freed singly. Memory is zeroed. When the system has none left the process ends by
 * abort(): nothing sensible can be said without memory, the terminal is restored by the front
 * end's SIGABRT handler, and the journal is written ahead, so a run that dies can be undone.
 */
struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena); /* NULL is fine */

void *arena_alloc(struct arena *arena, size_t size);
char *arena_strdup(struct arena *arena, const char *text);            /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *text, size_t n); /* stops at a NUL */
char *arena_memdup(struct arena *arena, const char *bytes, size_t n); /* adds a NUL */
char *arena_printf(struct arena *arena, const char *format, ...)
		__attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
		__attribute__((format(printf, 2, 0)));

/* A growing list of pointers inside an arena. `item` is valid until the next add. */
struct list {
	void **item;
	size_t n;
	size_t capacity;
};

void list_add(struct arena *arena, struct list *list, void *item);

/* A list of strings; the same structure with the type said. */
struct strings {
	char **item;
	size_t n;
	size_t capacity;
};

void strings_add(struct arena *arena, struct strings *list, const char *text); /* copies */
void strings_remove(struct strings *list, const char *text);                   /* each that is so */
int strings_has(const struct strings *list, const char *text);
void strings_sort(struct strings *list); /* byte order */
/* "a, b, c" */
char *strings_join(struct arena *arena, const struct strings *list, const char *between);

#endif
