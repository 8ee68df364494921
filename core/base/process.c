/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/internal.h"

/* Each stream's output is kept up to this; a command that says more has still run. */
enum { KEEP_MAX = 4 * 1024 * 1024 };

/* What is not of Debian itself (tofu, kubectl) comes last, and takes the place of nothing. */
static const char *const directories[] = {
		"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"};

char *process_find(const struct root *root, const char *name, struct arena *arena)
{
	if (root_kind(root) == ROOT_CAPTURED || root_kind(root) == ROOT_REMOTE || strchr(name, '/'))
		return NULL;
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		char *path = arena_printf(arena, "%s/%s", directories[i], name);
		struct stat status;
		if (root_stat(root, path, &status) < 0 || !S_ISREG(status.st_mode) ||
				!(status.st_mode & 0111))
			continue;
		/* Links are followed inside the root here: run by its own path, an absolute link
		 * in a tree would lead out of it. */
		if (root_kind(root) == ROOT_SAMPLE)
			path = root_real_path(root, path, arena);
		if (root_kind(root) == ROOT_CHROOT)
			return path;
		return path ? arena_printf(arena, "%s%s", root_absolute(root), path) : NULL;
	}
	return NULL;
}

struct stream {
	int fd;
	bool standard_error;
	size_t seen; /* bytes already handed out as lines */
	off_t at;    /* of a file that is followed: read up to here */
	struct text text;
};

static void hand_out_lines(struct stream *stream, process_line *line, void *user, bool last)
{
	const char *data = text_string(&stream->text);
	while (line && stream->seen < stream->text.n) {
		const char *start = data + stream->seen;
		const char *newline = memchr(start, '\n', stream->text.n - stream->seen);
		if (!newline && !last)
			return;
		size_t n = newline ? (size_t)(newline - start) : stream->text.n - stream->seen;
		char buffer[1024];
		size_t shown = n < sizeof buffer ? n : sizeof buffer - 1;
		memcpy(buffer, start, shown);
		while (shown && buffer[shown - 1] == '\r')
			shown--;
		buffer[shown] = '\0';
		line(user, buffer, stream->standard_error);
		stream->seen += n + (newline ? 1 : 0);
	}
}

static long long now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int exit_status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct child {
	pid_t pid;
	int handle; /* a pidfd, to be woken by its end; -1 where there is none (before Linux 5.3) */
	int status; /* as of waitpid(), once it has ended */
	bool ended;
	bool lost; /* how it ended is not known */
};

static struct child child_of(pid_t pid)
{
	return (struct child){.pid = pid, .handle = (int)syscall(SYS_pidfd_open, pid, 0)};
}

/* Has it ended by now? */
static bool look_at(struct child *child)
{
	if (child->ended)
		return true;
	pid_t ended = waitpid(child->pid, &child->status, WNOHANG);
	child->lost = ended < 0 && errno != EINTR;
	child->ended = ended == child->pid || child->lost;
	return child->ended;
}

