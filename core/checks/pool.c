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

/* Another guest that runs, or may, and has one of the devices. */
typedef bool counts_holder(const struct report *report, const struct holder *holder);
static const struct holder *holder_of(
		const struct report *report, const struct list *offer, counts_holder *counts)
{
	for (size_t d = 0; d < offer->n; d++) {
		struct list holders = facts_holders(report->facts, offer->item[d], report->arena);
		for (size_t i = 0; i < holders.n; i++) {
			const struct holder *holder = holders.item[i];
			bool other = !holder->vm || holder->vm != report->vm;
			if (other && holder->has != KNOWN_NO && counts(report, holder))
				return holder;
		}
	}
	return NULL;
}

/* By a line of the pool, for sure. */
static bool by_pool(const struct report *report, const struct holder *holder)
{
	return holder->entry && is_of_pool(report, holder->entry) && holder->has == KNOWN_YES;
}

static bool otherwise(const struct report *report, const struct holder *holder)
{
	return !holder->entry || !is_of_pool(report, holder->entry);
}

/* Without a reservation of Proxmox VE's (/run/qemu-server/pci-id-reservations has those of hostpci
 * lines): it gives the device away once more. */
static bool unreserved(const struct report *report, const struct holder *holder)
{
	(void)report;
	return holder->way == HOLDS_BY_ARGS || holder->way == HOLDS_BY_NODE;
}

/* A part of the goal before this one has it. */
static bool is_chosen(const struct report *report, const struct list *offer)
{
	for (size_t i = 0; report->whole->parts.item[i] != report; i++) {
		const struct report *before = report->whole->parts.item[i];
		if (parts_share(report, before))
			continue;
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
		bool held = holder_of(report, offer, otherwise) ||
			    holder_of(report, offer, by_pool);
		free = free || held ? free : offer;
	}
	for (size_t i = 0; !free && i < report->pool_offers.n; i++)
		free = gpu_of(report->pool_offers.item[i]) ? report->pool_offers.item[i] : NULL;
	return free;
}

/* The part is of the pool's GPU now. */
static void take_offer(struct report *part, const struct list *offer)
{
	struct goal *goal = arena_alloc(part->arena, sizeof *goal);
	*goal = *part->goal;
	goal->gpus = (struct strings){0};
	strings_add(part->arena, &goal->gpus, gpu_of(offer)->name);
	goal->mapping = part->pool->name;
	part->goal = goal;
}

