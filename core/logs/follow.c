/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/logs/scan.h"
#include "pvegpu/base/process.h"
#include "pvegpu/base/root.h"
#include "pvegpu/base/text.h"

/*
 * Watching logs as tail -F does: a few times a second each file is looked at, and what was added is
 * read; one that was replaced or cut is read from its beginning. On a live host journalctl --follow
 * brings the journal. Of the index of tasks each new line names a task whose log is then read.
 */
#define INDEX "/var/log/pve/tasks/index"
enum { CHUNK = 64 * 1024, CHUNKS_MAX = 64, TICK_MS = 200 };

struct followed {
	const char *path;
	const struct root *root; /* NULL: a path of the person's */
	off_t offset;
	ino_t inode;
	bool index;
	struct text line; /* the index: a line that is not whole yet */
	struct reading reading;
};

/* Without a journal these are watched too. */
static const char *const system_logs[] = {"/var/log/kern.log", "/var/log/syslog"};
enum { SYSTEM_LOGS = sizeof system_logs / sizeof *system_logs, FOLLOWED = 1 + SYSTEM_LOGS };

struct follower {
	struct scan *scan;
	const struct root *root;
	struct followed files[FOLLOWED];
	size_t n;
	struct reading journal;
	struct timespec end; /* when `seconds` was given */
	bool ends;
	bool (*stop)(void *user);
	void *user;
};

static int open_followed(const struct followed *file, struct stat *ret_status)
{
	int fd = -1;
	return root_open_file(file->root, file->path, &fd, ret_status, NULL) < 0 ? -1 : fd;
}

static void add_file(
		struct follower *follower, const char *path, const struct root *root, bool index)
{
	struct followed *file = &follower->files[follower->n++];
	struct stat status;
	*file = (struct followed){.path = path, .root = root, .index = index};
	int fd = open_followed(file, &status);
	if (fd >= 0) {
		file->offset = status.st_size;
		file->inode = status.st_ino;
		(void)close(fd);
	}
	scan_begin(follower->scan, scan_add_source(follower->scan, path), &file->reading);
}

/* Whole lines of the index: "UPID ENDTIME STATUS". */
static void read_index_lines(struct follower *follower, struct followed *file)
{
	const char *data = text_string(&file->line);
	const char *newline = NULL;
	while ((newline = strchr(data, '\n')) != NULL) {
		char upid[256];
		size_t n = strcspn(data, " \n");
		if (n < sizeof upid) {
			memcpy(upid, data, n);
			upid[n] = '\0';
			(void)scan_task(follower->scan, follower->root, upid);
		}
		data = newline + 1;
	}
	struct text rest = {0};
	if (strlen(data) < CHUNK)
		text_add(&rest, data);
	text_free(&file->line);
	file->line = rest;
}

static void look_at_file(struct follower *follower, struct followed *file)
{
	struct stat status;
	char block[CHUNK];
	int fd = open_followed(file, &status);
	if (fd < 0)
		return;
	if (status.st_ino != file->inode || status.st_size < file->offset) {
		file->offset = 0;
		file->inode = status.st_ino;
	}
	for (int i = 0; i < CHUNKS_MAX; i++) {
		ssize_t n = pread(fd, block, sizeof block, file->offset);
		if (n <= 0)
			break;
		file->offset += n;
		if (file->index)
			text_add_bytes(&file->line, block, (size_t)n);
		else
			scan_bytes(&file->reading, block, (size_t)n);
	}
	(void)close(fd);
	if (file->index && file->line.n)
		read_index_lines(follower, file);
}

/* Look at all files; false when it is time to stop. */
static bool tick(struct follower *follower)
{
	for (size_t i = 0; i < follower->n; i++)
		look_at_file(follower, &follower->files[i]);
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	bool late = follower->ends &&
		    (now.tv_sec > follower->end.tv_sec ||
				    (now.tv_sec == follower->end.tv_sec &&
						    now.tv_nsec >= follower->end.tv_nsec));
	return !late && !(follower->stop && follower->stop(follower->user));
}

static bool take_journal(void *user, const char *bytes, size_t n)
{
	struct follower *follower = user;
	if (n)
		scan_bytes(&follower->journal, bytes, n);
	return tick(follower);
}

/* False when there is no journal to follow. */
static bool follow_journal(struct follower *follower)
{
	static const char *const argv[] = {"journalctl", "--quiet", "--no-pager", "--output=cat",
			"--follow", "--lines=0", NULL};
	struct process_result result;
	struct error error;
	struct log_source *source = scan_add_source(follower->scan, "journal");
	scan_begin(follower->scan, source, &follower->journal);
	int status = process_stream(follower->root, argv, 0, take_journal, follower,
			follower->scan->arena, &result, &error);
	scan_end(&follower->journal);
	if (status < 0)
		scan_say(follower->scan, source, "not followed: %s", error.text);
	return status == 0;
}

/* Standard input as it comes, to its end. */
static void follow_input(struct follower *follower)
{
	struct reading reading;
	scan_begin(follower->scan, scan_add_source(follower->scan, "standard input"), &reading);
	while (tick(follower)) {
		struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
		char block[CHUNK];
		if (poll(&input, 1, TICK_MS) <= 0)
			continue;
		ssize_t n = read(STDIN_FILENO, block, sizeof block);
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			break;
		if (n > 0)
			scan_bytes(&reading, block, (size_t)n);
	}
	scan_end(&reading);
}

static void watch_files(struct follower *follower)
{
	while (tick(follower))
		(void)nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000000L}, NULL);
}

int scan_follow(struct scan *scan, const struct root *root, const char *path, unsigned seconds,
		bool (*stop)(void *user), void *user, struct error *err)
{
	struct follower follower = {.scan = scan, .root = root, .stop = stop, .user = user};
	follower.ends = seconds > 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &follower.end);
	follower.end.tv_sec += seconds;
	if (path && strcmp(path, "-") == 0) {
		follow_input(&follower);
		return 0;
	}
	if (path) {
		int fd = -1;
		int opened = scan_open_log(path, &fd, err);
		if (opened < 0)
			return opened;
		(void)close(fd);
		add_file(&follower, path, NULL, false);
	} else {
		add_file(&follower, INDEX, root, true);
	}
	bool journal = !path && scan_has_journal(root, scan->arena) && follow_journal(&follower);
	for (size_t i = 0; !path && !journal && i < SYSTEM_LOGS; i++)
		add_file(&follower, system_logs[i], root, false);
	/* A journalctl that ended by itself leaves the tasks to be watched. */
	watch_files(&follower);
	for (size_t i = 0; i < follower.n; i++) {
		text_free(&follower.files[i].line);
		scan_end(&follower.files[i].reading);
	}
	return 0;
}
