/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TESTS_UNIT_HELPER_H
#define PVEGPU_TESTS_UNIT_HELPER_H

/*
 * What the unit tests share: an arena for each test, one temporary directory for each program,
 * running a tool to compare with, and the optional data outside the project.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/root.h"
#include "pvegpu/base/text.h"

/* As cmocka's setup and teardown of a test: *state is its arena. */
static inline int helper_arena_new(void **state)
{
	*state = arena_new();
	return 0;
}

static inline int helper_arena_free(void **state)
{
	arena_free(*state);
	return 0;
}

#define TEST(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, helper_arena_new, helper_arena_free)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline char *helper_temp(void)
{
	static char dir[] = "/tmp/pvegpu-unit.XXXXXX";
	return dir;
}

/* As cmocka's setup and teardown of a group. */
static inline int helper_temp_new(void **state)
{
	(void)state;
	return mkdtemp(helper_temp()) ? 0 : -1;
}

static inline int helper_temp_free(void **state)
{
	(void)state;
	return root_remove_tree(helper_temp(), NULL);
}

/* A path in the temporary directory. */
static inline char *helper_path(struct arena *arena, const char *name)
{
	return arena_printf(arena, "%s/%s", helper_temp(), name);
}

static inline void helper_write_mode(const char *path, const char *bytes, size_t n, mode_t mode)
{
	(void)unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	for (size_t done = 0; done < n;) {
		ssize_t written = write(fd, bytes + done, n - done);
		assert_true(written > 0);
		done += (size_t)written;
	}
	assert_return_code(fchmod(fd, mode), errno);
	assert_return_code(close(fd), errno);
}

static inline void helper_write(const char *path, const char *text)
{
	helper_write_mode(path, text, strlen(text), 0644);
}

/* A whole file, or NULL. */
static inline char *helper_read(struct arena *arena, const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	struct text text = {0};
	char buffer[16384];
	ssize_t n = 0;
	while ((n = read(fd, buffer, sizeof buffer)) > 0)
		text_add_bytes(&text, buffer, (size_t)n);
	(void)close(fd);
	if (ret_size)
		*ret_size = text.n;
	return text_take(&text, arena);
}

/*
 * Run a tool to the end without standard input or PATH (so that a script it reads can run
 * nothing); gives its exit status and what it printed to standard output. -1: there is no such
 * tool.
 */
static inline int helper_run(struct arena *arena, const char *const *argv, char **ret_out)
{
	static char path[] = "PATH=/nonexistent";
	static char locale[] = "LC_ALL=C";
	char *const environment[] = {path, locale, NULL};
	int fds[2];
	assert_return_code(pipe2(fds, O_CLOEXEC), errno);
	posix_spawn_file_actions_t actions;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	union {
		const char *const *in;
		char *const *out;
	} arguments = {.in = argv};
	pid_t pid = -1;
	int number = posix_spawnp(&pid, argv[0], &actions, NULL, arguments.out, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(fds[1]);
	struct text out = {0};
	char buffer[4096];
	ssize_t n = 0;
	while ((n = read(fds[0], buffer, sizeof buffer)) > 0)
		text_add_bytes(&out, buffer, (size_t)n);
	(void)close(fds[0]);
	char *printed = text_take(&out, arena);
	if (ret_out)
		*ret_out = printed;
	int status = 0;
	if (number || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A path of the optional data outside the project, or NULL where there is none. */
static inline char *helper_shared(struct arena *arena, const char *path)
{
	const char *shared = getenv("PVEGPU_SHARED"); /* NOLINT(concurrency-mt-unsafe) */
	if (!shared || !*shared)
		return NULL;
	char *full = arena_printf(arena, "%s/%s", shared, path);
	return access(full, R_OK) == 0 ? full : NULL;
}

/* Skip the test that runs, saying why. */
#define SKIP(why)                                                                                  \
	do {                                                                                       \
		print_message("skipped: %s\n", why);                                               \
		skip();                                                                            \
	} while (0)

static inline struct strings helper_strings(struct arena *arena, const char *const *items)
{
	struct strings list = {0};
	for (; items && *items; items++)
		strings_add(arena, &list, *items);
	return list;
}

/* A small generator (xorshift) so that every run tests the same. */
static inline unsigned helper_random(uint32_t *seed, unsigned below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % below;
}

#endif
