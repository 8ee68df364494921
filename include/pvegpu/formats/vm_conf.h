/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_VM_CONF_H
#define PVEGPU_FORMATS_VM_CONF_H

#include "pvegpu/base/text.h"

/*
 * A VM's configuration file, /etc/pve/nodes/NODE/qemu-server/VMID.conf, as PVE/QemuServer.pm
 * (parse_vm_config) reads it: `key: value` lines, then [PENDING], [special:…] and one section per
 * snapshot. It is only read here: changes go through the API, which rewrites the file.
 */
struct vm_conf_entry {
	char *key;
	char *value;
	size_t line;
};

struct vm_conf_section {
	char *name;          /* "" for the current configuration, "PENDING", a snapshot's name */
	struct list entries; /* of struct vm_conf_entry; a key's last entry is the one that counts
			      */
	struct strings description; /* the # lines, still percent-encoded */
};

struct vm_conf_problem {
	size_t line;
	char *what; /* PVE warns about it and drops it at the next write */
};

struct vm_conf {
	struct vm_conf_section current;
	struct vm_conf_section pending;
	struct list snapshots; /* of struct vm_conf_section */
	struct list problems;  /* of struct vm_conf_problem */
};

/* Never fails: what PVE would not understand becomes a problem with its line. */
void vm_conf_parse(struct arena *arena, const char *text, struct vm_conf *ret_conf);
const char *vm_conf_get(const struct vm_conf_section *section, const char *key); /* or NULL */

/* Add a line of a description as it stands after the '#': each byte but \x20-\x24 \x26-\x39
 * \x3b-\x7e is written as %XX (PVE/Tools.pm, encode_text). */
void vm_conf_encode(struct text *text, const char *line, size_t n);

/*
 * What Proxmox VE makes of the current section when it next writes the file with these settings
 * (PVE/QemuServer.pm, write_vm_config): the # lines first, then the keys in byte order; what it did
 * not understand is gone. The sections below are kept as they stand. `settings` are of struct
 * vm_conf_entry; a NULL value deletes the key.
 */
char *vm_conf_predict(struct arena *arena, const char *text, const struct list *settings);

#endif
