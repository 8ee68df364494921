/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_PCI_MAPPING_H
#define PVEGPU_FORMATS_PCI_MAPPING_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/base/error.h"

/*
 * PCI mappings, /etc/pve/mapping/pci.cfg (PVE/Mapping/PCI.pm on PVE/SectionConfig.pm): a name that
 * stands for a device on each node, so that a VM, and an API token, need not name an address. Only
 * read here: changes go through the API.
 */
struct pci_mapping_entry {
	size_t line;
	char *text;             /* as written */
	char *node, *path, *id; /* path: addresses with domain, function or not, between ';' */
	char *subsystem_id;     /* or NULL */
	char *description;      /* or NULL */
	int group;              /* iommugroup, -1 when it is not given (or no number that fits) */
};

struct pci_mapping {
	char *name;
	size_t line;
	char *description;   /* or NULL */
	int mdev;            /* 0 or 1 */
	struct list entries; /* of struct pci_mapping_entry, those that are valid */
	char *error;         /* NULL, or why Proxmox VE skips the whole section */
};

struct pci_mapping_problem {
	size_t line;
	char *what; /* what is dropped, and why */
};

struct pci_mapping_file {
	struct list mappings; /* of struct pci_mapping, by first appearance */
	struct list problems; /* of struct pci_mapping_problem */
};

/* One value of `map`. ERROR_PARSE says which property is wrong or missing. */
int pci_mapping_entry_parse(struct arena *arena, const char *text,
		struct pci_mapping_entry *ret_entry, struct error *err);
/* The whole file. Never fails: what Proxmox VE skips becomes a problem with its line. */
void pci_mapping_parse(struct arena *arena, const char *text, struct pci_mapping_file *ret_file);

/* [a-z][a-z0-9_-]+ in any case (PVE/JSONSchema.pm, pve-configid). */
bool pci_mapping_name_is_valid(const char *name);

#endif
