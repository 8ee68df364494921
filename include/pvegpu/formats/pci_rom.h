/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_PCI_ROM_H
#define PVEGPU_FORMATS_PCI_ROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An expansion ROM of a PCI device (PCI Firmware Specification 3.3, chapter 5): one or more images,
 * each with 55 AA at its start and a "PCIR" structure that names devices, the image's length and
 * whether it is the last. A BIOS image (code type 0) is run by SeaBIOS and by a BIOS; an EFI image
 * (3) holds the display's UEFI driver, GOP, which OVMF needs to show anything before the guest's
 * own driver does.
 */
enum {
	PCI_ROM_MAX = 16 * 1024 * 1024, /* bytes: the largest expansion ROM base address register */
	PCI_ROM_IDS = 64                /* ids that are kept of one ROM */
};
enum pci_rom_code { PCI_ROM_BIOS = 0, PCI_ROM_EFI = 3 };

struct pci_rom_id {
	uint16_t vendor, device;
};

struct pci_rom {
	const char *problem; /* why it is none, in words that follow "it "; NULL: it is one */
	size_t images;
	size_t size; /* of all images, in bytes */
	bool bios, efi;
	bool checksum_wrong; /* of the BIOS image: its bytes add up to 0 */
	struct pci_rom_id ids[PCI_ROM_IDS];
	size_t n_ids;
};

/* Read it. True when it is one; its images may be followed by anything. */
bool pci_rom_read(const unsigned char *bytes, size_t n, struct pci_rom *ret_rom);
/* It names this device. */
bool pci_rom_is_for(const struct pci_rom *rom, uint16_t vendor, uint16_t device);
/* A name that Proxmox VE and QEMU find below /usr/share/kvm: of letters, digits, dots, hyphens and
 * underscores, without a directory. */
bool pci_rom_name_is_valid(const char *name);

#endif
