/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/internal.h"

enum { PATH_BYTES = 4096 };

struct root {
	int fd;
	enum root_kind kind;
	char *dir;         /* as given, "" for the live host */
	bool sandboxed;    /* ROOT_SAMPLE: its scripts run in a sandbox */
	char why_not[160]; /* no script is run; "" where there are none to run */
	char *real;        /* without links: what /proc/self/fd shows for files below it */
	root_seen *seen;   /* or NULL */
	void *seen_user;
	root_failed *failed; /* or NULL */
	void *failed_user;
};

int root_open(const char *dir, struct root **ret_root, struct error *err)
{
	bool live = !dir || strcmp(dir, "/") == 0;
	int fd = open(live ? "/" : dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "cannot open the root directory '%s'", dir);
	char *real = realpath(live ? "/" : dir, NULL);
	struct root *root = calloc(1, sizeof *root);
	char *copy = strdup(live ? "" : dir);
	if (!root || !copy || !real)
		abort(); /* see arena.h */
	size_t n = strlen(copy);
	while (n && copy[n - 1] == '/')
		copy[--n] = '\0';
	*root = (struct root){.fd = fd, .kind = ROOT_LIVE, .dir = copy, .real = real};
	if (!live && strcmp(real, "/") != 0)
		root->kind = ROOT_CAPTURED;
	*ret_root = root;
	return 0;
}

int root_run_scripts(struct root *root, struct error *err)
{
	if (root->kind != ROOT_CAPTURED || !root_exists(root, "/" ROOT_SAMPLE_MARK)) {
		(void)error_set(err, ERROR_USAGE,
				"'%s' is not a sample host, so no command is run there",
				root->kind == ROOT_LIVE ? "/" : root->dir);
		error_hint(err, "a sample host is a copy of tests/sample_host/root, with the file %s at its top",
				ROOT_SAMPLE_MARK);
		return ERROR_USAGE;
	}
	root->kind = ROOT_SAMPLE;
	return 0;
}

/* Is there a sandbox to be had on this machine? Tried to the end, but for the script. */
static bool sandbox_works(struct root *root)
{
	const struct launch trial = {.sandbox = root->real};
	const char *step = NULL;
	pid_t pid = -1;
	int number = geteuid() == 0 ? launch_sandboxed(&trial, &pid, &step) : EPERM;
	if (number == 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	else if (step)
		(void)snprintf(root->why_not, sizeof root->why_not,
				"a sample host's own scripts are run in a sandbox, and it cannot %s here (%s); "
				"without one with --run-scripts only",
				step, strerrordesc_np(number));
	else
		(void)snprintf(root->why_not, sizeof root->why_not,
				"a sample host's own scripts are run in a sandbox that only root can make; without one with --run-scripts only");
	return number == 0;
}

void root_sandbox_scripts(struct root *root)
{
	if (root->kind != ROOT_CAPTURED || !root_exists(root, "/" ROOT_SAMPLE_MARK))
		return;
	root->sandboxed = sandbox_works(root);
	if (root->sandboxed)
		root->kind = ROOT_SAMPLE;
}

bool root_is_sandboxed(const struct root *root)
{
	return root->sandboxed;
}

const char *root_why_no_scripts(const struct root *root)
{
	return root->why_not[0] ? root->why_not : NULL;
}

/* mkdir -p, each 0700. */
static int make_dirs(const char *dir, struct error *err)
{
	char *copy = strdup(dir);
	if (!copy)
		abort(); /* see arena.h */
	int status = 0;
	for (char *slash = strchr(copy + 1, '/'); status == 0; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			status = error_set_errno(
					err, errno, "cannot make the directory '%s'", copy);
		if (!slash)
			break;
		*slash = '/';
	}
	free(copy);
	return status;
}

int root_open_remote(const char *dir, struct root **ret_root, struct error *err)
{
	int status = make_dirs(dir, err);
	if (status == 0)
		status = root_open(dir, ret_root, err);
	if (status == 0)
		(*ret_root)->kind = ROOT_REMOTE;
	return status;
}

int root_read_own(const char *path, struct arena *arena, char **ret_text, struct error *err)
{
	enum { OWN_MAX = 64 * 1024 };
	char *text = NULL;
	size_t n = 0;
	int status = root_read(NULL, path, arena, &text, &n, err);
	if (status == 0 && (n >= OWN_MAX || strlen(text) != n))
		status = error_set(err, ERROR_PARSE, "'%s' is too long, or no text file", path);
	if (status == 0)
		*ret_text = text;
	return status;
}

static bool write_all(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t written = write(fd, text, n);
		if (written < 0 && errno != EINTR)
			return false;
		text += written > 0 ? written : 0;
		n -= written > 0 ? (size_t)written : 0;
	}
	return true;
}

