/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/apply/internal.h"

/* A path taken apart where it really is: links followed inside the root, so that what is written
 * is the file behind a link and never the link. */
struct place {
	int dir;
	char *name;
};

static int open_place(const struct root *root, const char *path, struct arena *arena,
		struct place *ret_place, struct error *err)
{
	char *real = root_real_path(root, path, arena);
	if (!real)
		real = arena_strdup(arena, path);
	char *slash = strrchr(real, '/');
	if (!slash || !slash[1]) {
		(void)error_set(err, ERROR_USAGE, "'%s' is no file's path", path);
		return ERROR_USAGE;
	}
	char *dir = arena_strndup(arena, real, (size_t)(slash - real));
	int fd = root_openat(root, *dir ? dir : "/", O_RDONLY | O_DIRECTORY);
	if (fd < 0) {
		(void)error_set_errno(err, errno, "cannot open the directory of '%s%s'",
				root_dir(root), path);
		return ERROR_IO;
	}
	*ret_place = (struct place){.dir = fd, .name = arena_strdup(arena, slash + 1)};
	return 0;
}

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t done = write(fd, bytes, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Extended attributes, access control lists among them. Where the file system has none there is
 * nothing to keep. */
static int copy_attributes(int from, int to)
{
	char names[4096];
	ssize_t n = flistxattr(from, names, sizeof names);
	if (n < 0)
		return errno == ENOTSUP ? 0 : -1;
	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		char value[16384];
		ssize_t size = fgetxattr(from, name, value, sizeof value);
		if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0) < 0)
			return -1;
	}
	return 0;
}

/* Give the new file the owner, mode and attributes of the one it replaces. */
static int copy_metadata(int dir, const char *name, int to, mode_t mode)
{
	int from = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (from < 0)
		return errno == ENOENT ? fchmod(to, mode) : -1;
	struct stat status;
	int failed = fstat(from, &status) < 0 || fchown(to, status.st_uid, status.st_gid) < 0 ||
		     fchmod(to, status.st_mode & 07777) < 0 || copy_attributes(from, to) < 0;
	int number = errno;
	(void)close(from);
	errno = number;
	return failed ? -1 : 0;
}

/* The file that becomes the new one. Its name is always the same, so that a run after one that was
 * killed finds it; only the holder of the lock writes. */
static bool temporary_name(const struct place *place, char *buffer, size_t size)
{
	return snprintf(buffer, size, ".%s.pvegpu-new", place->name) < (int)size;
}

