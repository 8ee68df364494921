/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making and undoing changes, whatever kind they are: what is known to fail is found before the
 * first write, the journal says what was done, and a rollback restores it after a success, a
 * failure and a death at any place. Plans are made by hand here: apply_plan() would plan again.
 */
#include "tests/unit/helper.h"

#include "core/apply/internal.h"

static const char attribute[] = "/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs";
static const char second[] = "/sys/module/vfio_pci/parameters/disable_idle_d3";

struct bench {
	struct arena *arena;
	struct host host;
	struct plan *plan;
	struct apply_result result;
	/* What the progress does when it is told of the begin of change `at`: go on, or one of. */
	enum { GO_ON, DIE, REMOVE, STOP } at_begin;
	size_t at;
};

static void make(struct arena *arena, const char *path, const char *text)
{
	char *full = helper_path(arena, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	helper_write(full, text);
}

static char *text_of(struct bench *bench, const char *path)
{
	return helper_read(bench->arena, helper_path(bench->arena, path + 1), NULL);
}

static void add_sysfs(struct bench *bench, const char *path, const char *value)
{
	assert_int_equal(plan_add_sysfs(bench->plan, bench->host.root, path, value, "gpu.sriov",
					 NULL, NULL, NULL),
			0);
}

static struct bench bench_new(struct arena *arena)
{
	struct bench bench = {.arena = arena};
	(void)root_remove_tree(helper_temp(), NULL);
	make(arena, ROOT_SAMPLE_MARK, "");
	make(arena, attribute + 1, "0\n");
	make(arena, second + 1, "N\n");
	make(arena, "etc/modules", "loop\n");
	assert_int_equal(root_open(helper_temp(), &bench.host.root, NULL), 0);
	assert_int_equal(root_run_scripts(bench.host.root, NULL), 0);
	struct goal *goal = goal_new();
	bench.plan = plan_new(goal, "pve2");
	goal_free(goal);
	return bench;
}

/* A file and two attributes: 1 /etc/modules, 2 sriov_numvfs, 3 disable_idle_d3. */
static struct bench bench_of_three(struct arena *arena)
{
	struct bench bench = bench_new(arena);
	const char *text = NULL;
	add_sysfs(&bench, attribute, "4");
	add_sysfs(&bench, second, "Y");
	assert_int_equal(plan_draft(bench.plan, bench.host.root, "/etc/modules", &text, NULL), 0);
	plan_set_draft(bench.plan, "/etc/modules", "loop\nvfio\n", "vfio.modules", NULL);
	plan_finish(bench.plan);
	return bench;
}

static void bench_free(struct bench *bench)
{
	plan_free(bench->plan);
	host_close(&bench->host);
}

static bool progress(
		void *user, const struct change *change, enum apply_event event, const char *text)
{
	struct bench *bench = user;
	(void)text;
	if (event != APPLY_BEGIN || change->n != bench->at)
		return true;
	if (bench->at_begin == DIE)
		_exit(9);
	if (bench->at_begin == REMOVE)
		assert_return_code(unlink(helper_path(bench->arena, attribute + 1)), errno);
	return bench->at_begin != STOP;
}

static int check(struct bench *bench, struct error *err)
{
	struct run_context context = {.host = &bench->host,
			.root = bench->host.root,
			.plan = bench->plan,
			.keep = {-1, -1}};
	return run_check(&context, err);
}

static int apply(struct bench *bench, struct error *err)
{
	struct run_context context = {.host = &bench->host,
			.root = bench->host.root,
			.plan = bench->plan,
			.keep = {-1, -1},
			.progress = progress,
			.user = bench};
	int lock = -1;
	assert_int_equal(journal_lock(bench->host.root, &lock, NULL), 0);
	context.keep.lock = lock;
	int status = run_apply(&context, &bench->result, err);
	journal_close(context.journal);
	(void)close(lock);
	return status;
}

static bool overwrite;
static char asked[256];

static bool ask(void *user, const struct change *change, const char *diff)
{
	(void)user;
	(void)change;
	(void)snprintf(asked, sizeof asked, "%s", diff);
	return overwrite;
}

/* The newest run. */
static const char *run_name(struct bench *bench)
{
	struct strings runs = {0};
	assert_int_equal(journal_list(bench->host.root, bench->arena, &runs, NULL), 0);
	assert_true(runs.n > 0);
	return runs.item[runs.n - 1];
}

static struct rollback_result rollback(struct bench *bench)
{
	struct rollback_result result;
	const char *run = run_name(bench);
	struct consent yes = consent_given(run);
	asked[0] = '\0';
	assert_int_equal(rollback_run(&bench->host, run, &yes, ask, NULL, NULL, &result, NULL), 0);
	return result;
}

static void assert_as_before(struct bench *bench)
{
	assert_string_equal(text_of(bench, "/etc/modules"), "loop\n");
	assert_string_equal(text_of(bench, attribute), "0\n");
	assert_string_equal(text_of(bench, second), "N\n");
}

static enum change_state state_of(struct bench *bench, size_t n)
{
	struct run_record record;
	assert_int_equal(journal_read(bench->host.root, run_name(bench), bench->arena, &record,
					 NULL),
			0);
	enum change_state state = record.states[n - 1];
	plan_free(record.plan);
	return state;
}

static void what_is_applied_is_undone(void **state)
{
	struct bench bench = bench_of_three(*state);
	assert_int_equal(check(&bench, NULL), 0);
	assert_int_equal(apply(&bench, NULL), 0);
	assert_int_equal(bench.result.done, 3);
	assert_string_equal(text_of(&bench, "/etc/modules"), "loop\nvfio\n");
	assert_string_equal(text_of(&bench, attribute), "4\n");
	assert_string_equal(text_of(&bench, second), "Y\n");
	assert_int_equal(rollback(&bench).undone, 3);
	assert_as_before(&bench);
	bench_free(&bench);
}

static void drift_is_found_before_the_first_write(void **state)
{
	struct bench bench = bench_of_three(*state);
	struct error error = {0};
	make(*state, second + 1, "Y\n");
	assert_int_equal(check(&bench, &error), ERROR_DRIFT);
	assert_non_null(strstr(error.text, "is 'Y' now; the plan saw 'N'"));
	bench_free(&bench);
}

static void a_path_that_leads_out_is_found_before_the_first_write(void **state)
{
	struct bench bench = bench_of_three(*state);
	char *path = helper_path(*state, attribute + 1);
	assert_return_code(unlink(path), errno);
	assert_return_code(symlink("/etc/modules", path), errno);
	assert_int_equal(check(&bench, NULL), ERROR_REFUSED);
	assert_int_equal(apply(&bench, NULL), ERROR_REFUSED);
	assert_string_equal(text_of(&bench, "/etc/modules"), "loop\nvfio\n");
	bench_free(&bench);
}

/* An attribute goes away between the check and its write: a driver was unloaded. */
static void a_failure_stops_there_and_can_be_undone(void **state)
{
	struct bench bench = bench_of_three(*state);
	struct error error = {0};
	bench.at = 2;
	bench.at_begin = REMOVE;
	assert_int_equal(apply(&bench, &error), ERROR_NOT_HOST);
	assert_int_equal(bench.result.failed_n, 2);
	assert_non_null(strstr(error.hint, "1 of 3 changes were made"));
	assert_false(root_exists(bench.host.root, attribute));
	assert_string_equal(text_of(&bench, second), "N\n");
	assert_int_equal(state_of(&bench, 2), STATE_FAILED);
	make(*state, attribute + 1, "0\n");
	assert_int_equal(rollback(&bench).kept, 0);
	assert_as_before(&bench);
	bench_free(&bench);
}

static void what_reads_back_otherwise_has_not_worked(void **state)
{
	struct bench bench = bench_of_three(*state);
	struct process_keep none = {-1, -1};
	struct change_run run = {.host = &bench.host,
			.root = bench.host.root,
			.keep = &none,
			.arena = *state};
	for (size_t i = 0; i < bench.plan->changes.n; i++) {
		const struct change *change = bench.plan->changes.item[i];
		struct error error = {0};
		assert_int_equal(change->kind->seen_to_have_worked(&run, change, false, &error),
				ERROR_IO);
		assert_non_null(strstr(error.text, "reads back"));
	}
	bench_free(&bench);
}

/* Killed before the change, or between the write and the journal's word of it. */
static void a_run_that_died_is_undone(void **state)
{
	for (size_t at = 1; at <= 3; at++) {
		struct bench bench = bench_of_three(*state);
		bench.at = at;
		bench.at_begin = DIE;
		pid_t child = fork();
		if (child == 0) {
			(void)apply(&bench, NULL);
			_exit(0);
		}
		int status = 0;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(WEXITSTATUS(status), 9);
		assert_int_equal(state_of(&bench, at), STATE_UNTOUCHED);
		assert_int_equal(rollback(&bench).undone, at - 1);
		assert_as_before(&bench);
		bench_free(&bench);
	}
}

static void a_value_that_may_have_been_written_is_undone(void **state)
{
	struct bench bench = bench_of_three(*state);
	struct journal *journal = NULL;
	int lock = -1;
	assert_int_equal(journal_lock(bench.host.root, &lock, NULL), 0);
	assert_int_equal(journal_begin(bench.host.root, bench.plan, &journal, NULL), 0);
	assert_int_equal(journal_record(journal, 2, "begin", NULL, NULL), 0);
	make(*state, attribute + 1, "4\n");
	journal_close(journal);
	(void)close(lock);
	assert_int_equal(rollback(&bench).undone, 1);
	assert_as_before(&bench);
	bench_free(&bench);
}

static void a_person_says_what_becomes_of_a_later_value(void **state)
{
	for (int yes = 0; yes < 2; yes++) {
		struct bench bench = bench_of_three(*state);
		assert_int_equal(apply(&bench, NULL), 0);
		make(*state, attribute + 1, "7\n");
		overwrite = yes;
		assert_int_equal(rollback(&bench).kept, !yes);
		assert_string_equal(asked, "-7\n+0\n");
		assert_string_equal(text_of(&bench, attribute), yes ? "0\n" : "7\n");
		assert_string_equal(text_of(&bench, second), "N\n");
		bench_free(&bench);
	}
}

static void a_run_is_stopped_before_a_change(void **state)
{
	struct bench bench = bench_of_three(*state);
	bench.at = 3;
	bench.at_begin = STOP;
	assert_int_equal(apply(&bench, NULL), ERROR_STOPPED);
	assert_int_equal(bench.result.done, 2);
	assert_string_equal(text_of(&bench, second), "N\n");
	assert_int_equal(rollback(&bench).undone, 2);
	assert_as_before(&bench);
	bench_free(&bench);
}

/* A capture has no kernel: files are edited, values are not. */
static void a_captured_tree_keeps_its_values(void **state)
{
	struct bench bench = bench_of_three(*state);
	root_close(bench.host.root);
	assert_return_code(unlink(helper_path(*state, ROOT_SAMPLE_MARK)), errno);
	assert_int_equal(root_open(helper_temp(), &bench.host.root, NULL), 0);
	assert_int_equal(apply(&bench, NULL), 0);
	assert_int_equal(bench.result.not_run, 2);
	assert_string_equal(text_of(&bench, attribute), "0\n");
	assert_int_equal(rollback(&bench).undone, 1);
	assert_as_before(&bench);
	bench_free(&bench);
}

/* Of a command it is what it says and leaves behind that counts, whatever its name. */
static void a_command_must_do_what_is_expected(void **state)
{
	static const struct {
		const char *must, *must_not, *harmless;
		int status;
	} cases[] = {
			{NULL, NULL, NULL, 0},
			{"ESP one", NULL, NULL, 0},
			{"ESP two", NULL, NULL, ERROR_COMMAND},
			{NULL, "skipping", NULL, ERROR_COMMAND},
			{NULL, "skipping", "directory", 0},
	};
	static const char *const argv[] = {"do-it", NULL};
	static const char script[] = "#!/bin/sh\necho done ESP one\necho directory skipping\n";
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bench bench = bench_new(*state);
		make(*state, "usr/sbin/do-it", "");
		helper_write_mode(helper_path(*state, "usr/sbin/do-it"), script, sizeof script - 1,
				0755);
		struct change *change = plan_add_command(bench.plan, argv, "x.y", "again");
		struct arena *arena = bench.plan->arena;
		if (cases[i].must)
			strings_add(arena, &change->must_say, cases[i].must);
		if (cases[i].must_not)
			strings_add(arena, &change->must_not_say, cases[i].must_not);
		change->harmless = arena_strdup(arena, cases[i].harmless);
		plan_finish(bench.plan);
		assert_int_equal(check(&bench, NULL), 0);
		struct error why = {0};
		int status = apply(&bench, &why);
		if (status != cases[i].status)
			print_error("%s\n", why.text);
		assert_int_equal(status, cases[i].status);
		bench_free(&bench);
	}
}

