/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_GUESTS_H
#define PVEGPU_FACTS_GUESTS_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/facts/pci.h"
#include "pvegpu/formats/hostpci.h"
#include "pvegpu/formats/pci_rom.h"
#include "pvegpu/formats/vm_conf.h"

/* The VMs and containers of a node. */

struct vm_hostpci {
	int index;
	const char *key;
	char *value;
	bool valid;
	char *error; /* why not valid, or NULL */
	struct hostpci parsed;
	struct list devices;      /* of struct pci_device: what PVE would take (prefix match);
				     empty for a mapping with several devices on this node */
	struct list alternatives; /* of a mapping with several devices on this node: all of them */
	struct list offers;       /* the same as a struct list each: of them one is taken */
	const struct rom_file *rom; /* that file; NULL where it is not found */
};

/* A ROM file below /usr/share/kvm, where Proxmox VE looks for a line's romfile. */
struct rom_file {
	char *name;
	size_t size;        /* bytes */
	struct pci_rom rom; /* with its problem, where it is none */
	char *error;        /* why its content is not known, or NULL */
};

/* The file that a hookscript of ours for a VM lies in. */
enum hook_file {
	HOOK_NONE,
	HOOK_OURS,  /* a program, written by pvegpu */
	HOOK_PLAIN, /* the same, but it may not be run */
	HOOK_OTHER  /* another's, or no file */
};

struct vm {
	unsigned vmid;
	char *name; /* "" when the config has none */
	char *path;
	char *text;                 /* the file, up to its first NUL */
	size_t size;                /* of all of it */
	enum vm_conf_source source; /* of the text: the file, or made from what the API tells */
	const char *digest;         /* as the API told it, or NULL: ask vm_digest() */
	struct vm_conf conf;
	struct list hostpci; /* of struct vm_hostpci, from the current section */
	struct list pending; /* the same from [PENDING]: counts after a stop and start */
	enum known running;
	/* What its process was started with: of a mapping with several devices the one it got. */
	enum known taken_known;
	struct list taken;        /* of struct pci_device */
	struct list args_devices; /* of struct pci_device: given by `args`, past Proxmox VE */
	enum hook_file hook_file;
	char *hook_text; /* its hookscript, where that could be read; or NULL */
};

/* A setting as it is, and as it will be at the next start: what waits in PENDING wins. NULL: not
 * set. */
const char *vm_get(const struct vm *vm, const char *key);
const char *vm_get_next(const struct vm *vm, const char *key);
/* It gives a part of its devices, which the host's driver keeps and other guests may have parts of.
 */
bool hostpci_shares(const struct vm_hostpci *entry);
/* [PENDING] takes the key away: after the next start the line is gone. */
bool vm_key_is_removed(const struct vm *vm, const char *key);
/* SHA-1 of its file, as PVE's API has it; in the arena. */
const char *vm_digest(const struct vm *vm, struct arena *arena);
/* The lines of the next start, as struct vm_hostpci: Proxmox VE makes current what waits before
 * anything else (PVE/QemuServer.pm, vm_start_nolock). */
struct list vm_next_lines(const struct vm *vm, struct arena *arena);
/* By its ostype (win11, w2k22, wxp …): its desktop needs what a server does without. */
bool vm_is_windows(const struct vm *vm);
/* Of the value of `machine`, `cpu`, `bios`, and of one that is yes or no (NULL: not set). */
bool vm_value_is_q35(const char *machine);
bool vm_value_is_cpu_host(const char *cpu);
bool vm_value_is_ovmf(const char *bios);
bool vm_value_is_off(const char *value);
bool vm_value_is_on(const char *value);
/* It has `onboot`. */
bool vm_starts_at_boot(const struct vm *vm);

/* A container. It may have a GPU of the host, by a dev or mount entry. */
struct container {
	unsigned ctid;
	char *name;           /* "" when the config has none, or could not be read */
	char *path;           /* NULL: it runs, and its configuration could not be read */
	char *line;           /* the entry that gives it the GPU; NULL: it has none */
	struct list devices;  /* of struct pci_device; empty where it cannot be told which */
	struct strings nodes; /* below /dev/dri, that it names by their numbers: card1, renderD129
			       */
	enum known running;
};

/* "200 pihole", or "200" */
char *container_text(struct arena *arena, const struct container *container);

/* How a guest comes by a device. */
enum holder_way {
	HOLDS_BY_ADDRESS, /* hostpciN: 01:00 */
	HOLDS_BY_MAPPING, /* hostpciN: mapping=gpu */
	HOLDS_BY_MDEV,    /* a part of it: hostpciN: 01:00.0,mdev=nvidia-63 */
	HOLDS_BY_ARGS,    /* args: -device vfio-pci,host=01:00.0 */
	HOLDS_BY_NODE,    /* a container's device node, by the host's driver */
};

/* A guest of this node that has a device, or takes it when it starts. */
struct holder {
	enum holder_way way;
	const struct vm *vm;               /* or NULL: it is a container */
	const struct container *container; /* or NULL */
	const struct vm_hostpci *entry;    /* its line, of a VM; NULL: none names it */
	bool pool;                         /* the line may take another device instead */
	unsigned id;
	const char *name, *path;
	const char *line;   /* "hostpci0: 01:00,pcie=1": where that stands in `path` */
	enum known running; /* the guest */
	enum known has;     /* it has the device now */
};

/* A start of a VM that has ended, from /var/log/pve/tasks/index. */
struct task {
	char *upid;
	unsigned vmid;
	char *status; /* "OK", "WARNINGS: 1", or what went wrong */
};

#endif
