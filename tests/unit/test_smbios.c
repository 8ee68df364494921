/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The name of a slot in the firmware's tables. */
#include "tests/unit/helper.h"

#include "pvegpu/formats/smbios.h"

/* A BIOS structure, two slots, the end. */
static const unsigned char tables[] = {0, 4, 0, 0, 'v', 'e', 'n', 'd', 'o', 'r', 0, 0, /* */
		9, 17, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 'P', 'C', 'I', 'E', '1', 0, 0,
		9, 17, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 8, 'x', 0, 'S', 'L', '2', 0, 0,
		127, 4, 3, 0, 0, 0};

static char *name_of(struct arena *arena, const char *text, size_t n)
{
	struct pci_address address;
	assert_true(pci_address_parse_full(text, &address));
	return smbios_slot_name(arena, tables, n, &address);
}

static void names(void **state)
{
	assert_string_equal(name_of(*state, "0000:01:00.0", sizeof tables), "PCIE1");
	assert_string_equal(name_of(*state, "0000:01:00.1", sizeof tables), "PCIE1");
	assert_string_equal(name_of(*state, "0000:41:01.0", sizeof tables), "SL2");
	assert_null(name_of(*state, "0000:41:00.0", sizeof tables));
	assert_null(name_of(*state, "0001:01:00.0", sizeof tables));
}

static void cut(void **state)
{
	for (size_t n = 0; n < sizeof tables; n++) {
		char *name = name_of(*state, "0000:41:01.0", n);
		assert_true(!name || strncmp(name, "SL2", strlen(name)) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(names), TEST(cut)};
	return cmocka_run_group_tests(tests, helper_arena_new, helper_arena_free);
}
