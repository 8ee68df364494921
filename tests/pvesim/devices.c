/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/pvesim/devices.h"

#include <stdlib.h>
#include <string.h>

static int compare_devices(const void *a, const void *b)
{
	const json_t *const *x = a;
	const json_t *const *y = b;
	return strcmp(hash_get(*x, "id"), hash_get(*y, "id"));
}

json_t *devices_load(struct call *call)
{
	json_t *read = state_json(call->sim, call->arena,
			arena_printf(call->arena, "nodes/%s/pci.json", call->node));
	json_t *list = json_array();
	size_t n = 0;
	json_t **device = arena_alloc(call->arena, (json_array_size(read) + 1) * sizeof *device);
	for (size_t i = 0; i < json_array_size(read); i++)
		if (hash_get(json_array_get(read, i), "id"))
			device[n++] = json_array_get(read, i);
	qsort(device, n, sizeof *device, compare_devices);
	for (size_t i = 0; i < n; i++)
		json_array_append(list, device[i]);
	json_decref(read);
	return list;
}

json_t *device_find(const json_t *devices, const char *address)
{
	for (size_t i = 0; i < json_array_size(devices); i++) {
		json_t *device = json_array_get(devices, i);
		const char *id = hash_get(device, "id");
		if (strcmp(id, address) == 0 ||
				(text_starts(id, "0000:") && strcmp(id + 5, address) == 0))
			return device;
	}
	return NULL;
}

/* SysFSTools::lspci: every device whose address starts so, with or without 0000: before it. */
static void find_by_prefix(
		struct arena *arena, const json_t *devices, const char *prefix, struct strings *ret)
{
	for (size_t i = 0; i < json_array_size(devices); i++) {
		const char *id = hash_get(json_array_get(devices, i), "id");
		if (text_starts(id, prefix) ||
				(text_starts(id, "0000:") && text_starts(id + 5, prefix)))
			strings_add(arena, ret, id);
	}
}

static const char *without_0x(const char *id)
{
	return text_starts(id, "0x") ? id + 2 : id;
}

static char *id_pair(struct arena *arena, const json_t *device, const char *a, const char *b)
{
	const char *vendor = hash_get(device, a);
	const char *model = hash_get(device, b);
	if (!vendor || !model)
		return NULL;
	return arena_printf(arena, "%s:%s", without_0x(vendor), without_0x(model));
}

static char *compare_property(struct call *call, const char *name, const char *property,
		const char *path, const char *expected, const char *configured)
{
	bool new_texts = pve_has(call, "8.4");
	if (!expected && !configured)
		return NULL;
	if (!configured)
		return new_texts ? arena_printf(call->arena,
						   "missing expected property '%s' for device '%s'",
						   property, path)
				 : arena_printf(call->arena, "no '%s' for device '%s'", property,
						   path);
	if (!expected)
		return new_texts ? arena_printf(call->arena,
						   "unexpected property '%s' configured for device '%s'",
						   property, path)
				 : arena_printf(call->arena, "'%s' configured but should not be",
						   property);
	if (strcmp(expected, configured) == 0)
		return NULL;
	return arena_printf(call->arena, "'%s' does not match for '%s' (%s != %s)", property, name,
			expected, configured);
}

char *mapping_why_invalid(struct call *call, const json_t *devices, const char *name,
		const json_t *entry, const json_t *mapping)
{
	struct arena *arena = call->arena;
	struct strings paths;
	perl_split(arena, hash_get(entry, "path"), ';', &paths);
	for (size_t i = 0; i < paths.n; i++) {
		const char *path = paths.item[i];
		if (!strstr(path, "."))
			path = arena_printf(arena, "%s.0", path);
		const json_t *device = device_find(devices, path);
		if (!device)
			return arena_printf(arena, "pci device '%s' not found", path);
		json_int_t group = json_integer_value(json_object_get(device, "iommugroup"));
		char *why = compare_property(call, name, "id", path,
				id_pair(arena, device, "vendor", "device"), hash_get(entry, "id"));
		if (!why && i == 0)
			why = compare_property(call, name, "iommugroup", path,
					group < 0 ? NULL
						  : arena_printf(arena, "%lld", (long long)group),
					hash_get(entry, "iommugroup"));
		if (!why && pve_has(call, "8.4"))
			why = compare_property(call, name, "mdev", path,
					setting_true(device, "mdev", false) ? "1" : "0",
					setting_true(mapping, "mdev", false) ? "1" : "0");
		if (!why)
			why = compare_property(call, name, "subsystem-id", path,
					id_pair(arena, device, "subsystem_vendor",
							"subsystem_device"),
					hash_get(entry, "subsystem-id"));
		if (why)
			return why;
	}
	return NULL;
}

