/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/pve/rights.h"

/*
 * A host as its API shows it: devices, groups, VMs, mappings, tasks, other nodes. What only its
 * files tell (boot loader, modules, drivers, what it mounts) stays unknown.
 */

static const char *member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static bool is_set(const json_t *value)
{
	return json_is_true(value) || json_integer_value(value) ||
	       (json_is_string(value) && strcmp(json_string_value(value), "1") == 0);
}

/* One thing that is asked for. */
struct question {
	const char *call;          /* "/nodes/pve2/status" */
	const struct list *params; /* or NULL */
	const char *item;   /* a list is meant, whose items have this member; NULL: an object */
	const char *member; /* that the object must have, or NULL */
	const char *what;   /* in words: "the VMs" */
	const char *path, *privilege;
	unsigned vmid;
};

static int add_gap(struct pve_client *client, struct facts *facts, const struct question *question,
		struct error *error, struct error *err);

/* What we may do at the path, asked once. */
static int ask_rights(
		struct pve_client *client, struct facts *facts, const char *path, struct error *err)
{
	struct question question = {.call = "/access/permissions",
			.what = arena_printf(facts->arena, "what %s may do at %s", facts->identity,
					path)};
	struct error error = {0};
	struct pve_rights *rights = NULL;
	for (size_t i = 0; i < facts->rights.n; i++)
		if (strcmp(((struct pve_rights *)facts->rights.item[i])->path, path) == 0)
			return 0;
	if (facts->identity_root)
		return 0;
	if (pve_rights_read(client, facts->arena, path, &rights, &error) < 0)
		return add_gap(client, facts, &question, &error, err);
	list_add(facts->arena, &facts->rights, rights);
	if (!facts->roles.n)
		(void)pve_roles_read(client, facts->arena, &facts->roles, NULL);
	return 0;
}

char *facts_grant(
		const struct facts *facts, struct arena *arena, const struct list *needs, size_t at)
{
	const char *path = ((const struct pve_need *)needs->item[at])->path;
	const struct pve_rights *rights = NULL;
	for (size_t i = 0; i < facts->rights.n; i++)
		if (strcmp(((struct pve_rights *)facts->rights.item[i])->path, path) == 0)
			rights = facts->rights.item[i];
	char *line = pve_grant_line(arena, facts->identity, rights, &facts->roles, needs, at);
	const char *caution = pve_grant_caution(arena, facts->identity, path, rights);
	return caution ? arena_printf(arena, "%s  # %s", line, caution) : line;
}

char *facts_grant_one(const struct facts *facts, struct arena *arena, const char *path,
		const char *privilege)
{
	struct list needs = {0};
	pve_need_add(arena, &needs, path, privilege, NULL);
	return facts_grant(facts, arena, &needs, 0);
}

static char *grant_for(struct pve_client *client, struct facts *facts, const char *path,
		const char *privilege)
{
	(void)ask_rights(client, facts, path, NULL);
	return facts_grant_one(facts, facts->arena, path, privilege);
}

/* The node that a call is about, "" for the one that answers. */
static char *node_of(const struct facts *facts, const char *call)
{
	const char *name = text_starts(call, "/nodes/") ? call + strlen("/nodes/") : "";
	char *node = arena_strndup(facts->arena, name, strcspn(name, "/"));
	bool here = facts->answering && strcmp(node, facts->answering) == 0;
	return here ? arena_strdup(facts->arena, "") : node;
}

/* Why the node that a call is about did not answer an earlier one, or NULL: pveproxy waits half a
 * minute for it each time (596). */
static const struct gap *gone(const struct facts *facts, const char *call)
{
	for (size_t i = 0; i < facts->gaps.n; i++) {
		const struct gap *gap = facts->gaps.item[i];
		if (gap->http >= 595 && gap->http <= 599 && !gap->after &&
				strcmp(node_of(facts, gap->source), node_of(facts, call)) == 0)
			return gap;
	}
	return NULL;
}

