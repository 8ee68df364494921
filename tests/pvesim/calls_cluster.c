/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/calls.h"

static int get_version(struct call *call)
{
	const char *version = pve_version(call->sim);
	struct rx rx;
	bool parsed = rx_match(call->arena, "^(\\d+\\.\\d+)", RX_BYTES, version, &rx);
	call->result = json_pack("{s:s,s:s,s:s}", "version", version, "release",
			parsed ? rx.group[1] : version, "repoid", "faa83925c9641325");
	return 0;
}

static const char *status_of(const json_t *node)
{
	const char *status = hash_get(node, "status");
	return status ? status : "online";
}

static json_t *node_resource(struct call *call, const char *name, const json_t *about)
{
	json_t *node = json_pack("{s:s,s:s,s:s,s:s}", "node", name, "id",
			arena_printf(call->arena, "node/%s", name), "type", "node", "status",
			status_of(about));
	if (strcmp(status_of(about), "online") != 0)
		return node;
	hash_set(node, "level", "");
	if (access_allows(call, arena_printf(call->arena, "/nodes/%s", name), "Sys.Audit"))
		node_numbers(node, about);
	return node;
}

static int get_nodes(struct call *call)
{
	struct strings names;
	json_t *nodes = json_object_get(call->sim->settings, "nodes");
	perl_keys(call->arena, nodes, &names);
	call->result = json_array();
	for (size_t i = 0; i < names.n; i++) {
		const json_t *about = json_object_get(nodes, names.item[i]);
		json_t *node = node_resource(call, names.item[i], about);
		bool online = strcmp(status_of(about), "online") == 0;
		json_object_set_new(node, "ssl_fingerprint",
				online ? json_string("00:11:22:33") : json_null());
		json_array_append_new(call->result, node);
	}
	return 0;
}

/* From the members of a node's list to those of the cluster's. */
static void resource_members(json_t *vm, bool known)
{
	static const char *const measured[] = {"name", "cpu", "mem", "memhost", "maxmem", "disk",
			"maxdisk", "maxcpu", "uptime", "netin", "netout", "diskread", "diskwrite",
			"template"};
	static const char *const not_here[] = {"cpus", "pid", "serial", "running-machine",
			"pressurecpusome", "pressurecpufull", "pressureiosome", "pressureiofull",
			"pressurememorysome", "pressurememoryfull"};
	json_object_set(vm, "maxcpu", json_object_get(vm, "cpus"));
	json_object_set_new(vm, "template",
			json_integer(json_integer_value(json_object_get(vm, "template"))));
	json_object_set_new(vm, "diskread", json_integer(0));
	json_object_set_new(vm, "diskwrite", json_integer(0));
	for (size_t i = 0; i < sizeof not_here / sizeof *not_here; i++)
		json_object_del(vm, not_here[i]);
	if (known)
		return;
	hash_set(vm, "status", "unknown");
	for (size_t i = 0; i < sizeof measured / sizeof *measured; i++)
		json_object_del(vm, measured[i]);
}

static void add_zone(struct call *call, const char *node)
{
	if (!access_allows(call, "/sdn/zones/localnetwork", "SDN.Audit"))
		return;
	bool is_network = pve_has(call, "9.0");
	json_t *zone = json_pack("{s:s,s:s,s:s}", "node", node, "status", "ok", "type",
			is_network ? "network" : "sdn");
	hash_set(zone, is_network ? "network" : "sdn", "localnetwork");
	hash_set(zone, "id",
			is_network ? arena_printf(call->arena, "network/%s/zone/localnetwork", node)
				   : arena_printf(call->arena, "sdn/%s/localnetwork", node));
	if (is_network)
		hash_set(zone, "network-type", "zone");
	json_array_append_new(call->result, zone);
}

static void add_vms(struct call *call, const char *node)
{
	const char *before = call->node;
	call->node = node;
	json_t *list = vm_overview(call, NULL);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *vm = json_array_get(list, i);
		char *vmid = perl_scalar(call->arena, json_object_get(vm, "vmid"));
		const char *state = NULL;
		resource_members(vm,
				strcmp(status_of(setting_node(call->sim, node)), "online") == 0);
		hash_set(vm, "id", arena_printf(call->arena, "qemu/%s", vmid));
		hash_set(vm, "type", "qemu");
		hash_set(vm, "node", node);
		if (ha_manages(call, vmid, &state))
			hash_set(vm, "hastate", state);
		json_array_append(call->result, vm);
	}
	json_decref(list);
	call->node = before;
}

