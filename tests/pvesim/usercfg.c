/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/access.h"

#define USER_RX  "(?:[^\\s:/]+)\\@(?:[A-Za-z][A-Za-z0-9\\.\\-_]+)"
#define TOKEN_RX "[A-Za-z][A-Za-z0-9\\.\\-_]+"
#define NAME_RX  "^[A-Za-z0-9\\.\\-_]+$"

char *access_normalize_path(struct arena *arena, const char *path)
{
	if (!path || !*path)
		return NULL;
	struct text text = {0};
	if (*path != '/')
		text_add(&text, "/");
	for (const char *c = path; *c; c++)
		if (*c != '/' || c == path || c[-1] != '/')
			text_add_bytes(&text, c, 1);
	if (text.n > 1 && text.data[text.n - 1] == '/')
		text.data[--text.n] = '\0';
	char *result = text_take(&text, arena);
	return rx_test("^[[:alnum:]\\.\\-\\_\\/]+$", result) ? result : NULL;
}

static json_t *child(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	if (!value) {
		value = json_object();
		json_object_set_new(object, key, value);
	}
	return value;
}

static json_t *tree_node(struct arena *arena, json_t *root, const char *path)
{
	struct strings parts;
	perl_split(arena, path + 1, '/', &parts);
	for (size_t i = 0; i < parts.n; i++)
		root = child(child(root, "children"), parts.item[i]);
	return root;
}

bool access_split_token(
		struct arena *arena, const char *id, const char **ret_user, const char **ret_token)
{
	struct rx rx;
	if (!rx_match(arena, "^(" USER_RX ")!(" TOKEN_RX ")$", RX_BYTES, id, &rx))
		return false;
	*ret_user = rx.group[1];
	*ret_token = rx.group[2];
	return true;
}

static void read_acl(struct call *call, json_t *cfg, char **field)
{
	struct arena *arena = call->arena;
	char *path = access_normalize_path(arena, field[2]);
	if (!path)
		return;
	struct strings roles;
	struct strings members;
	perl_split_list(arena, field[4], &roles);
	perl_split_list(arena, field[3], &members);
	json_t *propagate = json_integer(perl_true(field[1]) ? 1 : 0);
	for (size_t r = 0; r < roles.n; r++) {
		if (!json_object_get(json_object_get(cfg, "roles"), roles.item[r]))
			continue;
		for (size_t m = 0; m < members.n; m++) {
			const char *member = members.item[m];
			const char *user = NULL;
			const char *token = NULL;
			const char *kind = *member == '@'                     ? "groups"
					   : rx_test("^" USER_RX "$", member) ? "users"
									      : "tokens";
			member += *member == '@';
			if (strcmp(kind, "tokens") == 0) {
				json_t *known = access_split_token(arena, member, &user, &token)
								? json_object_get(json_object_get(cfg,
												  "users"),
										  user)
								: NULL;
				if (!json_object_get(json_object_get(known, "tokens"), token))
					continue;
			}
			json_t *node = tree_node(arena, json_object_get(cfg, "acl"), path);
			json_object_set(child(child(node, kind), member), roles.item[r], propagate);
		}
	}
	json_decref(propagate);
}

static void read_user(json_t *cfg, char **field)
{
	if (!rx_test("^" USER_RX "$", field[1]) || !rx_test("^\\d*$", field[3]))
		return;
	json_t *user = json_object();
	json_object_set_new(user, "enable", json_boolean(perl_true(field[2])));
	json_object_set_new(user, "expire", json_integer(strtol(field[3], NULL, 10)));
	json_object_set_new(user, "tokens", json_object());
	hash_set(user, "keys", field[8]);
	json_object_set_new(json_object_get(cfg, "users"), field[1], user);
}

static void read_token(struct arena *arena, json_t *cfg, char **field)
{
	const char *user = NULL;
	const char *name = NULL;
	if (!access_split_token(arena, field[1], &user, &name) || !rx_test("^\\d*$", field[2]))
		return;
	json_t *owner = json_object_get(json_object_get(cfg, "users"), user);
	if (!owner)
		return;
	json_t *token = json_object();
	json_object_set_new(token, "expire", json_integer(strtol(field[2], NULL, 10)));
	json_object_set_new(token, "privsep", json_boolean(perl_true(field[3])));
	json_object_set_new(json_object_get(owner, "tokens"), name, token);
}

static void read_group(struct arena *arena, json_t *cfg, char **field)
{
	if (!rx_test(NAME_RX, field[1]))
		return;
	json_t *group = child(json_object_get(cfg, "groups"), field[1]);
	struct strings users;
	perl_split_list(arena, field[2], &users);
	for (size_t i = 0; i < users.n; i++)
		json_object_set_new(group, users.item[i], json_true());
}

static void read_role(struct call *call, json_t *cfg, char **field)
{
	if (!rx_test(NAME_RX, field[1]))
		return;
	json_t *role = child(json_object_get(cfg, "roles"), field[1]);
	json_t *all = json_object_get(json_object_get(cfg, "roles"), "Administrator");
	struct strings privileges;
	perl_split_list(call->arena, field[2], &privileges);
	for (size_t i = 0; i < privileges.n; i++)
		if (json_object_get(all, privileges.item[i]))
			json_object_set_new(role, privileges.item[i], json_integer(1));
}

static void read_pool(struct arena *arena, json_t *cfg, char **field)
{
	if (!rx_test(NAME_RX, field[1]))
		return;
	json_t *pool = child(json_object_get(cfg, "pools"), field[1]);
	struct strings items;
	perl_split_list(arena, field[3], &items);
	for (size_t i = 0; i < items.n; i++)
		json_object_set_new(
				pool, arena_printf(arena, "/vms/%s", items.item[i]), json_true());
	perl_split_list(arena, field[4], &items);
	for (size_t i = 0; i < items.n; i++)
		json_object_set_new(pool, arena_printf(arena, "/storage/%s", items.item[i]),
				json_true());
}

static void read_line(struct call *call, json_t *cfg, const char *line)
{
	enum { FIELDS = 10 };
	char *field[FIELDS];
	struct strings parts;
	perl_split(call->arena, line, ':', &parts);
	for (size_t i = 0; i < FIELDS; i++)
		field[i] = i < parts.n ? text_trim(call->arena, parts.item[i],
							 strlen(parts.item[i]))
				       : arena_strdup(call->arena, "");
	if (strcmp(field[0], "user") == 0)
		read_user(cfg, field);
	else if (strcmp(field[0], "token") == 0)
		read_token(call->arena, cfg, field);
	else if (strcmp(field[0], "group") == 0)
		read_group(call->arena, cfg, field);
	else if (strcmp(field[0], "role") == 0)
		read_role(call, cfg, field);
	else if (strcmp(field[0], "acl") == 0)
		read_acl(call, cfg, field);
	else if (strcmp(field[0], "pool") == 0)
		read_pool(call->arena, cfg, field);
}

void access_load(struct call *call)
{
	if (call->user_cfg)
		return;
	json_t *cfg = json_pack(
			"{s:{},s:{},s:{},s:{},s:{}}", "users", "groups", "roles", "pools", "acl");
	access_roles(call, json_object_get(cfg, "roles"));
	json_object_set_new(json_object_get(cfg, "users"), "root@pam",
			json_pack("{s:b,s:i,s:{},s:s}", "enable", 1, "expire", 0, "tokens", "keys",
					""));
	char *text = state_read(call->sim, call->arena, "user.cfg");
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *content = text_trim(call->arena, line.start, line.n);
		if (*content)
			read_line(call, cfg, content);
	}
	call->user_cfg = cfg;
}
