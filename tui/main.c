/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>

#include "tui/options.h"

int main(int argc, char **argv)
{
	struct options options;
	/* A caller may have these ignored; the status of commands must not be lost, and a reader
	 * that goes away must not end a run in the middle. */
	(void)signal(SIGCHLD, SIG_DFL); /* NOLINT(cert-err33-c) */
	(void)signal(SIGPIPE, SIG_IGN); /* NOLINT(cert-err33-c) */
	int status = options_parse(argc, argv, &options);
	if (status != 0)
		return status;
	status = command_run(&options);
	goal_free(options.goal);
	/* A report that did not arrive whole must not look like one that did. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fputs("pvegpu: standard output could not be written\n", stderr);
		return EXIT_NO_HOST;
	}
	return status;
}
