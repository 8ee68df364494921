/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/pvesim/calls.h"

static void add_rows(
		json_t *list, json_t *node, const char *path, const char *kind, const char *type)
{
	const char *member = NULL;
	json_t *roles = NULL;
	json_object_foreach(json_object_get(node, kind), member, roles)
	{
		const char *role = NULL;
		json_t *propagate = NULL;
		json_object_foreach(roles, role, propagate) json_array_append_new(
				list, json_pack("{s:s,s:s,s:s,s:s,s:O}", "path", path, "type", type,
						      "ugid", member, "roleid", role, "propagate",
						      propagate));
	}
}

static void add_acl(struct call *call, json_t *node, const char *path)
{
	if (access_allows(call, path, "Permissions.Modify") ||
			access_allows(call, "/access", "Sys.Audit")) {
		add_rows(call->result, node, path, "users", "user");
		add_rows(call->result, node, path, "groups", "group");
		add_rows(call->result, node, path, "tokens", "token");
	}
	const char *name = NULL;
	json_t *below = NULL;
	json_object_foreach(json_object_get(node, "children"), name, below) add_acl(call, below,
			arena_printf(call->arena, "%s/%s", strcmp(path, "/") == 0 ? "" : path,
					name));
}

static int get_acl(struct call *call)
{
	call->result = json_array();
	add_acl(call, json_object_get(call->user_cfg, "acl"), "/");
	return 0;
}

/* One's own, but not with a token of it: the name of the caller is then another. */
static int get_token(struct call *call)
{
	const char *user = param_get(call, "userid");
	const char *name = param_get(call, "tokenid");
	json_t *owner = json_object_get(json_object_get(call->user_cfg, "users"), user);
	json_t *token = json_object_get(json_object_get(owner, "tokens"), name);
	if (strcmp(call->user, user) != 0 && !access_allows(call, "/access/groups", "User.Modify"))
		return fail(call, 403, "Permission check failed");
	if (!owner)
		return die(call, "no such user ('%s')", user);
	if (!token)
		return die(call, "no such token '%s' for user '%s'", name, user);
	call->result = json_pack("{s:O,s:i}", "expire", json_object_get(token, "expire"), "privsep",
			json_is_true(json_object_get(token, "privsep")));
	return 0;
}

/* clang-format off */
static const struct schema by_token[] = {
	{.name = "userid", .type = 's', .needed = true, .max_length = 64},
	{.name = "tokenid", .type = 's', .needed = true, .pattern = "[A-Za-z][A-Za-z0-9\\.\\-_]+"},
	{0}
};

const struct method access_methods[] = {
	{"GET", "/access/acl", "all", NULL, NULL, get_acl},
	{"GET", "/access/users/{userid}/token/{tokenid}", "all", by_token, NULL, get_token},
	{0}
};
/* clang-format on */
