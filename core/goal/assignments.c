/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "core/goal/internal.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/pci_mapping.h"

/* Which device goes to which guest, of a goal with more than one of either. */

enum { VMID_MIN = 100, VMID_MAX = 999999999 };

struct assignment *assignment_add(struct goal *goal, const char *device, unsigned vmid)
{
	struct assignment *assignment = arena_alloc(goal->arena, sizeof *assignment);
	assignment->device = arena_strdup(goal->arena, device);
	assignment->vmid = vmid;
	for (int id = 0; id < CHOICES; id++)
		assignment->chosen[id] = CHOICE_ADVISED;
	list_add(goal->arena, &goal->assignments, assignment);
	return assignment;
}

static int set_option(struct goal *goal, struct assignment *assignment, const char *option,
		struct error *err)
{
	if (text_starts(option, "mapping=")) {
		const char *name = option + strlen("mapping=");
		if (!pci_mapping_name_is_valid(name))
			return error_set(err, ERROR_USAGE, "'%s' is no name for a mapping", name);
		assignment->mapping = arena_strdup(goal->arena, name);
		return 0;
	}
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		bool yes = strcmp(option, choice->yes) == 0;
		if (choice->scope != SCOPE_ASSIGNMENT || (!yes && strcmp(option, choice->no) != 0))
			continue;
		assignment->chosen[choice->id] = yes ? CHOICE_YES : CHOICE_NO;
		return 0;
	}
	(void)error_set(err, ERROR_USAGE, "'%s' is nothing that is chosen for a device alone",
			option);
	struct text text = {0};
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++)
		if (choice->scope == SCOPE_ASSIGNMENT)
			text_addf(&text, "%s %s ", choice->yes, choice->no);
	error_hint(err, "%smapping=NAME", text_string(&text));
	text_free(&text);
	return ERROR_USAGE;
}

int goal_assign(struct goal *goal, const char *text, struct error *err)
{
	const char *equals = strrchr(text, '=');
	unsigned long vmid = 0;
	if (!equals || !text_to_ulong(equals + 1, 10, VMID_MAX, &vmid) || vmid < VMID_MIN) {
		(void)error_set(err, ERROR_USAGE, "'%s' does not end in =VMID (100 to 999999999)",
				text);
		error_hint(err, "DEVICE[,OPTION...]=VMID: 01:00=106, or 01:00,x-vga=106");
		return ERROR_USAGE;
	}
	char *words = arena_strndup(goal->arena, text, (size_t)(equals - text));
	char *option = strchr(words, ',');
	if (option)
		*option++ = '\0';
	if (!*words)
		return error_set(err, ERROR_USAGE, "'%s' names no device", text);
	struct assignment *assignment = assignment_add(goal, words, (unsigned)vmid);
	while (option) {
		char *next = strchr(option, ',');
		if (next)
			*next++ = '\0';
		int status = set_option(goal, assignment, option, err);
		if (status < 0)
			return status;
		option = next;
	}
	return 0;
}

/* The goal as if it had nothing but this device. */
static struct goal *part_of(
		struct arena *arena, const struct goal *goal, const char *device, unsigned vmid)
{
	struct goal *part = arena_alloc(arena, sizeof *part);
	*part = *goal;
	part->arena = arena;
	part->vmid = vmid;
	part->gpus = (struct strings){0};
	part->assignments = (struct list){0};
	if (device)
		strings_add(arena, &part->gpus, device);
	return part;
}

struct list goal_parts(struct arena *arena, const struct goal *goal)
{
	struct list parts = {0};
	for (size_t i = 0; i < goal->gpus.n; i++)
		list_add(arena, &parts, part_of(arena, goal, goal->gpus.item[i], goal->vmid));
	for (size_t i = 0; i < goal->assignments.n; i++) {
		const struct assignment *assignment = goal->assignments.item[i];
		struct goal *part = part_of(arena, goal, assignment->device, assignment->vmid);
		for (int id = 0; id < CHOICES; id++)
			if (assignment->chosen[id] != CHOICE_ADVISED)
				part->chosen[id] = assignment->chosen[id];
		part->mapping = assignment->mapping;
		list_add(arena, &parts, part);
	}
	if (!parts.n || (goal->vmid && !goal->gpus.n))
		list_add(arena, &parts, part_of(arena, goal, NULL, goal->vmid));
	return parts;
}

char *goal_text(struct arena *arena, const struct goal *goal)
{
	struct text text = {0};
	if (goal->gpus.n)
		text_addf(&text, "GPU %s", strings_join(arena, &goal->gpus, ", "));
	if (goal->gpus.n && goal->vmid)
		text_addf(&text, " to VM %u", goal->vmid);
	for (size_t i = 0; i < goal->assignments.n; i++) {
		const struct assignment *assignment = goal->assignments.item[i];
		text_addf(&text, "%sGPU %s to VM %u", text.n ? "; " : "", assignment->device,
				assignment->vmid);
	}
	return text.n ? text_take(&text, arena) : NULL;
}

void goal_forget_devices(struct goal *goal)
{
	goal->gpus = (struct strings){0};
	goal->assignments = (struct list){0};
	goal->vmid = 0;
}

static json_t *to_json(const char *device, unsigned vmid, json_t *options)
{
	return json_pack("{s:o, s:o, s:o}", "device", json_text(device), "guest",
			vmid ? json_integer(vmid) : json_null(), "options", options);
}

json_t *assignments_to_json(const struct goal *goal)
{
	json_t *array = json_array();
	for (size_t i = 0; goal->vmid && i < goal->gpus.n; i++)
		(void)json_array_append_new(
				array, to_json(goal->gpus.item[i], goal->vmid, json_object()));
	for (size_t i = 0; i < goal->assignments.n; i++) {
		const struct assignment *assignment = goal->assignments.item[i];
		json_t *options = goal_choices_json(assignment->chosen);
		if (assignment->mapping)
			(void)json_object_set_new(
					options, "mapping", json_text(assignment->mapping));
		(void)json_array_append_new(
				array, to_json(assignment->device, assignment->vmid, options));
	}
	return array;
}

unsigned goal_vmid_of(const json_t *number)
{
	json_int_t vmid = json_integer_value(number);
	return vmid > 0 && vmid <= VMID_MAX ? (unsigned)vmid : 0;
}

void assignments_from_json(struct goal *goal, const json_t *array)
{
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(array, i, item)
	{
		const char *device = json_string_value(json_object_get(item, "device"));
		const json_t *options = json_object_get(item, "options");
		unsigned vmid = goal_vmid_of(json_object_get(item, "guest"));
		if (!device || !vmid || strings_has(&goal->gpus, device))
			continue;
		struct assignment *assignment = assignment_add(goal, device, vmid);
		goal_set_choices(assignment->chosen, options);
		assignment->mapping = arena_strdup(goal->arena,
				json_string_value(json_object_get(options, "mapping")));
	}
}
