/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_BASE_ROOT_H
#define PVEGPU_BASE_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"

/*
 * The root directory everything is read below and written below.
 *
 * `/` is the live host. Any other directory is a captured or sample host: paths are resolved
 * inside it by openat2(RESOLVE_IN_ROOT) or what amounts to it, so its absolute links cannot lead
 * out, and no command is run. In a sample host (a file `.pvegpu-sample` at its top) its own scripts
 * stand in for the host's commands (see process.h): after root_sandbox_scripts() where they can
 * change nothing but the tree, as what a tree holds does not say who made it, and after
 * root_run_scripts() as they are. Paths given to these functions begin with `/`.
 */
struct root;

enum root_kind { ROOT_LIVE, ROOT_CAPTURED, ROOT_SAMPLE, ROOT_CHROOT, ROOT_REMOTE };

/* Open DIR, or the live host where dir is NULL or "/". */
int root_open(const char *dir, struct root **ret_root, struct error *err);
void root_close(struct root *root); /* NULL is fine */
/* A person named this tree as one whose scripts may be run, or this program made it. ERROR_USAGE
 * where it has no mark of a sample host: the commands of a real host's tree would act on this one.
 */
#define ROOT_SAMPLE_MARK ".pvegpu-sample"
int root_run_scripts(struct root *root, struct error *err);
/* The scripts of any tree with that mark are run in a sandbox: all but the tree is read-only to
 * them, there is no network, no other process and no capability, and what they leave running ends
 * with them. Where it cannot be made (not root, namespaces forbidden, before Linux 5.12) nothing is
 * run and process_why_not() says why; a tree without the mark stays as it is. */
void root_sandbox_scripts(struct root *root);
bool root_is_sandboxed(const struct root *root);
/* In words why a sample host's scripts are not run; NULL where none were to run. */
const char *root_why_no_scripts(const struct root *root);

/* A host that is reached by its API only: DIR (made, 0700) keeps the journal of what is done there.
 * Nothing of the host is in it, and no command is run. */
int root_open_remote(const char *dir, struct root **ret_root, struct error *err);
/* A path of the person's own, not below any root: a whole small file (at most 64 KiB, refused where
 * it is no text), and the same written, 0600, by rename, its directory (0700) made. */
int root_read_own(const char *path, struct arena *arena, char **ret_text, struct error *err);
int root_write_own(const char *path, const char *text, struct error *err);
/* The same for a path as the person gave it, and without making directories. What was there, a file
 * that others may read or that has a second name, is replaced and not written to. */
int root_replace_own(const char *path, const char *text, struct error *err);

/* Rescue from a live system: the mounted root of a host, whose own commands are run in a chroot.
 * ERROR_USAGE when it is `/` itself or lacks what commands need there (/proc, /dev). */
int root_use_chroot(struct root *root, struct error *err);

enum root_kind root_kind(const struct root *root);
/* What is not there is not there on the host either: but for a captured tree without this mark,
 * which somebody put together. */
#define ROOT_CAPTURE_MARK ".pvegpu-capture"
bool root_is_complete(const struct root *root);
/* The directory as the person gave it; "" for the live host, so it can stand before a path. */
const char *root_dir(const struct root *root);
/* The same as an absolute path without links, for child processes. */
const char *root_absolute(const struct root *root);

/* Be told of every path that is looked at through this root, whether it is there or not: for a
 * capture of what an audit reads. NULL ends it. */
enum root_look { ROOT_LOOK_STAT, ROOT_LOOK_READ, ROOT_LOOK_LIST };
typedef void root_seen(void *user, const char *path, enum root_look look);
void root_watch(struct root *root, root_seen *seen, void *user);
bool root_is_watched(const struct root *root);
/* For code that reads by a descriptor it has from root_openat(): the same, said by hand. */
void root_note(const struct root *root, const char *path, enum root_look look);

/* A view of a root that tells of everything that is there and cannot be read: EIO, no permission, a
 * directory where a file is meant, a link that leads nowhere. What is not there is told of only by
 * the functions' own answers. The root must outlive its view, which is its owner's alone: one
 * thread's. */
typedef void root_failed(void *user, const char *path, const struct error *error);
struct root *root_view(const struct root *root, root_failed *failed, void *user);
void root_view_close(struct root *view);
/* For code that reads by a descriptor: the same, said by hand. */
void root_note_failure(const struct root *root, const char *path, int sys_errno);

/* A file descriptor below the root, O_CLOEXEC added; -1 and errno on failure. */
int root_openat(const struct root *root, const char *path, int flags);
bool root_exists(const struct root *root, const char *path);
/* For whoever acts on the answer: 1 where it is there, 0 where it is not, nor a directory on the
 * way to it; -1 and errno where that cannot be known (EIO, no permission, links in a circle). */
int root_presence(const struct root *root, const char *path);
/* The same of a name in a directory whose reader leaves out links that lead nowhere (the shell's
 * -e, kmod, systemd): such a link is no failure to read. */
bool root_leads(const struct root *root, const char *path);
int root_stat(const struct root *root, const char *path,
		struct stat *ret_stat); /* 0 or -1 + errno */

/* Open a file for reading. Everything that is read is opened by this or by a function below it:
 * what is no regular file (a directory, a pipe, a device, a socket) is refused with ERROR_IO and a
 * text that says so, for it may wait or go on for ever; sys_errno is EISDIR or ESPIPE then. A NULL
 * root stands for a path of the person's own, as given. `ret_status` may be NULL. */
int root_open_file(const struct root *root, const char *path, int *ret_fd, struct stat *ret_status,
		struct error *err);
/* A whole file. The text is NUL-terminated and owned by `arena`; `ret_size` may be NULL. A NULL
 * root is as above. Files over ROOT_FILE_MAX are refused (without a root over 16 times that). A
 * missing file gives ERROR_IO with sys_errno ENOENT. */
enum { ROOT_FILE_MAX = 16 * 1024 * 1024 };
int root_read(const struct root *root, const char *path, struct arena *arena, char **ret_text,
		size_t *ret_size, struct error *err);
/* The same where a missing or unreadable file is simply unknown: NULL. Ending blanks are cut. */
char *root_read_value(const struct root *root, const char *path, struct arena *arena);
/* The text of a symbolic link, or NULL. */
char *root_readlink(const struct root *root, const char *path, struct arena *arena);
/* Names in a directory but for . and .., sorted. ERROR_IO with sys_errno, ENOENT where there is no
 * such directory. */
int root_read_dir(const struct root *root, const char *path, struct arena *arena,
		struct strings *ret_names, struct error *err);
/* The same where an unreadable directory is simply unknown: false. */
bool root_list(const struct root *root, const char *path, struct arena *arena,
		struct strings *ret_names);
/* Where a path leads when every link is followed, as a path below the root; NULL if nowhere
 * (ENOENT, ENOTDIR), where that cannot be known, and out of the root (EXDEV). */
char *root_real_path(const struct root *root, const char *path, struct arena *arena);

/* Copy the tree `from` (not followed out of itself) to the empty directory `to`: directories,
 * plain files, links. Files named `.keep`, which hold a directory in version control, are left
 * out. For the sample host's private copy. */
int root_copy_tree(const char *from, const char *to, struct error *err);
/* A new private directory (0700, in $TMPDIR or /tmp) with such a copy; free() the name. */
int root_private_copy(const char *from, char **ret_dir, struct error *err);
/* Remove a tree made by root_copy_tree(). */
int root_remove_tree(const char *dir, struct error *err);

#endif
