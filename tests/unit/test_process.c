/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands: only a sample tree's own scripts are run here, and nothing in a captured tree. */
#include "tests/unit/helper.h"

#include <signal.h>
#include <time.h>

#include "pvegpu/base/process.h"

/* Only bounds a command that hangs. */
enum { HANG_S = 300 };

struct seen {
	struct arena *arena;
	struct strings out, error_out;
};

static void see(void *user, const char *line, bool standard_error)
{
	struct seen *seen = user;
	strings_add(seen->arena, standard_error ? &seen->error_out : &seen->out, line);
}

static char *tree(struct arena *arena, const char *path)
{
	return arena_printf(arena, "%s/tree%s", helper_temp(), path);
}

/* A sample tree with one command, `task`. */
static struct root *sample(struct arena *arena, const char *script)
{
	char *command = tree(arena, "/usr/bin/task");
	char *text = arena_printf(arena, "#!/bin/sh\n%s", script);
	helper_write_mode(command, text, strlen(text), 0755);
	helper_write(tree(arena, "/.pvegpu-sample"), "");
	struct root *root = NULL;
	assert_int_equal(root_open(tree(arena, ""), &root, NULL), 0);
	assert_int_equal(root_run_scripts(root, NULL), 0);
	assert_int_equal(root_kind(root), ROOT_SAMPLE);
	return root;
}

static int setup(void **state)
{
	static const char *const dirs[] = {"", "/usr", "/usr/bin"};
	(void)helper_arena_new(state);
	for (size_t i = 0; i < COUNT(dirs); i++)
		assert_return_code(mkdir(tree(*state, dirs[i]), 0755), errno);
	return 0;
}

static int teardown(void **state)
{
	int status = root_remove_tree(tree(*state, ""), NULL);
	return helper_arena_free(state) || status;
}

static const char *const task[] = {"task", NULL};

struct taken {
	size_t bytes, most, ticks;
};

static bool take(void *user, const char *bytes, size_t n)
{
	struct taken *taken = user;
	(void)bytes;
	taken->bytes += n;
	taken->ticks += n == 0;
	return taken->bytes < taken->most;
}

/* The same tree as nobody named it: its scripts run in a sandbox. */
static struct root *sandboxed(struct arena *arena, const char *script)
{
	root_close(sample(arena, script));
	struct root *root = NULL;
	assert_int_equal(root_open(tree(arena, ""), &root, NULL), 0);
	assert_false(root_is_sandboxed(root));
	root_sandbox_scripts(root);
	if (!root_is_sandboxed(root)) { /* not root, or the kernel forbids it */
		assert_int_equal(root_kind(root), ROOT_CAPTURED);
		assert_non_null(strstr(process_why_not(root), "sandbox"));
		root_close(root);
		skip();
	}
	assert_int_equal(root_kind(root), ROOT_SAMPLE);
	return root;
}

static void sandbox_hands_on_all(void **state)
{
	struct seen seen = {.arena = *state};
	struct process_result result = {0};
	struct error err = {0};
	struct root *root = sandboxed(*state,
			"echo one\necho bad >&2\numask\necho $$ \"$PVEGPU_ROOT\" \"$1\"\n"
			"echo x >\"$PVEGPU_ROOT/x\"\nkill -TERM $$\n");
	const char *const argv[] = {"task", "a b", NULL};
	mode_t mask = umask(027);
	assert_int_equal(process_run(root, argv, HANG_S, see, &seen, *state, &result, &err), 0);
	(void)umask(mask);
	assert_int_equal(result.exit_status, 128 + SIGTERM);
	assert_string_equal(result.out,
			arena_printf(*state, "one\n0027\n2 %s a b\n", tree(*state, "")));
	assert_string_equal(result.error_out, "bad\n");
	assert_return_code(access(tree(*state, "/x"), F_OK), errno);
	root_close(root);
}

static void sandbox_ends_with_its_script(void **state)
{
	struct process_result result = {0};
	struct error err = {0};
	struct taken all = {.most = SIZE_MAX};
	/* What is left running, and what does not end: both hold the pipe, and are ended. */
	struct root *root = sandboxed(*state, "sleep 600 &\nexit 3\n");
	assert_int_equal(process_stream(root, task, 0, take, &all, *state, &result, &err), 0);
	assert_int_equal(result.exit_status, 3);
	root_close(root);
	root = sandboxed(*state, "trap '' TERM HUP INT\necho go\nsleep 600\n");
	assert_int_equal(process_run(root, task, 1, NULL, NULL, *state, &result, &err),
			ERROR_COMMAND);
	assert_non_null(strstr(err.text, "did not end within 1 seconds"));
	root_close(root);
}

