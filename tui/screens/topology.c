/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "pvegpu/base/text.h"
#include "tui/screens/steps.h"

/* Drawings: a card with its path from the CPU and its IOMMU group, and all groups of the host. */

/* Like `lspci -nnk`. */
static void add_function(
		struct text *text, const struct facts *facts, const struct pci_device *device)
{
	text_addf(text, "%s %s [%04x]: %s [%04x:%04x]\n", short_address(device),
			pci_class_text(device->class_code), device->class_code >> 8, device->label,
			device->vendor, device->device);
	if (device->subsystem_known && device->subsystem_vendor)
		text_addf(text, "    Subsystem: [%04x:%04x]\n", device->subsystem_vendor,
				device->subsystem_device);
	text_addf(text, "    Kernel driver in use: %s\n", facts_driver(facts, device));
	if (device->group >= 0)
		text_addf(text, "    IOMMU group: %d\n", device->group);
	else
		text_add(text, "    IOMMU group: not known yet\n");
}

static void add_card_details(struct text *text, const struct wizard *wizard,
		const struct pci_device *gpu, struct arena *arena)
{
	const char *slot = wizard->facts->remote ? NULL : facts_slot_text(wizard->root, gpu, arena);
	text_addf(text, "Fingerprint: %s%s%s\n", facts_fingerprint(gpu, arena), slot ? ", " : "",
			slot ? slot : "");
	if (gpu->largest_bar)
		text_addf(text, "Largest memory window: %llu MiB at 0x%llx\n",
				(unsigned long long)(gpu->largest_bar >> 20),
				(unsigned long long)gpu->bar_start);
	if (gpu->reset_method)
		text_addf(text, "Reset: %s\n", *gpu->reset_method ? gpu->reset_method : "none");
	if (gpu->power)
		text_addf(text, "Power: %s\n", gpu->power);
	if (gpu->boot_vga == KNOWN_YES)
		text_add(text, "The host booted with it: its console is there.\n");
}

static void add_indented(struct text *text, size_t depth, const char *line)
{
	for (size_t i = 0; i < depth; i++)
		text_add(text, "   ");
	text_addf(text, "+- %s\n", line);
}

/* CPU, the bridges down to the slot, the card. */
static void add_path(struct text *text, const struct facts *facts, struct arena *arena,
		const struct pci_device *gpu)
{
	struct list card = facts_card(facts, gpu, arena);
	text_add(text, "\nFrom the CPU to the card\n  CPU\n");
	for (size_t i = 0; i < gpu->path.n; i++) {
		const struct pci_device *bridge = gpu->path.item[i];
		text_add(text, "  ");
		add_indented(text, i,
				arena_printf(arena, "%s %s, %s", short_address(bridge),
						i == 0 ? "root port" : "bridge", bridge->label));
	}
	if (!gpu->path.n)
		text_add(text, "  (the bridges between are not recorded, or there are none)\n");
	for (size_t i = 0; i < card.n; i++) {
		const struct pci_device *function = card.item[i];
		text_add(text, "  ");
		add_indented(text, gpu->path.n,
				arena_printf(arena, "%s %s%s", short_address(function),
						pci_class_text(function->class_code),
						function == gpu ? "   <- this one" : ""));
	}
}

/* A member of a group: what becomes of it when the GPU goes to a VM. */
static void add_member(struct text *text, struct arena *arena, const struct list *card,
		const struct pci_device *device)
{
	const char *note = !card                         ? short_label(arena, device)
			   : pci_is_bridge(device)       ? "bridge, stays"
			   : facts_in_list(card, device) ? "the card, goes to the VM"
							 : "GOES ALONG, off the host";
	text_addf(text, "  +- %-8s %-24.24s %.37s\n", short_address(device),
			pci_class_text(device->class_code), note);
	for (size_t i = 0; i < device->uses.n; i++)
		text_addf(text, "  |    the host's %s\n",
				((const struct host_use *)device->uses.item[i])->what);
}

static void add_group(struct text *text, const struct facts *facts, struct arena *arena,
		const struct pci_device *gpu)
{
	struct list card = facts_card(facts, gpu, arena);
	if (gpu->group < 0) {
		text_add(text, "\nIts IOMMU group is known once the IOMMU is on.\n");
		return;
	}
	struct list group = facts_group(facts, gpu->group, arena);
	text_addf(text, "\nIOMMU group %d\n", gpu->group);
	for (size_t i = 0; i < group.n; i++)
		add_member(text, arena, &card, group.item[i]);
	for (size_t i = 0; i < card.n; i++) {
		const struct pci_device *function = card.item[i];
		if (function->group != gpu->group)
			text_addf(text, "  +- %s is in group %d\n", short_address(function),
					function->group);
	}
}

void gpu_page(const struct wizard *wizard, const struct row *row, struct text *text)
{
	const struct pci_device *gpu = row->data;
	const struct facts *facts = wizard->facts;
	struct arena *arena = arena_new();
	struct list slot = facts_slot(facts, gpu, arena);
	for (size_t i = 0; i < slot.n; i++)
		add_function(text, facts, slot.item[i]);
	add_card_details(text, wizard, gpu, arena);
	add_path(text, facts, arena, gpu);
	add_group(text, facts, arena, gpu);
	text_add(text, "\nGPU drivers on the host are not needed for this: the VM's own driver drives the card.\n");
	arena_free(arena);
}

int groups_show(struct wizard *wizard)
{
	const struct facts *facts = wizard->facts;
	struct arena *arena = arena_new();
	struct text text = {0};
	int last = -1;
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *device = facts->devices.item[i];
		last = device->group > last ? device->group : last;
	}
	if (last < 0)
		text_add(&text, "There are no IOMMU groups yet: the IOMMU is off. Step 2 turns it "
				"on; after the reboot they are drawn here.\n\n"
				"GPUs and what the host uses, until then:\n");
	for (int group = 0; group <= last; group++) {
		struct list members = facts_group(facts, group, arena);
		if (!members.n)
			continue;
		bool gpu = false;
		for (size_t i = 0; i < members.n; i++)
			gpu = gpu || pci_is_gpu(members.item[i]);
		text_addf(&text, "Group %d%s\n", group, gpu ? "   <- GPU" : "");
		for (size_t i = 0; i < members.n; i++)
			add_member(&text, arena, NULL, members.item[i]);
	}
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *device = facts->devices.item[i];
		if (device->group < 0 && (pci_is_gpu(device) || device->uses.n))
			add_member(&text, arena, NULL, device);
	}
	int key = show_text("IOMMU groups of this host", text_string(&text));
	text_free(&text);
	arena_free(arena);
	return key;
}