static void add_storages(struct call *call, const char *node, const json_t *about)
{
	json_t *list = json_object_get(about, "storage");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *storage = json_array_get(list, i);
		const char *name = hash_get(storage, "storage");
		if (!name || !access_allows(call, arena_printf(call->arena, "/storage/%s", name),
					     "Datastore.Audit|Datastore.AllocateSpace"))
			continue;
		json_array_append_new(call->result,
				json_pack("{s:s,s:s,s:s,s:s,s:s,s:O?,s:O?,s:O?,s:O?,s:O?}", "type",
						"storage", "id",
						arena_printf(call->arena, "storage/%s/%s", node,
								name),
						"storage", name, "node", node, "status",
						"available", "plugintype",
						json_object_get(storage, "type"), "content",
						json_object_get(storage, "content"), "shared",
						json_object_get(storage, "shared"), "disk",
						json_object_get(storage, "used"), "maxdisk",
						json_object_get(storage, "total")));
	}
}

static int get_resources(struct call *call)
{
	const char *type = param_get(call, "type");
	struct strings names;
	json_t *nodes = json_object_get(call->sim->settings, "nodes");
	perl_keys(call->arena, nodes, &names);
	call->result = json_array();
	for (size_t i = 0; i < names.n; i++) {
		json_t *about = json_object_get(nodes, names.item[i]);
		if (!type || strcmp(type, "vm") == 0)
			add_vms(call, names.item[i]);
		if (!type || strcmp(type, "node") == 0)
			json_array_append_new(
					call->result, node_resource(call, names.item[i], about));
		if (!type || strcmp(type, "storage") == 0)
			add_storages(call, names.item[i], about);
		if ((!type || strcmp(type, "sdn") == 0) && strcmp(status_of(about), "online") == 0)
			add_zone(call, names.item[i]);
	}
	return 0;
}

static int get_cluster_status(struct call *call)
{
	json_t *nodes = json_object_get(call->sim->settings, "nodes");
	struct strings names;
	bool quorate = has_quorum(call->sim);
	perl_keys(call->arena, nodes, &names);
	call->result = json_array();
	const char *cluster = hash_get(call->sim->settings, "cluster");
	if (cluster)
		json_array_append_new(call->result,
				json_pack("{s:s,s:s,s:s,s:i,s:i,s:i}", "type", "cluster", "id",
						"cluster", "name", cluster, "version", 3, "nodes",
						(int)names.n, "quorate", quorate ? 1 : 0));
	for (size_t i = 0; i < names.n; i++) {
		const json_t *about = json_object_get(nodes, names.item[i]);
		const char *ip = hash_get(about, "ip");
		bool online = strcmp(status_of(about), "online") == 0;
		json_array_append_new(call->result,
				json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:s*,s:s}", "type", "node",
						"id",
						arena_printf(call->arena, "node/%s", names.item[i]),
						"name", names.item[i], "nodeid", (int)i + 1,
						"online", online, "local",
						strcmp(names.item[i], call->node) == 0, "ip",
						ip || !online ? ip : "127.0.0.1", "level", ""));
	}
	return 0;
}

static int get_permissions(struct call *call)
{
	const char *path = param_get(call, "path");
	const char *user = param_get(call, "userid");
	struct strings paths = {0};
	user = user ? user : call->user;
	size_t n = strcspn(user, "!");
	bool mine = strcmp(user, call->user) == 0 ||
		    (strncmp(user, call->user, n) == 0 && call->user[n] == '\0');
	if (!mine && access_check(call, "/access", "Sys.Audit") < 0)
		return -1;
	if (path) {
		char *normal = access_normalize_path(call->arena, path);
		if (!normal)
			return fail_param(call, "path", "invalid ACL path '%s'", path);
		strings_add(call->arena, &paths, normal);
	} else {
		access_known_paths(call, &paths);
	}
	call->result = json_object();
	for (size_t i = 0; i < paths.n; i++) {
		json_t *granted = access_permissions(call, user, paths.item[i]);
		if (json_object_size(granted) || path)
			json_object_set(call->result, paths.item[i], granted);
		json_decref(granted);
	}
	return 0;
}

static int get_acl(struct call *call)
{
	access_load(call);
	call->result = json_array();
	access_list(call, call->result);
	return 0;
}

static int get_roles(struct call *call)
{
	json_t *roles = json_object_get(call->user_cfg, "roles");
	json_t *built_in = json_object();
	struct strings names;
	access_roles(call, built_in);
	perl_keys(call->arena, roles, &names);
	call->result = json_array();
	for (size_t i = 0; i < names.n; i++) {
		struct strings privileges;
		perl_keys(call->arena, json_object_get(roles, names.item[i]), &privileges);
		json_t *role = json_pack("{s:s,s:s}", "roleid", names.item[i], "privs",
				strings_join(call->arena, &privileges, ","));
		if (json_object_get(built_in, names.item[i]))
			json_object_set_new(role, "special", json_integer(1));
		json_array_append_new(call->result, role);
	}
	json_decref(built_in);
	return 0;
}

