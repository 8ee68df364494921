/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/helper.h"

#include "pvegpu/formats/pci_address.h"

static void spellings(void **state)
{
	static const struct {
		const char *text;
		const char *full;
		bool whole_slot;
	} rows[] = {
			{"01:00", "0000:01:00.0", true},
			{"01:00.0", "0000:01:00.0", false},
			{"0000:01:00", "0000:01:00.0", true},
			{"0000:01:00.0", "0000:01:00.0", false},
			{"0000:01:00.1", "0000:01:00.1", false},
			{"0A:1F.7", "0000:0a:1f.7", false},
			{"10000:E1:00.0", "10000:e1:00.0", false},
			{"ff:1f", "0000:ff:1f.0", true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pci_address address;
		bool whole = !rows[i].whole_slot;
		char text[PCI_ADDRESS_TEXT];
		if (!pci_address_parse(rows[i].text, &address, &whole))
			fail_msg("'%s' is an address", rows[i].text);
		pci_address_format(&address, text);
		assert_string_equal(text, rows[i].full);
		assert_int_equal(whole, rows[i].whole_slot);
	}
}

static void not_addresses(void **state)
{
	static const char *const texts[] = {"", ":", "01", "01:", "01:0", "1:00", "001:00",
			"01:00.", "01:00.8", "01:00.f", "01:00.00", "01:20", "01:20.0", "01:00.0 ",
			" 01:00.0", "01:00.0;01:00.1", "000:01:00.0", "0000:01:00:0",
			"0000::01:00.0", "0000:01:00.0.0", "0x01:00.0", "g1:00.0", "01-00.0",
			"01.00.0", "-1:00.0", "123456789:01:00.0", "0000:01:00.-1", "gpu0",
			"0000:01:00.0\n"};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct pci_address address;
		bool whole = false;
		if (pci_address_parse(texts[i], &address, &whole) ||
				pci_address_parse_full(texts[i], &address))
			fail_msg("'%s' is no address", texts[i]);
	}
}

static void full_spelling_only(void **state)
{
	struct pci_address address;
	(void)state;
	assert_true(pci_address_parse_full("0000:01:00.0", &address));
	assert_true(pci_address_parse_full("10000:e1:1f.7", &address));
	assert_int_equal(address.domain, 0x10000);
	assert_int_equal(address.bus, 0xe1);
	assert_int_equal(address.device, 0x1f);
	assert_int_equal(address.function, 7);
	assert_false(pci_address_parse_full("01:00.0", &address));
	assert_false(pci_address_parse_full("0000:01:00", &address));
}

static void every_address_comes_back(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 65536; n += 7) {
		struct pci_address address = {.domain = n * 31,
				.bus = (uint8_t)(n >> 8),
				.device = (uint8_t)(n >> 3 & 31),
				.function = (uint8_t)(n & 7)};
		struct pci_address again;
		char text[PCI_ADDRESS_TEXT];
		pci_address_format(&address, text);
		assert_true(pci_address_parse_full(text, &again));
		assert_int_equal(pci_address_compare(&address, &again), 0);
	}
}

static void order(void **state)
{
	static const char *const sorted[] = {"0000:00:00.0", "0000:00:00.1", "0000:00:1f.0",
			"0000:01:00.0", "0000:0a:00.0", "0000:ff:1f.7", "0001:00:00.0",
			"10000:00:00.0"};
	(void)state;
	for (size_t i = 0; i < COUNT(sorted); i++)
		for (size_t j = 0; j < COUNT(sorted); j++) {
			struct pci_address a;
			struct pci_address b;
			assert_true(pci_address_parse_full(sorted[i], &a));
			assert_true(pci_address_parse_full(sorted[j], &b));
			int result = pci_address_compare(&a, &b);
			assert_int_equal(result < 0, i < j);
			assert_int_equal(result > 0, i > j);
		}
}

static void same_slot(void **state)
{
	struct pci_address gpu;
	struct pci_address audio;
	struct pci_address other;
	(void)state;
	assert_true(pci_address_parse_full("0000:01:00.0", &gpu));
	assert_true(pci_address_parse_full("0000:01:00.1", &audio));
	assert_true(pci_address_same_slot(&gpu, &audio));
	assert_true(pci_address_parse_full("0000:01:01.0", &other));
	assert_false(pci_address_same_slot(&gpu, &other));
	assert_true(pci_address_parse_full("0000:02:00.0", &other));
	assert_false(pci_address_same_slot(&gpu, &other));
	assert_true(pci_address_parse_full("0001:01:00.0", &other));
	assert_false(pci_address_same_slot(&gpu, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(spellings),
			cmocka_unit_test(not_addresses),
			cmocka_unit_test(full_spelling_only),
			cmocka_unit_test(every_address_comes_back),
			cmocka_unit_test(order),
			cmocka_unit_test(same_slot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