/* Wait until it has ended or `deadline` has come; false: it has not. */
static bool wait_for_end(struct child *child, long long deadline)
{
	while (!look_at(child)) {
		if (now_ms() >= deadline)
			return false;
		(void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	return true;
}

/* The child and what it started. One that the kernel does not let go of, in the read of a device
 * that is gone, is not waited for. */
static void kill_child(struct child *child)
{
	(void)kill(-child->pid, SIGKILL);
	if (!wait_for_end(child, now_ms() + 5000))
		child->status = SIGKILL;
	child->ended = true;
}

static void close_child(const struct child *child, const struct stream streams[2])
{
	if (child->handle >= 0)
		(void)close(child->handle);
	for (int i = 0; i < 2; i++)
		if (streams[i].fd >= 0)
			(void)close(streams[i].fd);
}

static void read_stream(struct stream *stream, process_line *line, void *user)
{
	char buffer[4096];
	ssize_t n = read(stream->fd, buffer, sizeof buffer);
	if (n > 0) {
		if (stream->text.n < KEEP_MAX)
			text_add_bytes(&stream->text, buffer, (size_t)n);
	} else if (n == 0 || errno != EINTR) {
		(void)close(stream->fd);
		stream->fd = -1;
	}
	hand_out_lines(stream, line, user, stream->fd < 0);
}

/* What a command left running may hold its pipes open for good: after its end they are read for no
 * longer than this. Without a pidfd its end is looked for this often. */
enum { AFTER_END_MS = 300, LOOK_MS = 20 };

/* poll(2), which a kernel short of memory refuses (ENOMEM): then a moment is waited instead, for a
 * command of the host is not to be killed in its middle for that. */
static void wait_for(struct pollfd *polls, nfds_t n, int ms)
{
	if (poll(polls, n, ms) >= 0 || errno == EINTR)
		return;
	for (nfds_t i = 0; i < n; i++)
		polls[i].revents = 0;
	const struct timespec moment = {.tv_nsec = (ms < LOOK_MS ? ms : LOOK_MS) * 1000000L};
	(void)nanosleep(&moment, NULL);
}

/* Read both pipes until the child has ended; false on time-out. It is the child that is waited for,
 * not the end of its output. */
static bool pump(struct child *child, struct stream streams[2], long long deadline,
		process_line *line, void *user)
{
	for (;;) {
		bool ended = child->ended;
		if (look_at(child) && !ended)
			deadline = now_ms() + AFTER_END_MS;
		long long left = deadline - now_ms();
		if (left <= 0 || (child->ended && streams[0].fd < 0 && streams[1].fd < 0))
			break;
		struct pollfd polls[3] = {{.fd = streams[0].fd, .events = POLLIN},
				{.fd = streams[1].fd, .events = POLLIN},
				{.fd = child->ended ? -1 : child->handle, .events = POLLIN}};
		if (!child->ended && child->handle < 0 && left > LOOK_MS)
			left = LOOK_MS;
		wait_for(polls, 3, (int)left);
		for (int i = 0; i < 2; i++)
			if (streams[i].fd >= 0 && polls[i].revents)
				read_stream(&streams[i], line, user);
	}
	for (int i = 0; i < 2; i++)
		hand_out_lines(&streams[i], line, user, true);
	return child->ended;
}

/* A known environment: messages in English, and nothing of the caller's that could change what a
 * command does. The sample's scripts also see the variables that steer them. */
static void make_environment(const struct root *root, char *environment[8])
{
	static const char *const fixed[] = {
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"LC_ALL=C.UTF-8", "HOME=/root", "TERM=dumb"};
	static const char *const passed[] = {"PVEGPU_SAMPLE_FAST", "PVEGPU_SAMPLE_FAIL"};
	size_t n = 0;
	for (size_t i = 0; i < 4; i++)
		environment[n++] = strdup(fixed[i]);
	if (root_kind(root) == ROOT_SAMPLE) {
		if (asprintf(&environment[n++], "PVEGPU_ROOT=%s", root_absolute(root)) < 0)
			abort();
		for (size_t i = 0; i < 2; i++) {
			const char *value = getenv(passed[i]); /* NOLINT(concurrency-mt-unsafe) */
			char *both = NULL;
			if (value && asprintf(&both, "%s=%s", passed[i], value) >= 0)
				environment[n++] = both;
		}
	}
	environment[n] = NULL;
}

/* All that posix_spawn() takes, for a child with its outputs at `out` and `error_out`. */
static void launch_prepare(struct launch *launch, const struct root *root, const char *path,
		const char *const *argv, int out, int error_out, bool own_group)
{
	union {
		const char *const *in; /* cppcheck-suppress unusedStructMember */
		char *const *out;
	} arguments = {.in = argv}; /* posix_spawn() does not change them */
	*launch = (struct launch){.path = path, .argv = arguments.out};
	if (root_is_sandboxed(root))
		launch->sandbox = root_absolute(root);
	make_environment(root, launch->environment);
	(void)posix_spawn_file_actions_init(&launch->actions);
	(void)posix_spawnattr_init(&launch->attributes);
	(void)posix_spawn_file_actions_addopen(&launch->actions, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&launch->actions, out, 1);
	(void)posix_spawn_file_actions_adddup2(&launch->actions, error_out, 2);
	(void)posix_spawn_file_actions_addchdir_np(&launch->actions, "/");
	sigset_t all;
	(void)sigemptyset(&all);
	(void)posix_spawnattr_setsigmask(&launch->attributes, &all);
	(void)sigfillset(&all);
	(void)posix_spawnattr_setsigdefault(&launch->attributes, &all);
	(void)posix_spawnattr_setpgroup(&launch->attributes, 0);
	int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	if (own_group)
		flags |= POSIX_SPAWN_SETPGROUP;
	(void)posix_spawnattr_setflags(&launch->attributes, (short)flags);
}

static void launch_free(struct launch *launch)
{
	(void)posix_spawn_file_actions_destroy(&launch->actions);
	(void)posix_spawnattr_destroy(&launch->attributes);
	for (size_t i = 0; launch->environment[i]; i++)
		free(launch->environment[i]);
}

/* The child with its two outputs as streams to read; on an error nothing is left open. */
static int start_child(const struct root *root, const char *path, const char *const *argv,
		struct stream ret_streams[2], struct child *ret_child, struct error *err)
{
	int out[2];
	int error_out[2];
	pid_t pid = -1;
	if (pipe2(out, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "cannot run '%s'", path);
	if (pipe2(error_out, O_CLOEXEC) < 0) {
		int number = errno;
		(void)close(out[0]);
		(void)close(out[1]);
		return error_set_errno(err, number, "cannot run '%s'", path);
	}
	struct launch launch;
	launch_prepare(&launch, root, path, argv, out[1], error_out[1], true);
	int number = launch_start(&launch, &pid);
	launch_free(&launch);
	(void)close(out[1]);
	(void)close(error_out[1]);
	if (number) {
		(void)close(out[0]);
		(void)close(error_out[0]);
		return error_set_errno(err, number, "cannot run '%s'", path);
	}
	ret_streams[0] = (struct stream){.fd = out[0]};
	ret_streams[1] = (struct stream){.fd = error_out[0], .standard_error = true};
	*ret_child = child_of(pid);
	return 0;
}

const char *process_why_not(const struct root *root)
{
	const char *why = root_why_no_scripts(root);
	return why ? why : "no command is run in a captured tree";
}

/* What is to be run: a file's path, and in a chroot the arguments that lead into it. */
static int find_program(const struct root *root, const char *const **argv, struct arena *arena,
		char **ret_path, struct error *err)
{
	const char *name = (*argv)[0];
	if (root_kind(root) == ROOT_CAPTURED || root_kind(root) == ROOT_REMOTE)
		return error_set(err, ERROR_COMMAND, "'%s' was not run: %s", name,
				process_why_not(root));
	char *path = process_find(root, name, arena);
	if (!path)
		return error_set(err, ERROR_COMMAND, "cannot find the command '%s'%s%s", name,
				root_dir(root)[0] ? " in " : "", root_dir(root));
	if (root_kind(root) == ROOT_CHROOT) {
		/* chroot DIRECTORY /its/own/command argument ... */
		size_t n = 0;
		while ((*argv)[n])
			n++;
		const char **entered = arena_alloc(arena, (n + 3) * sizeof *entered);
		entered[0] = "chroot";
		entered[1] = root_absolute(root);
		entered[2] = path;
		for (size_t i = 1; i < n; i++)
			entered[2 + i] = (*argv)[i];
		*argv = entered;
		path = arena_strdup(arena, "/usr/sbin/chroot");
	}
	*ret_path = path;
	return 0;
}

/* The result, or why there is none. */
static int finish(const char *name, int timeout_s, struct child *child, bool in_time,
		struct stream streams[2], struct arena *arena, struct process_result *ret_result,
		struct error *err)
{
	if (!in_time)
		kill_child(child);
	close_child(child, streams);
	struct process_result result = {
			.exit_status = exit_status_of(child->status),
			.out = text_take(&streams[0].text, arena),
			.error_out = text_take(&streams[1].text, arena),
	};
	if (!in_time)
		return error_set(err, ERROR_COMMAND, "'%s' did not end within %d seconds", name,
				timeout_s);
	if (child->lost) /* whether it worked is not known, and that is no success */
		return error_set(err, ERROR_COMMAND, "the exit status of '%s' was lost", name);
	*ret_result = result;
	return 0;
}

int process_run(const struct root *root, const char *const *argv, int timeout_s, process_line *line,
		void *user, struct arena *arena, struct process_result *ret_result,
		struct error *err)
{
	struct stream streams[2] = {{.fd = -1}, {.fd = -1}};
	struct child child = {.handle = -1};
	const char *name = argv[0];
	char *path = NULL;
	int status = find_program(root, &argv, arena, &path, err);
	if (status == 0 && path)
		status = start_child(root, path, argv, streams, &child, err);
	if (status < 0)
		return status;
	bool in_time = pump(&child, streams, now_ms() + timeout_s * 1000LL, line, user);
	return finish(name, timeout_s, &child, in_time, streams, arena, ret_result, err);
}

/* Hand out what a command has written to its files since. */
static void follow(struct stream *stream, process_line *line, void *user, bool last)
{
	char buffer[4096];
	ssize_t n = 0;
	while ((n = pread(stream->fd, buffer, sizeof buffer, stream->at)) > 0) {
		stream->at += n;
		if (stream->text.n < KEEP_MAX)
			text_add_bytes(&stream->text, buffer, (size_t)n);
	}
	hand_out_lines(stream, line, user, last);
}

/* Two streams to be followed: the keep's file for both, or files without a name. */
static int open_kept(const struct process_keep *keep, struct stream streams[2])
{
	if (keep->output >= 0) {
		streams[0].fd = fcntl(keep->output, F_DUPFD_CLOEXEC, 0);
		streams[0].at = lseek(keep->output, 0, SEEK_END);
		return streams[0].fd < 0 || streams[0].at < 0 ? -1 : 0;
	}
	for (int i = 0; i < 2; i++) {
		streams[i] = (struct stream){.standard_error = i == 1};
		streams[i].fd = memfd_create("pvegpu", MFD_CLOEXEC);
		if (streams[i].fd < 0)
			return -1;
	}
	return 0;
}

static bool follow_to_end(struct child *child, struct stream streams[2], long long deadline,
		process_line *line, void *user)
{
	for (;;) {
		bool ended = look_at(child);
		for (int i = 0; i < 2; i++)
			if (streams[i].fd >= 0)
				follow(&streams[i], line, user, ended);
		if (ended)
			return true;
		struct pollfd handle = {.fd = child->handle, .events = POLLIN};
		if (now_ms() >= deadline)
			return false;
		wait_for(&handle, 1, LOOK_MS);
	}
}

int process_run_kept(const struct root *root, const char *const *argv, int timeout_s,
		const struct process_keep *keep, process_line *line, void *user,
		struct arena *arena, struct process_result *ret_result, struct error *err)
{
	if (!keep || keep->lock < 0)
		return process_run(root, argv, timeout_s, line, user, arena, ret_result, err);
	struct stream streams[2] = {{.fd = -1}, {.fd = -1}};
	struct child child = {.handle = -1};
	const char *name = argv[0];
	char *path = NULL;
	int status = find_program(root, &argv, arena, &path, err);
	if (status < 0 || !path)
		return status;
	int number = open_kept(keep, streams) < 0 ? errno : 0;
	if (!number) {
		struct launch launch;
		int second = streams[1].fd >= 0 ? streams[1].fd : streams[0].fd;
		launch_prepare(&launch, root, path, argv, streams[0].fd, second, false);
		number = launch_kept(&launch, keep->lock, &child.pid);
		launch_free(&launch);
	}
	if (number) {
		close_child(&child, streams);
		return error_set_errno(err, number, "cannot run '%s'", path);
	}
	child = child_of(child.pid);
	bool in_time = follow_to_end(&child, streams, now_ms() + timeout_s * 1000LL, line, user);
	return finish(name, timeout_s, &child, in_time, streams, arena, ret_result, err);
}

enum { ERROR_OUT_MAX = 16 * 1024, TICK_MS = 200 };

/* Hand out what comes until the child has closed its output, or has ended and nothing comes any
 * more; false: stop it. */
static bool hand_out(struct child *child, struct stream streams[2], int timeout_s,
		process_bytes *bytes, void *user)
{
	const long long deadline = now_ms() + timeout_s * 1000LL;
	while (streams[0].fd >= 0) {
		struct pollfd polls[2] = {{.fd = streams[0].fd, .events = POLLIN},
				{.fd = streams[1].fd, .events = POLLIN}};
		if (timeout_s && now_ms() >= deadline)
			return false;
		int ready = poll(polls, 2, TICK_MS);
		if (ready == 0 && look_at(child))
			return true;
		if (ready <= 0) {
			if ((ready < 0 && errno != EINTR) || !bytes(user, "", 0))
				return false;
			continue;
		}
		char buffer[16384];
		for (int i = 0; i < 2; i++) {
			struct stream *stream = &streams[i];
			if (stream->fd < 0 || !polls[i].revents)
				continue;
			ssize_t n = read(stream->fd, buffer, sizeof buffer);
			if (n == 0 || (n < 0 && errno != EINTR)) {
				(void)close(stream->fd);
				stream->fd = -1;
			} else if (n > 0 && i && stream->text.n < ERROR_OUT_MAX) {
				text_add_bytes(&stream->text, buffer, (size_t)n);
			} else if (n > 0 && !i && !bytes(user, buffer, (size_t)n)) {
				return false;
			}
		}
	}
	return true;
}

int process_stream(const struct root *root, const char *const *argv, int timeout_s,
		process_bytes *bytes, void *user, struct arena *arena,
		struct process_result *ret_result, struct error *err)
{
	char *path = root_kind(root) == ROOT_CHROOT ? NULL : process_find(root, argv[0], arena);
	if (!path)
		return error_set(err, ERROR_COMMAND, "cannot find the command '%s'", argv[0]);
	struct stream streams[2] = {{.fd = -1}, {.fd = -1}};
	struct child child = {.handle = -1};
	int started = start_child(root, path, argv, streams, &child, err);
	if (started < 0)
		return started;
	if (!hand_out(&child, streams, timeout_s, bytes, user) ||
			!wait_for_end(&child, now_ms() + 2000))
		kill_child(&child);
	close_child(&child, streams);
	*ret_result = (struct process_result){
			.exit_status = exit_status_of(child.status),
			.out = arena_strdup(arena, ""),
			.error_out = text_take(&streams[1].text, arena),
	};
	return 0;
}
