/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/sriov_rule.h"

/* The number of virtual functions of a device: written now, and at each boot by what the machine
 * uses for that already. */

static const char own_rules[] = "/etc/udev/rules.d/90-pvegpu-sriov.rules";
static const char own_sysfs[] = "/etc/sysfs.d/pvegpu.conf";

/* sysfsutils makes those of another device, so that its service runs here. */
static bool by_sysfsutils(const struct facts *facts)
{
	for (size_t i = 0; i < facts->device_rules.n; i++) {
		const struct device_rule *rule = facts->device_rules.item[i];
		if (rule->functions >= 0 && text_starts(rule->path, "/etc/sysfs."))
			return true;
	}
	return false;
}

/* The driver makes the functions: it may come before udev's coldplug (add) or after it (bind), and
 * the number is written once only. The ids are compared, so that a card that moves does not split
 * whatever sits in its place. */
static char *own_line(struct arena *arena, const struct facts *facts,
		const struct pci_device *device, unsigned count)
{
	if (by_sysfsutils(facts))
		return arena_printf(arena, "bus/pci/devices/%s/sriov_numvfs = %u\n", device->name,
				count);
	return arena_printf(arena,
			"ACTION==\"add|bind\", SUBSYSTEM==\"pci\", KERNEL==\"%s\", ATTR{vendor}==\"0x%04x\", "
			"ATTR{device}==\"0x%04x\", DRIVER==\"?*\", ATTR{sriov_numvfs}==\"0\", "
			"ATTR{sriov_numvfs}=\"%u\"\n",
			device->name, device->vendor, device->device, count);
}

static int add_line(const struct planning *planning, const struct pci_device *device,
		unsigned count, const char *because)
{
	struct plan *plan = planning->plan;
	const struct facts *facts = planning->report->facts;
	const char *path = by_sysfsutils(facts) ? own_sysfs : own_rules;
	const char *text = NULL;
	int status = planning_draft(planning, path, &text);
	if (status < 0)
		return status;
	bool finished = !text || !*text || text_ends(text, "\n");
	plan_set_draft(plan, path,
			arena_printf(plan->arena, "%s%s%s",
					text ? text
					     : "# Written by pvegpu: GPUs that are split into virtual functions.\n",
					finished ? "" : "\n",
					own_line(plan->arena, facts, device, count)),
			because, NULL);
	return 0;
}

/* The text with another number in that line; without the line where it is ours and makes none. */
static char *edit_line(struct arena *arena, const char *text, const struct device_rule *rule,
		unsigned count, bool *ret_empty)
{
	bool own = strcmp(rule->path, own_rules) == 0 || strcmp(rule->path, own_sysfs) == 0;
	struct text edited = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	*ret_empty = own;
	for (size_t number = 1; line_next(&cursor, &line); number++) {
		const char *old = arena_strndup(arena, line.start, line.full);
		const char *fresh = number != rule->line ? old
				    : own && !count      ? ""
							 : sriov_rule_with(arena, old, count);
		text_add(&edited, fresh ? fresh : old);
		*ret_empty = *ret_empty && (!fresh || !*fresh || *fresh == '#' || *fresh == '\n');
	}
	return text_take(&edited, arena);
}

static int edit_rule(const struct planning *planning, const struct device_rule *rule,
		unsigned count, const char *because)
{
	struct plan *plan = planning->plan;
	const char *text = NULL;
	int status = planning_draft(planning, rule->path, &text);
	if (status < 0)
		return status;
	bool empty = false;
	const char *edited = edit_line(plan->arena, text ? text : "", rule, count, &empty);
	plan_set_draft(plan, rule->path, empty ? NULL : edited, because, NULL);
	return 0;
}

int fix_functions(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	const struct pci_device *device = finding->about.device;
	struct plan *plan = planning->plan;
	const char *because = finding->check->id;
	const struct device_rule *rule = NULL;
	unsigned count = 0;
	int status = 0;
	if (!goal_number(report->goal, CHOOSE_FUNCTIONS, device->name, &count))
		return 0;
	(void)functions_rules(report->facts, device, &rule);
	if (rule && rule->functions != (int)count)
		status = edit_rule(planning, rule, count, because);
	else if (!rule && count)
		status = add_line(planning, device, count, because);
	if (status < 0 || device->sriov_active == (int)count)
		return status;
	struct change *change = NULL;
	const char *value = arena_printf(plan->arena, "%u", count);
	status = plan_add_sysfs(plan, planning->root,
			arena_printf(plan->arena, "/sys/bus/pci/devices/%s/sriov_numvfs",
					device->name),
			value, because,
			device->sriov_active > 0
					? arena_printf(plan->arena, "the %d there are now go%s",
							  device->sriov_active,
							  count ? " first" : "")
					: NULL,
			&change, planning->err);
	/* drivers/pci/iov.c, sriov_numvfs_store: from one number to another there is EBUSY. */
	if (status == 0)
		change->by_way_of = arena_strdup(plan->arena, "0");
	return status;
}
