/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a ROM file is, and what is none: the kinds that people give to a VM. */
#include "tests/unit/helper.h"
#include "tests/unit/rom.h"

enum { BLOCK = 512 };

/* As cards have them: a BIOS image, and the UEFI driver behind it. */
static size_t whole(unsigned char *rom)
{
	rom_image(rom, 4, PCI_ROM_BIOS, 0x10de, 0x2206, false);
	rom_image(rom + 4 * BLOCK, 3, PCI_ROM_EFI, 0x10de, 0x2206, true);
	return (size_t)7 * BLOCK;
}

static void chained(void **state)
{
	(void)state;
	unsigned char rom[10 * BLOCK] = {0};
	struct pci_rom found;
	size_t n = whole(rom);
	assert_true(pci_rom_read(rom, n, &found));
	assert_null(found.problem);
	assert_int_equal(found.images, 2);
	assert_int_equal(found.size, n);
	assert_true(found.bios && found.efi && !found.checksum_wrong);
	assert_true(pci_rom_is_for(&found, 0x10de, 0x2206));
	assert_false(pci_rom_is_for(&found, 0x10de, 0x2208));
	assert_int_equal(found.n_ids, 1);
	/* A dump is as long as the base address register: the rest is filled. */
	memset(rom + n, 0xff, sizeof rom - n);
	assert_true(pci_rom_read(rom, sizeof rom, &found));
	assert_int_equal(found.size, n);
}

static void alone(void **state)
{
	(void)state;
	unsigned char rom[4 * BLOCK];
	struct pci_rom found;
	rom_image(rom, 4, PCI_ROM_EFI, 0x1002, 0x1640, true);
	assert_true(pci_rom_read(rom, sizeof rom, &found));
	assert_true(found.efi && !found.bios);
	rom_image(rom, 4, PCI_ROM_BIOS, 0x1002, 0x73bf, true);
	assert_true(pci_rom_read(rom, sizeof rom, &found));
	assert_true(found.bios && !found.efi);
	rom[100]++;
	assert_true(pci_rom_read(rom, sizeof rom, &found));
	assert_true(found.checksum_wrong);
}

static void list_of_devices(void **state)
{
	(void)state;
	unsigned char rom[4 * BLOCK];
	struct pci_rom found;
	rom_image(rom, 4, PCI_ROM_BIOS, 0x10de, 0x2206, true);
	rom[0x40 + 0x08] = 0x20; /* behind the structure */
	memcpy(rom + 0x40 + 0x20, "\x08\x22\x16\x22\x00\x00", 6);
	assert_true(pci_rom_read(rom, sizeof rom, &found));
	assert_int_equal(found.n_ids, 3);
	assert_true(pci_rom_is_for(&found, 0x10de, 0x2216));
	/* One that never ends is left where the file does. */
	memset(rom + 0x40 + 0x20, 0x11, sizeof rom - 0x60);
	assert_true(pci_rom_read(rom, sizeof rom, &found));
	assert_int_equal(found.n_ids, 2);
}

static void none(void **state)
{
	(void)state;
	unsigned char rom[8 * BLOCK];
	unsigned char other[8 * BLOCK] = {0};
	struct pci_rom found;
	size_t n = whole(rom);
	static const struct {
		const char *start;
		const char *problem;
	} rows[] = {{"", "nothing but 00"}, {"<!DOCTYPE html>", "web page"},
			{"PK\x03\x04", "archive"}, {"NVGI", "header of their own"},
			{"\x55\xaa", "no PCI data structure"}, {"MZ", "does not begin with 55 aa"}};
	assert_false(pci_rom_read(rom, 0, &found));
	assert_string_equal(found.problem, "is empty");
	for (size_t i = 0; i < COUNT(rows); i++) {
		memset(other, 0, sizeof other);
		memcpy(other, rows[i].start, strlen(rows[i].start));
		assert_false(pci_rom_read(other, sizeof other, &found));
		if (!strstr(found.problem, rows[i].problem))
			fail_msg("'%s': %s", rows[i].start, found.problem);
	}
	memset(other, 0xff, sizeof other);
	assert_false(pci_rom_read(other, sizeof other, &found));
	assert_non_null(strstr(found.problem, "nothing but ff"));
	/* Cut off anywhere it is none, and never read past its end. */
	for (size_t length = 1; length < n; length++) {
		unsigned char *part = malloc(length);
		assert_non_null(part);
		memcpy(part, rom, length);
		assert_false(pci_rom_read(part, length, &found));
		free(part);
	}
	/* A tool's header in front. */
	memcpy(other, "IFR", 3);
	memcpy(other + 64, rom, n);
	assert_false(pci_rom_read(other, 64 + n, &found));
	assert_non_null(strstr(found.problem, "cut off what is before"));
	/* Lengths of none, and of more than there is. */
	rom[0x40 + 0x10] = 0;
	assert_false(pci_rom_read(rom, n, &found));
	assert_non_null(strstr(found.problem, "without a length"));
	rom[0x40 + 0x11] = 0xff;
	assert_false(pci_rom_read(rom, n, &found));
	assert_non_null(strstr(found.problem, "longer than the file"));
}

static void names(void **state)
{
	(void)state;
	static const char *const good[] = {
			"10de-2206-0000-01-00.rom", "vbios_1002.bin", "GTX.1060"};
	static const char *const bad[] = {"", "/root/gpu.rom", "../gpu.rom", "a b.rom", ".rom",
			"gpu.rom,x-vga=1", "gpu.rom # mine", "-gpu", "gp\xc3\xbc.rom", "a;b"};
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(pci_rom_name_is_valid(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(pci_rom_name_is_valid(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(chained), TEST(alone), TEST(list_of_devices), TEST(none), TEST(names)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