static void lines_and_status(void **state)
{
	struct seen seen = {.arena = *state};
	struct process_result result = {0};
	struct error err = {0};
	struct root *root = sample(*state,
			"echo one\necho two\necho bad >&2\nprintf '\\n  three\\r\\nlast'\nexit 3\n");
	assert_int_equal(process_run(root, task, HANG_S, see, &seen, *state, &result, &err), 0);
	assert_int_equal(result.exit_status, 3);
	assert_string_equal(strings_join(*state, &seen.out, "|"), "one|two||  three|last");
	assert_string_equal(strings_join(*state, &seen.error_out, "|"), "bad");
	assert_string_equal(result.out, "one\ntwo\n\n  three\r\nlast");
	assert_string_equal(result.error_out, "bad\n");
	root_close(root);
}

static void without_a_listener(void **state)
{
	struct process_result result = {0};
	struct root *root = sample(*state, "echo one\necho two >&2\n");
	assert_int_equal(process_run(root, task, HANG_S, NULL, NULL, *state, &result, NULL), 0);
	assert_int_equal(result.exit_status, 0);
	assert_string_equal(result.out, "one\n");
	assert_string_equal(result.error_out, "two\n");
	root_close(root);
}

/* A line is handed over when it is there, not when the command has ended. */
static void release(void *user, const char *line, bool standard_error)
{
	(void)standard_error;
	if (strcmp(line, "waiting") == 0)
		helper_write(user, "");
}

static void lines_come_while_it_runs(void **state)
{
	struct process_result result = {0};
	char *go = helper_path(*state, "go");
	struct root *root = sample(*state,
			"echo waiting\nwhile [ ! -e \"$1\" ]; do sleep 0.01; done\necho released\n");
	const char *const argv[] = {"task", go, NULL};
	assert_int_equal(process_run(root, argv, HANG_S, release, go, *state, &result, NULL), 0);
	assert_string_equal(result.out, "waiting\nreleased\n");
	assert_return_code(unlink(go), errno);
	root_close(root);
}

static void arguments_and_environment(void **state)
{
	struct process_result result = {0};
	struct root *root = sample(*state,
			"printf '[%s]' \"$@\"\necho\necho \"$PVEGPU_ROOT\"\necho \"$LC_ALL\"\n"
			"read -r line && echo \"read $line\"\necho "
			"\"${SECRET_OF_THE_CALLER-none}\"\n");
	const char *const argv[] = {"task", "a b", "$(id)", ";", "'", "", NULL};
	assert_return_code(setenv("SECRET_OF_THE_CALLER", "x", 1), errno);
	assert_int_equal(process_run(root, argv, HANG_S, NULL, NULL, *state, &result, NULL), 0);
	assert_string_equal(result.out,
			arena_printf(*state, "[a b][$(id)][;]['][]\n%s\nC.UTF-8\nnone\n",
					tree(*state, "")));
	root_close(root);
}

static void killed_by_a_signal(void **state)
{
	struct process_result result = {0};
	struct root *root = sample(*state, "kill -TERM $$\n");
	assert_int_equal(process_run(root, task, HANG_S, NULL, NULL, *state, &result, NULL), 0);
	assert_int_equal(result.exit_status, 128 + SIGTERM);
	root_close(root);
}

/* Wait until no process with this number is left; the caller is not its parent. */
static bool is_gone(struct arena *arena, const char *pid)
{
	char *path = arena_printf(arena, "/proc/%.*s/stat", (int)strcspn(pid, "\n"), pid);
	for (int i = 0; i < HANG_S * 100; i++) {
		char *text = helper_read(arena, path, NULL);
		const char *state = text ? strrchr(text, ')') : NULL;
		if (!state || state[2] == 'Z')
			return true;
		(void)usleep(10000);
	}
	return false;
}

