/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/upid.h"

/* qemu-server keeps a pid file for each VM it runs (PVE/QemuServer/Helpers.pm, pidfile_name); the
 * process must still be that VM: its arguments hold `-id VMID`. */
static enum known is_running(const struct root *root, struct facts *facts, unsigned vmid,
		char **ret_arguments, size_t *ret_size)
{
	struct arena *arena = facts->arena;
	char *path = arena_printf(arena, "/run/qemu-server/%u.pid", vmid);
	char *pid = root_read_value(root, path, arena);
	unsigned long number = 0;
	if (!pid && root_exists(root, path)) {
		facts_add_gap(facts, path, path, "it could not be read")->vmid = vmid;
		return KNOWN_UNKNOWN;
	}
	if (!pid || !text_to_ulong(pid, 10, 0x7fffffff, &number))
		return KNOWN_NO;
	char *arguments = NULL;
	size_t size = 0;
	struct error error = {0};
	if (root_read(root, arena_printf(arena, "/proc/%lu/cmdline", number), arena, &arguments,
			    &size, &error) < 0)
		return error.sys_errno == ENOENT || error.sys_errno == ESRCH ? KNOWN_NO
									     : KNOWN_UNKNOWN;
	const char *id = arena_printf(arena, "%u", vmid);
	const char *end = arguments + size;
	for (const char *at = arguments; at < end; at += strlen(at) + 1) {
		const char *next = at + strlen(at) + 1;
		if (strcmp(at, "-id") == 0 && next < end && strcmp(next, id) == 0) {
			*ret_arguments = arguments;
			*ret_size = size;
			return KNOWN_YES;
		}
	}
	return KNOWN_NO;
}

/* PVE finds devices by the start of their name: ^(0000:)?ID (PVE/SysFSTools.pm, lspci), so 01:00
 * is every function of the slot, SR-IOV functions included. */
static void find_device(const struct facts *facts, struct arena *arena, struct list *devices,
		const char *host)
{
	size_t n = strlen(host);
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct pci_device *device = facts->devices.item[i];
		if (strncmp(device->name, host, n) == 0 ||
				(device->address.domain == 0 &&
						strncmp(device->name + 5, host, n) == 0))
			list_add(arena, devices, device);
	}
}

void facts_find_path(const struct facts *facts, struct arena *arena, struct list *devices,
		const char *path)
{
	for (const char *at = path; *at;) {
		size_t n = strcspn(at, ";");
		find_device(facts, arena, devices, arena_strndup(arena, at, n));
		at += n + (at[n] == ';');
	}
}

struct list facts_mapping_offers(
		const struct facts *facts, const struct pci_mapping *mapping, struct arena *arena)
{
	struct list offers = {0};
	for (size_t e = 0; mapping && e < mapping->entries.n; e++) {
		const struct pci_mapping_entry *mapped = mapping->entries.item[e];
		if (!facts->node || strcmp(mapped->node, facts->node) != 0)
			continue;
		struct list *offer = arena_alloc(arena, sizeof *offer);
		*offer = (struct list){0};
		facts_find_path(facts, arena, offer, mapped->path);
		list_add(arena, &offers, offer);
	}
	return offers;
}

/* What a mapping has for this node. Of several entries PVE takes the first that is free. */
static void find_mapped(struct facts *facts, struct vm_hostpci *entry, const char *name)
{
	struct arena *arena = facts->arena;
	struct list offers = facts_mapping_offers(facts, facts_mapping(facts, name), arena);
	if (offers.n == 1)
		entry->devices = *(const struct list *)offers.item[0];
	for (size_t i = 0; offers.n > 1 && i < offers.n; i++) {
		const struct list *offer = offers.item[i];
		for (size_t d = 0; d < offer->n; d++)
			list_add(arena, &entry->alternatives, offer->item[d]);
		if (offer->n)
			list_add(arena, &entry->offers, offers.item[i]);
	}
}

static void find_devices(struct facts *facts, struct vm_hostpci *entry)
{
	for (size_t h = 0; h < entry->parsed.hosts.n; h++)
		find_device(facts, facts->arena, &entry->devices, entry->parsed.hosts.item[h]);
	if (entry->parsed.mapping)
		find_mapped(facts, entry, entry->parsed.mapping);
}

static void read_hostpci_entries(struct facts *facts, const struct list *entries, bool dropped,
		struct list *ret_entries)
{
	for (size_t i = 0; i < entries->n; i++) {
		const struct vm_conf_entry *entry = entries->item[i];
		int index = hostpci_index(entry->key);
		if (index < 0)
			continue;
		struct vm_hostpci *found = arena_alloc(facts->arena, sizeof *found);
		*found = (struct vm_hostpci){.index = index,
				.key = entry->key,
				.value = dropped ? entry->shown : entry->value};
		struct error error;
		if (hostpci_parse(facts->arena, entry->value, &found->parsed, &error) < 0)
			found->error = arena_strdup(facts->arena, error.text);
		found->valid = !found->error;
		find_devices(facts, found);
		list_add(facts->arena, ret_entries, found);
	}
}

/* Lines that PVE drops are among them, as what they are. */
static void read_hostpci(struct facts *facts, const struct vm_conf_section *section,
		struct list *ret_entries)
{
	read_hostpci_entries(facts, &section->entries, false, ret_entries);
	read_hostpci_entries(facts, &section->dropped, true, ret_entries);
}