/* What an answer lacks to be what was asked for, or NULL. */
static const char *lacks(const json_t *data, const struct question *question)
{
	size_t i = 0;
	json_t *item = NULL;
	if (json_is_null(data))
		return "it is null";
	if (!question->item && !json_is_object(data))
		return "it is no object";
	if (!question->item)
		return question->member && !member(data, question->member) ? "it is another object"
									   : NULL;
	if (!json_is_array(data))
		return "it is no list";
	json_array_foreach(data, i, item)
	{
		const json_t *value = json_object_get(item, question->item);
		if (!json_is_string(value) && !json_is_integer(value))
			return "an item of it is of another kind";
	}
	return NULL;
}

/* An answer of the kind that was asked for, or an error. */
static int fetch(struct pve_client *client, const struct question *question, json_t **ret_data,
		struct error *err)
{
	json_t *data = NULL;
	int status = pve_call(client, "GET", question->call, question->params, &data, err);
	if (status < 0)
		return status;
	const char *lack = lacks(data, question);
	if (lack) {
		json_decref(data);
		return error_set(err, ERROR_API, "the answer to %s is not understood: %s",
				question->call, lack);
	}
	*ret_data = data;
	return 0;
}

/* What the API does not tell is a gap, with the privilege that it names; 0 when the rest can be
 * asked for all the same. */
static int add_gap(struct pve_client *client, struct facts *facts, const struct question *question,
		struct error *error, struct error *err)
{
	bool down = error->http >= 595 && error->http <= 599;
	if (error->code != ERROR_API) { /* there is nobody to ask, or we are nobody */
		if (err)
			*err = *error;
		return error->code;
	}
	const char *why = error->text;
	if (down && !*node_of(facts, question->call))
		why = arena_printf(facts->arena,
				"%s: its pvedaemon is not running (systemctl status pvedaemon)",
				error->text);
	struct gap *gap = facts_add_gap(facts, question->what, question->call, why);
	gap->http = error->http;
	gap->vmid = question->vmid;
	if (error->http == 403 && question->path && question->privilege)
		gap->grant = grant_for(client, facts, question->path, question->privilege);
	return 0;
}

/* 0 and *ret_data NULL: it is not told, and a gap by now. */
static int ask(struct pve_client *client, struct facts *facts, const struct question *question,
		json_t **ret_data, struct error *err)
{
	struct error error = {0};
	const struct gap *before = gone(facts, question->call);
	*ret_data = NULL;
	if (before) {
		struct gap *gap = facts_add_gap(facts, question->what, question->call, before->why);
		gap->after = gap != before ? before : NULL;
		gap->vmid = question->vmid;
		return 0;
	}
	return fetch(client, question, ret_data, &error) < 0
			       ? add_gap(client, facts, question, &error, err)
			       : 0;
}

static char *call_of(struct facts *facts, const char *rest)
{
	return arena_printf(facts->arena, "/nodes/%s%s", facts->node, rest);
}

static void take_kernel(struct facts *facts, const char *release)
{
	if (!release)
		return;
	/* `kversion` is uname's "Linux 6.2.16-3-pve #1 SMP …"; current-kernel.release the plain
	 * one.
	 */
	if (text_starts(release, "Linux "))
		release += strlen("Linux ");
	facts->kernel = arena_strndup(facts->arena, release, strcspn(release, " "));
	facts_kernel_numbers(facts);
}

static int read_status(struct pve_client *client, struct facts *facts, struct error *err)
{
	json_t *data = NULL;
	struct question question = {.call = call_of(facts, "/status"),
			.what = "the node's kernel and memory",
			.path = call_of(facts, ""),
			.privilege = "Sys.Audit"};
	int status = ask(client, facts, &question, &data, err);
	if (!data)
		return status;
	const json_t *current = json_object_get(data, "current-kernel");
	take_kernel(facts, member(current, "release") ? member(current, "release")
						      : member(data, "kversion"));
	const json_t *boot = json_object_get(data, "boot-info");
	const char *mode = member(boot, "mode");
	if (mode)
		facts->efi = strcmp(mode, "efi") == 0 ? KNOWN_YES : KNOWN_NO;
	if (json_object_get(boot, "secureboot"))
		facts->secure_boot =
				is_set(json_object_get(boot, "secureboot")) ? KNOWN_YES : KNOWN_NO;
	const json_t *cpu = json_object_get(data, "cpuinfo");
	facts->cpu_model = arena_strdup(facts->arena, member(cpu, "model"));
	const char *flags = member(cpu, "flags");
	if (facts->cpu_model)
		facts->cpu_vendor = strstr(facts->cpu_model, "Intel") ? CPU_INTEL
				    : strstr(facts->cpu_model, "AMD") ? CPU_AMD
								      : CPU_UNKNOWN;
	if (flags)
		facts->cpu_virtualization =
				strstr(flags, "vmx") || strstr(flags, "svm") ? KNOWN_YES : KNOWN_NO;
	json_int_t total = json_integer_value(
			json_object_get(json_object_get(data, "memory"), "total"));
	facts->memory_kib = total > 0 ? (uint64_t)total / 1024 : 0;
	json_decref(data);
	return 0;
}

