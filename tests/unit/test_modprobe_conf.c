/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modprobe.d files as kmod reads them (modprobe.d(5); libkmod/libkmod-config.c). */
#include "tests/unit/helper.h"

#include "pvegpu/formats/modprobe_conf.h"

static struct list parse(struct arena *arena, const char *text)
{
	struct list entries = {0};
	modprobe_conf_parse(arena, "/etc/modprobe.d/x.conf", text, &entries);
	return entries;
}

static void commands(void **state)
{
	struct list entries = parse(*state,
			"# comment\n\n  options vfio-pci ids=10de:2684,10de:22ba disable_vga=1\n"
			"blacklist nouveau\n\tsoftdep\tnvidia pre: vfio-pci\n#blacklist nvidia\n"
			"install x /bin/true\nbroken\n");
	assert_int_equal(entries.n, 4);
	const struct modprobe_entry *options = entries.item[0];
	assert_string_equal(options->command, "options");
	assert_string_equal(options->module, "vfio-pci");
	assert_int_equal(options->words.n, 2);
	assert_string_equal(options->words.item[1], "disable_vga=1");
	assert_string_equal(options->file, "/etc/modprobe.d/x.conf");
	assert_int_equal(options->line, 3);
	const struct modprobe_entry *softdep = entries.item[2];
	assert_int_equal(softdep->line, 5);
	const struct modprobe_entry *install = entries.item[3];
	assert_string_equal(install->command, "install");
}

static void options(void **state)
{
	struct list entries = parse(*state,
			"options vfio_pci ids=10de:2684 disable_vga\noptions kvm ids=x\n"
			"options vfio-pci disable_idle_d3=1\noptions vfio-pci ids=10de:1b81\n");
	const struct modprobe_entry *where = NULL;
	assert_string_equal(modprobe_option(&entries, "vfio-pci", "ids", &where), "10de:1b81");
	assert_int_equal(where->line, 4);
	assert_string_equal(modprobe_option(&entries, "vfio_pci", "disable_idle_d3", NULL), "1");
	assert_string_equal(modprobe_option(&entries, "vfio-pci", "disable_vga", NULL), "");
	assert_null(modprobe_option(&entries, "vfio-pci", "id", NULL));
	assert_null(modprobe_option(&entries, "vfio", "ids", NULL));
	assert_null(modprobe_option(&entries, "nvidia", "ids", NULL));
}

/* The kernel takes - and _ for the same in a parameter's name, too (kernel/params.c). */
static void option_names(void **state)
{
	struct list entries = parse(*state, "options vfio-pci disable-vga=1\n");
	const char *value = modprobe_option(&entries, "vfio-pci", "disable_vga", NULL);
	assert_non_null(value);
	assert_string_equal(value, "1");
}

/* kmod puts nothing in the place of a backslash and a line end (getline_wrapped()). */
static void continued_lines(void **state)
{
	struct list entries = parse(*state,
			"options vfio-pci \\\n  ids=10de:2684,\\\n10de:22ba \\\n disable_vga=1\n"
			"blacklist nouveau\n");
	assert_string_equal(modprobe_option(&entries, "vfio-pci", "disable_vga", NULL), "1");
	assert_true(modprobe_blacklisted(&entries, "nouveau"));
	const struct modprobe_entry *last = entries.item[entries.n - 1];
	assert_int_equal(last->line, 5);
	assert_string_equal(
			modprobe_option(&entries, "vfio-pci", "ids", NULL), "10de:2684,10de:22ba");
}

static void continued_comment(void **state)
{
	struct list entries = parse(*state, "# old: \\\nblacklist nouveau\nblacklist nvidia\n");
	assert_false(modprobe_blacklisted(&entries, "nouveau"));
	assert_true(modprobe_blacklisted(&entries, "nvidia"));
}

static void blacklists(void **state)
{
	struct list entries = parse(
			*state, "blacklist snd_hda_intel\n#blacklist nouveau\nalias x nvidia");
	assert_true(modprobe_blacklisted(&entries, "snd-hda-intel"));
	assert_false(modprobe_blacklisted(&entries, "nouveau"));
	assert_false(modprobe_blacklisted(&entries, "nvidia"));
	assert_false(modprobe_blacklisted(&entries, "snd"));
}

static void softdeps(void **state)
{
	struct list entries = parse(*state,
			"softdep nvidia post: a pre: b vfio_pci post: c\nsoftdep nouveau post: vfio-pci\n");
	assert_true(modprobe_softdep_pre(&entries, "nvidia", "vfio-pci"));
	assert_true(modprobe_softdep_pre(&entries, "nvidia", "b"));
	assert_false(modprobe_softdep_pre(&entries, "nvidia", "a"));
	assert_false(modprobe_softdep_pre(&entries, "nvidia", "c"));
	assert_false(modprobe_softdep_pre(&entries, "nouveau", "vfio-pci"));
	assert_false(modprobe_softdep_pre(&entries, "amdgpu", "vfio-pci"));
}

static void odd_texts(void **state)
{
	static const char *const texts[] = {"", "\n", "\\", "\\\n", "#\\\n", "options",
			"options \\", "options\\\n\n", "\\\n\\\n\\", "blacklist\t\n"};
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(parse(*state, texts[i]).n, 0);
	struct list entries = parse(*state, "blacklist nouveau \\");
	assert_true(modprobe_blacklisted(&entries, "nouveau"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(commands),
			TEST(options),
			TEST(option_names),
			TEST(continued_lines),
			TEST(continued_comment),
			TEST(blacklists),
			TEST(softdeps),
			TEST(odd_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
