/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/pvesim/access.h"

#include <string.h>

bool access_is_root(const struct call *call)
{
	return call->user && strcmp(call->user, "root@pam") == 0;
}

int access_check_user(struct call *call, const char *id)
{
	access_load(call);
	const char *user = id;
	const char *token = NULL;
	bool is_token = access_split_token(call->arena, id, &user, &token);
	json_t *known = json_object_get(json_object_get(call->user_cfg, "users"), user);
	json_int_t now = (json_int_t)(now_ms() / 1000);
	if (!known)
		return fail(call, 401, "no such user ('%s')", user);
	if (!json_is_true(json_object_get(known, "enable")))
		return fail(call, 401, "user '%s' is disabled", user);
	json_int_t expire = json_integer_value(json_object_get(known, "expire"));
	if (expire && expire < now)
		return fail(call, 401, "user '%s' access expired", user);
	if (!is_token)
		return 0;
	known = json_object_get(json_object_get(known, "tokens"), token);
	if (!known)
		return fail(call, 401, "no such token '%s' for user '%s'", token, user);
	expire = json_integer_value(json_object_get(known, "expire"));
	if (expire && expire < now)
		return fail(call, 401, "token '%s' access expired", id);
	return 0;
}

/* Roles that hold at one node of the tree for the members of one kind; NULL if none does. */
static json_t *roles_here(json_t *node, const char *kind, const char *member, bool final)
{
	json_t *roles = json_object_get(json_object_get(node, kind), member);
	json_t *here = NULL;
	const char *role = NULL;
	json_t *propagate = NULL;
	json_object_foreach(roles, role, propagate)
	{
		if (!final && !json_integer_value(propagate))
			continue;
		here = here ? here : json_object();
		json_object_set(here, role, propagate);
	}
	return here;
}

static json_t *group_roles_here(struct call *call, json_t *node, const char *user, bool final)
{
	json_t *groups = json_object_get(call->user_cfg, "groups");
	json_t *all = NULL;
	const char *group = NULL;
	json_t *roles = NULL;
	json_object_foreach(json_object_get(node, "groups"), group, roles)
	{
		if (!json_object_get(json_object_get(groups, group), user))
			continue;
		json_t *here = roles_here(node, "groups", group, final);
		if (here) {
			all = all ? all : json_object();
			json_object_update(all, here);
			json_decref(here);
		}
	}
	return all;
}

static json_t *roles_on(struct call *call, const char *user, const char *path)
{
	struct strings parts;
	json_t *roles = json_object();
	json_t *node = json_object_get(call->user_cfg, "acl");
	perl_split(call->arena, path, '/', &parts);
	if (!parts.n)
		strings_add(call->arena, &parts, "");
	for (size_t i = 0; i < parts.n && node; i++) {
		bool final = i + 1 == parts.n;
		if (*parts.item[i])
			node = json_object_get(json_object_get(node, "children"), parts.item[i]);
		json_t *here = roles_here(node, "tokens", user, final);
		if (!here)
			here = roles_here(node, "users", user, final);
		if (!here)
			here = group_roles_here(call, node, user, final);
		if (here) {
			json_decref(roles);
			roles = here;
		}
	}
	json_t *none = json_object_get(roles, "NoAccess");
	if (none) {
		json_t *only = json_pack("{s:O}", "NoAccess", none);
		json_decref(roles);
		return only;
	}
	return roles;
}

/* What a pool that holds the path grants, never propagated; NoAccess is not trumped. */
static void add_pool_roles(struct call *call, const char *user, const char *path, json_t *roles)
{
	const char *pool = NULL;
	json_t *members = NULL;
	json_object_foreach(json_object_get(call->user_cfg, "pools"), pool, members)
	{
		if (!json_object_get(members, path) || json_object_get(roles, "NoAccess"))
			continue;
		json_t *granted = roles_on(call, user, arena_printf(call->arena, "/pool/%s", pool));
		const char *role = NULL;
		json_t *propagate = NULL;
		if (json_object_get(granted, "NoAccess"))
			json_object_clear(roles);
		json_object_foreach(granted, role, propagate)
		{
			if (!json_object_get(roles, role))
				json_object_set_new(roles, role, json_integer(0));
		}
		json_decref(granted);
	}
}

static json_t *privileges_on(struct call *call, const char *user, const char *path)
{
	json_t *roles = roles_on(call, user, path);
	json_t *privileges = json_object();
	const char *role = NULL;
	json_t *propagate = NULL;
	add_pool_roles(call, user, path, roles);
	json_object_foreach(roles, role, propagate)
	{
		const char *privilege = NULL;
		json_t *set = NULL;
		json_object_foreach(json_object_get(json_object_get(call->user_cfg, "roles"), role),
				privilege, set)
		{
			if (!json_integer_value(json_object_get(privileges, privilege)))
				json_object_set(privileges, privilege, propagate);
		}
	}
	json_decref(roles);
	return privileges;
}

