/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/* What is given with what: a GPU's card, how a line names it, and what a person means by an
 * address. */

bool pci_is_display(const struct pci_device *device)
{
	uint32_t class_word = device->class_code >> 8;
	return class_word == 0x0300 || class_word == 0x0302 || class_word == 0x0380;
}

bool pci_is_gpu(const struct pci_device *device)
{
	return pci_is_display(device) || device->class_code >> 8 == 0x1200;
}

bool pci_is_virtual(const struct pci_device *device)
{
	return device->virtual_function == KNOWN_YES;
}

bool pci_has_screen(const struct pci_device *device)
{
	uint32_t class_word = device->class_code >> 8;
	return (class_word == 0x0300 || class_word == 0x0380) && !pci_is_virtual(device);
}

bool pci_is_bmc(const struct pci_device *device)
{
	if (!pci_is_display(device))
		return false;
	switch (device->vendor) {
	case 0x1a03: /* ASPEED */
		return true;
	case 0x102b: /* Matrox: G200e, G200eW, G200eR …; 0520 and 0521 are cards */
		return device->device >= 0x0522 && device->device <= 0x05ff;
	case 0x19e5: /* HiSilicon hibmc */
		return device->device == 0x1711;
	default:
		return false;
	}
}

/* NVIDIA's chip sets had "other bridges" too, on bus 0. */
bool pci_is_nvswitch(const struct pci_device *device)
{
	return device->class_code >> 8 == 0x0680 && device->vendor == 0x10de &&
	       device->address.bus != 0;
}

bool pci_is_bridge(const struct pci_device *device)
{
	return device->class_code >> 16 == 0x06 && !pci_is_nvswitch(device);
}

bool pci_is_audio(const struct pci_device *device)
{
	return device->class_code >> 16 == 0x04;
}

/* USB-C of a card: a USB controller, and the one that speaks with the cable. */
static bool is_usb_c(const struct pci_device *device)
{
	return device->class_code >> 8 == 0x0c03 || device->class_code >> 8 == 0x0c80;
}

/* The slot holds what no graphics card has: security processor, the board's own controllers. */
static bool in_processor(const struct list *slot, const struct pci_device *gpu)
{
	for (size_t i = 0; i < slot->n; i++) {
		const struct pci_device *device = slot->item[i];
		bool card_like = pci_is_gpu(device) || pci_is_audio(device) || is_usb_c(device);
		if (!card_like || device->vendor != gpu->vendor)
			return true;
	}
	return false;
}

/* The second and the last but one bridge above both are the same: a switch on the board itself,
 * below the root port. */
static bool behind_one_switch(const struct pci_device *one, const struct pci_device *other)
{
	if (one->path.n < 3 || one->path.n != other->path.n)
		return false;
	return one->path.item[one->path.n - 2] == other->path.item[one->path.n - 2];
}

/* The audio of an Arc card has a port of its own on the card's switch. */
static bool is_next_audio(const struct pci_device *gpu, const struct pci_device *device)
{
	return gpu->vendor == 0x8086 && device->vendor == 0x8086 && pci_is_audio(device) &&
	       device->address.domain == gpu->address.domain &&
	       device->address.bus == gpu->address.bus + 1 && device->address.device == 0 &&
	       behind_one_switch(gpu, device);
}

bool facts_in_processor(const struct facts *facts, const struct pci_device *gpu)
{
	struct list slot = facts_slot(facts, gpu, facts->arena);
	return gpu->address.bus == 0 || in_processor(&slot, gpu);
}

struct list facts_card(const struct facts *facts, const struct pci_device *gpu, struct arena *arena)
{
	struct list slot = facts_slot(facts, gpu, arena);
	struct list card = {0};
	bool alone = pci_is_virtual(gpu) || gpu->address.function != 0 || pci_is_bmc(gpu);
	bool processor = in_processor(&slot, gpu);
	for (size_t i = 0; i < slot.n; i++) {
		struct pci_device *device = slot.item[i];
		bool companion = !alone && !pci_is_virtual(device) &&
				 device->vendor == gpu->vendor &&
				 (pci_is_audio(device) || (is_usb_c(device) && !processor));
		if (device == gpu || companion)
			list_add(arena, &card, device);
	}
	for (size_t i = 0; !alone && card.n == 1 && i < facts->devices.n; i++)
		if (is_next_audio(gpu, facts->devices.item[i]))
			list_add(arena, &card, facts->devices.item[i]);
	return card;
}

/* Nothing but the card is in the slot, so the slot stands for it. A virtual function is always
 * named: there may be more of them tomorrow. */
