/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The diff a person approves. It must be what diff(1) would print, and what patch(1) makes of it
 * must be the new file, byte for byte.
 */
#include "tests/unit/helper.h"

#include "pvegpu/plan/diff.h"

static const char name[] = "/etc/default/grub";

/* The hunks: all after the two header lines. */
static const char *hunks(const char *diff)
{
	for (int i = 0; i < 2; i++) {
		const char *newline = strchr(diff, '\n');
		if (!newline)
			return diff + strlen(diff);
		diff = newline + 1;
	}
	return diff;
}

static char *real_diff(struct arena *arena, const char *before, const char *after, bool minimal)
{
	char *old_path = helper_path(arena, "old");
	char *new_path = helper_path(arena, "new");
	helper_write(old_path, before ? before : "");
	helper_write(new_path, after ? after : "");
	const char *const argv[] = {"diff", minimal ? "-du" : "-u", before ? old_path : "/dev/null",
			after ? new_path : "/dev/null", NULL};
	char *out = NULL;
	int status = helper_run(arena, argv, &out);
	assert_in_range(status, 0, 1);
	return out;
}

static void check_patch(
		struct arena *arena, const char *before, const char *after, const char *diff)
{
	char *old_path = helper_path(arena, "old");
	char *diff_path = helper_path(arena, "diff");
	char *out_path = helper_path(arena, "patched");
	helper_write(old_path, before ? before : "");
	helper_write(diff_path, diff);
	(void)unlink(out_path);
	const char *const argv[] = {"patch", "--binary", "--fuzz=0", "-s", "-o", out_path, old_path,
			diff_path, NULL};
	int status = helper_run(arena, argv, NULL);
	char *patched = helper_read(arena, out_path, NULL);
	if (status != 0 || !patched || strcmp(patched, after ? after : "") != 0)
		fail_msg("patch ends with %d and gives\n%s\ninstead of\n%s\nwith\n%s", status,
				patched ? patched : "nothing", after ? after : "nothing", diff);
}

static size_t changed_lines(const char *diff)
{
	size_t n = 0;
	struct lines cursor = lines_start(hunks(diff));
	struct line line;
	while (line_next(&cursor, &line))
		n += line.start[0] == '-' || line.start[0] == '+';
	return n;
}

/* True when the hunks are those of diff -u; patch must agree in any case. */
static bool check_pair(struct arena *arena, const char *before, const char *after)
{
	char *ours = diff_unified(arena, name, before, after);
	char *theirs = real_diff(arena, before, after, false);
	if (*hunks(ours) || *hunks(theirs))
		check_patch(arena, before, after, ours);
	return strcmp(hunks(ours), hunks(theirs)) == 0;
}

static void check_same(struct arena *arena, const char *before, const char *after)
{
	if (check_pair(arena, before, after))
		return;
	fail_msg("our diff is\n%s\nand that of diff -u is\n%s",
			diff_unified(arena, name, before, after),
			real_diff(arena, before, after, false));
}

static const char grub[] = "# If you change this file, run 'update-grub' afterwards to update\n"
			   "# /boot/grub/grub.cfg.\n"
			   "# For full documentation of the options in this file, see:\n"
			   "#   info -f grub -n 'Simple configuration'\n"
			   "\n"
			   "GRUB_DEFAULT=0\n"
			   "GRUB_TIMEOUT=5\n"
			   "GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\n"
			   "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n"
			   "GRUB_CMDLINE_LINUX=\"\"\n"
			   "\n"
			   "# Uncomment to enable BadRAM filtering\n"
			   "#GRUB_BADRAM=\"0x01234567,0xfefefefe,0x89abcdef,0xefefefef\"\n"
			   "\n"
			   "# Uncomment to disable graphical terminal\n"
			   "#GRUB_TERMINAL=console\n";

