/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_BASE_INTERNAL_H
#define PVEGPU_CORE_BASE_INTERNAL_H

#include <spawn.h>
#include <sys/types.h>

/* All that posix_spawn() takes, made ready before a fork. */
struct launch {
	const char *path;
	char *const *argv;
	char *environment[8]; /* ends with NULL */
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	const char *sandbox; /* the tree that alone it may change (sandbox.c); NULL: no sandbox */
};

/* Start it, in its sandbox if it has one. What is called is safe between fork() and exec. 0 or an
 * errno. */
int launch_start(const struct launch *launch, pid_t *ret_pid);

/* keeper.c: start it as the child of a keeper (see process.h), whose number is given back: it is
 * the leader of their process group, and ends when the command does, with its exit status (128 +
 * the signal that ended it). 0 or an errno. */
int launch_kept(const struct launch *launch, int lock, pid_t *ret_keeper);

/* For a fork that only waits: close every descriptor but this one (-1: all). */
void launch_close_all(int kept);

/* sandbox.c: start it where it can change nothing but the tree `sandbox`: namespaces of its own,
 * all else read-only, no network, no named socket, no capability. What it leaves running ends with
 * it. Without a `path` the sandbox is only tried. Given back is the process that waits for it, the
 * leader of a session, which ends as it does (128 + the signal). 0 or an errno; `ret_step` (may be
 * NULL) is then what could not be done: "mount the tree apart". */
int launch_sandboxed(const struct launch *launch, pid_t *ret_pid, const char **ret_step);

#endif
