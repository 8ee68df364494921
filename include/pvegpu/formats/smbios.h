/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_SMBIOS_H
#define PVEGPU_FORMATS_SMBIOS_H

#include <stddef.h>

#include "pvegpu/base/arena.h"
#include "pvegpu/formats/pci_address.h"

/* The name that is printed on the board beside the slot of a device: SMBIOS structures of type 9,
 * System Slots, as the kernel shows them in /sys/firmware/dmi/tables/DMI (DSP0134, 7.10). NULL: no
 * structure names that address. */
char *smbios_slot_name(struct arena *arena, const unsigned char *tables, size_t n,
		const struct pci_address *address);

#endif