/* What is of one device does not go with a pool, of which any may be given. */
static int check_options(const struct report *part, const struct goal *asked, struct error *err)
{
	const char *name = part->pool->name;
	const char *option = asked->chosen[CHOOSE_BIND_EARLY] == CHOICE_YES  ? "bind=early"
			     : asked->chosen[CHOOSE_BY_MAPPING] == CHOICE_NO ? "by-address"
			     : asked->chosen[CHOOSE_MAPPING_FUNCTIONS] == CHOICE_YES
					     ? "mapping-per-function"
			     : asked->mapping_devices.n        ? "mapping-device"
			     : asked->gpus.n && asked->mapping ? "mapping"
							       : NULL;
	if (option)
		return error_set(err, ERROR_USAGE,
				"%s is a pool, and '%s' is of one device: name the device, by --gpu or --assign",
				name, option);
	if (!asked->vmid)
		return error_set(err, ERROR_USAGE,
				"%s is a pool: name the VM that gets a device of it, by --vm",
				name);
	for (size_t i = 0; part->whole->parts.item[i] != part; i++) {
		const struct report *before = part->whole->parts.item[i];
		if (before->pool == part->pool && before->goal->vmid == asked->vmid)
			return error_set(err, ERROR_USAGE,
					"a VM gets one device of %s at a time: VM %u is named twice",
					name, asked->vmid);
	}
	return 0;
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
	int status = check_options(part, asked, err);
	if (status < 0)
		return status;
	part->vm = facts_vm(part->facts, asked->vmid);
	part->pool_offers = facts_mapping_offers(part->facts, part->pool, part->arena);
	const struct list *offer = choose(part);
	if (!offer)
		return error_set(err, ERROR_USAGE, "mapping %s names no GPU of this node", name);
	take_offer(part, offer);
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
		taken += holder_of(report, report->pool_offers.item[i], otherwise) != NULL;
	if (report->mdev) /* each has parts for several; how many are free is judged with the type
			   */
		return taken < report->pool_offers.n;
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

/* Each entry of the node gives a GPU, which no other entry gives, or takes along. */
static const char *entry_fault(const struct report *report)
{
	struct arena *arena = report->arena;
	const struct facts *facts = report->facts;
	struct list seen = {0};
	for (size_t e = 0; e < report->pool->entries.n; e++) {
		const struct pci_mapping_entry *entry = report->pool->entries.item[e];
		bool unknown = false;
		const char *drift = facts_is_here(facts, entry)
						    ? mapping_drift(report, report->pool, entry,
								      &unknown)
						    : NULL;
		if (drift)
			return arena_printf(arena, "%s: %s; mend it first, --fix-mappings",
					entry->path, drift);
	}
	for (size_t i = 0; i < report->pool_offers.n; i++) {
		const struct list *offer = report->pool_offers.item[i];
		const struct pci_device *gpu = gpu_of(offer);
		if (!gpu)
			return arena_printf(arena, "its entry number %zu of this node gives no GPU",
					i + 1);
		if (gpu->group < 0 && facts->iommu_active == KNOWN_YES)
			return arena_printf(arena, "the IOMMU group of %s is not known", gpu->name);
		struct list group = facts_group(facts, gpu->group, arena);
		for (size_t g = 0; g < group.n; g++)
			if (facts_in_list(&seen, group.item[g]))
				return arena_printf(arena, "%s is of two of its devices",
						((const struct pci_device *)group.item[g])->name);
		for (size_t d = 0; d < offer->n; d++) {
			if (facts_in_list(&seen, offer->item[d]))
				return arena_printf(arena, "two entries name %s",
						((const struct pci_device *)offer->item[d])->name);
			list_add(arena, &seen, offer->item[d]);
		}
	}
	return NULL;
}

static bool offers(const struct report *report, const struct pci_device *device)
{
	for (size_t i = 0; i < report->pool_offers.n; i++)
		if (facts_in_list(report->pool_offers.item[i], device))
			return true;
	return false;
}

/* Another line of the VM, or another part of the goal, names one of its devices: which of the two
 * is served first is chance. */
static const char *rival(const struct report *report)
{
	struct arena *arena = report->arena;
	struct list lines = report->vm ? vm_next_lines(report->vm, arena) : (struct list){0};
	for (size_t i = 0; i < lines.n; i++) {
		const struct vm_hostpci *entry = lines.item[i];
		for (size_t d = 0; entry->valid && !is_of_pool(report, entry) &&
				   d < entry->devices.n + entry->alternatives.n;
				d++) {
			const struct pci_device *device =
					d < entry->devices.n
							? entry->devices.item[d]
							: entry->alternatives.item
									  [d - entry->devices.n];
			if (offers(report, device))
				return arena_printf(arena,
						"%s of the VM names %s, which the pool may give it too",
						entry->key, device->name);
		}
	}
	for (size_t i = 0; i < report->whole->parts.n; i++) {
		const struct report *other = report->whole->parts.item[i];
		for (size_t d = 0; other->pool != report->pool && d < other->card.n; d++) {
			const struct pci_device *device = other->card.item[d];
			if (offers(report, device))
				return arena_printf(arena,
						"the goal gives %s away too, which the pool may give",
						device->name);
		}
	}
	return NULL;
}

/* A device that the VM could get is with a guest that Proxmox VE does not ask. */
static const char *taken_unasked(const struct report *report)
{
	for (size_t i = 0; i < report->pool_offers.n; i++) {
		const struct list *offer = report->pool_offers.item[i];
		const struct holder *holder = holder_of(report, offer, unreserved);
		if (holder)
			return arena_printf(report->arena,
					"the VM could get %s, which %s has (%s), and that runs",
					gpu_of(offer)->name, holder_text(report->arena, holder),
					holder->line);
	}
	return NULL;
}

const char *pool_fault(const struct report *report)
{
	const char *fault = entry_fault(report);
	if (!fault)
		fault = rival(report);
	if (!fault)
		fault = taken_unasked(report);
	bool has = report->vm && report->vm->running == KNOWN_YES && report->line;
	if (!fault && !has && !pool_has_room(report))
		fault = arena_printf(report->arena,
				"each of its %zu devices is, or may be, with a guest that runs or with another one of the goal",
				report->pool_offers.n);
	return fault;
}

/* One that no guest has by the pool: the others Proxmox VE passes over. */
struct list pool_others(const struct report *report)
{
	struct list others = {0};
	for (size_t i = 0; i < report->pool_offers.n; i++) {
		const struct list *offer = report->pool_offers.item[i];
		if (!gpu_of(offer) || facts_in_list(offer, report->gpu) ||
				holder_of(report, offer, by_pool))
			continue;
		struct report *other = arena_alloc(report->arena, sizeof *other);
		*other = (struct report){.arena = report->arena,
				.facts = report->facts,
				.goal = report->goal,
				.pool = report->pool,
				.pool_offers = report->pool_offers,
				.vm = report->vm};
		other->whole = other;
		list_add(report->arena, &other->parts, other);
		take_offer(other, offer);
		other->gpu = gpu_of(offer);
		other->card = facts_card(report->facts, other->gpu, report->arena);
		list_add(report->arena, &others, other);
	}
	return others;
}
