/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/capture/internal.h"
#include "pvegpu/base/library.h"
#include "pvegpu/base/text.h"

/* A capture as a .tar.gz, and back. */

static int archive_failed(const struct archive_api *library, struct archive *archive,
		const char *path, struct error *err)
{
	const char *why = library->error_string(archive);
	return error_set(err, ERROR_IO, "cannot write '%s': %s", path, why ? why : "unknown");
}

static int write_item(const struct archive_api *library, struct archive *archive,
		const struct capture_item *item, const char *path, struct error *err)
{
	struct archive_entry *entry = library->entry_new();
	const char *name = item->path + strspn(item->path, "/");
	if (!*name) {
		library->entry_free(entry);
		return 0;
	}
	library->entry_set_pathname(entry, name);
	library->entry_set_filetype(entry, item->target ? AE_IFLNK
					   : item->text ? AE_IFREG
							: AE_IFDIR);
	library->entry_set_perm(entry, item->text && !item->executable ? 0644 : 0755);
	if (item->target)
		library->entry_set_symlink(entry, item->target);
	library->entry_set_size(entry, item->text && !item->target ? (la_int64_t)item->n : 0);
	int status = library->write_header(archive, entry) < ARCHIVE_WARN
				     ? archive_failed(library, archive, path, err)
				     : 0;
	if (status == 0 && item->text && !item->target && item->n &&
			library->write_data(archive, item->text, item->n) != (la_ssize_t)item->n)
		status = archive_failed(library, archive, path, err);
	library->entry_free(entry);
	return status;
}

int capture_write(const struct capture *capture, const char *path, struct error *err)
{
	struct archive_api api;
	const struct archive_api *library = &api;
	int status = archive_load(&api, err);
	if (status < 0)
		return status;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "cannot make '%s'", path);
	struct archive *archive = library->write_new();
	if (!archive)
		abort(); /* see arena.h */
	if (library->write_add_filter_gzip(archive) != ARCHIVE_OK ||
			library->write_set_format_pax_restricted(archive) != ARCHIVE_OK ||
			library->write_open_fd(archive, fd) != ARCHIVE_OK)
		status = archive_failed(library, archive, path, err);
	for (size_t i = 0; status == 0 && i < capture->items.n; i++)
		status = write_item(library, archive, capture->items.item[i], path, err);
	if (status == 0 && library->write_close(archive) != ARCHIVE_OK)
		status = archive_failed(library, archive, path, err);
	(void)library->write_free(archive);
	if (status == 0 && fsync(fd) < 0)
		status = error_set_errno(err, errno, "cannot write '%s'", path);
	(void)close(fd);
	if (status < 0)
		(void)unlink(path);
	return status;
}

/* One entry below `dir`, which nothing gets out of: only plain files, directories and links, no
 * "..", and nothing through a link that the archive made itself. */
static int unpack_entry(const struct archive_api *library, struct archive *archive,
		struct archive *disk, struct archive_entry *entry, const char *dir, size_t *bytes)
{
	enum { UNPACKED_MAX = 512 << 20 };
	struct text path = {0};
	mode_t type = library->entry_filetype(entry);
	const char *name = library->entry_pathname(entry);
	if (!name || (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK) ||
			library->entry_hardlink(entry))
		return 0;
	/* The mark of a tree whose own scripts may be run (root.h): never from an archive. */
	if (strstr(name, ROOT_SAMPLE_MARK))
		return 0;
	*bytes += (size_t)(library->entry_size(entry) > 0 ? library->entry_size(entry) : 0);
	if (*bytes > UNPACKED_MAX)
		return -1;
	text_addf(&path, "%s/%s", dir, name + strspn(name, "/"));
	library->entry_set_pathname(entry, text_string(&path));
	bool runs = library->entry_perm(entry) & 0100;
	library->entry_set_perm(entry, type == AE_IFDIR || runs ? 0755 : 0644);
	text_free(&path);
	if (library->write_header(disk, entry) < ARCHIVE_WARN)
		return -1;
	const void *block = NULL;
	size_t size = 0;
	la_int64_t offset = 0;
	while (library->read_data_block(archive, &block, &size, &offset) == ARCHIVE_OK)
		if (library->write_data_block(disk, block, size, offset) < 0)
			return -1;
	return library->write_finish_entry(disk) < ARCHIVE_WARN ? -1 : 0;
}

static int unpack_all(const struct archive_api *library, struct archive *archive, const char *path,
		const char *dir, struct error *err)
{
	enum { ENTRIES_MAX = 200000 };
	struct archive *disk = library->write_disk_new();
	struct archive_entry *entry = NULL;
	size_t bytes = 0;
	size_t entries = 0;
	int status = 0;
	if (!disk)
		abort(); /* see arena.h */
	(void)library->write_disk_set_options(
			disk, ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_SYMLINKS);
	int got = 0;
	while (status == 0 && (got = library->read_next_header(archive, &entry)) >= ARCHIVE_WARN &&
			got != ARCHIVE_EOF) {
		if (++entries > ENTRIES_MAX ||
				unpack_entry(library, archive, disk, entry, dir, &bytes) < 0) {
			const char *why = library->error_string(disk);
			status = error_set(err, ERROR_PARSE, "'%s' cannot be unpacked: %s", path,
					why ? why : "it is too large");
		}
	}
	if (status == 0 && (got != ARCHIVE_EOF || !entries)) {
		const char *why = library->error_string(archive);
		status = error_set(err, ERROR_PARSE, "'%s' is no capture, or broken off: %s", path,
				why ? why : "it is empty");
	}
	(void)library->write_free(disk);
	return status;
}

