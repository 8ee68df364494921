/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/pve/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/pve/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/pve/rights.h"

int pve_open_local(const struct root *root, struct pve_client **ret_client, struct error *err)
{
	struct arena *arena = arena_new();
	bool found = process_find(root, "pvesh", arena) != NULL;
	arena_free(arena);
	if (!found)
		return error_set(err, ERROR_COMMAND,
				"cannot find pvesh%s%s: VMs are changed through it",
				root_dir(root)[0] ? " in " : "", root_dir(root));
	/* pvesh is always root@pam (PVE/CLI/pvesh.pm). */
	*ret_client = pve_client_new(&pvesh_transport, pvesh_new(root), "root@pam", "");
	return 0;
}

struct pve_client *pve_client_new(const struct pve_transport *transport, void *self,
		const char *identity, const char *address)
{
	struct pve_client *client = calloc(1, sizeof *client);
	if (!client)
		abort(); /* see arena.h */
	client->transport = transport;
	client->self = self;
	client->identity = strdup(identity);
	client->address = strdup(address);
	if (!client->identity || !client->address)
		abort();
	(void)pthread_mutex_init(&client->lock, NULL);
	return client;
}

void pve_keep(struct pve_client *client, const struct process_keep *keep)
{
	if (client->transport->keep)
		client->transport->keep(client->self, keep);
}

void pve_close(struct pve_client *client)
{
	if (!client)
		return;
	client->transport->close(client->self);
	(void)pthread_mutex_destroy(&client->lock);
	free(client->identity);
	free(client->address);
	free(client->via);
	free(client);
}

bool pve_is_root(const struct pve_client *client)
{
	return strcmp(client->identity, "root@pam") == 0;
}

void pve_param_add(struct arena *arena, struct list *params, const char *key, const char *value)
{
	struct pve_param *param = arena_alloc(arena, sizeof *param);
	param->key = arena_strdup(arena, key);
	param->value = arena_strdup(arena, value);
	list_add(arena, params, param);
}

const char *pve_param_get(const struct list *params, const char *key)
{
	for (size_t i = 0; i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		if (strcmp(param->key, key) == 0)
			return param->value;
	}
	return NULL;
}

static bool cancelled(const struct pve_client *client)
{
	return client->cancel && atomic_load(client->cancel);
}

/* "Permission check failed (/vms/106, VM.Config.HWType)": path and privilege; of several that
 * would do ("Sys.Audit|Sys.Modify") the first. */
static bool permission_of(
		struct arena *arena, const char *message, char **ret_path, char **ret_privilege)
{
	const char *at = strstr(message, "Permission check failed (");
	if (!at)
		return false;
	at += strlen("Permission check failed (");
	size_t path = strcspn(at, ",)");
	if (at[path] != ',')
		return false;
	const char *privilege = at + path + 1 + strspn(at + path + 1, " ");
	*ret_path = arena_strndup(arena, at, path);
	*ret_privilege = arena_strndup(arena, privilege, strcspn(privilege, ")|"));
	return true;
}

/* A change that may not be made: what is missing for it, and the line that gives it. */
static void hint_permission(struct pve_client *client, struct error *err)
{
	struct arena *arena = arena_new();
	char *path = NULL;
	char *privilege = NULL;
	if (permission_of(arena, err->text, &path, &privilege))
		error_hint(err, "%s lacks %s on %s: %s", client->identity, privilege, path,
				pve_grant_now(client, arena, path, privilege));
	arena_free(arena);
}

int pve_call(struct pve_client *client, const char *method, const char *path,
		const struct list *params, json_t **ret_data, struct error *err)
{
	(void)pthread_mutex_lock(&client->lock);
	int status = client->transport->call(client->self, method, path, params, client->line,
			client->user, ret_data, err);
	(void)pthread_mutex_unlock(&client->lock);
	if (status < 0 && err && err->http == 403 && strcmp(method, "GET") != 0)
		hint_permission(client, err);
	return status;
}

int pve_get(struct pve_client *client, json_t **ret_data, struct error *err, const char *format,
		...)
{
	struct arena *arena = arena_new();
	va_list args;
	va_start(args, format);
	const char *path = arena_vprintf(arena, format, args);
	va_end(args);
	int status = pve_call(client, "GET", path, NULL, ret_data, err);
	arena_free(arena);
	return status;
}

static int expect_list(json_t *json, const char *path, json_t **ret_list, struct error *err)
{
	if (!json_is_array(json)) {
		json_decref(json);
		return error_set(err, ERROR_API, "the answer to %s is no list", path);
	}
	*ret_list = json;
	return 0;
}

