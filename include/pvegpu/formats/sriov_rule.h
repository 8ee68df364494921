/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_SRIOV_RULE_H
#define PVEGPU_FORMATS_SRIOV_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "pvegpu/base/arena.h"

/*
 * A line that sets the number of virtual functions: of udev's rules (udev(7):
 * ATTR{sriov_numvfs}="7", where == and != only compare), or of sysfsutils' /etc/sysfs.conf
 * (bus/pci/devices/0000:00:02.0/sriov_numvfs = 7). TotalVFs has 16 bits (PCI Express, SR-IOV
 * Extended Capability).
 */
enum { SRIOV_FUNCTIONS_MAX = 65535 };

/* The line has to do with that number at all: also what sets it by a command. */
bool sriov_rule_names(const char *line);
/* The number that the line sets; false where it sets none, or in another way. */
bool sriov_rule_count(const char *line, unsigned *ret_count);
/* The same line with another number; NULL where there is none. */
char *sriov_rule_with(struct arena *arena, const char *line, unsigned count);

#endif
