/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"

/* One device and several who are to have it: VMs, lines of one VM, the host. */

/* How much of what a line gives goes to the goal's VM. */
static size_t given_of_card(const struct report *report, const struct vm_hostpci *entry)
{
	size_t given = 0;
	for (size_t i = 0; entry->valid && i < entry->devices.n; i++)
		given += facts_in_list(&report->card, entry->devices.item[i]);
	return given;
}

/* What a VM is not touched for, or NULL. */
static const char *why_not_moved(const struct report *report, const struct vm *other)
{
	if (report->pool)
		return "of a pool the VM gets what is free: name the GPU itself";
	if (other->running != KNOWN_NO)
		return other->running == KNOWN_YES ? "that VM runs"
						   : "whether that VM runs is not known";
	if (vm_get(other, "lock"))
		return "that VM is locked";
	return vm_value_is_on(vm_get(other, "template")) ? "that VM is a template" : NULL;
}

struct list lines_to_move(const struct report *report, const struct vm *other, const char **ret_why)
{
	struct list lines = {0};
	*ret_why = NULL;
	if (!report->decided[CHOOSE_MOVE] || !report->decided[CHOOSE_ATTACH])
		return lines;
	for (size_t i = 0; i < other->pending.n; i++)
		if (given_of_card(report, other->pending.item[i]))
			*ret_why = "what gives it waits in PENDING: start and stop that VM, or revert it";
	for (size_t i = 0; i < other->hostpci.n; i++) {
		struct vm_hostpci *entry = other->hostpci.item[i];
		size_t given = given_of_card(report, entry);
		if (!given)
			continue;
		if (vm_key_is_removed(other, entry->key) ||
				vm_conf_get(&other->conf.pending, entry->key))
			*ret_why = "another value of that line waits in PENDING";
		else if (given < entry->devices.n)
			*ret_why = "that line gives more than this card";
		list_add(report->arena, &lines, entry);
	}
	const char *why = why_not_moved(report, other);
	if (other->hook_text && report->gpu && strstr(other->hook_text, report->gpu->name))
		*ret_why = "its hookscript names the GPU: take that out first (--no-give-back of that VM, if it is of pvegpu)";
	*ret_why = why ? why : *ret_why;
	if (*ret_why)
		return (struct list){0};
	return lines;
}

/* Two VMs with one device; the second of them is the subject. */
static void add_conflict(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm *other, const struct vm_hostpci *entry,
		const struct pci_device *device)
{
	bool running = other->running == KNOWN_YES &&
		       (vm == report->vm || vm->running == KNOWN_YES);
	struct finding *finding = report_add(report, check, running ? STATUS_FAIL : STATUS_WARN,
			subject_vm(other), "%u %s has %s too, like %u %s%s.", other->vmid,
			other->name, device->name, vm->vmid, vm->name,
			running ? ", and is running" : "; only one of them can run");
	finding_evidence(report, finding, other->path, "%s: %s", entry->key, entry->value);
	const char *why = NULL;
	struct list moved =
			vm == report->vm ? lines_to_move(report, other, &why) : (struct list){0};
	/* vfio-pci has it then, at boot perhaps: the driver that makes the parts does not. */
	if (!moved.n && !running && vm == report->vm && !report->mdev && hostpci_shares(entry)) {
		finding->detail = arena_printf(report->arena,
				"%u %s has a vGPU of %s, which %u %s is to have whole: it cannot start then.",
				other->vmid, other->name, device->name, vm->vmid, vm->name);
		finding->risk = RISK_ACCEPT;
	}
	if (moved.n) {
		/* PVE/API2/Qemu.pm: a line with an address is for root@pam also when it goes. */
		if (!report->facts->identity_root && !entry->parsed.mapping)
			finding->risk = RISK_NEVER;
		finding_fix(report, finding, FIX_BY_PLAN, "take %s out of VM %u", entry->key,
				other->vmid);
		return;
	}
	finding_fix(report, finding, FIX_BY_HAND,
			running ? "stop that VM first, and take the line out of it: qm set %u --delete %s"
				: "take the line out of one of them, or do not start both: qm set %u --delete %s",
			other->vmid, entry->key);
	if (running && vm == report->vm)
		finding->risk = RISK_NEVER;
	if (why) { /* it was asked for */
		finding->detail = arena_printf(report->arena, "%s It is not taken from it: %s.",
				finding->detail, why);
		finding->risk = RISK_NEVER;
	}
}

/* A VM that holds a device, through one of its lines. */
struct holding {
	const struct pci_device *device;
	const struct vm *vm;
	const struct vm_hostpci *entry;
	size_t number; /* of the VM */
};

