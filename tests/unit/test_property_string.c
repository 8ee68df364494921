/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key=value lists as PVE/JSONSchema.pm (parse_property_string) takes them. */
#include "tests/unit/helper.h"

#include "pvegpu/formats/property_string.h"

static void parses(void **state)
{
	struct property_string parsed;
	assert_int_equal(property_string_parse(*state, "pcie=1,0000:01:00,x=a=b,,y=;", "host",
					 &parsed, NULL),
			0);
	assert_int_equal(parsed.properties.n, 4);
	assert_string_equal(property_get(&parsed, "pcie"), "1");
	assert_string_equal(property_get(&parsed, "host"), "0000:01:00");
	assert_string_equal(property_get(&parsed, "x"), "a=b");
	assert_string_equal(property_get(&parsed, "y"), ";");
	assert_null(property_get(&parsed, "z"));
	const struct property *first = parsed.properties.item[0];
	assert_string_equal(first->key, "pcie");
}

static void edited(void **state)
{
	static const struct {
		const char *text, *key, *value, *edited;
	} cases[] = {{"kvm64,flags=+aes;-pcid,hidden=1", "cputype", "host",
				     "host,flags=+aes;-pcid,hidden=1"},
			{"hidden=1,cputype=kvm64", "cputype", "host", "host,hidden=1"},
			{"flags=+aes", "cputype", "host", "host,flags=+aes"},
			{"host,hidden=1", "level", "30", "host,hidden=1,level=30"},
			{"host,level=4,hidden=1", "level", "30", "host,hidden=1,level=30"},
			{"cputype=host", "level", "30", "host,level=30"}};
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(property_string_with(*state, cases[i].text, "cputype",
						    cases[i].key, cases[i].value),
				cases[i].edited);
	assert_null(property_string_with(*state, "a,b", "cputype", "level", "30"));
}

static void parts_without_content(void **state)
{
	static const char *const texts[] = {"", ",", ",,", " ", " ,\t, "};
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct property_string parsed;
		if (property_string_parse(*state, texts[i], "host", &parsed, NULL) < 0)
			fail_msg("'%s' has only parts that are skipped", texts[i]);
		assert_int_equal(parsed.properties.n, 0);
	}
}

static void refuses(void **state)
{
	static const char *const texts[] = {"a", "=a", "a=", "x=1,b", "x=1,x=2", "x=1,=", "=",
			"x=1,=2", "x=1\n", "x=a\nb,y=1", "x=1,\ny=\n2"};
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct property_string parsed = {0};
		struct error err = {0};
		assert_int_equal(property_string_parse(*state, texts[i], NULL, &parsed, &err),
				ERROR_PARSE);
		assert_non_null(strstr(err.text, texts[i]));
		assert_int_equal(parsed.properties.n, 0);
	}
	struct property_string parsed;
	assert_int_equal(property_string_parse(*state, "a,b", "host", &parsed, NULL), ERROR_PARSE);
	assert_int_equal(property_string_parse(*state, "host=a,b", "host", &parsed, NULL),
			ERROR_PARSE);
}

static void booleans(void **state)
{
	static const char *const yes[] = {"1", "on", "On", "yes", "YES", "true"};
	static const char *const no[] = {"0", "off", "no", "No", "FALSE"};
	static const char *const neither[] = {"2", "", "y", "on ", "01", "enabled"};
	struct property_string parsed;
	for (size_t i = 0; i < COUNT(yes); i++) {
		assert_true(property_is_bool(yes[i]));
		assert_int_equal(property_string_parse(*state, arena_printf(*state, "a=%s", yes[i]),
						 NULL, &parsed, NULL),
				0);
		assert_true(property_bool(&parsed, "a", false));
	}
	for (size_t i = 0; i < COUNT(no); i++) {
		assert_true(property_is_bool(no[i]));
		assert_int_equal(property_string_parse(*state, arena_printf(*state, "a=%s", no[i]),
						 NULL, &parsed, NULL),
				0);
		assert_false(property_bool(&parsed, "a", true));
	}
	for (size_t i = 0; i < COUNT(neither); i++)
		assert_false(property_is_bool(neither[i]));
	assert_int_equal(property_string_parse(*state, "a=2", NULL, &parsed, NULL), 0);
	assert_true(property_bool(&parsed, "a", true));
	assert_false(property_bool(&parsed, "a", false));
	assert_true(property_bool(&parsed, "b", true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(parses),
			TEST(edited),
			TEST(parts_without_content),
			TEST(refuses),
			TEST(booleans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
