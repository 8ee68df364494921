/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/helper.h"

#include "pvegpu/formats/upid.h"

#define START "UPID:pve2:000A1B2C:0123ABCD:66B3F00A:qmstart:106:root@pam:"
#define TOKEN "UPID:pve-2:000A1B2C:0123ABCD:66B3F00F:qmconfig::root@pam!tui:"

static void parts(void **state)
{
	struct upid upid;
	assert_true(upid_parse(*state, START, &upid));
	assert_string_equal(upid.node, "pve2");
	assert_int_equal(upid.pid, 0xa1b2c);
	assert_int_equal(upid.start_time, 0x66b3f00a);
	assert_string_equal(upid.type, "qmstart");
	assert_string_equal(upid.id, "106");
	assert_string_equal(upid.user, "root@pam");
	assert_true(upid_parse(*state, TOKEN, &upid));
	assert_string_equal(upid.id, "");
	assert_string_equal(upid.user, "root@pam!tui");
}

static void not_upids(void **state)
{
	static const char *const texts[] = {"", "UPID:", "UPID", "upid:a", START "x", START ":",
			"x" START, "UPID:pve2:000A1B2C:0123ABCD:66B3F00A:qmstart:106:root@pam",
			"UPID::000A1B2C:0123ABCD:66B3F00A:qmstart:106:root@pam:",
			"UPID:pve2:xyz:0123ABCD:66B3F00A:qmstart:106:root@pam:",
			"UPID:pve2:000A1B2C:0123ABCD:66B3F0:qmstart:106:root@pam:",
			"UPID:pve2:000A1B2C:0123ABCD:66B3F00G:qmstart:106:root@pam:",
			"UPID:pve2:-0000001:0123ABCD:66B3F00A:qmstart:106:root@pam:"};
	struct upid upid;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (upid_parse(*state, texts[i], &upid))
			fail_msg("'%s' is no UPID", texts[i]);
}

static void log_path(void **state)
{
	assert_string_equal(upid_log_path(*state, START), "/var/log/pve/tasks/A/" START);
	assert_string_equal(upid_log_path(*state, TOKEN), "/var/log/pve/tasks/F/" TOKEN);
	assert_null(upid_log_path(*state, "UPID:x"));
	assert_null(upid_log_path(
			*state, "UPID:../../..:000A1B2C:0123ABCD:66B3F00A:qmstart:106:root@pam:"));
}

static void found_in_output(void **state)
{
	assert_string_equal(upid_find_last(*state, START), START);
	assert_string_equal(upid_find_last(*state, "starting\n" START "\n" TOKEN "\n"), TOKEN);
	assert_string_equal(upid_find_last(*state, "\"" START "\"\n"), START);
	assert_string_equal(upid_find_last(*state, START "\r\nUPID: none\n"), START);
	assert_null(upid_find_last(*state, ""));
	assert_null(upid_find_last(*state, "no task UPID: here"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(parts),
			TEST(not_upids),
			TEST(log_path),
			TEST(found_in_output),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
