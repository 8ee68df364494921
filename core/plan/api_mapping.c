/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "core/plan/internal.h"
#include "pvegpu/formats/hostpci.h"
#include "pvegpu/formats/vm_conf.h"
#include "pvegpu/pve/rights.h"

/* One call on a PCI mapping: what it was is looked at first, what it is now is read back. */

static const char all[] = "/cluster/mapping/pci";

static struct strings map_of_params(struct arena *arena, const struct list *params)
{
	struct strings map = {0};
	for (size_t i = 0; i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		if (strcmp(param->key, "map") == 0)
			strings_add(arena, &map, param->value);
	}
	return map;
}

static struct strings map_of_json(struct arena *arena, const json_t *mapping)
{
	struct strings map = {0};
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(json_object_get(mapping, "map"), i, item) if (json_is_string(item))
			strings_add(arena, &map, json_string_value(item));
	return map;
}

/* The properties of an entry in one order: Proxmox VE may write them in another. */
static char *in_order(struct arena *arena, const char *entry)
{
	struct strings properties = {0};
	for (const char *at = entry; *at;) {
		size_t n = strcspn(at, ",");
		strings_add(arena, &properties, arena_strndup(arena, at, n));
		at += n + (at[n] == ',');
	}
	strings_sort(&properties);
	return strings_join(arena, &properties, ",");
}

static bool same_map(struct arena *arena, const struct strings *a, const struct strings *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(in_order(arena, a->item[i]), in_order(arena, b->item[i])) != 0)
			return false;
	return true;
}

/* Is the mapping what these parameters say (none: not there)? */
static bool is_as(struct arena *arena, const json_t *mapping, const struct list *params)
{
	if (!params->n)
		return json_is_null(mapping);
	struct strings now = map_of_json(arena, mapping);
	struct strings wanted = map_of_params(arena, params);
	return !json_is_null(mapping) && same_map(arena, &now, &wanted);
}

/* The mapping as it is now, if that is what the plan was made on. */
static int read_unchanged(struct pve_client *client, const struct change *change, json_t **ret_now,
		struct error *err)
{
	json_t *now = NULL;
	int status = pve_mapping(client, change->mapping, &now, err);
	if (status < 0)
		return status;
	struct arena *arena = arena_new();
	if (!is_as(arena, now, &change->before_params)) {
		status = error_set(err, ERROR_DRIFT,
				"mapping %s was changed since the plan was made", change->mapping);
		error_hint(err, "make a new plan; nothing was changed");
	}
	arena_free(arena);
	if (status == 0)
		*ret_now = now;
	else
		json_decref(now);
	return status;
}

int api_mapping_check(struct change_run *run, struct pve_client *client,
		const struct change *change, struct error *err)
{
	(void)run;
	json_t *now = NULL;
	int status = read_unchanged(client, change, &now, err);
	json_decref(now);
	return status;
}

/* Make it what `wanted` says, from what it is (`now`). */
static int set_mapping(struct pve_client *client, const char *name, const json_t *now,
		const struct list *wanted, struct arena *arena, struct error *err)
{
	const char *one = arena_printf(arena, "%s/%s", all, name);
	struct list sent = {0};
	bool there = !json_is_null(now);
	for (size_t i = 0; i < wanted->n; i++) {
		const struct pve_param *param = wanted->item[i];
		if (!(there && strcmp(param->key, "id") == 0))
			pve_param_add(arena, &sent, param->key, param->value);
	}
	if (!there && !pve_param_get(&sent, "id"))
		pve_param_add(arena, &sent, "id", name);
	const char *digest = json_string_value(json_object_get(now, "digest"));
	if (there && wanted->n && digest)
		pve_param_add(arena, &sent, "digest", digest);
	json_t *data = NULL;
	int status = !wanted->n ? there ? pve_call(client, "DELETE", one, NULL, &data, err) : 0
		     : there    ? pve_call(client, "PUT", one, &sent, &data, err)
				: pve_call(client, "POST", all, &sent, &data, err);
	json_decref(data);
	return status;
}

