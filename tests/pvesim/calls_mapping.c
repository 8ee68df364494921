/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/pvesim/calls.h"

static const char file_name[] = "mapping/pci.cfg";

static int store(struct call *call, const json_t *cfg)
{
	char *text = mapping_print(call, cfg);
	return text ? state_write(call, file_name, text) : -1;
}

/* What went wrong inside lock_pci_config() is told with what was being done. */
static int with_prefix(struct call *call, int status, const char *prefix)
{
	if (status < 0 && call->code == 500)
		call->message = arena_printf(call->arena, "%s: %s", prefix, call->message);
	return status;
}

/* lock_pci_config() */
static int lock(struct call *call)
{
	return has_quorum(call->sim)
			       ? 0
			       : die(call, "cfs-lock 'file-mapping_pci_cfg' error: no quorum!");
}

static int check_digest(struct call *call, const json_t *cfg, const char *digest)
{
	if (perl_true(digest) && strcmp(digest, hash_get(cfg, "digest")) != 0)
		return die(call,
				"detected modified configuration - file changed by other user? Try again.");
	return 0;
}

static json_t *checks_of(struct call *call, const json_t *cfg, const char *id)
{
	json_t *checks = json_array();
	json_t *section = json_object_get(json_object_get(cfg, "ids"), id);
	json_t *entries = mapping_entries(call, cfg, id, call->node);
	json_t *devices = devices_load(call);
	if (!json_array_size(entries))
		json_array_append_new(checks,
				json_pack("{s:s,s:s}", "severity", "warning", "message",
						arena_printf(call->arena, "No mapping for node %s.",
								call->node)));
	for (size_t i = 0; i < json_array_size(entries); i++) {
		char *why = mapping_why_invalid(
				call, devices, id, json_array_get(entries, i), section);
		if (why)
			json_array_append_new(checks,
					json_pack("{s:s,s:s}", "severity", "error", "message",
							arena_printf(call->arena,
									"Invalid configuration: %s\n",
									why)));
	}
	json_decref(devices);
	json_decref(entries);
	return checks;
}

static int list_mappings(struct call *call)
{
	const char *node = param_get(call, "check-node");
	if (node && !call->sim->batch) {
		if (strcmp(node, "localhost") != 0 && !setting_node(call->sim, node))
			return die(call,
					"hostname lookup '%s' failed - failed to get address info for: %s: Temporary failure in name resolution",
					node, node);
		call->node = strcmp(node, "localhost") == 0 ? call->node : node;
	} else if (node && strcmp(node, "localhost") != 0 && strcmp(node, call->node) != 0) {
		return die(call, "wrong node to check - %s != %s", node, call->node);
	}
	json_t *cfg = mapping_load(call);
	struct strings ids;
	perl_keys(call->arena, json_object_get(cfg, "ids"), &ids);
	call->result = json_array();
	for (size_t i = 0; i < ids.n; i++) {
		const char *id = ids.item[i];
		json_t *section = json_object_get(json_object_get(cfg, "ids"), id);
		if (!access_allows(call, arena_printf(call->arena, "/mapping/pci/%s", id),
				    "Mapping.Modify|Mapping.Use|Mapping.Audit") ||
				!json_is_object(section))
			continue;
		json_t *entry = json_deep_copy(section);
		hash_set(entry, "id", id);
		hash_set(entry, "digest", hash_get(cfg, "digest"));
		if (node)
			json_object_set_new(entry, "checks", checks_of(call, cfg, id));
		json_array_append_new(call->result, entry);
	}
	json_decref(cfg);
	return 0;
}

static int get_mapping(struct call *call)
{
	const char *id = param_get(call, "id");
	json_t *cfg = mapping_load(call);
	json_t *section = json_object_get(json_object_get(cfg, "ids"), id);
	if (json_is_object(section)) {
		call->result = json_deep_copy(section);
		hash_set(call->result, "digest", hash_get(cfg, "digest"));
	}
	json_decref(cfg);
	return call->result ? 0 : die(call, "mapping '%s' not found", id);
}

static int create_mapping(struct call *call)
{
	const char *id = param_take(call, "id");
	json_t *settings = mapping_check(call, call->params);
	if (!settings)
		return -1;
	json_t *cfg = mapping_load(call);
	json_t *ids = json_object_get(cfg, "ids");
	int status = lock(call);
	if (status == 0)
		status = json_is_object(json_object_get(ids, id))
					 ? die(call, "pci ID '%s' already defined", id)
					 : 0;
	if (status == 0) {
		json_object_set(ids, id, settings);
		status = store(call, cfg);
	}
	json_decref(settings);
	json_decref(cfg);
	return with_prefix(call, status, "create hardware mapping failed");
}

