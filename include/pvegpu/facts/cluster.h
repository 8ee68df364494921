/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_CLUSTER_H
#define PVEGPU_FACTS_CLUSTER_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/facts/known.h"

/* The other nodes, what high availability manages, and the guests elsewhere. */

/* Another node of the cluster. */
struct cluster_node {
	char *name;
	enum known online;
	enum known devices_known; /* they are read when a goal names the node */
	struct list devices;      /* of struct pci_device: address, ids, class and group */
	char *why;                /* why they could not be read, or NULL */
};

/* A VM that high availability manages. */
struct ha_guest {
	unsigned vmid;
	char *state;           /* what it was asked for: started, stopped, disabled … */
	enum known restricted; /* by a restricted group or a strict rule to `nodes` */
	struct strings nodes;
};

/* A VM of another node. */
struct cluster_vm {
	unsigned vmid;
	char *name, *node;
};

#endif