int api_mapping_seen(struct change_run *run, struct pve_client *client, const struct change *change,
		bool undone, struct error *err)
{
	const struct list *wanted = undone ? &change->before_params : &change->params;
	json_t *after = NULL;
	int status = pve_mapping(client, change->mapping, &after, err);
	if (status == 0 && !is_as(run->arena, after, wanted))
		status = error_set(err, ERROR_API,
				"mapping %s reads back otherwise than it was set", change->mapping);
	json_decref(after);
	return status;
}

int api_mapping_apply(struct change_run *run, struct pve_client *client,
		const struct change *change, struct error *err)
{
	json_t *now = NULL;
	/* The digest that is sent is of the very answer that was compared. */
	int status = read_unchanged(client, change, &now, err);
	if (status == 0)
		status = set_mapping(
				client, change->mapping, now, &change->params, run->arena, err);
	json_decref(now);
	return status;
}

static bool names_mapping(struct arena *arena, const char *value, const char *name)
{
	struct hostpci parsed;
	return hostpci_parse(arena, value, &parsed, NULL) == 0 && parsed.mapping &&
	       strcmp(parsed.mapping, name) == 0;
}

static void users_of_section(struct arena *arena, const struct vm_conf_section *section,
		const char *name, const char *vm, struct strings *ret_users)
{
	for (size_t i = 0; i < section->entries.n; i++) {
		const struct vm_conf_entry *entry = section->entries.item[i];
		if (text_starts(entry->key, "hostpci") && names_mapping(arena, entry->value, name))
			strings_add(arena, ret_users,
					arena_printf(arena, "%s of VM %s", entry->key, vm));
	}
}

/* On the host itself: the files of every node. */
static void users_in_files(const struct root *root, const char *name, struct arena *arena,
		struct strings *ret_users)
{
	struct strings nodes = {0};
	if (!root_list(root, "/etc/pve/nodes", arena, &nodes))
		strings_add(arena, ret_users, "the VMs could not be read");
	for (size_t n = 0; n < nodes.n; n++) {
		const char *dir =
				arena_printf(arena, "/etc/pve/nodes/%s/qemu-server", nodes.item[n]);
		struct strings files = {0};
		struct error error;
		if (root_read_dir(root, dir, arena, &files, &error) < 0 &&
				error.sys_errno != ENOENT)
			strings_add(arena, ret_users,
					arena_printf(arena, "the VMs of node %s could not be read",
							nodes.item[n]));
		for (size_t i = 0; i < files.n; i++) {
			char *text = NULL;
			struct vm_conf conf = {0};
			const char *path = arena_printf(arena, "%s/%s", dir, files.item[i]);
			const char *vm = arena_printf(arena, "%.*s",
					(int)strcspn(files.item[i], "."), files.item[i]);
			if (root_read(root, path, arena, &text, NULL, NULL) < 0) {
				strings_add(arena, ret_users,
						arena_printf(arena, "VM %s could not be read", vm));
				continue;
			}
			vm_conf_parse(arena, text, VM_CONF_FILE, &conf);
			users_of_section(arena, &conf.current, name, vm, ret_users);
			users_of_section(arena, &conf.pending, name, vm, ret_users);
		}
	}
}

