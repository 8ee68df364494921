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
	for (size_t i = 0; i < facts->function_rules.n; i++) {
		const struct function_rule *rule = facts->function_rules.item[i];
		if (rule->count > 0 && text_starts(rule->path, "/etc/sysfs."))
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
			"ATTR{device}==\"0x%04x\", DRIVER==\"?*\", DRIVER!=\"vfio-pci\", "
			"ATTR{sriov_numvfs}==\"0\", ATTR{sriov_numvfs}=\"%u\"\n",
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

/* The line with another number. */
static char *with_count(struct arena *arena, const struct function_rule *rule, unsigned count)
{
	struct sriov_rule found = {0};
	bool sysfs = text_starts(rule->path, "/etc/sysfs.");
	if (!(sysfs ? sriov_rule_read_sysfs : sriov_rule_read_udev)(arena, rule->text, &found))
		return rule->text;
	return arena_printf(arena, "%.*s%u%s", (int)found.at, rule->text, count,
			rule->text + found.at + found.n);
}

/* The text with another number in that line, which is found by what it says: a draft may have lost
 * lines before it. Without the line where it is ours and makes none. */
static char *edit_line(struct arena *arena, const char *text, const struct function_rule *rule,
		unsigned count, bool *ret_empty)
{
	bool own = strcmp(rule->path, own_rules) == 0 || strcmp(rule->path, own_sysfs) == 0;
	size_t length = strlen(rule->text);
	struct text edited = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	*ret_empty = own;
	while (line_next(&cursor, &line)) {
		bool found = line.n == length && memcmp(line.start, rule->text, length) == 0;
		if (found && own && !count)
			continue;
		if (found)
			text_add(&edited, with_count(arena, rule, count));
		else
			text_add_bytes(&edited, line.start, line.n);
		text_add_bytes(&edited, line.start + line.n, line.full - line.n);
		*ret_empty = *ret_empty && (!line.n || line.start[0] == '#');
	}
	return text_take(&edited, arena);
}

static int edit_rule(const struct planning *planning, const struct function_rule *rule,
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
	const char *untold = NULL;
	const struct function_rule *rule = functions_rule(report, device, &untold);
	unsigned count = 0;
	int status = 0;
	if (!goal_number(report->goal, CHOOSE_FUNCTIONS, device->name, &count))
		return 0;
	if (rule && rule->count != (int)count)
		status = edit_rule(planning, rule, count, because);
	else if (!rule && count)
		status = add_line(planning, device, count, because);
	/* A reboot makes what the line says: there is nothing to write after it. */
	if (status < 0 || device->sriov_active == (int)count || plan_count_reboots(&plan->changes))
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
