/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "core/apply/internal.h"
#include "pvegpu/base/files.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"

struct journal {
	char run[64];
	int fd;     /* the records, one JSON object a line, appended and synced */
	int output; /* what commands printed; -1 where it could not be opened */
};

static int say_busy(struct error *err)
{
	(void)error_set(err, ERROR_BUSY,
			"another pvegpu is applying or rolling back now, or a command that it started still runs");
	error_hint(err, "wait until it has ended; nothing was changed by this one");
	return ERROR_BUSY;
}

int journal_check_free(const struct root *root, struct error *err)
{
	int fd = root_openat(root, STATE_DIR "/lock", O_RDONLY | O_NOFOLLOW);
	if (fd < 0)
		return 0; /* nobody has been here, or it is not ours to see */
	bool busy = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	(void)close(fd);
	return busy ? say_busy(err) : 0;
}

int journal_lock(const struct root *root, int *ret_fd, struct error *err)
{
	int status = file_make_dirs(root, RUNS_DIR, 0700, err);
	if (status < 0)
		return status;
	int dir = root_openat(root, STATE_DIR, O_RDONLY | O_DIRECTORY);
	int fd = dir < 0 ? -1
			 : openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int number = errno;
	if (dir >= 0)
		(void)close(dir);
	if (fd < 0)
		return error_set_errno(err, number, "cannot open the lock '%s%s/lock'",
				root_dir(root), STATE_DIR);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		number = errno;
		(void)close(fd);
		if (number != EWOULDBLOCK)
			return error_set_errno(err, number, "cannot lock '%s%s/lock'",
					root_dir(root), STATE_DIR);
		return say_busy(err);
	}
	journal_clean(root);
	*ret_fd = fd;
	return 0;
}

bool journal_not_begun(const struct root *root, const char *run)
{
	/* The plan is on disk before the first record, and that before the first change. */
	static const char *const names[] = {"plan.json", "journal"};
	char path[sizeof RUNS_DIR + NAME_MAX + 16];
	for (size_t i = 0; i < 2; i++) {
		struct stat status;
		(void)snprintf(path, sizeof path, RUNS_DIR "/%s/%s", run, names[i]);
		if (root_stat(root, path, &status) == 0 || errno != ENOENT)
			return false;
	}
	(void)snprintf(path, sizeof path, RUNS_DIR "/%s", run);
	return root_exists(root, path);
}

void journal_clean(const struct root *root)
{
	struct arena *arena = arena_new();
	struct strings names = {0};
	(void)root_list(root, RUNS_DIR, arena, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (!journal_not_begun(root, names.item[i]))
			continue;
		char *path = arena_printf(arena, RUNS_DIR "/%s", names.item[i]);
		file_clean(root, arena_printf(arena, "%s/plan.json", path));
		(void)file_remove_dir(root, path, NULL);
	}
	arena_free(arena);
}

static int open_files(
		const struct root *root, struct journal *journal, int flags, struct error *err)
{
	char path[128];
	(void)snprintf(path, sizeof path, RUNS_DIR "/%s", journal->run);
	int dir = root_openat(root, path, O_RDONLY | O_DIRECTORY);
	journal->fd = -1;
	journal->output = -1;
	if (dir >= 0) {
		journal->fd = openat(dir, "journal",
				O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
		journal->output = openat(dir, "output",
				O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
				0600);
	}
	int number = errno;
	if (dir >= 0) {
		(void)fsync(dir);
		(void)close(dir);
	}
	/* A record that was cut short must not swallow the next one. */
	char last = '\n';
	off_t end = journal->fd < 0 ? 0 : lseek(journal->fd, 0, SEEK_END);
	if (end > 0 && pread(journal->fd, &last, 1, end - 1) == 1 && last != '\n' &&
			write(journal->fd, "\n", 1) != 1)
		number = errno;
	if (journal->fd < 0)
		return error_set_errno(err, number, "cannot open the journal '%s%s/journal'",
				root_dir(root), path);
	return 0;
}

int journal_begin(const struct root *root, const struct plan *plan, struct journal **ret_journal,
		struct error *err)
{
	struct journal *journal = calloc(1, sizeof *journal);
	if (!journal)
		abort(); /* see arena.h */
	struct timespec now;
	struct tm utc;
	char stamp[32];
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &utc);
	(void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &utc);
	/* Sorts by time; the plan's id tells runs of one second apart. */
	(void)snprintf(journal->run, sizeof journal->run, "%s.%03ld-%.8s", stamp,
			now.tv_nsec / 1000000, plan->id);
	char path[128];
	(void)snprintf(path, sizeof path, RUNS_DIR "/%s", journal->run);
	int status = file_make_dirs(root, path, 0700, err);
	if (status == 0) {
		(void)snprintf(path, sizeof path, RUNS_DIR "/%s/plan.json", journal->run);
		json_t *json = plan_to_json(plan);
		char *text = json_dumps(json, JSON_INDENT(1) | JSON_ENSURE_ASCII);
		json_decref(json);
		status = text ? file_replace(root, path, text, strlen(text), 0600, err)
			      : error_set(err, ERROR_PARSE, "the plan cannot be written as JSON");
		free(text);
	}
	if (status == 0)
		status = open_files(root, journal, O_EXCL, err);
	if (status < 0) {
		free(journal);
		return status;
	}
	*ret_journal = journal;
	return 0;
}

