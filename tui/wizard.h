/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_WIZARD_H
#define PVEGPU_TUI_WIZARD_H

#include "pvegpu/apply/apply.h"
#include "pvegpu/base/text.h"
#include "pvegpu/cluster/tofu.h"
#include "pvegpu/plan/planner.h"
#include "tui/draw.h"

/*
 * The wizard: seven steps over one set of facts, one goal and one report. A step is a list of rows
 * made from the report; a key on a row changes the goal, and everything is judged again.
 */
/* Beside the seven steps there are the audit, a list of all findings, and the doctor, drawn by the
 * same means. */
enum {
	WIZARD_STEPS = 7,
	WIZARD_AUDIT = WIZARD_STEPS,
	WIZARD_DOCTOR,
	WIZARD_DIAGNOSIS,
	WIZARD_SCREENS
};

enum row_kind {
	ROW_HEADING,
	ROW_TEXT,    /* wrapped */
	ROW_CHECK,   /* [x] text   note */
	ROW_RADIO,   /* (*) text   note */
	ROW_FINDING, /* [WARN] title   */
	ROW_ITEM,    /* something that Enter opens */
};

struct wizard;
struct doctor;
struct reading;
struct row;
/* What '?' shows of a row that is more than a finding or a choice. */
typedef void row_page(const struct wizard *wizard, const struct row *row, struct text *text);

struct row {
	enum row_kind kind;
	const char *text;
	const char *note; /* or NULL */
	const char *hint; /* one sentence for the line above the keys, or NULL */
	bool on;          /* ticked or chosen */
	bool pending;     /* a finding that is unknown only until the whole host was read */
	bool focusable;
	bool settled; /* a choice that is so already: nothing to choose */
	bool stays;   /* Enter chooses it, and does not go on */
	bool mixed;   /* a choice that the parts decide in different ways */
	int action;   /* for the step's act function */
	const void *data;
	const struct finding *finding;    /* what '?' explains, or NULL */
	const struct goal_choice *choice; /* the choice that it sets, or NULL */
	const char *device;               /* for which it is set alone; NULL: for all */
	const char *prompt;               /* asks for its value; NULL: it is yes or no */
	const struct check *check;        /* or the check a choice belongs to, or NULL */
	row_page *page;                   /* or NULL */
	enum role role;
};

struct rows {
	struct arena *arena;
	struct list list; /* of struct row */
};

struct row *rows_add(struct rows *rows, enum row_kind kind, const char *text);
/* The row of a choice, with the text that its table has. */
struct row *rows_add_choice(struct rows *rows, enum choice_id id, bool on);
/* The same of one that each part of the goal decides: of the part that is shown, or of all. */
struct row *rows_add_choice_of_parts(
		struct rows *rows, const struct wizard *wizard, enum choice_id id);
/* There is nothing to it but its page, which Enter shows. */
bool row_is_page(const struct row *row);
/* A row for an attribute of a GPU (SCOPE_DEVICE), and what was found of it where it is asked for.
 */
void rows_add_attribute(struct rows *rows, const struct report *report,
		const struct goal_choice *choice, const struct pci_device *gpu);
/* The same of a choice with a value, which Enter asks for: what it is, and what was asked for. */
struct row *rows_add_value_of_parts(
		struct rows *rows, const struct wizard *wizard, enum choice_id id);
/* The row of a choice with a value, which Enter asks for by `prompt`, for that device. */
struct row *rows_add_value(
		struct rows *rows, enum choice_id id, const char *device, const char *prompt);
/* Tick it, or take the tick back: what the person wants of its choice. */
void rows_toggle(const struct row *row, struct goal *goal);
/* A finding as a row: mark, title, its detail as the hint, and of several VMs which one. */
void rows_add_finding(
		struct rows *rows, const struct report *report, const struct finding *finding);
/* Findings of a step; `all` takes the good ones too. `subject` NULL: any. */
void rows_add_findings(struct rows *rows, const struct report *report, enum step step,
		const struct subject *subject, bool all);

/* Of a remote host: that its files tell this, and what to run there. False where there are files.
 */
bool rows_add_remote(struct rows *rows, const struct facts *facts, const struct report *report,
		const char *command);

