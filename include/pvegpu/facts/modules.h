/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_MODULES_H
#define PVEGPU_FACTS_MODULES_H

#include "pvegpu/facts/pci.h"
#include "pvegpu/formats/attribute_rule.h"

/* What is loaded, and what modprobe and the initramfs are told. */

struct module_file {
	char *path;
	struct strings names;
};

/* A line of a udev rule, or of sysfs.conf, that sets something of a PCI device. */
struct device_rule {
	char *path;
	size_t line;
	char *text;
	struct pci_device *device;
};

/* A line that sets an attribute of a device at boot: of udev's rules, sysfsutils, systemd's units,
 * tmpfiles.d. */
struct kept_attribute {
	enum device_attribute attribute;
	char *path;
	size_t line;
	char *text;                      /* as it stands, without its end */
	const struct pci_device *device; /* the only one that it is for; NULL: not told */
	int value; /* that it sets; -1: in a way that is not understood, or in a
		      file that is no person's to edit */
};

#endif
