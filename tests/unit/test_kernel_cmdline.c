/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/helper.h"

#include "pvegpu/formats/kernel_cmdline.h"

static char *words_of(struct arena *arena, const char *text)
{
	struct strings words = cmdline_words(arena, text);
	return strings_join(arena, &words, "|");
}

static void words(void **state)
{
	assert_string_equal(words_of(*state, ""), "");
	assert_string_equal(words_of(*state, " \t\n"), "");
	assert_string_equal(words_of(*state, "quiet"), "quiet");
	assert_string_equal(words_of(*state, "  quiet\tsplash \n"), "quiet|splash");
	assert_string_equal(words_of(*state, "root=ZFS=rpool/ROOT/pve-1 boot=zfs\r\n"),
			"root=ZFS=rpool/ROOT/pve-1|boot=zfs");
	assert_string_equal(words_of(*state, "dyndbg=\"file drivers/usb/* +p\" quiet"),
			"dyndbg=\"file drivers/usb/* +p\"|quiet");
	assert_string_equal(words_of(*state, "quiet -- single iommu=pt"), "quiet");
	assert_string_equal(words_of(*state, "quiet --x"), "quiet|--x");
	assert_string_equal(
			words_of(*state, "initrd=\\EFI\\proxmox\\6.8.12-4-pve\\initrd.img quiet"),
			"initrd=\\EFI\\proxmox\\6.8.12-4-pve\\initrd.img|quiet");
}

static void values(void **state)
{
	struct strings list = cmdline_words(*state,
			"BOOT_IMAGE=/boot/vmlinuz root=/dev/mapper/pve-root ro quiet intel_iommu=on "
			"vfio-pci.ids=10de:2684,10de:22ba iommu=pt intel_iommu=on,sm_on empty= x=a=b");
	assert_string_equal(cmdline_value(&list, "intel_iommu"), "on,sm_on");
	assert_string_equal(cmdline_value(&list, "intel-iommu"), "on,sm_on");
	assert_string_equal(cmdline_value(&list, "vfio_pci.ids"), "10de:2684,10de:22ba");
	assert_string_equal(cmdline_value(&list, "quiet"), "");
	assert_string_equal(cmdline_value(&list, "empty"), "");
	assert_string_equal(cmdline_value(&list, "x"), "a=b");
	assert_null(cmdline_value(&list, "iomm"));
	assert_null(cmdline_value(&list, "amd_iommu"));
	assert_true(cmdline_has_word(&list, "iommu=pt"));
	assert_false(cmdline_has_word(&list, "iommu"));
	assert_false(cmdline_has_word(&list, "intel_iommu=o"));
}

static void names_that_only_look_alike(void **state)
{
	struct strings list = cmdline_words(
			*state, "snd.intel_iommu=only notamd_iommu=on #intel_iommu=on");
	assert_null(cmdline_value(&list, "intel_iommu"));
	assert_null(cmdline_value(&list, "amd_iommu"));
}

static void comma_lists(void **state)
{
	(void)state;
	assert_true(cmdline_list_has("on,sm_on", "on"));
	assert_true(cmdline_list_has("on,sm_on", "sm_on"));
	assert_true(cmdline_list_has("on", "on"));
	assert_true(cmdline_list_has(",on", "on"));
	assert_false(cmdline_list_has("sm_on", "on"));
	assert_false(cmdline_list_has("on_x", "on"));
	assert_false(cmdline_list_has("", "on"));
	assert_false(cmdline_list_has(NULL, "on"));
}

static void adds(void **state)
{
	assert_string_equal(cmdline_add(*state, "", "iommu=pt"), "iommu=pt");
	assert_string_equal(cmdline_add(*state, "quiet", "iommu=pt"), "quiet iommu=pt");
	assert_string_equal(cmdline_add(*state, "quiet ", "iommu=pt"), "quiet iommu=pt");
	assert_string_equal(cmdline_add(*state, "  a   b", "c"), "  a   b c");
}

/* Behind "--" a word is for init: what is added must stand before it. */
static void added_word_counts(void **state)
{
	static const char *const texts[] = {"", "quiet", "quiet -- single", "-- single", "quiet --",
			"quiet  --  ", "a=\"b c\"", "a=\"-- b\""};
	for (size_t i = 0; i < COUNT(texts); i++) {
		char *text = cmdline_add(*state, texts[i], "iommu=pt");
		struct strings list = cmdline_words(*state, text);
		if (!cmdline_has_word(&list, "iommu=pt"))
			fail_msg("'%s' does not hold the word that was added", text);
		struct strings before = cmdline_words(*state, texts[i]);
		assert_int_equal(list.n, before.n + 1);
		assert_string_equal(cmdline_remove(*state, text, "iommu=pt"), texts[i]);
	}
}

static void removes(void **state)
{
	static const struct {
		const char *before;
		const char *after;
	} rows[] = {
			{"iommu=pt", ""},
			{"quiet iommu=pt", "quiet"},
			{"iommu=pt quiet", "quiet"},
			{"a iommu=pt b", "a b"},
			{"a iommu=pt iommu=pt b iommu=pt", "a b"},
			{"a  iommu=pt  b", "a   b"},
			{"iommu=ptx xiommu=pt iommu", "iommu=ptx xiommu=pt iommu"},
			{"x=\"a iommu=pt b\" y", "x=\"a iommu=pt b\" y"},
			{"", ""},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(
				cmdline_remove(*state, rows[i].before, "iommu=pt"), rows[i].after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(words),
			TEST(values),
			TEST(names_that_only_look_alike),
			TEST(comma_lists),
			TEST(adds),
			TEST(added_word_counts),
			TEST(removes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