static void made_by_hand(void **state)
{
	static const struct {
		const char *before;
		const char *after;
	} pairs[] = {
			{"a\n", "b\n"},
			{"a\nb\nc\n", "a\nx\nc\n"},
			{"a\n", "a\nb\n"},
			{"b\n", "a\nb\n"},
			{"a\nb\n", "a\n"},
			{"a\nb\n", "b\n"},
			{"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n5\n6\n7\n8\n9\n"},
			{"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n6\n7\n8\n9\n"},
			/* two hunks, and two changes just near enough for one */
			{"a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n"},
			{"a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n"},
			{"a\n1\n2\n3\n4\n5\nb\n", "A\n1\n2\n3\n4\n5\nB\n"},
			{"0\n0\n0\n0\na\n1\n2\n3\n4\n5\n6\n7\n8\n9\nb\n0\n0\n0\n0\n",
					"0\n0\n0\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n0\n0\n0\n0\n"},
			/* the same line added or taken away beside its like */
			{"x\nx\n", "x\nx\nx\n"},
			{"x\nx\nx\n", "x\n"},
			{"a\n\nb\n\nc\n", "a\n\nb\n\nb\n\nc\n"},
			{"a {\n}\nb {\n}\n", "a {\n}\nn {\n}\nb {\n}\n"},
			/* missing final newline */
			{"a", "b"},
			{"a", "a\n"},
			{"a\n", "a"},
			{"a\nb", "a\nb\nc"},
			{"a\nb", "a\nb\n"},
			{"a\nb\n", "a\nb"},
			{"a\nb\nc\nd\ne\nf", "A\nb\nc\nd\ne\nf"},
			{"a\nb\nc\nd\ne\nf\ng", "A\nb\nc\nd\ne\nf\ng"},
			{"vfio", "vfio\nvfio_pci\n"},
			/* empty files */
			{"", "a\n"},
			{"a\n", ""},
			{"", "a"},
			{"a", ""},
			{"", "\n"},
			{"\n", ""},
			{"\n", "\n\n"},
			{"", "a\nb\nc\nd\ne\nf\ng\nh\n"},
			/* CRLF and odd bytes */
			{"a\r\nb\r\n", "a\r\nc\r\n"},
			{"a\r\nb\r\n", "a\nb\n"},
			{"a\nb\n", "a\nb\r\n"},
			{"r\xc3\xa9\n\xff\n", "r\xc3\xa9\n\xfe\n"},
			{"a\tb\n", "a b\n"},
			/* lines that look like parts of a diff */
			{"--- a\n+++ b\n@@ -1 +1 @@\n", "--- a\n-x\n+++ b\n@@ -1 +1 @@\n"},
			{"-a\n+b\n\\ No newline at end of file\n", "-a\n+c\n\\ No newline\n"},
			/* created and deleted */
			{NULL, "options vfio-pci ids=10de:2684\n"},
			{NULL, "a\nb\nc\nd\n"},
			{NULL, "a"},
			{"options vfio-pci ids=10de:2684\n", NULL},
			{"a\nb\nc\nd\n", NULL},
			{"a", NULL},
	};
	for (size_t i = 0; i < COUNT(pairs); i++)
		check_same(*state, pairs[i].before, pairs[i].after);
}

static char *replaced(struct arena *arena, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	assert_non_null(at);
	return arena_printf(arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* The edits this program makes. */
static void edits_of_real_texts(void **state)
{
	struct arena *arena = *state;
	char *one = replaced(arena, grub, "\"quiet\"", "\"quiet intel_iommu=on iommu=pt\"");
	check_same(arena, grub, one);
	check_same(arena, one, grub);
	char *two = replaced(arena, one, "GRUB_TIMEOUT=5\n", "GRUB_TIMEOUT=1\n");
	check_same(arena, grub, two);
	check_same(arena, grub, replaced(arena, two, "#GRUB_TERMINAL=console\n", ""));
	check_same(arena, grub, replaced(arena, two, "# If you", "# if you"));
	check_same(arena, grub, arena_printf(arena, "%sGRUB_X=\"\"\n", grub));
	check_same(arena, grub, arena_printf(arena, "GRUB_X=\"\"\n%s", grub));
	check_same(arena, "# /etc/modules\n\nlp\n", "# /etc/modules\n\nlp\nvfio\nvfio_pci\n");
	check_same(arena, "vfio\nvfio_iommu_type1\nvfio_pci\nvfio_virqfd\n",
			"vfio\nvfio_iommu_type1\nvfio_pci\n");
}

static char *random_text(struct arena *arena, uint32_t *seed, unsigned lines, unsigned alphabet,
		bool unfinished)
{
	struct text text = {0};
	for (unsigned i = 0; i < lines; i++)
		text_addf(&text, "%c\n", 'a' + (int)helper_random(seed, alphabet));
	if (unfinished && text.n)
		text.data[--text.n] = '\0';
	return text_take(&text, arena);
}

/* A few lines of a text changed, added or taken away. */
static char *random_edit(struct arena *arena, uint32_t *seed, const char *text, unsigned edits)
{
	struct strings lines = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line))
		strings_add(arena, &lines, arena_memdup(arena, line.start, line.full));
	while (edits-- && lines.n) {
		size_t at = helper_random(seed, (unsigned)lines.n);
		char *old = lines.item[at];
		switch (helper_random(seed, 3)) {
		case 0:
			lines.item[at] = arena_printf(
					arena, "edited %u\n", helper_random(seed, 100));
			break;
		case 1:
			lines.item[at] = arena_strdup(arena, "");
			break;
		default:
			lines.item[at] = arena_printf(arena, "%s%sadded %u\n", old,
					text_ends(old, "\n") ? "" : "\n", helper_random(seed, 100));
			break;
		}
	}
	return strings_join(arena, &lines, "");
}

