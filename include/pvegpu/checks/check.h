/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CHECKS_CHECK_H
#define PVEGPU_CHECKS_CHECK_H

#include "pvegpu/checks/subject.h"
#include "pvegpu/facts/facts.h"
#include "pvegpu/formats/cpu_list.h"
#include "pvegpu/goal/goal.h"

/*
 * The catalogue: everything pvegpu knows to look for, one row a check. The wizard shows the checks
 * of one step, the audit runs them all. A check judges: it is a function of the facts and the goal,
 * and knows nothing of other checks, of plans, nor of the way to the host. What is done about its
 * findings is the planner's (pvegpu/plan/planner.h).
 *
 * To add a check: one function in the file of its step, one row in catalogue.c, one in rests.c for
 * what it reads, and two fixtures (a host that passes, a host that does not).
 */
enum step {
	STEP_HOST,
	STEP_BIOS,
	STEP_BOOT,
	STEP_VFIO,
	STEP_GPU,
	STEP_VM,
	STEP_ATTACH,
	STEP_VERIFY,
	STEP_COUNT
};
extern const char *const step_names[STEP_COUNT]; /* "host", "bios" … */

/* fail: passthrough will not work or will harm the host. warn: it may, or weakens something.
 * unknown: could not be measured, with the reason in the detail. */
enum status { STATUS_OK, STATUS_INFO, STATUS_WARN, STATUS_FAIL, STATUS_UNKNOWN, STATUS_COUNT };
extern const char *const status_names[STATUS_COUNT];

struct evidence {
	char *source;
	char *text;
};

/* What stands between the goal and applying it. */
enum risk {
	RISK_NONE,
	RISK_ACCEPT, /* refused until accepted by --accept CHECK=SUBJECT */
	RISK_NEVER,  /* refused */
};

/* Who mends a finding, and by what. */
enum fix_way {
	FIX_NONE,      /* nobody knows how, or nothing has to be */
	FIX_BY_HAND,   /* a person */
	FIX_BY_PLAN,   /* the planner, by its remedy */
	FIX_BY_REBOOT, /* the planner: all is written already, a reboot alone does it */
};

struct fix {
	enum fix_way way;
	char *text; /* what would mend it, for a person; NULL with FIX_NONE */
};

struct report;
struct check;

struct finding {
	const struct check *check;
	enum status status;
	struct subject about;
	char *subject;        /* the text of it: for people and JSON, not to be compared */
	char *detail;         /* what is the case, in a sentence or two */
	struct list evidence; /* of struct evidence */
	struct fix fix;
	bool prevents_start; /* the VM it is about, or that uses the mapping, is not started so */
	bool unread;         /* it rests on something that could not be read */
	enum risk risk;
};

static inline bool finding_is_planned(const struct finding *finding)
{
	return finding->fix.way >= FIX_BY_PLAN;
}

struct check {
	const char *id;
	enum step step;
	const char *title; /* at most 40 columns */
	const char *why;   /* why it matters; two sentences at most */
	const char *see;   /* where that is documented: an URL, or NULL */
	void (*run)(struct report *report, const struct check *check);
	bool plans;       /* a plan can mend what it finds */
	bool needs_files; /* it cannot be judged from what the API shows */
};

extern const struct check check_catalogue[]; /* ends with id NULL */
const struct check *check_by_id(const char *id);
/* Whether the table of what rests on what (core/checks/rests.c) knows the catalogue: a check that
 * rests on nothing, or a name there that is of no check; NULL when all is well. */
const char *rests_fault(void);

/* What a goal chooses among, with the advice for this host. */
enum need { NEED_DONE, NEED_ADVISED, NEED_OPTIONAL, NEED_LATER, NEED_USELESS };

struct param_choice {
	const char *word;  /* intel_iommu=on */
	const char *check; /* the check it belongs to */
	enum need need;
	bool running;     /* on the command line now */
	bool configured;  /* in the boot loader's file */
	bool selected;    /* would be there after the plan */
	bool unwanted;    /* contradicts: advised to go */
	bool repeated;    /* stands there twice: once goes when the goal is to clean up */
	bool obsolete;    /* without effect: goes when the goal is to clean up */
	const char *note; /* why, at most 40 columns */
	const char *help; /* one sentence on what it does and costs */
};

/* The plan puts it in, or takes it out. */
bool param_is_put(const struct param_choice *param);
bool param_is_taken(const struct param_choice *param);

/*
 * What follows from facts and goal. A check judges one device for one guest: of a goal with several
 * there is a report on each (`parts`), and one on the whole, with the findings of all and of the
 * first part what is of one.
 */