static int get_ticket(struct call *call)
{
	(void)call;
	return 0;
}

static int get_ha_resources(struct call *call)
{
	char *text = state_read(call->sim, call->arena, "ha/resources.cfg");
	char *digest = arena_strdup(call->arena, state_digest(call, "ha/resources.cfg"));
	struct strings lines;
	json_t *item = NULL;
	call->result = json_array();
	perl_split(call->arena, text ? text : "", '\n', &lines);
	for (size_t i = 0; i < lines.n; i++) {
		struct rx rx;
		if (rx_match(call->arena, "^(vm|ct): (\\S+)$", RX_BYTES, lines.item[i], &rx)) {
			item = json_pack("{s:s,s:s,s:s,s:s}", "sid",
					arena_printf(call->arena, "%s:%s", rx.group[1],
							rx.group[2]),
					"type", rx.group[1], "state", "started", "digest", digest);
			json_array_append_new(call->result, item);
		} else if (item && rx_match(call->arena, "^\\t(\\S+) (.*)$", RX_BYTES,
						   lines.item[i], &rx)) {
			hash_set(item, rx.group[1], rx.group[2]);
		}
	}
	return 0;
}

static int get_ha_current(struct call *call)
{
	if (get_ha_resources(call) < 0)
		return -1;
	json_t *services = call->result;
	bool quorate = has_quorum(call->sim);
	call->result = json_array();
	json_array_append_new(call->result,
			json_pack("{s:s,s:s,s:s,s:s,s:i}", "id", "quorum", "type", "quorum", "node",
					call->node, "status", quorate ? "OK" : "No quorum!",
					"quorate", quorate ? 1 : 0));
	if (pve_has(call, "9.2"))
		json_array_append_new(call->result,
				json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", "fencing", "type",
						"fencing", "node", call->node, "status",
						"standby (CRM watchdog standby)", "armed-state",
						"standby"));
	for (size_t i = 0; i < json_array_size(services); i++) {
		json_t *service = json_array_get(services, i);
		const char *sid = hash_get(service, "sid");
		json_t *item = json_copy(service);
		json_object_del(item, "digest");
		hash_set(item, "id", arena_printf(call->arena, "service:%s", sid));
		hash_set(item, "type", "service");
		hash_set(item, "request_state", hash_get(service, "state"));
		if (text_starts(sid, "vm:") && vm_is_running(call, sid + 3))
			hash_set(item, "state", "started");
		json_array_append_new(call->result, item);
	}
	json_decref(services);
	return 0;
}

/* clang-format off */
static const struct schema ticket_params[] = {
	{.name = "username", .type = 's', .needed = true, .max_length = 64},
	{.name = "password", .type = 's', .needed = true},
	{.name = "realm", .type = 's', .max_length = 32},
	{.name = "otp", .type = 's'},
	{.name = "tfa-challenge", .type = 's'},
	{.name = "new-format", .type = 'b'},
	{.name = "path", .type = 's', .max_length = 64, .requires = "privs"},
	{.name = "privs", .type = 's', .max_length = 64, .requires = "path"},
	{0}
};
static const struct schema permission_params[] = {
	{.name = "path", .type = 's'},
	{.name = "userid", .type = 's', .pattern =
		"(?:^(?:[^\\s:/]+)\\@(?:[A-Za-z][A-Za-z0-9\\.\\-_]+)(?:!(?:[A-Za-z][A-Za-z0-9\\.\\-_]+))?$)"},
	{0}
};
static const struct schema resource_params[] = {
	{.name = "type", .type = 's', .words = "vm|storage|node|sdn"}, {0}
};
static const struct schema ha_params[] = {
	{.name = "type", .type = 's', .words = "ct|vm"}, {0}
};

const struct method cluster_methods[] = {
	{"GET", "/version", "all", NULL, NULL, get_version},
	{"GET", "/nodes", "all", NULL, NULL, get_nodes},
	{"GET", "/access/ticket", "world", NULL, NULL, get_ticket},
	{"POST", "/access/ticket", "world", ticket_params, NULL, ticket_login, .daemon = true, .no_token = true},
	{"GET", "/access/permissions", "all", permission_params, NULL, get_permissions},
	{"GET", "/access/acl", "all", NULL, NULL, get_acl},
	{"GET", "/access/roles", "all", NULL, NULL, get_roles},
	{"GET", "/cluster/resources", "all", resource_params, NULL, get_resources},
	{"GET", "/cluster/status", "/ Sys.Audit", NULL, NULL, get_cluster_status, .daemon = true},
	{"GET", "/cluster/ha/resources", "/ Sys.Audit", ha_params, NULL, get_ha_resources},
	{"GET", "/cluster/ha/status/current", "/ Sys.Audit", NULL, NULL, get_ha_current},
	{0}
};
/* clang-format on */
