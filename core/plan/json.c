/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/plan/internal.h"
#include "pvegpu/base/json.h"

static json_t *change_json(const struct plan *plan, const struct change *change, bool forecast)
{
	json_t *object = json_pack("{s:I, s:s, s:o, s:o, s:o, s:o}", "n", (json_int_t)change->n,
			"kind", change->kind->name, "node", json_text(plan->node), "because",
			json_texts(&change->because), "undo", json_text(change->undo), "cost",
			json_text_or_null(change->cost));
	change->kind->to_json(object, plan, change, forecast);
	return object;
}

static json_t *consequences_json(const struct plan *plan)
{
	json_t *array = json_array();
	for (size_t i = 0; i < plan->consequences.n; i++) {
		const struct consequence *one = plan->consequences.item[i];
		(void)json_array_append_new(array,
				json_pack("{s:s, s:o, s:o}", "kind", consequence_names[one->kind],
						"subject", json_text(one->subject), "text",
						json_text(one->text)));
	}
	return array;
}

static json_t *refusals_json(const struct list *list)
{
	json_t *array = json_array();
	for (size_t i = 0; i < list->n; i++) {
		const struct refusal *refusal = list->item[i];
		(void)json_array_append_new(
				array, json_pack("{s:o, s:o, s:o, s:b}", "check",
						       json_text(refusal->check), "subject",
						       json_text(refusal->subject), "reason",
						       json_text(refusal->reason), "acceptable",
						       refusal->acceptable ? 1 : 0));
	}
	return array;
}

json_t *plan_to_json(const struct plan *plan)
{
	json_t *changes = json_array();
	json_t *forecast = json_array();
	for (size_t i = 0; i < plan->changes.n; i++)
		(void)json_array_append_new(
				changes, change_json(plan, plan->changes.item[i], false));
	for (size_t i = 0; i < plan->forecast.n; i++)
		(void)json_array_append_new(
				forecast, change_json(plan, plan->forecast.item[i], true));
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "schema",
			"pvegpu.plan/1", "id", plan->id, "node", json_text(plan->node), "api",
			json_text(plan->api), "goal", goal_to_json(plan->goal), "consequences",
			consequences_json(plan), "changes", changes, "forecast", forecast,
			"refusals", refusals_json(&plan->refusals), "accepted",
			refusals_json(&plan->accepted), "nothing_to_do",
			plan->nothing_to_do ? 1 : 0);
}

static const struct change_kind *find_kind(const char *name)
{
	for (const struct change_kind *const *kind = change_kinds; name && *kind; kind++)
		if (strcmp((*kind)->name, name) == 0)
			return *kind;
	return NULL;
}

static struct change *read_change(struct arena *arena, const json_t *json)
{
	const char *undo = json_member(json, "undo");
	struct change *change = arena_alloc(arena, sizeof *change);
	change->kind = find_kind(json_member(json, "kind"));
	json_read_strings(arena, json_object_get(json, "because"), &change->because);
	change->undo = arena_strdup(arena, undo ? undo : "");
	change->cost = arena_strdup(arena, json_member(json, "cost"));
	return change->kind && change->kind->from_json(arena, json, change) ? change : NULL;
}

static bool read_changes(struct plan *plan, const json_t *array, struct list *list)
{
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(array, i, item)
	{
		struct change *change = read_change(plan->arena, item);
		if (!change)
			return false;
		list_add(plan->arena, list, change);
	}
	return json_is_array(array);
}

static void read_refusals(struct plan *plan, const json_t *array)
{
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(array, i, item)
	{
		const char *check = json_member(item, "check");
		const char *subject = json_member(item, "subject");
		const char *reason = json_member(item, "reason");
		plan_refuse(plan, check ? check : "?", subject ? subject : "?",
				reason ? reason : "",
				json_is_true(json_object_get(item, "acceptable")));
	}
}

static void read_accepted(struct plan *plan, const json_t *array)
{
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(array, i, item)
	{
		const char *check = json_member(item, "check");
		const char *subject = json_member(item, "subject");
		const char *reason = json_member(item, "reason");
		if (check && subject && reason)
			plan_accept(plan, check, subject, reason);
	}
}

