/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/plan/internal.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/pci_mapping.h"
#include "pvegpu/formats/vm_secret.h"
#include "pvegpu/plan/diff.h"

static const char *const kinds[] = {[CHANGE_FILE] = "file",
		[CHANGE_COMMAND] = "command",
		[CHANGE_API] = "api",
		[CHANGE_REBOOT] = "reboot"};
static const char *const operations[] = {
		[FILE_CREATE] = "create", [FILE_EDIT] = "edit", [FILE_DELETE] = "delete"};
static const char *const stages[] = {[STAGE_MAPPING] = "mapping",
		[STAGE_STOP] = "stop",
		[STAGE_SETTINGS] = "settings",
		[STAGE_ATTACH] = "attach",
		[STAGE_START] = "start"};

static json_t *string_or_null(const char *text)
{
	return text && *text ? json_text(text) : json_null();
}

/* File text that is not UTF-8 cannot stand in JSON: those bytes go as base64. */
static void set_content(json_t *object, struct arena *arena, const char *name, const char *text)
{
	if (!text)
		return;
	size_t n = strlen(text);
	if (text_is_utf8(text, n)) {
		(void)json_object_set_new(object, name, json_stringn(text, n));
		return;
	}
	union {
		const char *in; /* cppcheck-suppress unusedStructMember */
		const unsigned char *out;
	} bytes = {.in = text};
	unsigned char *encoded = arena_alloc(arena, (n + 2) / 3 * 4 + 1);
	int length = EVP_EncodeBlock(encoded, bytes.out, (int)n);
	(void)json_object_set_new(object, arena_printf(arena, "%s_base64", name),
			json_stringn((const char *)encoded, (size_t)length));
}

static char *get_content(const json_t *object, struct arena *arena, const char *name)
{
	const json_t *plain = json_object_get(object, name);
	if (json_is_string(plain))
		return arena_memdup(arena, json_string_value(plain), json_string_length(plain));
	const json_t *coded = json_object_get(object, arena_printf(arena, "%s_base64", name));
	if (!json_is_string(coded))
		return NULL;
	size_t n = json_string_length(coded);
	union {
		const char *in;
		const unsigned char *out;
	} bytes = {.in = json_string_value(coded)};
	unsigned char *decoded = arena_alloc(arena, n + 1);
	int length = EVP_DecodeBlock(decoded, bytes.out, (int)n);
	if (length < 0)
		return NULL;
	for (size_t i = n; i > 0 && bytes.in[i - 1] == '='; i--)
		length--;
	decoded[length] = '\0';
	return (char *)decoded;
}

static json_t *params_json(const struct list *params)
{
	json_t *object = json_object();
	for (size_t i = 0; i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		json_t *have = json_object_get(object, param->key);
		/* `map` may come more than once, and is an array however often it does. */
		if (strcmp(param->key, "map") == 0 && !have) {
			have = json_array();
			(void)json_object_set_new(object, param->key, have);
		}
		if (json_is_array(have))
			(void)json_array_append_new(have, json_text(param->value));
		else
			(void)json_object_set_new(object, param->key, json_text(param->value));
	}
	return object;
}

static json_t *change_json(const struct plan *plan, const struct change *change, bool forecast)
{
	struct arena *arena = plan->arena;
	json_t *object = json_pack("{s:I, s:s, s:o, s:o, s:o}", "n", (json_int_t)change->n, "kind",
			kinds[change->kind], "because", json_texts(&change->because), "undo",
			json_text(change->undo), "cost", string_or_null(change->cost));
	switch (change->kind) {
	case CHANGE_FILE:
		(void)json_object_set_new(object, "path", json_text(change->path));
		(void)json_object_set_new(
				object, "operation", json_string(operations[change->operation]));
		(void)json_object_set_new(
				object, "before_sha256", string_or_null(change->before_sha256));
		(void)json_object_set_new(
				object, "after_sha256", string_or_null(change->after_sha256));
		(void)json_object_set_new(object, "mode",
				change->executable                 ? json_string("0755")
				: change->operation == FILE_CREATE ? json_string("0644")
								   : json_null());
		(void)json_object_set_new(object, "makes_directories", json_texts(&change->dirs));
		set_content(object, arena, "diff", change->diff);
		set_content(object, arena, "before", change->before);
		set_content(object, arena, "after", change->after);
		break;
	case CHANGE_COMMAND:
		(void)json_object_set_new(object, "argv", json_texts(&change->argv));
		(void)json_object_set_new(object, "expect",
				json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "not_said",
						json_texts(&change->must_not_say), "harmless",
						json_text(change->harmless), "said",
						json_texts(&change->must_say), "entries_with",
						json_texts(&change->entries_with),
						"entries_without",
						json_texts(&change->entries_without), "entries_in",
						json_text(change->entries_in), "images",
						change->makes_images ? 1 : 0));
		break;
	case CHANGE_API:
		(void)json_object_set_new(
				object, "transport", json_string(plan->api ? "https" : "pvesh"));
		(void)json_object_set_new(object, "method", json_string(change->method));
		(void)json_object_set_new(object, "path", json_text(change->api_path));
		(void)json_object_set_new(object, "params", params_json(&change->params));
		(void)json_object_set_new(
				object, "before_params", params_json(&change->before_params));
		(void)json_object_set_new(object, "stage", json_string(stages[change->stage]));
		(void)json_object_set_new(object, "vmid",
				change->vmid ? json_integer(change->vmid) : json_null());
		(void)json_object_set_new(object, "mapping", json_text(change->mapping));
		(void)json_object_set_new(object, "waits", json_boolean(change->waits));
		if (!forecast)
			(void)json_object_set_new(object, "digest", string_or_null(change->digest));
		(void)json_object_set_new(object, "equivalent", string_or_null(change->equivalent));
		set_content(object, arena, "predicted", change->predicted);
		if (change->predicted)
			(void)json_object_set_new(object, "predicted_from",
					json_string(change->predicted_by_api ? "api" : "file"));
		break;
	case CHANGE_REBOOT:
		(void)json_object_set_new(object, "argv", json_texts(&change->argv));
		break;
	}
	return object;
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
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "schema",
			"pvegpu.plan/1", "id", plan->id, "node", json_text(plan->node), "api",
			json_text(plan->api), "goal", goal_to_json(plan->goal), "changes", changes,
			"forecast", forecast, "refusals", refusals_json(&plan->refusals),
			"accepted", refusals_json(&plan->accepted), "nothing_to_do",
			plan->nothing_to_do ? 1 : 0);
}