static void read_vm(const struct root *root, struct facts *facts, unsigned vmid, const char *path,
		bool pid_files)
{
	char *text = NULL;
	size_t size = 0;
	struct error error = {0};
	if (root_read(root, path, facts->arena, &text, &size, &error) < 0) {
		facts->vms_incomplete = true;
		facts_add_gap(facts, path, path, error.text)->vmid = vmid;
		return;
	}
	char *arguments = NULL;
	size_t length = 0;
	enum known running = pid_files ? is_running(root, facts, vmid, &arguments, &length)
			     : facts->all_recorded ? KNOWN_NO
						   : KNOWN_UNKNOWN;
	struct vm *vm = facts_add_vm(facts, VM_CONF_FILE, vmid, path, text, size, NULL, running);
	facts_add_taken(facts, vm, arguments, length);
}

struct vm *facts_add_vm(struct facts *facts, enum vm_conf_source source, unsigned vmid,
		const char *path, char *text, size_t size, const char *digest, enum known running)
{
	struct vm *vm = arena_alloc(facts->arena, sizeof *vm);
	vm->vmid = vmid;
	vm->path = arena_strdup(facts->arena, path);
	vm->text = text;
	vm->size = size;
	vm->digest = arena_strdup(facts->arena, digest);
	vm->source = source;
	vm_conf_parse(facts->arena, text, vm->source, &vm->conf);
	const char *name = vm_conf_get(&vm->conf.current, "name");
	vm->name = arena_strdup(facts->arena, name ? name : "");
	vm->running = running;
	read_hostpci(facts, &vm->conf.current, &vm->hostpci);
	read_hostpci(facts, &vm->conf.pending, &vm->pending);
	facts_read_args(facts, vm);
	list_add(facts->arena, &facts->vms, vm);
	return vm;
}

static int compare_vms(const void *a, const void *b)
{
	const struct vm *const *first = a;
	const struct vm *const *second = b;
	return (*first)->vmid < (*second)->vmid ? -1 : (*first)->vmid > (*second)->vmid;
}

void facts_sort_vms(struct facts *facts)
{
	if (facts->vms.n > 1)
		qsort(facts->vms.item, facts->vms.n, sizeof *facts->vms.item, compare_vms);
}

/* "UPID ENDTIME STATUS" a line, oldest first (PVE/RESTEnvironment.pm, the index of tasks). */
static void read_tasks(const struct root *root, struct facts *facts)
{
	char *text = root_read_value(root, "/var/log/pve/tasks/index", facts->arena);
	facts->tasks_known = text ? KNOWN_YES : KNOWN_UNKNOWN;
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *entry = text_trim(facts->arena, line.start, line.n);
		size_t n = strcspn(entry, " ");
		char *rest = entry + n + strspn(entry + n, " ");
		rest += strcspn(rest, " ");
		rest += strspn(rest, " ");
		char *upid = arena_strndup(facts->arena, entry, n);
		struct upid parsed;
		unsigned long vmid = 0;
		if (!upid_parse(facts->arena, upid, &parsed) ||
				strcmp(parsed.type, "qmstart") != 0 ||
				!text_to_ulong(parsed.id, 10, 999999999, &vmid))
			continue;
		struct task *task = arena_alloc(facts->arena, sizeof *task);
		*task = (struct task){.upid = upid, .vmid = (unsigned)vmid, .status = rest};
		list_add(facts->arena, &facts->tasks, task);
	}
}

/* pmxcfs shows the cluster's state in /etc/pve/.members (pve-cluster, status.c). */
static void read_quorum(const struct root *root, struct facts *facts)
{
	facts->quorate = KNOWN_UNKNOWN;
	facts->clustered = facts->vms_known != KNOWN_YES                 ? KNOWN_UNKNOWN
			   : root_exists(root, "/etc/pve/corosync.conf") ? KNOWN_YES
									 : KNOWN_NO;
	char *text = root_read_value(root, "/etc/pve/.members", facts->arena);
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;
	const json_t *quorate = json_object_get(json_object_get(json, "cluster"), "quorate");
	if (json_is_integer(quorate))
		facts->quorate = json_integer_value(quorate) ? KNOWN_YES : KNOWN_NO;
	const char *name = NULL;
	json_t *node = NULL;
	json_object_foreach(json_object_get(json, "nodelist"), name, node)
	{
		strings_add(facts->arena, &facts->node_names, arena_strdup(facts->arena, name));
	}
	json_decref(json);
	if (!facts->node_names.n)
		(void)root_list(root, "/etc/pve/nodes", facts->arena, &facts->node_names);
}

/* PVE's rule: [1-9][0-9]{2,8}.conf (PVE/JSONSchema.pm, pve-vmid) */
unsigned facts_guest_id(struct arena *arena, const char *name)
{
	unsigned long id = 0;
	size_t digits = strspn(name, "0123456789");
	if (digits < 3 || digits > 9 || name[0] == '0' || strcmp(name + digits, ".conf") != 0 ||
			!text_to_ulong(arena_strndup(arena, name, digits), 10, 999999999, &id))
		return 0;
	return (unsigned)id;
}

void facts_read_vms(const struct root *root, struct facts *facts)
{
	static const char dir[] = "/etc/pve/qemu-server";
	struct strings names = {0};
	bool listed = root_list(root, dir, facts->arena, &names);
	facts->vms_known = listed ? KNOWN_YES : KNOWN_UNKNOWN;
	bool pid_files = names.n && root_exists(root, "/run/qemu-server");
	for (size_t i = 0; i < names.n; i++) {
		unsigned vmid = facts_guest_id(facts->arena, names.item[i]);
		if (vmid)
			read_vm(root, facts, vmid,
					arena_printf(facts->arena, "%s/%s", dir, names.item[i]),
					pid_files);
	}
	facts_read_reservations(root, facts);
	read_quorum(root, facts);
	facts_read_ha(root, facts);
	read_tasks(root, facts);
	facts_sort_vms(facts);
}
