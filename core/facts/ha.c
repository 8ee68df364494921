/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/pve/client.h"

/*
 * What high availability manages, what it was asked for, and where it may run it. Sections of
 * /etc/pve/ha/resources.cfg, groups.cfg (until 8.x) and rules.cfg (from 9.0 on), or what the API
 * has of them (PVE/HA/Config.pm, Groups.pm, Rules/NodeAffinity.pm).
 */
struct section {
	char *type, *id;
	struct list params; /* of struct pve_param */
};

static const char *param_of(const struct section *section, const char *key)
{
	for (size_t i = 0; i < section->params.n; i++) {
		const struct pve_param *param = section->params.item[i];
		if (strcmp(param->key, key) == 0)
			return param->value;
	}
	return NULL;
}

static bool is_on(const struct section *section, const char *key)
{
	const char *value = param_of(section, key);
	return value && strcmp(value, "0") != 0;
}

static struct section *add_section(struct arena *arena, struct list *list, char *type, char *id)
{
	struct section *section = arena_alloc(arena, sizeof *section);
	*section = (struct section){.type = type, .id = id};
	list_add(arena, list, section);
	return section;
}

/* "type: id" begins a section, an indented "key value" belongs to it. */
static struct list parse_sections(struct arena *arena, const char *text)
{
	struct list sections = {0};
	struct section *section = NULL;
	for (const char *line = text; line && *line; line += *line == '\n') {
		size_t n = strcspn(line, "\n");
		char *words = text_trim(arena, line, n);
		size_t first = strcspn(words, " \t");
		char *rest = words + first + strspn(words + first, " \t");
		if (*words && *words != '#' && (*line == ' ' || *line == '\t')) {
			if (section)
				pve_param_add(arena, &section->params,
						arena_strndup(arena, words, first), rest);
		} else if (first > 1 && words[first - 1] == ':') {
			section = add_section(arena, &sections,
					arena_strndup(arena, words, first - 1),
					arena_strdup(arena, rest));
		}
		line += n;
	}
	return sections;
}

/* The same of a list of the API: `id` is the member that names an entry. */
static struct list read_sections(struct pve_client *client, struct arena *arena, const char *path,
		const char *id, enum known *ret_known)
{
	struct list sections = {0};
	json_t *data = NULL;
	*ret_known = pve_get(client, &data, NULL, "%s", path) < 0 ? KNOWN_UNKNOWN : KNOWN_YES;
	for (size_t i = 0; i < json_array_size(data); i++) {
		json_t *entry = json_array_get(data, i);
		char *name = pve_config_text(arena, entry, id);
		char *type = pve_config_text(arena, entry, "type");
		if (!name)
			continue;
		struct section *section = add_section(arena, &sections, type ? type : name, name);
		const char *key = NULL;
		json_t *value = NULL;
		json_object_foreach(entry, key, value)
		{
			pve_param_add(arena, &section->params, key,
					pve_config_text(arena, entry, key));
		}
	}
	json_decref(data);
	return sections;
}

/* "pve1:2,pve2": names with a priority. */
static void add_nodes(struct arena *arena, const char *text, struct strings *nodes)
{
	for (const char *at = text ? text : ""; *at;) {
		size_t n = strcspn(at, ",; ");
		size_t name = strcspn(at, ":,; ");
		if (name)
			strings_add(arena, nodes, arena_strndup(arena, at, name));
		at += n + strspn(at + n, ",; ");
	}
}

static bool names_resource(const struct section *rule, const char *sid)
{
	size_t n = strlen(sid);
	const char *all = param_of(rule, "resources");
	for (const char *at = all ? all : ""; (at = strstr(at, sid)); at += n)
		if ((at == all || strchr(",; ", at[-1])) && strchr(",; ", at[n]))
			return true;
	return false;
}

