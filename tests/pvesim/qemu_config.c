/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/access.h"
#include "tests/pvesim/devices.h"
#include "tests/pvesim/qemu.h"
#include "tests/pvesim/vmfile.h"

/* One change of a configuration: $update_vm_api of API2/Qemu.pm. */
struct update {
	struct call *call;
	const char *vmid;
	const char *digest;
	bool skiplock;
	bool force;
	struct strings deletes;
	struct strings reverts;
	struct strings modified;
	struct strings boot_order;
};

static bool option_exists(const struct call *call, const char *key)
{
	struct schema_world world = call->world;
	world.file = true;
	return schema_find(config_schema, &world, key) != NULL;
}

static int read_lists(struct update *update, const char *delete_text, const char *revert_text)
{
	struct call *call = update->call;
	struct strings list;
	perl_split_list(call->arena, revert_text, &list);
	for (size_t i = 0; i < list.n; i++) {
		const char *key = list.item[i];
		if (!option_exists(call, key))
			return fail_param(call, "revert", "unknown option '%s'", key);
		if (param_given(call, key))
			return fail_param(call, "delete",
					"you can't use '-%s' and -revert %s' at the same time", key,
					key);
		strings_add(call->arena, &update->reverts, key);
	}
	perl_split_list(call->arena, delete_text, &list);
	for (size_t i = 0; i < list.n; i++) {
		const char *key = strcmp(list.item[i], "cdrom") == 0 ? "ide2" : list.item[i];
		if (param_given(call, key))
			return fail_param(call, "delete",
					"you can't use '-%s' and -delete %s' at the same time", key,
					key);
		if (strings_has(&update->reverts, key))
			return fail_param(call, "revert",
					"you can't use '-delete %s' and -revert %s' at the same time",
					key, key);
		if (!option_exists(call, key))
			return fail_param(call, "delete", "unknown option '%s'", key);
		strings_add(call->arena, &update->deletes, key);
	}
	return 0;
}

/* Values that are rewritten or looked at before anything is stored. */
static int prepare_values(struct update *update)
{
	struct call *call = update->call;
	struct strings keys;
	if (disk_prepare_params(call) < 0)
		return -1;
	perl_keys(call->arena, call->params, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		const char *value = param_get(call, key);
		if (!value)
			continue;
		if (rx_test("^net\\d+$", key)) {
			char *net = net_complete(call, update->vmid, key, value);
			if (!net)
				return -1;
			hash_set(call->params, key, net);
		} else if (strcmp(key, "vmgenid") == 0 && strcmp(value, "1") == 0) {
			hash_set(call->params, key,
					arena_printf(call->arena, "00000000-0000-4000-8000-%012lx",
							++call->sim->serial));
		} else if (strcmp(key, "hookscript") == 0) {
			json_t *known = json_object_get(call->sim->settings, "snippets");
			bool found = false;
			for (size_t k = 0; k < json_array_size(known); k++)
				found = found || strcmp(json_string_value(json_array_get(known, k)),
								 value) == 0;
			if (!strstr(value, ":snippets/"))
				return fail_param(call, key,
						"'%s' is not in the snippets directory", value);
			if (!found)
				return fail_param(call, key, "script '%s' does not exist", value);
		}
	}
	return 0;
}

/* $load_and_check_config: a new reference, or the call fails. `apply` takes reverts over. */
static json_t *load_and_check(struct update *update, bool apply)
{
	struct call *call = update->call;
	json_t *conf = vm_load(call, update->vmid);
	if (!conf)
		return NULL;
	int status = 0;
	if (perl_true(update->digest) && strcmp(update->digest, vm_get(conf, "digest")) != 0)
		status = die(call, "checksum mismatch (file change by other user?)");
	if (status == 0)
		status = option_check_cpu_model(call, conf);
	const char *lock = vm_get(conf, "lock");
	if (status == 0 && strings_has(&update->deletes, "vmstate")) {
		if (lock && strcmp(lock, "suspended") == 0) {
			lock = NULL;
			if (apply)
				strings_add(call->arena, &update->deletes, "lock");
		}
		if (apply && perl_true(vm_get(conf, "runningmachine")))
			strings_add(call->arena, &update->deletes, "runningmachine");
		if (apply && perl_true(vm_get(conf, "runningcpu")))
			strings_add(call->arena, &update->deletes, "runningcpu");
	}
	if (status == 0 && perl_true(lock) && !update->skiplock)
		status = die(call, "VM is locked (%s)", lock);
	for (size_t i = 0; status == 0 && i < update->reverts.n; i++) {
		const char *key = update->reverts.item[i];
		if (vm_defined(conf, key))
			hash_set(call->params, key, vm_get(conf, key));
		else if (vm_defined(json_object_get(conf, "pending"), key) && apply)
			strings_add(call->arena, &update->deletes, key);
	}
	if (status == 0)
		status = option_check_balloon(call, conf);
	if (status < 0) {
		json_decref(conf);
		return NULL;
	}
	return conf;
}

