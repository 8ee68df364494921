/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "pvegpu/formats/upid.h"
#include "tests/pvesim/access.h"
#include "tests/pvesim/qemu.h"

/*
 * Workers. A task is {"upid", "node", "pid", "pstart", "starttime", "type", "id", "user", "due",
 * "params", "log": [line…]} and, once it has ended, "exitstatus" and "endtime". Its work is done
 * when `due` has come, so a failure may come late; what a test does meanwhile counts.
 */
struct worker {
	const char *type;
	int (*work)(struct call *call);
};

static const struct worker workers[] = {
		{"qmconfig", config_update_work},
		{"qmstart", work_start},
		{"qmstop", work_stop},
		{"qmshutdown", work_shutdown},
		{"qmreboot", work_reboot},
		{"hastart", work_ha},
		{"hastop", work_ha},
};

static void add_log(json_t *task, const char *line)
{
	json_array_append_new(json_object_get(task, "log"), json_string(line));
}

static void end(json_t *task, const char *status)
{
	hash_set(task, "exitstatus", status);
	json_object_set_new(task, "endtime", json_integer((json_int_t)(now_ms() / 1000)));
}

/* Do the work of a task whose time has come. `starter` is told of a failure. */
static void run(struct sim *sim, json_t *task, struct call *starter)
{
	struct arena *arena = arena_new();
	const char *key =
			arena_printf(arena, "%s:%s", hash_get(task, "type"), hash_get(task, "id"));
	const char *wanted = hash_get(json_object_get(sim->settings, "task_errors"), key);
	struct call call = {.sim = sim,
			.arena = arena,
			.world = {.version = pve_version(sim)},
			.method = "TASK",
			.path = "",
			.user = arena_strdup(arena, hash_get(task, "user")),
			.node = arena_strdup(arena, hash_get(task, "node")),
			.params = json_deep_copy(json_object_get(task, "params"))};
	call.world.cpu_models = state_read(sim, arena, "virtual-guest/cpu-models.conf");
	hash_set(call.params, "vmid", hash_get(task, "id"));
	hash_set(call.params, "task-type", hash_get(task, "type"));
	access_load(&call);
	if (strcmp(hash_get(task, "type"), "qmconfig") == 0)
		json_object_del(call.params, "task-type");
	int status = wanted ? die(&call, "%s", wanted) : 0;
	for (size_t i = 0; status == 0 && i < sizeof workers / sizeof *workers; i++)
		if (strcmp(workers[i].type, hash_get(task, "type")) == 0)
			status = workers[i].work(&call);
	for (size_t i = 0; i < call.output.n; i++)
		add_log(task, call.output.item[i]);
	if (status < 0) {
		struct text why = {0};
		text_add(&why, call.message ? call.message : "unknown error");
		struct strings keys;
		perl_keys(arena, call.errors, &keys);
		if (call.errors)
			text_addf(&why, "\n%s: %s", keys.item[0],
					hash_get(call.errors, keys.item[0]));
		const char *message = text_string(&why);
		add_log(task, arena_printf(arena, "TASK ERROR: %s", message));
		end(task, arena_printf(arena, "%.*s", (int)strcspn(message, "\n"), message));
		if (sim->ha_errors && json_object_get(call.params, "ha"))
			json_object_set_new(sim->ha_errors, hash_get(task, "id"), json_true());
		if (starter)
			starter->task_error = arena_strdup(starter->arena, message);
		text_free(&why);
	} else if (call.warnings.n && !starter) {
		add_log(task, arena_printf(arena, "TASK WARNINGS: %zu", call.warnings.n));
		end(task, arena_printf(arena, "WARNINGS: %zu", call.warnings.n));
	} else {
		add_log(task, "TASK OK");
		end(task, "OK");
	}
	for (size_t i = 0; starter && i < call.warnings.n; i++)
		warn(starter, "%s", call.warnings.item[i]);
	json_decref(call.result);
	json_decref(call.errors);
	json_decref(call.params);
	json_decref(call.user_cfg);
	arena_free(arena);
}

const char *task_start(
		struct call *call, const char *type, const char *id, json_t *params, long delay_ms)
{
	struct sim *sim = call->sim;
	unsigned long number = ++sim->serial;
	unsigned long start = sim->batch ? 0x65000000UL : (unsigned long)(now_ms() / 1000);
	unsigned long pid = sim->batch ? 0xabcd : 0x1000 + number;
	unsigned long pstart = sim->batch ? 1 : (unsigned long)(now_ms() / 10 % 0xfffffff);
	const char *upid =
			arena_printf(call->arena, "UPID:%s:%08lX:%08lX:%08lX:%s:%s:%s:", call->node,
					pid, pstart, start, type, id, call->user);
	json_t *task = json_pack("{s:s,s:s,s:I,s:I,s:I,s:s,s:s,s:s,s:I,s:o,s:[]}", "upid", upid,
			"node", call->node, "pid", (json_int_t)pid, "pstart", (json_int_t)pstart,
			"starttime", (json_int_t)start, "type", type, "id", id, "user", call->user,
			"due", (json_int_t)(now_ms() + delay_ms), "params",
			params ? params : json_object(), "log");
	json_object_set_new(sim->tasks, upid, task);
	if (delay_ms <= 0)
		run(sim, task, call);
	return upid;
}

void tasks_advance(struct sim *sim)
{
	int64_t now = now_ms();
	struct arena *arena = arena_new();
	struct strings keys;
	perl_keys(arena, sim->tasks, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		json_t *task = json_object_get(sim->tasks, keys.item[i]);
		if (task && !hash_get(task, "exitstatus") &&
				json_integer_value(json_object_get(task, "due")) <= now) {
			state_load(sim, arena);
			run(sim, task, NULL);
		}
	}
	arena_free(arena);
}

json_t *task_find(struct call *call, const char *upid)
{
	struct upid parsed;
	if (!upid_parse(call->arena, upid, &parsed)) {
		(void)fail_param(call, "upid", "unable to parse worker upid");
		return NULL;
	}
	json_t *task = json_object_get(call->sim->tasks, upid);
	if (!task)
		(void)fail_param(call, "upid", "no such task");
	return task;
}

const char *task_result(struct call *call, const char *upid)
{
	return hash_get(json_object_get(call->sim->tasks, upid), "exitstatus");
}

json_t *task_status(const json_t *task)
{
	static const char *const shown[] = {"upid", "node", "pid", "pstart", "starttime", "type",
			"id", "user", "exitstatus"};
	json_t *status = json_object();
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		json_t *value = json_object_get(task, shown[i]);
		if (value)
			json_object_set(status, shown[i], value);
	}
	/* A task of a token is its user's, and the token stands beside. */
	const char *owner = hash_get(task, "user");
	size_t n = strcspn(owner, "!");
	if (owner[n]) {
		json_object_set_new(status, "user", json_stringn(owner, n));
		hash_set(status, "tokenid", owner + n + 1);
	}
	hash_set(status, "status", hash_get(task, "exitstatus") ? "stopped" : "running");
	return status;
}
