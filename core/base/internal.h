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
};

/* keeper.c: start it as the child of a keeper (see process.h), whose number is given back: it is
 * the leader of their process group, and ends when the command does, with its exit status (128 +
 * the signal that ended it). 0 or an errno. */
int launch_kept(const struct launch *launch, int lock, pid_t *ret_keeper);

#endif