static void killed_on_time_out(void **state)
{
	struct seen seen = {.arena = *state};
	struct process_result result = {.exit_status = 77};
	struct error err = {0};
	struct root *root = sample(*state, "sleep 60 &\necho $!\nsleep 60\necho never\n");
	assert_int_equal(process_run(root, task, 5, see, &seen, *state, &result, &err),
			ERROR_COMMAND);
	assert_non_null(strstr(err.text, "task"));
	assert_int_equal(result.exit_status, 77);
	assert_int_equal(seen.out.n, 1);
	/* with all that it started */
	assert_true(is_gone(*state, seen.out.item[0]));
	root_close(root);
}

/* The limit holds for a command that has closed its output, too. */
static void killed_on_time_out_without_output(void **state)
{
	struct process_result result = {0};
	struct error err = {0};
	struct root *root = sample(*state, "exec >/dev/null 2>&1\nsleep 4\n");
	assert_int_equal(process_run(root, task, 1, NULL, NULL, *state, &result, &err),
			ERROR_COMMAND);
	root_close(root);
}

static void much_output(void **state)
{
	struct seen seen = {.arena = *state};
	struct process_result result = {0};
	struct root *root = sample(*state,
			"i=0\nwhile [ $i -lt 3000 ]; do echo \"line $i\"; echo \"bad $i\" >&2; i=$((i+1)); done\n");
	assert_int_equal(process_run(root, task, 30, see, &seen, *state, &result, NULL), 0);
	assert_int_equal(seen.out.n, 3000);
	assert_int_equal(seen.error_out.n, 3000);
	assert_string_equal(seen.out.item[2999], "line 2999");
	assert_true(text_ends(result.error_out, "bad 2999\n"));
	root_close(root);
}

static void long_line(void **state)
{
	struct seen seen = {.arena = *state};
	struct process_result result = {0};
	struct root *root = sample(*state, "printf '%5000s\\n' x\necho next\n");
	assert_int_equal(process_run(root, task, HANG_S, see, &seen, *state, &result, NULL), 0);
	assert_int_equal(strlen(result.out), 5001 + strlen("next\n"));
	assert_int_equal(seen.out.n, 2);
	assert_string_equal(seen.out.item[1], "next");
	root_close(root);
}

static void nothing_runs_in_a_captured_tree(void **state)
{
	struct process_result result = {.exit_status = 77};
	struct error err = {0};
	char *trace = helper_path(*state, "trace");
	struct root *root = sample(*state, arena_printf(*state, "echo ran >'%s'\n", trace));
	root_close(root);
	assert_return_code(unlink(tree(*state, "/.pvegpu-sample")), errno);
	assert_int_equal(root_open(tree(*state, ""), &root, NULL), 0);
	const char *const uname[] = {"uname", NULL};
	assert_null(process_find(root, "task", *state));
	assert_null(process_find(root, "uname", *state));
	assert_int_equal(process_run(root, task, HANG_S, NULL, NULL, *state, &result, &err),
			ERROR_COMMAND);
	assert_non_null(strstr(err.text, "task"));
	assert_int_equal(process_run(root, uname, HANG_S, NULL, NULL, *state, &result, &err),
			ERROR_COMMAND);
	assert_int_equal(result.exit_status, 77);
	assert_int_equal(access(trace, F_OK), -1);
	root_close(root);
}

/* A sample tree never reaches the host's own commands. */
static void only_the_samples_own_commands(void **state)
{
	struct process_result result = {0};
	struct error err = {0};
	struct root *root = sample(*state, "echo own\n");
	static const char *const names[] = {
			"uname", "none", "/bin/uname", "../../../../bin/uname", "../bin/task", ""};
	assert_return_code(symlink("/bin/uname", tree(*state, "/usr/bin/linked")), errno);
	helper_write(tree(*state, "/usr/bin/no-program"), "#!/bin/sh\necho ran\n");
	assert_string_equal(process_find(root, "task", *state), tree(*state, "/usr/bin/task"));
	assert_null(process_find(root, "linked", *state));
	assert_null(process_find(root, "no-program", *state));
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *const argv[] = {names[i], NULL};
		assert_null(process_find(root, names[i], *state));
		assert_int_equal(process_run(root, argv, HANG_S, NULL, NULL, *state, &result, &err),
				ERROR_COMMAND);
	}
	root_close(root);
}