static int compare_holdings(const void *a, const void *b)
{
	const struct holding *const *first = a;
	const struct holding *const *second = b;
	int order = pci_address_compare(&(*first)->device->address, &(*second)->device->address);
	if (order)
		return order;
	return (*first)->vm->vmid < (*second)->vm->vmid   ? -1
	       : (*first)->vm->vmid > (*second)->vm->vmid ? 1
							  : 0;
}

/* Every device of every line, by device and VM. */
static struct list list_holdings(const struct report *report)
{
	struct list holdings = {0};
	for (size_t i = 0; i < report->facts->vms.n; i++) {
		const struct vm *vm = report->facts->vms.item[i];
		for (size_t e = 0; e < vm->hostpci.n; e++) {
			const struct vm_hostpci *entry = vm->hostpci.item[e];
			for (size_t d = 0; entry->valid && d < entry->devices.n; d++) {
				struct holding *holding =
						arena_alloc(report->arena, sizeof *holding);
				*holding = (struct holding){entry->devices.item[d], vm, entry, i};
				list_add(report->arena, &holdings, holding);
			}
		}
	}
	if (holdings.n > 1)
		qsort(holdings.item, holdings.n, sizeof *holdings.item, compare_holdings);
	return holdings;
}

/* Tell of a VM that is the second to hold a device. */
typedef void tell_second(struct report *report, const struct check *check,
		const struct holding *first, const struct holding *second);

/* Those of one device that count: the VM that runs, or else the first; NULL when none does. */
static const struct holding *first_of(const struct list *holdings, size_t start, size_t end,
		bool (*counts)(const struct report *report, const struct vm *vm),
		const struct report *report)
{
	const struct holding *first = NULL;
	for (size_t i = start; i < end; i++) {
		const struct holding *holding = holdings->item[i];
		bool running = holding->vm->running == KNOWN_YES;
		if (counts(report, holding->vm) &&
				(!first || (running && first->vm->running != KNOWN_YES)))
			first = holding;
	}
	return first;
}

/* Each VM that shares a device with another is told of once. How many were? */
static size_t tell_sharing(struct report *report, const struct check *check,
		bool (*counts)(const struct report *report, const struct vm *vm), tell_second *tell)
{
	struct list holdings = list_holdings(report);
	bool *told = arena_alloc(report->arena, report->facts->vms.n * sizeof *told + 1);
	size_t found = 0;
	for (size_t start = 0, end = 0; start < holdings.n; start = end) {
		const struct pci_device *device =
				((const struct holding *)holdings.item[start])->device;
		while (end < holdings.n &&
				((const struct holding *)holdings.item[end])->device == device)
			end++;
		const struct holding *first = first_of(&holdings, start, end, counts, report);
		for (size_t i = start; first && i < end; i++) {
			const struct holding *holding = holdings.item[i];
			if (holding->vm == first->vm || told[holding->number] ||
					!counts(report, holding->vm) ||
					(hostpci_shares(first->entry) &&
							hostpci_shares(holding->entry)))
				continue;
			told[holding->number] = true;
			found++;
			tell(report, check, first, holding);
		}
	}
	return found;
}

static void tell_onboot(struct report *report, const struct check *check,
		const struct holding *first, const struct holding *second)
{
	struct finding *finding = report_add(report, check, STATUS_WARN, subject_vm(second->vm),
			"%u %s and %u %s both start at boot with %s: the second one fails.",
			first->vm->vmid, first->vm->name, second->vm->vmid, second->vm->name,
			second->device->name);
	finding_evidence(report, finding, second->vm->path, "onboot: 1");
	finding_fix(report, finding, FIX_BY_HAND, "qm set %u --onboot 0", second->vm->vmid);
}

static bool starts_at_boot(const struct report *report, const struct vm *vm)
{
	(void)report;
	return vm_starts_at_boot(vm);
}

/* What a start takes with these devices: their groups, too. */
static struct list list_taken(
		const struct report *report, const struct list *devices, struct arena *arena)
{
	struct list taken = {0};
	for (size_t i = 0; i < devices->n; i++) {
		struct pci_device *device = devices->item[i];
		struct list group = facts_group(report->facts, device->group, arena);
		if (device->group < 0)
			list_add(arena, &group, device);
		for (size_t g = 0; g < group.n; g++)
			if (!pci_is_bridge(group.item[g]) && !facts_in_list(&taken, group.item[g]))
				list_add(arena, &taken, group.item[g]);
	}
	return taken;
}

