/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/api_ask.h"
#include "pvegpu/base/text.h"
#include "pvegpu/pve/rights.h"

/* Asking the API: an answer of the kind that is meant, or a gap with the privilege that closes it.
 */

const char *api_member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

bool api_is_set(const json_t *value)
{
	return json_is_true(value) || json_integer_value(value) ||
	       (json_is_string(value) && strcmp(json_string_value(value), "1") == 0);
}

int api_ask_rights(
		struct pve_client *client, struct facts *facts, const char *path, struct error *err)
{
	struct question question = {.call = "/access/permissions",
			.what = arena_printf(facts->arena, "what %s may do at %s", facts->identity,
					path)};
	struct error error = {0};
	struct pve_rights *rights = NULL;
	for (size_t i = 0; i < facts->rights.n; i++)
		if (strcmp(((struct pve_rights *)facts->rights.item[i])->path, path) == 0)
			return 0;
	if (facts->identity_root)
		return 0;
	if (pve_rights_read(client, facts->arena, path, &rights, &error) < 0)
		return api_add_gap(client, facts, &question, &error, err);
	list_add(facts->arena, &facts->rights, rights);
	if (!facts->roles.n)
		(void)pve_roles_read(client, facts->arena, &facts->roles, NULL);
	return 0;
}

char *facts_grant(
		const struct facts *facts, struct arena *arena, const struct list *needs, size_t at)
{
	const char *path = ((const struct pve_need *)needs->item[at])->path;
	const struct pve_rights *rights = NULL;
	for (size_t i = 0; i < facts->rights.n; i++)
		if (strcmp(((struct pve_rights *)facts->rights.item[i])->path, path) == 0)
			rights = facts->rights.item[i];
	char *line = pve_grant_line(arena, facts->identity, rights, &facts->roles, needs, at);
	const char *caution = pve_grant_caution(arena, facts->identity, path, rights);
	return caution ? arena_printf(arena, "%s  # %s", line, caution) : line;
}

char *facts_grant_one(const struct facts *facts, struct arena *arena, const char *path,
		const char *privilege)
{
	struct list needs = {0};
	pve_need_add(arena, &needs, path, privilege, NULL);
	return facts_grant(facts, arena, &needs, 0);
}

static char *grant_for(struct pve_client *client, struct facts *facts, const char *path,
		const char *privilege)
{
	(void)api_ask_rights(client, facts, path, NULL);
	return facts_grant_one(facts, facts->arena, path, privilege);
}

/* The node that a call is about, "" for the one that answers. */
static char *node_of(const struct facts *facts, const char *call)
{
	const char *name = text_starts(call, "/nodes/") ? call + strlen("/nodes/") : "";
	char *node = arena_strndup(facts->arena, name, strcspn(name, "/"));
	bool here = facts->answering && strcmp(node, facts->answering) == 0;
	return here ? arena_strdup(facts->arena, "") : node;
}

const struct gap *api_gone(const struct facts *facts, const char *call)
{
	for (size_t i = 0; i < facts->gaps.n; i++) {
		const struct gap *gap = facts->gaps.item[i];
		if (gap->http >= 595 && gap->http <= 599 && !gap->after &&
				strcmp(node_of(facts, gap->source), node_of(facts, call)) == 0)
			return gap;
	}
	return NULL;
}

/* What an answer lacks to be what was asked for, or NULL. */
static const char *lacks(const json_t *data, const struct question *question)
{
	size_t i = 0;
	json_t *item = NULL;
	if (json_is_null(data))
		return "it is null";
	if (!question->item && !json_is_object(data))
		return "it is no object";
	if (!question->item)
		return question->member && !api_member(data, question->member)
				       ? "it is another object"
				       : NULL;
	if (!json_is_array(data))
		return "it is no list";
	json_array_foreach(data, i, item)
	{
		const json_t *value = json_object_get(item, question->item);
		if (!json_is_string(value) && !json_is_integer(value))
			return "an item of it is of another kind";
	}
	return NULL;
}

/* An answer of the kind that was asked for, or an error. */
int api_fetch(struct pve_client *client, const struct question *question, json_t **ret_data,
		struct error *err)
{
	json_t *data = NULL;
	int status = pve_call(client, "GET", question->call, question->params, &data, err);
	if (status < 0)
		return status;
	const char *lack = lacks(data, question);
	if (lack) {
		json_decref(data);
		return error_set(err, ERROR_API, "the answer to %s is not understood: %s",
				question->call, lack);
	}
	*ret_data = data;
	return 0;
}

int api_add_gap(struct pve_client *client, struct facts *facts, const struct question *question,
		struct error *error, struct error *err)
{
	bool down = error->http >= 595 && error->http <= 599;
	if (error->code != ERROR_API) { /* there is nobody to ask, or we are nobody */
		if (err)
			*err = *error;
		return error->code;
	}
	const char *why = error->text;
	if (down && !*node_of(facts, question->call))
		why = arena_printf(facts->arena,
				"%s: its pvedaemon is not running (systemctl status pvedaemon)",
				error->text);
	struct gap *gap = facts_add_gap(facts, question->what, question->call, why);
	gap->http = error->http;
	gap->vmid = question->vmid;
	if (error->http == 403 && question->path && question->privilege)
		gap->grant = grant_for(client, facts, question->path, question->privilege);
	return 0;
}

int api_ask(struct pve_client *client, struct facts *facts, const struct question *question,
		json_t **ret_data, struct error *err)
{
	struct error error = {0};
	const struct gap *before = api_gone(facts, question->call);
	*ret_data = NULL;
	if (before) {
		struct gap *gap = facts_add_gap(facts, question->what, question->call, before->why);
		gap->after = gap != before ? before : NULL;
		gap->vmid = question->vmid;
		return 0;
	}
	return api_fetch(client, question, ret_data, &error) < 0
			       ? api_add_gap(client, facts, question, &error, err)
			       : 0;
}

char *api_call(struct facts *facts, const char *rest)
{
	return arena_printf(facts->arena, "/nodes/%s%s", facts->node, rest);
}

int facts_know_rights(struct host *host, struct facts *facts, const char *path, struct error *err)
{
	struct pve_client *client = NULL;
	if (facts->identity_root)
		return 0;
	int status = host_client(host, &client, err);
	return status < 0 ? status : api_ask_rights(client, facts, path, err);
}

enum known facts_may(const struct facts *facts, const char *path, const char *privilege)
{
	if (facts->identity_root)
		return KNOWN_YES;
	for (size_t i = 0; i < facts->rights.n; i++) {
		const struct pve_rights *rights = facts->rights.item[i];
		if (strcmp(rights->path, path) == 0)
			return strings_has(&rights->ours.here, privilege) ? KNOWN_YES : KNOWN_NO;
	}
	return KNOWN_UNKNOWN;
}
