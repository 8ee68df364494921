/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is understood of a line that sets the number of virtual functions, and what is not. */
#include "tests/unit/helper.h"

#include "pvegpu/formats/attribute_rule.h"

#define RULE "SUBSYSTEM==\"pci\", KERNEL==\"0000:00:02.0\""

static void understood(void **state)
{
	static const char *const rules[] = {RULE ", ATTR{sriov_numvfs}=\"7\"",
			"ACTION==\"add\"," RULE ",ATTR{sriov_numvfs}:=\"7\"",
			"ACTION==\"add|bind\", " RULE ", ATTR{vendor}==\"0x8086\", DRIVER==\"?*\", "
			"DRIVER!=\"vfio-pci\", ATTR{sriov_numvfs}==\"0\", ATTR{sriov_numvfs}=\"7\"",
			"KERNEL == \"0000:00:02.0\" , ATTR{sriov_numvfs} = \"7\" \r"};
	struct attribute_rule rule;
	for (size_t i = 0; i < COUNT(rules); i++) {
		if (!attribute_rule_read_udev(*state, ATTRIBUTE_FUNCTIONS, rules[i], &rule))
			fail_msg("%s", rules[i]);
		assert_int_equal(rule.value, 7);
		assert_int_equal(rule.n, 1);
		assert_int_equal(rules[i][rule.at], '7');
		assert_int_equal(rule.address.device, 2);
		assert_int_equal(rule.vendor, i == 2 ? 0x8086 : -1);
	}
	static const char *const lines[] = {"bus/pci/devices/0000:00:02.0/sriov_numvfs = 7",
			" bus/pci/devices/0000:00:02.0/sriov_numvfs=7 \r"};
	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_true(attribute_rule_read_sysfs(
				*state, ATTRIBUTE_FUNCTIONS, lines[i], &rule));
		assert_int_equal(rule.value, 7);
	}
}

static void not_understood(void **state)
{
	static const char *const rules[] = {"", "ATTR{sriov_numvfs}=\"7\"", RULE,
			RULE ", ATTR{sriov_numvfs}==\"7\"", RULE ", ATTR{sriov_numvfs}+=\"7\"",
			RULE ", ATTR{sriov_numvfs}=\"0x7\"", RULE ", ATTR{sriov_numvfs}=\"07\"",
			RULE ", ATTR{sriov_numvfs}=\"65536\"", RULE ", ATTR{sriov_numvfs}=\"7",
			RULE ", ATTR{sriov_numvfs}=\"\"", RULE ", ATTR{sriov_numvfs}=\"7\" \\",
			RULE ", ATTR{sriov_numvfs}=\"7\", ATTR{sriov_numvfs}=\"6\"",
			RULE ", ATTR{sriov_numvfs}=\"7\", RUN+=\"/bin/true\"",
			RULE ", ENV{X}==\"1\", ATTR{sriov_numvfs}=\"7\"",
			RULE ", ATTR{device}!=\"0x4680\", ATTR{sriov_numvfs}=\"7\"",
			RULE ", KERNEL==\"0000:00:03.0\", ATTR{sriov_numvfs}=\"7\"",
			RULE ", SUBSYSTEM==\"net\", ATTR{sriov_numvfs}=\"7\"",
			"ACTION==\"remove\", " RULE ", ATTR{sriov_numvfs}=\"7\"",
			"KERNEL!=\"0000:00:02.0\", ATTR{sriov_numvfs}=\"7\"",
			"KERNEL==\"0000:00:02.*\", ATTR{sriov_numvfs}=\"7\"",
			"KERNEL==\"0000:00:02.0|0000:00:03.0\", ATTR{sriov_numvfs}=\"7\""};
	static const char *const lines[] = {"", "bus/pci/devices/0000:00:02.0/sriov_numvfs",
			"bus/pci/devices/0000:00:02.0/sriov_numvfs = 0x7",
			"bus/pci/devices/0000:00:02.0/sriov_numvfs = 7 8",
			"bus/pci/devices/0000:00:02.0/sriov_numvfs = -1",
			"bus/pci/devices/0000:00:02/sriov_numvfs = 7",
			"class/drm/card0/device/sriov_numvfs = 7"};
	struct attribute_rule rule;
	for (size_t i = 0; i < COUNT(rules); i++)
		if (attribute_rule_read_udev(*state, ATTRIBUTE_FUNCTIONS, rules[i], &rule))
			fail_msg("%s", rules[i]);
	for (size_t i = 0; i < COUNT(lines); i++)
		if (attribute_rule_read_sysfs(*state, ATTRIBUTE_FUNCTIONS, lines[i], &rule))
			fail_msg("%s", lines[i]);
}

/* Of windows our own rule alone. */
static void windows(void **state)
{
	struct attribute_rule rule;
	char *resize = attribute_rule_resize(*state, 1, 8192);
	char *line = arena_printf(*state,
			"ACTION==\"add\", " RULE
			", ATTR{vendor}==\"0x10de\", DRIVER==\"vfio-pci\", RUN+=\"%s\"",
			resize);
	assert_non_null(strstr(resize, "echo 13 >resource1_resize"));
	assert_true(attribute_rule_read_udev(*state, ATTRIBUTE_WINDOW, line, &rule));
	assert_int_equal(rule.value, 8192);
	assert_int_equal(rule.n, 2);
	assert_memory_equal(line + rule.at, "13", 2);
	assert_false(attribute_rule_read_udev(*state, ATTRIBUTE_FUNCTIONS, line, &rule));
	assert_false(attribute_rule_read_sysfs(*state, ATTRIBUTE_WINDOW,
			"bus/pci/devices/0000:00:02.0/resource1_resize = 13", &rule));
	static const char *const from[] = {
			"echo 13", "resource1", "mkdir", "RUN+", "vfio-pci\", RUN", "bind'"};
	static const char *const to[] = {
			"echo 32", "resource6", "rmdir", "RUN", "nouveau\", RUN", "bind;'"};
	for (size_t i = 0; i < COUNT(from); i++) {
		char *at = strstr(line, from[i]);
		char *other = arena_printf(*state, "%.*s%s%s", (int)(at - line), line, to[i],
				at + strlen(from[i]));
		if (attribute_rule_read_udev(*state, ATTRIBUTE_WINDOW, other, &rule))
			fail_msg("%s", other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(understood),
			cmocka_unit_test(not_understood),
			cmocka_unit_test(windows),
	};
	return cmocka_run_group_tests(tests, helper_arena_new, helper_arena_free);
}
