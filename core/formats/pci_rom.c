/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/pci_rom.h"

#include <string.h>

/* A ROM that is being read. */
struct rom {
	const unsigned char *bytes;
	size_t n;
};

enum { DATA_SIZE = 0x18 }; /* of a PCI data structure, at least */

static unsigned word_at(const struct rom *rom, size_t at)
{
	return (unsigned)rom->bytes[at] | (unsigned)rom->bytes[at + 1] << 8;
}

static bool holds(const struct rom *rom, size_t at, const char *bytes, size_t n)
{
	return at <= rom->n && rom->n - at >= n && memcmp(rom->bytes + at, bytes, n) == 0;
}

static bool only(const struct rom *rom, unsigned char byte)
{
	for (size_t i = 0; i < rom->n; i++)
		if (rom->bytes[i] != byte)
			return false;
	return true;
}

/* The PCI data structure of the image at `at`; 0: it has none. */
static size_t data_of(const struct rom *rom, size_t at)
{
	enum { POINTER = 0x18 };
	if (rom->n - at < POINTER + 2)
		return 0;
	size_t data = at + word_at(rom, at + POINTER);
	return data > at && holds(rom, data, "PCIR", 4) && rom->n - data >= DATA_SIZE ? data : 0;
}

static void add_id(struct pci_rom *found, unsigned vendor, unsigned device)
{
	if (found->n_ids < PCI_ROM_IDS &&
			!pci_rom_is_for(found, (uint16_t)vendor, (uint16_t)device))
		found->ids[found->n_ids++] = (struct pci_rom_id){
				.vendor = (uint16_t)vendor, .device = (uint16_t)device};
}

/* The one it names, and those of its list, which ends with 0 (from revision 3 on). */
static void take_ids(const struct rom *rom, size_t data, struct pci_rom *found)
{
	unsigned vendor = word_at(rom, data + 0x04);
	size_t list = word_at(rom, data + 0x08);
	bool has_list = rom->bytes[data + 0x0c] >= 3 && list;
	add_id(found, vendor, word_at(rom, data + 0x06));
	for (size_t at = data + list; has_list && rom->n > 2 && at < rom->n - 1; at += 2) {
		unsigned device = word_at(rom, at);
		if (!device || found->n_ids == PCI_ROM_IDS)
			return;
		add_id(found, vendor, device);
	}
}

/* Over the bytes that its first size field counts, in units of 512. */
static bool adds_up(const struct rom *rom, size_t at)
{
	unsigned sum = 0;
	size_t end = at + (size_t)rom->bytes[at + 2] * 512;
	for (size_t i = at; i < end && i < rom->n; i++)
		sum += rom->bytes[i];
	return (sum & 0xff) == 0;
}

/* Where another ROM begins in it: what tools write in front is taken off. 0: nowhere. */
static size_t first_image(const struct rom *rom)
{
	for (size_t at = 1; at + 2 < rom->n; at++)
		if (holds(rom, at, "\x55\xaa", 2) && data_of(rom, at))
			return at;
	return 0;
}

static const char *why_none(const struct rom *rom)
{
	if (rom->n == 0)
		return "is empty";
	if (only(rom, 0xff))
		return "holds nothing but ff: it was read while the card was asleep or gone";
	if (only(rom, 0))
		return "holds nothing but 00";
	if (holds(rom, 0, "NVGI", 4) || first_image(rom))
		return "begins with something else (NVIDIA's tools write a header of their own); cut off "
		       "what is before the first 55 aa";
	if (holds(rom, 0, "<", 1) || holds(rom, 0, "PK\x03\x04", 4))
		return "is a web page or an archive, not a ROM";
	return "does not begin with 55 aa";
}

bool pci_rom_read(const unsigned char *bytes, size_t n, struct pci_rom *ret_rom)
{
	enum { LENGTH = 0x10, CODE = 0x14, INDICATOR = 0x15, LAST = 0x80 };
	const struct rom rom = {.bytes = bytes, .n = n};
	struct pci_rom found = {0};
	bool last = false;
	while (!found.problem && !last) {
		size_t at = found.size;
		size_t data = holds(&rom, at, "\x55\xaa", 2) ? data_of(&rom, at) : 0;
		size_t length = data ? (size_t)word_at(&rom, data + LENGTH) * 512 : 0;
		if (!found.images && !holds(&rom, 0, "\x55\xaa", 2))
			found.problem = why_none(&rom);
		else if (!data)
			found.problem = found.images ? "ends before its last image"
						     : "has no PCI data structure (PCIR)";
		else if (!length || length > n - at)
			found.problem = length ? "is cut off: an image is longer than the file"
					       : "has an image without a length";
		else if (data + DATA_SIZE > at + length)
			found.problem = "has its PCI data structure outside the image";
		if (found.problem)
			break;
		take_ids(&rom, data, &found);
		found.bios = found.bios || bytes[data + CODE] == PCI_ROM_BIOS;
		found.efi = found.efi || bytes[data + CODE] == PCI_ROM_EFI;
		found.checksum_wrong = found.checksum_wrong ||
				       (bytes[data + CODE] == PCI_ROM_BIOS && !adds_up(&rom, at));
		last = bytes[data + INDICATOR] & LAST;
		found.images++;
		found.size += length;
	}
	*ret_rom = found;
	return !found.problem;
}

bool pci_rom_is_for(const struct pci_rom *rom, uint16_t vendor, uint16_t device)
{
	for (size_t i = 0; i < rom->n_ids; i++)
		if (rom->ids[i].vendor == vendor && rom->ids[i].device == device)
			return true;
	return false;
}

bool pci_rom_name_is_valid(const char *name)
{
	static const char letters[] =
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(name);
	return n && n < 128 && strspn(name, letters) == n && name[0] != '.' && name[0] != '-';
}