static char *print_boot_order(struct call *call, const struct strings *devices)
{
	if (!devices->n)
		return arena_strdup(call->arena, "");
	return arena_printf(call->arena, "order=%s", strings_join(call->arena, devices, ";"));
}

static void drop_from_boot_order(struct update *update, json_t *conf, const char *key)
{
	struct strings left = {0};
	if (!strings_has(&update->boot_order, key) || strings_has(&update->deletes, "bootorder"))
		return;
	for (size_t i = 0; i < update->boot_order.n; i++)
		if (strcmp(update->boot_order.item[i], key) != 0)
			strings_add(update->call->arena, &left, update->boot_order.item[i]);
	update->boot_order = left;
	hash_set(json_object_get(conf, "pending"), "boot", print_boot_order(update->call, &left));
	strings_add(update->call->arena, &update->modified, "boot");
}

static int check_delete(
		struct update *update, const json_t *conf, const char *key, const char *value)
{
	struct call *call = update->call;
	const char *vmid = update->vmid;
	if (vm_is_drive(key)) {
		if (option_check_protection(call, conf,
				    arena_printf(call->arena, "can't remove drive '%s'", key)) < 0)
			return -1;
		return perm_check_drive(call, vmid, key, value);
	}
	if (rx_test("^serial\\d+$", key)) {
		if (strcmp(value, "socket") == 0)
			return access_is_root(call)
					       ? 0
					       : access_check_vm(call, vmid, "VM.Config.HWType");
		return access_is_root(call)
				       ? 0
				       : die(call, "only root can delete '%s' config for real devices",
							 key);
	}
	if (rx_test("^usb\\d+$", key))
		return perm_check_usb(call, vmid, key, value);
	if (rx_test("^hostpci\\d+$", key) && pve_has(call, "8.0"))
		return perm_check_hostpci(call, vmid, key, value);
	if (rx_test("^rng\\d+$", key))
		return perm_check_rng(call, vmid, value);
	if (rx_test("^virtiofs\\d$", key))
		return perm_check_dir(call, vmid, value);
	if (rx_test("^net\\d+$", key))
		return perm_check_bridges(call, key, vm_get(conf, key));
	return 0;
}

static int delete_one(struct update *update, const char *key)
{
	struct call *call = update->call;
	json_t *conf = vm_load(call, update->vmid);
	if (!conf)
		return -1;
	json_t *pending = json_object_get(conf, "pending");
	const char *value = vm_defined(conf, key) ? vm_get(conf, key) : vm_get(pending, key);
	int status = 0;
	if (!value) {
		warn(call, "cannot delete '%s' - not set in current configuration!", key);
		json_decref(conf);
		return 0;
	}
	value = arena_strdup(call->arena, value);
	strings_add(call->arena, &update->modified, key);
	json_object_del(pending, key);
	drop_from_boot_order(update, conf, key);
	if (rx_test("^(?:unused|vmstate)", key)) {
		status = option_check_protection(call, conf,
				arena_printf(call->arena, "can't remove %s '%s'",
						strcmp(key, "vmstate") == 0 ? "vmstate"
									    : "unused disk",
						value));
		if (status == 0 && !access_is_root(call))
			status = access_check_vm(call, update->vmid, "VM.Config.Disk");
		json_object_del(conf, key);
	} else if (strcmp(key, "tags") == 0) {
		if (!access_is_root(call))
			status = access_check_vm(call, update->vmid, "VM.Config.Options");
		json_object_del(conf, key);
	} else {
		status = check_delete(update, conf, key, value);
		vm_add_delete(call, conf, key, update->force);
	}
	if (status == 0)
		status = vm_write(call, update->vmid, conf);
	json_decref(conf);
	return status;
}

