/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

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
	/* A link that cannot be followed now must not be taken for the file itself. */
	if (!real && errno != ENOENT && errno != ENOTDIR) {
		(void)error_set_errno(err, errno, "cannot find '%s%s'", root_dir(root), path);
		return ERROR_IO;
	}
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
		int there = root_presence(root, dir);
		if (there > 0)
			continue;
		if (there < 0) {
			status = error_set_errno(err, errno, "cannot see the directory '%s%s'",
					root_dir(root), dir);
			break;
		}
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

/* The same for a file that may not be there, nor its directory: the nearest directory that is. The
 * name is NULL where that is not the file's own. */
static int open_nearest(const struct root *root, const char *path, struct arena *arena,
		struct place *ret_place, struct error *err)
{
	if (open_place(root, path, arena, ret_place, NULL) == 0)
		return 0;
	char *dir = arena_strdup(arena, path);
	for (char *slash = strrchr(dir, '/'); slash; slash = strrchr(dir, '/')) {
		*slash = '\0';
		*ret_place = (struct place){
				.dir = root_openat(root, *dir ? dir : "/", O_RDONLY | O_DIRECTORY)};
		if (ret_place->dir >= 0)
			return 0;
	}
	return error_set_errno(err, errno, "cannot see the room at '%s%s'", root_dir(root), path);
}

/* A file that something is mounted on (a bind mount) cannot be replaced by rename(2). */
static int check_mount(const struct statx *file, const struct statx *dir, const char *shown,
		struct error *err)
{
	if (!(file->stx_mask & dir->stx_mask & STATX_MNT_ID) || file->stx_mnt_id == dir->stx_mnt_id)
		return 0;
	(void)error_set(err, ERROR_REFUSED, "'%s' is a mount of its own, so it cannot be replaced",
			shown);
	error_hint(err, "change the file that is mounted there instead");
	return ERROR_REFUSED;
}

/* chattr(1): what must not change, or only grow, cannot be replaced nor get or lose a name. */
static int check_attributes(
		const struct statx *status, const char *what, const char *shown, struct error *err)
{
	unsigned long long set = status->stx_attributes & status->stx_attributes_mask;
	const char *name = (set & STATX_ATTR_IMMUTABLE) ? "i"
			   : (set & STATX_ATTR_APPEND)  ? "a"
							: NULL;
	if (!name)
		return 0;
	(void)error_set(err, ERROR_REFUSED,
			"%s'%s' has the attribute %s (%s), so it cannot be changed", what, shown,
			name, *name == 'i' ? "immutable" : "append only");
	error_hint(err, "somebody wanted it so. To take it away: chattr -%s %s%s", name,
			*what ? "the directory of " : "", shown);
	return ERROR_REFUSED;
}

static int check_room(int dir, size_t bytes, const char *shown, struct error *err)
{
	struct statvfs room;
	if (fstatvfs(dir, &room) < 0)
		return error_set_errno(err, errno, "cannot see the room at '%s'", shown);
	if (room.f_flag & ST_RDONLY)
		return error_set_errno(err, EROFS, "cannot write below '%s'", shown);
	/* Blocks and two spare ones for directories; file systems without a count say 0 of 0. */
	if (room.f_blocks && room.f_bavail * room.f_frsize < bytes + 2 * room.f_bsize)
		return error_set_errno(
				err, ENOSPC, "no room below '%s' for %zu bytes", shown, bytes);
	if (faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return error_set_errno(err, errno, "cannot write below '%s'", shown);
	return 0;
}

int file_check_place(const struct root *root, const char *path, size_t bytes, struct error *err)
{
	struct arena *arena = arena_new();
	struct place place = {.dir = -1};
	int status = open_nearest(root, path, arena, &place, err);
	if (status < 0) {
		arena_free(arena);
		return status;
	}
	const char *shown = arena_printf(arena, "%s%s", root_dir(root), path);
	struct statx dir = {0};
	struct statx file = {0};
	const unsigned mask = STATX_MNT_ID;
	if (statx(place.dir, "", AT_EMPTY_PATH, mask, &dir) < 0)
		status = error_set_errno(err, errno, "cannot see the room at '%s'", shown);
	if (status == 0 && place.name &&
			statx(place.dir, place.name, AT_SYMLINK_NOFOLLOW, mask, &file) == 0) {
		status = check_mount(&file, &dir, shown, err);
		if (status == 0)
			status = check_attributes(&file, "", shown, err);
	}
	if (status == 0)
		status = check_attributes(&dir, "the directory of ", shown, err);
	if (status == 0)
		status = check_room(place.dir, bytes, shown, err);
	(void)close(place.dir);
	arena_free(arena);
	return status;
}

int file_remove_dir(const struct root *root, const char *path, struct error *err)
{
	int there = root_presence(root, path);
	if (there == 0)
		return 0;
	if (there < 0)
		return error_set_errno(err, errno, "cannot see the directory '%s%s'",
				root_dir(root), path);
	struct arena *arena = arena_new();
	struct place place = {.dir = -1};
	int status = open_place(root, path, arena, &place, err);
	if (status == 0) {
		/* Somebody else has put something into it, or mounted something there: it stays. */
		if (unlinkat(place.dir, place.name, AT_REMOVEDIR) < 0) {
			if (errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY &&
					errno != ENOENT)
				status = error_set_errno(err, errno,
						"cannot remove the directory '%s%s'",
						root_dir(root), path);
		} else if (fsync(place.dir) < 0) {
			status = error_set_errno(err, errno, "cannot remove the directory '%s%s'",
					root_dir(root), path);
		}
		(void)close(place.dir);
	}
	arena_free(arena);
	return status;
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

int file_write_attribute(
		const struct root *root, const char *path, const char *value, struct error *err)
{
	char line[4096]; /* sysfs takes a page at most */
	int n = snprintf(line, sizeof line, "%s\n", value);
	if (n >= (int)sizeof line)
		return error_set_errno(err, EINVAL, "cannot write '%s%s'", root_dir(root), path);
	int fd = root_openat(root, path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NOCTTY);
	ssize_t done = fd < 0 ? -1 : write(fd, line, (size_t)n);
	int number = done < 0 ? errno : EIO;
	if (fd >= 0 && close(fd) < 0 && done == n) {
		number = errno;
		done = -1;
	}
	return done == n ? 0
			 : error_set_errno(err, number, "cannot write '%s' to '%s%s'", value,
					   root_dir(root), path);
}