static int index_of(const char *text, const char *const *names, int n)
{
	for (int i = 0; text && i < n; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	return -1;
}

static const char *member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void read_strings(struct arena *arena, const json_t *array, struct strings *list)
{
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(array, i, item) if (json_is_string(item))
			strings_add(arena, list, json_string_value(item));
}

static void read_params(struct arena *arena, json_t *object, struct list *list)
{
	const char *key = NULL;
	json_t *value = NULL;
	json_object_foreach(object, key, value)
	{
		for (size_t i = 0; i < json_array_size(value); i++)
			pve_param_add(arena, list, key,
					json_string_value(json_array_get(value, i)));
		if (!json_is_array(value))
			pve_param_add(arena, list, key, json_string_value(value));
	}
}

static bool read_file_change(struct arena *arena, const json_t *json, struct change *change)
{
	int operation = index_of(member(json, "operation"), operations, 3);
	const char *path = member(json, "path");
	if (operation < 0 || !path || path[0] != '/' || strstr(path, "/../"))
		return false;
	change->operation = (enum file_operation)operation;
	change->path = arena_strdup(arena, path);
	const char *mode = member(json, "mode");
	change->executable = mode && strcmp(mode, "0755") == 0;
	read_strings(arena, json_object_get(json, "makes_directories"), &change->dirs);
	for (size_t i = 0; i < change->dirs.n; i++)
		if (!text_starts(path, change->dirs.item[i]) ||
				path[strlen(change->dirs.item[i])] != '/')
			return false;
	change->before = get_content(json, arena, "before");
	change->after = get_content(json, arena, "after");
	if (!change->before != (operation == FILE_CREATE) ||
			!change->after != (operation == FILE_DELETE))
		return false;
	/* Hashes and diff are made again from the content, so that they cannot say another thing.
	 */
	if (change->before)
		hash_sha256(change->before, strlen(change->before), change->before_sha256);
	if (change->after)
		hash_sha256(change->after, strlen(change->after), change->after_sha256);
	change->diff = diff_unified(arena, path, change->before, change->after);
	return true;
}

static bool read_api_change(struct arena *arena, const json_t *json, struct change *change)
{
	int stage = index_of(member(json, "stage"), stages, 5);
	const char *mapping = member(json, "mapping");
	const char *method = member(json, "method");
	const char *path = member(json, "path");
	json_int_t vmid = json_integer_value(json_object_get(json, "vmid"));
	if (stage < 0 || !method || !path)
		return false;
	if (stage == STAGE_MAPPING ? !mapping || !pci_mapping_name_is_valid(mapping)
				   : vmid < 100 || vmid > 999999999)
		return false;
	change->mapping = stage == STAGE_MAPPING ? arena_strdup(arena, mapping) : NULL;
	change->stage = (enum api_stage)stage;
	change->method = arena_strdup(arena, method);
	change->api_path = arena_strdup(arena, path);
	change->vmid = (unsigned)vmid;
	change->digest = arena_strdup(arena, member(json, "digest"));
	change->waits = json_is_true(json_object_get(json, "waits"));
	change->equivalent = arena_strdup(arena, member(json, "equivalent"));
	if (!change->equivalent)
		change->equivalent = arena_strdup(arena, "");
	/* A plan saved by an older version has them. */
	change->predicted = vm_secret_diff(arena, get_content(json, arena, "predicted"));
	const char *from = member(json, "predicted_from");
	change->predicted_by_api = from && strcmp(from, "api") == 0;
	read_params(arena, json_object_get(json, "params"), &change->params);
	read_params(arena, json_object_get(json, "before_params"), &change->before_params);
	for (size_t i = 0; i < change->params.n; i++) {
		const struct pve_param *param = change->params.item[i];
		if (!param->value || vm_secret_key(param->key)) /* none of ours sets a secret */
			return false;
	}
	return true;
}

static struct change *read_change(struct arena *arena, const json_t *json)
{
	int kind = index_of(member(json, "kind"), kinds, 4);
	if (kind < 0)
		return NULL;
	struct change *change = arena_alloc(arena, sizeof *change);
	change->kind = (enum change_kind)kind;
	change->n = (size_t)json_integer_value(json_object_get(json, "n"));
	read_strings(arena, json_object_get(json, "because"), &change->because);
	change->undo = arena_strdup(arena, member(json, "undo") ? member(json, "undo") : "");
	change->cost = arena_strdup(arena, member(json, "cost"));
	if (kind == CHANGE_COMMAND || kind == CHANGE_REBOOT)
		read_strings(arena, json_object_get(json, "argv"), &change->argv);
	if (kind == CHANGE_COMMAND) {
		const json_t *expect = json_object_get(json, "expect");
		read_strings(arena, json_object_get(expect, "not_said"), &change->must_not_say);
		change->harmless = arena_strdup(arena, member(expect, "harmless"));
		read_strings(arena, json_object_get(expect, "said"), &change->must_say);
		read_strings(arena, json_object_get(expect, "entries_with"), &change->entries_with);
		read_strings(arena, json_object_get(expect, "entries_without"),
				&change->entries_without);
		change->entries_in = arena_strdup(arena, member(expect, "entries_in"));
		change->makes_images = json_is_true(json_object_get(expect, "images"));
	}
	bool fine = kind == CHANGE_FILE  ? read_file_change(arena, json, change)
		    : kind == CHANGE_API ? read_api_change(arena, json, change)
					 : change->argv.n > 0;
	return fine ? change : NULL;
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
		change->n = plan->changes.n + plan->forecast.n +
			    1; /* by its place, whatever it says */
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
		const char *check = member(item, "check");
		const char *subject = member(item, "subject");
		const char *reason = member(item, "reason");
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
		const char *check = member(item, "check");
		const char *subject = member(item, "subject");
		const char *reason = member(item, "reason");
		if (check && subject && reason)
			plan_accept(plan, check, subject, reason);
	}
}

