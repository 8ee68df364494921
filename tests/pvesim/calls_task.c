/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/calls.h"

static bool task_is_mine(struct call *call, const json_t *task, const char *privilege)
{
	const char *owner = hash_get(task, "user");
	size_t n = strcspn(call->user, "!");
	if (strcmp(owner, call->user) == 0 ||
			(strlen(owner) == n && strncmp(owner, call->user, n) == 0))
		return true;
	return access_allows(call, arena_printf(call->arena, "/nodes/%s", hash_get(task, "node")),
			privilege);
}

static int may_see(struct call *call, const json_t *task, const char *privilege)
{
	if (task_is_mine(call, task, privilege))
		return 0;
	return fail(call, 403, "Permission check failed (/nodes/%s, %s)", hash_get(task, "node"),
			privilege);
}

static int get_task_status(struct call *call)
{
	json_t *task = task_find(call, param_get(call, "upid"));
	if (!task || may_see(call, task, "Sys.Audit") < 0)
		return -1;
	call->result = task_status(task);
	return 0;
}

json_t *numbered_lines(struct call *call, const json_t *lines, size_t limit)
{
	const char *given = param_get(call, "start");
	size_t from = given ? strtoul(given, NULL, 10) : 0;
	given = param_get(call, "limit");
	limit = given ? strtoul(given, NULL, 10) : limit;
	json_t *list = json_array();
	size_t n = json_array_size(lines);
	for (size_t i = from; i < n && (limit == 0 || i - from < limit); i++)
		json_array_append_new(list, json_pack("{s:I,s:O}", "n", (json_int_t)(i + 1), "t",
							    json_array_get(lines, i)));
	if (!n)
		json_array_append_new(list, json_pack("{s:i,s:s}", "n", 1, "t", "no content"));
	call->more = json_pack("{s:I}", "total", (json_int_t)(n ? n : 1));
	return list;
}

static int get_task_log(struct call *call)
{
	static const char missing[] = "unable to open file - No such file or directory";
	json_t *task = task_find(call, param_get(call, "upid"));
	if (task) {
		if (may_see(call, task, "Sys.Audit") < 0)
			return -1;
		call->result = numbered_lines(call, json_object_get(task, "log"), 50);
		return 0;
	}
	if (!json_object_get(call->errors, "upid") ||
			strcmp(hash_get(call->errors, "upid"), "no such task") != 0)
		return -1;
	/* The file of the log is opened without a look at whether there was such a task. */
	call->code = 0;
	if (access_check(call, arena_printf(call->arena, "/nodes/%s", call->node), "Sys.Audit") < 0)
		return -1;
	json_t *lines = json_pack("[s]", missing);
	call->result = numbered_lines(call, lines, 50);
	json_decref(lines);
	return 0;
}

static int delete_task(struct call *call)
{
	json_t *task = task_find(call, param_get(call, "upid"));
	if (!task || may_see(call, task, "Sys.Modify") < 0)
		return -1;
	if (!hash_get(task, "exitstatus")) {
		hash_set(task, "exitstatus", "interrupted by signal");
		json_array_append_new(json_object_get(task, "log"),
				json_string("TASK ERROR: interrupted by signal"));
	}
	return 0;
}

static int get_tasks(struct call *call)
{
	const char *source = param_get(call, "source");
	const char *vmid = param_get(call, "vmid");
	const char *type = param_get(call, "typefilter");
	bool active = source && strcmp(source, "archive") != 0;
	bool archive = !source || strcmp(source, "active") != 0;
	const char *upid = NULL;
	json_t *task = NULL;
	call->result = json_array();
	json_object_foreach(call->sim->tasks, upid, task)
	{
		bool ended = hash_get(task, "exitstatus") != NULL;
		if (strcmp(hash_get(task, "node"), call->node) != 0 ||
				!(ended ? archive : active) ||
				(vmid && strcmp(hash_get(task, "id"), vmid) != 0) ||
				(type && strcmp(hash_get(task, "type"), type) != 0) ||
				!task_is_mine(call, task, "Sys.Audit"))
			continue;
		json_t *item = task_status(task);
		json_object_del(item, "exitstatus");
		json_object_del(item, "status");
		if (ended) {
			hash_set(item, "status", hash_get(task, "exitstatus"));
			json_object_set(item, "endtime", json_object_get(task, "endtime"));
		}
		json_array_insert_new(call->result, 0, item);
	}
	if (json_array_size(call->result)) /* a total of 0 is not told */
		call->more = json_pack("{s:I}", "total", (json_int_t)json_array_size(call->result));
	return 0;
}

/* clang-format off */
static const struct schema task_list[] = {
	PARAM_NODE,
	{.name = "errors", .type = 'b'},
	{.name = "limit", .type = 'i', .min = "0"}, {.name = "start", .type = 'i', .min = "0"},
	{.name = "since", .type = 'i'}, {.name = "until", .type = 'i'},
	{.name = "source", .type = 's', .words = "archive|active|all"},
	{.name = "statusfilter", .type = 's', .format = "pve-task-status-type-list"},
	{.name = "typefilter", .type = 's'}, {.name = "userfilter", .type = 's'},
	{.name = "vmid", .type = 'i', .format = "pve-vmid", .min = "100", .max = "999999999"},
	{0}
};
#define PARAM_UPID {.name = "upid", .type = 's', .needed = true}
static const struct schema by_task[] = {PARAM_NODE, PARAM_UPID, {0}};
static const struct schema task_log[] = {
	PARAM_NODE, PARAM_UPID,
	{.name = "download", .type = 'b'},
	{.name = "limit", .type = 'i', .min = "0"}, {.name = "start", .type = 'i', .min = "0"},
	{0}
};

#define TASKS "/nodes/{node}/tasks"
const struct method task_methods[] = {
	{"GET", TASKS, "all", task_list, NULL, get_tasks, .by_node = true},
	{"GET", TASKS "/{upid}/status", "all", by_task, NULL, get_task_status, .by_node = true, .daemon = true},
	{"GET", TASKS "/{upid}/log", "all", task_log, NULL, get_task_log, .by_node = true, .daemon = true},
	{"DELETE", TASKS "/{upid}", "all", by_task, NULL, delete_task, .by_node = true, .daemon = true},
	{0}
};
/* clang-format on */