json_t *access_permissions(struct call *call, const char *id, const char *path)
{
	access_load(call);
	if (strcmp(id, "root@pam") == 0)
		return json_copy(json_object_get(
				json_object_get(call->user_cfg, "roles"), "Administrator"));
	const char *user = NULL;
	const char *token = NULL;
	if (!access_split_token(call->arena, id, &user, &token))
		return privileges_on(call, id, path);
	json_t *owner = json_object_get(json_object_get(call->user_cfg, "users"), user);
	json_t *known = json_object_get(json_object_get(owner, "tokens"), token);
	if (!known)
		return json_object();
	json_t *of_user = access_permissions(call, user, path);
	if (!json_is_true(json_object_get(known, "privsep")))
		return of_user;
	json_t *of_token = privileges_on(call, id, path);
	json_t *both = json_object();
	const char *privilege = NULL;
	json_t *propagate = NULL;
	json_object_foreach(of_token, privilege, propagate)
	{
		json_t *other = json_object_get(of_user, privilege);
		if (other)
			json_object_set(both, privilege,
					json_integer_value(other) ? propagate : other);
	}
	json_decref(of_user);
	json_decref(of_token);
	return both;
}

/* The privilege that is missing, NULL if all is well. `any` takes one of "A|B". */
static const char *missing(struct call *call, const char *path, const char *privileges, bool any)
{
	if (access_is_root(call))
		return NULL;
	json_t *granted = access_permissions(call, call->user, path);
	struct strings wanted;
	const char *lacking = NULL;
	perl_split(call->arena, privileges, any ? '|' : ',', &wanted);
	for (size_t i = 0; i < wanted.n; i++) {
		bool has = json_object_get(granted, wanted.item[i]) != NULL;
		if (any && has) {
			json_decref(granted);
			return NULL;
		}
		if (!has && !lacking)
			lacking = any ? privileges : wanted.item[i];
	}
	json_decref(granted);
	return lacking;
}

int access_check(struct call *call, const char *path, const char *privileges)
{
	const char *lacking = missing(call, path, privileges, true);
	return lacking ? fail(call, 403, "Permission check failed (%s, %s)", path, lacking) : 0;
}

bool access_allows(struct call *call, const char *path, const char *privileges)
{
	return !missing(call, path, privileges, true);
}

bool access_allows_user(
		struct call *call, const char *user, const char *path, const char *privileges)
{
	const char *before = call->user;
	call->user = user;
	bool allows = access_allows(call, path, privileges);
	call->user = before;
	return allows;
}

int access_check_all(struct call *call, const char *path, const char *privileges)
{
	const char *lacking = missing(call, path, privileges, false);
	return lacking ? fail(call, 403, "Permission check failed (%s, %s)", path, lacking) : 0;
}

int access_check_vm(struct call *call, const char *vmid, const char *privileges)
{
	return access_check(call, arena_printf(call->arena, "/vms/%s", vmid), privileges);
}

static void walk(struct call *call, json_t *node, const char *path, struct strings *ret_paths)
{
	if (json_object_get(node, "users") || json_object_get(node, "groups") ||
			json_object_get(node, "tokens"))
		if (!strings_has(ret_paths, path))
			strings_add(call->arena, ret_paths, path);
	const char *name = NULL;
	json_t *below = NULL;
	json_object_foreach(json_object_get(node, "children"), name, below)
	{
		walk(call, below,
				arena_printf(call->arena, "%s/%s",
						strcmp(path, "/") == 0 ? "" : path, name),
				ret_paths);
	}
}

/* GET /access/acl: all of it with Sys.Audit on /access, else what one may change. */
void access_list(struct call *call, json_t *ret_entries)
{
	static const char *const kinds[] = {"users", "groups", "tokens"};
	struct strings paths = {0};
	bool audit = access_allows(call, "/access", "Sys.Audit");
	walk(call, json_object_get(call->user_cfg, "acl"), "/", &paths);
	for (size_t i = 0; i < paths.n; i++) {
		json_t *node = json_object_get(call->user_cfg, "acl");
		struct strings parts;
		if (!audit && !access_allows(call, paths.item[i], "Permissions.Modify"))
			continue;
		perl_split(call->arena, paths.item[i] + 1, '/', &parts);
		for (size_t p = 0; p < parts.n; p++)
			node = json_object_get(json_object_get(node, "children"), parts.item[p]);
		for (size_t k = 0; k < 3; k++) {
			const char *who = NULL;
			json_t *roles = NULL;
			json_object_foreach(json_object_get(node, kinds[k]), who, roles)
			{
				const char *role = NULL;
				json_t *propagate = NULL;
				json_object_foreach(roles, role, propagate) json_array_append_new(
						ret_entries,
						json_pack("{s:s,s:s#,s:s,s:s,s:O}", "path",
								paths.item[i], "type", kinds[k],
								(int)strlen(kinds[k]) - 1, "ugid",
								who, "roleid", role, "propagate",
								propagate));
			}
		}
	}
}

void access_known_paths(struct call *call, struct strings *ret_paths)
{
	static const char *const always[] = {"/", "/access", "/access/groups", "/nodes", "/pool",
			"/sdn", "/storage", "/vms"};
	*ret_paths = (struct strings){0};
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		strings_add(call->arena, ret_paths, always[i]);
	walk(call, json_object_get(call->user_cfg, "acl"), "/", ret_paths);
	const char *pool = NULL;
	json_t *members = NULL;
	json_object_foreach(json_object_get(call->user_cfg, "pools"), pool, members)
	{
		const char *path = NULL;
		json_t *present = NULL;
		json_object_foreach(members, path, present)
		{
			if (!strings_has(ret_paths, path))
				strings_add(call->arena, ret_paths, path);
		}
	}
}
