/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/pvesim/api.h"

#include <string.h>

#include "tests/pvesim/access.h"

static const struct method *const all_methods[] = {config_methods, mapping_methods, node_methods,
		task_methods, cluster_methods, access_methods, ha_methods};

/* True when the path fits; what stands for {names} goes into `ret_names`. */
static bool path_matches(struct arena *arena, const struct strings *parts, const char *pattern,
		json_t *ret_names)
{
	struct strings wanted;
	perl_split(arena, pattern + 1, '/', &wanted);
	if (wanted.n != parts->n)
		return false;
	for (size_t i = 0; i < parts->n; i++) {
		const char *want = wanted.item[i];
		if (want[0] != '{' && strcmp(want, parts->item[i]) != 0)
			return false;
	}
	for (size_t i = 0; i < parts->n; i++) {
		const char *want = wanted.item[i];
		if (want[0] == '{')
			hash_set(ret_names, arena_strndup(arena, want + 1, strlen(want) - 2),
					parts->item[i]);
	}
	return true;
}

static const struct method *find_method(struct call *call, json_t *names)
{
	struct strings parts;
	struct strings full = {0};
	perl_split(call->arena, call->path, '/', &parts);
	for (size_t i = 0; i < parts.n; i++)
		if (*parts.item[i])
			strings_add(call->arena, &full, parts.item[i]);
	for (size_t t = 0; t < sizeof all_methods / sizeof *all_methods; t++)
		for (const struct method *method = all_methods[t]; method->method; method++)
			if (strcmp(method->method, call->method) == 0 &&
					(!method->since || pve_has(call, method->since)) &&
					path_matches(call->arena, &full, method->path, names))
				return method;
	return NULL;
}

/* What the path says counts; the same said otherwise in the parameters does not. */
static int merge_names(struct call *call, const json_t *names)
{
	const char *name = NULL;
	json_t *value = NULL;
	json_object_foreach((json_t *)(uintptr_t)names, name, value)
	{
		const char *given = param_get(call, name);
		if (param_given(call, name) &&
				(!given || strcmp(given, json_string_value(value)) != 0))
			return fail_param(call, name,
					"duplicate parameter (already defined in URI) with conflicting values!");
	}
	json_object_update(call->params, (json_t *)(uintptr_t)names);
	return 0;
}

static char *fill_in(struct arena *arena, const char *pattern, const json_t *names)
{
	struct text text = {0};
	while (*pattern) {
		size_t n = strcspn(pattern, "{");
		text_add_bytes(&text, pattern, n);
		pattern += n;
		if (*pattern) {
			n = strcspn(pattern, "}");
			const char *value =
					hash_get(names, arena_strndup(arena, pattern + 1, n - 1));
			text_add(&text, value ? value : "");
			pattern += n + 1;
		}
	}
	return text_take(&text, arena);
}

static int check_permission(struct call *call, const struct method *method, const json_t *names)
{
	if (strcmp(method->permission, "world") == 0)
		return 0;
	if (!call->user)
		return fail(call, 403, "Permission check failed (user != null)");
	if (strcmp(method->permission, "all") == 0 || access_is_root(call))
		return 0;
	if (strcmp(method->permission, "root") == 0)
		return fail(call, 403, "Permission check failed (user != root@pam)");
	const char *permission = method->permission;
	bool alternatives = text_starts(permission, "or ");
	permission += alternatives ? 3 : 0;
	size_t n = strcspn(permission, " ");
	char *path = fill_in(call->arena, arena_strndup(call->arena, permission, n), names);
	char *normal = access_normalize_path(call->arena, path);
	if (alternatives && !access_allows(call, normal ? normal : path, permission + n + 1))
		return fail(call, 403, "Permission check failed"); /* none of them is named */
	return access_check(call, normal ? normal : path, permission + n + 1);
}

