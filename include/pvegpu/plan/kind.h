/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_PLAN_KIND_H
#define PVEGPU_PLAN_KIND_H

#include "pvegpu/base/process.h"
#include "pvegpu/plan/plan.h"
#include "pvegpu/pve/host.h"

/*
 * The kinds of change: one row and one file (core/plan/kind_NAME.c) each, all in the table
 * change_kinds. A row tells how a change is shown, saved and hashed, and how it is done, seen to
 * have worked, and undone. Nobody else asks what kind a change is in order to do that: whoever has
 * a change calls the functions of its row, or asks a question (change_is_api()).
 *
 * The functions that change a host stand here, with those that describe the change, so that a kind
 * is one thing; but nothing in this room calls them. That is for core/apply, which owns the order,
 * the lock, the journal and the yes. What they need of a run they get in struct change_run, and so
 * know none of these.
 */

/* Asked in the middle of a run; true is a yes that a person typed. */
typedef bool change_ask(void *user, const struct change *change, const char *text);

struct change_run {
	struct host *host;
	const struct root *root; /* the host's */
	const char *node;        /* of the plan */
	/* What runs that changes something runs under this; lent for the whole run. */
	const struct process_keep *keep;
	int output;         /* the run's file that a command writes to by itself, or -1 */
	process_line *line; /* keep a line with the run, and show it */
	process_line *show; /* show one that is kept already */
	void *line_user;    /* of both */
	change_ask *ask;    /* doing: go on at a cost that was not foreseen? Undoing: overwrite what
			     * somebody changed since? The text is the question, or the difference.
			     * NULL is always no */
	void *ask_user;
	struct arena *arena; /* of this one change */
	void *said;          /* what apply() or undo() leaves for seen_to_have_worked() */
};

/* The API of the run's host: what calls print goes to `line`, and they run under `keep`. */
int change_run_client(struct change_run *run, struct pve_client **ret_client, struct error *err);

/* What undoing a run from afar takes of rights. */
struct undo_needs {
	struct arena *arena;
	struct pve_client *client;
	const char *node;
	bool same;                /* the one who applied it undoes it */
	bool pve7;                /* it has no mappings: every hostpci line is for root@pam */
	struct list needs;        /* of struct pve_need (pve/rights.h) */
	struct strings root_only; /* what only root@pam itself may undo */
};

enum undo_order {
	UNDO_NEVER,     /* there is nothing to undo */
	UNDO_BACKWARDS, /* the newest change first */
	UNDO_AGAIN,     /* done once more, in their own order, when all else is undone */
};

/* Functions that may be NULL say so; what they then stand for is in brackets. */
struct change_kind {
	const char *name;       /* in JSON, and in the plan's id */
	const char *one, *many; /* for a count: "file", "files" */
	int place;              /* in the plan: the lowest first; those of one place as they were
				 * planned */
	bool ends_plan;      /* nothing of the plan comes after it: the caller's apply_reboot() */
	bool follows_reboot; /* where the plan reboots, it comes after that: a forecast */
	bool runs_on_host;   /* takes a running host or its stand-in: not done in a captured tree
			      */
	const char *not_in_chroot; /* why it is not undone from a rescue system; NULL: it is */
	enum undo_order undo_order;

	/* To add to the place [0]. */
	int (*place_of)(const struct change *change);
	/* When the plan is finished: does it come to nothing [no], and what is left to fill in
	 * [nothing]; `changes` are all in their order, `forecast` says that this one is one. */
	bool (*is_empty)(const struct change *change);
	void (*finish)(struct plan *plan, const struct list *changes, struct change *change,
			bool forecast);

	/* In a line, with its mark: "~ /etc/default/grub". Its whole content but for because, cost
	 * and undo. What undoing it will do, beyond its `undo` [nothing]. */
	char *(*title)(struct arena *arena, const struct change *change);
	void (*detail)(struct text *text, struct arena *arena, const struct change *change);
	void (*undo_detail)(struct text *text, struct arena *arena, const struct change *change);

	/* All that it will do, for the plan's id (hash_field() and its like). Its members in JSON,
	 * and back: false when they cannot be understood. */
	void (*hash)(struct text *text, const struct change *change);
	void (*to_json)(json_t *object, const struct plan *plan, const struct change *change,
			bool forecast);
	bool (*from_json)(struct arena *arena, const json_t *json, struct change *change);
	/* Bytes that it takes in the journal beyond some words [none]. */
	size_t (*journal_bytes)(const struct change *change);

	/* Before the first write of a run: all that can be known to fail (drift, rights, room)
	 * [nothing]. check_undo() likewise before the first undo. */
	int (*check)(struct change_run *run, const struct change *change, struct error *err);
	int (*check_undo)(struct change_run *run, const struct change *change, struct error *err);
	int (*apply)(struct change_run *run, const struct change *change, struct error *err);
	/* After apply() and, `undone`, after an undo() that kept nothing, ended well [it has]. */
	int (*seen_to_have_worked)(struct change_run *run, const struct change *change, bool undone,
			struct error *err);
	/* `ret_kept`: left alone, because somebody changed it since and wants to keep that. */
	int (*undo)(struct change_run *run, const struct change *change, bool *ret_kept,
			struct error *err);
	/* This one was kept: why that one, an earlier change, is to stay because of it; NULL: it is
	 * not [it is not]. */
	const char *(*rests_on)(const struct change *kept, const struct change *other);
	/* Add what undoing it takes of rights [none]. */
	void (*undo_needs)(struct undo_needs *needs, const struct change *change);
};

/* Ends with NULL; in the order in which they are counted. */
extern const struct change_kind *const change_kinds[];

#endif
