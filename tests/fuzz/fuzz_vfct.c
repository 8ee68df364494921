/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ACPI table VFCT: each image lies in it, behind the one before. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/vfct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vfct_image image;
	size_t at = 0;
	size_t before = 0;
	while (vfct_next(data, size, &at, &image)) {
		CHECK(at > before && at <= size);
		CHECK(image.rom >= data && image.rom + image.n <= data + size);
		CHECK(image.rom + image.n == data + at);
		before = at;
	}
	return 0;
}
