/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <pci/pci.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "core/facts/internal.h"

/*
 * The only file that calls libpci. libpci ends the process on an error unless its callback is
 * replaced (lib/pci.h, "error"); ours jumps back here. The callback gets no user pointer, so the
 * place to jump to hangs on the thread that called.
 */
static _Thread_local jmp_buf *escape;

__attribute__((noreturn, format(printf, 1, 2))) static void on_error(char *message, ...)
{
	(void)message;
	longjmp(*escape, 1);
}

__attribute__((format(printf, 1, 2))) static void on_message(char *message, ...)
{
	(void)message;
}

static void plain_label(struct arena *arena, struct pci_device *device)
{
	device->label = device->vendor == 0xffff && device->device == 0xffff
					? arena_strdup(arena, "unknown device (its ids are not "
							      "recorded)")
					: arena_printf(arena, "Device %04x:%04x", device->vendor,
							  device->device);
}

static void look_up(struct pci_access *access, struct facts *facts)
{
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct pci_device *device = facts->devices.item[i];
		char buffer[256];
		if (device->vendor == 0xffff)
			continue;
		const char *name = pci_lookup_name(access, buffer, sizeof buffer,
				PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_HWDB,
				device->vendor, device->device);
		if (name && strcmp(name, "<pci_lookup_name: buffer too small>") != 0)
			device->label = arena_strdup(facts->arena, name);
	}
}

void facts_read_names(struct facts *facts)
{
	for (size_t i = 0; i < facts->devices.n; i++)
		plain_label(facts->arena, facts->devices.item[i]);
	jmp_buf here;
	escape = &here;
	struct pci_access *volatile access = pci_alloc();
	if (access && setjmp(here) == 0) {
		access->error = on_error;
		access->warning = on_message;
		access->debug = on_message;
		look_up(access, facts);
	}
	if (access)
		pci_cleanup(access);
	escape = NULL;
}