/* Texts whose lines all differ have one smallest diff, so ours must be the one of diff -u. */
static void generated_with_lines_of_their_own(void **state)
{
	uint32_t seed = 7;
	for (int i = 0; i < 150; i++) {
		struct arena *arena = arena_new();
		struct text text = {0};
		unsigned lines = helper_random(&seed, 40);
		for (unsigned n = 0; n < lines; n++)
			text_addf(&text, "line %u%s", n,
					n + 1 == lines && helper_random(&seed, 4) == 0 ? "" : "\n");
		char *before = text_take(&text, arena);
		char *after = random_edit(arena, &seed, before, 1 + helper_random(&seed, 5));
		check_same(arena, before, after);
		check_same(arena, after, before);
		arena_free(arena);
	}
	(void)state;
}

/* Where lines repeat there may be several smallest diffs: ours must work and be as small. */
static void generated_with_repeated_lines(void **state)
{
	uint32_t seed = 11;
	unsigned equal = 0;
	unsigned all = 0;
	for (int i = 0; i < 250; i++) {
		struct arena *arena = arena_new();
		unsigned alphabet = 2 + helper_random(&seed, 6);
		char *before = random_text(arena, &seed, helper_random(&seed, 25), alphabet,
				helper_random(&seed, 5) == 0);
		char *after = helper_random(&seed, 2)
					      ? random_edit(arena, &seed, before,
								1 + helper_random(&seed, 4))
					      : random_text(arena, &seed, helper_random(&seed, 25),
								alphabet,
								helper_random(&seed, 5) == 0);
		all++;
		equal += check_pair(arena, before, after);
		char *ours = diff_unified(arena, name, before, after);
		char *smallest = real_diff(arena, before, after, true);
		if (changed_lines(ours) > changed_lines(smallest))
			fail_msg("our diff is longer than needed:\n%s\nthan\n%s", ours, smallest);
		arena_free(arena);
	}
	print_message("%u of %u are as diff -u prints them, the others as short\n", equal, all);
	(void)state;
}

static void equal_texts_have_no_diff(void **state)
{
	static const char *const texts[] = {"", "a", "a\n", "\n\n", grub};
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_string_equal(diff_unified(*state, name, texts[i], texts[i]), "");
	assert_string_equal(diff_unified(*state, name, NULL, NULL), "");
}

static void header_names_the_file(void **state)
{
	assert_true(text_starts(diff_unified(*state, "/etc/modules", "a\n", "b\n"),
			"--- /etc/modules\n+++ /etc/modules\n@@ -1 +1 @@\n"));
	assert_true(text_starts(diff_unified(*state, "/etc/modules", NULL, "b\n"),
			"--- /dev/null\n+++ /etc/modules\n@@ -0,0 +1 @@\n"));
	assert_true(text_starts(diff_unified(*state, "/etc/modules", "a\n", NULL),
			"--- /etc/modules\n+++ /dev/null\n@@ -1 +0,0 @@\n"));
	/* An empty file that comes or goes is still shown. */
	assert_string_equal(diff_unified(*state, "/x", NULL, ""), "--- /dev/null\n+++ /x\n");
	assert_string_equal(diff_unified(*state, "/x", "", NULL), "--- /x\n+++ /dev/null\n");
}

/* Very long texts with changes everywhere: larger than needed, but right. */
static void very_many_changes(void **state)
{
	struct text before = {0};
	struct text after = {0};
	for (int i = 0; i < 3000; i++) {
		text_addf(&before, "old %d\n%s", i, i % 7 ? "" : "same\n");
		text_addf(&after, "new %d\n%s", i, i % 7 ? "" : "same\n");
	}
	char *old_text = text_take(&before, *state);
	char *new_text = text_take(&after, *state);
	check_patch(*state, old_text, new_text, diff_unified(*state, name, old_text, new_text));
}

static void merges(void **state)
{
	static const struct {
		const char *base, *ours, *theirs, *merged;
	} rows[] = {
			{"a\nb\nc\n", "a\nb\nc\n", "a\nX\nc\n", "a\nX\nc\n"},
			{"a\nb\nc\n", "a\nc\n", "x\na\nb\nc\ny\n", "x\na\nc\ny\n"},
			{"a\nb\n", "a\n", "a\nb\nmine\n", "a\nmine\n"},
			{"a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n", "A\nb\nc\nD\n"},
			{"a\nb\nc\n", "a\nB\nc\n", "a\nX\nc\n", NULL},
			{"a\nb\nc\n", "a\nc\n", "a\nX\nc\n", NULL},
			{"a\n", "", "a\nmine\n", "mine\n"},
			{"", "", "mine\n", "mine\n"},
			{"a\nb", "a\n", "x\na\nb", "x\na\n"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *merged = diff_merge(*state, rows[i].base, rows[i].ours, rows[i].theirs);
		if (!rows[i].merged)
			assert_null(merged);
		else
			assert_string_equal(merged, rows[i].merged);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(merges),
			TEST(made_by_hand),
			TEST(edits_of_real_texts),
			TEST(generated_with_lines_of_their_own),
			TEST(generated_with_repeated_lines),
			TEST(equal_texts_have_no_diff),
			TEST(header_names_the_file),
			TEST(very_many_changes),
	};
	return cmocka_run_group_tests(tests, helper_temp_new, helper_temp_free);
}
