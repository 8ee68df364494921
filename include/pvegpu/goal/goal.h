/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_GOAL_GOAL_H
#define PVEGPU_GOAL_GOAL_H

#include <jansson.h>
#include <stdbool.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"

/*
 * What the person wants: which GPU to which VM, and each choice the wizard offers. It is the only
 * thing that is remembered between runs; how far the host is, is read from the host.
 */
enum choice { CHOICE_ADVISED = -1, CHOICE_NO = 0, CHOICE_YES = 1 };

struct goal {
	struct arena *arena;
	struct strings gpus;   /* 0000:01:00.0 */
	unsigned vmid;         /* 0: none chosen */
	struct strings params; /* kernel parameters asked for */
	struct strings params_unwanted;
	enum choice modules;     /* load the vfio modules at boot (/etc/modules) */
	enum choice bind_early;  /* bind to vfio-pci at boot; otherwise PVE does at VM start */
	enum choice pcie, x_vga; /* of hostpciN */
	enum choice machine_q35, cpu_host, tablet_off;
	enum choice attach;         /* give the GPU to the VM; otherwise only its settings */
	enum choice start;          /* start the VM after attaching */
	enum choice fallback_entry; /* a boot entry with the old command line */
	enum choice clean_up;       /* take out leftovers without effect */
	enum choice advised;        /* no: nothing but what is asked for by name. Not remembered */
	/* Restart into the firmware setup at the end. Once: it is not remembered. */
	enum choice firmware_setup;
	/* By a PCI mapping instead of an address; one for the slot, or one for each function. */
	enum choice by_mapping, mapping_functions;
	enum choice fix_mappings; /* mend mappings that name another device than there is */
	char *mapping;            /* its name; NULL: one is proposed */
	/* What it names too: alternatives on this node (02:00), or the device of another node
	 * (pve3=0000:41:00). */
	struct strings mapping_devices;
	char *delete_mapping;    /* a mapping that no VM uses is to go; NULL none */
	struct strings accepted; /* CHECK=SUBJECT */
};

/* The yes/no choices as one table, for options, JSON and screens. */
struct goal_choice {
	const char *name; /* member of "options" */
	size_t offset;    /* of an enum choice in struct goal */
	const char *yes;  /* command-line option that asks for it, without -- */
	const char *no;
	const char *help;
};
extern const struct goal_choice goal_choices[]; /* ends with name NULL */
enum choice *goal_choice_at(struct goal *goal, const struct goal_choice *choice);

struct goal *goal_new(void);
struct goal *goal_copy(const struct goal *goal);
void goal_free(struct goal *goal); /* NULL is fine */
/* Ask for a kernel parameter, or say that it is not wanted; takes back the opposite. */
void goal_param(struct goal *goal, const char *word, bool wanted);
/* Take back either. */
void goal_param_forget(struct goal *goal, const char *word);
void goal_accept(struct goal *goal, const char *check, const char *subject);
bool goal_accepted(const struct goal *goal, const char *check, const char *subject);

json_t *goal_to_json(const struct goal *goal); /* the caller owns the reference */
int goal_from_json(const json_t *json, struct goal **ret_goal, struct error *err);

#endif
