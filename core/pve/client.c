/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/pve/client.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/pve/internal.h"

int pve_open_local(const struct root *root, struct pve_client **ret_client, struct error *err)
{
	struct arena *arena = arena_new();
	bool found = process_find(root, "pvesh", arena) != NULL;
	arena_free(arena);
	if (!found)
		return error_set(err, ERROR_COMMAND,
				"cannot find pvesh%s%s: VMs are changed through it",
				root_dir(root)[0] ? " in " : "", root_dir(root));
	struct pve_client *client = calloc(1, sizeof *client);
	if (!client)
		abort(); /* see arena.h */
	client->transport = &pvesh_transport;
	client->self = pvesh_new(root);
	*ret_client = client;
	return 0;
}

void pve_close(struct pve_client *client)
{
	if (!client)
		return;
	client->transport->close(client->self);
	free(client);
}

int pve_call(struct pve_client *client, const char *method, const char *path,
		const struct list *params, json_t **ret_data, struct error *err)
{
	return client->transport->call(client->self, method, path, params, client->line,
			client->user, ret_data, err);
}

int pve_vm_config(struct pve_client *client, const char *node, unsigned vmid, json_t **ret_config,
		struct error *err)
{
	struct arena *arena = arena_new();
	struct pve_param current = {
			.key = arena_strdup(arena, "current"), .value = arena_strdup(arena, "1")};
	struct list params = {0};
	list_add(arena, &params, &current);
	json_t *config = NULL;
	int status = pve_call(client, "GET",
			arena_printf(arena, "/nodes/%s/qemu/%u/config", node, vmid), &params,
			&config, err);
	arena_free(arena);
	if (status == 0 && !json_is_object(config)) {
		json_decref(config);
		return error_set(err, ERROR_API, "the configuration of VM %u is no JSON object",
				vmid);
	}
	if (status == 0)
		*ret_config = config;
	return status;
}

char *pve_config_text(struct arena *arena, const json_t *config, const char *key)
{
	const json_t *value = json_object_get(config, key);
	if (json_is_string(value))
		return arena_strdup(arena, json_string_value(value));
	if (json_is_integer(value))
		return arena_printf(arena, "%lld", (long long)json_integer_value(value));
	if (json_is_boolean(value))
		return arena_strdup(arena, json_is_true(value) ? "1" : "0");
	return NULL;
}

/* Ask until the task has stopped; its exitstatus, owned by `arena`. */
static int wait_for(struct pve_client *client, const char *node, const char *upid, int timeout_s,
		struct arena *arena, char **ret_exitstatus, struct error *err)
{
	char *path = arena_printf(arena, "/nodes/%s/tasks/%s/status", node, upid);
	for (int waited = 0;; waited++) {
		json_t *data = NULL;
		int status = pve_call(client, "GET", path, NULL, &data, err);
		if (status < 0)
			return status;
		char *state = pve_config_text(arena, data, "status");
		char *exitstatus = pve_config_text(arena, data, "exitstatus");
		json_decref(data);
		if (state && strcmp(state, "stopped") == 0) {
			*ret_exitstatus = exitstatus ? exitstatus : arena_strdup(arena, "unknown");
			return 0;
		}
		if (waited >= timeout_s)
			return error_set(err, ERROR_API, "the task %s still runs after %d seconds",
					upid, timeout_s);
		(void)nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	}
}

int pve_task(struct pve_client *client, const char *node, const char *path,
		const struct list *params, int timeout_s, struct error *err)
{
	json_t *data = NULL;
	int status = pve_call(client, "POST", path, params, &data, err);
	if (status < 0)
		return status;
	const char *upid = json_string_value(data);
	if (!upid) {
		json_decref(data);
		return error_set(err, ERROR_API, "%s started no task", path);
	}
	struct arena *arena = arena_new();
	char *exitstatus = NULL;
	status = wait_for(client, node, upid, timeout_s, arena, &exitstatus, err);
	/* "WARNINGS: n" is a task that did its work. */
	if (status == 0 && strcmp(exitstatus, "OK") != 0 &&
			strncmp(exitstatus, "WARNINGS", 8) != 0) {
		status = error_set(err, ERROR_API, "the task failed: %s", exitstatus);
		error_hint(err, "its log has more: pvesh get /nodes/%s/tasks/%s/log", node, upid);
	}
	json_decref(data);
	arena_free(arena);
	return status;
}
