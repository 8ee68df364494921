/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of CPUs: what is one, what is none, and what one has that another has not. */
#include "tests/unit/helper.h"

#include "pvegpu/formats/cpu_list.h"

static void lists(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t n;
	} rows[] = {{"0", 1}, {"0-7,16-23", 16}, {"0-3,2-5", 6}, {"8191", 1}, {"0-8191\n", 8192}};
	struct cpu_list list;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(cpu_list_read(rows[i].text, &list));
		assert_int_equal(list.n, rows[i].n);
	}
	assert_true(cpu_list_read("0-7,16-23", &list));
	assert_true(cpu_list_has(&list, 7) && !cpu_list_has(&list, 8) && cpu_list_has(&list, 16));
	assert_false(cpu_list_has(&list, 100000));
}

static void none(void **state)
{
	(void)state;
	static const char *const rows[] = {"", ",", "1,", "7-0", "0-", "-3", "a", "0;1", "0 1",
			"8192", "0-4294967296", "99999999999999999999", "1--2", "0x3", " 1",
			"1\n\n"};
	struct cpu_list list;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (cpu_list_read(rows[i], &list))
			fail_msg("'%s'", rows[i]);
}

static void beyond(void **state)
{
	(void)state;
	struct cpu_list host;
	struct cpu_list list;
	assert_true(cpu_list_read("0-15", &host));
	assert_true(cpu_list_read("4-15", &list));
	assert_int_equal(cpu_list_beyond(&list, &host), CPU_LIST_MAX);
	assert_int_equal(cpu_list_beyond(&host, &list), 0);
	assert_true(cpu_list_read("4-16", &list));
	assert_int_equal(cpu_list_beyond(&list, &host), 16);
}

static void as_text(void **state)
{
	(void)state;
	static const char *const rows[][2] = {{"0", "0"}, {"0-7,16-23", "0-7,16-23"},
			{"3,2,1,0,9", "0-3,9"}, {"8190-8191,5", "5,8190-8191"}};
	struct arena *arena = arena_new();
	struct cpu_list list;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(cpu_list_read(rows[i][0], &list));
		assert_string_equal(cpu_list_text(arena, &list), rows[i][1]);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(lists), TEST(none), TEST(beyond), TEST(as_text)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
