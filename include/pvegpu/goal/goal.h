/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_GOAL_GOAL_H
#define PVEGPU_GOAL_GOAL_H

#include <jansson.h>
#include <stdbool.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"
#include "pvegpu/facts/facts.h"

struct goal;

/*
 * What the person wants: which GPU to which VM, and each choice the wizard offers. It is the only
 * thing that is remembered between runs; how far the host is, is read from the host.
 */
enum choice { CHOICE_ADVISED = -1, CHOICE_NO = 0, CHOICE_YES = 1 };

/* The choices, in the order of `--help`. To add one: a name here, a row in choices.c,
 * and what follows from it (core/checks, core/plan). Options, help, JSON, the wizard's rows and the
 * doctor's ticks are made from the row. */
enum choice_id {
	CHOOSE_MODULES,
	CHOOSE_BIND_EARLY,
	CHOOSE_PCIE,
	CHOOSE_X_VGA,
	CHOOSE_MACHINE_Q35,
	CHOOSE_CPU_HOST,
	CHOOSE_BY_MAPPING,
	CHOOSE_MAPPING_FUNCTIONS,
	CHOOSE_FIX_MAPPINGS,
	CHOOSE_ATTACH,
	CHOOSE_START,
	CHOOSE_FALLBACK_ENTRY,
	CHOOSE_CLEAN_UP,
	CHOOSE_ADVISED, /* no: nothing but what is asked for by name. Not remembered */
	CHOOSE_PIN_KERNEL,
	CHOOSE_FIRMWARE_SETUP, /* once: not remembered */
	CHOOSE_VF_DRIVERS,     /* before the number: it counts for those that are made */
	CHOOSE_FUNCTIONS,
	CHOOSE_D3COLD,
	CHOOSE_BAR_SIZE,
	CHOOSE_MDEV,
	CHOOSE_ROMFILE,
	CHOOSE_SAVE_ROM,
	CHOOSE_MOVE,
	CHOOSE_GIVE_BACK,
	CHOOSE_SOCKETS,
	CHOOSE_CORES,
	CHOOSE_NUMA,
	CHOOSE_AFFINITY,
	CHOOSE_HUGEPAGES,
	CHOOSE_BALLOON,
	CHOOSE_VGA,
	CHOOSE_TABLET_OFF,
	CHOICES
};

/* What a choice is of. */
enum choice_scope {
	SCOPE_HOST,
	SCOPE_ASSIGNMENT,
	SCOPE_GUEST,
	SCOPE_DEVICE /* a device of the host, whoever gets it */
};

/* The wizard's step that has a row for it. */
enum choice_page {
	PAGE_NONE,
	PAGE_BIOS,
	PAGE_BOOT,
	PAGE_VFIO,
	PAGE_GPU,
	PAGE_ATTACH,
	PAGE_ADVANCED
};

/* What a choice is judged by: the facts, the goal, and what of the facts it means. */
struct choice_view {
	const struct facts *facts;
	const struct goal *goal;
	const struct pci_device *gpu;  /* or NULL */
	const struct vm *vm;           /* or NULL */
	const struct vm_hostpci *line; /* that gives the VM the GPU already, or NULL */
};

/* A value that is chosen: what it may be, and how it is kept. */
struct choice_form {
	const char *word;    /* in --help: N, NAME */
	const char *example; /* one that it takes */
	const char *what;    /* "a number from 0 to 65535" */
	const char *ask;     /* for it in the wizard: at most 40 columns */
	bool list;           /* commas are in it, which --assign has as + */
	bool number;         /* so it stands in JSON: from `least` to `most` */
	unsigned long least, most;
	const char *const *words; /* it is one of these, up to NULL; or NULL */
	/* Of neither number nor words: whether it is one. */
	bool (*fits)(const char *value);
	/* Of SCOPE_GUEST: the setting of the VM that it is, and only root@pam may set it. */
	const char *key;
	bool root_only;
	const char *unset; /* the value that takes the setting out; NULL: none does */
	/* Of SCOPE_DEVICE: the attribute that it is. */
	enum device_attribute attribute;
	/* Of SCOPE_ASSIGNMENT: what it is now; NULL: not set. */
	const char *(*now)(const struct choice_view *view);
};

