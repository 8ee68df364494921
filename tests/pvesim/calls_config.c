/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/calls.h"

static void hide_password(json_t *conf, const char *mask)
{
	if (vm_defined(conf, "cipassword"))
		hash_set(conf, "cipassword", mask);
}

static json_t *merge_pending(struct call *call, json_t *conf)
{
	const char *key = NULL;
	json_t *value = NULL;
	json_object_foreach(json_object_get(conf, "pending"), key, value)
	{
		if (strcmp(key, "delete") != 0)
			json_object_set(conf, key, value);
	}
	json_t *deletes = vm_pending_deletes(call, conf);
	json_object_foreach(deletes, key, value)
	{
		if (perl_true(vm_get(conf, key)))
			json_object_del(conf, key);
	}
	json_decref(deletes);
	return conf;
}

/* Integers and booleans of the file are numbers in an answer. */
static void use_numbers(const struct call *call, json_t *conf)
{
	struct schema_world world = call->world;
	world.file = true;
	const char *key = NULL;
	json_t *value = NULL;
	void *next = NULL;
	json_object_foreach_safe(conf, next, key, value)
	{
		const struct schema *row = schema_find(config_schema, &world, key);
		if (row && (row->type == 'i' || row->type == 'b') && json_is_string(value))
			json_object_set_new(conf, key,
					json_integer(strtoll(json_string_value(value), NULL, 10)));
	}
}

static int get_config(struct call *call)
{
	const char *snapshot = param_get(call, "snapshot");
	if (snapshot && param_true(call, "current")) {
		static const char why[] = "cannot use 'snapshot' parameter with 'current'";
		(void)fail_param(call, "current", "%s", why);
		return fail_param(call, "snapshot", "%s", why);
	}
	json_t *conf = vm_load(call, param_get(call, "vmid"));
	if (!conf)
		return -1;
	if (snapshot) {
		json_t *saved = json_object_get(json_object_get(conf, "snapshots"), snapshot);
		if (!saved) {
			json_decref(conf);
			return die(call, "snapshot '%s' does not exist", snapshot);
		}
		hash_set(saved, "digest", vm_get(conf, "digest"));
		json_incref(saved);
		json_decref(conf);
		conf = saved;
	} else if (!param_true(call, "current")) {
		merge_pending(call, conf);
	}
	json_object_del(conf, "snapshots");
	json_object_del(conf, "pending");
	json_object_del(conf, "special-sections");
	hide_password(conf, "**********");
	use_numbers(call, conf);
	call->result = conf;
	return 0;
}