static int expand_mapping(struct call *call, const json_t *devices, const char *name,
		struct list *ret_alternatives)
{
	json_t *cfg = mapping_load(call);
	json_t *section = json_object_get(json_object_get(cfg, "ids"), name);
	json_t *entries = mapping_entries(call, cfg, name, call->node);
	int status = 0;
	if (!json_array_size(entries))
		status = die(call, "PCI device mapping not found for '%s'", name);
	for (size_t i = 0; status == 0 && i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		char *why = mapping_why_invalid(call, devices, name, entry, section);
		if (why)
			status = die(call,
					"PCI device mapping invalid (hardware probably changed): %s",
					why);
		else
			list_add(call->arena, ret_alternatives,
					arena_strdup(call->arena, hash_get(entry, "path")));
	}
	json_decref(entries);
	json_decref(cfg);
	return status;
}

static json_t *expand_alternative(struct call *call, const json_t *devices, const char *text)
{
	struct strings ids;
	json_t *functions = json_array();
	perl_split(call->arena, text, ';', &ids);
	for (size_t i = 0; i < ids.n; i++) {
		struct strings found = {0};
		find_by_prefix(call->arena, devices, ids.item[i], &found);
		if (!found.n) {
			json_decref(functions);
			die(call, "no PCI device found for '%s'", ids.item[i]);
			return NULL;
		}
		for (size_t f = 0; f < found.n; f++)
			json_array_append_new(functions, json_string(found.item[f]));
	}
	return functions;
}

json_t *hostpci_expand(struct call *call, const json_t *devices, const char *value)
{
	if (!perl_true(value))
		return NULL;
	char *why = NULL;
	json_t *parsed = property_parse_text(
			call->arena, &call->world, hostpci_schema, NULL, value, NULL, &why);
	if (!parsed) {
		die(call, "%s", why);
		return NULL;
	}
	const char *host = hash_get(parsed, "host");
	const char *mapping = hash_get(parsed, "mapping");
	struct list alternatives = {0};
	int status = 0;
	if (host && mapping)
		status = die(call, "Cannot set both 'host' and 'mapping'.");
	else if (perl_true(mapping))
		status = expand_mapping(call, devices, mapping, &alternatives);
	else if (perl_true(host))
		list_add(call->arena, &alternatives, arena_strdup(call->arena, host));
	else
		status = die(call, "Either 'host' or 'mapping' must be set.");
	json_t *ids = json_array();
	for (size_t i = 0; status == 0 && i < alternatives.n; i++) {
		json_t *functions = expand_alternative(call, devices, alternatives.item[i]);
		if (!functions)
			status = -1;
		else if (json_array_size(functions) > 1 && hash_get(parsed, "mdev"))
			status = die(call, "cannot use mediated device with multifunction device");
		if (json_array_size(functions) > 1)
			json_object_set_new(parsed, "has-multifunction", json_true());
		json_array_append(ids, functions);
		json_decref(functions);
	}
	json_object_set_new(parsed, "ids", ids);
	if (status < 0) {
		json_decref(parsed);
		return NULL;
	}
	return parsed;
}

bool machine_is_q35(struct call *call, const json_t *conf)
{
	const char *machine = hash_get(conf, "machine");
	char *why = NULL;
	json_t *parsed = machine ? property_parse_text(call->arena, &call->world, machine_schema,
						   NULL, machine, NULL, &why)
				 : NULL;
	const char *type = parsed ? hash_get(parsed, "type") : NULL;
	bool q35 = type && strstr(type, "q35");
	json_decref(parsed);
	return q35;
}

static bool is_on(const json_t *properties, const char *key)
{
	return perl_true(hash_get(properties, key));
}