int root_replace_own(const char *path, const char *text, struct error *err)
{
	struct arena *arena = arena_new();
	char *temporary = arena_printf(arena, "%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
	bool fine = fd >= 0 && write_all(fd, text, strlen(text)) && fsync(fd) == 0 &&
		    rename(temporary, path) == 0;
	int number = errno;
	if (fd >= 0) {
		(void)close(fd);
		if (!fine)
			(void)unlink(temporary);
	}
	arena_free(arena);
	return fine ? 0 : error_set_errno(err, number, "cannot write '%s'", path);
}

int root_write_own(const char *path, const char *text, struct error *err)
{
	struct arena *arena = arena_new();
	const char *slash = strrchr(path, '/');
	int status = slash && slash != path
				     ? make_dirs(arena_strndup(arena, path, (size_t)(slash - path)),
						       err)
				     : 0;
	if (status == 0)
		status = root_replace_own(path, text, err);
	arena_free(arena);
	return status;
}

void root_close(struct root *root)
{
	if (!root)
		return;
	(void)close(root->fd);
	free(root->dir);
	free(root->real);
	free(root);
}

int root_use_chroot(struct root *root, struct error *err)
{
	static const char *const needed[] = {"/proc/self", "/sys/class", "/dev/null"};
	if (root->kind == ROOT_LIVE)
		return error_set(err, ERROR_USAGE,
				"--chroot takes the directory where the host's root is mounted");
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		if (root_exists(root, needed[i]))
			continue;
		(void)error_set(err, ERROR_USAGE,
				"'%s%s' is not there, which the host's commands need", root->dir,
				needed[i]);
		error_hint(err,
				"for d in proc sys dev run; do mount --rbind /$d %s/$d; done; "
				"mount its /boot and /boot/efi too if they are apart",
				root->dir);
		return ERROR_USAGE;
	}
	struct arena *arena = arena_new();
	struct strings names = {0};
	bool kernels = false;
	(void)root_list(root, "/boot", arena, &names);
	for (size_t i = 0; i < names.n; i++)
		kernels = kernels || strncmp(names.item[i], "vmlinuz-", 8) == 0;
	arena_free(arena);
	if (!kernels) {
		(void)error_set(err, ERROR_USAGE, "'%s/boot' has no kernel: it is not mounted",
				root->dir);
		error_hint(err, "mount the host's /boot there first");
		return ERROR_USAGE;
	}
	root->kind = ROOT_CHROOT;
	return 0;
}

enum root_kind root_kind(const struct root *root)
{
	return root->kind;
}

bool root_is_complete(const struct root *root)
{
	return root->kind != ROOT_CAPTURED || root_exists(root, "/" ROOT_CAPTURE_MARK);
}

const char *root_dir(const struct root *root)
{
	return root->dir;
}

const char *root_absolute(const struct root *root)
{
	return root->kind == ROOT_LIVE ? "" : root->real;
}

enum { LINKS_MAX = 40 };

/* A path while it is resolved: the part that is done, and the rest that `at` points into. */
struct steps {
	char resolved[PATH_BYTES];
	char rest[PATH_BYTES];
	const char *at;
	int links;
};

/* Put a link's text before the rest. False with errno. */
static bool follow_link(struct steps *steps, const char *target)
{
	char joined[PATH_BYTES];
	int n = snprintf(joined, sizeof joined, "%s/%s", target, steps->at);
	if (++steps->links > LINKS_MAX || n >= PATH_BYTES) {
		errno = ELOOP;
		return false;
	}
	if (target[0] == '/')
		steps->resolved[0] = '\0';
	memcpy(steps->rest, joined, (size_t)n + 1);
	steps->at = steps->rest;
	return true;
}