struct taking judge_taking(
		const struct report *report, const struct vm_hostpci *entry, struct arena *arena)
{
	struct taking taking = {.entry = entry};
	if (entry->parsed.mdev) /* the driver of the host makes it, and stays */
		return taking;
	/* Of a pool it may be any of them. */
	struct list taken = list_taken(
			report, entry->devices.n ? &entry->devices : &entry->alternatives, arena);
	for (size_t i = 0; entry->valid && i < taken.n; i++) {
		struct pci_device *device = taken.item[i];
		if (device->uses.n)
			list_add(arena, &taking.devices, device);
		taking.untold = taking.untold || device->group < 0;
	}
	taking.doubtful = entry->valid && find_doubtful(report, &taken).n > 0;
	taking.untold = taking.untold || taking.doubtful;
	return taking;
}

const struct vm_hostpci *named_beside(const struct list *lines, const struct vm_hostpci *entry,
		const struct pci_device *device)
{
	for (size_t e = 0; e < lines->n; e++) {
		const struct vm_hostpci *other = lines->item[e];
		if (other != entry && other->valid && facts_in_list(&other->devices, device))
			return other;
	}
	return NULL;
}

static bool is_named(
		const struct list *lines, const struct vm_hostpci *entry, const struct list *offer)
{
	for (size_t i = 0; i < offer->n; i++)
		if (named_beside(lines, entry, offer->item[i]))
			return true;
	return false;
}

static bool is_harmless(const struct report *report, const struct list *offer, struct arena *arena)
{
	struct list taken = list_taken(report, offer, arena);
	for (size_t i = 0; i < taken.n; i++)
		if (((const struct pci_device *)taken.item[i])->uses.n)
			return false;
	return true;
}

/* Each line of the VM that may get what this pool offers can get something that takes nothing from
 * the host, and that no other line names. */
static bool is_by_chance(const struct report *report, const struct list *lines,
		const struct vm_hostpci *entry, struct arena *arena)
{
	size_t harmless = 0;
	size_t rivals = 0;
	for (size_t i = 0; i < entry->offers.n; i++) {
		const struct list *offer = entry->offers.item[i];
		harmless += is_harmless(report, offer, arena) && !is_named(lines, entry, offer);
	}
	for (size_t e = 0; e < lines->n; e++) {
		const struct vm_hostpci *line = lines->item[e];
		bool shares = false;
		for (size_t d = 0; line->valid && d < line->alternatives.n; d++)
			shares = shares ||
				 facts_in_list(&entry->alternatives, line->alternatives.item[d]);
		rivals += shares;
	}
	return harmless > 0 && rivals <= harmless;
}

struct list list_takings_at_boot(const struct report *report, struct arena *arena)
{
	struct list takings = {0};
	for (size_t i = 0; i < report->facts->vms.n; i++) {
		const struct vm *vm = report->facts->vms.item[i];
		struct list lines =
				vm_starts_at_boot(vm) ? vm_next_lines(vm, arena) : (struct list){0};
		for (size_t e = 0; e < lines.n; e++) {
			struct taking taking = judge_taking(report, lines.item[e], arena);
			if (!taking.devices.n && !taking.untold)
				continue;
			struct taking *kept = arena_alloc(arena, sizeof *kept);
			*kept = taking;
			kept->vm = vm;
			kept->by_chance = taking.devices.n &&
					  is_by_chance(report, &lines, lines.item[e], arena);
			list_add(arena, &takings, kept);
		}
	}
	return takings;
}

static void tell_taking(
		struct report *report, const struct check *check, const struct taking *taking)
{
	const struct vm *vm = taking->vm;
	const struct pci_device *device = taking->devices.item[0];
	struct finding *finding = report_add(report, check,
			taking->by_chance ? STATUS_WARN : STATUS_FAIL, subject_vm(vm),
			"%u %s starts at boot, and %s %s %s from the host then: %s.", vm->vmid,
			vm->name, taking->entry->key, taking->by_chance ? "may take" : "takes",
			device->name, ((const struct host_use *)device->uses.item[0])->what);
	finding_evidence(report, finding, vm->path, "onboot: 1");
	finding_evidence(report, finding, vm->path, "%s: %s", taking->entry->key,
			taking->entry->value);
	finding_fix(report, finding, FIX_BY_HAND, "qm set %u --onboot 0", vm->vmid);
}

/* Of one VM's, from this one on, that which is certain, if one is. */
static const struct taking *gravest_of(const struct list *takings, size_t first)
{
	const struct taking *gravest = takings->item[first];
	for (size_t i = first; gravest->by_chance && i < takings->n; i++) {
		const struct taking *taking = takings->item[i];
		if (taking->vm == gravest->vm && taking->devices.n && !taking->by_chance)
			gravest = taking;
	}
	return gravest;
}