/* A link in a sample tree that names a file both inside and outside: the one inside is meant. */
static void linked_command_is_the_samples(void **state)
{
	struct process_result result = {0};
	struct error err = {0};
	struct root *root = sample(*state, "echo own\n");
	assert_return_code(symlink("/usr/bin/task", tree(*state, "/usr/bin/uname")), errno);
	const char *const argv[] = {"uname", NULL};
	if (process_run(root, argv, HANG_S, NULL, NULL, *state, &result, &err) == 0)
		assert_string_equal(result.out, "own\n");
	assert_return_code(unlink(tree(*state, "/usr/bin/uname")), errno);
	/* /usr/bin/true is there on the host as well: it must not be the one that runs */
	helper_write_mode(tree(*state, "/usr/bin/true"), "#!/bin/sh\necho own\n", 19, 0755);
	assert_return_code(symlink("/usr/bin/true", tree(*state, "/usr/bin/uname")), errno);
	if (process_run(root, argv, HANG_S, NULL, NULL, *state, &result, &err) == 0)
		assert_string_equal(result.out, "own\n");
	root_close(root);
}

#define TREE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void streams_are_handed_on_and_stopped(void **state)
{
	struct process_result result = {0};
	struct error err = {0};
	struct taken all = {.most = SIZE_MAX};
	struct root *root = sample(*state, "head -c 300000 /dev/zero\necho bad >&2\nexit 4\n");
	assert_int_equal(process_stream(root, task, HANG_S, take, &all, *state, &result, &err), 0);
	assert_int_equal(all.bytes, 300000);
	assert_int_equal(result.exit_status, 4);
	assert_string_equal(result.error_out, "bad\n");
	root_close(root);

	/* Enough, and too long: both end the whole group at once, and are no error. */
	struct taken some = {.most = 100000};
	root = sample(*state, "cat /dev/zero & wait\n");
	assert_int_equal(process_stream(root, task, HANG_S, take, &some, *state, &result, &err), 0);
	assert_in_range(some.bytes, 100000, 200000);
	assert_int_equal(result.exit_status, 128 + SIGKILL);
	root_close(root);
	struct taken none = {.most = 1};
	root = sample(*state, "sleep 60\n");
	assert_int_equal(process_stream(root, task, 1, take, &none, *state, &result, &err), 0);
	assert_true(none.ticks > 0);
	assert_int_equal(result.exit_status, 128 + SIGKILL);
	root_close(root);

	root = NULL;
	assert_int_equal(unlink(tree(*state, "/.pvegpu-sample")), 0);
	assert_int_equal(root_open(tree(*state, ""), &root, NULL), 0);
	assert_int_equal(process_stream(root, task, 1, take, &none, *state, &result, &err),
			ERROR_COMMAND);
	root_close(root);
}

/* It is the command that is waited for, not the end of its output. */
/* Where nothing was left running there is nothing to wait for: of some runs one is at once over. */
static void with_its_output_closed_it_is_over(void **state)
{
	struct process_result result;
	struct root *root = sample(*state, ":\n");
	double shortest = HANG_S;
	for (int i = 0; i < 20; i++) {
		struct timespec begin;
		struct timespec end;
		(void)clock_gettime(CLOCK_MONOTONIC, &begin);
		assert_int_equal(process_run(root, task, HANG_S, NULL, NULL, *state, &result, NULL),
				0);
		(void)clock_gettime(CLOCK_MONOTONIC, &end);
		double took = difftime(end.tv_sec, begin.tv_sec) +
			      1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
		shortest = took < shortest ? took : shortest;
	}
	assert_true(shortest < 0.3);
	root_close(root);
}

static void what_is_left_running_is_not_waited_for(void **state)
{
	struct process_result result = {0};
	struct error err = {0};
	struct root *root = sample(*state, "sleep 600 &\necho $!\n");
	assert_int_equal(process_run(root, task, 60, NULL, NULL, *state, &result, &err), 0);
	assert_int_equal(kill(atoi(result.out), SIGKILL), 0); /* NOLINT(cert-err34-c) */
	struct taken all = {.most = SIZE_MAX};
	root_close(root);
	root = sample(*state, "sleep 600 &\necho $! >&2\nexit 4\n");
	assert_int_equal(process_stream(root, task, 60, take, &all, *state, &result, &err), 0);
	assert_int_equal(result.exit_status, 4);
	assert_int_equal(kill(atoi(result.error_out), SIGKILL), 0); /* NOLINT(cert-err34-c) */
	root_close(root);
}

