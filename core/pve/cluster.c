/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/pve/cluster.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "pvegpu/base/json.h"
#include "pvegpu/base/root.h"
#include "pvegpu/base/text.h"

static const char runs[] = "/var/lib/pvegpu/runs";

static const char *member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void read_authority(struct pve_client *client, struct arena *arena, struct pve_cluster *ret)
{
	struct error error = {0};
	json_t *data = NULL;
	size_t i = 0;
	json_t *entry = NULL;
	/* The node that answers, by whatever name. */
	if (pve_get(client, &data, &error, "/nodes/localhost/certificates/info") < 0)
		ret->why = arena_strdup(arena, error.text);
	json_array_foreach(data, i, entry)
	{
		const char *file = member(entry, "filename");
		const char *print = member(entry, "fingerprint");
		if (file && print && strcmp(file, "pve-root-ca.pem") == 0 && strlen(print) >= 64)
			ret->authority = text_printable(arena, print);
	}
	json_decref(data);
	if (!ret->authority && !ret->why)
		ret->why = arena_strdup(arena, "it names no certificate authority of its own");
}

void pve_cluster_read(
		struct pve_client *client, struct arena *arena, struct pve_cluster *ret_cluster)
{
	json_t *data = NULL;
	size_t i = 0;
	json_t *entry = NULL;
	struct pve_cluster cluster = {0};
	struct error error = {0};
	if (pve_get(client, &data, &error, "/nodes") < 0)
		cluster.why = arena_strdup(arena, error.text);
	json_array_foreach(data, i, entry) if (member(entry, "node"))
			strings_add(arena, &cluster.nodes, member(entry, "node"));
	json_decref(data);
	strings_sort(&cluster.nodes);
	if (cluster.nodes.n)
		read_authority(client, arena, &cluster);
	else if (!cluster.why)
		cluster.why = arena_strdup(arena, "it names no node");
	data = NULL;
	if (cluster.authority)
		(void)pve_get(client, &data, NULL, "/cluster/status");
	json_array_foreach(data, i, entry)
	{
		const char *type = member(entry, "type");
		if (type && strcmp(type, "cluster") == 0 && member(entry, "name"))
			cluster.name = text_printable(arena, member(entry, "name"));
	}
	json_decref(data);
	*ret_cluster = cluster;
}

char *pve_cluster_text(struct arena *arena, const struct pve_cluster *cluster)
{
	const char *nodes = strings_join(arena, &cluster->nodes, ", ");
	return arena_printf(arena, "%s %s (authority %.23s...)", cluster->name ? "cluster" : "node",
			cluster->name ? cluster->name : text_printable(arena, nodes),
			cluster->authority ? cluster->authority : "unknown");
}

/* "ca-3f9a…", half of the digest: as a name of a directory. */
static char *key_of(struct arena *arena, const char *authority)
{
	struct text key = {0};
	text_add(&key, "ca-");
	for (const char *c = authority; *c && key.n < 3 + 32; c++)
		if (isxdigit((unsigned char)*c))
			text_add_bytes(&key, (char[]){(char)tolower((unsigned char)*c)}, 1);
	return text_take(&key, arena);
}

static bool is_there(const struct root *base, struct arena *arena, const char *name)
{
	return base && root_exists(base, arena_printf(arena, "/%s%s", name, runs));
}

/* The names that the directory may have, the one for a new cluster first. */
static struct strings keys_of(struct arena *arena, const struct pve_cluster *cluster)
{
	struct strings keys = {0};
	const char *all = key_of(arena, cluster->authority);
	bool one = cluster->nodes.n == 1;
	if (!one)
		strings_add(arena, &keys, all);
	for (size_t i = 0; i < cluster->nodes.n; i++)
		strings_add(arena, &keys,
				arena_printf(arena, "%s-%s", all, cluster->nodes.item[i]));
	if (one)
		strings_add(arena, &keys, all);
	return keys;
}

static char *by_address(struct arena *arena, const char *host, int port)
{
	return arena_printf(arena, "%s_%d", host, port);
}

char *pve_cluster_dir(struct arena *arena, const char *base, const struct pve_cluster *cluster,
		const char *host, int port, char **ret_note)
{
	const char *old = by_address(arena, host, port);
	*ret_note = NULL;
	if (!cluster->authority) {
		*ret_note = arena_printf(arena,
				"which cluster %s is cannot be told: %s; its journal is kept by that address, in %s/%s",
				host, cluster->why, base, old);
		return arena_printf(arena, "%s/%s", base, old);
	}
	struct root *root = NULL;
	struct strings names = {0};
	if (root_open(base, &root, NULL) < 0)
		root = NULL;
	struct strings keys = keys_of(arena, cluster);
	const char *key = keys.item[0];
	for (size_t i = keys.n; i-- > 0;)
		if (is_there(root, arena, keys.item[i]))
			key = keys.item[i];
	char *dir = arena_printf(arena, "%s/%s", base, key);
	if (root && root_list(root, arena_printf(arena, "/%s%s", old, runs), arena, &names) &&
			names.n)
		*ret_note = arena_printf(arena,
				"%zu %s made at %s in %s/%s%s, and nothing tells whether it was at "
				"this %s. If so: mkdir -p %s%s && mv %s/%s%s/* %s%s/",
				names.n, text_plural(names.n, "run that was", "runs that were"),
				old, base, old, runs, pve_cluster_text(arena, cluster),
				text_shell_quote(arena, dir), runs, text_shell_quote(arena, base),
				text_shell_quote(arena, old), runs, text_shell_quote(arena, dir),
				runs);
	root_close(root);
	return dir;
}

void pve_cluster_describe(struct arena *arena, const char *dir, const struct pve_cluster *cluster,
		const char *address)
{
	json_t *json = json_pack("{s:s, s:o, s:o, s:o, s:s}", "schema", "pvegpu.cluster/1", "name",
			json_text(cluster->name), "authority", json_text(cluster->authority),
			"nodes", json_texts(&cluster->nodes), "address", address);
	char *text = json_dumps(json, JSON_INDENT(2));
	json_decref(json);
	/* A convenience: not a reason to fail. */
	if (text)
		(void)root_write_own(arena_printf(arena, "%s/cluster.json", dir),
				arena_printf(arena, "%s\n", text), NULL);
	free(text);
}