/* A VM that starts at boot takes what its lines mean from the host, and nobody is asked then. Each
 * such VM is told of once, and one of which it cannot be told; with the IOMMU off nobody's group is
 * known, and that alone is not told. */
void check_onboot_conflict(struct report *report, const struct check *check)
{
	if (vms_unknown(report, check))
		return;
	struct list takings = list_takings_at_boot(report, report->arena);
	const struct taking *told = NULL;
	const struct taking *untold = NULL;
	for (size_t i = 0; i < takings.n; i++) {
		const struct taking *taking = takings.item[i];
		bool may_be = taking->doubtful || report->facts->iommu_active != KNOWN_NO;
		if (taking->untold && may_be && !untold)
			untold = taking;
		if (!taking->devices.n || (told && told->vm == taking->vm))
			continue;
		told = gravest_of(&takings, i);
		tell_taking(report, check, told);
	}
	size_t sharing = tell_sharing(report, check, starts_at_boot, tell_onboot);
	if (untold)
		(void)report_add(report, check, STATUS_UNKNOWN, subject_vm(untold->vm),
				"%u %s starts at boot with %s. What it takes from the host then cannot be told: what the host uses, or the IOMMU group, is not known.",
				untold->vm->vmid, untold->vm->name, untold->entry->key);
	else if (!told && !sharing)
		tell_no_vm(report, check,
				"No VM that starts at boot takes what another one, or the host, has.");
}

static void tell_conflict(struct report *report, const struct check *check,
		const struct holding *first, const struct holding *second)
{
	add_conflict(report, check, first->vm, second->vm, second->entry, second->device);
}

/* A device that a line of a pool gets, when all get what they can. */
struct seat {
	const struct pci_device *device; /* the first of those that go together */
	const struct vm_hostpci *line;
};

/* A seat for the line, and for who sat there another one; `tried` are devices already asked for. */
static bool find_seat(struct arena *arena, const struct list *lines, struct list *seats,
		struct list *tried, const struct vm_hostpci *entry)
{
	for (size_t i = 0; i < entry->offers.n; i++) {
		const struct list *offer = entry->offers.item[i];
		struct pci_device *device = offer->item[0];
		if (facts_in_list(tried, device) || is_named(lines, entry, offer))
			continue;
		list_add(arena, tried, device);
		struct seat *seat = NULL;
		for (size_t s = 0; !seat && s < seats->n; s++)
			if (((struct seat *)seats->item[s])->device == device)
				seat = seats->item[s];
		if (seat && !find_seat(arena, lines, seats, tried, seat->line))
			continue;
		if (!seat) {
			seat = arena_alloc(arena, sizeof *seat);
			list_add(arena, seats, seat);
		}
		*seat = (struct seat){device, entry};
		return true;
	}
	return false;
}

/* However Proxmox VE chooses, the lines before this one and this one do not all get a device. */
static bool stays_without(
		struct arena *arena, const struct list *lines, const struct vm_hostpci *entry)
{
	struct list seats = {0};
	for (size_t i = 0; i < lines->n; i++) {
		const struct vm_hostpci *line = lines->item[i];
		struct list tried = {0};
		bool seated = !line->valid || !line->offers.n ||
			      find_seat(arena, lines, &seats, &tried, line);
		if (line == entry)
			return !seated;
	}
	return false;
}

/* Another line that may take the same, or has it for certain. */
static const struct vm_hostpci *rival_of(const struct list *lines, const struct vm_hostpci *entry)
{
	const struct vm_hostpci *rival = NULL;
	for (size_t i = 0; !rival && i < entry->alternatives.n; i++) {
		const struct pci_device *device = entry->alternatives.item[i];
		rival = named_beside(lines, entry, device);
		for (size_t e = 0; !rival && e < lines->n; e++) {
			const struct vm_hostpci *other = lines->item[e];
			if (other != entry && other->valid &&
					facts_in_list(&other->alternatives, device))
				rival = other;
		}
	}
	return rival;
}

/* A pool whose devices other lines of the VM have. Of all: "could not find a free device". Of some
 * it is chance: what is asked first is the order of a hash (PVE/QemuServer/PCI.pm,
 * choose_hostpci_devices), and the other line then finds its device taken. */
