/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_HOSTPCI_H
#define PVEGPU_FORMATS_HOSTPCI_H

#include "pvegpu/formats/property_string.h"

/* hostpci0 … hostpci15 of a VM (PVE/QemuServer/PCI.pm, $hostpci_fmt and $MAX_HOSTPCI_DEVICES). */
enum { HOSTPCI_MAX = 16 };

struct hostpci {
	struct property_string properties;
	struct strings hosts; /* addresses as written, between the ';'; empty with a mapping */
	const char *mapping;  /* or NULL */
	bool pcie, x_vga;
	const char *mdev;    /* or NULL: the type of a mediated device */
	bool keep_driver;    /* driver=keep: PVE leaves it with the driver it has */
	const char *romfile; /* or NULL; PVE puts /usr/share/kvm/ before it */
};

/* Checks what PVE's schema checks when a configuration line is read: keys, address spelling,
 * booleans, ids. A value PVE would drop gives ERROR_PARSE and the reason. */
int hostpci_parse(struct arena *arena, const char *value, struct hostpci *ret_parsed,
		struct error *err);

/* The number in "hostpciN", or -1 when the key is not one PVE knows. */
int hostpci_index(const char *key);

#endif
