/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/internal.h"

/*
 * The keeper: a fork of this program that does nothing but hold the lock until a command has ended.
 * It goes on when this program is killed, so that nobody else begins beside the command; and as the
 * command itself does not have the lock, what that leaves running in the background does not hold
 * it. After the fork there may be locks of other threads that nobody will ever open: only what is
 * safe in a signal handler is called, and posix_spawn(), which allocates nothing.
 */

void launch_close_all(int kept)
{
	enum { OLD_MOST = 1024 };
	/* CLOEXEC does not matter: nothing is executed here any more */
	if (kept > 0)
		kept = dup2(kept, 0);
	if (syscall(SYS_close_range, kept + 1, ~0U, 0) == 0)
		return;
	for (int fd = kept + 1; fd < OLD_MOST; fd++) /* before Linux 5.9 */
		(void)close(fd);
}

int launch_start(const struct launch *launch, pid_t *ret_pid)
{
	if (launch->sandbox)
		return launch_sandboxed(launch, ret_pid, NULL);
	return posix_spawn(ret_pid, launch->path, &launch->actions, &launch->attributes,
			launch->argv, launch->environment);
}

static int keep(const struct launch *launch, int lock, int report)
{
	pid_t pid = -1;
	(void)setpgid(0, 0);
	int number = launch_start(launch, &pid);
	ssize_t told = write(report, &number, sizeof number);
	if (number || told != (ssize_t)sizeof number)
		return 127;
	/* neither a terminal nor a pipe somebody waits on the end of */
	launch_close_all(lock);
	int status = 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What the keeper says of the start; ECHILD when it says nothing. */
static int hear(int report, pid_t keeper)
{
	int number = 0;
	ssize_t n = 0;
	while ((n = read(report, &number, sizeof number)) < 0 && errno == EINTR)
		;
	if (n == (ssize_t)sizeof number && !number)
		return 0;
	if (n != (ssize_t)sizeof number)
		number = ECHILD;
	(void)kill(-keeper, SIGKILL);
	while (waitpid(keeper, NULL, 0) < 0 && errno == EINTR)
		;
	return number;
}

int launch_kept(const struct launch *launch, int lock, pid_t *ret_keeper)
{
	int report[2];
	if (pipe2(report, O_CLOEXEC) < 0)
		return errno;
	/* No signal of a terminal or of a group ends the keeper before its command. */
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t keeper = fork();
	int number = errno;
	if (keeper == 0)
		_exit(keep(launch, lock, report[1]));
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)close(report[1]);
	if (keeper > 0) {
		(void)setpgid(keeper, keeper); /* whoever comes first */
		number = hear(report[0], keeper);
	}
	(void)close(report[0]);
	if (number == 0 || keeper > 0)
		*ret_keeper = keeper;
	return number;
}
