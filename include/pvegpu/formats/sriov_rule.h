/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_SRIOV_RULE_H
#define PVEGPU_FORMATS_SRIOV_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/formats/pci_address.h"

/*
 * A line that sets the number of virtual functions at boot, of the two forms that are understood: a
 * rule of udev (udev(7)) for one address, and a line of sysfsutils' /etc/sysfs.conf:
 *
 *   ACTION=="add", SUBSYSTEM=="pci", KERNEL=="0000:00:02.0", ATTR{sriov_numvfs}="7"
 *   bus/pci/devices/0000:00:02.0/sriov_numvfs = 7
 *
 * Numbers are decimal; TotalVFs has 16 bits (PCI Express, SR-IOV Extended Capability).
 */
enum { SRIOV_FUNCTIONS_MAX = 65535 };

struct sriov_rule {
	struct pci_address address;
	long vendor, device; /* the ids that it asks for too; -1: it does not */
	unsigned count;
	size_t at, n; /* where the number stands in the line */
};

/* The line has to do with that number at all. */
bool sriov_rule_names(const char *line);
/* False where it has another form, is for more than one address or none, sets more than that, or
 * may not act: nothing is guessed. */
bool sriov_rule_read_udev(struct arena *arena, const char *line, struct sriov_rule *ret_rule);
bool sriov_rule_read_sysfs(struct arena *arena, const char *line, struct sriov_rule *ret_rule);

#endif