struct report {
	struct arena *arena;
	const struct facts *facts;  /* lent; must outlive the report */
	const struct goal *goal;    /* lent */
	struct list parts;          /* of struct report: itself, where the goal has one part only */
	const struct report *whole; /* the report that it is a part of; itself */
	struct pci_device *gpu;     /* the goal's GPU, or NULL */
	const char *near; /* the CPUs that "near" means for its VM; NULL: it is not asked for, or
			     there are none */
	const char *mdev; /* the type of vGPU that the VM gets of it; NULL: all of it */
	struct list card; /* what goes with it, itself among them */
	const struct pci_mapping *pool; /* that the goal names instead of a device, or NULL */
	struct list pool_offers;        /* of struct list: its devices of this node, those that go
					   together */
	const struct vm_hostpci *line;  /* that gives the GPU to the VM already, or NULL */
	struct vm *vm;                  /* the goal's VM, or NULL */
	struct list findings;           /* of struct finding, in the order of the catalogue */
	struct list weighing;      /* those that a verdict comes from: what fails or is not known,
				      also where report_only() left it out */
	struct list params;        /* of struct param_choice */
	struct strings configured; /* words the boot loader's file asks for */
	/* The choices with the advice filled in. */
	bool decided[CHOICES];
	bool done[CHOICES];          /* it is so already, so there is nothing to choose */
	struct list mapping_edits;   /* of struct mapping_edit: what mappings are to be like */
	struct list mappings_wanted; /* of the same: those the GPU is attached by, in order */
	bool bound_at_boot;          /* vfio-pci is set up to take the GPU's card at boot already */
	/* A device of the host that would go to vfio-pci with the card when it does at boot; or
	 * NULL. */
	const struct pci_device *goes_along;
	const char *bind_reason; /* why early binding is advised or not */
};

/* Run the whole catalogue. ERROR_USAGE when the goal names a GPU or VM that is not there, or one
 * device twice. */
int report_new(const struct facts *facts, const struct goal *goal, struct report **ret_report,
		struct error *err);
void report_free(struct report *report); /* NULL is fine */

/* The CPUs of the host that a VM is kept to (affinity), at its next start; false: any. */
bool cpus_of_vm(const struct vm *vm, struct cpu_list *ret_list);
/* The same of the goal's VM, as it is to be. */
bool cpus_chosen(const struct report *report, struct cpu_list *ret_list);
/* How many the goal's VM has, as it will be. */
unsigned long cpus_wanted(const struct report *report);
/* Those that it is best kept to; NULL: there are not so many, or it is not known how they belong.
 */
const char *cpus_proposed(const struct report *report);

/* The first finding of a check, by its id; NULL when it has none. */
struct finding *report_find(const struct report *report, const char *check);

/* Which findings are meant: what is left out (NULL, 0) means any. One query is one walk. */
struct finding_query {
	const char *check;             /* its id */
	unsigned steps;                /* a bit for each: 1U << STEP_VM */
	const struct subject *subject; /* lent */
	size_t next;                   /* how far the walk is: 0 at first */
};
/* The next finding that is meant, in the report's order; NULL when there are no more. */
struct finding *report_next(const struct report *report, struct finding_query *query);

/* It stands for a check that needs the files of a remote host: there is nothing of its own to say.
 */
bool finding_is_unseen(const struct report *report, const struct finding *finding);

struct report_counts {
	size_t by_status[STATUS_COUNT];
};
struct report_counts report_counts(const struct report *report);
/* ready, needs-work, blocked or unknown, for a display device (see README, Audit). */
const char *report_verdict(const struct report *report, const struct pci_device *gpu);

/* What the choices of a part of the goal are judged by. */
struct choice_view report_view(const struct report *report);
/* Where the wizard should open: the first step that has something to do, from findings alone. */
enum step report_next_step(const struct report *report);

/* Ask for, or not any more, what a check's fix does: sets the choice of the goal it belongs to.
 * False when that check has no fix that a goal chooses. */
bool report_ask_for(const struct report *report, struct goal *goal, const char *check, bool wanted);
/* What that is, in a few words; NULL when a goal does not choose it. */
const char *report_ask_text(const char *check);
/* It is asked for by name. */
bool report_asks_for(const struct report *report, const struct goal *goal, const char *check);

/* Keep only the findings of these steps (their names) and checks (their ids); verdicts stay those
 * of all checks. ERROR_USAGE when one is neither. */
int report_only(struct report *report, const struct strings *names, struct error *err);

#endif