static int set_boot(struct update *update, json_t *conf, const char *value)
{
	struct call *call = update->call;
	json_t *pending = json_object_get(conf, "pending");
	char *why = NULL;
	json_t *boot = property_parse_text(call->arena, &call->world, boot_schema, NULL,
			value ? value : "", NULL, &why);
	const char *order = hash_get(boot, "order");
	struct strings devices = {0};
	perl_split_list(call->arena, order, &devices);
	json_decref(boot);
	if (!devices.n)
		return 0;
	for (size_t i = 0; i < devices.n; i++) {
		const char *device = devices.item[i];
		bool exists = perl_true(vm_get(conf, device)) ||
			      perl_true(vm_get(pending, device)) ||
			      perl_true(param_get(call, device));
		if (!exists || strings_has(&update->deletes, device))
			return die(call, "invalid bootorder: device '%s' does not exist'", device);
	}
	hash_set(pending, "boot", print_boot_order(call, &devices));
	if (perl_true(vm_get(conf, "bootdisk")))
		vm_add_delete(call, conf, "bootdisk", false);
	return 0;
}

static int set_serial(struct update *update, const json_t *conf, const char *key, const char *value)
{
	const char *before = vm_get(conf, key);
	if (access_is_root(update->call))
		return 0;
	if ((!before || strcmp(before, "socket") == 0) && value && strcmp(value, "socket") == 0)
		return access_check_vm(update->call, update->vmid, "VM.Config.HWType");
	return die(update->call, "only root can modify '%s' config for real devices", key);
}

/* Checks that look at the value, old and new, of one option. */
static int check_change(
		struct update *update, const json_t *conf, const char *key, const char *value)
{
	struct call *call = update->call;
	const char *vmid = update->vmid;
	const char *before = vm_get(conf, key);
	bool had = perl_true(before);
	if (rx_test("^serial\\d+", key))
		return set_serial(update, conf, key, value);
	if (rx_test("^usb\\d+", key))
		return had && perm_check_usb(call, vmid, key, before) < 0
				       ? -1
				       : perm_check_usb(call, vmid, key, value);
	if (rx_test("^hostpci\\d+$", key) && pve_has(call, "8.0"))
		return had && perm_check_hostpci(call, vmid, key, before) < 0
				       ? -1
				       : perm_check_hostpci(call, vmid, key, value);
	if (rx_test("^rng\\d+$", key))
		return had && perm_check_rng(call, vmid, before) < 0
				       ? -1
				       : perm_check_rng(call, vmid, value);
	if (rx_test("^virtiofs\\d$", key))
		return had && perm_check_dir(call, vmid, before) < 0
				       ? -1
				       : perm_check_dir(call, vmid, value);
	if (rx_test("^net\\d+$", key))
		return perm_check_bridges(call, key, before);
	if (vm_is_drive(key))
		return had && perm_check_drive(call, vmid, key, before) < 0
				       ? -1
				       : perm_check_drive(call, vmid, key, value);
	if (strcmp(key, "machine") == 0)
		return option_check_machine(call, value);
	if (strcmp(key, "vga") == 0)
		return option_check_vga(call, value);
	if (strcmp(key, "tags") == 0 && !access_is_root(call))
		return access_check_vm(call, vmid, "VM.Config.Options");
	return 0;
}

static int set_one(struct update *update, const char *key)
{
	struct call *call = update->call;
	const char *value = param_get(call, key);
	json_t *conf = vm_load(call, update->vmid);
	if (!conf)
		return -1;
	json_t *pending = json_object_get(conf, "pending");
	strings_add(call->arena, &update->modified, key);
	const char *before = vm_get(pending, key);
	if (before && value && strcmp(before, value) == 0) {
		json_decref(conf);
		return 0;
	}
	int status = check_change(update, conf, key, value);
	if (status == 0 && value && strcmp(key, "tags") == 0)
		value = option_check_tags(call, value);
	if (status == 0 && value && vm_is_drive(key)) {
		value = disk_create(call, update->vmid, key, value);
		status = value ? 0 : -1;
	}
	if (status == 0) {
		json_t *target = strcmp(key, "cipassword") == 0 ? conf : pending;
		json_object_set_new(target, key, value ? json_string(value) : json_null());
	}
	if (status == 0 && strcmp(key, "boot") == 0)
		status = set_boot(update, conf, value);
	if (status == 0) {
		vm_drop_delete(call, conf, key);
		status = vm_write(call, update->vmid, conf);
	}
	json_decref(conf);
	return status;
}

