/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/goal/internal.h"
#include "pvegpu/base/json.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/attribute_rule.h"
#include "pvegpu/formats/pci_address.h"

/* What is chosen for a device of the host, whoever gets it: values, as texts. */

static struct device_goal *find_device(const struct goal *goal, const char *device)
{
	for (size_t i = 0; i < goal->devices.n; i++) {
		struct device_goal *chosen = goal->devices.item[i];
		if (strcmp(chosen->device, device) == 0)
			return chosen;
	}
	return NULL;
}

static struct device_goal *device_at(struct goal *goal, const char *device)
{
	struct device_goal *chosen = find_device(goal, device);
	if (chosen)
		return chosen;
	chosen = arena_alloc(goal->arena, sizeof *chosen);
	*chosen = (struct device_goal){.device = arena_strdup(goal->arena, device)};
	list_add(goal->arena, &goal->devices, chosen);
	return chosen;
}

/* One without a choice is as if it were not there. */
static void drop_empty(struct goal *goal)
{
	size_t kept = 0;
	for (size_t i = 0; i < goal->devices.n; i++) {
		struct device_goal *chosen = goal->devices.item[i];
		bool any = false;
		for (int id = 0; id < CHOICES; id++)
			any = any || chosen->values[id];
		if (any)
			goal->devices.item[kept++] = chosen;
	}
	goal->devices.n = kept;
}

int device_set_value(struct goal *goal, const struct goal_choice *choice, const char *device,
		const char *value, struct error *err)
{
	struct pci_address address;
	bool whole = false;
	char name[PCI_ADDRESS_TEXT];
	if (!pci_address_parse(device, &address, &whole)) {
		(void)error_set(err, ERROR_USAGE, "'%s' is no address of a PCI device", device);
		error_hint(err, "as lspci has it: --%s 00:02.0=%s", choice->yes,
				choice->form->example);
		return ERROR_USAGE;
	}
	if (whole) /* the physical function of a slot is its first */
		address.function = 0;
	pci_address_format(&address, name);
	char *kept = NULL;
	int status = value ? value_read(goal->arena, choice, value, &kept, err) : 0;
	if (status < 0)
		return status;
	device_at(goal, name)->values[choice->id] = kept;
	drop_empty(goal);
	return 0;
}

bool goal_number(const struct goal *goal, enum choice_id id, const char *device, unsigned *ret)
{
	const struct device_goal *chosen = find_device(goal, device);
	unsigned long number = 0;
	if (!chosen || !chosen->values[id] ||
			!text_to_ulong(chosen->values[id], 10, goal_choices[id].form->most,
					&number))
		return false;
	*ret = (unsigned)number;
	return true;
}

void devices_copy(struct goal *to, const struct goal *from)
{
	for (size_t i = 0; i < from->devices.n; i++) {
		const struct device_goal *chosen = from->devices.item[i];
		values_copy(to->arena, device_at(to, chosen->device)->values, chosen->values);
	}
}

json_t *devices_to_json(const struct goal *goal)
{
	json_t *array = json_array();
	for (size_t i = 0; i < goal->devices.n; i++) {
		const struct device_goal *chosen = goal->devices.item[i];
		json_t *options = json_object();
		for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
			const char *value = chosen->values[choice->id];
			if (choice->form && value)
				(void)json_object_set_new(options, choice->name,
						value_to_json(choice->form, value));
		}
		(void)json_array_append_new(
				array, json_pack("{s:o, s:o}", "device", json_text(chosen->device),
						       "options", options));
	}
	return array;
}

/* What does not fit is not chosen: the plan's id then shows that it was edited. */
void devices_from_json(struct goal *goal, const json_t *array)
{
	size_t i = 0;
	json_t *item = NULL;
	json_array_foreach(array, i, item)
	{
		const char *device = json_string_value(json_object_get(item, "device"));
		const json_t *options = json_object_get(item, "options");
		for (const struct goal_choice *choice = goal_choices; device && choice->name;
				choice++) {
			const json_t *json = json_object_get(options, choice->name);
			const char *value = choice->scope == SCOPE_DEVICE
							    ? value_from_json(goal->arena,
									      choice->form, json)
							    : NULL;
			if (value)
				(void)device_set_value(goal, choice, device, value, NULL);
		}
	}
}
