/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_OPTIONS_H
#define PVEGPU_TUI_OPTIONS_H

#include <stdbool.h>

#include "pvegpu/plan/goal.h"

/* Exit status of the program, as the README lists it. */
enum { EXIT_FINE = 0, EXIT_ATTENTION = 1, EXIT_USAGE = 2, EXIT_NO_HOST = 3, EXIT_APPLY = 4 };

enum command {
	COMMAND_WIZARD,
	COMMAND_AUDIT,
	COMMAND_PLAN,
	COMMAND_APPLY,
	COMMAND_ROLLBACK,
	COMMAND_HISTORY,
	COMMAND_CAPTURE,
	COMMAND_DEMO,
	COMMAND_DOCTOR,
	COMMAND_HELP,
	COMMAND_VERSION
};

struct options {
	enum command command;
	const char *root; /* NULL: the live host */
	const char *api;  /* the API of a remote host, or NULL */
	const char *token_file, *user, *fingerprint, *ca_file, *node; /* of --api; or NULL */
	bool chroot; /* rollback: run the host's own commands in a chroot there */
	bool json, no_color, yes, list, reboot, comments, no_comments;
	const char *out;           /* of plan */
	bool prometheus;           /* --format prometheus, of audit */
	struct strings only;       /* of audit: steps and checks; in the goal's arena */
	const char *since;         /* of audit: the file of an earlier one, or NULL */
	const char *operand;       /* PLAN of apply, RUN of rollback, FILE of capture; NULL none */
	const char *log, *symptom; /* of doctor */
	bool follow;
	unsigned seconds; /* 0: until interrupted */
	struct goal *goal;
	const char *goal_given; /* options of the goal were given: their names, for a message */
};

/* Read the command line. Returns 0, or EXIT_USAGE after saying on standard error what is wrong. */
int options_parse(int argc, char **argv, struct options *ret_options);
void options_help(void); /* to standard output */

/* commands.c: each returns the exit status. */
int command_run(const struct options *options);
int run_capture(const struct options *options); /* capture_command.c */

#endif