struct wizard {
	struct host *host;
	struct root *root;  /* the host's */
	const char *banner; /* "SAMPLE HOST" … or "" */
	struct goal *goal;
	struct facts *facts;
	struct report *report;
	struct plan *plan; /* NULL when it could not be made: see plan_error */
	struct error plan_error;
	int step;                  /* 0 … 6, or WIZARD_AUDIT */
	int step_before;           /* the audit */
	int focus[WIZARD_SCREENS]; /* index among the rows that can have the focus */
	struct arena *arena;       /* of the session */
	struct strings runs;       /* made in this session and not rolled back, oldest first */
	unsigned seen_by_hand;     /* ticks of step 1, a bit each */
	bool demo;                 /* the host is thrown away at the end */
	const char *undo;          /* the command that undoes: "pvegpu rollback --root DIR" */
	const char *message;       /* shown instead of the hint until the next key, or NULL */
	bool rebooting;            /* the live host is going down: leave */
	struct reading *reading;   /* the host is being read beside the screen, or NULL */
	unsigned judged;           /* grows with each wizard_judge() */
	struct doctor *doctor;     /* once it was opened, or NULL */
	bool touched;              /* a key was pressed: the screen stays where the person is */
	bool advanced;             /* the second page of a step that has one */
	char shown[32];            /* of several devices the one that VM and Attach are about, or ""
				      for all */
};

/* How a step stands. */
enum step_stand {
	STAND_OK,
	STAND_FAIL,
	STAND_UNKNOWN,
	STAND_READING, /* unknown only until the whole host was read */
	STAND_WAIT,    /* for what another step chooses */
	STAND_CHOOSE,
	STAND_RISK,     /* to be accepted */
	STAND_ACCEPTED, /* a risk that was */
	STAND_REBOOT,
	STAND_TO_DO,
};
struct step_state {
	enum step_stand stand;
	size_t count; /* of what is to do; 0: it is not counted */
};

/* A step of the wizard. */
struct wizard_step {
	const char *name;
	enum step step; /* whose checks it shows */
	bool early;     /* what facts_read_first() reads is enough for it */
	void (*rows)(struct wizard *wizard, struct rows *rows);
	/* Space (or Enter on a radio row) on a row: change the goal. */
	void (*act)(struct wizard *wizard, const struct row *row);
	/* + on a row: take it beside what is chosen, or not any more; NULL: there is but one. */
	void (*add)(struct wizard *wizard, const struct row *row);
	/* Enter on a row, instead of going on; returns a key, or NULL for the steps. */
	int (*enter)(struct wizard *wizard, const struct row *row);
	/* How it stands: shown beside the name. */
	struct step_state (*state)(const struct wizard *wizard);
	const struct key *keys;
	bool has_advanced; /* a second page, by x */
};

/* The step that is next by what the host shows: an index. */
int wizard_next_step(const struct wizard *wizard);
/* Judge again after the goal changed; read the host again first with wizard_refresh(). */
void wizard_judge(struct wizard *wizard);
int wizard_refresh(struct wizard *wizard, struct error *err);

/* Run it; `host` is lent. `demo`: the host is a copy that is thrown away at the end. With
 * `workers` (or NULL) those are the goal, and not the last one of this host.
 * Returns the exit status of the program. */
int wizard_run(struct host *host, bool no_color, bool demo, const struct tofu_source *workers);

/* The screens behind the steps. Each returns the key that ended it, or KEY_ENDED. */
int review_show(struct wizard *wizard);
int apply_show(struct wizard *wizard, const struct consent *consent); /* after yes */
int card_show(struct wizard *wizard);                                 /* the quick reference card */
int groups_show(struct wizard *wizard);                               /* all IOMMU groups, drawn */
bool doctor_is_open(const struct wizard *wizard);
void wizard_draw(struct wizard *wizard);                        /* the screen as it is */
int finding_show(struct wizard *wizard, const struct row *row); /* what '?' says of a row */
void keys_show(void);                                           /* all keys, explained */
void wizard_title(const struct wizard *wizard);                 /* row 0 */

/* Of several devices: rows for which of them the screen is about, and taking one of them. */
void parts_add_rows(const struct wizard *wizard, struct rows *rows);
void parts_show(struct wizard *wizard, const char *device);
bool parts_act(struct wizard *wizard, const struct row *row);
/* The part that the screen is about; NULL: all. */
const struct report *parts_shown(const struct wizard *wizard);
/* That one, or all of them: of struct report. */
struct list parts_on_screen(struct arena *arena, const struct wizard *wizard);
/* One of the parts gives this device. */
bool parts_give(const struct report *report, const struct pci_device *gpu);
/* The VMs of the parts, each once: of struct vm. */
struct list parts_vms(struct arena *arena, const struct report *report);
/* Each part has a device and a VM. */
bool parts_are_chosen(const struct report *report);

/* The name people know a card by: what stands in brackets in pci.ids. */
const char *short_label(struct arena *arena, const struct pci_device *device);
/* 01:00.0 for 0000:01:00.0, as lspci and the guide write it; another domain stays. */
const char *short_address(const struct pci_device *device);
/* How a step stands by its findings alone. */
struct step_state state_of_findings(const struct wizard *wizard, enum step step);

#endif
