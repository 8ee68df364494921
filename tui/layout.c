/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/layout.h"

struct layout layout_make(int lines, int columns, int side_columns)
{
	struct layout layout = {0};
	if (lines < LAYOUT_MIN_LINES || columns < LAYOUT_MIN_COLUMNS) {
		layout.too_small = true;
		return layout;
	}
	int hint_lines = lines >= 20 ? 2 : 1;
	layout.side_shown = side_columns > 0 && columns - side_columns >= 46;
	layout.title = (struct area){0, 0, 1, columns};
	layout.rule_top = 1;
	layout.keys = (struct area){lines - 1, 0, 1, columns};
	layout.hint = (struct area){lines - 1 - hint_lines, 0, hint_lines, columns};
	layout.rule_bottom = layout.hint.y - 1;
	int top = 2;
	int height = layout.rule_bottom - top;
	int left = layout.side_shown ? side_columns : 0;
	if (layout.side_shown)
		layout.side = (struct area){top, 0, height, side_columns};
	layout.body = (struct area){top, left, height, columns - left};
	return layout;
}
