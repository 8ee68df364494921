/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CAPTURE_CAPTURE_H
#define PVEGPU_CAPTURE_CAPTURE_H

#include "pvegpu/base/root.h"
#include "pvegpu/capture/redact.h"

/*
 * A capture: what the audit and the doctor read of a host, redacted, as a tree that --root opens
 * on any machine. It is made by watching them read, so that it holds neither more nor less.
 *
 *	capture_collect(root, comments, &capture, &error);   reads only
 *	... show capture->items and capture->left_out ...
 *	capture_write(capture, path, &error);                a .tar.gz, mode 0600
 *	capture_free(capture);
 */
struct capture_item {
	char *path;   /* as it will be in the archive: redacted */
	char *target; /* of a link; or NULL */
	char *text;   /* of a file; NULL: a directory or a link */
	size_t n;
	size_t counts[REDACT_KINDS]; /* what was taken out of it */
	char *note;                  /* "only the lines with vfio", or NULL */
	bool only_there;             /* nothing read it: only that it is there counts */
	bool executable;
};

struct capture {
	struct arena *arena;
	struct list items;       /* of struct capture_item, by path */
	struct strings left_out; /* "/boot/initrd.img-… (read for its age only)" */
	size_t counts[REDACT_KINDS];
	size_t bytes;
};

/* `keep_comments`: those of configuration files stay, as far as their words may. ERROR_NOT_HOST as
 * the audit says it. */
int capture_collect(struct root *root, bool keep_comments, struct capture **ret_capture,
		struct error *err);
void capture_free(struct capture *capture); /* NULL is fine */
/* What is in it, for a person, at most 80 columns wide. */
char *capture_text(struct arena *arena, const struct capture *capture);
/* The file must not be there yet. */
int capture_write(const struct capture *capture, const char *path, struct error *err);

/* A plain file: not a directory, so perhaps a capture. */
bool capture_is_file(const char *path);
/* Unpack one into a new private directory; free() the name, root_remove_tree() the tree: should a
 * signal end the program first, a child that waits for that removes it. Nothing leaves that
 * directory, whatever the archive says. ERROR_PARSE when it is none. */
int capture_unpack(const char *path, char **ret_dir, struct error *err);

#endif
