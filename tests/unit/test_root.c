/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading below a root directory: nothing in a captured tree may lead out of it. */
#include "pvegpu/base/files.h"
#include "tests/unit/helper.h"

#define SECRET "this stands outside of the tree\n"

static struct root *open_tree(struct arena *arena)
{
	struct root *root = NULL;
	struct error err = {0};
	if (root_open(helper_path(arena, "tree"), &root, &err) < 0)
		fail_msg("%s", err.text);
	return root;
}

static char *tree(struct arena *arena, const char *path)
{
	return arena_printf(arena, "%s/tree%s", helper_temp(), path);
}

static void make_dir(const char *path)
{
	assert_return_code(mkdir(path, 0755), errno);
}

static void make_link(const char *target, const char *path)
{
	assert_return_code(symlink(target, path), errno);
}

static int setup(void **state)
{
	(void)helper_arena_new(state);
	struct arena *arena = *state;
	make_dir(tree(arena, ""));
	make_dir(tree(arena, "/etc"));
	make_dir(tree(arena, "/sys"));
	helper_write(tree(arena, "/etc/modules"), "vfio\nvfio_pci\n \r\n");
	helper_write(helper_path(arena, "secret"), SECRET);
	return 0;
}

static int teardown(void **state)
{
	int status = root_remove_tree(tree(*state, ""), NULL);
	return helper_arena_free(state) || status;
}

static void reads(void **state)
{
	struct root *root = open_tree(*state);
	char *text = NULL;
	size_t n = 0;
	assert_int_equal(root_read(root, "/etc/modules", *state, &text, &n, NULL), 0);
	assert_string_equal(text, "vfio\nvfio_pci\n \r\n");
	assert_int_equal(n, strlen(text));
	assert_string_equal(root_read_value(root, "/etc/modules", *state), "vfio\nvfio_pci");
	assert_true(root_exists(root, "/etc"));
	assert_false(root_exists(root, "/etc/none"));
	assert_int_equal(root_kind(root), ROOT_CAPTURED);
	root_close(root);
	root_close(NULL);
}

static void bytes_are_kept(void **state)
{
	static const char bytes[] = "a\0b\r\n\xff\0";
	struct root *root = open_tree(*state);
	char *text = NULL;
	size_t n = 0;
	helper_write_mode(tree(*state, "/etc/odd"), bytes, sizeof bytes, 0644);
	assert_int_equal(root_read(root, "/etc/odd", *state, &text, &n, NULL), 0);
	assert_int_equal(n, sizeof bytes);
	assert_memory_equal(text, bytes, sizeof bytes);
	assert_int_equal(text[n], '\0');
	helper_write(tree(*state, "/etc/empty"), "");
	assert_int_equal(root_read(root, "/etc/empty", *state, &text, &n, NULL), 0);
	assert_string_equal(text, "");
	assert_int_equal(n, 0);
	root_close(root);
}

static void links_stay_inside(void **state)
{
	struct arena *arena = *state;
	struct root *root = open_tree(arena);
	char *up = arena_printf(arena, "../../../../../../../../..%s/secret", helper_temp());
	char *outside = helper_path(arena, "secret");
	make_link(outside, tree(arena, "/etc/absolute"));
	make_link(up, tree(arena, "/etc/up"));
	make_link("../../secret", tree(arena, "/etc/beside"));
	make_link(helper_temp(), tree(arena, "/etc/dir"));
	make_link("/", tree(arena, "/etc/top"));
	make_link("/etc/modules", tree(arena, "/etc/inside"));
	make_link("..", tree(arena, "/etc/parent"));
	static const char *const escapes[] = {"/etc/absolute", "/etc/up", "/etc/beside",
			"/etc/dir/secret", "/../secret", "/etc/../../secret",
			"/etc/parent/../secret", "/etc/top/../secret"};
	for (size_t i = 0; i < COUNT(escapes); i++) {
		char *text = NULL;
		struct stat status;
		struct error err = {0};
		if (root_read(root, escapes[i], arena, &text, NULL, &err) == 0)
			fail_msg("%s leads out", escapes[i]);
		assert_int_equal(err.code, ERROR_IO);
		assert_int_equal(err.sys_errno, ENOENT);
		assert_null(root_read_value(root, escapes[i], arena));
		assert_false(root_exists(root, escapes[i]));
		assert_int_equal(root_stat(root, escapes[i], &status), -1);
		assert_null(root_real_path(root, escapes[i], arena));
	}
	char *text = NULL;
	assert_int_equal(root_read(root, "/etc/inside", arena, &text, NULL, NULL), 0);
	assert_true(text_starts(text, "vfio\n"));
	assert_int_equal(root_read(root, "/etc/top/etc/modules", arena, &text, NULL, NULL), 0);
	assert_string_equal(root_real_path(root, "/etc/inside", arena), "/etc/modules");
	assert_string_equal(root_real_path(root, "/etc/parent/../../etc/modules", arena),
			"/etc/modules");
	assert_string_equal(root_real_path(root, "/", arena), "/");
	assert_string_equal(root_readlink(root, "/etc/absolute", arena), outside);
	assert_null(root_readlink(root, "/etc/modules", arena));
	/* The file that a link would lead to is inside when it is there too. */
	struct strings names;
	assert_false(root_list(root, "/etc/dir", arena, &names));
	assert_true(root_list(root, "/etc/top", arena, &names));
	assert_int_equal(names.n, 2);
	root_close(root);
}

