/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_DOCTOR_DOCTOR_H
#define PVEGPU_DOCTOR_DOCTOR_H

#include <jansson.h>

#include "pvegpu/checks/check.h"
#include "pvegpu/doctor/symptoms.h"
#include "pvegpu/logs/logs.h"

/*
 * From matches to a diagnosis: what each means on this host, what was found of it, what is ruled
 * out, what nobody could tell, and what to do in order.
 *
 *	struct scan *scan = scan_new(NULL);       scan_host(scan, root);
 *	doctor_fill_goal(scan, facts, goal);      report_new(facts, goal, &report, &error);
 *	struct diagnosis *diagnosis = doctor_diagnose(scan, report, root, kind);
 *	... doctor_text(), doctor_to_json(), or the lists themselves ...
 *	diagnosis_free(diagnosis);                then report, facts, scan
 */

/* What a line names. */
struct named {
	char device[PCI_ADDRESS_TEXT]; /* 0000:01:00.0, or a slot 0000:01:00; "" none */
	int group;                     /* -1 none */
	unsigned vmid;                 /* 0 none */
};
struct named named_in(const char *line);

struct doctor_fix {
	char *text;
	const char *check; /* the check whose fix does it, or NULL */
	bool automatic;    /* the plan for this goal does it */
};

/* One match, and what this host shows of it. */
struct doctor_case {
	const struct match *match;
	struct named named;    /* by its line, its task, or the goal */
	struct list evidence;  /* of struct evidence */
	struct list ruled_out; /* of struct finding: looked at, and fine */
	struct list unknown;   /* of struct finding */
	size_t bad;            /* how many findings warn or fail */
	struct list fixes;     /* of struct doctor_fix, in order */
	char *over;            /* why it is history ("VM 106 started since"), or NULL */
};

/* A symptom in plain words, with the checks that tell. */
struct doctor_kind {
	const struct symptom_kind *kind;
	bool chosen;          /* by the person; otherwise matches point to it */
	struct list findings; /* of struct finding, in the order to look; of a chosen one */
	struct list cases;    /* of struct doctor_case */
};

/* Who has a device of a card open, or would take it. */
struct card_holder {
	char *what;         /* "process 2211 (Xorg)", "VM 106 talos", "container 200 pihole" */
	char *how;          /* "/dev/nvidia0 is open", "hostpci0: 01:00,pcie=1" */
	enum known running; /* a guest that is not running would take it when it starts */
	int order;          /* at boot: startup order of a guest that starts then; -1 does not */
};
/* Processes below /proc with GPU, sound or VFIO files open, and guests of `device` (NULL: of any
 * GPU). Bounded; `ret_unknown` says what could not be looked at, or is set to NULL. */
struct list doctor_holders(const struct root *root, const struct facts *facts,
		const struct pci_device *device, struct arena *arena, char **ret_unknown);

struct diagnosis {
	struct arena *arena;
	const struct scan *scan;     /* lent */
	const struct report *report; /* lent; NULL where there is no host to look at */
	struct list cases;           /* of struct doctor_case, the most telling first */
	struct list kinds;           /* of struct doctor_kind: the chosen one, then others */
	struct list holders;         /* of struct card_holder */
	char *holders_unknown;       /* or NULL */
};

/* Fill in what the person left out: the VM and the GPU that the logs speak of. Sorts the scan's
 * matches. */
void doctor_fill_goal(struct scan *scan, const struct facts *facts, struct goal *goal);
/* `report`, `root` and `kind` may be NULL. Sorts the scan's matches. */
struct diagnosis *doctor_diagnose(struct scan *scan, const struct report *report,
		const struct root *root, const struct symptom_kind *kind);
void diagnosis_free(struct diagnosis *diagnosis); /* NULL is fine */

/* A match of severity error that is not history, or a fail finding of the chosen kind. */
bool doctor_needs_attention(const struct diagnosis *diagnosis);

json_t *doctor_to_json(const struct diagnosis *diagnosis); /* pvegpu.doctor/1; caller owns it */
/* At most 80 columns wide. */
char *doctor_text(struct arena *arena, const struct diagnosis *diagnosis);
/* One match as it is told while following a log. */
char *doctor_match_text(struct arena *arena, const struct match *match);
json_t *doctor_match_to_json(const struct match *match);
/* The catalogue: kinds and symptoms. */
char *doctor_list_text(struct arena *arena);
json_t *doctor_list_to_json(void);

#endif