static void load_boot_order(struct update *update, const json_t *conf)
{
	const char *boot = vm_get(conf, "boot");
	char *why = NULL;
	if (!perl_true(boot))
		return;
	json_t *parsed = property_parse_text(update->call->arena, &update->call->world, boot_schema,
			NULL, boot, NULL, &why);
	perl_split_list(update->call->arena, hash_get(parsed, "order"), &update->boot_order);
	json_decref(parsed);
}

static int apply(struct update *update)
{
	struct call *call = update->call;
	json_t *conf = load_and_check(update, true);
	if (!conf)
		return -1;
	load_boot_order(update, conf);
	json_decref(conf);
	for (size_t i = 0; i < update->deletes.n; i++)
		if (delete_one(update, update->deletes.item[i]) < 0)
			return -1;
	struct strings keys;
	perl_keys(call->arena, call->params, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (set_one(update, keys.item[i]) < 0)
			return -1;
	conf = vm_load(call, update->vmid);
	if (!conf)
		return -1;
	int status = 0;
	if (vm_cleanup_pending(call, conf))
		status = vm_write(call, update->vmid, conf);
	json_decref(conf);
	if (status < 0)
		return -1;
	conf = vm_load(call, update->vmid);
	if (conf && json_object_size(json_object_get(conf, "pending")))
		status = vm_is_running(call, update->vmid)
					 ? config_hotplug(call, update->vmid, conf,
							   &update->modified)
					 : config_apply_pending(call, update->vmid, conf);
	json_decref(conf);
	return conf ? status : -1;
}

/* What is common to the call and to the task: take the parameters apart and check them. */
static int prepare(struct update *update)
{
	struct call *call = update->call;
	(void)param_take(call, "node");
	update->vmid = param_take(call, "vmid");
	update->digest = param_take(call, "digest");
	(void)param_take(call, "import-working-storage");
	struct text log = {0};
	struct strings keys;
	perl_keys(call->arena, call->params, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *value = param_get(call, keys.item[i]);
		text_addf(&log, " -%s %s", keys.item[i],
				strcmp(keys.item[i], "cipassword") == 0 ? "<hidden>"
				: value                                 ? value
									: "");
	}
	output(call, "update VM %s:%s", update->vmid, text_string(&log));
	text_free(&log);
	update->skiplock = perl_true(param_take(call, "skiplock"));
	if (update->skiplock && !access_is_root(call))
		return fail_param(call, "skiplock", "Only root may use this option.");
	const char *deletes = param_take(call, "delete");
	const char *reverts = param_take(call, "revert");
	update->force = perl_true(param_take(call, "force"));
	const char *units = param_get(call, "cpuunits");
	if (units && strtol(units, NULL, 10) > 10000)
		hash_set(call->params, "cpuunits", "10000");
	if (!perl_true(deletes) && !perl_true(reverts) && !json_object_size(call->params))
		return die(call, "no options specified");
	if (read_lists(update, deletes, reverts) < 0 || prepare_values(update) < 0 ||
			perm_check_keys(call, update->vmid, &update->deletes) < 0)
		return -1;
	perl_keys(call->arena, call->params, &keys);
	if (perm_check_keys(call, update->vmid, &keys) < 0)
		return -1;
	if (perm_check_storage(call, update->vmid) < 0)
		return -1;
	for (size_t i = 0; i < keys.n; i++)
		if (perm_check_bridges(call, keys.item[i], param_get(call, keys.item[i])) < 0)
			return -1;
	json_t *conf = load_and_check(update, false);
	json_decref(conf);
	return conf ? 0 : -1;
}

int config_update_work(struct call *call)
{
	struct update update = {.call = call};
	return prepare(&update) < 0 ? -1 : apply(&update);
}

int config_update(struct call *call, bool synchronous)
{
	const char *delay = param_take(call, "background_delay");
	json_t *params = json_deep_copy(call->params);
	struct update update = {.call = call};
	int status = prepare(&update);
	if (status < 0 || synchronous) {
		json_decref(params);
		return status < 0 ? -1 : apply(&update);
	}
	const char *upid = task_start(call, "qmconfig", update.vmid, params,
			setting_number(call->sim, "qmconfig_ms", 0));
	const char *result = task_result(call, upid);
	if (delay && result) {
		if (strcmp(result, "OK") == 0)
			return 0;
		return die(call, "failed to update VM %s: %s", update.vmid, result);
	}
	call->result = json_string(upid);
	return 0;
}