static int read_plan(const json_t *json, struct plan **ret_plan, struct error *err)
{
	const char *schema = member(json, "schema");
	if (!schema || strcmp(schema, "pvegpu.plan/1") != 0 || !member(json, "id"))
		return error_set(err, ERROR_PARSE, "this is not a plan made by 'pvegpu plan'");
	struct goal *goal = NULL;
	int status = goal_from_json(json_object_get(json, "goal"), &goal, err);
	if (status < 0)
		return status;
	struct plan *plan = plan_new(goal, member(json, "node"));
	plan->api = arena_strdup(plan->arena, member(json, "api"));
	goal_free(goal);
	if (!read_changes(plan, json_object_get(json, "changes"), &plan->changes) ||
			!read_changes(plan, json_object_get(json, "forecast"), &plan->forecast)) {
		plan_free(plan);
		return error_set(err, ERROR_PARSE, "a change of the plan cannot be understood");
	}
	read_refusals(plan, json_object_get(json, "refusals"));
	read_accepted(plan, json_object_get(json, "accepted"));
	plan->nothing_to_do = plan->changes.n == 0 && plan->forecast.n == 0;
	plan->sealed = true;
	plan_hash(plan, plan->id);
	*ret_plan = plan;
	return 0;
}

int plan_from_json(const json_t *json, struct plan **ret_plan, struct error *err)
{
	struct plan *plan = NULL;
	int status = read_plan(json, &plan, err);
	if (status < 0 || !plan)
		return status;
	if (strcmp(plan->id, member(json, "id")) != 0) {
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

/* Runs of before all that is expected of a command stood in its plan: two were known by name. */
static void add_expectations(struct plan *plan, const json_t *changes)
{
	for (size_t i = 0; i < plan->changes.n; i++) {
		struct change *change = plan->changes.item[i];
		const json_t *expect = json_object_get(json_array_get(changes, i), "expect");
		if (!change_is_command(change) || json_object_get(expect, "images"))
			continue;
		const char *name = change->argv.item[0];
		change->makes_images = strcmp(name, "update-initramfs") == 0;
		if (strcmp(name, "update-grub") == 0)
			change->entries_in = arena_strdup(plan->arena, "/boot/grub/grub.cfg");
	}
}

int plan_from_journal(const json_t *json, struct plan **ret_plan, struct error *err)
{
	struct plan *plan = NULL;
	int status = read_plan(json, &plan, err);
	if (status < 0 || !plan)
		return status;
	if (strcmp(plan->id, member(json, "id")) != 0)
		plan_hash_changes(plan, plan->id);
	if (strcmp(plan->id, member(json, "id")) != 0) {
		plan_free(plan);
		return error_set(err, ERROR_PARSE,
				"the plan's content does not match its id: it was edited");
	}
	add_expectations(plan, json_object_get(json, "changes"));
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