/* From afar: what may be seen of every VM of the cluster. */
static void users_by_api(struct pve_client *client, const char *name, struct arena *arena,
		struct strings *ret_users)
{
	json_t *vms = NULL;
	size_t i = 0;
	json_t *vm = NULL;
	if (pve_cluster_vms(client, &vms, NULL) < 0) {
		strings_add(arena, ret_users, "the VMs could not be read");
		return;
	}
	json_array_foreach(vms, i, vm)
	{
		const char *node = json_string_value(json_object_get(vm, "node"));
		const char *type = json_string_value(json_object_get(vm, "type"));
		unsigned vmid = (unsigned)json_integer_value(json_object_get(vm, "vmid"));
		if (!node || !type || strcmp(type, "qemu") != 0)
			continue;
		json_t *config = NULL;
		if (pve_vm_config(client, node, vmid, &config, NULL) < 0) {
			strings_add(arena, ret_users,
					arena_printf(arena, "VM %u could not be read", vmid));
			continue;
		}
		const char *key = NULL;
		json_t *value = NULL;
		json_object_foreach(config, key, value)
		{
			if (text_starts(key, "hostpci") && json_is_string(value) &&
					names_mapping(arena, json_string_value(value), name))
				strings_add(arena, ret_users,
						arena_printf(arena, "%s of VM %u", key, vmid));
		}
		json_decref(config);
	}
	json_decref(vms);
}

/* Why a mapping that we made is not to be taken away unasked, as lines; NULL when nothing is. */
static char *still_wanted(struct change_run *run, struct pve_client *client,
		const struct change *change, const json_t *now)
{
	struct arena *arena = run->arena;
	struct text why = {0};
	struct strings users = {0};
	if (change->before_params.n || json_is_null(now))
		return NULL; /* it was there before us, or is gone */
	const char *description = json_string_value(json_object_get(now, "description"));
	if (description)
		text_addf(&why, "-description: %s\n", description);
	if (root_kind(run->root) == ROOT_REMOTE)
		users_by_api(client, change->mapping, arena, &users);
	else
		users_in_files(run->root, change->mapping, arena, &users);
	for (size_t i = 0; i < users.n; i++)
		text_addf(&why, " used by: %s\n", users.item[i]);
	return why.n ? text_take(&why, arena) : NULL;
}

static char *diff_of(struct arena *arena, const json_t *now, const struct list *wanted)
{
	struct text diff = {0};
	struct strings have = map_of_json(arena, now);
	struct strings before = map_of_params(arena, wanted);
	for (size_t i = 0; i < have.n; i++)
		text_addf(&diff, "-map: %s\n", have.item[i]);
	for (size_t i = 0; i < before.n; i++)
		text_addf(&diff, "+map: %s\n", before.item[i]);
	return text_take(&diff, arena);
}

int api_mapping_undo(struct change_run *run, struct pve_client *client, const struct change *change,
		char **ret_diff, bool force, struct error *err)
{
	struct arena *arena = run->arena;
	*ret_diff = NULL;
	json_t *now = NULL;
	int status = pve_mapping(client, change->mapping, &now, err);
	if (status < 0)
		return status;
	if (is_as(arena, now, &change->before_params)) {
		json_decref(now);
		return 0; /* it is as it was */
	}
	if (!force) {
		*ret_diff = still_wanted(run, client, change, now);
		if (!*ret_diff && !is_as(arena, now, &change->params))
			*ret_diff = diff_of(arena, now, &change->before_params);
	}
	if (!*ret_diff)
		status = set_mapping(
				client, change->mapping, now, &change->before_params, arena, err);
	json_decref(now);
	return status;
}

/* A mapping that may not be seen looks as if it were gone. */
static void need_sight(struct undo_needs *undo, const char *path)
{
	static const char *const any[] = {"Mapping.Use", "Mapping.Modify", "Mapping.Audit"};
	struct pve_rights *rights = NULL;
	if (pve_rights_read(undo->client, undo->arena, path, &rights, NULL) < 0)
		return;
	for (size_t i = 0; i < 3; i++)
		if (strings_has(&rights->ours.here, any[i]))
			return;
	pve_need_add(undo->arena, &undo->needs, path, "Mapping.Audit", NULL);
}

void api_mapping_undo_needs(struct undo_needs *undo, const struct change *change)
{
	const char *one = arena_printf(undo->arena, "/mapping/pci/%s", change->mapping);
	bool put = change->params.n && change->before_params.n;
	pve_need_add(undo->arena, &undo->needs, put ? one : "/mapping/pci", "Mapping.Modify", NULL);
	need_sight(undo, one);
}
