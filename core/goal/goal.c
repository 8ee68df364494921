/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/goal/goal.h"

#include <stddef.h>
#include <string.h>

#include "pvegpu/base/json.h"

const struct goal_choice goal_choices[] = {
		{"modules", offsetof(struct goal, modules), "modules", "no-modules",
				"load the vfio modules at boot (/etc/modules)"},
		{"bind_early", offsetof(struct goal, bind_early), "bind=early", "bind=at-start",
				"give the GPU to vfio-pci at boot, or let PVE do it at VM start"},
		{"pcie", offsetof(struct goal, pcie), "pcie", "no-pcie",
				"show the GPU to the guest as a PCIe device (needs q35)"},
		{"x_vga", offsetof(struct goal, x_vga), "x-vga", "no-x-vga",
				"make the GPU the guest's primary display"},
		{"machine_q35", offsetof(struct goal, machine_q35), "q35", "no-q35",
				"change the VM's machine type to q35"},
		{"cpu_host", offsetof(struct goal, cpu_host), "cpu-host", "no-cpu-host",
				"change the VM's CPU type to host"},
		{"tablet_off", offsetof(struct goal, tablet_off), "no-tablet", "tablet",
				"remove the VM's USB tablet"},
		{"by_mapping", offsetof(struct goal, by_mapping), "by-mapping", "by-address",
				"attach by a PCI mapping, as an API token must, or by address"},
		{"mapping_functions", offsetof(struct goal, mapping_functions),
				"mapping-per-function", "mapping-per-slot",
				"one mapping for each function, or one for the whole slot"},
		{"fix_mappings", offsetof(struct goal, fix_mappings), "fix-mappings",
				"no-fix-mappings",
				"mend mappings that name another device than there is"},
		{"attach", offsetof(struct goal, attach), "attach", "no-attach",
				"give the GPU to the VM, or leave it to settings alone"},
		{"start", offsetof(struct goal, start), "start", "no-start",
				"start the VM after attaching; of one that runs: again, so that "
				"what is set counts now"},
		{"fallback_entry", offsetof(struct goal, fallback_entry), "fallback-entry",
				"no-fallback-entry",
				"a boot entry that starts the host as it was (GRUB)"},
		{"clean_up", offsetof(struct goal, clean_up), "clean-up", "no-clean-up",
				"take out what old guides and other tools left without effect"},
		{"advised", offsetof(struct goal, advised), "advised", "no-advised",
				"also what is advised; --clean-up by itself leaves it out"},
		{"firmware_setup", offsetof(struct goal, firmware_setup), "firmware-setup",
				"no-firmware-setup", "restart into the firmware setup (once)"},
		{0},
};

enum choice *goal_choice_at(struct goal *goal, const struct goal_choice *choice)
{
	return (enum choice *)(void *)((char *)goal + choice->offset);
}

static enum choice choice_value(const struct goal *goal, const struct goal_choice *choice)
{
	return *(const enum choice *)(const void *)((const char *)goal + choice->offset);
}

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
	copy_strings(copy->arena, &copy->params, &goal->params);
	copy_strings(copy->arena, &copy->params_unwanted, &goal->params_unwanted);
	copy_strings(copy->arena, &copy->accepted, &goal->accepted);
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++)
		*goal_choice_at(copy, choice) = choice_value(goal, choice);
	return copy;
}

void goal_free(struct goal *goal)
{
	if (goal)
		arena_free(goal->arena);
}

static void take_out(struct strings *list, const char *text)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->item[i], text) != 0)
			list->item[kept++] = list->item[i];
	list->n = kept;
}

void goal_param(struct goal *goal, const char *word, bool wanted)
{
	take_out(&goal->params, word);
	take_out(&goal->params_unwanted, word);
	strings_add(goal->arena, wanted ? &goal->params : &goal->params_unwanted, word);
}

void goal_param_forget(struct goal *goal, const char *word)
{
	take_out(&goal->params, word);
	take_out(&goal->params_unwanted, word);
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

json_t *goal_to_json(const struct goal *goal)
{
	json_t *options = json_object();
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		enum choice value = choice_value(goal, choice);
		if (value != CHOICE_ADVISED)
			(void)json_object_set_new(
					options, choice->name, json_boolean(value == CHOICE_YES));
	}
	(void)json_object_set_new(options, "params", json_texts(&goal->params));
	(void)json_object_set_new(options, "params_unwanted", json_texts(&goal->params_unwanted));
	(void)json_object_set_new(options, "accepted", json_texts(&goal->accepted));
	(void)json_object_set_new(options, "mapping_devices", json_texts(&goal->mapping_devices));
	(void)json_object_set_new(options, "delete_mapping", json_text(goal->delete_mapping));
	return json_pack("{s:o, s:o, s:o, s:o}", "gpus", json_texts(&goal->gpus), "vmid",
			goal->vmid ? json_integer(goal->vmid) : json_null(), "mapping",
			json_text(goal->mapping), "options", options);
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
	json_int_t vmid = json_integer_value(json_object_get(json, "vmid"));
	goal->vmid = vmid > 0 && vmid <= 999999999 ? (unsigned)vmid : 0;
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
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		const json_t *value = json_object_get(options, choice->name);
		if (json_is_boolean(value))
			*goal_choice_at(goal, choice) =
					json_is_true(value) ? CHOICE_YES : CHOICE_NO;
	}
	*ret_goal = goal;
	return 0;
}
