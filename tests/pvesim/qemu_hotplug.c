/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/qemu.h"
#include "tests/pvesim/vmfile.h"

/* Options that a running VM takes at once: $fast_plug_option of QemuServer.pm. */
static bool is_fast(const char *key)
{
	return rx_test("^(?:description|hookscript|lock|migrate_downtime|migrate_speed|name|onboot|"
		       "protection|shares|startup|tags|vmstatestorage|cicustom|cipassword|citype|"
		       "ciuser|ciupgrade|nameserver|searchdomain|sshkeys|ipconfig\\d+)$",
			key);
}

static bool has_feature(const json_t *conf, const char *feature)
{
	const char *hotplug = vm_get(conf, "hotplug");
	if (!hotplug || strcmp(hotplug, "1") == 0)
		hotplug = "network,disk,usb";
	return strstr(hotplug, feature) != NULL;
}

static bool usb_plugs(const json_t *conf)
{
	const char *ostype = vm_get(conf, "ostype");
	return has_feature(conf, "usb") && ostype && rx_test("^(?:l26|win8|win10|win11)$", ostype);
}

static bool balloon_plugs(const json_t *conf, const char *value)
{
	const char *before = vm_get(conf, "balloon");
	bool was = !before || perl_true(before);
	bool is = !value || perl_true(value);
	return was == is;
}

/* Whether a change of the option reaches the running VM. `value` NULL: it is deleted. */
static bool plugs(const json_t *conf, const char *key, const char *value)
{
	if (strcmp(key, "hotplug") == 0)
		return !(value && (strstr(value, "memory") || strstr(value, "cpu"))) &&
		       !has_feature(conf, "memory") && !has_feature(conf, "cpu");
	if (strcmp(key, "tablet") == 0)
		return has_feature(conf, "usb");
	if (rx_test("^usb\\d+$", key))
		return usb_plugs(conf);
	if (strcmp(key, "vcpus") == 0)
		return has_feature(conf, "cpu");
	if (strcmp(key, "balloon") == 0)
		return balloon_plugs(conf, value);
	if (rx_test("^net\\d+$", key))
		return has_feature(conf, "network");
	if (vm_is_drive(key))
		return has_feature(conf, "disk") && rx_test("^(?:scsi|virtio)", key);
	if (strcmp(key, "memory") == 0)
		return has_feature(conf, "memory");
	return strcmp(key, "cpuunits") == 0 || strcmp(key, "cpulimit") == 0;
}

/* cloud-init notes what changed since its drive was made; it is only written with such a drive. */
static void note_cloudinit(
		struct call *call, json_t *conf, const char *key, const char *old, const char *new)
{
	if (!rx_test("^(?:name|net\\d+|cicustom|cipassword|citype|ciuser|ciupgrade|nameserver|searchdomain|sshkeys|ipconfig\\d+)$",
			    key))
		return;
	json_t *special = json_object_get(conf, "special-sections");
	json_t *noted = json_object_get(special, "cloudinit");
	if (!noted) {
		noted = json_object();
		json_object_set_new(special, "cloudinit", noted);
	}
	const char *recorded = hash_get(noted, key);
	struct strings added;
	perl_split_list(call->arena, hash_get(noted, "added"), &added);
	bool was_added = strings_has(&added, key) != 0;
	struct strings left = {0};
	for (size_t i = 0; i < added.n; i++)
		if (strcmp(added.item[i], key) != 0)
			strings_add(call->arena, &left, added.item[i]);
	json_object_del(noted, "added");
	if (recorded && new &&strcmp(new, recorded) == 0)
		json_object_del(noted, key);
	else if (!recorded && !was_added && old)
		hash_set(noted, key, old);
	else if (new && (was_added || (!recorded && !old)))
		strings_add(call->arena, &left, key);
	strings_sort(&left);
	if (left.n)
		hash_set(noted, "added", strings_join(call->arena, &left, ","));
}

static void take_over(struct call *call, json_t *conf, const char *key)
{
	json_t *pending = json_object_get(conf, "pending");
	const char *old = arena_strdup(call->arena, vm_get(conf, key));
	const char *new = arena_strdup(call->arena, vm_get(pending, key));
	note_cloudinit(call, conf, key, old, new);
	hash_set(conf, key, new);
	json_object_del(pending, key);
}

int config_hotplug(
		struct call *call, const char *vmid, json_t *conf, const struct strings *selection)
{
	json_t *pending = json_object_get(conf, "pending");
	struct strings keys;
	perl_keys(call->arena, pending, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (is_fast(keys.item[i]))
			take_over(call, conf, keys.item[i]);
	json_t *deletes = vm_pending_deletes(call, conf);
	perl_keys(call->arena, deletes, &keys);
	json_decref(deletes);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		if (!strings_has(selection, key) || !(is_fast(key) || plugs(conf, key, NULL)))
			continue;
		note_cloudinit(call, conf, key, arena_strdup(call->arena, vm_get(conf, key)), NULL);
		json_object_del(conf, key);
		vm_drop_delete(call, conf, key);
	}
	perl_keys(call->arena, pending, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		if (strcmp(key, "delete") != 0 && strings_has(selection, key) &&
				plugs(conf, key, vm_get(pending, key)))
			take_over(call, conf, key);
	}
	return vm_write(call, vmid, conf);
}

/* A drive that is replaced or detached stays in the configuration as an unused one. */
static void keep_unused(struct call *call, const char *vmid, json_t *conf, const char *value)
{
	enum { UNUSED_MAX = 256 };
	char *why = NULL;
	json_t *drive = property_parse_text(
			call->arena, &call->world, drive_schema, NULL, value, NULL, &why);
	const char *file = hash_get(drive, "file");
	const char *media = hash_get(drive, "media");
	bool owned = file && rx_test(arena_printf(call->arena,
						     ":(?:.*/)?(?:vm|base)-%s-(?!cloudinit)", vmid),
					     file);
	if (owned && !(media && strcmp(media, "cdrom") == 0)) {
		const char *free_key = NULL;
		for (int i = UNUSED_MAX - 1; i >= 0; i--) {
			const char *key = arena_printf(call->arena, "unused%d", i);
			const char *other = vm_get(conf, key);
			if (!other)
				free_key = key;
			else if (strcmp(other, file) == 0)
				owned = false;
		}
		if (owned && free_key)
			hash_set(conf, free_key, file);
	}
	json_decref(drive);
}

int config_apply_pending(struct call *call, const char *vmid, json_t *conf)
{
	json_t *pending = json_object_get(conf, "pending");
	if (!json_object_size(pending))
		return 0;
	json_t *deletes = vm_pending_deletes(call, conf);
	struct strings keys;
	perl_keys(call->arena, deletes, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		const char *old = vm_get(conf, key);
		if (old && vm_is_drive(key) && !json_is_true(json_object_get(deletes, key)))
			keep_unused(call, vmid, conf, old);
		vm_drop_delete(call, conf, key);
		json_object_del(conf, key);
	}
	json_decref(deletes);
	(void)vm_cleanup_pending(call, conf);
	perl_keys(call->arena, pending, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		if (strcmp(key, "delete") == 0)
			continue;
		const char *old = vm_get(conf, key);
		if (old && vm_is_drive(key))
			keep_unused(call, vmid, conf, old);
		json_object_set(conf, key, json_object_get(pending, key));
		json_object_del(pending, key);
	}
	return vm_write(call, vmid, conf);
}
