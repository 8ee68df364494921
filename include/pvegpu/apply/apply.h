/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_APPLY_APPLY_H
#define PVEGPU_APPLY_APPLY_H

#include "pvegpu/plan/plan.h"
#include "pvegpu/pve/host.h"

/*
 * What changes a host: nothing else calls the acting functions of the kinds of change (kind.h).
 *
 * apply_plan(): take the lock; see that the journal has a place and room, that every command is
 * there, and that every file and configuration is still as the plan saw it; save the plan; then,
 * change by change, write `begin` to the journal, do it, write `done`. It stops at the first
 * failure and undoes nothing by itself. Files are replaced by rename with mode, owner and extended
 * attributes kept, links are written through, and each journal record is on disk before the next
 * step. The plan's reboot is left to the caller: apply_reboot().
 *
 * The journal is /var/lib/pvegpu/runs/RUN/{plan.json,journal,output} below the root, mode 0700.
 */
enum apply_event {
	APPLY_BEGIN,  /* text: the change's title */
	APPLY_OUTPUT, /* text: a line a command or task printed */
	APPLY_DONE,
	APPLY_NOT_RUN, /* a captured tree: text says why */
	APPLY_FAILED,  /* text: why */
};

/* False on APPLY_BEGIN stops before that change: ERROR_STOPPED, as a failure that did nothing. */
typedef bool apply_progress(
		void *user, const struct change *change, enum apply_event event, const char *text);

/* Asked in the middle of a run, where going on would cost something that was not foreseen (a guest
 * that does not shut down). True is a yes that a person typed; NULL as function is always no. */
typedef bool apply_ask(void *user, const struct change *change, const char *question);

/*
 * A yes of a person, to one thing: making the plan of that id, or undoing the run of that name.
 * Whatever writes takes one and sees that it is for just what it is about to do, so that nothing
 * that goes wrong on the way (a comparison that could not be made, a flag that was not looked at)
 * ends in a change that nobody said yes to. Zero is no yes to anything.
 */
struct consent {
	char what[SHA256_HEX];
};
/* To be called where the yes was typed, or given as --yes, and nowhere else. */
struct consent consent_given(const char *what);

struct apply_result {
	char run[64];    /* the journal's name for this run; "" when nothing was begun */
	size_t done;     /* changes made */
	size_t not_run;  /* commands and calls that could not be run in a captured tree */
	size_t failed_n; /* number of the change that failed; 0 none */
	bool reboot;     /* the plan ends in a reboot that is still to be done */
};

/*
 * See that the plan can be made as it is: each file and configuration is as the plan saw it, each
 * command is there, and planning again for the same goal gives the same plan without a refusal,
 * whatever a saved file says of itself. ERROR_DRIFT when not, ERROR_REFUSED for a refusal, and any
 * other error where it could not be told: none of these may be taken for a yes. `ret_fresh` is what
 * apply_plan() would do, for the caller to show and free. Writes nothing.
 */
int apply_check(struct host *host, const struct plan *plan, struct plan **ret_fresh,
		struct error *err);

/* Checks as apply_check() does, under the lock, and applies that. `ret_result` is filled in failure
 * too. ERROR_REFUSED, before anything is touched, without a yes to this plan. */
int apply_plan(struct host *host, const struct plan *plan, const struct consent *consent,
		apply_progress *progress, apply_ask *ask, void *user,
		struct apply_result *ret_result, struct error *err);
/* Reboot the host (or the sample host). The yes is one to the plan that ends in it. */
int apply_reboot(struct host *host, const struct plan *plan, const struct consent *consent,
		apply_progress *progress, void *user, struct error *err);

/* Asked where a person changed something since: `diff` leads from what is there to what rollback
 * would write. True overwrites it; false leaves it alone. */
typedef bool rollback_ask(void *user, const struct change *change, const char *diff);

struct rollback_result {
	char run[64];
	size_t undone;
	size_t kept; /* left alone because they were changed since */
	bool reboot; /* the run had a reboot: another is needed for the old state to count */
};

/* Whether the run may be undone by us and at this cluster, before anybody is asked; rollback_run()
 * looks at that again. ERROR_REFUSED says what is missing. */
int rollback_check(struct host *host, const char *run, struct error *err);
/* Undo the run of that name, newest change first. ERROR_REFUSED, before anything is touched,
 * without a yes to undoing it. */
int rollback_run(struct host *host, const char *run, const struct consent *consent,
		rollback_ask *ask, apply_progress *progress, void *user,
		struct rollback_result *ret_result, struct error *err);

enum run_state {
	RUN_EMPTY,
	RUN_APPLIED,
	RUN_FAILED,
	RUN_INTERRUPTED,
	RUN_UNDONE,
	RUN_PARTLY_UNDONE
};
extern const char *const run_state_names[];

struct run {
	char *id;
	struct plan *plan; /* owned by the history */
	enum run_state state;
	size_t done;
	char *failure;  /* why it failed, or NULL */
	char *identity; /* who applied it by the API (a user's or a token's name), or NULL */
	char *cluster;  /* the authority of the cluster it was made at, or NULL */
};

struct history {
	struct arena *arena;
	struct list runs;          /* of struct run, oldest first */
	struct strings not_begun;  /* runs that ended before their plan was on disk: names */
	struct strings unreadable; /* runs whose plan or journal cannot be read, with the reason */
};

int history_read(const struct root *root, struct history **ret_history, struct error *err);
void history_free(struct history *history); /* NULL is fine */
/* The run of that name or, where it is NULL, the newest that can still be undone. ERROR_USAGE when
 * there is none. */
int history_find(const struct history *history, const char *name, const struct run **ret_run,
		struct error *err);
/* Where there is no such run: say in `err` if one of that name was made at another cluster. */
void history_hint_elsewhere(const struct root *root, const char *run, struct error *err);
json_t *history_to_json(const struct history *history);
char *history_text(struct arena *arena, const struct history *history);
/* The goal of the last run that stands, or NULL: what the wizard goes on with after a reboot. */
struct goal *history_last_goal(const struct root *root);

#endif