static uint16_t hex16(const json_t *object, const char *name, bool *ret_known)
{
	const char *text = member(object, name);
	unsigned long value = 0;
	bool known = text &&
		     text_to_ulong(text_starts(text, "0x") ? text + 2 : text, 16, 0xffff, &value);
	if (ret_known)
		*ret_known = known;
	return known ? (uint16_t)value : 0xffff;
}

/* One entry of /nodes/N/hardware/pci (PVE/SysFSTools.pm, lspci), or NULL. */
static struct pci_device *device_of(struct arena *arena, const json_t *entry)
{
	struct pci_address address;
	const char *id = member(entry, "id");
	const char *class_text = member(entry, "class");
	unsigned long class_code = 0;
	if (!id || !pci_address_parse_full(id, &address))
		return NULL;
	struct pci_device *device = arena_alloc(arena, sizeof *device);
	*device = (struct pci_device){.address = address, .group = -1, .sriov_total = -1};
	pci_address_format(&address, device->name);
	if (class_text && text_to_ulong(class_text + (text_starts(class_text, "0x") ? 2 : 0), 16,
					  0xffffff, &class_code))
		device->class_code = (uint32_t)class_code;
	device->vendor = hex16(entry, "vendor", NULL);
	device->device = hex16(entry, "device", NULL);
	bool vendor = false;
	bool subsystem = false;
	device->subsystem_vendor = hex16(entry, "subsystem_vendor", &vendor);
	device->subsystem_device = hex16(entry, "subsystem_device", &subsystem);
	device->subsystem_known = vendor && subsystem;
	const json_t *group = json_object_get(entry, "iommugroup");
	if (json_is_integer(group))
		device->group = (int)json_integer_value(group);
	device->mdev = is_set(json_object_get(entry, "mdev")) ? KNOWN_YES : KNOWN_NO;
	const char *vendor_name = member(entry, "vendor_name");
	const char *device_name = member(entry, "device_name");
	/* Since Proxmox VE 9.2. */
	const char *physical = member(entry, "physfn");
	device->physfn_name = physical ? arena_strdup(arena, physical) : NULL;
	device->virtual_function = physical ? KNOWN_YES : KNOWN_UNKNOWN;
	device->label = device_name ? arena_printf(arena, "%s %s", vendor_name ? vendor_name : "",
						      device_name)
				    : NULL;
	return device;
}

static struct question about_devices(struct arena *arena, const char *node, struct list *params)
{
	/* Without this bridges and memory are left out. */
	pve_param_add(arena, params, "pci-class-blacklist", "");
	return (struct question){.call = arena_printf(arena, "/nodes/%s/hardware/pci", node),
			.params = params,
			.item = "id",
			.what = "the PCI devices",
			.path = "/",
			.privilege = "Sys.Audit"};
}

static void take_devices(struct arena *arena, const json_t *data, struct list *devices)
{
	size_t i = 0;
	json_t *entry = NULL;
	json_array_foreach(data, i, entry)
	{
		struct pci_device *device = device_of(arena, entry);
		if (device)
			list_add(arena, devices, device);
	}
	facts_sort_devices(devices);
}

/* Every device has this member, -1 without a group: where none has it, nothing is known of groups.
 */
static bool tells_groups(const json_t *data)
{
	size_t i = 0;
	json_t *entry = NULL;
	json_array_foreach(data, i, entry) if (json_is_integer(json_object_get(
							       entry, "iommugroup"))) return true;
	return false;
}

