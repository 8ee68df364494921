/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/vfct.h"

#include <string.h>

enum {
	HEADER = 76, /* ACPI header, a UUID, two offsets, four words */
	FIRST = 52,  /* where the first offset stands */
	LENGTH = 4,  /* and the table's length */
	IMAGE = 28,  /* before each ROM: bus, device, function; ids; revision; length */
	IMAGE_VENDOR = 12,
	IMAGE_LENGTH = 24
};

static uint32_t word(const unsigned char *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

static uint16_t half(const unsigned char *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

bool vfct_next(const unsigned char *table, size_t n, size_t *at, struct vfct_image *ret_image)
{
	if (n < HEADER || memcmp(table, "VFCT", 4) != 0)
		return false;
	size_t end = word(table + LENGTH) < n ? word(table + LENGTH) : n;
	size_t offset = *at ? *at : word(table + FIRST);
	if (offset < HEADER || offset > end || end - offset < IMAGE)
		return false;
	const unsigned char *image = table + offset;
	size_t length = word(image + IMAGE_LENGTH);
	if (length > end - offset - IMAGE)
		return false;
	*ret_image = (struct vfct_image){.bus = word(image),
			.device = word(image + 4),
			.function = word(image + 8),
			.vendor_id = half(image + IMAGE_VENDOR),
			.device_id = half(image + IMAGE_VENDOR + 2),
			.rom = image + IMAGE,
			.n = length};
	*at = offset + IMAGE + length;
	return true;
}