static struct process_keep keep_in(struct arena *arena)
{
	struct process_keep keep = {.lock = open(helper_path(arena, "lock"),
						    O_RDWR | O_CREAT | O_CLOEXEC, 0600),
			.output = open(helper_path(arena, "output"),
					O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600)};
	assert_true(keep.lock >= 0 && keep.output >= 0);
	return keep;
}

static void kept_output_is_followed(void **state)
{
	struct seen seen = {.arena = *state};
	struct process_result result = {0};
	struct error err = {0};
	struct process_keep keep = keep_in(*state);
	assert_int_equal(write(keep.output, "before\n", 7), 7);
	struct root *root = sample(*state,
			"echo one\necho two >&2\nls -l /proc/self/fd/ | grep -c lock\nexit 3\n");
	assert_int_equal(process_run_kept(root, task, 60, &keep, see, &seen, *state, &result, &err),
			0);
	assert_int_equal(result.exit_status, 3);
	/* the command has not got the lock */
	assert_string_equal(result.out, "one\ntwo\n0\n");
	assert_string_equal(strings_join(*state, &seen.out, "|"), "one|two|0");
	assert_string_equal(helper_read(*state, helper_path(*state, "output"), NULL),
			"before\none\ntwo\n0\n");
	/* without a file of their own the streams are apart */
	(void)close(keep.output);
	keep.output = -1;
	assert_int_equal(process_run_kept(root, task, 60, &keep, NULL, NULL, *state, &result, &err),
			0);
	assert_string_equal(result.out, "one\n0\n");
	assert_string_equal(result.error_out, "two\n");
	(void)close(keep.lock);
	root_close(root);
}

static void kept_ends(void **state)
{
	struct process_result result = {0};
	struct error err = {0};
	struct process_keep keep = keep_in(*state);
	struct root *root = sample(*state, "kill -TERM $$\n");
	assert_int_equal(process_run_kept(root, task, 60, &keep, NULL, NULL, *state, &result, &err),
			0);
	assert_int_equal(result.exit_status, 128 + SIGTERM);
	root_close(root);
	root = sample(*state, "sleep 600 &\necho $!\nsleep 600\n");
	struct seen seen = {.arena = *state};
	assert_int_equal(process_run_kept(root, task, 1, &keep, see, &seen, *state, &result, &err),
			ERROR_COMMAND);
	assert_int_equal(seen.out.n, 1);
	assert_true(is_gone(*state, seen.out.item[0]));
	root_close(root);
	root = sample(*state, "");
	helper_write_mode(tree(*state, "/usr/bin/task"), "#!/no/such/shell\n", 17, 0755);
	/* valgrind makes a fork of vfork(): posix_spawn() cannot hear of a failed exec then. */
	const char *preloaded = getenv("LD_PRELOAD"); /* NOLINT(concurrency-mt-unsafe) */
	bool valgrind = preloaded && strstr(preloaded, "vgpreload");
	int status = process_run_kept(root, task, 60, &keep, NULL, NULL, *state, &result, &err);
	assert_int_equal(status, valgrind ? 0 : ERROR_IO);
	assert_true(valgrind ? result.exit_status != 0 : err.sys_errno == ENOENT);
	root_close(root);
	(void)close(keep.lock);
	(void)close(keep.output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TREE_TEST(lines_and_status),
			TREE_TEST(without_a_listener),
			TREE_TEST(lines_come_while_it_runs),
			TREE_TEST(arguments_and_environment),
			TREE_TEST(killed_by_a_signal),
			TREE_TEST(sandbox_hands_on_all),
			TREE_TEST(sandbox_ends_with_its_script),
			TREE_TEST(killed_on_time_out),
			TREE_TEST(killed_on_time_out_without_output),
			TREE_TEST(much_output),
			TREE_TEST(long_line),
			TREE_TEST(nothing_runs_in_a_captured_tree),
			TREE_TEST(only_the_samples_own_commands),
			TREE_TEST(linked_command_is_the_samples),
			TREE_TEST(streams_are_handed_on_and_stopped),
			TREE_TEST(what_is_left_running_is_not_waited_for),
			TREE_TEST(with_its_output_closed_it_is_over),
			TREE_TEST(kept_output_is_followed),
			TREE_TEST(kept_ends),
	};
	return cmocka_run_group_tests(tests, helper_temp_new, helper_temp_free);
}
