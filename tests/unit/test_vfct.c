/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ACPI table with AMD's ROMs: what is found in it, and what is cut off. */
#include "tests/unit/helper.h"

#include "pvegpu/formats/vfct.h"

enum { HEADER = 76, IMAGE = 28 };

static void put(unsigned char *at, unsigned long value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

/* Two images, of 512 and of 1024 bytes. */
static size_t make(unsigned char *table)
{
	size_t at = HEADER;
	memset(table, 0, 4096);
	memcpy(table, "VFCT", 4);
	put(table + 52, HEADER, 4);
	for (unsigned i = 0; i < 2; i++) {
		put(table + at, i ? 0x0a : 0x03, 4);
		put(table + at + 12, 0x1002, 2);
		put(table + at + 14, i ? 0x1638 : 0x73bf, 2);
		put(table + at + 24, 512 << i, 4);
		table[at + IMAGE] = 0x55;
		at += IMAGE + (512U << i);
	}
	put(table + 4, at, 4);
	return at;
}

static void both(void **state)
{
	(void)state;
	unsigned char table[4096];
	size_t n = make(table);
	size_t at = 0;
	struct vfct_image image;
	assert_true(vfct_next(table, sizeof table, &at, &image));
	assert_int_equal(image.bus, 3);
	assert_int_equal(image.device_id, 0x73bf);
	assert_int_equal(image.n, 512);
	assert_int_equal(image.rom[0], 0x55);
	assert_true(vfct_next(table, sizeof table, &at, &image));
	assert_int_equal(image.bus, 10);
	assert_int_equal(image.n, 1024);
	assert_int_equal(at, n);
	assert_false(vfct_next(table, sizeof table, &at, &image));
}

static void cut(void **state)
{
	(void)state;
	unsigned char table[4096];
	size_t n = make(table);
	struct vfct_image image;
	for (size_t length = 0; length < n; length++) {
		size_t at = 0;
		size_t found = 0;
		while (vfct_next(table, length, &at, &image))
			found++;
		assert_true(found <= (length >= HEADER + IMAGE + 512));
	}
	put(table + HEADER + 24, 0xfffffff0, 4);
	size_t at = 0;
	assert_false(vfct_next(table, sizeof table, &at, &image));
	put(table + 52, 0xffffffff, 4);
	assert_false(vfct_next(table, sizeof table, &at, &image));
	table[0] = 'D';
	assert_false(vfct_next(table, sizeof table, &at, &image));
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(both), TEST(cut)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