/* PVE::GuestHelpers::config_with_pending_array */
static int get_pending(struct call *call)
{
	json_t *conf = vm_load(call, param_get(call, "vmid"));
	if (!conf)
		return -1;
	json_t *pending = json_object_get(conf, "pending");
	json_t *deletes = vm_pending_deletes(call, conf);
	struct strings keys;
	hide_password(conf, "**********");
	hide_password(pending, "********** ");
	call->result = json_array();
	use_numbers(call, conf);
	use_numbers(call, pending);
	perl_keys(call->arena, conf, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		json_t *value = json_object_get(conf, key);
		if (json_is_object(value) || json_is_null(value))
			continue;
		json_t *item = json_pack("{s:s,s:O}", "key", key, "value", value);
		if (json_object_get(pending, key))
			json_object_set(item, "pending", json_object_get(pending, key));
		json_t *force = json_object_get(deletes, key);
		if (force)
			json_object_set_new(
					item, "delete", json_integer(json_is_true(force) ? 2 : 1));
		json_array_append_new(call->result, item);
	}
	perl_keys(call->arena, pending, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		if (strcmp(key, "delete") != 0 && !vm_defined(conf, key))
			json_array_append_new(call->result,
					json_pack("{s:s,s:O}", "key", key, "pending",
							json_object_get(pending, key)));
	}
	perl_keys(call->arena, deletes, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (!vm_defined(conf, keys.item[i]) && !vm_defined(pending, keys.item[i]))
			/* Always 2: there the hash that holds `force` is taken for it. */
			json_array_append_new(call->result,
					json_pack("{s:s,s:i}", "key", keys.item[i], "delete", 2));
	json_decref(deletes);
	json_decref(conf);
	return 0;
}

static int put_config(struct call *call)
{
	return config_update(call, true);
}

static int post_config(struct call *call)
{
	return config_update(call, false);
}

static int get_snapshots(struct call *call)
{
	json_t *conf = vm_load(call, param_get(call, "vmid"));
	if (!conf)
		return -1;
	call->result = json_array();
	const char *name = NULL;
	json_t *snapshot = NULL;
	json_object_foreach(json_object_get(conf, "snapshots"), name, snapshot)
	{
		json_t *item = json_pack("{s:s,s:s,s:i}", "name", name, "description",
				vm_get(snapshot, "description") ? vm_get(snapshot, "description")
								: "",
				"vmstate", vm_defined(snapshot, "vmstate"));
		if (vm_get(snapshot, "snaptime"))
			json_object_set_new(item, "snaptime",
					json_integer(strtoll(
							vm_get(snapshot, "snaptime"), NULL, 10)));
		if (vm_get(snapshot, "parent"))
			hash_set(item, "parent", vm_get(snapshot, "parent"));
		json_array_append_new(call->result, item);
	}
	json_t *current = json_pack("{s:s,s:s,s:s,s:i}", "name", "current", "description",
			"You are here!", "digest", vm_get(conf, "digest"), "running",
			vm_is_running(call, param_get(call, "vmid")));
	if (vm_get(conf, "parent"))
		hash_set(current, "parent", vm_get(conf, "parent"));
	json_array_append_new(call->result, current);
	json_decref(conf);
	return 0;
}

static int root_only_skiplock(struct call *call)
{
	if (param_true(call, "skiplock") && !access_is_root(call))
		return fail_param(call, "skiplock", "Only root may use this option.");
	return 0;
}

/* Start, stop, shutdown and reboot: early checks, then a worker that does it later. */
static int change_state(struct call *call, const char *type, const char *ha_type, long delay_ms)
{
	const char *vmid = param_get(call, "vmid");
	if (root_only_skiplock(call) < 0)
		return -1;
	json_t *conf = vm_load(call, vmid);
	if (!conf)
		return -1;
	json_decref(conf);
	json_t *params = json_copy(call->params);
	json_object_del(params, "node");
	bool managed = ha_type && ha_manages(call, vmid, NULL);
	call->result = json_string(task_start(call, managed ? ha_type : type, vmid, params,
			managed ? setting_number(call->sim, "ha_task_ms", 200) : delay_ms));
	return 0;
}

static int post_start(struct call *call)
{
	return change_state(call, "qmstart", "hastart", setting_number(call->sim, "start_ms", 500));
}

static int post_stop(struct call *call)
{
	return change_state(call, "qmstop", "hastop", setting_number(call->sim, "stop_ms", 200));
}

static int post_shutdown(struct call *call)
{
	const char *vmid = param_get(call, "vmid");
	const char *timeout = param_get(call, "timeout");
	json_t *about = json_object_get(json_object_get(call->sim->settings, "vms"), vmid);
	const char *how = hash_get(about, "shutdown");
	long ms = setting_number(call->sim, "shutdown_ms", 500);
	if (how && strcmp(how, "hang") == 0)
		ms = setting_number(call->sim, "hang_ms",
				timeout ? strtol(timeout, NULL, 10) * 1000 : 180000);
	return change_state(call, "qmshutdown", "hastop", ms);
}

static int post_reboot(struct call *call)
{
	if (!vm_is_running(call, param_get(call, "vmid")))
		return die(call, "VM %s not running", param_get(call, "vmid"));
	return change_state(call, "qmreboot", NULL, setting_number(call->sim, "shutdown_ms", 500));
}

/* What the configuration and, of one that runs, QEMU itself tell. */
static int add_from_guest(struct call *call, const char *vmid)
{
	json_t *conf = vm_load(call, vmid);
	if (!conf)
		return -1;
	json_t *running = running_load(call);
	const json_t *about = json_object_get(running, vmid);
	const char *agent = vm_get(conf, "agent");
	if (agent && rx_test("^(?:enabled=)?1(?:,|$)", agent))
		json_object_set_new(call->result, "agent", json_integer(1));
	if (about) {
		json_t *memory = json_object_get(call->result, "maxmem");
		const char *machine = hash_get(about, "machine");
		json_t *more = json_pack("{s:O,s:{s:O,s:O},s:i,s:i,s:s,s:s,s:{s:b}}", "balloon",
				memory, "ballooninfo", "actual", memory, "max_mem", memory,
				"diskread", 0, "diskwrite", 0, "running-machine",
				machine                      ? machine
				: machine_is_q35(call, conf) ? "pc-q35-9.0+pve0"
							     : "pc-i440fx-9.0+pve0",
				"running-qemu", "9.0.2", "proxmox-support", "pbs-dirty-bitmap", 1);
		json_object_update(call->result, more);
		json_decref(more);
	}
	json_decref(running);
	json_decref(conf);
	return 0;
}

static int get_current(struct call *call)
{
	const char *vmid = param_get(call, "vmid");
	const char *state = NULL;
	json_t *list = vm_overview(call, vmid);
	if (!list)
		return -1;
	json_t *status = json_incref(json_array_get(list, 0));
	json_decref(list);
	bool managed = ha_manages(call, vmid, &state);
	json_t *ha = json_pack("{s:i}", "managed", managed);
	if (managed)
		hash_set(ha, "state",
				json_object_get(call->sim->ha_errors, vmid) ? "error" : state);
	json_object_set_new(status, "ha", ha);
	hash_set(status, "qmpstatus", hash_get(status, "status"));
	call->result = status;
	return add_from_guest(call, vmid);
}

static int get_list(struct call *call)
{
	call->result = vm_overview(call, NULL);
	return call->result ? 0 : -1;
}

/* clang-format off */
static const struct schema by_node[] = {PARAM_NODE, {.name = "full", .type = 'b'}, {0}};
static const struct schema by_vm[] = {PARAM_NODE, PARAM_VMID, {0}};
static const struct schema config_get[] = {
	PARAM_NODE, PARAM_VMID,
	{.name = "current", .type = 'b'},
	{.name = "snapshot", .type = 's', .format = "pve-configid", .max_length = 40},
	{0}
};
#define UPDATE \
	PARAM_NODE, PARAM_VMID, \
	{.name = "delete", .type = 's', .format = "pve-configid-list"}, \
	{.name = "revert", .type = 's', .format = "pve-configid-list"}, \
	{.name = "digest", .type = 's', .max_length = 40}, \
	{.name = "force", .type = 'b', .requires = "delete"}, \
	{.name = "skiplock", .type = 'b'}
static const struct schema config_put[] = {UPDATE, {0}};
static const struct schema config_post[] = {
	UPDATE,
	{.name = "background_delay", .type = 'i', .min = "1", .max = "30"},
	{.name = "import-working-storage", .type = 's', .format = "pve-storage-id", .since = "8.3"},
	{0}
};
#define STATE PARAM_NODE, PARAM_VMID, {.name = "skiplock", .type = 'b'}, \
	{.name = "timeout", .type = 'i', .min = "0"}
static const struct schema state_start[] = {
	STATE,
	{.name = "force-cpu", .type = 's'},
	{.name = "machine", .type = 's', .object = machine_schema},
	{.name = "migratedfrom", .type = 's', .format = "pve-node"},
	{.name = "migration_network", .type = 's'},
	{.name = "migration_type", .type = 's', .words = "secure|insecure"},
	{.name = "nets-host-mtu", .type = 's', .pattern = "net\\d+=\\d+(,net\\d+=\\d+)*", .since = "9.0"},
	{.name = "stateuri", .type = 's', .max_length = 128},
	{.name = "targetstorage", .type = 's'},
	{.name = "with-conntrack-state", .type = 'b', .since = "9.0"},
	{0}
};
static const struct schema state_stop[] = {
	STATE,
	{.name = "keepActive", .type = 'b'},
	{.name = "migratedfrom", .type = 's', .format = "pve-node"},
	{.name = "overrule-shutdown", .type = 'b', .since = "8.2"},
	{0}
};
static const struct schema state_shutdown[] = {
	STATE,
	{.name = "keepActive", .type = 'b'},
	{.name = "forceStop", .type = 'b'},
	{0}
};
static const struct schema state_reboot[] = {
	PARAM_NODE, PARAM_VMID, {.name = "timeout", .type = 'i', .min = "0"}, {0}
};

#define QEMU "/nodes/{node}/qemu"
#define VM QEMU "/{vmid}"
#define CONFIG_PERMISSION "/vms/{vmid} VM.Config.Disk|VM.Config.CDROM|VM.Config.CPU|" \
	"VM.Config.Memory|VM.Config.Network|VM.Config.HWType|VM.Config.Options|VM.Config.Cloudinit"
#define AUDIT "/vms/{vmid} VM.Audit"
#define POWER "/vms/{vmid} VM.PowerMgmt"

const struct method config_methods[] = {
	{"GET", QEMU, "all", by_node, NULL, get_list, .by_node = true, .daemon = true},
	{"GET", VM "/config", AUDIT, config_get, NULL, get_config, .by_node = true},
	{"PUT", VM "/config", CONFIG_PERMISSION, config_put, config_schema, put_config, .by_node = true, .daemon = true},
	{"POST", VM "/config", CONFIG_PERMISSION, config_post, config_schema, post_config, .by_node = true, .daemon = true},
	{"GET", VM "/pending", AUDIT, by_vm, NULL, get_pending, .by_node = true},
	{"GET", VM "/snapshot", AUDIT, by_vm, NULL, get_snapshots, .by_node = true, .daemon = true},
	{"GET", VM "/status/current", AUDIT, by_vm, NULL, get_current, .by_node = true, .daemon = true},
	{"POST", VM "/status/start", POWER, state_start, NULL, post_start, .by_node = true, .quorum = true, .daemon = true},
	{"POST", VM "/status/stop", POWER, state_stop, NULL, post_stop, .by_node = true, .daemon = true},
	{"POST", VM "/status/shutdown", POWER, state_shutdown, NULL, post_shutdown, .by_node = true, .daemon = true},
	{"POST", VM "/status/reboot", POWER, state_reboot, NULL, post_reboot, .by_node = true, .daemon = true},
	{0}
};
/* clang-format on */
