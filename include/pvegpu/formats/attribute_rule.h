/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_ATTRIBUTE_RULE_H
#define PVEGPU_FORMATS_ATTRIBUTE_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/formats/pci_address.h"

/* Attributes of a PCI device that are set and kept (Documentation/ABI/testing/sysfs-bus-pci). */
enum device_attribute {
	ATTRIBUTE_NONE,
	ATTRIBUTE_VF_DRIVERS, /* sriov_drivers_autoprobe: host drivers take new virtual functions */
	ATTRIBUTE_FUNCTIONS,  /* sriov_numvfs: how many there are */
	ATTRIBUTE_D3COLD,     /* d3cold_allowed: its power may be cut when nobody uses it */
	ATTRIBUTE_WINDOW, /* resourceN_resize: MiB of its largest window; 0: as the firmware has it
			   */
	ATTRIBUTES
};
const char *attribute_name(enum device_attribute attribute);
/* What the kernel, or the firmware, begins with. */
unsigned attribute_at_first(enum device_attribute attribute);

/*
 * A line that sets one of them at boot, of the two forms that are understood: a rule of udev
 * (udev(7)) for one address, and a line of sysfsutils' /etc/sysfs.conf:
 *
 *   ACTION=="add", SUBSYSTEM=="pci", KERNEL=="0000:00:02.0", ATTR{sriov_numvfs}="7"
 *   bus/pci/devices/0000:00:02.0/sriov_numvfs = 7
 *
 * Numbers are decimal; TotalVFs has 16 bits (PCI Express, SR-IOV Extended Capability).
 *
 * A window is resized where no driver has the device (Documentation/ABI/testing/sysfs-bus-pci), and
 * vfio-pci has it when udev comes, from the initramfs (add), or as soon as it is loaded (bind): a
 * rule of ours lets go of it, once in a boot and before guests run, and no rule but ours is
 * understood.
 */
enum { ATTRIBUTE_MAX = 65535 };
/* What is written for a value: of a window the exponent of MiB that it takes, of others itself. */
unsigned attribute_number(enum device_attribute attribute, unsigned value);
/* What the rule does that makes a window this large. */
char *attribute_rule_resize(struct arena *arena, int window, unsigned mib);

struct attribute_rule {
	struct pci_address address;
	long vendor, device; /* the ids that it asks for too; -1: it does not */
	unsigned value;
	size_t at, n; /* where the number stands in the line */
};

/* The line has to do with the attribute at all. */
bool attribute_rule_names(enum device_attribute attribute, const char *line);
/* False where it has another form, is for more than one address or none, sets more than that, or
 * may not act: nothing is guessed. */
typedef bool attribute_rule_read(struct arena *arena, enum device_attribute attribute,
		const char *line, struct attribute_rule *ret_rule);
attribute_rule_read attribute_rule_read_udev;
attribute_rule_read attribute_rule_read_sysfs;

#endif