static int replace_in(const struct place *place, const char *bytes, size_t n, mode_t mode)
{
	char temporary[300];
	if (!temporary_name(place, temporary, sizeof temporary)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	(void)unlinkat(place->dir, temporary, 0);
	int fd = openat(place->dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			0600);
	if (fd < 0)
		return -1;
	int failed = write_all(fd, bytes, n) < 0 ||
		     copy_metadata(place->dir, place->name, fd, mode) < 0 || fsync(fd) < 0;
	int number = errno;
	if (close(fd) < 0 && !failed) {
		failed = 1;
		number = errno;
	}
	if (!failed && renameat(place->dir, temporary, place->dir, place->name) < 0) {
		failed = 1;
		number = errno;
	}
	if (failed) {
		(void)unlinkat(place->dir, temporary, 0);
		errno = number;
		return -1;
	}
	return fsync(place->dir);
}

int file_replace(const struct root *root, const char *path, const char *bytes, size_t n,
		mode_t mode, struct error *err)
{
	struct arena *arena = arena_new();
	struct place place = {.dir = -1};
	int status = open_place(root, path, arena, &place, err);
	if (status == 0) {
		if (replace_in(&place, bytes, n, mode) < 0)
			status = error_set_errno(
					err, errno, "cannot write '%s%s'", root_dir(root), path);
		(void)close(place.dir);
	}
	arena_free(arena);
	return status;
}

void file_clean(const struct root *root, const char *path)
{
	struct arena *arena = arena_new();
	struct place place = {.dir = -1};
	if (open_place(root, path, arena, &place, NULL) == 0) {
		char temporary[300];
		if (temporary_name(&place, temporary, sizeof temporary))
			(void)unlinkat(place.dir, temporary, 0);
		(void)close(place.dir);
	}
	arena_free(arena);
}

int file_remove(const struct root *root, const char *path, struct error *err)
{
	struct arena *arena = arena_new();
	struct place place = {.dir = -1};
	int status = open_place(root, path, arena, &place, err);
	if (status == 0) {
		if (unlinkat(place.dir, place.name, 0) < 0 || fsync(place.dir) < 0)
			status = error_set_errno(
					err, errno, "cannot remove '%s%s'", root_dir(root), path);
		(void)close(place.dir);
	}
	arena_free(arena);
	return status;
}

int file_make_dirs(const struct root *root, const char *path, mode_t mode, struct error *err)
{
	struct arena *arena = arena_new();
	int status = 0;
	for (size_t n = 1; status == 0 && n <= strlen(path); n++) {
		if (path[n] != '/' && path[n] != '\0')
			continue;
		char *dir = arena_strndup(arena, path, n);
		if (root_exists(root, dir))
			continue;
		struct place place = {.dir = -1};
		status = open_place(root, dir, arena, &place, err);
		if (status < 0)
			break;
		if ((mkdirat(place.dir, place.name, mode) < 0 && errno != EEXIST) ||
				fsync(place.dir) < 0)
			status = error_set_errno(err, errno, "cannot make the directory '%s%s'",
					root_dir(root), dir);
		(void)close(place.dir);
	}
	arena_free(arena);
	return status;
}

/* A file that something is mounted on (a bind mount) cannot be replaced by rename(2). */
int file_check_mount(const struct root *root, const char *path, struct error *err)
{
	struct arena *arena = arena_new();
	struct place place = {.dir = -1};
	int status = 0;
	if (root_exists(root, path) && open_place(root, path, arena, &place, NULL) == 0) {
		struct statx file;
		struct statx dir;
		unsigned mask = STATX_MNT_ID;
		bool known = statx(place.dir, place.name, AT_SYMLINK_NOFOLLOW, mask, &file) == 0 &&
			     statx(place.dir, "", AT_EMPTY_PATH, mask, &dir) == 0 &&
			     (file.stx_mask & mask) && (dir.stx_mask & mask);
		if (known && file.stx_mnt_id != dir.stx_mnt_id) {
			(void)error_set(err, ERROR_REFUSED,
					"'%s%s' is a mount of its own, so it cannot be replaced",
					root_dir(root), path);
			error_hint(err, "change the file that is mounted there instead");
			status = ERROR_REFUSED;
		}
		(void)close(place.dir);
	}
	arena_free(arena);
	return status;
}

int file_remove_dir(const struct root *root, const char *path)
{
	struct arena *arena = arena_new();
	struct place place = {.dir = -1};
	int status = open_place(root, path, arena, &place, NULL);
	if (status == 0) {
		status = unlinkat(place.dir, place.name, AT_REMOVEDIR);
		(void)close(place.dir);
	}
	arena_free(arena);
	return status;
}

int file_check_room(const struct root *root, const char *path, size_t bytes, struct error *err)
{
	struct arena *arena = arena_new();
	char *dir = arena_strdup(arena, path);
	int fd = -1;
	while (fd < 0) {
		char *slash = strrchr(dir, '/');
		if (!slash)
			break;
		fd = root_openat(root, dir[0] ? dir : "/", O_RDONLY | O_DIRECTORY);
		if (slash == dir && fd < 0) {
			fd = root_openat(root, "/", O_RDONLY | O_DIRECTORY);
			break;
		}
		if (fd < 0)
			*slash = '\0';
	}
	arena_free(arena);
	struct statvfs room;
	if (fd < 0 || fstatvfs(fd, &room) < 0) {
		int number = errno;
		if (fd >= 0)
			(void)close(fd);
		return error_set_errno(
				err, number, "cannot see the room at '%s%s'", root_dir(root), path);
	}
	(void)close(fd);
	if (room.f_flag & ST_RDONLY)
		return error_set_errno(
				err, EROFS, "cannot write below '%s%s'", root_dir(root), path);
	/* Blocks and two spare ones for directories; file systems without a count say 0 of 0. */
	if (room.f_blocks && room.f_bavail * room.f_frsize < bytes + 2 * room.f_bsize)
		return error_set_errno(err, ENOSPC, "no room below '%s%s' for %zu bytes",
				root_dir(root), path, bytes);
	return 0;
}

int file_hash(const struct root *root, const char *path, char ret_hex[SHA256_HEX],
		struct error *err)
{
	struct arena *arena = arena_new();
	char *text = NULL;
	size_t size = 0;
	struct error error;
	int status = root_read(root, path, arena, &text, &size, &error);
	if (status == 0) {
		hash_sha256(text, size, ret_hex);
	} else if (error.sys_errno == ENOENT) {
		ret_hex[0] = '\0';
		status = 0;
	} else if (err) {
		*err = error;
	}
	arena_free(arena);
	return status;
}
