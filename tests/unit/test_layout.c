/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tui/layout.h"

static void inside(const struct area *area, int lines, int columns)
{
	assert_true(area->y >= 0 && area->x >= 0);
	assert_true(area->lines > 0 && area->columns > 0);
	assert_true(area->y + area->lines <= lines);
	assert_true(area->x + area->columns <= columns);
}

static void apart(const struct area *a, const struct area *b)
{
	int rows = a->y < b->y + b->lines && b->y < a->y + a->lines;
	int columns = a->x < b->x + b->columns && b->x < a->x + a->columns;
	assert_false(rows && columns);
}

/* Over every size a terminal may have: all parts inside the screen, none over another. */
static void parts_fit_and_do_not_overlap(void **state)
{
	static const int sides[] = {0, 24, 30};
	(void)state;
	for (int lines = 1; lines <= 70; lines++)
		for (int columns = 1; columns <= 220; columns++)
			for (int s = 0; s < 3; s++) {
				struct layout layout = layout_make(lines, columns, sides[s]);
				int small = lines < LAYOUT_MIN_LINES ||
					    columns < LAYOUT_MIN_COLUMNS;
				assert_int_equal(layout.too_small, small);
				if (small)
					continue;
				const struct area *parts[] = {&layout.title, &layout.body,
						&layout.hint, &layout.keys, &layout.side};
				int n = layout.side_shown ? 5 : 4;
				for (int i = 0; i < n; i++) {
					inside(parts[i], lines, columns);
					assert_true(layout.rule_top < parts[i]->y ||
							layout.rule_top >=
									parts[i]->y + parts[i]->lines);
					assert_true(layout.rule_bottom < parts[i]->y ||
							layout.rule_bottom >=
									parts[i]->y + parts[i]->lines);
					for (int j = 0; j < i; j++)
						apart(parts[i], parts[j]);
				}
				assert_true(layout.body.columns >= 34);
				assert_true(layout.body.lines >= 4);
			}
}

static void the_list_is_shown_where_there_is_room(void **state)
{
	(void)state;
	assert_true(layout_make(24, 80, 24).side_shown);
	assert_true(layout_make(20, 70, 24).side_shown);
	assert_false(layout_make(20, 60, 24).side_shown);
	assert_false(layout_make(10, 40, 24).side_shown);
	assert_false(layout_make(24, 80, 0).side_shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(parts_fit_and_do_not_overlap),
			cmocka_unit_test(the_list_is_shown_where_there_is_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