static int read_devices(struct pve_client *client, struct facts *facts, struct error *err)
{
	struct list params = {0};
	json_t *data = NULL;
	struct question question = about_devices(facts->arena, facts->node, &params);
	int status = ask(client, facts, &question, &data, err);
	if (!data)
		return status;
	take_devices(facts->arena, data, &facts->devices);
	facts_join_functions(facts);
	bool groups = tells_groups(data);
	json_decref(data);
	bool *seen = arena_alloc(facts->arena, 65536 * sizeof *seen);
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *device = facts->devices.item[i];
		if (device->group < 0 || device->group >= 65536 || seen[device->group])
			continue;
		seen[device->group] = true;
		facts->iommu_groups++;
	}
	facts->iommu_active = facts->iommu_groups ? KNOWN_YES : groups ? KNOWN_NO : KNOWN_UNKNOWN;
	facts->iommu_source = arena_printf(facts->arena, "GET /nodes/%s/hardware/pci", facts->node);
	/* pci.ids of this machine where it knows more than the bare numbers. */
	struct strings labels = {0};
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *device = facts->devices.item[i];
		strings_add(facts->arena, &labels, device->label ? device->label : "");
	}
	facts_read_names(facts);
	for (size_t i = 0; i < facts->devices.n; i++) {
		struct pci_device *device = facts->devices.item[i];
		if (text_starts(device->label, "Device ") && labels.item[i][0])
			device->label = labels.item[i];
	}
	return 0;
}

/* The file that Proxmox VE would have for this answer: description first, keys in byte order. */
static void add_section(struct arena *arena, struct text *text, json_t *config)
{
	struct strings keys = {0};
	const char *key = NULL;
	json_t *value = NULL;
	const char *description = member(config, "description");
	struct lines cursor = lines_start(description);
	struct line line;
	while (line_next(&cursor, &line)) {
		text_add(text, "#");
		vm_conf_encode(text, line.start, line.n);
		text_add(text, "\n");
	}
	json_object_foreach(config, key, value)
	{
		(void)value;
		if (strcmp(key, "digest") != 0 && strcmp(key, "description") != 0)
			strings_add(arena, &keys, key);
	}
	strings_sort(&keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *shown = pve_config_text(arena, config, keys.item[i]);
		if (shown && !strchr(shown, '\n'))
			text_addf(text, "%s: %s\n", keys.item[i], shown);
	}
}

/* Something of one VM. */
static struct question about_vm(struct facts *facts, unsigned vmid, const char *rest,
		const char *item, const char *what)
{
	struct arena *arena = facts->arena;
	return (struct question){.call = arena_printf(arena, "/nodes/%s/qemu/%u/%s", facts->node,
						 vmid, rest),
			.item = item,
			.what = arena_printf(arena, "%s of VM %u", what, vmid),
			.path = arena_printf(arena, "/vms/%u", vmid),
			.privilege = "VM.Audit",
			.vmid = vmid};
}

/* GET …/pending: what the file's section [PENDING] holds. */
static int add_pending(struct pve_client *client, struct facts *facts, unsigned vmid,
		struct text *text, struct error *err)
{
	struct arena *arena = facts->arena;
	json_t *data = NULL;
	size_t i = 0;
	json_t *entry = NULL;
	struct text keys = {0};
	struct strings deleted = {0};
	struct question question = about_vm(facts, vmid, "pending", "key", "what waits in PENDING");
	int status = ask(client, facts, &question, &data, err);
	facts->vms_incomplete = facts->vms_incomplete || !data;
	if (!data)
		return status;
	json_array_foreach(data, i, entry)
	{
		const char *key = member(entry, "key");
		char *pending = pve_config_text(arena, entry, "pending");
		if (key && pending && !strchr(pending, '\n') && strcmp(key, "digest") != 0)
			text_addf(&keys, "%s: %s\n", key, pending);
		if (key && json_object_get(entry, "delete"))
			strings_add(arena, &deleted, key);
	}
	json_decref(data);
	if (keys.n || deleted.n)
		text_add(text, "\n[PENDING]\n");
	if (deleted.n)
		text_addf(text, "delete: %s\n", strings_join(arena, &deleted, ","));
	text_add(text, text_string(&keys));
	text_free(&keys);
	return 0;
}

