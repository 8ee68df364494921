/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_PROCESS_H
#define PVEGPU_BASE_PROCESS_H

#include <stdbool.h>

#include "pvegpu/base/error.h"
#include "pvegpu/base/root.h"
#include "pvegpu/base/text.h"

/*
 * Commands of the host, by argument vector: no shell is ever involved.
 *
 * argv[0] is a bare name ("update-grub"). On the live host it is looked up in the system
 * directories; in a sample tree (see root_run_scripts()) only that tree's own script is run, by its
 * path, with PVEGPU_ROOT=DIR in the environment and, after root_sandbox_scripts(), in a sandbox; in
 * a captured tree nothing is run at all.
 */

/* One line of output, without its end; `standard_error` tells which stream. */
typedef void process_line(void *user, const char *line, bool standard_error);

/* The file that would be run, owned by `arena`, or NULL. */
char *process_find(const struct root *root, const char *name, struct arena *arena);

struct process_result {
	int exit_status; /* 0..255, or 128 + the signal that ended it */
	char *out;       /* standard output, owned by the arena given */
	char *error_out; /* standard error */
};

/* Why nothing is run in a tree without commands: in words, for a person. */
const char *process_why_not(const struct root *root);

/*
 * Run to the end: the command's own, whatever it leaves running behind it. Lines are handed to
 * `line` (may be NULL) as they come and kept in the result. The child gets no standard input, a C
 * locale and its own process group; after `timeout_s` seconds the group is killed and ERROR_COMMAND
 * is returned. A non-zero exit status is no error here: the caller judges it.
 */
int process_run(const struct root *root, const char *const *argv, int timeout_s, process_line *line,
		void *user, struct arena *arena, struct process_result *ret_result,
		struct error *err);

/*
 * The same for a command that changes the host. It may not be cut off, nor another begin beside it,
 * when this program is killed: it writes to files and never to a pipe that nobody reads any more,
 * and `lock` (a descriptor with flock(2)) stays open in a small process of its own until the
 * command has ended. The command does not get the lock, so what it leaves running does not hold it.
 * Without a keep, or a lock in it, this is process_run().
 */
struct process_keep {
	int lock;   /* -1: none */
	int output; /* a file opened for reading and appending that gets both streams, which the
		       result then has in `out`; -1: none, and they are apart */
};
int process_run_kept(const struct root *root, const char *const *argv, int timeout_s,
		const struct process_keep *keep, process_line *line, void *user,
		struct arena *arena, struct process_result *ret_result, struct error *err);

/*
 * Run and hand standard output to `bytes` as it comes, keeping none of it. With `n` 0 it is called
 * five times a second while nothing comes. When it gives false, or after `timeout_s` seconds (0:
 * never), the process group is killed, and that is no error; `exit_status` is then 128 + SIGKILL.
 * The result's `out` is empty.
 */
typedef bool process_bytes(void *user, const char *bytes, size_t n);

int process_stream(const struct root *root, const char *const *argv, int timeout_s,
		process_bytes *bytes, void *user, struct arena *arena,
		struct process_result *ret_result, struct error *err);

#endif
