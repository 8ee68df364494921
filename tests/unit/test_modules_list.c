/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/helper.h"

#include "pvegpu/formats/modules_list.h"

static char *names_of(struct arena *arena, const char *text)
{
	struct strings names = modules_list_names(arena, text);
	return strings_join(arena, &names, "|");
}

static void names(void **state)
{
	assert_string_equal(names_of(*state, ""), "");
	assert_string_equal(names_of(*state, "vfio\nvfio-pci\n"), "vfio|vfio-pci");
	assert_string_equal(names_of(*state, "# vfio\n\n  ; vfio_pci\n\tlp \n"), "lp");
	assert_string_equal(names_of(*state, "vfio\r\nvfio_pci\r\n"), "vfio|vfio_pci");
	assert_string_equal(names_of(*state, "vfio"), "vfio");
	assert_string_equal(names_of(*state, "vfio_pci ids=10de:2684 # why\n"), "vfio_pci");
}

static void same_names(void **state)
{
	(void)state;
	assert_true(modules_same_name("vfio-pci", "vfio_pci"));
	assert_true(modules_same_name("vfio_iommu-type1", "vfio-iommu_type1"));
	assert_false(modules_same_name("vfio", "vfio_pci"));
	assert_false(modules_same_name("vfio_pci", "vfio"));
	assert_false(modules_same_name("VFIO", "vfio"));
}

static void has(void **state)
{
	struct strings list = modules_list_names(*state, "vfio-pci\n#kvmgt\n");
	assert_true(modules_list_has(&list, "vfio_pci"));
	assert_false(modules_list_has(&list, "kvmgt"));
	assert_false(modules_list_has(&list, "vfio"));
}

static void adds(void **state)
{
	static const struct {
		const char *before;
		const char *after;
	} rows[] = {
			{"", "vfio\n"},
			{"lp\n", "lp\nvfio\n"},
			{"lp", "lp\nvfio\n"},
			{"# comment\n\n", "# comment\n\nvfio\n"},
			{"lp\r\n", "lp\r\nvfio\r\n"},
			{"# vfio", "# vfio\nvfio\n"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *added = modules_list_add(*state, rows[i].before, "vfio");
		assert_string_equal(added, rows[i].after);
		struct strings list = modules_list_names(*state, added);
		assert_true(modules_list_has(&list, "vfio"));
	}
}

static void removes(void **state)
{
	static const struct {
		const char *before;
		const char *after;
	} rows[] = {
			{"vfio\n", ""},
			{"vfio", ""},
			{"a\nvfio-pci\nb\n", "a\nvfio-pci\nb\n"},
			{"# vfio\n vfio \nvfio # why\nb\n", "# vfio\nb\n"},
			{"a\r\nvfio\r\nb\r\n", "a\r\nb\r\n"},
			{"vfio\n\n\nvfio\n", "\n\n"},
			{"", ""},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(
				modules_list_remove(*state, rows[i].before, "vfio"), rows[i].after);
	assert_string_equal(modules_list_remove(*state, "vfio-pci\nlp\n", "vfio_pci"), "lp\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(names),
			TEST(same_names),
			TEST(has),
			TEST(adds),
			TEST(removes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
