/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/logs/scan.h"
#include "pvegpu/base/root.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/upid.h"

/*
 * Task logs, newest first. Which tasks there were is read from the index that Proxmox VE keeps
 * ("UPID ENDTIME STATUS" a line, oldest first; PVE/RESTEnvironment.pm), not from the directories:
 * they may hold a hundred thousand files.
 */
#define TASKS "/var/log/pve/tasks"
enum { INDEX_MAX = 1024 * 1024, LISTED_MAX = 4096 };

/* Tasks that start, stop or change guests. */
static bool is_wanted(const struct upid *upid)
{
	static const char *const types[] = {"qm", "ha", "vzdump", "startall", "resume"};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (text_starts(upid->type, types[i]))
			return true;
	return false;
}

static void add_upid(struct arena *arena, struct strings *list, const char *text, size_t n)
{
	struct upid parsed;
	char *upid = arena_strndup(arena, text, n);
	if (upid_parse(arena, upid, &parsed) && is_wanted(&parsed) && !strings_has(list, upid))
		strings_add(arena, list, upid);
}

/* The end of the index, its last lines first; false when it cannot be read. */
static bool read_index(struct scan *scan, const struct root *root, const char *path, size_t max,
		struct strings *ret_upids, struct error *err)
{
	int fd = -1;
	struct stat status;
	if (root_open_file(root, path, &fd, &status, err) < 0)
		return false;
	off_t start = status.st_size > INDEX_MAX ? status.st_size - INDEX_MAX : 0;
	char *text = arena_alloc(scan->arena, INDEX_MAX + 1);
	ssize_t n = pread(fd, text, INDEX_MAX, start);
	if (n < 0)
		(void)error_set_errno(err, errno, "cannot read '%s'", path);
	(void)close(fd);
	if (n < 0)
		return false;
	const char *end = text + n;
	while (end > text && ret_upids->n < max) {
		if (end[-1] == '\n')
			end--;
		const char *newline = memrchr(text, '\n', (size_t)(end - text));
		const char *line = newline ? newline + 1 : text;
		const char *blank = memchr(line, ' ', (size_t)(end - line));
		add_upid(scan->arena, ret_upids, line, (size_t)((blank ? blank : end) - line));
		end = line;
	}
	return true;
}

/* Without an index: what the directories hold, up to a bound. */
static void list_directories(struct scan *scan, const struct root *root, struct strings *ret_upids,
		bool *ret_more)
{
	size_t seen = 0;
	for (const char *digit = "0123456789ABCDEF"; *digit; digit++) {
		int fd = root_openat(root, arena_printf(scan->arena, TASKS "/%c", *digit),
				O_RDONLY | O_DIRECTORY);
		DIR *dir = fd < 0 ? NULL : fdopendir(fd);
		if (!dir) {
			if (fd >= 0)
				(void)close(fd);
			continue;
		}
		const struct dirent *entry = NULL;
		/* One directory stream a thread, as readdir() needs. */
		/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
		for (size_t n = 0; (entry = readdir(dir)) != NULL && ++n <= LISTED_MAX / 16;)
			if (++seen)
				add_upid(scan->arena, ret_upids, entry->d_name,
						strlen(entry->d_name));
		*ret_more |= entry != NULL;
		(void)closedir(dir);
	}
}

/* UPID:NODE:PID:PSTART:STARTTIME:… by its start time, newest first. */
static int newer_first(const void *a, const void *b)
{
	const char *time[2] = {*(char *const *)a, *(char *const *)b};
	for (int i = 0; i < 2; i++)
		for (int colon = 0; colon < 4 && time[i]; colon++)
			time[i] = strchr(time[i] + 1, ':');
	return time[0] && time[1] ? strncmp(time[1], time[0], 9) : 0;
}

struct log_source *scan_task_source(struct scan *scan, const char *upid)
{
	struct arena *arena = scan->arena;
	struct upid parsed = {0};
	char *path = upid_log_path(arena, upid);
	struct log_source *source = scan_add_source(scan, path ? path : upid);
	unsigned long vmid = 0;
	source->upid = arena_strdup(arena, upid);
	if (upid_parse(arena, upid, &parsed)) {
		source->time = parsed.start_time;
		if (text_to_ulong(parsed.id, 10, 999999999, &vmid))
			source->vmid = (unsigned)vmid;
	}
	return source;
}

static bool read_task(struct scan *scan, const struct root *root, const char *upid, uint64_t max)
{
	char *path = upid_log_path(scan->arena, upid);
	struct error error = {0};
	int fd = -1;
	int opened = path ? root_open_file(root, path, &fd, NULL, &error) : ERROR_IO;
	if (opened < 0 && (!path || error.sys_errno == ENOENT))
		return false; /* rotated away; the index lives longer than the logs */
	struct log_source *source = scan_task_source(scan, upid);
	if (opened < 0) {
		scan_say(scan, source, "%s", error.text);
		return false;
	}
	scan_fd(scan, source, fd, max, true);
	return true;
}

bool scan_task(struct scan *scan, const struct root *root, const char *upid)
{
	return read_task(scan, root, upid, scan->limits.task_bytes);
}

void scan_tasks(struct scan *scan, const struct root *root)
{
	const size_t max = scan->limits.task_logs;
	struct strings upids = {0};
	bool more = false;
	struct error error = {0};
	(void)read_index(scan, root, TASKS "/active", max, &upids, NULL);
	bool indexed = read_index(scan, root, TASKS "/index", max + upids.n, &upids, &error);
	(void)read_index(scan, root, TASKS "/index.1", max + upids.n, &upids, NULL);
	if (!indexed && !root_exists(root, TASKS))
		return;
	if (!indexed) {
		struct log_source *source = scan_add_source(scan, TASKS "/index");
		scan_say(scan, source, "%s", error.text);
		list_directories(scan, root, &upids, &more);
		if (upids.n > 1)
			qsort(upids.item, upids.n, sizeof *upids.item, newer_first);
		if (more)
			scan_say(scan, source, "of the directories only a part was looked at");
	}
	uint64_t budget = scan->limits.task_bytes;
	size_t read = 0;
	for (size_t i = 0; i < upids.n && read < max && budget; i++) {
		if (!read_task(scan, root, upids.item[i], budget))
			continue;
		const struct log_source *source = scan->sources.item[scan->sources.n - 1];
		budget -= source->bytes < budget ? source->bytes : budget;
		read++;
	}
	if (read == max || !budget) {
		struct log_source *source = scan_add_source(scan, TASKS);
		scan_say(scan, source, "only the newest %zu task logs were read%s", read,
				budget ? "" : ", as many as their bound in bytes allows");
	}
}
