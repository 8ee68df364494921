/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_MODULES_H
#define PVEGPU_FACTS_MODULES_H

#include "pvegpu/facts/pci.h"

/* What is loaded, and what modprobe and the initramfs are told. */

struct module_file {
	char *path;
	struct strings names;
};

/* A line of a udev rule, or of sysfs.conf, that sets something of a PCI device; of systemd's units
 * and of tmpfiles.d only what sets the number of virtual functions. */
struct device_rule {
	char *path;
	size_t line;
	char *text;
	struct pci_device *device;
	bool sets_functions; /* it has to do with sriov_numvfs */
	int functions; /* how many virtual functions it makes; -1: none, or in a way that is not
			  understood */
};

#endif
