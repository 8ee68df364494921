/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/*
 * A pool: a mapping with several devices of this node, of which Proxmox VE takes one that is free
 * (PVE/QemuServer/PCI.pm, choose_hostpci_devices). A goal may name it instead of a device. What is
 * judged as the goal's GPU is then one that is free now; of the others, that none harms the host.
 */

/* The GPU of devices that go together, or NULL. */
static struct pci_device *gpu_of(const struct list *offer)
{
	for (size_t i = 0; i < offer->n; i++)
		if (pci_is_gpu(offer->item[i]))
			return offer->item[i];
	return NULL;
}

static bool is_of_pool(const struct report *report, const struct vm_hostpci *entry)
{
	return entry->valid && entry->parsed.mapping &&
	       strcmp(entry->parsed.mapping, report->pool->name) == 0;
}

static size_t count_lines(const struct report *report, const struct vm *vm)
{
	size_t n = 0;
	for (size_t i = 0; i < vm->hostpci.n; i++)
		n += is_of_pool(report, vm->hostpci.item[i]);
	return n;
}

/* Whom another guest that runs, or may, has it by: by the pool, or otherwise. NULL: nobody. */
static const struct holder *holder_of(
		const struct report *report, const struct list *offer, bool by_pool)
{
	for (size_t d = 0; d < offer->n; d++) {
		struct list holders = facts_holders(report->facts, offer->item[d], report->arena);
		for (size_t i = 0; i < holders.n; i++) {
			const struct holder *holder = holders.item[i];
			bool pool = holder->entry && is_of_pool(report, holder->entry);
			if (holder->vm != report->vm && holder->has != KNOWN_NO && pool == by_pool)
				return holder;
		}
	}
	return NULL;
}

/* A part of the goal before this one has it. */
static bool is_chosen(const struct report *report, const struct list *offer)
{
	for (size_t i = 0; report->whole->parts.item[i] != report; i++) {
		const struct report *before = report->whole->parts.item[i];
		for (size_t d = 0; d < offer->n; d++)
			if (facts_in_list(&before->card, offer->item[d]))
				return true;
	}
	return false;
}

/* The one that the VM has now; or one that is free; or the first. */
static const struct list *choose(const struct report *report)
{
	const struct list *free = NULL;
	for (size_t i = 0; i < report->pool_offers.n; i++) {
		const struct list *offer = report->pool_offers.item[i];
		const struct pci_device *gpu = gpu_of(offer);
		if (!gpu || is_chosen(report, offer))
			continue;
		if (report->vm && facts_in_list(&report->vm->taken, gpu))
			return offer;
		const struct holder *sure = holder_of(report, offer, true);
		bool held = holder_of(report, offer, false) || (sure && sure->has == KNOWN_YES);
		free = free || held ? free : offer;
	}
	for (size_t i = 0; !free && i < report->pool_offers.n; i++)
		free = gpu_of(report->pool_offers.item[i]) ? report->pool_offers.item[i] : NULL;
	return free;
}

int find_pool(struct report *part, struct error *err)
{
	const struct goal *asked = part->goal;
	const char *name = asked->gpus.n ? asked->gpus.item[0] : asked->mapping;
	struct pci_address address;
	bool whole = false;
	if (!name || (asked->gpus.n && pci_address_parse(name, &address, &whole)))
		return 0;
	part->pool = facts_mapping(part->facts, name);
	if (asked->gpus.n && !part->pool)
		return 0; /* what is no address is told where devices are looked for */
	if (!part->pool) {
		(void)error_set(err, ERROR_USAGE, "there is no mapping %s", name);
		error_hint(err, "with --gpu ADDRESS beside it, it is made");
		return ERROR_USAGE;
	}
	part->vm = asked->vmid ? facts_vm(part->facts, asked->vmid) : NULL;
	part->pool_offers = facts_mapping_offers(part->facts, part->pool, part->arena);
	const struct list *offer = choose(part);
	if (!offer)
		return error_set(err, ERROR_USAGE, "mapping %s names no GPU of this node", name);
	struct goal *goal = arena_alloc(part->arena, sizeof *goal);
	*goal = *asked;
	goal->gpus = (struct strings){0};
	strings_add(part->arena, &goal->gpus, gpu_of(offer)->name);
	goal->mapping = part->pool->name;
	part->goal = goal;
	return 0;
}

/* How many of it other guests have, or may have: those that run by its lines, one each, and what
 * is held by another name; and those of the goal. */
bool pool_has_room(const struct report *report)
{
	const struct facts *facts = report->facts;
	size_t taken = 0;
	if (facts->vms_known != KNOWN_YES || facts->containers_known == KNOWN_NO)
		return false;
	for (size_t i = 0; i < report->pool_offers.n; i++)
		taken += holder_of(report, report->pool_offers.item[i], false) != NULL;
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		taken += vm != report->vm && vm->running != KNOWN_NO ? count_lines(report, vm) : 0;
	}
	for (size_t i = 0; i < report->whole->parts.n; i++) {
		const struct report *other = report->whole->parts.item[i];
		bool counted = other->vm && other->vm != report->vm &&
			       other->vm->running != KNOWN_NO && count_lines(report, other->vm);
		taken += other != report && other->pool == report->pool && !counted;
	}
	return taken < report->pool_offers.n;
}

bool pool_gives(const struct report *report, const struct vm_hostpci *entry)
{
	return report->pool && is_of_pool(report, entry) && pool_has_room(report);
}

/* What the VM would take from the host where it got this one. */
static const char *harm_of(const struct report *report, const struct list *offer)
{
	struct arena *arena = report->arena;
	for (size_t i = 0; i < offer->n; i++) {
		const struct pci_device *device = offer->item[i];
		struct list group = facts_group(report->facts, device->group, arena);
		for (size_t g = 0; g < group.n; g++) {
			const struct pci_device *member = group.item[g];
			if (member->uses.n && !pci_is_bridge(member))
				return arena_printf(arena, "%s, which the host uses: %s",
						member->name,
						((const struct host_use *)member->uses.item[0])
								->what);
		}
		if (device->uses.n)
			return arena_printf(arena, "%s, which the host uses: %s", device->name,
					((const struct host_use *)device->uses.item[0])->what);
		if (device->boot_vga == KNOWN_YES && !device_on_vfio(device))
			return arena_printf(
					arena, "%s, which has the host's console", device->name);
		if (pci_is_gpu(device) && !device_on_vfio(device) && device->driver &&
				driver_clings(device->driver))
			return arena_printf(arena, "%s, which %s holds: %s", device->name,
					device->driver, driver_clings(device->driver));
	}
	return NULL;
}

const char *pool_harms(const struct report *report)
{
	for (size_t i = 0; i < report->pool_offers.n; i++) {
		const struct list *offer = report->pool_offers.item[i];
		/* The goal's GPU is judged as such. */
		const char *harm =
				facts_in_list(offer, report->gpu) ? NULL : harm_of(report, offer);
		if (harm)
			return arena_printf(report->arena, "the VM could get %s", harm);
	}
	return NULL;
}
