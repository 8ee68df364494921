/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_LOGS_LOGS_H
#define PVEGPU_LOGS_LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"
#include "pvegpu/base/root.h"
#include "pvegpu/logs/matcher.h"

/*
 * Reading logs for symptoms: a file a person names, or what a host has. Nothing is written.
 *
 *	struct scan *scan = symptoms_scan(NULL);
 *	scan_file(scan, "task.log", &error);    and/or    scan_host(scan, root);
 *	... scan->sources, scan->matches ...
 *	scan_free(scan);
 *
 * Time and memory are bounded whatever the logs are; what was not read is said in the source.
 * The scan owns all it gives.
 */
struct log_source {
	char *name;            /* a path as the person would name it, or "journal: kernel" … */
	uint64_t bytes, lines; /* that were read */
	char *not_read;        /* what was not and why; NULL: all was read */
	char *upid;            /* of a task's log; NULL otherwise */
	unsigned vmid;         /* the VM of that task; 0 none */
	unsigned long time;    /* when that task began */
	bool earlier_boot;     /* all of it is of a boot before this one */
	size_t boots;          /* how many begin in it */
};

enum { MATCH_TEXT = 512 };

/* What was found of one symptom: the line seen first, how often, and the line seen last. Sources
 * are read newest first. */
struct match {
	const struct symptom *symptom;
	const struct log_source *source;
	uint64_t line;         /* from 1, in what was read of the source */
	char text[MATCH_TEXT]; /* safe to print; cut at the end where longer */
	uint64_t count;
	const struct log_source *last_source;
	uint64_t last_line;
	char last_text[MATCH_TEXT];
	uint64_t earlier;        /* how many of `count` are known to be of a boot before this one */
	uint64_t here;           /* how many came last, in one source, since a boot began there */
	uint64_t in_tasks;       /* how many are in logs of tasks, which tell no boot */
	unsigned long task_time; /* when the newest of these tasks began */
};

/* Bounds; zero members take the default. */
struct scan_limits {
	uint64_t file_bytes;    /* of one file named by a person, unpacked: 256 MiB */
	uint64_t host_bytes;    /* of all system logs of a host together: 128 MiB, newest first */
	uint64_t task_bytes;    /* of all task logs together: 16 MiB */
	size_t task_logs;       /* their number: 200, newest first */
	uint64_t journal_bytes; /* of each part of the journal: 16 MiB */
	unsigned journal_lines; /* and its newest lines: 50 000 */
};

struct scan {
	struct arena *arena;
	struct scan_limits limits;
	struct matcher *matcher;
	struct list sources; /* of struct log_source, in the order read */
	struct list matches; /* of struct match, as first seen; see scan_sort() */
	/* Called at each new match of a symptom, or NULL; for those who follow a log. */
	void (*on_new)(void *user, const struct match *match);
	void *user;
};

/* Takes over the matcher; no limits: the defaults. */
struct scan *scan_new(struct matcher *matcher, const struct scan_limits *limits);
void scan_free(struct scan *scan); /* NULL is fine */

/* A file the person names, "-" for standard input; plain, gzip, xz or zstd. ERROR_IO when it cannot
 * be read at all. */
int scan_file(struct scan *scan, const char *path, struct error *err);
/* A text at hand. */
void scan_text(struct scan *scan, const char *name, const char *bytes, size_t n);
/* All the logs a host has: the journal of a live one, system logs, task logs. */
void scan_host(struct scan *scan, const struct root *root);
/* Only the log of one task, as when its start just failed; false when it is not there. */
bool scan_task(struct scan *scan, const struct root *root, const char *upid);

/* The most telling matches first: causes before what follows from them, errors before warnings,
 * what is no fault last. */
void scan_sort(struct scan *scan);
bool scan_has_read(const struct scan *scan);                                  /* any byte at all */
const struct match *scan_match(const struct scan *scan, const char *symptom); /* or NULL */

/*
 * Watch a host's logs, or one file where `path` is not NULL, until `stop` gives true or `seconds`
 * (0: for ever) have gone by. What is there already is not looked at; new matches go to on_new.
 */
int scan_follow(struct scan *scan, const struct root *root, const char *path, unsigned seconds,
		bool (*stop)(void *user), void *user, struct error *err);

#endif