static int add_snapshots(struct pve_client *client, struct facts *facts, unsigned vmid,
		struct text *text, struct error *err)
{
	json_t *data = NULL;
	size_t i = 0;
	json_t *entry = NULL;
	struct question question = about_vm(facts, vmid, "snapshot", "name", "the snapshots");
	int status = ask(client, facts, &question, &data, err);
	if (!data)
		return status;
	json_array_foreach(data, i, entry)
	{
		const char *name = member(entry, "name");
		if (!name || strcmp(name, "current") == 0)
			continue;
		text_addf(text, "\n[%s]\n%s", name,
				is_set(json_object_get(entry, "vmstate")) ? "vmstate: yes\n" : "");
	}
	json_decref(data);
	return 0;
}

static int read_vm(struct pve_client *client, struct facts *facts, const json_t *entry,
		struct error *err)
{
	struct arena *arena = facts->arena;
	const char *state = member(entry, "status");
	char *number = pve_config_text(arena, entry, "vmid");
	unsigned long vmid = 0;
	if (!number || !text_to_ulong(number, 10, 999999999, &vmid))
		return 0;
	json_t *config = NULL;
	struct list params = {0};
	struct question question =
			about_vm(facts, (unsigned)vmid, "config", NULL, "the configuration");
	pve_param_add(arena, &params, "current", "1"); /* without what is pending */
	question.params = &params;
	question.member = "digest";
	int status = ask(client, facts, &question, &config, err);
	facts->vms_incomplete = facts->vms_incomplete || !config;
	if (!config)
		return status;
	struct text text = {0};
	bool running = state && strcmp(state, "running") == 0;
	add_section(arena, &text, config);
	status = add_pending(client, facts, (unsigned)vmid, &text, err);
	if (status == 0 && json_object_get(config, "parent"))
		status = add_snapshots(client, facts, (unsigned)vmid, &text, err);
	const char *digest = member(config, "digest");
	facts_add_vm(NULL, facts, (unsigned)vmid,
			arena_printf(arena, "/etc/pve/nodes/%s/qemu-server/%lu.conf", facts->node,
					vmid),
			text_take(&text, arena), digest ? digest : "",
			!state    ? KNOWN_UNKNOWN
			: running ? KNOWN_YES
				  : KNOWN_NO);
	json_decref(config);
	return status;
}

static int read_vms(struct pve_client *client, struct facts *facts, struct error *err)
{
	json_t *data = NULL;
	struct question question = {.call = call_of(facts, "/qemu"),
			.item = "vmid",
			.what = "the VMs",
			.path = "/vms",
			.privilege = "VM.Audit"};
	int status = ask(client, facts, &question, &data, err);
	if (!data)
		return status;
	facts->vms_known = KNOWN_YES;
	if (!json_array_size(data)) /* what may not be seen is left out: see hint_gap() */
		(void)ask_rights(client, facts, "/vms", NULL);
	for (size_t i = 0; status == 0 && i < json_array_size(data); i++)
		status = read_vm(client, facts, json_array_get(data, i), err);
	json_decref(data);
	facts_sort_vms(facts);
	return status;
}

/* VMs of other nodes, and which are under high availability. The list is some seconds old. */
static int read_resources(struct pve_client *client, struct facts *facts, struct error *err)
{
	struct arena *arena = facts->arena;
	json_t *data = NULL;
	struct list params = {0};
	struct question question = {.call = "/cluster/resources",
			.params = &params,
			.item = "vmid",
			.what = "the VMs of the cluster and their high availability",
			.path = "/vms",
			.privilege = "VM.Audit"};
	pve_param_add(arena, &params, "type", "vm");
	int status = ask(client, facts, &question, &data, err);
	if (!data)
		return status;
	facts->ha_known = KNOWN_YES;
	size_t i = 0;
	json_t *entry = NULL;
	json_array_foreach(data, i, entry)
	{
		const char *type = member(entry, "type");
		const char *node = member(entry, "node");
		const char *name = member(entry, "name");
		const char *ha = member(entry, "hastate");
		char *number = pve_config_text(arena, entry, "vmid");
		unsigned long vmid = 0;
		if (!type || strcmp(type, "qemu") != 0 || !node || !number ||
				!text_to_ulong(number, 10, 999999999, &vmid))
			continue;
		if (strcmp(node, facts->node) != 0) {
			struct cluster_vm *vm = arena_alloc(arena, sizeof *vm);
			*vm = (struct cluster_vm){.vmid = (unsigned)vmid,
					.name = arena_strdup(arena, name ? name : ""),
					.node = arena_strdup(arena, node)};
			list_add(arena, &facts->other_vms, vm);
		} else if (ha) {
			facts_add_ha(facts, number, ha);
		}
	}
	json_decref(data);
	facts_read_ha_api(client, facts);
	return 0;
}