bool capture_is_file(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* The child: once nobody holds the other end of the pipe, the program has ended, however it did. */
static _Noreturn void watch_end(int end, const char *dir, const struct stat *made)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	char byte = 0;
	struct stat now;
	(void)setsid();
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)signal(signals[i], SIG_IGN); /* NOLINT(cert-err33-c) */
	if (end > 0)
		(void)close_range(0, (unsigned)end - 1, 0);
	(void)close_range((unsigned)end + 1, ~0U, 0);
	while (read(end, &byte, 1) < 0 && errno == EINTR)
		;
	if (lstat(dir, &now) == 0 && now.st_ino == made->st_ino && now.st_dev == made->st_dev)
		(void)root_remove_tree(dir, NULL);
	_exit(0);
}

/* Have a directory removed when this program ends, by a signal too: by a child that waits for that.
 * The pipe to it is left open for as long. */
static void remove_at_end(const char *dir)
{
	struct stat made;
	int pipes[2];
	if (lstat(dir, &made) < 0 || pipe2(pipes, O_CLOEXEC) < 0)
		return;
	pid_t pid = fork();
	if (pid == 0)
		watch_end(pipes[0], dir, &made);
	(void)close(pipes[0]);
	if (pid < 0)
		(void)close(pipes[1]);
}

int capture_unpack(const char *path, char **ret_dir, struct error *err)
{
	const char *temporary = "/tmp";
	struct archive_api api;
	const struct archive_api *library = &api;
	int status = archive_load(&api, err);
	if (status < 0)
		return status;
	struct text name = {0};
	text_addf(&name, "%s/pvegpu-capture.XXXXXX", temporary);
	char *dir = strdup(text_string(&name));
	text_free(&name);
	if (!dir)
		abort(); /* see arena.h */
	if (!mkdtemp(dir)) {
		status = error_set_errno(err, errno, "cannot make a directory in '%s'", temporary);
		free(dir);
		return status;
	}
	remove_at_end(dir);
	/* Links of a host are absolute; they are kept as they are and resolved inside by root.c. */
	char *real = realpath(dir, NULL);
	struct archive *archive = library->read_new();
	if (!archive || !real)
		abort();
	(void)library->read_support_filter_gzip(archive);
	(void)library->read_support_filter_zstd(archive);
	(void)library->read_support_filter_xz(archive);
	(void)library->read_support_format_tar(archive);
	if (library->read_open_filename(archive, path, 65536) != ARCHIVE_OK)
		status = error_set(err, ERROR_IO, "cannot read '%s': %s", path,
				library->error_string(archive));
	if (status == 0)
		status = unpack_all(library, archive, path, real, err);
	(void)library->read_free(archive);
	free(real);
	if (status < 0) {
		(void)root_remove_tree(dir, NULL);
		free(dir);
		return status;
	}
	*ret_dir = dir;
	return 0;
}

static void add_counts(struct text *text, const size_t counts[REDACT_KINDS])
{
	bool first = true;
	for (int kind = 0; kind < REDACT_KINDS; kind++) {
		if (!counts[kind])
			continue;
		text_addf(text, "%s%zu %s%s", first ? "" : ", ", counts[kind], redact_names[kind],
				counts[kind] == 1 ? ""
				: kind == REDACT_IP || kind == REDACT_MAC || kind == REDACT_EMAIL
						? "es"
						: "s");
		first = false;
	}
}

char *capture_text(struct arena *arena, const struct capture *capture)
{
	struct text text = {0};
	size_t files = 0;
	for (size_t i = 0; i < capture->items.n; i++) {
		const struct capture_item *item = capture->items.item[i];
		if (!item->text || item->target || !item->n)
			continue;
		files++;
		text_addf(&text, "%8zu  %s", item->n, text_printable(arena, item->path));
		if (item->note)
			text_addf(&text, " (%s)", item->note);
		text_add(&text, "\n");
	}
	text_addf(&text, "\n%zu files, %zu KiB; the rest are links, directories and empty files.\n",
			files, (capture->bytes + 1023) / 1024);
	struct text counts = {0};
	add_counts(&counts, capture->counts);
	if (counts.n) {
		text_add(&text, "Replaced: ");
		text_add_wrapped(&text, text_string(&counts), 10, 10, 79);
	}
	text_free(&counts);
	for (size_t i = 0; i < capture->left_out.n; i++)
		text_addf(&text, "Left out: %s\n",
				text_printable(arena, capture->left_out.item[i]));
	return text_take(&text, arena);
}