/* A file of the live /proc that is a link into another process's view of the system. */
static void magic_links_are_not_followed(void **state)
{
	make_dir(tree(*state, "/proc"));
	make_link("/proc/self/root/etc", tree(*state, "/proc/escape"));
	struct root *root = open_tree(*state);
	assert_false(root_exists(root, "/proc/escape/passwd"));
	root_close(root);
}

static void loops_end(void **state)
{
	make_link("b", tree(*state, "/etc/a"));
	make_link("/etc/a", tree(*state, "/etc/b"));
	make_link("self", tree(*state, "/etc/self"));
	make_link("nowhere", tree(*state, "/etc/dangling"));
	struct root *root = open_tree(*state);
	char *text = NULL;
	struct error err = {0};
	assert_int_equal(root_read(root, "/etc/a", *state, &text, NULL, &err), ERROR_IO);
	assert_int_equal(err.sys_errno, ELOOP);
	assert_non_null(strstr(err.text, "/etc/a"));
	assert_null(root_read_value(root, "/etc/self", *state));
	assert_null(root_real_path(root, "/etc/self", *state));
	assert_string_equal(root_readlink(root, "/etc/self", *state), "self");
	assert_false(root_exists(root, "/etc/dangling"));
	assert_string_equal(root_readlink(root, "/etc/dangling", *state), "nowhere");
	root_close(root);
}

/* Whether it is there cannot be told of what is behind links in a circle, as of a disk that fails:
 * nothing is replaced or taken for gone by a guess. */
