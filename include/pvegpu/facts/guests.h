/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_GUESTS_H
#define PVEGPU_FACTS_GUESTS_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/facts/pci.h"
#include "pvegpu/formats/hostpci.h"
#include "pvegpu/formats/vm_conf.h"

/* The VMs and containers of a node. */

struct vm_hostpci {
	int index;
	char *key;
	char *value;
	bool valid;
	char *error; /* why not valid, or NULL */
	struct hostpci parsed;
	struct list devices;      /* of struct pci_device: what PVE would take (prefix match);
				     empty for a mapping with several devices on this node */
	enum known romfile_found; /* below /usr/share/kvm; unknown without a romfile */
};

struct vm {
	unsigned vmid;
	char *name; /* "" when the config has none */
	char *path;
	char *text;                 /* the file, up to its first NUL */
	enum vm_conf_source source; /* of the text: the file, or made from what the API tells */
	char digest[41];            /* SHA-1 of the file, as PVE's API has it */
	struct vm_conf conf;
	struct list hostpci; /* of struct vm_hostpci, from the current section */
	struct list pending; /* the same from [PENDING]: counts after a stop and start */
	enum known running;
};

/* A container that has a GPU of the host, by a dev or mount entry. */
struct container {
	unsigned ctid;
	char *name; /* "" when the config has none */
	char *path;
	char *line;          /* the entry that gives it the GPU */
	struct list devices; /* of struct pci_device; empty where it cannot be told which */
	enum known running;
};

/* A start of a VM that has ended, from /var/log/pve/tasks/index. */
struct task {
	char *upid;
	unsigned vmid;
	char *status; /* "OK", "WARNINGS: 1", or what went wrong */
};

#endif