struct goal_choice {
	enum choice_id id;
	const char *name; /* member of "options" */
	enum choice_scope scope;
	const struct choice_form *form; /* of its value; NULL: it is yes or no */
	const char *yes;                /* command-line option that asks for it, without -- */
	const char *no;                 /* NULL: it has a value, which is another each time */
	const char *help;
	/* The wizard's row; NULL where it has none: PAGE_NONE. */
	enum choice_page page;
	const char *text, *note, *hint;
	/* The checks whose fix it is, with blanks between them, and what a doctor's tick of them
	 * does; or NULL. */
	const char *checks, *tick;
	/* What is done where nobody chose: advice for this host, which --no-advised leaves out, or
	 * what is usual, or so already, of the line itself. NULL: nothing. (advice.c) */
	bool (*advise)(const struct choice_view *view);
	bool (*usual)(const struct choice_view *view);
	/* It is so already, so that there is nothing to choose; NULL: there always is. */
	bool (*is_done)(const struct choice_view *view);
};
extern const struct goal_choice goal_choices[]; /* by id; ends with name NULL */
/* What the guide writes for the same, and what is wrong in it. */
struct guide_line {
	enum choice_id id;
	const char *text, *fault;
};
const struct guide_line *goal_guide_line(enum choice_id id); /* or NULL */
/* Where it stands what was chosen for all. */
enum choice *goal_choice_at(struct goal *goal, const struct goal_choice *choice);
/* What a choice with a value, but of SCOPE_DEVICE, is now, which stays where nobody chose; NULL:
 * not set. */
const char *choice_now(const struct goal_choice *choice, const struct choice_view *view);
/* It is asked for; or it is advised, and neither refused nor left out with all that is advised; or
 * usual, and not refused. */
bool choice_is_taken(const struct goal_choice *choice, const struct choice_view *view);
/* Why a host driver should not touch a card that is to be given away, or NULL where unbinding it is
 * known to work. amdgpu has hung in it (Proxmox's kernels 7.0.14-1 and -2), and leaves a card
 * without a reset of its own unusable. */
const char *driver_clings(const char *driver);
/* Why the GPU is better given to vfio-pci at boot, or NULL. */
const char *why_bind_early(const struct pci_device *gpu);
/* The choice of SCOPE_DEVICE whose attribute a check judges, or NULL. */
const struct goal_choice *goal_attribute_for(const char *check);
/* The choice, of yes or no, that is the fix of a check, or NULL. */
const struct goal_choice *goal_choice_for(const char *check);

/* One device for one guest, with what is chosen for it alone. */
struct assignment {
	char *device;                /* 0000:01:00.0, or a mapping: one of its devices */
	unsigned vmid;               /* the guest; 0: none chosen */
	enum choice chosen[CHOICES]; /* of SCOPE_ASSIGNMENT; the others stay as advised */
	char *values[CHOICES];       /* the same of those with a value; NULL: none is chosen */
	char *mapping;               /* its name; NULL: one is proposed */
};

/* A guest, with what is chosen for it alone. */
struct guest_goal {
	unsigned vmid;
	enum choice chosen[CHOICES]; /* of SCOPE_GUEST; the others stay as advised */
	char *values[CHOICES];       /* the same of those with a value */
};

/* A device of the host, with what is chosen for it whoever gets it. */
struct device_goal {
	char *device;          /* 0000:00:02.0 */
	char *values[CHOICES]; /* of SCOPE_DEVICE: what is chosen; NULL: nothing is */
};

