/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "core/goal/internal.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/pci_address.h"
#include "pvegpu/formats/pci_mapping.h"

/* Which device goes to which guest, of a goal with more than one of either. */

enum { VMID_MIN = 100, VMID_MAX = 999999999 };

/* Its choices, which are none yet where it had none. */
static struct guest_goal *guest_at(struct goal *goal, unsigned vmid)
{
	for (size_t i = 0; i < goal->guests.n; i++) {
		struct guest_goal *guest = goal->guests.item[i];
		if (guest->vmid == vmid)
			return guest;
	}
	struct guest_goal *guest = arena_alloc(goal->arena, sizeof *guest);
	guest->vmid = vmid;
	for (int id = 0; id < CHOICES; id++)
		guest->chosen[id] = CHOICE_ADVISED;
	list_add(goal->arena, &goal->guests, guest);
	return guest;
}

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

void assignments_copy(struct goal *to, const struct goal *from)
{
	for (size_t i = 0; i < from->assignments.n; i++) {
		const struct assignment *assignment = from->assignments.item[i];
		struct assignment *copy = assignment_add(to, assignment->device, assignment->vmid);
		memcpy(copy->chosen, assignment->chosen, sizeof copy->chosen);
		values_copy(to->arena, copy->values, assignment->values);
		copy->mapping = arena_strdup(to->arena, assignment->mapping);
	}
	for (size_t i = 0; i < from->guests.n; i++) {
		const struct guest_goal *guest = from->guests.item[i];
		struct guest_goal *copy = guest_at(to, guest->vmid);
		memcpy(copy->chosen, guest->chosen, sizeof guest->chosen);
		values_copy(to->arena, copy->values, guest->values);
	}
}

/* What is chosen for a device or a guest is chosen once. */
static int set_choice(struct goal *goal, struct assignment *assignment,
		const struct goal_choice *choice, enum choice value, struct error *err)
{
	bool device = choice->scope == SCOPE_ASSIGNMENT;
	enum choice *at = device ? &assignment->chosen[choice->id]
				 : &guest_at(goal, assignment->vmid)->chosen[choice->id];
	if (*at != CHOICE_ADVISED && *at != value)
		return error_set(err, ERROR_USAGE, "'%s' and '%s' are both chosen for %s",
				choice->yes, choice->no,
				device ? assignment->device
				       : arena_printf(goal->arena, "guest %u", assignment->vmid));
	*at = value;
	return 0;
}

/* The same of a value. */
static int set_value(struct goal *goal, struct assignment *assignment,
		const struct goal_choice *choice, const char *typed, struct error *err)
{
	bool device = choice->scope == SCOPE_ASSIGNMENT;
	char **at = device ? &assignment->values[choice->id]
			   : &guest_at(goal, assignment->vmid)->values[choice->id];
	char *value = NULL;
	char *plain = arena_strdup(goal->arena, typed);
	for (char *c = strchr(plain, '+'); choice->form->list && c; c = strchr(c, '+'))
		*c = ',';
	int status = value_read(goal->arena, choice, plain, &value, err);
	if (status == 0 && *at && strcmp(*at, value) != 0)
		status = error_set(err, ERROR_USAGE, "%s is chosen twice: '%s' and '%s'",
				choice->yes, *at, value);
	if (status == 0)
		*at = value;
	return status;
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
		bool own = choice->scope == SCOPE_ASSIGNMENT || choice->scope == SCOPE_GUEST;
		bool yes = strcmp(option, choice->yes) == 0;
		size_t n = strlen(choice->yes);
		if (own && choice->form && text_starts(option, choice->yes) && option[n] == '=')
			return set_value(goal, assignment, choice, option + n + 1, err);
		if (own && !choice->form && (yes || strcmp(option, choice->no) == 0))
			return set_choice(goal, assignment, choice, yes ? CHOICE_YES : CHOICE_NO,
					err);
	}
	(void)error_set(err, ERROR_USAGE,
			"'%s' is nothing that is chosen for a device or a guest alone", option);
	struct text text = {0};
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++)
		if (choice->scope == SCOPE_ASSIGNMENT || choice->scope == SCOPE_GUEST)
			text_addf(&text, "%s%s%s ", choice->yes, choice->form ? "=" : " ",
					choice->form ? choice->form->word : choice->no);
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

static void choose_by(struct goal *part, const enum choice *chosen, char *const *values)
{
	for (int id = 0; id < CHOICES; id++) {
		if (chosen[id] != CHOICE_ADVISED)
			part->chosen[id] = chosen[id];
		if (values[id])
			part->values[id] = values[id];
	}
}