/* Only a restricted group, or a strict rule, keeps a VM from other nodes. */
static void restrict_guest(struct arena *arena, struct ha_guest *guest, const char *group,
		const struct list *groups, const struct list *rules)
{
	const char *sid = arena_printf(arena, "vm:%u", guest->vmid);
	for (size_t i = 0; group && i < groups->n; i++) {
		const struct section *section = groups->item[i];
		if (strcmp(section->id, group) == 0 && is_on(section, "restricted"))
			add_nodes(arena, param_of(section, "nodes"), &guest->nodes);
	}
	for (size_t i = 0; i < rules->n; i++) {
		const struct section *rule = rules->item[i];
		if (strcmp(rule->type, "node-affinity") == 0 && is_on(rule, "strict") &&
				!is_on(rule, "disable") && names_resource(rule, sid))
			add_nodes(arena, param_of(rule, "nodes"), &guest->nodes);
	}
	guest->restricted = guest->nodes.n ? KNOWN_YES : KNOWN_NO;
}

struct ha_guest *facts_ha_guest(const struct facts *facts, unsigned vmid)
{
	for (size_t i = 0; i < facts->ha_guests.n; i++) {
		struct ha_guest *guest = facts->ha_guests.item[i];
		if (guest->vmid == vmid)
			return guest;
	}
	return NULL;
}

void facts_add_ha(struct facts *facts, const char *vmid, const char *state)
{
	struct arena *arena = facts->arena;
	unsigned long id = 0;
	if (strcmp(state, "ignored") == 0 || !text_to_ulong(vmid, 10, 999999999, &id))
		return; /* ignored: HA does nothing with it */
	/* `enabled` is the old word (PVE/HA/Resources.pm). */
	bool started = strcmp(state, "enabled") == 0;
	struct ha_guest *guest = arena_alloc(arena, sizeof *guest);
	*guest = (struct ha_guest){.vmid = (unsigned)id,
			.state = arena_strdup(arena, started ? "started" : state),
			.restricted = KNOWN_UNKNOWN};
	list_add(arena, &facts->ha_guests, guest);
	strings_add(arena, &facts->ha_vms, arena_strdup(arena, vmid));
}

void facts_read_ha(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	char *text = root_read_value(root, "/etc/pve/ha/resources.cfg", arena);
	facts->ha_known = text || facts->vms_known == KNOWN_YES ? KNOWN_YES : KNOWN_UNKNOWN;
	struct list resources = parse_sections(arena, text);
	struct list groups = parse_sections(
			arena, root_read_value(root, "/etc/pve/ha/groups.cfg", arena));
	struct list rules = parse_sections(
			arena, root_read_value(root, "/etc/pve/ha/rules.cfg", arena));
	for (size_t i = 0; i < resources.n; i++) {
		const struct section *resource = resources.item[i];
		const char *state = param_of(resource, "state");
		size_t before = facts->ha_guests.n;
		if (strcmp(resource->type, "vm") == 0)
			facts_add_ha(facts, resource->id, state ? state : "started");
		if (facts->ha_guests.n > before)
			restrict_guest(arena, facts->ha_guests.item[before],
					param_of(resource, "group"), &groups, &rules);
	}
}

void facts_read_ha_api(struct pve_client *client, struct facts *facts)
{
	struct arena *arena = facts->arena;
	enum known known = KNOWN_UNKNOWN;
	enum known groups_known = KNOWN_UNKNOWN;
	enum known rules_known = KNOWN_UNKNOWN;
	if (!facts->ha_guests.n)
		return;
	struct list resources =
			read_sections(client, arena, "/cluster/ha/resources", "sid", &known);
	/* One of the two exists: groups until they were made into rules. */
	struct list groups =
			read_sections(client, arena, "/cluster/ha/groups", "group", &groups_known);
	struct list rules = read_sections(client, arena, "/cluster/ha/rules", "rule", &rules_known);
	if (known != KNOWN_YES || (groups_known != KNOWN_YES && rules_known != KNOWN_YES))
		return;
	for (size_t i = 0; i < resources.n; i++) {
		const struct section *resource = resources.item[i];
		unsigned long id = 0;
		struct ha_guest *guest =
				text_starts(resource->id, "vm:") &&
								text_to_ulong(resource->id + 3, 10,
										999999999, &id)
						? facts_ha_guest(facts, (unsigned)id)
						: NULL;
		if (!guest)
			continue;
		const char *state = param_of(resource, "state");
		if (state)
			guest->state = arena_strdup(arena, state);
		restrict_guest(arena, guest, param_of(resource, "group"), &groups, &rules);
	}
}