/* Take the next part off the rest and apply it to what is resolved. False with errno. */
static bool resolve_part(int fd, struct steps *steps, bool follow_last)
{
	const char *part = steps->at + strspn(steps->at, "/");
	size_t n = strcspn(part, "/");
	steps->at = part + n;
	if (n == 0 || (n == 1 && part[0] == '.'))
		return true;
	if (n == 2 && part[0] == '.' && part[1] == '.') {
		char *slash = strrchr(steps->resolved, '/');
		*(slash ? slash : steps->resolved) = '\0';
		return true;
	}
	char joined[PATH_BYTES];
	char target[PATH_BYTES];
	int length = snprintf(joined, sizeof joined, "%s%s%.*s", steps->resolved,
			*steps->resolved ? "/" : "", (int)n, part);
	if (length >= PATH_BYTES) {
		errno = ENAMETOOLONG;
		return false;
	}
	bool last = steps->at[strspn(steps->at, "/")] == '\0';
	ssize_t size = -1;
	if (!last || follow_last)
		size = readlinkat(fd, joined, target, sizeof target - 1);
	if (size >= 0) {
		target[size] = '\0';
		return follow_link(steps, target);
	}
	/* No link: openat() will say if it is nothing at all. */
	memcpy(steps->resolved, joined, (size_t)length + 1);
	return true;
}

/* openat2(RESOLVE_IN_ROOT) by hand, for systems without that call (before Linux 5.6, and some
 * debuggers and sandboxes). Unlike the kernel's it is not safe against links that are changed
 * meanwhile. */
static int open_by_steps(const struct root *root, const char *path, int flags)
{
	struct steps steps = {0};
	if (snprintf(steps.rest, sizeof steps.rest, "%s", path) >= PATH_BYTES) {
		errno = ENAMETOOLONG;
		return -1;
	}
	steps.at = steps.rest;
	while (*steps.at)
		if (!resolve_part(root->fd, &steps, !(flags & O_NOFOLLOW)))
			return -1;
	return openat(root->fd, *steps.resolved ? steps.resolved : ".",
			flags | O_CLOEXEC | O_NOFOLLOW);
}

void root_watch(struct root *root, root_seen *seen, void *user)
{
	root->seen = seen;
	root->seen_user = user;
}

bool root_is_watched(const struct root *root)
{
	return root->seen != NULL;
}

void root_note(const struct root *root, const char *path, enum root_look look)
{
	if (root->seen)
		root->seen(root->seen_user, path, look);
}

struct root *root_view(const struct root *root, root_failed *failed, void *user)
{
	struct root *view = calloc(1, sizeof *view);
	if (!view)
		abort(); /* see arena.h */
	*view = *root;
	view->failed = failed;
	view->failed_user = user;
	return view;
}

void root_view_close(struct root *view)
{
	free(view); /* what it holds is the root's */
}

/* The path, or a directory above it, is a link that leads nowhere. One to /dev/null stands for an
 * empty file; of a captured tree links may be all that was kept. */
static bool is_dangling(const struct root *root, const char *path)
{
	struct root plain = *root;
	char part[PATH_BYTES];
	char target[16] = "";
	plain.seen = NULL;
	plain.failed = NULL;
	if (root->kind == ROOT_CAPTURED || snprintf(part, sizeof part, "%s", path) >= PATH_BYTES)
		return false;
	int fd = root_openat(&plain, part, O_PATH | O_NOFOLLOW);
	for (char *slash = strrchr(part, '/'); fd < 0 && slash && slash != part;
			slash = strrchr(part, '/')) {
		*slash = '\0';
		fd = root_openat(&plain, part, O_PATH | O_NOFOLLOW);
	}
	if (fd < 0)
		return false;
	ssize_t n = readlinkat(fd, "", target, sizeof target - 1);
	(void)close(fd);
	if (n <= 0 || strcmp(target, "/dev/null") == 0)
		return false;
	fd = root_openat(&plain, part, O_PATH);
	if (fd >= 0)
		(void)close(fd);
	return fd < 0;
}

