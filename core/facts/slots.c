/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/hash.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/smbios.h"

/* By what a card is told from another of its kind: the slot it is in, its lanes, and a fingerprint
 * that goes with the card in its slot, not with the address, which moves when cards come and go. */

static const char slots[] = "/sys/bus/pci/slots";

/* "0000:01:00" in a file of the slot (Documentation/ABI/testing/sysfs-bus-pci). */
static char *kernel_slot(const struct root *root, const struct pci_device *gpu, struct arena *arena)
{
	struct strings names = {0};
	(void)root_list(root, slots, arena, &names);
	for (size_t i = 0; i < names.n; i++) {
		char *text = root_read_value(root,
				arena_printf(arena, "%s/%s/address", slots, names.item[i]), arena);
		if (text && strlen(text) == strlen("0000:01:00") && text_starts(gpu->name, text))
			return names.item[i];
	}
	return NULL;
}

/* Of a card behind a bridge of its own the board names the slot by what is next to the port. */
static char *board_slot(const struct root *root, const struct pci_device *gpu, struct arena *arena)
{
	char *bytes = NULL;
	size_t n = 0;
	if (root_read(root, "/sys/firmware/dmi/tables/DMI", arena, &bytes, &n, NULL) < 0)
		return NULL;
	const unsigned char *tables = (const unsigned char *)bytes;
	char *name = smbios_slot_name(arena, tables, n, &gpu->address);
	for (size_t i = 1; !name && i < gpu->path.n; i++) {
		const struct pci_device *bridge = gpu->path.item[i];
		name = smbios_slot_name(arena, tables, n, &bridge->address);
	}
	return name ? text_printable(arena, name) : NULL;
}

char *facts_slot_text(const struct root *root, const struct pci_device *gpu, struct arena *arena)
{
	struct text text = {0};
	const char *dir = arena_printf(arena, "/sys/bus/pci/devices/%s", gpu->name);
	char *width = root_read_value(
			root, arena_printf(arena, "%s/current_link_width", dir), arena);
	char *most = root_read_value(root, arena_printf(arena, "%s/max_link_width", dir), arena);
	char *board = board_slot(root, gpu, arena);
	char *slot = kernel_slot(root, gpu, arena);
	if (board)
		text_addf(&text, "slot %s", board);
	else if (slot)
		text_addf(&text, "slot %s", slot);
	if (width && most && *width != '0')
		text_addf(&text, "%sx%s of x%s", text.n ? ", " : "", width, most);
	return text.n ? text_take(&text, arena) : NULL;
}

char *facts_fingerprint(const struct pci_device *gpu, struct arena *arena)
{
	struct text text = {0};
	char digest[SHA256_HEX];
	const struct pci_device *place = gpu->physfn ? gpu->physfn : gpu;
	text_addf(&text, "%04x:%04x:%04x:%04x", gpu->vendor, gpu->device, gpu->subsystem_vendor,
			gpu->subsystem_device);
	for (size_t i = 0; i < place->path.n; i++) {
		const struct pci_device *bridge = place->path.item[i];
		text_addf(&text, "/%02x.%x", bridge->address.device, bridge->address.function);
	}
	hash_sha256(text_string(&text), text.n, digest);
	text_free(&text);
	return arena_strndup(arena, digest, 8);
}

static bool has_twin(const struct facts *facts, const struct pci_device *gpu)
{
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *other = facts->devices.item[i];
		if (other != gpu && pci_is_gpu(other) && other->vendor == gpu->vendor &&
				other->device == gpu->device)
			return true;
	}
	return false;
}

void facts_read_slots(const struct root *root, struct facts *facts)
{
	enum { MOST = 16 }; /* of more, each is told by its address and fingerprint alone */
	size_t n = 0;
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct pci_device *gpu = facts->devices.item[i];
		if (!pci_is_gpu(gpu) || pci_is_virtual(gpu) || !has_twin(facts, gpu) || n++ >= MOST)
			continue;
		gpu->slot = facts_slot_text(root, gpu, facts->arena);
	}
}
