/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/devices.h"
#include "tests/pvesim/qemu.h"
#include "tests/pvesim/vmfile.h"

/* What runs is kept in running.json, so that a test can look: {vmid: {"node", "pid", "since",
 * "machine", "devices": [address…]}}. At first it is what pvesim.json says of each node. */
static const char running_name[] = "running.json";

static void add_from_settings(struct call *call, json_t *running)
{
	const char *node = NULL;
	json_t *about = NULL;
	json_object_foreach(json_object_get(call->sim->settings, "nodes"), node, about)
	{
		json_t *list = json_object_get(about, "running");
		for (size_t i = 0; i < json_array_size(list); i++) {
			char *vmid = perl_scalar(call->arena, json_array_get(list, i));
			json_object_set_new(running, vmid,
					json_pack("{s:s,s:i,s:I,s:[]}", "node", node, "pid",
							4000 + (int)i, "since",
							(json_int_t)(now_ms() / 1000 - 3600),
							"devices"));
		}
	}
}

/* The functions that a VM which runs from the start holds: all that its hostpci lines name. */
static void add_devices(struct call *call, json_t *running)
{
	const char *vmid = NULL;
	json_t *about = NULL;
	const char *before = call->node;
	json_object_foreach(running, vmid, about)
	{
		call->node = hash_get(about, "node");
		char *text = state_read(call->sim, call->arena, vm_path(call, vmid));
		json_t *conf = vm_parse(call, vmid, text ? text : "");
		json_t *devices = devices_load(call);
		json_t *chosen = hostpci_choose(call, vmid, conf, devices, NULL);
		const char *key = NULL;
		json_t *device = NULL;
		json_object_foreach(chosen, key, device) json_array_extend(
				json_object_get(about, "devices"), json_object_get(device, "ids"));
		call->code = 0; /* a configuration that would not start may run all the same */
		call->message = NULL;
		json_decref(chosen);
		json_decref(devices);
		json_decref(conf);
	}
	call->node = before;
}

json_t *running_load(struct call *call)
{
	json_t *running = state_json(call->sim, call->arena, running_name);
	if (running)
		return running;
	running = json_object();
	add_from_settings(call, running);
	add_devices(call, running);
	state_write_json(call->sim, running_name, running);
	return running;
}

bool vm_is_running(struct call *call, const char *vmid)
{
	json_t *running = running_load(call);
	bool found = json_object_get(running, vmid) != NULL;
	json_decref(running);
	return found;
}

static json_t *used_devices(struct call *call, const json_t *running, const char *vmid)
{
	json_t *used = json_object();
	const char *other = NULL;
	json_t *about = NULL;
	json_object_foreach((json_t *)(uintptr_t)running, other, about)
	{
		if (strcmp(other, vmid) == 0 || strcmp(hash_get(about, "node"), call->node) != 0)
			continue;
		json_t *devices = json_object_get(about, "devices");
		for (size_t i = 0; i < json_array_size(devices); i++)
			hash_set(used, json_string_value(json_array_get(devices, i)), other);
	}
	return used;
}

static int qemu_fails(struct call *call, const char *why)
{
	output(call, "kvm: %s", why);
	return die(call, "start failed: QEMU exited with code 1");
}

static bool rom_exists(struct call *call, const char *name)
{
	json_t *known = json_object_get(setting_node(call->sim, call->node), "romfiles");
	for (size_t i = 0; i < json_array_size(known); i++)
		if (strcmp(json_string_value(json_array_get(known, i)), name) == 0)
			return true;
	return false;
}

