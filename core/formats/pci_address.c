/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/pci_address.h"

#include <ctype.h>
#include <string.h>

#include "pvegpu/base/text.h"

/* Read `min`..`max` hex digits; returns what follows them, or NULL. */
static const char *read_hex(const char *text, int min, int max, uint32_t *ret_value)
{
	uint32_t value = 0;
	int n = 0;
	for (; n < max && isxdigit((unsigned char)text[n]); n++) {
		int c = tolower((unsigned char)text[n]);
		value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	if (n < min || isxdigit((unsigned char)text[n]))
		return NULL;
	*ret_value = value;
	return text + n;
}

static int count_colons(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += *text == ':';
	return n;
}

bool pci_address_parse(const char *text, struct pci_address *ret_address, bool *ret_whole_slot)
{
	uint32_t domain = 0;
	uint32_t bus = 0;
	uint32_t device = 0;
	uint32_t function = 0;
	const char *at = text;
	if (count_colons(text) == 2) {
		at = read_hex(at, 4, 8, &domain);
		if (!at || *at++ != ':')
			return false;
	}
	at = read_hex(at, 2, 2, &bus);
	if (!at || *at++ != ':')
		return false;
	at = read_hex(at, 2, 2, &device);
	if (!at || device > 31)
		return false;
	bool whole = *at == '\0';
	if (!whole) {
		if (*at++ != '.')
			return false;
		at = read_hex(at, 1, 1, &function);
		if (!at || *at || function > 7)
			return false;
	}
	*ret_address = (struct pci_address){.domain = domain,
			.bus = (uint8_t)bus,
			.device = (uint8_t)device,
			.function = (uint8_t)function};
	*ret_whole_slot = whole;
	return true;
}

bool pci_address_parse_full(const char *text, struct pci_address *ret_address)
{
	bool whole = false;
	struct pci_address address;
	if (count_colons(text) != 2 || !pci_address_parse(text, &address, &whole) || whole)
		return false;
	*ret_address = address;
	return true;
}

void pci_address_format(const struct pci_address *address, char ret_text[PCI_ADDRESS_TEXT])
{
	char *at = ret_text;
	size_t digits = 4;
	while ((unsigned long long)address->domain >> 4 * digits)
		digits++;
	text_put_hex(at, address->domain, digits);
	at += digits;
	memcpy(at, ":00:00.0", sizeof ":00:00.0");
	text_put_hex(at + 1, address->bus, 2);
	text_put_hex(at + 4, address->device, 2);
	text_put_hex(at + 7, address->function, 1);
}

int pci_address_compare(const struct pci_address *a, const struct pci_address *b)
{
	if (a->domain != b->domain)
		return a->domain < b->domain ? -1 : 1;
	if (a->bus != b->bus)
		return a->bus < b->bus ? -1 : 1;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return (int)a->function - (int)b->function;
}

bool pci_address_same_slot(const struct pci_address *a, const struct pci_address *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->device == b->device;
}
