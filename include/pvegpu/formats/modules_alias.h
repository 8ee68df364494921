/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_MODULES_ALIAS_H
#define PVEGPU_FORMATS_MODULES_ALIAS_H

#include <stdbool.h>
#include <stddef.h>

#include "pvegpu/base/text.h"

/*
 * /lib/modules/VERSION/modules.alias (depmod(8)): which module drives which device, a pattern of
 * the shell's kind and a module's name a line.
 *     alias pci:v000010DEd*sv*sd*bc03sc00i00* nouveau
 *     alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci
 * Those of the second kind are drivers that give a device to a VM (a VFIO variant driver); modprobe
 * takes them only when it is asked for vfio_pci:.
 */
enum { MODULES_ALIAS_TEXT = 160 };

struct modules_alias {
	bool vfio;                        /* of vfio_pci: */
	char pattern[MODULES_ALIAS_TEXT]; /* pci:v000010DEd…, without vfio_ */
	char module[MODULES_ALIAS_TEXT];
};

/* The next alias of a PCI device; false at the end. Other lines, and those too long to be one, are
 * passed over. */
bool modules_alias_next(struct lines *cursor, struct modules_alias *ret_alias);

#endif
