/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_MODPROBE_CONF_H
#define PVEGPU_FORMATS_MODPROBE_CONF_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"

/*
 * Files of /etc/modprobe.d (modprobe.d(5)): one command a line, # starts a comment line, a
 * backslash at the end of a line continues it.
 */
struct modprobe_entry {
	char *command;        /* options, blacklist, softdep, install, remove, alias */
	char *module;         /* the first argument */
	struct strings words; /* the other arguments */
	const char *file;
	size_t line; /* where the command starts, from 1 */
};

/* Add the entries of one file to `entries` (of struct modprobe_entry), in order. */
void modprobe_conf_parse(
		struct arena *arena, const char *file, const char *text, struct list *entries);

/* The value of a module's option as modprobe hands it to the kernel: options of several lines are
 * joined in order, and for a plain parameter the last one wins. NULL when it is not set.
 * `ret_entry`, if not NULL, is where that value stands. */
const char *modprobe_option(const struct list *entries, const char *module, const char *option,
		const struct modprobe_entry **ret_entry);
/* The text without the command that starts in `line`, or, with `word`, without that word of it; a
 * command that has no argument left goes whole. Every other byte stays. */
char *modprobe_conf_drop(struct arena *arena, const char *text, size_t line, const char *word);
bool modprobe_blacklisted(const struct list *entries, const char *module);
/* True when `softdep module pre: … before` is there. */
bool modprobe_softdep_pre(const struct list *entries, const char *module, const char *before);

#endif
