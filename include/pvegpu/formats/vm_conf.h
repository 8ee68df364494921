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
	const char *key;
	char *value; /* as PVE keeps it: a boolean is 0 or 1 */
	char *shown; /* as it may leave the program: see vm_secret.h */
	size_t line;
};

struct vm_conf_section {
	char *name;          /* "" for the current configuration, "PENDING", a snapshot's name */
	struct list entries; /* of struct vm_conf_entry, by line: each key once, with the value
				that counts */
	struct list dropped; /* of struct vm_conf_entry: keys and values that PVE does not take */
	struct strings description; /* the lines of its notes, as PVE writes them behind a # */
};

struct vm_conf_problem {
	size_t line;
	char *what; /* why PVE drops it, or what it says, at the next write; holds no value */
};

struct vm_conf {
	struct vm_conf_section current;
	struct vm_conf_section pending;
	struct list specials;  /* of struct vm_conf_section: cloudinit, fleecing */
	struct list snapshots; /* of struct vm_conf_section */
	struct list problems;  /* of struct vm_conf_problem, by line */
};

/* Where a text is from. What an API has answered was judged by that Proxmox VE, which may be a
 * newer one: its keys and values are taken as they are. */
enum vm_conf_source { VM_CONF_FILE, VM_CONF_API };

/* Never fails: what PVE would not understand becomes a problem with its line. */
void vm_conf_parse(struct arena *arena, const char *text, enum vm_conf_source source,
		struct vm_conf *ret_conf);
const char *vm_conf_get(const struct vm_conf_section *section, const char *key);   /* or NULL */
const char *vm_conf_shown(const struct vm_conf_section *section, const char *key); /* or NULL */

/* Add a line of a description as it stands after the '#': each byte but \x20-\x24 \x26-\x39
 * \x3b-\x7e is written as %XX (PVE/Tools.pm, encode_text). */
void vm_conf_encode(struct text *text, const char *line, size_t n);

/*
 * What Proxmox VE makes of the file when it is next written with these settings
 * (PVE/QemuServer.pm, write_vm_config; PVE/API2/Qemu.pm, update_vm_api): notes first, then the keys
 * in byte order, then [PENDING], [special:…] and the snapshots; what it did not understand is gone.
 * Of a VM that is stopped all that waits in [PENDING] becomes current. Of one that runs the
 * settings are put there, but for those that need no restart.
 */
enum vm_conf_power { VM_CONF_WRITTEN, VM_CONF_STOPPED, VM_CONF_RUNNING };
struct vm_conf_edit {
	unsigned vmid;
	enum vm_conf_source source;
	enum vm_conf_power power; /* WRITTEN: put into the current section, nothing else happens */
	struct list settings;     /* of struct vm_conf_entry; a NULL value deletes the key */
};
char *vm_conf_predict(struct arena *arena, const char *text, const struct vm_conf_edit *edit);

#endif