/* Proxmox VE 7 has no mappings. */
static bool has_no_mappings(const struct facts *facts, const struct error *error)
{
	return error->http == 501 ||
	       (facts->pve_version && facts->pve_version[0] < '8' && facts->pve_version[1] == '.');
}

/* Each has a list of entries, or nothing is understood. */
static bool has_maps(const json_t *data)
{
	size_t i = 0;
	json_t *entry = NULL;
	json_array_foreach(data, i,
			entry) if (!json_is_array(json_object_get(entry, "map"))) return false;
	return true;
}

/* The file as it would be, so that one parser judges both. */
static int read_mappings(struct pve_client *client, struct facts *facts, struct error *err)
{
	struct arena *arena = facts->arena;
	json_t *data = NULL;
	struct error error = {0};
	struct question question = {.call = "/cluster/mapping/pci",
			.item = "id",
			.what = "the PCI mappings",
			.path = "/mapping/pci",
			.privilege = "Mapping.Audit"};
	facts->pci_cfg.path = arena_strdup(arena, "/etc/pve/mapping/pci.cfg");
	if (gone(facts, question.call))
		return ask(client, facts, &question, &data, err);
	int status = fetch(client, &question, &data, &error);
	if (status == 0 && !has_maps(data)) {
		json_decref(data);
		status = error_set(&error, ERROR_API,
				"the answer to %s is not understood: a mapping has no map",
				question.call);
	}
	if (status < 0 && has_no_mappings(facts, &error)) {
		facts->mappings_known = KNOWN_NO;
		return 0;
	}
	if (status < 0)
		return add_gap(client, facts, &question, &error, err);
	facts->mappings_known = KNOWN_YES;
	struct text text = {0};
	size_t i = 0;
	json_t *entry = NULL;
	json_array_foreach(data, i, entry)
	{
		const char *id = member(entry, "id");
		const char *description = member(entry, "description");
		const char *digest = member(entry, "digest");
		size_t m = 0;
		json_t *map = NULL;
		if (!id)
			continue;
		if (digest)
			facts->mapping_digest = arena_strdup(arena, digest);
		text_addf(&text, "%s%s\n", text.n ? "\n" : "", id);
		if (description && !strchr(description, '\n'))
			text_addf(&text, "\tdescription %s\n", description);
		json_array_foreach(json_object_get(entry, "map"), m, map)
		{
			const char *value = json_string_value(map);
			if (value && !strchr(value, '\n'))
				text_addf(&text, "\tmap %s\n", value);
		}
		if (json_object_get(entry, "mdev"))
			text_addf(&text, "\tmdev %d\n", is_set(json_object_get(entry, "mdev")));
	}
	json_decref(data);
	facts->pci_cfg.text = text_take(&text, arena);
	pci_mapping_parse(arena, facts->pci_cfg.text, &facts->mappings);
	return 0;
}

static int read_tasks(struct pve_client *client, struct facts *facts, struct error *err)
{
	struct arena *arena = facts->arena;
	struct list params = {0};
	pve_param_add(arena, &params, "typefilter", "qmstart");
	pve_param_add(arena, &params, "limit", "200");
	json_t *data = NULL;
	struct question question = {.call = call_of(facts, "/tasks"),
			.params = &params,
			.item = "upid",
			.what = "the list of tasks",
			.path = call_of(facts, ""),
			.privilege = "Sys.Audit"};
	int status = ask(client, facts, &question, &data, err);
	if (!data)
		return status;
	facts->tasks_known = KNOWN_YES;
	/* They come newest first. */
	for (size_t i = json_array_size(data); i-- > 0;) {
		const json_t *entry = json_array_get(data, i);
		const char *upid = member(entry, "upid");
		const char *id = member(entry, "id");
		const char *state = member(entry, "status");
		unsigned long vmid = 0;
		if (!upid || !id || !state || !text_to_ulong(id, 10, 999999999, &vmid))
			continue;
		struct task *task = arena_alloc(arena, sizeof *task);
		*task = (struct task){.upid = arena_strdup(arena, upid),
				.vmid = (unsigned)vmid,
				.status = arena_strdup(arena, state)};
		list_add(arena, &facts->tasks, task);
	}
	json_decref(data);
	return 0;
}