static int expect_object(json_t *json, unsigned vmid, const char *what, json_t **ret_object,
		struct error *err)
{
	if (!json_is_object(json)) {
		json_decref(json);
		return error_set(err, ERROR_API, "the %s of VM %u is no JSON object", what, vmid);
	}
	*ret_object = json;
	return 0;
}

int pve_vm_config(struct pve_client *client, const char *node, unsigned vmid, json_t **ret_config,
		struct error *err)
{
	struct arena *arena = arena_new();
	struct list params = {0};
	pve_param_add(arena, &params, "current", "1");
	json_t *config = NULL;
	int status = pve_call(client, "GET",
			arena_printf(arena, "/nodes/%s/qemu/%u/config", node, vmid), &params,
			&config, err);
	arena_free(arena);
	return status < 0 ? status : expect_object(config, vmid, "configuration", ret_config, err);
}

int pve_vm_next_config(struct pve_client *client, const char *node, unsigned vmid,
		json_t **ret_config, struct error *err)
{
	char path[128];
	json_t *list = NULL;
	(void)snprintf(path, sizeof path, "/nodes/%s/qemu/%u/pending", node, vmid);
	int status = pve_call(client, "GET", path, NULL, &list, err);
	status = status < 0 ? status : expect_list(list, path, &list, err);
	if (status < 0)
		return status;
	json_t *config = json_object();
	size_t i = 0;
	json_t *entry = NULL;
	json_array_foreach(list, i, entry)
	{
		const char *key = json_string_value(json_object_get(entry, "key"));
		json_t *next = json_object_get(entry, "pending");
		if (!next && !json_object_get(entry, "delete"))
			next = json_object_get(entry, "value");
		if (key && next)
			(void)json_object_set(config, key, next);
	}
	json_decref(list);
	*ret_config = config;
	return 0;
}

int pve_vm_status(struct pve_client *client, const char *node, unsigned vmid, json_t **ret_status,
		struct error *err)
{
	json_t *json = NULL;
	int status = pve_get(client, &json, err, "/nodes/%s/qemu/%u/status/current", node, vmid);
	return status < 0 ? status : expect_object(json, vmid, "status", ret_status, err);
}

char *pve_config_text(struct arena *arena, const json_t *config, const char *key)
{
	const json_t *value = json_object_get(config, key);
	if (json_is_string(value))
		return arena_strdup(arena, json_string_value(value));
	if (json_is_integer(value))
		return arena_printf(arena, "%lld", (long long)json_integer_value(value));
	if (json_is_real(value))
		return arena_printf(arena, "%g", json_real_value(value));
	if (json_is_boolean(value))
		return arena_strdup(arena, json_is_true(value) ? "1" : "0");
	return NULL;
}

/* The list, not the one: a name that is not there is a plain no then, not an error of 500. */
int pve_cluster_vms(struct pve_client *client, json_t **ret_vms, struct error *err)
{
	struct arena *arena = arena_new();
	struct list params = {0};
	pve_param_add(arena, &params, "type", "vm");
	json_t *vms = NULL;
	int status = pve_call(client, "GET", "/cluster/resources", &params, &vms, err);
	arena_free(arena);
	return status < 0 ? status : expect_list(vms, "/cluster/resources", ret_vms, err);
}

int pve_mapping(struct pve_client *client, const char *name, json_t **ret_mapping,
		struct error *err)
{
	json_t *all = NULL;
	int status = pve_get(client, &all, err, "/cluster/mapping/pci");
	if (status == 0)
		status = expect_list(all, "/cluster/mapping/pci", &all, err);
	if (status < 0)
		return status;
	json_t *found = NULL;
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(all, i, item)
	{
		const char *id = json_string_value(json_object_get(item, "id"));
		if (id && strcmp(id, name) == 0) {
			found = json_incref(item);
			break;
		}
	}
	json_decref(all);
	*ret_mapping = found ? found : json_null();
	return 0;
}

/* A task that is followed. */
struct follow {
	struct pve_client *client;
	const char *node, *upid;
	size_t lines; /* of its log that were handed on */
};

/* Hand on what the task has logged since. What cannot be read of it is no failure of the task. */
static void follow_log(struct follow *follow)
{
	struct pve_client *client = follow->client;
	if (client->transport->waits_for_tasks || !client->line)
		return;
	struct arena *arena = arena_new();
	struct list params = {0};
	pve_param_add(arena, &params, "start", arena_printf(arena, "%zu", follow->lines));
	pve_param_add(arena, &params, "limit", "500");
	json_t *log = NULL;
	if (pve_call(client, "GET",
			    arena_printf(arena, "/nodes/%s/tasks/%s/log", follow->node,
					    follow->upid),
			    &params, &log, NULL) < 0)
		log = NULL;
	for (size_t i = 0; i < json_array_size(log); i++) {
		const char *text = json_string_value(json_object_get(json_array_get(log, i), "t"));
		/* Of an empty log there is one line (PVE/Tools.pm, dump_logfile). */
		if (!text || strcmp(text, "no content") == 0)
			continue;
		client->line(client->user, text, false);
		follow->lines++;
	}
	json_decref(log);
	arena_free(arena);
}

