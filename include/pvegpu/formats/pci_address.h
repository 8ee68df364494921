/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FORMATS_PCI_ADDRESS_H
#define PVEGPU_FORMATS_PCI_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* A PCI address as the kernel and lspci write it: domain:bus:device.function in hex ("BDF"). */
struct pci_address {
	uint32_t domain; /* 0000; Intel VMD and some servers use more, up to 5 digits */
	uint8_t bus;
	uint8_t device;   /* 0..31: with domain and bus, the slot */
	uint8_t function; /* 0..7 */
};

enum { PCI_ADDRESS_TEXT = 24 };

/* How a person or a configuration may spell one: 01:00, 01:00.0, 0000:01:00, 0000:01:00.0, any
 * case. Without a function `ret_whole_slot` is true and function is 0. False if it is not one. */
bool pci_address_parse(const char *text, struct pci_address *ret_address, bool *ret_whole_slot);
/* Exactly the kernel's spelling of a function: 0000:01:00.0. */
bool pci_address_parse_full(const char *text, struct pci_address *ret_address);
/* 0000:01:00.0 */
void pci_address_format(const struct pci_address *address, char ret_text[PCI_ADDRESS_TEXT]);
/* Order of bus topology, as lspci lists. */
int pci_address_compare(const struct pci_address *a, const struct pci_address *b);
bool pci_address_same_slot(const struct pci_address *a, const struct pci_address *b);

#endif
