/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/facts/api_ask.h"
#include "pvegpu/base/text.h"
#include "pvegpu/pve/rights.h"

/*
 * A host as its API shows it: devices, groups, VMs, mappings, tasks, other nodes. What only its
 * files tell (boot loader, modules, drivers, what it mounts) stays unknown.
 */

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
	struct question question = {.call = api_call(facts, "/status"),
			.what = "the node's kernel and memory",
			.path = api_call(facts, ""),
			.privilege = "Sys.Audit"};
	int status = api_ask(client, facts, &question, &data, err);
	if (!data)
		return status;
	const json_t *current = json_object_get(data, "current-kernel");
	take_kernel(facts, api_member(current, "release") ? api_member(current, "release")
							  : api_member(data, "kversion"));
	const json_t *boot = json_object_get(data, "boot-info");
	const char *mode = api_member(boot, "mode");
	if (mode)
		facts->efi = strcmp(mode, "efi") == 0 ? KNOWN_YES : KNOWN_NO;
	if (json_object_get(boot, "secureboot"))
		facts->secure_boot = api_is_set(json_object_get(boot, "secureboot")) ? KNOWN_YES
										     : KNOWN_NO;
	const json_t *cpu = json_object_get(data, "cpuinfo");
	facts->cpu_model = arena_strdup(facts->arena, api_member(cpu, "model"));
	const char *flags = api_member(cpu, "flags");
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
	const char *text = api_member(object, name);
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
	const char *id = api_member(entry, "id");
	const char *class_text = api_member(entry, "class");
	unsigned long class_code = 0;
	if (!id || !pci_address_parse_full(id, &address))
		return NULL;
	struct pci_device *device = arena_alloc(arena, sizeof *device);
	*device = (struct pci_device){.address = address,
			.group = -1,
			.sriov_total = -1,
			.sriov_active = -1,
			.vf_drivers = -1,
			.d3cold = -1};
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
	device->mdev = api_is_set(json_object_get(entry, "mdev")) ? KNOWN_YES : KNOWN_NO;
	const char *vendor_name = api_member(entry, "vendor_name");
	const char *device_name = api_member(entry, "device_name");
	/* Since Proxmox VE 9.2. */
	const char *physical = api_member(entry, "physfn");
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
	int status = api_ask(client, facts, &question, &data, err);
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
	int status = api_ask(client, facts, &question, &data, err);
	if (!data)
		return status;
	facts->ha_known = KNOWN_YES;
	size_t i = 0;
	json_t *entry = NULL;
	json_array_foreach(data, i, entry)
	{
		const char *type = api_member(entry, "type");
		const char *node = api_member(entry, "node");
		const char *name = api_member(entry, "name");
		const char *ha = api_member(entry, "hastate");
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
	if (api_gone(facts, question.call))
		return api_ask(client, facts, &question, &data, err);
	int status = api_fetch(client, &question, &data, &error);
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
		return api_add_gap(client, facts, &question, &error, err);
	facts->mappings_known = KNOWN_YES;
	struct text text = {0};
	size_t i = 0;
	json_t *entry = NULL;
	json_array_foreach(data, i, entry)
	{
		const char *id = api_member(entry, "id");
		const char *description = api_member(entry, "description");
		const char *digest = api_member(entry, "digest");
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
			text_addf(&text, "\tmdev %d\n", api_is_set(json_object_get(entry, "mdev")));
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
	struct question question = {.call = api_call(facts, "/tasks"),
			.params = &params,
			.item = "upid",
			.what = "the list of tasks",
			.path = api_call(facts, ""),
			.privilege = "Sys.Audit"};
	int status = api_ask(client, facts, &question, &data, err);
	if (!data)
		return status;
	facts->tasks_known = KNOWN_YES;
	/* They come newest first. */
	for (size_t i = json_array_size(data); i-- > 0;) {
		const json_t *entry = json_array_get(data, i);
		const char *upid = api_member(entry, "upid");
		const char *id = api_member(entry, "id");
		const char *state = api_member(entry, "status");
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
	int status = api_ask(client, facts, &question, &cluster, err);
	if (!cluster)
		return status;
	facts->clustered = KNOWN_NO;
	json_array_foreach(cluster, i, entry)
	{
		const char *type = api_member(entry, "type");
		const char *name = api_member(entry, "name");
		if (type && name && strcmp(type, "node") == 0 &&
				api_is_set(json_object_get(entry, "local")))
			facts->answering = arena_strdup(facts->arena, name);
		const json_t *quorate = json_object_get(entry, "quorate");
		if (type && strcmp(type, "cluster") == 0) {
			facts->clustered = KNOWN_YES;
			facts->quorate = !quorate              ? KNOWN_UNKNOWN
					 : api_is_set(quorate) ? KNOWN_YES
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
	int status = api_fetch(client, &question, &data, err);
	if (status < 0)
		return status;
	status = read_cluster(client, facts, err);
	if (status < 0) {
		json_decref(data);
		return status;
	}
	struct strings names = {0};
	for (size_t i = 0; i < json_array_size(data); i++) {
		const char *name = api_member(json_array_get(data, i), "node");
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
		const char *name = api_member(entry, "node");
		const char *state = api_member(entry, "status");
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
	int status = api_ask(client, facts, &question, &version, err);
	facts->pve_version = arena_strdup(arena, api_member(version, "version"));
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
			status = api_read_vms(client, facts, err); /* their lines name mappings */
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
		status = api_fetch(client, &question, &data, &error);
	take_devices(arena, data, &node->devices);
	json_decref(data);
	node->devices_known = status == 0 ? KNOWN_YES : KNOWN_NO;
	node->why = status == 0 ? NULL : arena_strdup(arena, error.text);
	if (status < 0 && err)
		*err = error;
	return status;
}

int facts_read_host(struct host *host, bool first, struct facts **ret_facts, struct error *err)
{
	if (host_is_remote(host))
		return facts_read_api(host->client, host->root, host->node, first, ret_facts, err);
	return first ? facts_read_first(host->root, ret_facts, err)
		     : facts_read(host->root, ret_facts, err);
}
