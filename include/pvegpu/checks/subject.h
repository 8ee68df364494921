/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CHECKS_SUBJECT_H
#define PVEGPU_CHECKS_SUBJECT_H

#include <stdbool.h>

#include "pvegpu/base/arena.h"

struct pci_device;
struct vm;

/*
 * What a finding is about. The program asks the type; the text is for people, JSON and
 * --accept CHECK=SUBJECT, and is never read back. What a subject points to (a device, a name) is
 * lent: it must outlive it.
 */
enum subject_kind {
	SUBJECT_HOST,    /* "host" */
	SUBJECT_DEVICE,  /* "0000:01:00.0" */
	SUBJECT_GROUP,   /* "group/12": an IOMMU group */
	SUBJECT_VM,      /* "vm/106" */
	SUBJECT_MAPPING, /* "mapping/gpu": a PCI resource mapping of the cluster */
	SUBJECT_ESP,     /* "esp/1A2B-3C4D": an EFI system partition, by its UUID */
	SUBJECT_PATH,    /* "/etc/default/grub", "/vms/106": a file, or a path of the API */
};

struct subject {
	enum subject_kind kind;
	union {
		const struct pci_device *device;
		int group;
		unsigned vmid;
		const char *name; /* of a mapping, a partition, a path */
	};
};

struct subject subject_host(void);
struct subject subject_device(const struct pci_device *device);
struct subject subject_group(int group);
struct subject subject_vm(const struct vm *vm);
struct subject subject_vmid(unsigned vmid); /* of a VM of which nothing else is known */
struct subject subject_mapping(const char *name);
struct subject subject_esp(const char *uuid);
struct subject subject_path(const char *path);

bool subject_equal(struct subject a, struct subject b);
bool subject_is_host(struct subject subject);
/* Of this one; false where it is NULL. */
bool subject_is_device(struct subject subject, const struct pci_device *device);
bool subject_is_vm(struct subject subject, const struct vm *vm);
bool subject_is_mapping(struct subject subject, const char *name);

/* As people and JSON have it; equal texts are of equal subjects. */
char *subject_text(struct arena *arena, struct subject subject);

#endif