static void each_image_must_be_new(void **state)
{
	static const char *const argv[] = {"make-them", NULL};
	for (int makes = 0; makes < 2; makes++) {
		struct bench bench = bench_new(*state);
		make(*state, "boot/vmlinuz-6.8", "");
		make(*state, "boot/initrd.img-6.8", "old");
		const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
		assert_return_code(utimensat(AT_FDCWD, helper_path(*state, "boot/initrd.img-6.8"),
						   old, 0),
				errno);
		make(*state, "usr/sbin/make-them", "");
		const char *script =
				makes ? "#!/bin/sh\ntouch \"$PVEGPU_ROOT/boot/initrd.img-6.8\"\n"
				      : "#!/bin/sh\nexit 0\n";
		helper_write_mode(helper_path(*state, "usr/sbin/make-them"), script, strlen(script),
				0755);
		plan_add_command(bench.plan, argv, "x.y", "again")->makes_images = true;
		plan_finish(bench.plan);
		struct error error = {0};
		assert_int_equal(apply(&bench, &error), makes ? 0 : ERROR_COMMAND);
		assert_true(makes ||
				strstr(error.text,
						"'make-them' ended well, but /boot/initrd.img-6.8 was not made again"));
		bench_free(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(what_is_applied_is_undone),
			TEST(drift_is_found_before_the_first_write),
			TEST(a_path_that_leads_out_is_found_before_the_first_write),
			TEST(a_failure_stops_there_and_can_be_undone),
			TEST(what_reads_back_otherwise_has_not_worked),
			TEST(a_run_that_died_is_undone),
			TEST(a_value_that_may_have_been_written_is_undone),
			TEST(a_person_says_what_becomes_of_a_later_value),
			TEST(a_run_is_stopped_before_a_change),
			TEST(a_captured_tree_keeps_its_values),
			TEST(a_command_must_do_what_is_expected),
			TEST(each_image_must_be_new),
	};
	return cmocka_run_group_tests(tests, helper_temp_new, helper_temp_free);
}