void root_note_failure(const struct root *root, const char *path, int sys_errno)
{
	int number = errno;
	struct error error = {0};
	bool absent = sys_errno == ENOENT || sys_errno == ENOTDIR;
	if (root && root->failed && (!absent || is_dangling(root, path))) {
		(void)error_set_errno(&error, sys_errno, "cannot read '%s%s'", root->dir, path);
		if (absent)
			(void)error_set(&error, ERROR_IO, "'%s%s' is a link that leads nowhere",
					root->dir, path);
		root->failed(root->failed_user, path, &error);
	}
	errno = number;
}

int root_openat(const struct root *root, const char *path, int flags)
{
	root_note(root, path,
			(flags & O_PATH)        ? ROOT_LOOK_STAT
			: (flags & O_DIRECTORY) ? ROOT_LOOK_LIST
						: ROOT_LOOK_READ);
	if (root->kind == ROOT_LIVE && root->dir[0] == '\0') {
		int live = open(path, flags | O_CLOEXEC);
		if (live < 0)
			root_note_failure(root, path, errno);
		return live;
	}
	struct open_how how = {
			.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
			.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	/* openat2(2): EAGAIN when something, anywhere, was renamed while a ".." was resolved. */
	enum { TRIES = 64 };
	int fd = -1;
	for (int i = 0; i < TRIES; i++) {
		fd = (int)syscall(SYS_openat2, root->fd, path, &how, sizeof how);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	if (fd < 0 && (errno == ENOSYS || errno == EAGAIN))
		fd = open_by_steps(root, path, flags);
	if (fd < 0)
		root_note_failure(root, path, errno);
	return fd;
}

int root_stat(const struct root *root, const char *path, struct stat *ret_stat)
{
	int fd = root_openat(root, path, O_PATH);
	if (fd < 0)
		return -1;
	int status = fstat(fd, ret_stat);
	int number = errno;
	(void)close(fd);
	errno = number;
	return status;
}

bool root_leads(const struct root *root, const char *path)
{
	struct root plain = *root;
	plain.failed = NULL;
	return root_exists(&plain, path);
}

bool root_exists(const struct root *root, const char *path)
{
	int fd = root_openat(root, path, O_PATH);
	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

int root_presence(const struct root *root, const char *path)
{
	if (root_exists(root, path))
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
}

static int not_a_file(const struct root *root, const char *path, mode_t mode, struct error *err)
{
	const char *kind = S_ISDIR(mode)    ? "a directory"
			   : S_ISFIFO(mode) ? "a pipe"
			   : S_ISSOCK(mode) ? "a socket"
					    : "a device";
	(void)error_set(err, ERROR_IO, "cannot read '%s%s': it is %s, not a file",
			root ? root->dir : "", path, kind);
	if (err)
		err->sys_errno = S_ISDIR(mode) ? EISDIR : ESPIPE;
	return ERROR_IO;
}

int root_open_file(const struct root *root, const char *path, int *ret_fd, struct stat *ret_status,
		struct error *err)
{
	/* Without O_NONBLOCK the open of a pipe waits for somebody who writes. */
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat status = {0};
	int fd = root ? root_openat(root, path, flags) : open(path, flags);
	int number = errno;
	if (fd >= 0 && fstat(fd, &status) < 0)
		number = errno;
	/* A socket cannot be opened, nor a device that has no driver. */
	else if (fd < 0 && number == ENXIO)
		(void)(root ? root_stat(root, path, &status) : stat(path, &status));
	if (fd >= 0 && S_ISREG(status.st_mode)) {
		*ret_fd = fd;
		if (ret_status)
			*ret_status = status;
		return 0;
	}
	if (fd >= 0)
		(void)close(fd);
	/* /dev/null stands for an empty file that is left out on purpose. */
	if (root && status.st_mode && !(S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3)))
		root_note_failure(root, path, S_ISDIR(status.st_mode) ? EISDIR : ENODATA);
	return status.st_mode ? not_a_file(root, path, status.st_mode, err)
			      : error_set_errno(err, number, "cannot read '%s%s'",
						root ? root->dir : "", path);
}

int root_read(const struct root *root, const char *path, struct arena *arena, char **ret_text,
		size_t *ret_size, struct error *err)
{
	int fd = -1;
	struct stat status = {0};
	int opened = root_open_file(root, path, &fd, &status, err);
	if (opened < 0)
		return opened;
	/* What a person names is theirs to choose: a saved plan holds files before and after. */
	const size_t most = root ? ROOT_FILE_MAX : (size_t)ROOT_FILE_MAX * 16;
	/* Files of proc and sysfs say size 0 or 4096 whatever they hold: read to the end, or to the
	 * size, where it is that. */
	const size_t whole = status.st_size > 0 ? (size_t)status.st_size : most + 1;
	char small[8192];
	size_t capacity = sizeof small;
	char *buffer = small;
	if (status.st_size >= (off_t)sizeof small && (size_t)status.st_size < most) {
		capacity = (size_t)status.st_size + 1;
		buffer = arena_alloc(arena, capacity + 1);
	}
	size_t n = 0;
	ssize_t got = 0;
	while (n != whole && (got = read(fd, buffer + n, capacity - n)) > 0) {
		n += (size_t)got;
		if (n > most)
			break;
		if (n == capacity) {
			capacity *= 2;
			char *grown = arena_alloc(arena, capacity + 1);
			buffer = memcpy(grown, buffer, n);
		}
	}
	int number = errno;
	(void)close(fd);
	if (got < 0 || n > most) {
		root_note_failure(root, path, got < 0 ? number : EFBIG);
		return error_set_errno(err, got < 0 ? number : EFBIG, "cannot read '%s%s'",
				root ? root->dir : "", path);
	}
	*ret_text = buffer == small ? arena_memdup(arena, small, n) : buffer;
	(*ret_text)[n] = '\0';
	if (ret_size)
		*ret_size = n;
	return 0;
}

char *root_read_value(const struct root *root, const char *path, struct arena *arena)
{
	char *text = NULL;
	size_t n = 0;
	if (root_read(root, path, arena, &text, &n, NULL) < 0)
		return NULL;
	while (n && (text[n - 1] == '\n' || text[n - 1] == ' ' || text[n - 1] == '\r'))
		text[--n] = '\0';
	return text;
}

char *root_readlink(const struct root *root, const char *path, struct arena *arena)
{
	int fd = root_openat(root, path, O_PATH | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	char target[4096];
	ssize_t n = readlinkat(fd, "", target, sizeof target);
	(void)close(fd);
	if (n <= 0 || (size_t)n >= sizeof target)
		return NULL;
	return arena_memdup(arena, target, (size_t)n);
}

int root_read_dir(const struct root *root, const char *path, struct arena *arena,
		struct strings *ret_names, struct error *err)
{
	int fd = root_openat(root, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int number = errno;
	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return error_set_errno(err, number, "cannot list '%s%s'", root->dir, path);
	}
	struct strings names = {0};
	const struct dirent *entry = NULL;
	/* At the end and after an error it gives NULL; only errno tells them apart. One DIR is read
	 * by one thread here, which is what readdir() asks for. */
	errno = 0;
	while ((entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			strings_add(arena, &names, entry->d_name);
		errno = 0;
	}
	number = errno;
	(void)closedir(dir);
	if (number) {
		root_note_failure(root, path, number);
		return error_set_errno(err, number, "cannot list '%s%s'", root->dir, path);
	}
	strings_sort(&names);
	*ret_names = names;
	return 0;
}

bool root_list(const struct root *root, const char *path, struct arena *arena,
		struct strings *ret_names)
{
	return root_read_dir(root, path, arena, ret_names, NULL) == 0;
}

char *root_real_path(const struct root *root, const char *path, struct arena *arena)
{
	int fd = root_openat(root, path, O_PATH);
	if (fd < 0)
		return NULL;
	char link[64];
	char target[4096];
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, target, sizeof target - 1);
	int number = errno;
	(void)close(fd);
	errno = number;
	if (n <= 0)
		return NULL;
	target[n] = '\0';
	size_t skip = strcmp(root->real, "/") == 0 ? 0 : strlen(root->real);
	errno = EXDEV;
	if (strncmp(target, root->real, skip) != 0)
		return NULL;
	return arena_strdup(arena, target[skip] ? target + skip : "/");
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *status)
{
	int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return -1;
	int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			status->st_mode & 0777);
	if (to < 0) {
		(void)close(from);
		return -1;
	}
	char buffer[16384];
	ssize_t n = 0;
	while ((n = read(from, buffer, sizeof buffer)) > 0)
		if (write(to, buffer, (size_t)n) != n) {
			n = -1;
			break;
		}
	int number = errno;
	(void)close(from);
	if (close(to) < 0 && n >= 0)
		return -1;
	errno = number;
	return n < 0 ? -1 : 0;
}

static int copy_link(int from_dir, int to_dir, const char *name)
{
	char target[4096];
	ssize_t n = readlinkat(from_dir, name, target, sizeof target - 1);
	if (n < 0)
		return -1;
	target[n] = '\0';
	return symlinkat(target, to_dir, name);
}

/* Calls itself for each directory below; the depth is that of a tree we ship. */
static int copy_dir(int from_dir, int to_dir)
{
	DIR *dir = fdopendir(from_dir);
	if (!dir)
		return -1;
	int status = 0;
	const struct dirent *entry = NULL;
	while (status == 0 && (entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".keep") == 0)
			continue;
		struct stat info;
		if (fstatat(from_dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
			status = -1;
		} else if (S_ISLNK(info.st_mode)) {
			status = copy_link(from_dir, to_dir, name);
		} else if (S_ISREG(info.st_mode)) {
			status = copy_file(from_dir, to_dir, name, &info);
		} else if (S_ISDIR(info.st_mode)) {
			int below = -1;
			int made = mkdirat(to_dir, name, 0755);
			int source = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (made == 0 && source >= 0)
				below = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (below >= 0) {
				status = copy_dir(source, below); /* closes source */
				(void)close(below);
			} else {
				status = -1;
				if (source >= 0)
					(void)close(source);
			}
		}
	}
	int number = errno;
	(void)closedir(dir);
	errno = number;
	return status;
}

int root_copy_tree(const char *from, const char *to, struct error *err)
{
	int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source < 0)
		return error_set_errno(err, errno, "cannot open '%s'", from);
	int target = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target < 0) {
		int number = errno;
		(void)close(source);
		return error_set_errno(err, number, "cannot open '%s'", to);
	}
	int status = copy_dir(source, target);
	int number = errno;
	(void)close(target);
	if (status < 0)
		return error_set_errno(err, number, "cannot copy '%s' to '%s'", from, to);
	return 0;
}

