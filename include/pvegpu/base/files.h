/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_FILES_H
#define PVEGPU_BASE_FILES_H

#include "pvegpu/base/hash.h"
#include "pvegpu/base/root.h"

/*
 * Durable writes below a root: a file is replaced by rename with mode, owner and extended
 * attributes kept, links are written through, and what was done is on disk when a function comes
 * back. All give ERROR_IO naming the path.
 */
int file_replace(const struct root *root, const char *path, const char *bytes, size_t n,
		mode_t mode, struct error *err); /* mode: of a file that is new */
/* Remove what a run that was killed in file_replace() may have left beside the file. */
void file_clean(const struct root *root, const char *path);
int file_remove(const struct root *root, const char *path, struct error *err);
int file_make_dirs(const struct root *root, const char *path, mode_t mode, struct error *err);
/* Remove a directory if it is there and empty. */
int file_remove_dir(const struct root *root, const char *path, struct error *err);
/* One value to an attribute that the kernel made (sysfs), as the shell's echo does it: one write(2)
 * of `value` and a newline to the file as it is, which is never made nor replaced. sys_errno is
 * what the kernel says to the value. */
int file_write_attribute(
		const struct root *root, const char *path, const char *value, struct error *err);
/* Can this file (the one behind a link) be written, made or removed, as far as that can be known
 * before it is tried? ERROR_REFUSED where something is mounted on it, or it or its directory may
 * not be changed (chattr +i, +a); ERROR_IO where its file system is read-only or has no room for
 * `bytes` more, or the directory is not ours to write to. */
int file_check_place(const struct root *root, const char *path, size_t bytes, struct error *err);
/* Hash of what is there; "" for no file. */
int file_hash(const struct root *root, const char *path, char ret_hex[SHA256_HEX],
		struct error *err);

#endif
