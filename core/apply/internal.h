/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_APPLY_INTERNAL_H
#define PVEGPU_CORE_APPLY_INTERNAL_H

#include "pvegpu/apply/apply.h"

#define STATE_DIR "/var/lib/pvegpu"
#define RUNS_DIR  STATE_DIR "/runs"

/* files.c: durable writes below a root. All give ERROR_IO naming the path. */
int file_replace(const struct root *root, const char *path, const char *bytes, size_t n,
		mode_t mode, struct error *err); /* mode: of a file that is new */
/* Remove what a run that was killed in file_replace() may have left beside the file. */
void file_clean(const struct root *root, const char *path);
int file_remove(const struct root *root, const char *path, struct error *err);
int file_make_dirs(const struct root *root, const char *path, mode_t mode, struct error *err);
/* Remove a directory if it is there and empty. */
int file_remove_dir(const struct root *root, const char *path, struct error *err);
/* Can this file (the one behind a link) be written, made or removed, as far as that can be known
 * before it is tried? ERROR_REFUSED where something is mounted on it, or it or its directory may
 * not be changed (chattr +i, +a); ERROR_IO where its file system is read-only or has no room for
 * `bytes` more, or the directory is not ours to write to. */
int file_check_place(const struct root *root, const char *path, size_t bytes, struct error *err);
/* Hash of what is there; "" for no file. */
int file_hash(const struct root *root, const char *path, char ret_hex[SHA256_HEX],
		struct error *err);

/* consent.c: ERROR_REFUSED unless the yes was given to `what`. */
int consent_check(const struct consent *consent, const char *what, struct error *err);

/* undo.c: the text as it is now without this change, a later edit kept; NULL when both are in the
 * same place. */
char *undo_text(struct arena *arena, const struct change *change, const char *now);

/* journal.c: one open run. */
struct journal;
/* ERROR_BUSY while another holds it, or a command that another one started still runs. */
int journal_lock(const struct root *root, int *ret_fd, struct error *err);
/* ERROR_BUSY likewise, without taking the lock or making anything: for a look before a question. */
int journal_check_free(const struct root *root, struct error *err);
/* Remove what runs left that were killed before their plan was on disk: they changed nothing. For
 * the holder of the lock. */
void journal_clean(const struct root *root);
/* Is this run one of those? */
bool journal_not_begun(const struct root *root, const char *run);
int journal_begin(const struct root *root, const struct plan *plan, struct journal **ret_journal,
		struct error *err);
int journal_open(const struct root *root, const char *run, struct journal **ret_journal,
		struct error *err);
const char *journal_run(const struct journal *journal);
int journal_record(struct journal *journal, size_t n, const char *state, const char *text,
		struct error *err);
void journal_output(struct journal *journal, size_t n, const char *line, bool standard_error);
/* The file that journal_output() writes to, for a command to write to by itself; -1 if none. */
int journal_output_file(const struct journal *journal);
void journal_close(struct journal *journal);

/* What the journal says of each change: index n - 1. */
enum change_state {
	STATE_UNTOUCHED,
	STATE_BEGUN,
	STATE_DONE,
	STATE_FAILED,
	STATE_NOT_RUN,
	STATE_UNDONE,
	STATE_KEPT
};
struct run_record {
	struct plan *plan;
	enum change_state *states; /* one for each of plan->changes */
	char *failure;
	char *identity;   /* who applied it by the API, or NULL */
	char *cluster;    /* the authority of the cluster it was made at (pve/cluster.h), or NULL */
	bool rolled_back; /* a rollback went through to its end */
};
/* The names of the runs, none where there was never one; ERROR_IO when that cannot be seen. */
int journal_list(const struct root *root, struct arena *arena, struct strings *ret_names,
		struct error *err);
int journal_read(const struct root *root, const char *run, struct arena *arena,
		struct run_record *ret_record, struct error *err);

/* What was begun may have happened; what failed may have happened in part. */
bool change_was_touched(enum change_state state);

/* apply.c: a run under way, shared by apply and rollback. */
struct run_context {
	struct host *host;
	const struct root *root; /* the host's */
	const struct plan *plan;
	const struct consent *consent;
	struct journal *journal;
	struct process_keep keep; /* what commands that change something run under */
	const struct change *change;
	apply_progress *progress;
	apply_ask *ask; /* or NULL */
	void *user;
};

bool run_tell(struct run_context *context, enum apply_event event, const char *text);
/* A process_line that keeps the line in the journal and hands it on. `user` is the context. */
void run_line(void *user, const char *line, bool standard_error);
/* Run it, look at what it said and at the boot entries after it; `undo`: the files are as before.
 */
int run_watched(struct run_context *context, const struct change *change, bool undo,
		struct error *err);

/* identity.c: keep with the run who makes it, and at which cluster. */
int identity_record(struct run_context *context, struct error *err);
/* ERROR_REFUSED where the run is of another cluster, or where we may not make each call that undoes
 * it: what is missing is said, with the line that gives it. Nothing is changed. */
int identity_check(struct host *host, const struct run_record *record, const char *run,
		struct error *err);

/* api.c: one configuration call, with digest, read back. */
int api_check_digest(struct pve_client *client, const char *node, const struct change *change,
		struct error *err);
int api_apply(struct run_context *context, struct pve_client *client, struct error *err);
/* The host's client, its output led to this run. */
int run_client(struct run_context *context, struct pve_client **ret_client, struct error *err);
/* Nothing of a run that has ended is told any more. */
void run_release_client(struct run_context *context);

/* api_mapping.c: the same for a mapping. */
int mapping_check(struct pve_client *client, const struct change *change, struct error *err);
int mapping_apply(struct pve_client *client, const struct change *change, struct error *err);
int mapping_undo(struct run_context *context, struct pve_client *client, bool *ret_changed_since,
		char **ret_diff, bool force, struct arena *arena, struct error *err);
int api_undo(struct pve_client *client, const char *node, const struct change *change,
		bool *ret_changed_since, char **ret_diff, bool force, struct arena *arena,
		struct error *err);

#endif
