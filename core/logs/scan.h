/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_LOGS_SCAN_H
#define PVEGPU_CORE_LOGS_SCAN_H

#include "pvegpu/logs/logs.h"

/* What the files of the log reader share. */

/* A source that is being read. */
struct reading {
	struct scan *scan;
	struct log_source *source;
	struct matcher_stream stream;
};

struct log_source *scan_add_source(struct scan *scan, const char *name);
void scan_begin(struct scan *scan, struct log_source *source, struct reading *ret_reading);
void scan_bytes(struct reading *reading, const char *bytes, size_t n);
void scan_end(struct reading *reading);

/* Read an open file to its end, unpacking where it is packed, at most `max` bytes; of a longer
 * plain file that can be sought the last `max` where `tail` is set. Closes fd. */
void scan_fd(struct scan *scan, struct log_source *source, int fd, uint64_t max, bool tail);
/* A log that a person names, not "-": refused where it is no regular file, with what to do. */
int scan_open_log(const char *path, int *ret_fd, struct error *err);

/* Say that something was not read, after what was said before. */
__attribute__((format(printf, 3, 4))) void scan_say(
		struct scan *scan, struct log_source *source, const char *format, ...);

/* journal.c */
bool scan_has_journal(const struct root *root, struct arena *arena);
bool scan_journal(struct scan *scan, const struct root *root); /* false: there is none */
/* tasks.c */
void scan_tasks(struct scan *scan, const struct root *root);
struct log_source *scan_task_source(struct scan *scan, const char *upid);
/* Bytes as people say them: "16 MiB". */
char *scan_size(struct arena *arena, uint64_t bytes);

#endif
