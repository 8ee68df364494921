/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pvegpu/checks/check.h"

/* What every row of the catalogue owes the screens and the people who read them. */
static void rows_are_whole(void **state)
{
	(void)state;
	size_t n = 0;
	for (const struct check *check = check_catalogue; check->id; check++, n++) {
		size_t step = strlen(step_names[check->step]);
		assert_memory_equal(check->id, step_names[check->step], step);
		assert_int_equal(check->id[step], '.');
		assert_non_null(check->title);
		assert_true(strlen(check->title) > 0 && strlen(check->title) <= 40);
		assert_non_null(check->why);
		assert_true(strlen(check->why) > 20);
		assert_non_null(check->see);
		assert_memory_equal(check->see, "https://", 8);
		assert_non_null(check->run);
		assert_ptr_equal(check_by_id(check->id), check); /* and so it is unique */
	}
	assert_true(n >= 60);
	assert_null(check_by_id("no.such-check"));
}

static void steps_come_in_order(void **state)
{
	(void)state;
	enum step last = STEP_HOST;
	for (const struct check *check = check_catalogue; check->id; check++) {
		assert_true(check->step >= last);
		last = check->step;
	}
}

/* Otherwise a check would be judged over what could not be read. */
static void each_check_rests_on_something(void **state)
{
	(void)state;
	assert_null(rests_fault());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(rows_are_whole),
			cmocka_unit_test(steps_come_in_order),
			cmocka_unit_test(each_check_rests_on_something),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
