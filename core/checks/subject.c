/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/checks/subject.h"
#include "pvegpu/facts/facts.h"

struct subject subject_host(void)
{
	return (struct subject){.kind = SUBJECT_HOST};
}

struct subject subject_device(const struct pci_device *device)
{
	return (struct subject){.kind = SUBJECT_DEVICE, .device = device};
}

struct subject subject_group(int group)
{
	return (struct subject){.kind = SUBJECT_GROUP, .group = group};
}

struct subject subject_vm(const struct vm *vm)
{
	return subject_vmid(vm->vmid);
}

struct subject subject_vmid(unsigned vmid)
{
	return (struct subject){.kind = SUBJECT_VM, .vmid = vmid};
}

struct subject subject_mapping(const char *name)
{
	return (struct subject){.kind = SUBJECT_MAPPING, .name = name};
}

struct subject subject_esp(const char *uuid)
{
	return (struct subject){.kind = SUBJECT_ESP, .name = uuid};
}

struct subject subject_path(const char *path)
{
	return (struct subject){.kind = SUBJECT_PATH, .name = path};
}

bool subject_equal(struct subject a, struct subject b)
{
	if (a.kind != b.kind)
		return false;
	switch (a.kind) {
	case SUBJECT_HOST:
		return true;
	case SUBJECT_DEVICE: /* the device of other facts is the same one */
		return a.device == b.device || strcmp(a.device->name, b.device->name) == 0;
	case SUBJECT_GROUP:
		return a.group == b.group;
	case SUBJECT_VM:
		return a.vmid == b.vmid;
	case SUBJECT_MAPPING:
	case SUBJECT_ESP:
	case SUBJECT_PATH:
		return strcmp(a.name, b.name) == 0;
	}
	return false;
}

bool subject_is_host(struct subject subject)
{
	return subject.kind == SUBJECT_HOST;
}

bool subject_is_device(struct subject subject, const struct pci_device *device)
{
	return device && subject_equal(subject, subject_device(device));
}

bool subject_is_vm(struct subject subject, const struct vm *vm)
{
	return vm && subject_equal(subject, subject_vm(vm));
}

bool subject_is_mapping(struct subject subject, const char *name)
{
	return name && subject_equal(subject, subject_mapping(name));
}

char *subject_text(struct arena *arena, struct subject subject)
{
	switch (subject.kind) {
	case SUBJECT_HOST:
		break;
	case SUBJECT_DEVICE:
		return arena_strdup(arena, subject.device->name);
	case SUBJECT_GROUP:
		return arena_printf(arena, "group/%d", subject.group);
	case SUBJECT_VM:
		return arena_printf(arena, "vm/%u", subject.vmid);
	case SUBJECT_MAPPING:
		return arena_printf(arena, "mapping/%s", subject.name);
	case SUBJECT_ESP:
		return arena_printf(arena, "esp/%s", subject.name);
	case SUBJECT_PATH:
		return arena_strdup(arena, subject.name);
	}
	return arena_strdup(arena, "host");
}
