/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_LAYOUT_H
#define PVEGPU_TUI_LAYOUT_H

#include <stdbool.h>

/*
 * Where things are on a screen of a given size. Pure arithmetic, so that it can be tested over all
 * sizes: every part lies inside the screen and no two overlap.
 *
 *   row 0          title
 *   row 1          rule
 *   rows 2 …       side list | body
 *   then           rule, hint (one or two rows), keys (the last row)
 */
enum { LAYOUT_MIN_COLUMNS = 40, LAYOUT_MIN_LINES = 10 };

struct area {
	int y, x, lines, columns;
};

struct layout {
	bool too_small; /* nothing but a message fits */
	bool side_shown;
	struct area title, side, body, hint, keys;
	int rule_top, rule_bottom; /* rows */
};

/* `side_columns`: wanted width of the list on the left, 0 for none. */
struct layout layout_make(int lines, int columns, int side_columns);

#endif