/* prepare_pci_device() for each function of one hostpci, then what QEMU itself would refuse. */
static int prepare_device(struct call *call, const json_t *devices, const json_t *device)
{
	json_t *ids = json_object_get(device, "ids");
	const char *rom = hash_get(device, "romfile");
	bool iommu = false;
	for (size_t i = 0; i < json_array_size(devices); i++)
		iommu = iommu || json_integer_value(json_object_get(
						 json_array_get(devices, i), "iommugroup")) >= 0;
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const char *id = json_string_value(json_array_get(ids, i));
		json_t *found = device_find(devices, id);
		if (!iommu)
			return die(call, "cannot prepare PCI pass-through, IOMMU not present");
		if (!found)
			return die(call, "no pci device info for device '%s'", id);
		if (json_integer_value(json_object_get(found, "iommugroup")) < 0)
			return die(call, "can't unbind/bind PCI group to VFIO '%s'", id);
		if (setting_true(found, "sim-bind-fails", false))
			return die(call, "Cannot bind %s to vfio", id);
	}
	if (rom && !rom_exists(call, rom))
		return qemu_fails(call,
				arena_printf(call->arena,
						"-device vfio-pci,host=%s,romfile=/usr/share/kvm/%s: failed to find romfile \"/usr/share/kvm/%s\"",
						json_string_value(json_array_get(ids, 0)), rom,
						rom));
	return 0;
}

static long number_of(const json_t *conf, const char *key, long missing)
{
	const char *value = vm_get(conf, key);
	return value ? strtol(value, NULL, 10) : missing;
}

static int check_start(struct call *call, const char *vmid, const json_t *conf)
{
	const char *lock = vm_get(conf, "lock");
	if (number_of(conf, "template", 0))
		return die(call, "you can't start a vm if it's a template");
	if (perl_true(lock) && !param_true(call, "skiplock") && strcmp(lock, "suspended") != 0)
		return die(call, "VM is locked (%s)", lock);
	if (vm_is_running(call, vmid))
		return die(call, "VM %s already running", vmid);
	if (vm_get(conf, "hugepages") && !number_of(conf, "numa", 0))
		return die(call, "numa needs to be enabled to use hugepages");
	long cpus = number_of(conf, "sockets", 1) * number_of(conf, "cores", 1);
	long most = number_of(conf, "vcpus", cpus);
	if (most > cpus)
		return die(call, "MAX %ld vcpus allowed per VM on this node", cpus);
	return 0;
}

static bool is_snippet(struct call *call, const char *volume)
{
	json_t *known = json_object_get(call->sim->settings, "snippets");
	for (size_t i = 0; i < json_array_size(known); i++)
		if (strcmp(json_string_value(json_array_get(known, i)), volume) == 0)
			return true;
	return false;
}

/* What is needed from elsewhere: the hook script and the storages of the drives. */
static int check_volumes(struct call *call, const char *vmid, const json_t *conf)
{
	const char *script = vm_get(conf, "hookscript");
	if (script && !is_snippet(call, script))
		return die(call, "hookscript error for %s on pre-start: script '%s' does not exist",
				vmid, script);
	char *storages = state_read(call->sim, call->arena, "storage.cfg");
	struct strings keys;
	perl_keys(call->arena, conf, &keys);
	for (size_t i = 0; storages && i < keys.n; i++) {
		const char *drive = vm_is_drive(keys.item[i]) ? vm_get(conf, keys.item[i]) : NULL;
		struct rx rx;
		if (!drive || !rx_match(call->arena, "^(?:file=)?([A-Za-z][^:,/]*):", RX_BYTES,
					      drive, &rx))
			continue;
		if (!rx_test(arena_printf(call->arena, "(?m)^\\S+:\\s*%s\\s*$", rx.group[1]),
				    storages))
			return die(call, "storage '%s' does not exist", rx.group[1]);
	}
	return 0;
}