struct goal {
	struct arena *arena;
	/* The short form: each of these devices for that guest, with the choices below. */
	struct strings gpus;     /* 0000:01:00.0 */
	unsigned vmid;           /* 0: none chosen */
	struct list assignments; /* of struct assignment: what is asked for beside it */
	struct list guests;      /* of struct guest_goal: those with choices of their own */
	struct list devices;     /* of struct device_goal: those with choices of their own */
	struct strings cards;    /* 0000:01:00.0=FINGERPRINT: what was there when it was planned */
	struct strings params;   /* kernel parameters asked for */
	struct strings params_unwanted;
	enum choice chosen[CHOICES];
	char *values[CHOICES]; /* of choices with a value, but of SCOPE_DEVICE; NULL: none */
	char *mapping;         /* its name; NULL: one is proposed */
	/* What it names too: alternatives on this node (02:00), or the device of another node
	 * (pve3=0000:41:00). */
	struct strings mapping_devices;
	char *delete_mapping;    /* a mapping that no VM uses is to go; NULL none */
	struct strings accepted; /* CHECK=SUBJECT */
};

struct goal *goal_new(void);
struct goal *goal_copy(const struct goal *goal);
void goal_free(struct goal *goal); /* NULL is fine */
/* Take a device to the goal, or away from it. */
void goal_gpu(struct goal *goal, const char *device, bool wanted);
/* Only this device from now on; the guest that gets it stays. */
void goal_only_gpu(struct goal *goal, const char *device);
/* Keep what card a device of the goal is; and that, or NULL. Forgotten when it is chosen anew. */
void goal_know_card(struct goal *goal, const char *device, const char *fingerprint);
const char *goal_card_of(const struct goal *goal, const char *device);
/* Give a device of the goal to a guest; NULL: all of them. */
void goal_give(struct goal *goal, const char *device, unsigned vmid);
/* Choose for a device, or the guest that gets it; NULL, and what is of the host: for all. */
void goal_choose(struct goal *goal, const struct goal_choice *choice, const char *device,
		enum choice value);
/* Choose a value for a device, of SCOPE_DEVICE as "0000:00:02.0" or as lspci has it, or the guest
 * that gets it; NULL, but of SCOPE_DEVICE: for all. A value of NULL takes it back. ERROR_USAGE when
 * it is none for that choice. */
int goal_set_value(struct goal *goal, const struct goal_choice *choice, const char *device,
		const char *value, struct error *err);
/* The same for all, as goal_choice_at() has it: what is chosen for one alone stays. */
int goal_value_at(struct goal *goal, const struct goal_choice *choice, const char *value,
		struct error *err);
/* The number that is chosen for the device; false where none is. */
bool goal_number(const struct goal *goal, enum choice_id id, const char *device, unsigned *ret);
/* Ask for a kernel parameter, or say that it is not wanted; takes back the opposite. */
void goal_param(struct goal *goal, const char *word, bool wanted);
/* Take back either. */
void goal_param_forget(struct goal *goal, const char *word);
void goal_accept(struct goal *goal, const char *check, const char *subject);
bool goal_accepted(const struct goal *goal, const char *check, const char *subject);

/* Take "DEVICE[,OPTION...]=VMID" in: the options are those of the choices of SCOPE_ASSIGNMENT,
 * mapping=NAME, and those of SCOPE_GUEST, which are of the guest with whatever it gets.
 * ERROR_USAGE, with what is wrong, when it is none, or says another thing of a guest than one
 * before. */
int goal_assign(struct goal *goal, const char *text, struct error *err);
/* The goal taken apart: for each device a goal of it alone with its guest and its choices, of the
 * arena; one without a device where there is none. What is of the host stands in each. The texts
 * are those of the goal, which must outlive them. Of struct goal. */
struct list goal_parts(struct arena *arena, const struct goal *goal);

/* "GPU 0000:01:00.0 to VM 106; GPU 0000:02:00.0 to VM 107; GPU 0000:00:02.0 into 7
 * virtual functions"; NULL where no device is chosen. */
char *goal_text(struct arena *arena, const struct goal *goal);
/* It gives devices by their addresses, or names a guest alone; false where it takes one of a pool.
 */
bool goal_names_devices(const struct goal *goal);
/* No device and no guest any more; what else was chosen stays. */
void goal_forget_devices(struct goal *goal);

json_t *goal_to_json(const struct goal *goal); /* the caller owns the reference */
int goal_from_json(const json_t *json, struct goal **ret_goal, struct error *err);

#endif
