/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/apply/internal.h"
#include "pvegpu/base/text.h"

enum { TASK_TIMEOUT_S = 600 };

static bool is_config(const struct change *change)
{
	return change->stage == STAGE_SETTINGS || change->stage == STAGE_ATTACH;
}

int api_check_digest(struct pve_client *client, const char *node, const struct change *change,
		struct error *err)
{
	if (!is_config(change) || !change->digest)
		return 0;
	json_t *config = NULL;
	int status = pve_vm_config(client, node, change->vmid, &config, err);
	if (status < 0)
		return status;
	const char *digest = json_string_value(json_object_get(config, "digest"));
	if (!digest || strcmp(digest, change->digest) != 0) {
		status = error_set(err, ERROR_DRIFT,
				"the configuration of VM %u was changed since the plan was made",
				change->vmid);
		error_hint(err, "make a new plan; nothing was changed");
	}
	json_decref(config);
	return status;
}

/* Each value must be there afterwards: on a running VM it would be pending instead. */
static int read_back(struct pve_client *client, const char *node, const struct change *change,
		const struct list *params, struct error *err)
{
	json_t *config = NULL;
	int status = pve_vm_config(client, node, change->vmid, &config, err);
	struct arena *arena = arena_new();
	for (size_t i = 0; status == 0 && i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		const char *now = pve_config_text(arena, config, param->key);
		bool same = param->value ? now && strcmp(now, param->value) == 0 : !now;
		if (!same)
			status = error_set(err, ERROR_API,
					"VM %u: %s reads back as '%s' instead of '%s'", change->vmid,
					param->key, now ? now : "(not set)",
					param->value ? param->value : "(not set)");
	}
	arena_free(arena);
	json_decref(config);
	return status;
}

static void add_param(struct arena *arena, struct list *list, const char *key, const char *value)
{
	struct pve_param *param = arena_alloc(arena, sizeof *param);
	param->key = arena_strdup(arena, key);
	param->value = arena_strdup(arena, value);
	list_add(arena, list, param);
}

/* One PUT: what has a value is set, what has none is deleted, with the digest of right now unless
 * the plan names one. */
static int put_config(struct pve_client *client, const char *node, const struct change *change,
		const struct list *params, const char *digest, struct error *err)
{
	struct arena *arena = arena_new();
	json_t *config = NULL;
	int status = 0;
	if (!digest) {
		status = pve_vm_config(client, node, change->vmid, &config, err);
		digest = json_string_value(json_object_get(config, "digest"));
	}
	struct list sent = {0};
	struct strings deleted = {0};
	for (size_t i = 0; i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		if (param->value)
			add_param(arena, &sent, param->key, param->value);
		else
			strings_add(arena, &deleted, param->key);
	}
	if (deleted.n)
		add_param(arena, &sent, "delete", strings_join(arena, &deleted, ","));
	if (digest)
		add_param(arena, &sent, "digest", digest);
	json_t *data = NULL;
	if (status == 0)
		status = pve_call(client, "PUT", change->api_path, &sent, &data, err);
	json_decref(data);
	json_decref(config);
	arena_free(arena);
	return status < 0 ? status : read_back(client, node, change, params, err);
}

int api_apply(struct pve_client *client, const char *node, const struct change *change,
		struct error *err)
{
	if (is_config(change))
		return put_config(client, node, change, &change->params, change->digest, err);
	return pve_task(client, node, change->api_path, &change->params, TASK_TIMEOUT_S, err);
}

static bool is_running(struct pve_client *client, const char *node, unsigned vmid,
		struct arena *arena)
{
	json_t *data = NULL;
	char *path = arena_printf(arena, "/nodes/%s/qemu/%u/status/current", node, vmid);
	if (pve_call(client, "GET", path, NULL, &data, NULL) < 0)
		return false;
	const char *state = json_string_value(json_object_get(data, "status"));
	bool running = state && strcmp(state, "running") == 0;
	json_decref(data);
	return running;
}

/* The keys whose present value is not what the change set, as a small diff; NULL if none. */
static char *changed_since(const json_t *config, const struct change *change, struct arena *arena)
{
	struct text diff = {0};
	for (size_t i = 0; i < change->params.n; i++) {
		const struct pve_param *set = change->params.item[i];
		const char *now = pve_config_text(arena, config, set->key);
		const struct pve_param *before =
				i < change->before_params.n ? change->before_params.item[i] : NULL;
		bool as_set = now && strcmp(now, set->value) == 0;
		bool as_before = before && (now && before->value ? strcmp(now, before->value) == 0
								  : !now && !before->value);
		if (as_set || as_before)
			continue;
		text_addf(&diff, "-%s: %s\n+%s: %s\n", set->key, now ? now : "(not set)", set->key,
				before && before->value ? before->value : "(not set)");
	}
	return diff.n ? text_take(&diff, arena) : NULL;
}

int api_undo(struct pve_client *client, const char *node, const struct change *change,
		bool *ret_changed_since, char **ret_diff, bool force, struct arena *arena,
		struct error *err)
{
	*ret_changed_since = false;
	if (change->stage == STAGE_START || change->stage == STAGE_STOP) {
		bool running = is_running(client, node, change->vmid, arena);
		bool stop = change->stage == STAGE_START;
		if (running != stop)
			return 0; /* it is as it was already */
		struct list params = {0};
		if (stop) {
			add_param(arena, &params, "timeout", "120");
			add_param(arena, &params, "forceStop", "1");
		}
		char *path = arena_printf(arena, "/nodes/%s/qemu/%u/status/%s", node, change->vmid,
				stop ? "shutdown" : "start");
		return pve_task(client, node, path, &params, TASK_TIMEOUT_S, err);
	}
	json_t *config = NULL;
	int status = pve_vm_config(client, node, change->vmid, &config, err);
	if (status < 0)
		return status;
	char *diff = changed_since(config, change, arena);
	json_decref(config);
	if (diff && !force) {
		*ret_changed_since = true;
		*ret_diff = diff;
		return 0;
	}
	return put_config(client, node, change, &change->before_params, NULL, err);
}