/* Whether there is a cluster and a quorum, and the node that answers. */
static int read_cluster(struct pve_client *client, struct facts *facts, struct error *err)
{
	json_t *cluster = NULL;
	size_t i = 0;
	json_t *entry = NULL;
	struct question question = {.call = "/cluster/status",
			.item = "type",
			.what = "the state of the cluster",
			.path = "/",
			.privilege = "Sys.Audit"};
	int status = ask(client, facts, &question, &cluster, err);
	if (!cluster)
		return status;
	facts->clustered = KNOWN_NO;
	json_array_foreach(cluster, i, entry)
	{
		const char *type = member(entry, "type");
		const char *name = member(entry, "name");
		if (type && name && strcmp(type, "node") == 0 &&
				is_set(json_object_get(entry, "local")))
			facts->answering = arena_strdup(facts->arena, name);
		const json_t *quorate = json_object_get(entry, "quorate");
		if (type && strcmp(type, "cluster") == 0) {
			facts->clustered = KNOWN_YES;
			facts->quorate = !quorate          ? KNOWN_UNKNOWN
					 : is_set(quorate) ? KNOWN_YES
							   : KNOWN_NO;
		}
	}
	json_decref(cluster);
	return 0;
}

/* One node of the list; false when it is the one that is meant and it is not there. */
static bool take_node(struct facts *facts, const char *name, const char *state)
{
	bool online = state && strcmp(state, "online") == 0;
	if (strcmp(name, facts->node) == 0)
		return online || !state;
	struct cluster_node *node = arena_alloc(facts->arena, sizeof *node);
	*node = (struct cluster_node){.name = arena_strdup(facts->arena, name),
			.online = online ? KNOWN_YES : KNOWN_NO,
			.devices_known = KNOWN_UNKNOWN};
	list_add(facts->arena, &facts->nodes, node);
	return true;
}

/* Which node is meant, and the other ones. */
static int read_nodes(struct pve_client *client, struct facts *facts, const char *wanted,
		struct error *err)
{
	struct arena *arena = facts->arena;
	json_t *data = NULL;
	struct question question = {.call = "/nodes", .item = "node"};
	int status = fetch(client, &question, &data, err);
	if (status < 0)
		return status;
	status = read_cluster(client, facts, err);
	if (status < 0) {
		json_decref(data);
		return status;
	}
	struct strings names = {0};
	for (size_t i = 0; i < json_array_size(data); i++) {
		const char *name = member(json_array_get(data, i), "node");
		if (name)
			strings_add(arena, &names, name);
	}
	strings_sort(&names);
	if (!wanted)
		wanted = names.n == 1 ? names.item[0] : facts->answering;
	const char *all = strings_join(arena, &names, ", ");
	if (!wanted || !strings_has(&names, wanted)) {
		json_decref(data);
		(void)error_set(err, ERROR_USAGE,
				wanted ? "there is no node '%s' in this cluster"
				       : "the cluster has several nodes%s: which one is meant?",
				wanted ? wanted : "");
		error_hint(err, "--node %s", all);
		return ERROR_USAGE;
	}
	facts->node = arena_strdup(arena, wanted);
	facts->node_names = names;
	for (size_t i = 0; i < json_array_size(data); i++) {
		const json_t *entry = json_array_get(data, i);
		const char *name = member(entry, "node");
		const char *state = member(entry, "status");
		if (!name || take_node(facts, name, state))
			continue;
		status = error_set(err, ERROR_CONNECT, "the node %s is %s", name, state);
		error_hint(err, "switch it on, or name another: --node %s", all);
	}
	json_decref(data);
	return status;
}