int root_private_copy(const char *from, char **ret_dir, struct error *err)
{
	const char *parent = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe): read at start */
	char *dir = NULL;
	if (asprintf(&dir, "%s/pvegpu-demo.XXXXXX", parent && *parent ? parent : "/tmp") < 0)
		abort(); /* see arena.h */
	if (!mkdtemp(dir)) {
		int status = error_set_errno(err, errno, "cannot make the directory '%s'", dir);
		free(dir);
		return status;
	}
	int status = root_copy_tree(from, dir, err);
	if (status < 0) {
		(void)root_remove_tree(dir, NULL);
		free(dir);
		return status;
	}
	*ret_dir = dir;
	return 0;
}

static int remove_below(int fd)
{
	DIR *dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return -1;
	}
	int status = 0;
	const struct dirent *entry = NULL;
	while ((entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (unlinkat(fd, name, 0) == 0)
			continue;
		int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (below < 0 || remove_below(below) < 0 || unlinkat(fd, name, AT_REMOVEDIR) < 0)
			status = -1;
	}
	int number = errno;
	(void)closedir(dir);
	errno = number;
	return status;
}

int root_remove_tree(const char *dir, struct error *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || remove_below(fd) < 0 || rmdir(dir) < 0)
		return error_set_errno(err, errno, "cannot remove '%s'", dir);
	return 0;
}
