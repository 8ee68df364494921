/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/* Who has a device: VMs by their lines, by the arguments they were started with and by `args`, and
 * containers by the device nodes they are given. */

/* Every function that a list of QEMU arguments gives: vfio-pci,host=0000:01:00.0,… or by its path,
 * sysfsdev=/sys/bus/pci/devices/0000:01:00.4. */
static void find_hosts(struct facts *facts, const char *text, struct list *devices)
{
	if (!strstr(text, "vfio-pci"))
		return;
	for (const char *at = text; (at = strstr(at, "host=")) != NULL; at++) {
		struct pci_address address;
		const char *value = at + strlen("host=");
		bool whole = false;
		char *host = arena_strndup(facts->arena, value, strcspn(value, ", \t\"'"));
		struct pci_device *device = pci_address_parse(host, &address, &whole) && !whole
							    ? facts_device(facts, &address)
							    : NULL;
		if (device && !facts_in_list(devices, device))
			list_add(facts->arena, devices, device);
	}
	for (const char *at = text; (at = strstr(at, "sysfsdev=")) != NULL; at++) {
		const char *value = at + strlen("sysfsdev=");
		char *path = arena_strndup(facts->arena, value, strcspn(value, ", \t\"'"));
		struct pci_device *device = facts_device_in_path(facts, path);
		if (device && !facts_in_list(devices, device))
			list_add(facts->arena, devices, device);
	}
}

void facts_add_taken(struct facts *facts, struct vm *vm, const char *arguments, size_t size)
{
	for (const char *at = arguments; arguments && at < arguments + size; at += strlen(at) + 1)
		find_hosts(facts, at, &vm->taken);
	if (vm->taken.n)
		vm->taken_known = KNOWN_YES;
}

/* "0000:01:00.0 101 pid:12345", or time:… while it is being started (PVE/QemuServer/PCI.pm,
 * reserve_pci_usage). */
void facts_read_reservations(const struct root *root, struct facts *facts)
{
	char *text = root_read_value(root, "/run/qemu-server/pci-id-reservations", facts->arena);
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *entry = arena_strndup(facts->arena, line.start, line.n);
		char *rest = NULL;
		const char *name = strtok_r(entry, " ", &rest);
		const char *id = strtok_r(NULL, " ", &rest);
		struct pci_address address;
		unsigned long vmid = 0;
		if (!name || !id || !pci_address_parse_full(name, &address) ||
				!text_to_ulong(id, 10, 999999999, &vmid))
			continue;
		struct vm *vm = facts_vm(facts, (unsigned)vmid);
		struct pci_device *device = facts_device(facts, &address);
		if (!vm || !device || vm->running != KNOWN_YES)
			continue;
		vm->taken_known = KNOWN_YES;
		if (!facts_in_list(&vm->taken, device))
			list_add(facts->arena, &vm->taken, device);
	}
}

void facts_read_args(struct facts *facts, struct vm *vm)
{
	const char *args = vm_conf_get(&vm->conf.current, "args");
	if (args)
		find_hosts(facts, args, &vm->args_devices);
}

static struct holder *add_holder(
		struct arena *arena, struct list *holders, const struct vm *vm, enum holder_way way)
{
	struct holder *holder = arena_alloc(arena, sizeof *holder);
	*holder = (struct holder){.way = way,
			.vm = vm,
			.id = vm->vmid,
			.name = vm->name,
			.path = vm->path,
			.running = vm->running};
	list_add(arena, holders, holder);
	return holder;
}

/* What it has is what its process was started with; where that does not tell, its only device. */
static enum known has_now(const struct vm *vm, const struct pci_device *device, bool certain)
{
	if (vm->running != KNOWN_YES)
		return vm->running;
	if (vm->taken_known == KNOWN_YES)
		return facts_in_list(&vm->taken, device) ? KNOWN_YES : KNOWN_NO;
	return certain ? KNOWN_YES : KNOWN_UNKNOWN;
}

static void add_line(struct arena *arena, struct list *holders, const struct vm *vm,
		const struct vm_hostpci *entry, const struct pci_device *device)
{
	bool certain = facts_in_list(&entry->devices, device);
	if (!entry->valid || (!certain && !facts_in_list(&entry->alternatives, device)))
		return;
	struct holder *holder = add_holder(arena, holders, vm,
			entry->parsed.mdev      ? HOLDS_BY_MDEV
			: entry->parsed.mapping ? HOLDS_BY_MAPPING
						: HOLDS_BY_ADDRESS);
	holder->entry = entry;
	holder->pool = !certain;
	holder->line = arena_printf(arena, "%s: %s", entry->key, entry->value);
	/* A mediated device has an address of its own. */
	holder->has = entry->parsed.mdev ? vm->running : has_now(vm, device, certain);
}

static void add_vm(struct arena *arena, struct list *holders, const struct vm *vm,
		const struct pci_device *device)
{
	size_t before = holders->n;
	if (!vm->hostpci.n && !vm->args_devices.n && !vm->taken.n)
		return;
	for (size_t i = 0; i < vm->hostpci.n; i++)
		add_line(arena, holders, vm, vm->hostpci.item[i], device);
	if (facts_in_list(&vm->args_devices, device)) {
		struct holder *holder = add_holder(arena, holders, vm, HOLDS_BY_ARGS);
		holder->line = arena_printf(
				arena, "args: %s", vm_conf_shown(&vm->conf.current, "args"));
		holder->has = has_now(vm, device, true);
	}
	/* It was started with it, and its line went away or was changed since. */
	if (holders->n == before && facts_in_list(&vm->taken, device)) {
		struct holder *holder = add_holder(arena, holders, vm, HOLDS_BY_ADDRESS);
		holder->line = arena_strdup(arena, "it was started with it");
		holder->has = vm->running;
	}
}

char *holder_has_text(struct arena *arena, const struct holder *holder, const char *what)
{
	return holder->has == KNOWN_NO ? NULL
				       : arena_printf(arena, "%s %s %s", holder_text(arena, holder),
							 holder->has == KNOWN_YES ? "runs with"
										  : "may run with",
							 what);
}

char *holder_text(struct arena *arena, const struct holder *holder)
{
	return arena_printf(arena, "%s %u %s", holder->vm ? "VM" : "container", holder->id,
			holder->name);
}

struct list facts_holders(
		const struct facts *facts, const struct pci_device *device, struct arena *arena)
{
	struct list holders = {0};
	for (size_t i = 0; i < facts->vms.n; i++)
		add_vm(arena, &holders, facts->vms.item[i], device);
	for (size_t i = 0; i < facts->containers.n; i++) {
		const struct container *container = facts->containers.item[i];
		if (!facts_in_list(&container->devices, device))
			continue;
		struct holder *holder = arena_alloc(arena, sizeof *holder);
		*holder = (struct holder){.way = HOLDS_BY_NODE,
				.container = container,
				.id = container->ctid,
				.name = container->name,
				.path = container->path,
				.line = container->line,
				.running = container->running,
				.has = container->running};
		list_add(arena, &holders, holder);
	}
	return holders;
}