static int start(struct call *call, const char *vmid)
{
	json_t *conf = vm_load(call, vmid);
	if (!conf)
		return -1;
	int status = check_start(call, vmid, conf);
	if (status == 0)
		status = config_apply_pending(call, vmid, conf);
	if (status == 0)
		status = check_volumes(call, vmid, conf);
	json_t *running = running_load(call);
	json_t *used = used_devices(call, running, vmid);
	json_t *devices = devices_load(call);
	json_t *chosen = status == 0 ? hostpci_choose(call, vmid, conf, devices, used) : NULL;
	json_t *taken = json_array();
	const char *key = NULL;
	json_t *device = NULL;
	if (status == 0 && !chosen) {
		/* Told once by itself and once as what the task ended with. */
		output(call, "%s", call->message);
		output(call, "%s", "");
	}
	status = chosen ? 0 : -1;
	json_object_foreach(chosen, key, device)
	{
		if (status == 0)
			status = prepare_device(call, devices, device);
		json_array_extend(taken, json_object_get(device, "ids"));
	}
	if (status == 0) {
		json_object_set_new(running, vmid,
				json_pack("{s:s,s:I,s:I,s:s,s:O}", "node", call->node, "pid",
						(json_int_t)(5000 + ++call->sim->serial), "since",
						(json_int_t)(now_ms() / 1000), "machine",
						machine_is_q35(call, conf) ? "pc-q35-9.0+pve0"
									   : "pc-i440fx-9.0+pve0",
						"devices", taken));
		state_write_json(call->sim, running_name, running);
	}
	json_decref(taken);
	json_decref(chosen);
	json_decref(devices);
	json_decref(used);
	json_decref(running);
	json_decref(conf);
	return status;
}

static int stop(struct call *call, const char *vmid)
{
	json_t *running = running_load(call);
	json_object_del(running, vmid);
	state_write_json(call->sim, running_name, running);
	json_decref(running);
	json_t *conf = vm_load(call, vmid);
	if (!conf)
		return -1;
	json_decref(conf);
	return 0;
}

int work_start(struct call *call)
{
	return start(call, param_get(call, "vmid"));
}

int work_stop(struct call *call)
{
	const char *vmid = param_get(call, "vmid");
	if (!vm_is_running(call, vmid)) {
		output(call, "VM not running");
		return 0;
	}
	return stop(call, vmid);
}

/* A guest that does not listen is named in pvesim.json: "vms": {"106": {"shutdown": "hang"}}. */
static bool guest_hangs(struct call *call, const char *vmid)
{
	json_t *about = json_object_get(json_object_get(call->sim->settings, "vms"), vmid);
	const char *how = hash_get(about, "shutdown");
	return how && strcmp(how, "hang") == 0;
}

int work_shutdown(struct call *call)
{
	const char *vmid = param_get(call, "vmid");
	if (!vm_is_running(call, vmid)) {
		output(call, "VM not running");
		return 0;
	}
	if (guest_hangs(call, vmid)) {
		if (!param_true(call, "forceStop"))
			return die(call, "VM quit/powerdown failed - got timeout");
		output(call, "VM quit/powerdown failed - got timeout");
		output(call, "VM still running - terminating now with SIGTERM");
	}
	return stop(call, vmid);
}

int work_reboot(struct call *call)
{
	const char *vmid = param_get(call, "vmid");
	if (!vm_is_running(call, vmid))
		return die(call, "VM %s not running", vmid);
	if (guest_hangs(call, vmid))
		return die(call, "VM quit/powerdown failed");
	return stop(call, vmid) < 0 ? -1 : start(call, vmid);
}

/* hastart and hastop end at once: they only ask. The resource manager acts `ha_delay_ms` later. */
int work_ha(struct call *call)
{
	const char *vmid = param_get(call, "vmid");
	bool starts = strcmp(param_get(call, "task-type"), "hastart") == 0;
	output(call, "Requesting HA %s for VM %s", starts ? "start" : "stop", vmid);
	if (ha_request(call, vmid, starts ? "started" : "stopped") < 0)
		return -1;
	call->user = "root@pam";
	(void)task_start(call, starts ? "qmstart" : "qmshutdown", vmid,
			json_pack("{s:i}", starts ? "ha" : "forceStop", 1),
			setting_number(call->sim, "ha_delay_ms", 500));
	return 0;
}