int journal_open(const struct root *root, const char *run, struct journal **ret_journal,
		struct error *err)
{
	struct journal *journal = calloc(1, sizeof *journal);
	if (!journal)
		abort();
	(void)snprintf(journal->run, sizeof journal->run, "%s", run);
	int status = open_files(root, journal, 0, err);
	if (status < 0) {
		free(journal);
		return status;
	}
	*ret_journal = journal;
	return 0;
}

const char *journal_run(const struct journal *journal)
{
	return journal->run;
}

int journal_record(struct journal *journal, size_t n, const char *state, const char *text,
		struct error *err)
{
	json_t *json = json_pack("{s:I, s:s, s:I}", "n", (json_int_t)n, "state", state, "time",
			(json_int_t)time(NULL));
	json_t *said = text ? json_text(text) : NULL;
	if (said)
		(void)json_object_set_new(json, "text", said);
	char *line = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(json);
	struct text record = {0};
	text_addf(&record, "%s\n", line ? line : "{}");
	free(line);
	/* One write: a record is there whole or, cut short by a crash, recognisably not. */
	ssize_t written = write(journal->fd, text_string(&record), record.n);
	bool failed = written != (ssize_t)record.n || fdatasync(journal->fd) < 0;
	int number = written >= 0 && written != (ssize_t)record.n ? ENOSPC : errno;
	text_free(&record);
	return failed ? error_set_errno(err, number, "cannot write the journal of run %s",
					journal->run)
		      : 0;
}

void journal_output(struct journal *journal, size_t n, const char *line, bool standard_error)
{
	if (journal->output < 0)
		return;
	/* Kept for people to read; a full disk here must not stop the change itself. */
	(void)dprintf(journal->output, "%zu%c %s\n", n, standard_error ? '!' : ' ', line);
}

int journal_output_file(const struct journal *journal)
{
	return journal->output;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	(void)close(journal->fd);
	if (journal->output >= 0)
		(void)close(journal->output);
	free(journal);
}

static const struct {
	const char *name;
	enum change_state state;
} states[] = {{"begin", STATE_BEGUN}, {"done", STATE_DONE}, {"failed", STATE_FAILED},
		{"not-run", STATE_NOT_RUN}, {"undone", STATE_UNDONE}, {"kept", STATE_KEPT}};

static void read_record(const char *line, struct arena *arena, struct run_record *record)
{
	json_t *json = json_loads(line, 0, NULL);
	const char *name = json_string_value(json_object_get(json, "state"));
	json_int_t n = json_integer_value(json_object_get(json, "n"));
	for (size_t i = 0; name && i < sizeof states / sizeof *states; i++)
		if (strcmp(states[i].name, name) == 0 && n >= 1 &&
				n <= (json_int_t)record->plan->changes.n)
			record->states[n - 1] = states[i].state;
	if (name && strcmp(name, "rolled-back") == 0)
		record->rolled_back = true;
	const char *text = json_string_value(json_object_get(json, "text"));
	if (name && text && strcmp(name, "login") == 0)
		record->identity = text_printable(arena, text);
	if (name && text && strcmp(name, "cluster") == 0)
		record->cluster = text_printable(arena, text);
	if (name && strcmp(name, "failed") == 0 && text)
		record->failure = arena_strdup(arena, text);
	json_decref(json);
}

/* An error that says that the thing is not there, rather than that it cannot be seen. */
static bool is_absent(const struct error *error)
{
	return error->sys_errno == ENOENT || error->sys_errno == ENOTDIR;
}

int journal_list(const struct root *root, struct arena *arena, struct strings *ret_names,
		struct error *err)
{
	struct error error = {0};
	int status = root_read_dir(root, RUNS_DIR, arena, ret_names, &error);
	if (status == 0 || is_absent(&error))
		return 0;
	if (error.sys_errno == EACCES)
		error_hint(&error, "the journal is for root only");
	if (err)
		*err = error;
	return status;
}

int journal_read(const struct root *root, const char *run, struct arena *arena,
		struct run_record *ret_record, struct error *err)
{
	if (strchr(run, '/') || run[0] == '.' || strlen(run) > 63)
		return error_set(err, ERROR_USAGE, "'%s' is not the name of a run", run);
	char *path = arena_printf(arena, RUNS_DIR "/%s/plan.json", run);
	char *text = NULL;
	struct strings names = {0};
	int status = journal_list(root, arena, &names, err);
	if (status == 0 && !strings_has(&names, run))
		return error_set(err, ERROR_USAGE, "there is no run '%s': see pvegpu history", run);
	if (status == 0)
		status = root_read(root, path, arena, &text, NULL, err);
	if (status < 0)
		return status;
	json_error_t error;
	json_t *json = json_loads(text, 0, &error);
	if (!json)
		return error_set(err, ERROR_PARSE, "%s%s, line %d: %s", root_dir(root), path,
				error.line, error.text);
	struct run_record record = {0};
	status = plan_from_journal(json, &record.plan, err);
	json_decref(json);
	if (status < 0)
		return status;
	record.states = arena_alloc(arena, (record.plan->changes.n + 1) * sizeof *record.states);
	path = arena_printf(arena, RUNS_DIR "/%s/journal", run);
	struct error missing = {0};
	status = root_read(root, path, arena, &text, NULL, &missing);
	if (status < 0 && !is_absent(&missing)) {
		plan_free(record.plan);
		if (err)
			*err = missing;
		return status;
	}
	/* No journal yet: the run ended before its first change. */
	if (status == 0) {
		struct lines cursor = lines_start(text);
		struct line line;
		while (line_next(&cursor, &line))
			read_record(arena_strndup(arena, line.start, line.n), arena, &record);
	}
	*ret_record = record;
	return 0;
}