static bool fills_slot(const struct facts *facts, const struct pci_device *gpu,
		const struct list *card, struct arena *arena)
{
	struct list slot = facts_slot(facts, gpu, arena);
	bool fills = !pci_is_virtual(gpu) && !gpu->virtfns.n && gpu->sriov_active <= 0;
	for (size_t i = 0; i < slot.n; i++)
		fills = fills && facts_in_list(card, slot.item[i]);
	return fills && ((struct pci_device *)slot.item[0])->address.function == 0;
}

struct list facts_card_names(const struct facts *facts, const struct pci_device *gpu,
		bool functions, struct arena *arena)
{
	struct list card = facts_card(facts, gpu, arena);
	bool slot = !functions && fills_slot(facts, gpu, &card, arena);
	struct list names = {0};
	for (size_t i = 0; i < card.n; i++) {
		struct pci_device *device = card.item[i];
		bool inside = slot && pci_address_same_slot(&device->address, &gpu->address);
		if (inside && device->address.function != 0)
			continue;
		struct card_name *name = arena_alloc(arena, sizeof *name);
		*name = (struct card_name){.device = device,
				.whole_slot = inside,
				.path = arena_strndup(arena, device->name,
						strlen(device->name) - (inside ? 2 : 0))};
		list_add(arena, &names, name);
	}
	return names;
}

void facts_join_function(
		struct facts *facts, struct pci_device *function, struct pci_device *physical)
{
	if (!function || !physical || function == physical || function->physfn)
		return;
	function->physfn = physical;
	function->virtual_function = KNOWN_YES;
	list_add(facts->arena, &physical->virtfns, function);
}

void facts_join_functions(struct facts *facts)
{
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct pci_device *device = facts->devices.item[i];
		struct pci_address address;
		if (device->physfn_name && pci_address_parse_full(device->physfn_name, &address))
			facts_join_function(facts, device, facts_device(facts, &address));
	}
}

/* "01:00.0, 02:00.0": the GPUs there are, for an error's hint. */
static const char *gpu_list(const struct facts *facts)
{
	struct strings names = {0};
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *device = facts->devices.item[i];
		if (pci_is_gpu(device))
			strings_add(facts->arena, &names, device->name);
	}
	return names.n ? strings_join(facts->arena, &names, ", ") : "none";
}

/* The first GPU of a slot that is named as a whole; `ret_virtual` are its virtual functions. */
static struct pci_device *gpu_of_slot(const struct facts *facts, const struct pci_address *slot,
		struct strings *ret_virtual)
{
	struct pci_device *found = NULL;
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct pci_device *device = facts->devices.item[i];
		if (!pci_is_gpu(device) || !pci_address_same_slot(&device->address, slot))
			continue;
		if (pci_is_virtual(device))
			strings_add(facts->arena, ret_virtual, device->name);
		if (!found)
			found = device;
	}
	return found;
}

static int tell_no_gpu(const struct facts *facts, const char *text, const struct pci_device *found,
		struct error *err)
{
	if (found)
		(void)error_set(err, ERROR_USAGE, "%s is no GPU: %s, %s", found->name,
				pci_class_text(found->class_code), found->label);
	else
		(void)error_set(err, ERROR_USAGE, "there is no GPU at '%s' on this host", text);
	error_hint(err, "GPUs on this host: %s", gpu_list(facts));
	return ERROR_USAGE;
}

int facts_find_gpu(const struct facts *facts, const char *text, struct pci_device **ret_device,
		struct error *err)
{
	struct pci_address address;
	bool whole = false;
	if (!pci_address_parse(text, &address, &whole)) {
		(void)error_set(err, ERROR_USAGE, "'%s' is not a PCI address", text);
		error_hint(err, "write it as lspci does: 01:00, 01:00.0 or 0000:01:00.0");
		return ERROR_USAGE;
	}
	struct strings virtual = {0};
	struct pci_device *found = whole ? gpu_of_slot(facts, &address, &virtual)
					 : facts_device(facts, &address);
	if (whole && !found) { /* a switch between GPUs goes as one */
		address.function = 0;
		found = facts_device(facts, &address);
	}
	if (!found || (!pci_is_gpu(found) && !pci_is_nvswitch(found)))
		return tell_no_gpu(facts, text, found, err);
	if (whole && pci_is_virtual(found)) {
		(void)error_set(err, ERROR_USAGE,
				"'%s' is a slot of virtual functions: name one of them", text);
		error_hint(err, "they are %s", strings_join(facts->arena, &virtual, ", "));
		return ERROR_USAGE;
	}
	*ret_device = found;
	return 0;
}