/* The goal as if it had nothing but this device, for this guest. */
static struct goal *part_of(
		struct arena *arena, const struct goal *goal, const char *device, unsigned vmid)
{
	struct goal *part = arena_alloc(arena, sizeof *part);
	*part = *goal;
	part->arena = arena;
	part->vmid = vmid;
	part->gpus = (struct strings){0};
	part->assignments = (struct list){0};
	part->guests = (struct list){0};
	if (device)
		strings_add(arena, &part->gpus, device);
	for (size_t i = 0; i < goal->guests.n; i++) {
		const struct guest_goal *guest = goal->guests.item[i];
		if (guest->vmid == vmid)
			choose_by(part, guest->chosen, guest->values);
	}
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
		choose_by(part, assignment->chosen, assignment->values);
		part->mapping = assignment->mapping;
		list_add(arena, &parts, part);
	}
	if (!parts.n || (goal->vmid && !goal->gpus.n))
		list_add(arena, &parts, part_of(arena, goal, NULL, goal->vmid));
	return parts;
}

static struct assignment *find_assignment(const struct goal *goal, const char *device)
{
	for (size_t i = 0; i < goal->assignments.n; i++) {
		struct assignment *assignment = goal->assignments.item[i];
		if (strcmp(assignment->device, device) == 0)
			return assignment;
	}
	return NULL;
}

/* The short form as assignments, before the others. */
static void spread(struct goal *goal)
{
	const struct list others = goal->assignments;
	goal->assignments = (struct list){0};
	for (size_t i = 0; i < goal->gpus.n; i++)
		assignment_add(goal, goal->gpus.item[i], goal->vmid)->mapping = goal->mapping;
	for (size_t i = 0; i < others.n; i++)
		list_add(goal->arena, &goal->assignments, others.item[i]);
	goal->gpus = (struct strings){0};
	goal->vmid = 0;
	goal->mapping = NULL;
	goal->mapping_devices = (struct strings){0};
}

static void drop_assignment(struct goal *goal, const char *device)
{
	size_t kept = 0;
	for (size_t i = 0; i < goal->assignments.n; i++) {
		const struct assignment *assignment = goal->assignments.item[i];
		if (strcmp(assignment->device, device) != 0)
			goal->assignments.item[kept++] = goal->assignments.item[i];
	}
	goal->assignments.n = kept;
}

void goal_gpu(struct goal *goal, const char *device, bool wanted)
{
	goal_know_card(goal, device, NULL);
	strings_remove(&goal->gpus, device);
	drop_assignment(goal, device);
	/* A mapping's name is of one device: it stays with the one that is there. */
	if (wanted && goal->gpus.n && (goal->mapping || goal->mapping_devices.n))
		spread(goal);
	if (wanted && goal->assignments.n)
		(void)assignment_add(goal, device, goal->gpus.n ? goal->vmid : 0);
	else if (wanted)
		strings_add(goal->arena, &goal->gpus, device);
}

void goal_only_gpu(struct goal *goal, const char *device)
{
	goal_know_card(goal, device, NULL);
	struct assignment *own = find_assignment(goal, device);
	const struct assignment *first = goal->assignments.n ? goal->assignments.item[0] : NULL;
	if (!own && first && !goal->gpus.n)
		goal->vmid = first->vmid;
	goal->assignments = (struct list){0};
	goal->gpus = (struct strings){0};
	if (own) {
		list_add(goal->arena, &goal->assignments, own);
		goal->vmid = 0;
	} else {
		strings_add(goal->arena, &goal->gpus, device);
	}
}

void goal_give(struct goal *goal, const char *device, unsigned vmid)
{
	if (device && goal->gpus.n)
		spread(goal);
	if (goal->gpus.n || !goal->assignments.n)
		goal->vmid = vmid;
	for (size_t i = 0; i < goal->assignments.n; i++) {
		struct assignment *assignment = goal->assignments.item[i];
		if (!device || strcmp(assignment->device, device) == 0)
			assignment->vmid = vmid;
	}
}

/* What was chosen for one alone counts no more. */
static void forget_own(struct goal *goal, enum choice_id id)
{
	for (size_t i = 0; i < goal->assignments.n; i++) {
		struct assignment *assignment = goal->assignments.item[i];
		assignment->chosen[id] = CHOICE_ADVISED;
		assignment->values[id] = NULL;
	}
	for (size_t i = 0; i < goal->guests.n; i++) {
		struct guest_goal *guest = goal->guests.item[i];
		guest->chosen[id] = CHOICE_ADVISED;
		guest->values[id] = NULL;
	}
}

