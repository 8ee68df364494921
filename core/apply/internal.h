/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_APPLY_INTERNAL_H
#define PVEGPU_CORE_APPLY_INTERNAL_H

#include "pvegpu/apply/apply.h"
#include "pvegpu/plan/kind.h"

#define STATE_DIR "/var/lib/pvegpu"
#define RUNS_DIR  STATE_DIR "/runs"

/* consent.c: ERROR_REFUSED unless the yes was given to `what`. */
int consent_check(const struct consent *consent, const char *what, struct error *err);

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
	change_ask *ask; /* or NULL */
	void *user;
};

bool run_tell(struct run_context *context, enum apply_event event, const char *text);
/* What the functions of the change's kind get of the run. The arena is theirs until
 * run_change_end(). */
struct change_run run_change_begin(struct run_context *context);
void run_change_end(struct change_run *run);
/* All that can be known to fail, before the first write. */
int run_check(struct run_context *context, struct error *err);
/* Begin a journal and make the plan of the context, as it is. */
int run_apply(struct run_context *context, struct apply_result *result, struct error *err);
/* Nothing of a run that has ended is told any more. */
void run_release_client(struct run_context *context);

/* identity.c: keep with the run who makes it, and at which cluster. */
int identity_record(struct run_context *context, struct error *err);
/* ERROR_REFUSED where the run is of another cluster, or where we may not make each call that undoes
 * it: what is missing is said, with the line that gives it. Nothing is changed. */
int identity_check(struct host *host, const struct run_record *record, const char *run,
		struct error *err);

#endif