/* delete_from_config() of PVE/SectionConfig.pm */
static int delete_keys(struct call *call, json_t *section, const json_t *settings, const char *text)
{
	struct strings keys;
	perl_split_list(call->arena, text, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.item[i];
		if (strcmp(key, "map") == 0)
			return die(call, "unable to delete required option '%s'", key);
		if (strcmp(key, "description") != 0 && strcmp(key, "mdev") != 0 &&
				strcmp(key, "live-migration-capable") != 0)
			return die(call, "no such option '%s'", key);
		if (json_object_get(settings, key))
			return die(call, "cannot set and delete property '%s' at the same time!",
					key);
		json_object_del(section, key);
	}
	return 0;
}

static int change_section(struct call *call, const json_t *cfg, const char *id, const char *digest,
		const char *deletes)
{
	json_t *section = json_object_get(json_object_get(cfg, "ids"), id);
	if (lock(call) < 0 || check_digest(call, cfg, digest) < 0)
		return -1;
	if (!json_is_object(section))
		return die(call, "pci ID '%s' does not exist", id);
	json_t *settings = mapping_check(call, call->params);
	if (!settings)
		return -1;
	int status = delete_keys(call, section, settings, deletes);
	if (status == 0) {
		json_object_update(section, settings);
		status = store(call, cfg);
	}
	json_decref(settings);
	return status;
}

static int update_mapping(struct call *call)
{
	const char *id = param_take(call, "id");
	const char *digest = param_take(call, "digest");
	const char *deletes = param_take(call, "delete");
	json_t *cfg = mapping_load(call);
	int status = change_section(call, cfg, id, digest, deletes);
	json_decref(cfg);
	return with_prefix(call, status, "update hardware mapping failed");
}

static int delete_mapping(struct call *call)
{
	json_t *cfg = mapping_load(call);
	json_t *ids = json_object_get(cfg, "ids");
	/* An entry without a map is not taken out, and then nothing can be written. */
	if (json_is_object(json_object_get(ids, param_get(call, "id"))))
		json_object_del(ids, param_get(call, "id"));
	int status = lock(call);
	if (status == 0)
		status = store(call, cfg);
	json_decref(cfg);
	return with_prefix(call, status, "delete pci mapping failed");
}

/* clang-format off */
#define PARAM_ID {.name = "id", .type = 's', .needed = true, .format = "pve-configid"}
#define SETTINGS \
	{.name = "description", .type = 's', .max_length = 4096}, \
	{.name = "live-migration-capable", .type = 'b', .since = "8.4"}, \
	{.name = "mdev", .type = 'b'}
static const struct schema mapping_list[] = {
	{.name = "check-node", .type = 's', .format = "pve-node"}, {0}
};
static const struct schema mapping_id[] = {PARAM_ID, {0}};
static const struct schema mapping_create[] = {
	PARAM_ID, SETTINGS,
	{.name = "map", .type = 'a', .needed = true, .object = map_schema},
	{0}
};
static const struct schema mapping_update[] = {
	PARAM_ID, SETTINGS,
	{.name = "map", .type = 'a', .object = map_schema},
	{.name = "delete", .type = 's', .format = "pve-configid-list", .max_length = 4096},
	{.name = "digest", .type = 's', .max_length = 64},
	{0}
};

#define MAPPING "/cluster/mapping/pci"
#define SEE_MAPPING "or /mapping/pci/{id} Mapping.Use|Mapping.Modify|Mapping.Audit"

const struct method mapping_methods[] = {
	{"GET", MAPPING, "all", mapping_list, NULL, list_mappings, "8.0"},
	{"POST", MAPPING, "/mapping/pci Mapping.Modify", mapping_create, NULL, create_mapping, "8.0", .daemon = true},
	{"GET", MAPPING "/{id}", SEE_MAPPING, mapping_id, NULL, get_mapping, "8.0", .daemon = true},
	{"PUT", MAPPING "/{id}", "/mapping/pci/{id} Mapping.Modify", mapping_update, NULL, update_mapping, "8.0", .daemon = true},
	{"DELETE", MAPPING "/{id}", "/mapping/pci Mapping.Modify", mapping_id, NULL, delete_mapping, "8.0", .daemon = true},
	{0}
};
/* clang-format on */
