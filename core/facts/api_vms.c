/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "core/facts/api_ask.h"
#include "pvegpu/base/text.h"

/* The VMs of a node as its API tells them: each as the file that Proxmox VE has of it. */

/* The file that Proxmox VE would have for this answer: description first, keys in byte order. */
static void add_section(struct arena *arena, struct text *text, json_t *config)
{
	struct strings keys = {0};
	const char *key = NULL;
	json_t *value = NULL;
	const char *description = api_member(config, "description");
	struct lines cursor = lines_start(description);
	struct line line;
	while (line_next(&cursor, &line)) {
		text_add(text, "#");
		vm_conf_encode(text, line.start, line.n);
		text_add(text, "\n");
	}
	json_object_foreach(config, key, value)
	{
		(void)value;
		if (strcmp(key, "digest") != 0 && strcmp(key, "description") != 0)
			strings_add(arena, &keys, key);
	}
	strings_sort(&keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *shown = pve_config_text(arena, config, keys.item[i]);
		if (shown && !strchr(shown, '\n'))
			text_addf(text, "%s: %s\n", keys.item[i], shown);
	}
}

/* Something of one VM. */
static struct question about_vm(struct facts *facts, unsigned vmid, const char *rest,
		const char *item, const char *what)
{
	struct arena *arena = facts->arena;
	return (struct question){.call = arena_printf(arena, "/nodes/%s/qemu/%u/%s", facts->node,
						 vmid, rest),
			.item = item,
			.what = arena_printf(arena, "%s of VM %u", what, vmid),
			.path = arena_printf(arena, "/vms/%u", vmid),
			.privilege = "VM.Audit",
			.vmid = vmid};
}

/* GET …/pending: what the file's section [PENDING] holds. */
static int add_pending(struct pve_client *client, struct facts *facts, unsigned vmid,
		struct text *text, struct error *err)
{
	struct arena *arena = facts->arena;
	json_t *data = NULL;
	size_t i = 0;
	json_t *entry = NULL;
	struct text keys = {0};
	struct strings deleted = {0};
	struct question question = about_vm(facts, vmid, "pending", "key", "what waits in PENDING");
	int status = api_ask(client, facts, &question, &data, err);
	facts->vms_incomplete = facts->vms_incomplete || !data;
	if (!data)
		return status;
	json_array_foreach(data, i, entry)
	{
		const char *key = api_member(entry, "key");
		char *pending = pve_config_text(arena, entry, "pending");
		if (key && pending && !strchr(pending, '\n') && strcmp(key, "digest") != 0)
			text_addf(&keys, "%s: %s\n", key, pending);
		if (key && json_object_get(entry, "delete"))
			strings_add(arena, &deleted, key);
	}
	json_decref(data);
	if (keys.n || deleted.n)
		text_add(text, "\n[PENDING]\n");
	if (deleted.n)
		text_addf(text, "delete: %s\n", strings_join(arena, &deleted, ","));
	text_add(text, text_string(&keys));
	text_free(&keys);
	return 0;
}

static int add_snapshots(struct pve_client *client, struct facts *facts, unsigned vmid,
		struct text *text, struct error *err)
{
	json_t *data = NULL;
	size_t i = 0;
	json_t *entry = NULL;
	struct question question = about_vm(facts, vmid, "snapshot", "name", "the snapshots");
	int status = api_ask(client, facts, &question, &data, err);
	if (!data)
		return status;
	json_array_foreach(data, i, entry)
	{
		const char *name = api_member(entry, "name");
		if (!name || strcmp(name, "current") == 0)
			continue;
		text_addf(text, "\n[%s]\n%s", name,
				api_is_set(json_object_get(entry, "vmstate")) ? "vmstate: yes\n"
									      : "");
	}
	json_decref(data);
	return 0;
}

static int read_vm(struct pve_client *client, struct facts *facts, const json_t *entry,
		struct error *err)
{
	struct arena *arena = facts->arena;
	const char *state = api_member(entry, "status");
	char *number = pve_config_text(arena, entry, "vmid");
	unsigned long vmid = 0;
	if (!number || !text_to_ulong(number, 10, 999999999, &vmid))
		return 0;
	json_t *config = NULL;
	struct list params = {0};
	struct question question =
			about_vm(facts, (unsigned)vmid, "config", NULL, "the configuration");
	pve_param_add(arena, &params, "current", "1"); /* without what is pending */
	question.params = &params;
	question.member = "digest";
	int status = api_ask(client, facts, &question, &config, err);
	facts->vms_incomplete = facts->vms_incomplete || !config;
	if (!config)
		return status;
	struct text text = {0};
	bool running = state && strcmp(state, "running") == 0;
	add_section(arena, &text, config);
	status = add_pending(client, facts, (unsigned)vmid, &text, err);
	if (status == 0 && json_object_get(config, "parent"))
		status = add_snapshots(client, facts, (unsigned)vmid, &text, err);
	const char *digest = api_member(config, "digest");
	size_t size = text.n;
	(void)facts_add_vm(facts, VM_CONF_API, (unsigned)vmid,
			arena_printf(arena, "/etc/pve/nodes/%s/qemu-server/%lu.conf", facts->node,
					vmid),
			text_take(&text, arena), size, digest ? digest : "",
			!state    ? KNOWN_UNKNOWN
			: running ? KNOWN_YES
				  : KNOWN_NO);
	json_decref(config);
	return status;
}

int api_read_vms(struct pve_client *client, struct facts *facts, struct error *err)
{
	json_t *data = NULL;
	struct question question = {.call = api_call(facts, "/qemu"),
			.item = "vmid",
			.what = "the VMs",
			.path = "/vms",
			.privilege = "VM.Audit"};
	int status = api_ask(client, facts, &question, &data, err);
	if (!data)
		return status;
	facts->vms_known = KNOWN_YES;
	if (!json_array_size(data)) /* what may not be seen is left out: see hint_gap() */
		(void)api_ask_rights(client, facts, "/vms", NULL);
	for (size_t i = 0; status == 0 && i < json_array_size(data); i++)
		status = read_vm(client, facts, json_array_get(data, i), err);
	json_decref(data);
	facts_sort_vms(facts);
	return status;
}
