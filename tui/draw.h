/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_DRAW_H
#define PVEGPU_TUI_DRAW_H

#include "pvegpu/base/arena.h"
#include "tui/layout.h"
#include "tui/term.h"

/*
 * Drawing, for every screen. All text goes through draw_text(): cut by columns, never by bytes,
 * and with control characters taken out, so that nothing a host is called can steer a terminal.
 */

/* Draw at most `columns` columns; returns how many were used. */
int draw_text(int y, int x, int columns, enum role role, const char *text);
/* The same in a bar of exactly `columns`, filled with blanks. */
void draw_bar(int y, int x, int columns, enum role role, const char *text);
void draw_rule(int y, int columns);
/* Words wrapped into an area; what does not fit ends in "...". */
void draw_wrapped(struct area area, enum role role, const char *text);
/* A key of a screen. Lists of them end with {0}. */
struct key {
	int code;         /* as term_key() returns it; of two keys the one that goes forward */
	const char *name; /* as it is printed on the key: Enter, Space, v */
	const char *label;
};
enum { REVIEW_KEY = 'v' }; /* the number of planned changes stands beside it */

/* "Space tick   Enter next   v review (3)", the names bold. What does not fit is left out. */
void draw_keys(struct area area, const struct key *keys, size_t planned);
void draw_too_small(void);

/* Text wrapped to a width, as lines; a leading mark (+ - @) gives the role of diff lines. */
struct strings wrap_lines(struct arena *arena, const char *text, int columns);
enum role diff_role(const char *line);

/* A page of text to read, with scrolling; leaves on any key that ends it. KEY_ENDED is passed on.
 */
int show_text(const char *title, const char *text);

/* A line of input on the bottom row. Returns '\n' with the text, 'b' when it was left, or
 * KEY_ENDED. Calls `redraw` when the size changes. */
int ask_line(const char *prompt, char *buffer, size_t size, void (*redraw)(void *user), void *user);

#endif
