/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/apply/internal.h"
#include "pvegpu/base/text.h"

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

static void add_property(
		const char *key, const char *value, struct arena *arena, struct strings *properties)
{
	strings_add(arena, properties, arena_printf(arena, "%s=%s", key, value));
}

/* The properties of an entry in one order: Proxmox VE may write them in another. */
static char *in_order(struct arena *arena, const char *entry)
{
	struct strings properties = {0};
	for (const char *at = entry; *at;) {
		size_t n = strcspn(at, ",");
		char *property = arena_strndup(arena, at, n);
		char *equals = strchr(property, '=');
		if (equals) {
			*equals = '\0';
			add_property(property, equals + 1, arena, &properties);
		} else {
			strings_add(arena, &properties, property);
		}
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

int mapping_check(struct pve_client *client, const struct change *change, struct error *err)
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
	json_t *after = NULL;
	if (status == 0)
		status = pve_mapping(client, name, &after, err);
	if (status == 0 && !is_as(arena, after, wanted))
		status = error_set(err, ERROR_API,
				"mapping %s reads back otherwise than it was set", name);
	json_decref(after);
	return status;
}

int mapping_apply(struct pve_client *client, const struct change *change, struct error *err)
{
	int status = mapping_check(client, change, err);
	json_t *now = NULL;
	if (status == 0)
		status = pve_mapping(client, change->mapping, &now, err);
	struct arena *arena = arena_new();
	if (status == 0)
		status = set_mapping(client, change->mapping, now, &change->params, arena, err);
	arena_free(arena);
	json_decref(now);
	return status;
}

int mapping_undo(struct pve_client *client, const struct change *change, bool *ret_changed_since,
		char **ret_diff, bool force, struct arena *arena, struct error *err)
{
	*ret_changed_since = false;
	json_t *now = NULL;
	int status = pve_mapping(client, change->mapping, &now, err);
	if (status < 0)
		return status;
	if (is_as(arena, now, &change->before_params)) {
		json_decref(now);
		return 0; /* it is as it was */
	}
	if (!force && !is_as(arena, now, &change->params)) {
		struct text diff = {0};
		struct strings have = map_of_json(arena, now);
		struct strings before = map_of_params(arena, &change->before_params);
		for (size_t i = 0; i < have.n; i++)
			text_addf(&diff, "-map: %s\n", have.item[i]);
		for (size_t i = 0; i < before.n; i++)
			text_addf(&diff, "+map: %s\n", before.item[i]);
		*ret_diff = text_take(&diff, arena);
		*ret_changed_since = true;
	} else {
		status = set_mapping(
				client, change->mapping, now, &change->before_params, arena, err);
	}
	json_decref(now);
	return status;
}