static bool judge_pool(struct report *report, const struct check *check, const struct vm *vm,
		const struct list *lines, const struct vm_hostpci *entry)
{
	const struct vm_hostpci *beside = NULL;
	for (size_t i = 0; !beside && i < entry->alternatives.n; i++)
		beside = named_beside(lines, entry, entry->alternatives.item[i]);
	bool all = stays_without(report->arena, lines, entry);
	if (!beside && all)
		beside = rival_of(lines, entry);
	if (!beside)
		return false;
	const char *who =
			arena_printf(report->arena, "%s of %u %s", entry->key, vm->vmid, vm->name);
	struct finding *finding = report_add(report, check, all ? STATUS_FAIL : STATUS_WARN,
			subject_vm(vm),
			all ? "%s: other lines of the VM have every device of the mapping, so it cannot start."
			    : "%s: the mapping may give the VM a device that another of its lines names, and then it does not start.",
			who);
	finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	finding_evidence(report, finding, vm->path, "%s: %s", beside->key, beside->value);
	finding_fix(report, finding, FIX_BY_HAND,
			"take one of the lines out: qm set %u --delete %s", vm->vmid, entry->key);
	finding->prevents_start = all;
	return true;
}

/* A line that names what an earlier line of the VM has: PVE/QemuServer/PCI.pm refuses the start
 * with "device … assigned more than once". The goal's own line is judged by attach.hostpci. */
static bool judge_twice(struct report *report, const struct check *check, const struct vm *vm,
		const struct vm_hostpci *entry)
{
	const struct pci_device *device = NULL;
	const struct vm_hostpci *before = NULL;
	struct list lines = vm_next_lines(vm, report->arena);
	size_t at = 0;
	while (at < lines.n && lines.item[at] != entry)
		at++;
	if (at == lines.n)
		return false; /* it is gone by then */
	if (entry->valid && entry->alternatives.n)
		return judge_pool(report, check, vm, &lines, entry);
	for (size_t e = 0; !device && e < at; e++) {
		before = lines.item[e];
		for (size_t d = 0; !device && before->valid && entry->valid && d < entry->devices.n;
				d++)
			if (facts_in_list(&before->devices, entry->devices.item[d]))
				device = entry->devices.item[d];
	}
	if (!device)
		return false;
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_vm(vm),
			"%s of %u %s names %s, which %s has already: the VM cannot start.",
			entry->key, vm->vmid, vm->name, device->name, before->key);
	finding_evidence(report, finding, vm->path, "%s: %s", entry->key, entry->value);
	finding_fix(report, finding, FIX_BY_HAND,
			"take one of the two lines out: qm set %u --delete %s", vm->vmid,
			entry->key);
	finding->prevents_start = true;
	return true;
}

/* The goal's VM is judged by the goal. */
static bool is_another(const struct report *report, const struct vm *vm)
{
	return !report->gpu || vm != report->vm;
}

/* It runs, and of its mapping's devices it was given another one. `holders` are those of the GPU.
 */
static bool has_another(const struct list *holders, const struct vm_hostpci *entry)
{
	for (size_t i = 0; entry->alternatives.n && i < holders->n; i++) {
		const struct holder *holder = holders->item[i];
		if (holder->entry == entry)
			return holder->pool && holder->running == KNOWN_YES &&
			       holder->has == KNOWN_NO;
	}
	return false;
}

static const struct vm_hostpci *any_of_card(const struct report *report, const struct vm *other)
{
	const struct list *lists[] = {&other->hostpci, &other->pending};
	for (size_t l = 0; l < 2; l++)
		for (size_t i = 0; i < lists[l]->n; i++)
			if (given_of_card(report, lists[l]->item[i]))
				return lists[l]->item[i];
	return NULL;
}

void check_attach_conflict(struct report *report, const struct check *check)
{
	if (vms_unknown(report, check))
		return;
	size_t found = tell_sharing(report, check, is_another, tell_conflict) +
		       for_each_hostpci(report, check, judge_twice);
	bool goal = report->gpu && report->vm;
	struct list holders = goal ? facts_holders(report->facts, report->gpu, report->arena)
				   : (struct list){0};
	for (size_t i = 0; goal && i < report->facts->vms.n; i++) {
		const struct vm *other = report->facts->vms.item[i];
		const struct vm_hostpci *entry =
				other == report->vm ? NULL
						    : hostpci_with(report, other, report->gpu);
		/* Of what is to be moved any part of the card counts, and what waits. */
		if (!entry && other != report->vm && report->decided[CHOOSE_MOVE])
			entry = any_of_card(report, other);
		bool parts = entry && report->mdev && !report->gpu->vgpu_alone &&
			     hostpci_shares(entry);
		if (!entry || parts || has_another(&holders, entry) || pool_gives(report, entry))
			continue;
		found++;
		add_conflict(report, check, report->vm, other, entry, report->gpu);
	}
	if (!found)
		tell_no_vm(report, check, "No device is given twice.");
}
