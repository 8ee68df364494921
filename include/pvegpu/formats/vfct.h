/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_VFCT_H
#define PVEGPU_FORMATS_VFCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The ACPI table VFCT, in which the firmware hands AMD's ROMs to the driver: of a GPU in the
 * processor, which has no chip of its own for it, and of the card it booted with, as it was before
 * it ran (drivers/gpu/drm/amd/include/atombios.h, UEFI_ACPI_VFCT; amdgpu_bios.c).
 */
struct vfct_image {
	uint32_t bus, device, function;
	uint16_t vendor_id, device_id;
	const unsigned char *rom; /* lent, in the table */
	size_t n;
};

/* The next image; `at` is 0 at first. False at the end, and where what follows is none. */
bool vfct_next(const unsigned char *table, size_t n, size_t *at, struct vfct_image *ret_image);

#endif