static int check_legacy_igd(struct call *call, const json_t *conf, const json_t *device, bool q35)
{
	const char *vga = hash_get(conf, "vga");
	const char *rombar = hash_get(device, "rombar");
	json_t *ids = json_object_get(device, "ids");
	if (!vga || strcmp(vga, "none") != 0)
		return die(call, "legacy IGD assignment requires VGA mode to be 'none'");
	if (rombar && !perl_true(rombar))
		return die(call, "legacy IGD assignment requires rombar to be enabled");
	if (is_on(device, "x-vga"))
		return die(call, "legacy IGD assignment is not compatible with x-vga");
	if (is_on(device, "mdev"))
		return die(call, "legacy IGD assignment is not compatible with mdev");
	if (q35)
		return die(call, "legacy IGD assignment is not compatible with q35");
	if (json_object_get(device, "has-multifunction"))
		return die(call,
				"legacy IGD assignment is not compatible with multifunction devices");
	if (json_array_size(ids) > 1)
		return die(call, "legacy IGD assignment is not compatible with alternate devices");
	if (!text_ends(json_string_value(json_array_get(json_array_get(ids, 0), 0)), "02.0"))
		return die(call,
				"legacy IGD assignment only works for devices on host bus 00:02.0");
	return 0;
}

static bool is_free(const json_t *functions, const json_t *taken, const json_t *used)
{
	for (size_t i = 0; i < json_array_size(functions); i++) {
		const char *id = json_string_value(json_array_get(functions, i));
		if (json_object_get(taken, id) || json_object_get(used, id))
			return false;
	}
	return true;
}

/* choose_hostpci_devices(): one alternative for each; what others use is refused later. */
static int choose(struct call *call, const char *key, json_t *device, json_t *taken,
		const json_t *used)
{
	json_t *ids = json_object_get(device, "ids");
	json_t *chosen = json_array_size(ids) == 1 ? json_array_get(ids, 0) : NULL;
	for (size_t i = 0; !chosen && i < json_array_size(ids); i++)
		if (is_free(json_array_get(ids, i), taken, used))
			chosen = json_array_get(ids, i);
	if (!chosen)
		return die(call, "could not find a free device for '%s'", key);
	for (size_t i = 0; i < json_array_size(chosen); i++) {
		const char *id = json_string_value(json_array_get(chosen, i));
		if (is_on(device, "mdev"))
			continue;
		if (json_object_get(taken, id))
			return die(call, "device '%s' assigned more than once", id);
		json_object_set_new(taken, id, json_true());
	}
	json_object_set(device, "ids", chosen);
	return 0;
}

json_t *hostpci_choose(struct call *call, const char *vmid, const json_t *conf,
		const json_t *devices, const json_t *used)
{
	enum { HOSTPCI_SLOTS = 16 };
	bool q35 = machine_is_q35(call, conf);
	bool legacy = false;
	json_t *parsed = json_object();
	json_t *taken = json_object();
	int status = 0;
	for (int i = 0; status == 0 && i < HOSTPCI_SLOTS; i++) {
		const char *key = arena_printf(call->arena, "hostpci%d", i);
		json_t *device = hostpci_expand(call, devices, hash_get(conf, key));
		if (!device) {
			status = call->code ? -1 : 0;
			continue;
		}
		if (!q35 && is_on(device, "pcie"))
			status = die(call,
					"q35 machine model is not enabled at /usr/share/perl5/PVE/QemuServer/PCI.pm line 510.");
		else if (is_on(device, "legacy-igd") && legacy)
			status = die(call, "only one device can be assigned in legacy-igd mode");
		else if (is_on(device, "legacy-igd"))
			status = check_legacy_igd(call, conf, device, q35);
		legacy = legacy || is_on(device, "legacy-igd");
		json_object_set_new(parsed, key, device);
	}
	struct strings keys;
	perl_keys(call->arena, parsed, &keys);
	for (size_t i = 0; status == 0 && i < keys.n; i++)
		status = choose(call, keys.item[i], json_object_get(parsed, keys.item[i]), taken,
				used);
	const char *id = NULL;
	json_t *mine = NULL;
	json_object_foreach(taken, id, mine)
	{
		const char *other = hash_get(used, id);
		if (status == 0 && other && strcmp(other, vmid) != 0)
			status = die(call, "PCI device '%s' already in use by VMID '%s'", id,
					other);
	}
	json_decref(taken);
	if (status < 0) {
		json_decref(parsed);
		return NULL;
	}
	return parsed;
}
