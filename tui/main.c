/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "tui/options.h"
#include "tui/say.h"

/* The three streams a caller may have closed are taken, so that no file that is opened later gets
 * the number of one, and with it what is printed. What is written to such a stream fails. */
static void take_streams(void)
{
	int fd = 0;
	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

/* What is freed is needed again soon: it is not given back to the kernel page by page, which then
 * hands it out page by page once more. A page costs more than what is written on it. */
static void keep_memory(void)
{
	enum { MIB = 1024 * 1024 };
	/* One thread so far, as it asks for. */
	(void)mallopt(M_TRIM_THRESHOLD, 64 * MIB); /* NOLINT(concurrency-mt-unsafe) */
	(void)mallopt(M_TOP_PAD, MIB / 4);         /* NOLINT(concurrency-mt-unsafe) */
}

int main(int argc, char **argv)
{
	struct options options;
	keep_memory();
	take_streams();
	/* A caller may have these ignored; the status of commands must not be lost, and a reader
	 * that goes away must not end a run in the middle. */
	(void)signal(SIGCHLD, SIG_DFL); /* NOLINT(cert-err33-c) */
	(void)signal(SIGPIPE, SIG_IGN); /* NOLINT(cert-err33-c) */
	int status = options_parse(argc, argv, &options);
	if (status != 0)
		return status;
	bool changes = command_changes(options.command);
	say_begin(changes || options.follow);
	status = command_run(&options);
	goal_free(options.goal);
	return say_end(changes, status);
}