static int read_plan(const json_t *json, struct plan **ret_plan, struct error *err)
{
	const char *schema = json_member(json, "schema");
	if (!schema || strcmp(schema, "pvegpu.plan/1") != 0 || !json_member(json, "id"))
		return error_set(err, ERROR_PARSE, "this is not a plan made by 'pvegpu plan'");
	struct goal *goal = NULL;
	int status = goal_from_json(json_object_get(json, "goal"), &goal, err);
	if (status < 0)
		return status;
	struct plan *plan = plan_new(goal, json_member(json, "node"));
	plan->api = arena_strdup(plan->arena, json_member(json, "api"));
	goal_free(goal);
	if (!read_changes(plan, json_object_get(json, "changes"), &plan->changes) ||
			!read_changes(plan, json_object_get(json, "forecast"), &plan->forecast)) {
		plan_free(plan);
		return error_set(err, ERROR_PARSE, "a change of the plan cannot be understood");
	}
	read_refusals(plan, json_object_get(json, "refusals"));
	read_accepted(plan, json_object_get(json, "accepted"));
	plan_seal(plan); /* numbered by its place, whatever it says */
	*ret_plan = plan;
	return 0;
}

int plan_from_json(const json_t *json, struct plan **ret_plan, struct error *err)
{
	struct plan *plan = NULL;
	int status = read_plan(json, &plan, err);
	if (status < 0 || !plan)
		return status;
	if (strcmp(plan->id, json_member(json, "id")) != 0) {
		(void)error_set(err, ERROR_PARSE,
				"the plan's content does not match its id: it was edited");
		error_hint(err, "make a new plan with 'pvegpu plan --out FILE'");
		plan_free(plan);
		return ERROR_PARSE;
	}
	*ret_plan = plan;
	return 0;
}

/* A pipe or a device takes the text as it comes. */
static int write_to_stream(const char *path, const char *text, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int number = n < 0 ? errno : ENOSPC;
	if (fd >= 0)
		(void)close(fd);
	return n == (ssize_t)strlen(text) ? 0
					  : error_set_errno(err, number, "cannot write '%s'", path);
}

int plan_from_journal(const json_t *json, struct plan **ret_plan, struct error *err)
{
	struct plan *plan = NULL;
	int status = read_plan(json, &plan, err);
	if (status < 0 || !plan)
		return status;
	for (int goal = 1; goal >= 0 && strcmp(plan->id, json_member(json, "id")) != 0; goal--)
		plan_hash_older(plan, goal > 0, plan->id);
	if (strcmp(plan->id, json_member(json, "id")) != 0) {
		plan_free(plan);
		return error_set(err, ERROR_PARSE,
				"the plan's content does not match its id: it was edited");
	}
	const json_t *changes = json_object_get(json, "changes");
	for (size_t i = 0; i < plan->changes.n; i++)
		plan_add_older_expectations(
				plan->arena, json_array_get(changes, i), plan->changes.item[i]);
	*ret_plan = plan;
	return 0;
}

int plan_save(const struct plan *plan, const char *path, struct error *err)
{
	struct stat status;
	bool there = lstat(path, &status) == 0;
	if (there && S_ISLNK(status.st_mode)) {
		(void)error_set(err, ERROR_IO, "cannot write the plan to '%s': it is a link", path);
		error_hint(err, "name the file itself, or another one");
		return ERROR_IO;
	}
	json_t *json = plan_to_json(plan);
	char *text = json_dumps(json, JSON_INDENT(2));
	json_decref(json);
	int result = !text ? error_set(err, ERROR_IO, "the plan cannot be written as JSON")
		     : there && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)
				     ? write_to_stream(path, text, err)
				     : root_replace_own(path, text, err);
	free(text);
	return result;
}

int plan_load(const char *path, struct plan **ret_plan, struct error *err)
{
	json_t *json = NULL;
	int status = json_read_file(path, "a saved plan", &json, err);
	if (status < 0)
		return status;
	status = plan_from_json(json, ret_plan, err);
	json_decref(json);
	return status;
}
