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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Each stream's output is kept up to this; a command that says more has still run. */
enum { KEEP_MAX = 4 * 1024 * 1024 };

static const char *const directories[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin"};

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

/* Wait for the child's end, which may come after it closed its output; false on time-out. */
static bool reap(pid_t pid, long long deadline, int *ret_status, bool *ret_lost)
{
	for (;;) {
		pid_t ended = waitpid(pid, ret_status, WNOHANG);
		*ret_lost = ended < 0 && errno != EINTR;
		if (ended == pid || *ret_lost)
			return true;
		if (now_ms() >= deadline)
			return false;
		(void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
}

/* Read both pipes until the child has closed them; false on time-out. */
static bool pump(struct stream streams[2], long long deadline, process_line *line, void *user)
{
	while (streams[0].fd >= 0 || streams[1].fd >= 0) {
		struct pollfd polls[2];
		for (int i = 0; i < 2; i++)
			polls[i] = (struct pollfd){.fd = streams[i].fd, .events = POLLIN};
		long long left = deadline - now_ms();
		if (left <= 0)
			return false;
		if (poll(polls, 2, (int)left) < 0 && errno != EINTR)
			return false;
		for (int i = 0; i < 2; i++) {
			struct stream *stream = &streams[i];
			if (stream->fd < 0 || !polls[i].revents)
				continue;
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
	}
	return true;
}

static int spawn_child(const struct root *root, const char *path, const char *const *argv,
		const int out[2], const int error_out[2], pid_t *ret_pid)
{
	char *root_variable = NULL;
	if (asprintf(&root_variable, "PVEGPU_ROOT=%s", root_absolute(root)) < 0)
		abort();
	/* A known environment: messages in English, and nothing of the caller's that could change
	 * what a command does. The sample's scripts also see the variables that steer them. */
	static const char *const passed[] = {"PVEGPU_SAMPLE_FAST", "PVEGPU_SAMPLE_FAIL"};
	enum { OURS = 5, PASSED = sizeof passed / sizeof *passed };
	char *environment[OURS + PASSED + 1];
	size_t n = 0;
	environment[n++] =
			strdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	environment[n++] = strdup("LC_ALL=C.UTF-8");
	environment[n++] = strdup("HOME=/root");
	environment[n++] = strdup("TERM=dumb");
	if (root_kind(root) == ROOT_SAMPLE) {
		environment[n++] = strdup(root_variable);
		for (size_t i = 0; i < PASSED; i++) {
			const char *value = getenv(passed[i]); /* NOLINT(concurrency-mt-unsafe) */
			char *both = NULL;
			if (value && asprintf(&both, "%s=%s", passed[i], value) >= 0)
				environment[n++] = both;
		}
	}
	environment[n] = NULL;

	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	(void)posix_spawn_file_actions_adddup2(&actions, error_out[1], 2);
	(void)posix_spawn_file_actions_addchdir_np(&actions, "/");
	sigset_t all;
	(void)sigemptyset(&all);
	(void)posix_spawnattr_setsigmask(&attributes, &all);
	(void)sigfillset(&all);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	(void)posix_spawnattr_setpgroup(&attributes, 0);
	(void)posix_spawnattr_setflags(&attributes,
			POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	union {
		const char *const *in; /* cppcheck-suppress unusedStructMember */
		char *const *out;
	} arguments = {.in = argv}; /* posix_spawn() does not change them */
	int number = posix_spawn(ret_pid, path, &actions, &attributes, arguments.out, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attributes);
	free(root_variable);
	for (size_t i = 0; i < n; i++)
		free(environment[i]);
	return number;
}

/* The child with its two outputs as streams to read; on an error nothing is left open. */
static int start_child(const struct root *root, const char *path, const char *const *argv,
		struct stream ret_streams[2], pid_t *ret_pid, struct error *err)
{
	int out[2];
	int error_out[2];
	if (pipe2(out, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "cannot run '%s'", path);
	if (pipe2(error_out, O_CLOEXEC) < 0) {
		int number = errno;
		(void)close(out[0]);
		(void)close(out[1]);
		return error_set_errno(err, number, "cannot run '%s'", path);
	}
	int number = spawn_child(root, path, argv, out, error_out, ret_pid);
	(void)close(out[1]);
	(void)close(error_out[1]);
	if (number) {
		(void)close(out[0]);
		(void)close(error_out[0]);
		return error_set_errno(err, number, "cannot run '%s'", path);
	}
	ret_streams[0] = (struct stream){.fd = out[0]};
	ret_streams[1] = (struct stream){.fd = error_out[0], .standard_error = true};
	return 0;
}

static void close_streams(const struct stream streams[2])
{
	for (int i = 0; i < 2; i++)
		if (streams[i].fd >= 0)
			(void)close(streams[i].fd);
}

/* The child and what it started. */
static void kill_child(pid_t pid, int *ret_status)
{
	(void)kill(-pid, SIGKILL);
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		;
}

static int exit_status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int process_run(const struct root *root, const char *const *argv, int timeout_s, process_line *line,
		void *user, struct arena *arena, struct process_result *ret_result,
		struct error *err)
{
	if (root_kind(root) == ROOT_CAPTURED || root_kind(root) == ROOT_REMOTE)
		return error_set(err, ERROR_COMMAND,
				"'%s' was not run: no command is run in a captured tree", argv[0]);
	char *path = process_find(root, argv[0], arena);
	if (!path)
		return error_set(err, ERROR_COMMAND, "cannot find the command '%s'%s%s", argv[0],
				root_dir(root)[0] ? " in " : "", root_dir(root));
	if (root_kind(root) == ROOT_CHROOT) {
		/* chroot DIRECTORY /its/own/command argument ... */
		size_t n = 0;
		while (argv[n])
			n++;
		const char **entered = arena_alloc(arena, (n + 3) * sizeof *entered);
		entered[0] = "chroot";
		entered[1] = root_absolute(root);
		entered[2] = path;
		for (size_t i = 1; i < n; i++)
			entered[2 + i] = argv[i];
		argv = entered;
		path = arena_strdup(arena, "/usr/sbin/chroot");
	}
	struct stream streams[2] = {{.fd = -1}, {.fd = -1}};
	pid_t pid = -1;
	int started = start_child(root, path, argv, streams, &pid, err);
	if (started < 0)
		return started;
	long long deadline = now_ms() + timeout_s * 1000LL;
	int status = 0;
	bool lost = false;
	bool in_time = pump(streams, deadline, line, user) && reap(pid, deadline, &status, &lost);
	if (!in_time)
		kill_child(pid, &status);
	close_streams(streams);
	struct process_result result = {
			.exit_status = exit_status_of(status),
			.out = text_take(&streams[0].text, arena),
			.error_out = text_take(&streams[1].text, arena),
	};
	if (!in_time)
		return error_set(err, ERROR_COMMAND, "'%s' did not end within %d seconds", argv[0],
				timeout_s);
	if (lost) /* whether it worked is not known, and that is no success */
		return error_set(err, ERROR_COMMAND, "the exit status of '%s' was lost", argv[0]);
	*ret_result = result;
	return 0;
}

enum { ERROR_OUT_MAX = 16 * 1024, TICK_MS = 200 };

/* Hand out what comes until the child has closed its output; false: stop it. */
static bool hand_out(struct stream *out, struct stream *error_out, int timeout_s,
		process_bytes *bytes, void *user)
{
	const long long deadline = now_ms() + timeout_s * 1000LL;
	while (out->fd >= 0) {
		struct pollfd polls[2] = {{.fd = out->fd, .events = POLLIN},
				{.fd = error_out->fd, .events = POLLIN}};
		if (timeout_s && now_ms() >= deadline)
			return false;
		int ready = poll(polls, 2, TICK_MS);
		if (ready <= 0) {
			if ((ready < 0 && errno != EINTR) || !bytes(user, "", 0))
				return false;
			continue;
		}
		char buffer[16384];
		for (int i = 0; i < 2; i++) {
			struct stream *stream = i ? error_out : out;
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
	pid_t pid = -1;
	int started = start_child(root, path, argv, streams, &pid, err);
	if (started < 0)
		return started;
	int status = 0;
	bool lost = false;
	bool ended = hand_out(&streams[0], &streams[1], timeout_s, bytes, user) &&
		     reap(pid, now_ms() + 2000, &status, &lost);
	if (!ended)
		kill_child(pid, &status);
	close_streams(streams);
	*ret_result = (struct process_result){
			.exit_status = exit_status_of(status),
			.out = arena_strdup(arena, ""),
			.error_out = text_take(&streams[1].text, arena),
	};
	return 0;
}
