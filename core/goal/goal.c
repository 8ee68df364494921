/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/goal/goal.h"

#include <string.h>

#include "core/goal/internal.h"
#include "pvegpu/base/json.h"

struct goal *goal_new(void)
{
	struct arena *arena = arena_new();
	struct goal *goal = arena_alloc(arena, sizeof *goal);
	goal->arena = arena;
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++)
		*goal_choice_at(goal, choice) = CHOICE_ADVISED;
	return goal;
}

static void copy_strings(struct arena *arena, struct strings *to, const struct strings *from)
{
	for (size_t i = 0; i < from->n; i++)
		strings_add(arena, to, from->item[i]);
}

struct goal *goal_copy(const struct goal *goal)
{
	struct goal *copy = goal_new();
	copy->vmid = goal->vmid;
	copy->mapping = arena_strdup(copy->arena, goal->mapping);
	copy->delete_mapping = arena_strdup(copy->arena, goal->delete_mapping);
	copy_strings(copy->arena, &copy->mapping_devices, &goal->mapping_devices);
	copy_strings(copy->arena, &copy->gpus, &goal->gpus);
	copy_strings(copy->arena, &copy->cards, &goal->cards);
	copy_strings(copy->arena, &copy->params, &goal->params);
	copy_strings(copy->arena, &copy->params_unwanted, &goal->params_unwanted);
	copy_strings(copy->arena, &copy->accepted, &goal->accepted);
	assignments_copy(copy, goal);
	devices_copy(copy, goal);
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++)
		*goal_choice_at(copy, choice) = goal->chosen[choice->id];
	values_copy(copy->arena, copy->values, goal->values);
	return copy;
}

void goal_free(struct goal *goal)
{
	if (goal)
		arena_free(goal->arena);
}

const char *goal_card_of(const struct goal *goal, const char *device)
{
	size_t n = strlen(device);
	for (size_t i = 0; i < goal->cards.n; i++)
		if (text_starts(goal->cards.item[i], device) && goal->cards.item[i][n] == '=')
			return goal->cards.item[i] + n + 1;
	return NULL;
}

void goal_know_card(struct goal *goal, const char *device, const char *fingerprint)
{
	const char *before = goal_card_of(goal, device);
	if (before)
		strings_remove(&goal->cards, arena_printf(goal->arena, "%s=%s", device, before));
	if (fingerprint)
		strings_add(goal->arena, &goal->cards,
				arena_printf(goal->arena, "%s=%s", device, fingerprint));
}

void goal_param(struct goal *goal, const char *word, bool wanted)
{
	strings_remove(&goal->params, word);
	strings_remove(&goal->params_unwanted, word);
	strings_add(goal->arena, wanted ? &goal->params : &goal->params_unwanted, word);
}

void goal_param_forget(struct goal *goal, const char *word)
{
	strings_remove(&goal->params, word);
	strings_remove(&goal->params_unwanted, word);
}

void goal_accept(struct goal *goal, const char *check, const char *subject)
{
	if (!goal_accepted(goal, check, subject))
		strings_add(goal->arena, &goal->accepted,
				arena_printf(goal->arena, "%s=%s", check, subject));
}

bool goal_accepted(const struct goal *goal, const char *check, const char *subject)
{
	size_t n = strlen(check);
	for (size_t i = 0; i < goal->accepted.n; i++) {
		const char *text = goal->accepted.item[i];
		if (strncmp(text, check, n) == 0 && text[n] == '=' &&
				strcmp(text + n + 1, subject) == 0)
			return true;
	}
	return false;
}

void goal_set_choices(
		struct arena *arena, enum choice *chosen, char **values, const json_t *options)
{
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		const json_t *value = json_object_get(options, choice->name);
		if (choice->form && choice->scope != SCOPE_DEVICE)
			values[choice->id] = value_from_json(arena, choice->form, value);
		else if (!choice->form && json_is_boolean(value))
			chosen[choice->id] = json_is_true(value) ? CHOICE_YES : CHOICE_NO;
	}
}

json_t *goal_choices_json(const enum choice *chosen, char *const *values)
{
	json_t *options = json_object();
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		const char *value = values[choice->id];
		if (chosen[choice->id] != CHOICE_ADVISED)
			(void)json_object_set_new(options, choice->name,
					json_boolean(chosen[choice->id] == CHOICE_YES));
		else if (choice->form && value)
			(void)json_object_set_new(
					options, choice->name, value_to_json(choice->form, value));
	}
	return options;
}

json_t *goal_to_json(const struct goal *goal)
{
	json_t *options = goal_choices_json(goal->chosen, goal->values);
	(void)json_object_set_new(options, "params", json_texts(&goal->params));
	(void)json_object_set_new(options, "params_unwanted", json_texts(&goal->params_unwanted));
	(void)json_object_set_new(options, "accepted", json_texts(&goal->accepted));
	(void)json_object_set_new(options, "mapping_devices", json_texts(&goal->mapping_devices));
	(void)json_object_set_new(options, "delete_mapping", json_text(goal->delete_mapping));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cards",
			json_texts(&goal->cards), "gpus", json_texts(&goal->gpus), "vmid",
			goal->vmid ? json_integer(goal->vmid) : json_null(), "mapping",
			json_text(goal->mapping), "options", options, "assignments",
			assignments_to_json(goal), "guests", guests_to_json(goal), "devices",
			devices_to_json(goal));
}

static void strings_from_json(struct arena *arena, const json_t *array, struct strings *list)
{
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(array, i, item) if (json_is_string(item))
			strings_add(arena, list, json_string_value(item));
}

int goal_from_json(const json_t *json, struct goal **ret_goal, struct error *err)
{
	const json_t *options = json_object_get(json, "options");
	if (!json_is_object(json) || !json_is_object(options))
		return error_set(err, ERROR_PARSE, "the goal is not a JSON object with options");
	struct goal *goal = goal_new();
	strings_from_json(goal->arena, json_object_get(json, "gpus"), &goal->gpus);
	strings_from_json(goal->arena, json_object_get(json, "cards"), &goal->cards);
	goal->vmid = goal_vmid_of(json_object_get(json, "vmid"));
	strings_from_json(goal->arena, json_object_get(options, "params"), &goal->params);
	strings_from_json(goal->arena, json_object_get(options, "params_unwanted"),
			&goal->params_unwanted);
	strings_from_json(goal->arena, json_object_get(options, "accepted"), &goal->accepted);
	strings_from_json(goal->arena, json_object_get(options, "mapping_devices"),
			&goal->mapping_devices);
	goal->mapping = arena_strdup(
			goal->arena, json_string_value(json_object_get(json, "mapping")));
	goal->delete_mapping = arena_strdup(
			goal->arena, json_string_value(json_object_get(options, "delete_mapping")));
	goal_set_choices(goal->arena, goal->chosen, goal->values, options);
	assignments_from_json(goal, json_object_get(json, "assignments"));
	guests_from_json(goal, json_object_get(json, "guests"));
	devices_from_json(goal, json_object_get(json, "devices"));
	*ret_goal = goal;
	return 0;
}
