/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_OPTIONS_H
#define PVEGPU_TUI_OPTIONS_H

#include <stdbool.h>

#include "pvegpu/cluster/tofu.h"
#include "pvegpu/goal/goal.h"

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
	COMMAND_EXPORT,
	COMMAND_HELP,
	COMMAND_VERSION
};

struct options {
	enum command command;
	enum command help_of; /* of COMMAND_HELP: the command, or COMMAND_WIZARD for all */
	const char *root;     /* NULL: the live host */
	const char *api;      /* the API of a remote host, or NULL */
	const char *token_file, *user, *fingerprint, *ca_file, *node,
			*proxy; /* of --api; or NULL */
	bool run_scripts;       /* of a sample host, with root */
	bool chroot;            /* rollback: run the host's own commands in a chroot there */
	bool json, no_color, yes, list, reboot, comments, no_comments;
	const char *out;           /* of plan */
	bool prometheus;           /* --format prometheus, of audit */
	struct strings only;       /* of audit: steps and checks; in the goal's arena */
	const char *since;         /* of audit: the file of an earlier one, or NULL */
	const char *operand;       /* as command_rows[].operand says; NULL none */
	const char *log, *symptom; /* of doctor */
	bool follow;
	struct tofu_source workers; /* of the goal, or nothing */
	struct tofu_options tofu;   /* of export */
	unsigned seconds;           /* 0: until interrupted */
	struct goal *goal;
	const char *goal_given; /* the last option of the goal that was given, or NULL */
};

/* A command: its name on the command line, NULL of the wizard's. */
struct command_row {
	const char *name;
	enum command command;
	const char *operand; /* what --help calls it; NULL: it takes none */
	const char *help;
};
extern const struct command_row command_rows[]; /* ends with help NULL */

/* What options are about; the parts of --help. */
enum option_group {
	GROUP_GENERAL,
	GROUP_REMOTE, /* of --api: makes no sense without it */
	GROUP_GOAL,
	GROUP_DOCTOR,
	GROUP_CHANGES
};

/*
 * An option: one row of the table in options.c, and nothing elsewhere. `take` stores it; rows of
 * FLAG(member) and TEXT(member) need no function of their own.
 */
struct option_row {
	const char *name;
	const char *argument; /* what --help calls it; NULL: it takes none */
	enum option_group group;
	unsigned commands; /* that take it: a bit for each enum command */
	int (*take)(struct options *options, const struct option_row *row, const char *argument);
	size_t offset;                    /* of the member that it sets, or 0 */
	const struct goal_choice *choice; /* NULL: it is no yes or no of the goal */
	const char *help;
};
/* All rows: the fixed ones, then yes and no of each choice that is no argument of another option.
 * The arena's. */
struct option_row *options_rows(
		struct arena *arena, const struct goal_choice *choices, size_t *ret_n);

/* Read the command line. Returns 0, or EXIT_USAGE after saying on standard error what is wrong. */
int options_parse(int argc, char **argv, struct options *ret_options);

/* It may change the host: its exit status is about that. */
bool command_changes(enum command command);

int command_run(const struct options *options); /* cli/run.c; returns the exit status */

#endif
