/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/facts/internal.h"
#include "pvegpu/base/library.h"
#include "pvegpu/base/text.h"

/*
 * What an initramfs holds of the host's configuration. mkinitramfs (initramfs-tools) copies
 * /etc/modprobe.d as it is, and the scripts of /etc/initramfs-tools/scripts that can be run; its
 * files are sorted by name. An image is one cpio archive or several, one after the other: the
 * processor's microcode comes first and uncompressed, and only the last may be compressed.
 */
enum { CONFIG_MAX = 1 << 20, ARCHIVES_MAX = 16, BLOCK = 65536, PADDING_MAX = 1 << 20 };

struct image_file {
	char *name; /* etc/modprobe.d/vfio.conf */
	char *text; /* NULL: a link, or too long to compare */
};

struct image {
	struct arena *arena;
	struct archive_api library;
	struct list files;
	bool has_scripts; /* the archive that the kernel unpacks last was reached */
	bool done;
};

static const char modprobe_dir[] = "etc/modprobe.d/";
static const char script[] = "scripts/init-top/pvegpu";

static const char *plain_name(const char *name)
{
	if (text_starts(name, "./"))
		name += 2;
	return name + strspn(name, "/");
}

static bool is_config(const char *name)
{
	return (text_starts(name, modprobe_dir) && text_ends(name, ".conf")) ||
	       strcmp(name, script) == 0;
}

static void keep_file(struct image *image, struct archive *archive, struct archive_entry *entry,
		const char *name)
{
	struct image_file *file = arena_alloc(image->arena, sizeof *file);
	*file = (struct image_file){.name = arena_strdup(image->arena, name)};
	int64_t size = image->library.entry_size(entry);
	if (image->library.entry_filetype(entry) == AE_IFREG && size >= 0 && size < CONFIG_MAX) {
		file->text = arena_alloc(image->arena, (size_t)size + 1);
		la_ssize_t got = image->library.read_data(archive, file->text, (size_t)size);
		file->text[got > 0 ? got : 0] = '\0';
	}
	list_add(image->arena, &image->files, file);
}

/* One archive, from where the descriptor stands; how many bytes of the file it took, or -1. */
static int64_t read_archive(struct image *image, int fd)
{
	const struct archive_api *library = &image->library;
	struct archive *archive = library->read_new();
	if (!archive)
		return -1;
	(void)library->read_support_format_cpio(archive);
	(void)library->read_support_filter_gzip(archive);
	(void)library->read_support_filter_zstd(archive);
	(void)library->read_support_filter_xz(archive);
	(void)library->read_support_filter_lzma(archive);
	(void)library->read_support_filter_lz4(archive);
	(void)library->read_support_filter_bzip2(archive);
	int status = library->read_open_fd(archive, fd, BLOCK);
	struct archive_entry *entry = NULL;
	while (status == ARCHIVE_OK && !image->done &&
			(status = library->read_next_header(archive, &entry)) >= ARCHIVE_WARN &&
			status != ARCHIVE_EOF) {
		const char *path = library->entry_pathname(entry);
		const char *name = plain_name(path ? path : "");
		status = ARCHIVE_OK;
		image->has_scripts = image->has_scripts || text_starts(name, "scripts/");
		if (is_config(name))
			keep_file(image, archive, entry, name);
		/* Sorted: what is looked for came before. */
		else if (image->has_scripts && text_starts(name, "usr/"))
			image->done = true;
	}
	bool compressed = library->filter_count(archive) > 1;
	int64_t took = library->filter_bytes(archive, -1);
	(void)library->read_free(archive);
	if (image->done || status == ARCHIVE_EOF)
		image->done = image->done || compressed;
	return image->done || status == ARCHIVE_EOF ? took : -1;
}

static bool read_image(struct image *image, const struct root *root, const char *path)
{
	int fd = -1;
	off_t at = 0;
	bool fine = root_open_file(root, path, &fd, NULL, NULL) == 0;
	off_t padding = 0;
	for (int i = 0; fine && !image->done && i < ARCHIVES_MAX; i++) {
		/* Between two archives there are zeros; a file of nothing else is no image. */
		char block[4096];
		ssize_t got = pread(fd, block, sizeof block, at);
		if (got < 0)
			root_note_failure(root, path, errno);
		size_t zeros = 0;
		while (got > 0 && zeros < (size_t)got && block[zeros] == '\0')
			zeros++;
		at += (off_t)zeros;
		if (got <= 0)
			break;
		if (zeros == (size_t)got) {
			padding += got;
			fine = padding < PADDING_MAX;
			i--;
			continue;
		}
		int64_t took = lseek(fd, at, SEEK_SET) < 0 ? -1 : read_archive(image, fd);
		fine = took > 0;
		at += (off_t)took;
	}
	if (fd >= 0)
		(void)close(fd);
	return fine && image->has_scripts;
}

static const struct image_file *find_file(const struct image *image, const char *name)
{
	for (size_t i = 0; i < image->files.n; i++) {
		const struct image_file *file = image->files.item[i];
		if (strcmp(file->name, name) == 0)
			return file;
	}
	return NULL;
}

/* Compare one file of the host with what the image has under `name`. */
static void compare(struct image *image, const struct root *root, const char *path,
		const char *name, struct strings *differs)
{
	const struct image_file *file = find_file(image, name);
	char *text = NULL;
	if (root_read(root, path, image->arena, &text, NULL, NULL) < 0 || (file && !file->text))
		return;
	if (!file || strcmp(file->text, text) != 0)
		strings_add(image->arena, differs,
				arena_printf(image->arena, "%s is %s", path,
						file ? "another there" : "not in it"));
}

bool facts_initramfs_differs(const struct root *root, const char *path, struct arena *arena,
		struct strings *ret_differs)
{
	struct image image = {.arena = arena};
	if (archive_load(&image.library, NULL) < 0 || !read_image(&image, root, path))
		return false;
	struct strings differs = {0};
	struct strings names = {0};
	(void)root_list(root, "/etc/modprobe.d", arena, &names);
	for (size_t i = 0; i < names.n; i++)
		if (text_ends(names.item[i], ".conf"))
			compare(&image, root,
					arena_printf(arena, "/etc/modprobe.d/%s", names.item[i]),
					arena_printf(arena, "%s%s", modprobe_dir, names.item[i]),
					&differs);
	for (size_t i = 0; i < image.files.n; i++) {
		const struct image_file *file = image.files.item[i];
		if (text_starts(file->name, modprobe_dir) &&
				!strings_has(&names, file->name + strlen(modprobe_dir)))
			strings_add(arena, &differs,
					arena_printf(arena, "/%s is in it, but not here any more",
							file->name));
	}
	/* A script that cannot be run is left out. */
	static const char script_path[] = "/etc/initramfs-tools/scripts/init-top/pvegpu";
	struct stat status;
	bool runs = root_stat(root, script_path, &status) == 0 && (status.st_mode & 0111);
	if (runs)
		compare(&image, root, script_path, script, &differs);
	else if (find_file(&image, script))
		strings_add(arena, &differs,
				arena_printf(arena, "/%s is in it, but %s is not here", script,
						script_path));
	*ret_differs = differs;
	return true;
}