static void pause_ms(long ms)
{
	(void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000},
			NULL);
}

static long now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum { POLL_MS = 500, POLL_FIRST_MS = 50 };

/* Ask until the task has stopped; its exitstatus, owned by `arena`. */
static int wait_for(struct follow *follow, int timeout_s, struct arena *arena,
		char **ret_exitstatus, struct error *err)
{
	const long end = now_ms() + timeout_s * 1000L;
	for (long pause = POLL_FIRST_MS;; pause = pause * 2 < POLL_MS ? pause * 2 : POLL_MS) {
		json_t *data = NULL;
		int status = pve_get(follow->client, &data, err, "/nodes/%s/tasks/%s/status",
				follow->node, follow->upid);
		if (status < 0)
			return status;
		char *state = pve_config_text(arena, data, "status");
		char *exitstatus = pve_config_text(arena, data, "exitstatus");
		json_decref(data);
		follow_log(follow);
		if (state && strcmp(state, "stopped") == 0) {
			*ret_exitstatus = exitstatus ? exitstatus : arena_strdup(arena, "unknown");
			return 0;
		}
		if (now_ms() >= end)
			return error_set(err, ERROR_API, "the task %s still runs after %d seconds",
					follow->upid, timeout_s);
		if (cancelled(follow->client))
			return error_set(err, ERROR_STOPPED,
					"the task %s was not waited for any more; it goes on",
					follow->upid);
		pause_ms(pause);
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
	struct follow follow = {.client = client, .node = node, .upid = upid};
	char *exitstatus = NULL;
	status = wait_for(&follow, timeout_s, arena, &exitstatus, err);
	/* "WARNINGS: n" is a task that did its work. */
	bool warnings = status == 0 && text_starts(exitstatus, "WARNINGS");
	if (warnings && client->line)
		client->line(client->user,
				arena_printf(arena, "the task ended with %s: see its lines above",
						exitstatus),
				false);
	if (status == 0 && strcmp(exitstatus, "OK") != 0 && !warnings) {
		status = error_set(err, ERROR_API, "the task failed: %s",
				text_printable(arena, exitstatus));
		error_hint(err, "its log has more: pvesh get /nodes/%s/tasks/%s/log", node, upid);
	}
	json_decref(data);
	arena_free(arena);
	return status;
}

static int tell_gave_up(unsigned vmid, bool running, struct error *err)
{
	(void)error_set(err, ERROR_API,
			"high availability was asked to %s VM %u, and has given it up: its state is error",
			running ? "start" : "stop", vmid);
	error_hint(err, "mend the cause, then: ha-manager set vm:%u --state disabled", vmid);
	return ERROR_API;
}

static int tell_not_so(unsigned vmid, bool running, bool ha, int timeout_s, struct error *err)
{
	(void)error_set(err, ERROR_API,
			ha ? "high availability was asked to %s VM %u, and it is not %s after %d seconds"
			   : "the task to %s VM %u ended well, and it is not %s",
			running ? "start" : "stop", vmid, running ? "running" : "stopped",
			timeout_s);
	error_hint(err, ha ? "ha-manager status says why" : "qm status %u", vmid);
	return ERROR_API;
}

int pve_wait_running(struct pve_client *client, const char *node, unsigned vmid, bool running,
		int timeout_s, struct error *err)
{
	const long end = now_ms() + timeout_s * 1000L;
	for (;;) {
		json_t *data = NULL;
		int status = pve_vm_status(client, node, vmid, &data, err);
		if (status < 0)
			return status;
		const char *state = json_string_value(json_object_get(data, "status"));
		bool is = state && strcmp(state, "running") == 0;
		const json_t *managed = json_object_get(json_object_get(data, "ha"), "managed");
		bool ha = json_is_true(managed) || json_integer_value(managed);
		const char *service = json_string_value(
				json_object_get(json_object_get(data, "ha"), "state"));
		bool gave_up = ha && service && strcmp(service, "error") == 0;
		json_decref(data);
		if (is == running)
			return 0;
		if (gave_up)
			return tell_gave_up(vmid, running, err);
		if (!ha || now_ms() >= end)
			return tell_not_so(vmid, running, ha, timeout_s, err);
		if (cancelled(client))
			return error_set(err, ERROR_STOPPED, "VM %u was not waited for any more",
					vmid);
		pause_ms(POLL_MS);
	}
}