static void unknown_is_not_absent(void **state)
{
	struct error err = {0};
	make_link("loop", tree(*state, "/etc/loop"));
	struct root *root = open_tree(*state);
	assert_int_equal(root_presence(root, "/etc/modules"), 1);
	assert_int_equal(root_presence(root, "/etc/none"), 0);
	assert_int_equal(root_presence(root, "/etc/modules/none"), 0);
	assert_int_equal(root_presence(root, "/etc/loop"), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(file_replace(root, "/etc/loop", "x", 1, 0644, &err), ERROR_IO);
	assert_non_null(strstr(err.text, "/etc/loop"));
	assert_int_equal(file_remove(root, "/etc/loop", &err), ERROR_IO);
	assert_int_equal(file_make_dirs(root, "/etc/loop/dir", 0755, &err), ERROR_IO);
	assert_int_equal(file_remove_dir(root, "/etc/loop/dir", &err), ERROR_IO);
	assert_non_null(strstr(err.text, "/etc/loop/dir"));
	assert_int_equal(file_remove_dir(root, "/etc/none", &err), 0);
	assert_string_equal(root_readlink(root, "/etc/loop", *state), "loop");
	root_close(root);
}

static void unreadable(void **state)
{
	struct root *root = open_tree(*state);
	char *text = NULL;
	struct error err = {0};
	assert_int_equal(root_read(root, "/etc", *state, &text, NULL, &err), ERROR_IO);
	assert_non_null(strstr(err.text, "/etc"));
	assert_int_equal(root_read(root, "/etc/none", *state, &text, NULL, &err), ERROR_IO);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_int_equal(root_read(root, "/etc/modules/x", *state, &text, NULL, &err), ERROR_IO);
	assert_int_equal(err.sys_errno, ENOTDIR);
	struct strings names;
	assert_false(root_list(root, "/etc/modules", *state, &names));
	assert_false(root_list(root, "/none", *state, &names));
	assert_null(text);
	/* A pipe that nobody writes to must not stop the program. */
	assert_return_code(mkfifo(tree(*state, "/etc/pipe"), 0644), errno);
	(void)root_read_value(root, "/etc/pipe", *state);
	if (geteuid() != 0) {
		helper_write_mode(tree(*state, "/etc/closed"), "x", 1, 0);
		assert_int_equal(root_read(root, "/etc/closed", *state, &text, NULL, &err),
				ERROR_IO);
		assert_int_equal(err.sys_errno, EACCES);
	}
	root_close(root);
}

static void write_large(const char *path, size_t n)
{
	helper_write(path, "");
	assert_return_code(truncate(path, (off_t)n), errno);
}

static void too_large(void **state)
{
	struct root *root = open_tree(*state);
	char *text = NULL;
	size_t n = 0;
	struct error err = {0};
	write_large(tree(*state, "/etc/large"), (size_t)17 * 1024 * 1024);
	assert_int_equal(root_read(root, "/etc/large", *state, &text, NULL, &err), ERROR_IO);
	assert_int_equal(err.sys_errno, EFBIG);
	assert_non_null(strstr(err.text, "/etc/large"));
	assert_null(root_read_value(root, "/etc/large", *state));
	write_large(tree(*state, "/etc/large"), ROOT_FILE_MAX + 1);
	assert_int_equal(root_read(root, "/etc/large", *state, &text, NULL, &err), ERROR_IO);
	write_large(tree(*state, "/etc/large"), ROOT_FILE_MAX);
	assert_int_equal(root_read(root, "/etc/large", *state, &text, &n, &err), 0);
	assert_int_equal(n, ROOT_FILE_MAX);
	root_close(root);
}

static void lists_sorted(void **state)
{
	static const char *const names[] = {
			"z.cfg", "B.cfg", "a.cfg", ".hidden", "10.cfg", "9.cfg"};
	make_dir(tree(*state, "/etc/d"));
	for (size_t i = 0; i < COUNT(names); i++)
		helper_write(tree(*state, arena_printf(*state, "/etc/d/%s", names[i])), "");
	struct root *root = open_tree(*state);
	struct strings found;
	assert_true(root_list(root, "/etc/d", *state, &found));
	assert_string_equal(strings_join(*state, &found, " "),
			".hidden 10.cfg 9.cfg B.cfg a.cfg z.cfg");
	assert_true(root_list(root, "/sys", *state, &found));
	assert_int_equal(found.n, 0);
	root_close(root);
}

static void kinds(void **state)
{
	struct root *root = NULL;
	struct error err = {0};
	assert_int_equal(root_open(NULL, &root, &err), 0);
	assert_int_equal(root_kind(root), ROOT_LIVE);
	assert_string_equal(root_dir(root), "");
	assert_true(root_exists(root, "/etc"));
	root_close(root);
	assert_int_equal(root_open("/", &root, &err), 0);
	assert_int_equal(root_kind(root), ROOT_LIVE);
	root_close(root);
	helper_write(tree(*state, "/.pvegpu-sample"), "");
	char *slashes = arena_printf(*state, "%s//", tree(*state, ""));
	assert_int_equal(root_open(slashes, &root, &err), 0);
	/* a mark alone makes nothing run: anybody can put one into a tree */
	assert_int_equal(root_kind(root), ROOT_CAPTURED);
	assert_int_equal(root_run_scripts(root, &err), 0);
	assert_int_equal(root_kind(root), ROOT_SAMPLE);
	assert_string_equal(root_dir(root), tree(*state, ""));
	assert_string_equal(root_absolute(root), tree(*state, ""));
	root_close(root);
}

/* The mark of a sample tree counts only inside the tree. */
static void sample_mark_from_outside(void **state)
{
	char *mark = helper_path(*state, "mark");
	helper_write(mark, "");
	make_link(mark, tree(*state, "/.pvegpu-sample"));
	struct root *root = open_tree(*state);
	struct error err = {0};
	assert_int_equal(root_run_scripts(root, &err), ERROR_USAGE);
	assert_int_equal(root_kind(root), ROOT_CAPTURED);
	root_close(root);
	assert_int_equal(root_open(NULL, &root, &err), 0);
	assert_int_equal(root_run_scripts(root, &err), ERROR_USAGE);
	assert_int_equal(root_kind(root), ROOT_LIVE);
	root_close(root);
}

static void no_such_root(void **state)
{
	struct root *root = NULL;
	struct error err = {0};
	char *none = helper_path(*state, "none");
	assert_int_equal(root_open(none, &root, &err), ERROR_IO);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_non_null(strstr(err.text, none));
	assert_int_equal(root_open(tree(*state, "/etc/modules"), &root, &err), ERROR_IO);
	assert_null(root);
}

static void copies_a_tree(void **state)
{
	struct arena *arena = *state;
	struct error err = {0};
	helper_write(helper_path(arena, "outside"), SECRET);
	helper_write_mode(tree(arena, "/etc/script"), "#!/bin/sh\n", 10, 0755);
	helper_write(tree(arena, "/sys/.keep"), "");
	helper_write(tree(arena, "/etc/.hidden"), "h");
	helper_write(tree(arena, "/etc/.keep2"), "k");
	make_dir(tree(arena, "/sys/deep"));
	make_dir(tree(arena, "/sys/deep/er"));
	helper_write(tree(arena, "/sys/deep/er/.keep"), "");
	make_link("../etc/modules", tree(arena, "/sys/link"));
	make_link(helper_path(arena, "outside"), tree(arena, "/sys/out"));
	make_link(helper_temp(), tree(arena, "/sys/outdir"));
	char *to = helper_path(arena, "copy");
	make_dir(to);
	if (root_copy_tree(tree(arena, ""), to, &err) < 0)
		fail_msg("%s", err.text);
	struct root *copy = NULL;
	assert_int_equal(root_open(to, &copy, &err), 0);
	assert_string_equal(root_read_value(copy, "/etc/modules", arena), "vfio\nvfio_pci");
	assert_string_equal(root_read_value(copy, "/etc/.hidden", arena), "h");
	assert_string_equal(root_read_value(copy, "/etc/.keep2", arena), "k");
	assert_string_equal(root_readlink(copy, "/sys/link", arena), "../etc/modules");
	assert_string_equal(root_readlink(copy, "/sys/out", arena), helper_path(arena, "outside"));
	assert_true(root_exists(copy, "/sys/deep/er"));
	assert_false(root_exists(copy, "/sys/.keep"));
	assert_false(root_exists(copy, "/sys/deep/er/.keep"));
	struct stat status;
	assert_int_equal(root_stat(copy, "/etc/script", &status), 0);
	assert_true(status.st_mode & 0100);
	root_close(copy);
	/* Removing the copy leaves alone what its links point to. */
	assert_int_equal(root_remove_tree(to, &err), 0);
	assert_int_equal(access(to, F_OK), -1);
	assert_string_equal(helper_read(arena, helper_path(arena, "outside"), NULL), SECRET);
	assert_int_equal(access(tree(arena, "/etc/modules"), F_OK), 0);
	assert_true(root_copy_tree(helper_path(arena, "none"), to, &err) < 0);
	assert_true(root_remove_tree(to, &err) < 0);
}

static void private_copy(void **state)
{
	struct error err = {0};
	char *dir = NULL;
	struct stat status;
	assert_int_equal(root_private_copy(tree(*state, ""), &dir, &err), 0);
	assert_int_equal(stat(dir, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_int_equal(access(arena_printf(*state, "%s/etc/modules", dir), R_OK), 0);
	assert_int_equal(root_remove_tree(dir, &err), 0);
	assert_int_equal(access(dir, F_OK), -1);
	free(dir);
}

#define TREE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
			TREE_TEST(reads),
			TREE_TEST(bytes_are_kept),
			TREE_TEST(links_stay_inside),
			TREE_TEST(magic_links_are_not_followed),
			TREE_TEST(loops_end),
			TREE_TEST(unknown_is_not_absent),
			TREE_TEST(unreadable),
			TREE_TEST(too_large),
			TREE_TEST(lists_sorted),
			TREE_TEST(kinds),
			TREE_TEST(sample_mark_from_outside),
			TREE_TEST(no_such_root),
			TREE_TEST(copies_a_tree),
			TREE_TEST(private_copy),
	};
	return cmocka_run_group_tests(tests, helper_temp_new, helper_temp_free);
}