int facts_read_api(struct pve_client *client, const struct root *root, const char *node, bool first,
		struct facts **ret_facts, struct error *err)
{
	struct facts *facts = facts_new(root);
	struct arena *arena = facts->arena;
	facts->kernel_major = facts->kernel_minor = -1;
	facts->remote = true;
	facts->api = arena_strdup(arena, client->address);
	facts->via = arena_strdup(arena, client->via);
	facts->identity = arena_strdup(arena, client->identity);
	facts->identity_root = pve_is_root(client);
	json_t *version = NULL;
	struct question question = {.call = "/version",
			.member = "version",
			.what = "the version of Proxmox VE"};
	int status = ask(client, facts, &question, &version, err);
	facts->pve_version = arena_strdup(arena, member(version, "version"));
	json_decref(version);
	if (status == 0)
		status = read_nodes(client, facts, node, err);
	if (status == 0)
		status = read_status(client, facts, err);
	if (status == 0 && !first) {
		status = read_devices(client, facts, err);
		if (status == 0)
			status = read_mappings(client, facts, err);
		if (status == 0)
			status = read_vms(client, facts, err); /* their lines name mappings */
		if (status == 0)
			status = read_resources(client, facts, err);
		if (status == 0)
			status = read_tasks(client, facts, err);
		facts->complete = true;
	}
	if (status < 0) {
		facts_free(facts);
		return status;
	}
	*ret_facts = facts;
	return 0;
}

int facts_know_rights(struct host *host, struct facts *facts, const char *path, struct error *err)
{
	struct pve_client *client = NULL;
	if (facts->identity_root)
		return 0;
	int status = host_client(host, &client, err);
	return status < 0 ? status : ask_rights(client, facts, path, err);
}

enum known facts_may(const struct facts *facts, const char *path, const char *privilege)
{
	if (facts->identity_root)
		return KNOWN_YES;
	for (size_t i = 0; i < facts->rights.n; i++) {
		const struct pve_rights *rights = facts->rights.item[i];
		if (strcmp(rights->path, path) == 0)
			return strings_has(&rights->ours.here, privilege) ? KNOWN_YES : KNOWN_NO;
	}
	return KNOWN_UNKNOWN;
}

struct cluster_node *facts_node(const struct facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->nodes.n; i++) {
		struct cluster_node *node = facts->nodes.item[i];
		if (strcmp(node->name, name) == 0)
			return node;
	}
	return NULL;
}

int facts_know_node(struct host *host, struct facts *facts, const char *name, struct error *err)
{
	struct arena *arena = facts->arena;
	struct cluster_node *node = facts_node(facts, name);
	if (!node && facts->remote)
		return error_set(err, ERROR_USAGE, "there is no node '%s' in this cluster", name);
	if (!node) { /* on the console the other nodes were not asked for yet */
		node = arena_alloc(arena, sizeof *node);
		*node = (struct cluster_node){.name = arena_strdup(arena, name),
				.online = KNOWN_UNKNOWN,
				.devices_known = KNOWN_UNKNOWN};
		list_add(arena, &facts->nodes, node);
	}
	if (node->devices_known != KNOWN_UNKNOWN)
		return 0;
	struct pve_client *client = NULL;
	struct error error = {0};
	struct list params = {0};
	json_t *data = NULL;
	struct question question = about_devices(arena, name, &params);
	int status = host_client(host, &client, &error);
	if (status == 0)
		status = fetch(client, &question, &data, &error);
	take_devices(arena, data, &node->devices);
	json_decref(data);
	node->devices_known = status == 0 ? KNOWN_YES : KNOWN_NO;
	node->why = status == 0 ? NULL : arena_strdup(arena, error.text);
	if (status < 0 && err)
		*err = error;
	return status;
}

const struct pci_mapping *facts_mapping(const struct facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->mappings.mappings.n; i++) {
		const struct pci_mapping *mapping = facts->mappings.mappings.item[i];
		if (strcmp(mapping->name, name) == 0)
			return mapping;
	}
	return NULL;
}

bool facts_is_here(const struct facts *facts, const struct pci_mapping_entry *entry)
{
	return facts->node && strcmp(entry->node, facts->node) == 0;
}

int facts_read_host(struct host *host, bool first, struct facts **ret_facts, struct error *err)
{
	if (host_is_remote(host))
		return facts_read_api(host->client, host->root, host->node, first, ret_facts, err);
	return first ? facts_read_first(host->root, ret_facts, err)
		     : facts_read(host->root, ret_facts, err);
}