/* A list given as several values, and one value where a list is wanted. */
static void convert_lists(struct call *call, const struct method *method)
{
	struct strings keys;
	perl_keys(call->arena, call->params, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		json_t *value = json_object_get(call->params, keys.item[i]);
		const struct schema *row =
				method->params ? schema_find(method->params, &call->world,
								 keys.item[i])
					       : NULL;
		if (!row && method->more_params)
			row = schema_find(method->more_params, &call->world, keys.item[i]);
		if (!row)
			continue;
		if (row->type == 'a' && !json_is_array(value) && !json_is_object(value) &&
				!json_is_null(value)) {
			json_object_set_new(call->params, keys.item[i], json_pack("[O]", value));
		} else if (row->format && text_ends(row->format, "-list") && json_is_array(value)) {
			struct strings items = {0};
			for (size_t k = 0; k < json_array_size(value); k++) {
				char *item = perl_scalar(call->arena, json_array_get(value, k));
				strings_add(call->arena, &items, item ? item : "");
			}
			hash_set(call->params, keys.item[i],
					strings_join(call->arena, &items, NUL_CHAR));
		}
	}
}

static int check_params(struct call *call, const struct method *method)
{
	static const struct schema none[] = {{0}};
	json_t *errors = json_object();
	convert_lists(call, method);
	schema_check(call->arena, &call->world, method->params ? method->params : none,
			method->more_params, call->params, errors);
	if (!json_object_size(errors)) {
		json_decref(errors);
		return 0;
	}
	json_decref(call->errors);
	call->errors = errors;
	return fail(call, 400, "Parameter verification failed.");
}

/* The node that acts. One that is off or unknown answers as the proxy in front of it does. */
static int choose_node(struct call *call, const struct method *method, const json_t *names)
{
	const char *node = hash_get(names, "node");
	if (call->sim->batch)
		return 0;
	call->handed_on = method->daemon;
	if (!node || !method->by_node || strcmp(node, "localhost") == 0 ||
			strcmp(node, call->node) == 0)
		return method->daemon && !setting_true(call->sim->settings, "pvedaemon", true)
				       ? fail(call, 595, "Connection refused")
				       : 0;
	json_t *known = setting_node(call->sim, node);
	if (!known)
		return fail(call, 500,
				"hostname lookup '%s' failed - failed to get address info for: %s: Temporary failure in name resolution",
				node, node);
	const char *status = hash_get(known, "status");
	if (status && strcmp(status, "online") != 0)
		return fail(call, 595, "No route to host");
	const char *proxy = hash_get(known, "pveproxy");
	if (proxy && strcmp(proxy, "refused") == 0)
		return fail(call, 595, "Connection refused");
	if (proxy && strcmp(proxy, "hung") == 0)
		return fail(call, 596, "Connection timed out");
	call->handed_on = true;
	call->node = arena_strdup(call->arena, node);
	return 0;
}

void api_run(struct call *call)
{
	json_t *names = json_object();
	call->stage = "user";
	if (call->user && access_check_user(call, call->user) < 0)
		goto out;
	access_load(call);
	call->stage = "find";
	const struct method *method = find_method(call, names);
	if (!method) {
		fail(call, 501, "Method '%s %s' not implemented", call->method, call->path);
		goto out;
	}
	call->stage = "uri";
	if (method->no_token && call->user && strchr(call->user, '!')) {
		fail(call, 403, "URI '%s' not available with API token, need proper ticket.",
				call->path);
		goto out;
	}
	if (merge_names(call, names) < 0)
		goto out;
	call->stage = "perm";
	if (check_permission(call, method, names) < 0)
		goto out;
	if (choose_node(call, method, names) < 0)
		goto out;
	call->stage = "schema";
	if (check_params(call, method) < 0)
		goto out;
	call->stage = "code";
	if (method->quorum && !has_quorum(call->sim))
		fail(call, 500, "cluster not ready - no quorum?");
	else if (method->run(call) == 0)
		call->stage = "done";
out:
	json_decref(names);
}

void call_done(struct call *call)
{
	json_decref(call->params);
	json_decref(call->user_cfg);
	json_decref(call->result);
	json_decref(call->more);
	json_decref(call->errors);
}
