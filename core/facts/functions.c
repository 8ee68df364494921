/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/* Whether the virtual functions that a device has may go. Their number is changed by way of none
 * (drivers/pci/iov.c, sriov_numvfs_store: EBUSY otherwise), so that all of them go. */

/* A guest that runs, or may, has it; or a line names it and it does not come back. */
static char *held_by_guest(const struct facts *facts, const struct pci_device *function, bool stays,
		struct arena *arena)
{
	struct list holders = facts_holders(facts, function, arena);
	for (size_t i = 0; i < holders.n; i++) {
		const struct holder *holder = holders.item[i];
		char *has = holder_has_text(arena, holder, function->name);
		if (has)
			return has;
		if (!stays)
			return arena_printf(arena, "%s has %s in its configuration (%s)",
					holder_text(arena, holder), function->name, holder->line);
	}
	return NULL;
}

/* A line that waits names it: the next start is with it. */
static char *waits_for(
		const struct facts *facts, const struct pci_device *function, struct arena *arena)
{
	for (size_t i = 0; i < facts->vms.n; i++) {
		const struct vm *vm = facts->vms.item[i];
		for (size_t e = 0; e < vm->pending.n; e++) {
			const struct vm_hostpci *entry = vm->pending.item[e];
			if (facts_in_list(&entry->devices, function) ||
					facts_in_list(&entry->alternatives, function))
				return arena_printf(arena,
						"VM %u %s waits for %s (PENDING, %s: %s)", vm->vmid,
						text_printable(arena, vm->name), function->name,
						entry->key, entry->value);
		}
	}
	return NULL;
}

char *facts_functions_held(const struct facts *facts, const struct pci_device *physical,
		unsigned count, struct arena *arena)
{
	if (!physical->virtfns.n && facts->all_recorded)
		return NULL;
	if (facts->vms_known != KNOWN_YES || facts->containers_known != KNOWN_YES)
		return arena_strdup(arena, "the guests of this host could not all be read");
	if (physical->sriov_active > 0 && physical->virtfns.n < (size_t)physical->sriov_active)
		return arena_strdup(arena, "which devices its functions are is not recorded");
	for (size_t i = 0; i < physical->virtfns.n; i++) {
		const struct pci_device *function = physical->virtfns.item[i];
		if (function->uses.n) {
			const struct host_use *use = function->uses.item[0];
			return arena_printf(
					arena, "the host uses %s: %s", function->name, use->what);
		}
		char *held = held_by_guest(facts, function, i < count, arena);
		if (!held && i >= count)
			held = waits_for(facts, function, arena);
		if (held)
			return held;
	}
	return NULL;
}