void goal_choose(struct goal *goal, const struct goal_choice *choice, const char *device,
		enum choice value)
{
	if (!device || choice->scope == SCOPE_HOST) {
		goal->chosen[choice->id] = value;
		forget_own(goal, choice->id);
		return;
	}
	if (goal->gpus.n)
		spread(goal);
	struct assignment *assignment = find_assignment(goal, device);
	if (assignment && choice->scope == SCOPE_GUEST)
		guest_at(goal, assignment->vmid)->chosen[choice->id] = value;
	else if (assignment)
		assignment->chosen[choice->id] = value;
}

void assignment_set_value(struct goal *goal, const struct goal_choice *choice, const char *device,
		char *value)
{
	enum choice_id id = choice->id;
	if (device && choice->scope != SCOPE_HOST && goal->gpus.n)
		spread(goal);
	struct assignment *own = device ? find_assignment(goal, device) : NULL;
	if (own && choice->scope == SCOPE_ASSIGNMENT)
		own->values[id] = value;
	if (own && choice->scope == SCOPE_GUEST)
		guest_at(goal, own->vmid)->values[id] = value;
	if (device && choice->scope != SCOPE_HOST)
		return;
	goal->values[id] = value;
	forget_own(goal, id);
}

static bool is_address(const char *device)
{
	struct pci_address address;
	bool whole = false;
	return pci_address_parse(device, &address, &whole);
}

char *goal_text(struct arena *arena, const struct goal *goal)
{
	struct text text = {0};
	if (goal->gpus.n)
		text_addf(&text, "GPU %s", strings_join(arena, &goal->gpus, ", "));
	if (!goal->gpus.n && goal->vmid && goal->mapping)
		text_addf(&text, "a device of %s to VM %u", goal->mapping, goal->vmid);
	if (goal->gpus.n && goal->vmid)
		text_addf(&text, " to VM %u", goal->vmid);
	for (size_t i = 0; i < goal->assignments.n; i++) {
		const struct assignment *assignment = goal->assignments.item[i];
		bool device = is_address(assignment->device);
		text_addf(&text, "%s%s %s", text.n ? "; " : "", device ? "GPU" : "a device of",
				assignment->device);
		if (assignment->vmid)
			text_addf(&text, " to VM %u", assignment->vmid);
	}
	for (size_t i = 0; i < goal->devices.n; i++) {
		const struct device_goal *chosen = goal->devices.item[i];
		unsigned n = 0;
		if (goal_number(goal, CHOOSE_FUNCTIONS, chosen->device, &n))
			text_addf(&text, "%sGPU %s into %u virtual %s", text.n ? "; " : "",
					chosen->device, n, text_plural(n, "function", "functions"));
		else
			text_addf(&text, "%ssettings of GPU %s", text.n ? "; " : "",
					chosen->device);
	}
	return text.n ? text_take(&text, arena) : NULL;
}

bool goal_names_devices(const struct goal *goal)
{
	for (size_t i = 0; i < goal->assignments.n; i++)
		if (!is_address(((const struct assignment *)goal->assignments.item[i])->device))
			return false;
	for (size_t i = 0; i < goal->gpus.n; i++)
		if (!is_address(goal->gpus.item[i]))
			return false;
	return goal->gpus.n || goal->assignments.n || (goal->vmid && !goal->mapping);
}

void goal_forget_devices(struct goal *goal)
{
	goal->gpus = (struct strings){0};
	goal->assignments = (struct list){0};
	goal->guests = (struct list){0};
	goal->devices = (struct list){0};
	goal->vmid = 0;
	goal->mapping = NULL;
	goal->mapping_devices = (struct strings){0};
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
		json_t *options = goal_choices_json(assignment->chosen, assignment->values);
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
		if (!device || strings_has(&goal->gpus, device))
			continue;
		struct assignment *assignment = assignment_add(goal, device, vmid);
		goal_set_choices(goal->arena, assignment->chosen, assignment->values, options);
		assignment->mapping = arena_strdup(goal->arena,
				json_string_value(json_object_get(options, "mapping")));
	}
}

json_t *guests_to_json(const struct goal *goal)
{
	json_t *array = json_array();
	for (size_t i = 0; i < goal->guests.n; i++) {
		const struct guest_goal *guest = goal->guests.item[i];
		(void)json_array_append_new(array,
				json_pack("{s:o, s:o}", "guest", json_integer(guest->vmid),
						"options",
						goal_choices_json(guest->chosen, guest->values)));
	}
	return array;
}

void guests_from_json(struct goal *goal, const json_t *array)
{
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(array, i, item)
	{
		unsigned vmid = goal_vmid_of(json_object_get(item, "guest"));
		struct guest_goal *guest = vmid ? guest_at(goal, vmid) : NULL;
		if (guest)
			goal_set_choices(goal->arena, guest->chosen, guest->values,
					json_object_get(item, "options"));
	}
}
