/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/attribute_rule.h"

/* An attribute of a device: written now, and at each boot by what the machine uses for such
 * already. */

static const char own_rules[] = "/etc/udev/rules.d/90-pvegpu.rules";
static const char header[] = "# Written by pvegpu: attributes of GPUs, set at each boot.\n";
static const char own_sysfs[] = "/etc/sysfs.d/pvegpu.conf";

/* sysfsutils sets one of another device, so that its service runs here. */
static bool by_sysfsutils(const struct facts *facts)
{
	for (size_t i = 0; i < facts->attribute_rules.n; i++) {
		const struct kept_attribute *rule = facts->attribute_rules.item[i];
		if (rule->value >= 0 && text_starts(rule->path, "/etc/sysfs."))
			return true;
	}
	return false;
}

/* The ids are compared, so that a card that moves does not set something of whatever sits in its
 * place. The driver makes virtual functions: it may come before udev's coldplug (add) or after it
 * (bind), and their number is written once only. */
static char *own_line(struct arena *arena, const struct facts *facts,
		const struct pci_device *device, enum device_attribute attribute, unsigned value)
{
	const char *name = attribute_name(attribute);
	if (attribute == ATTRIBUTE_WINDOW)
		return arena_printf(arena,
				"ACTION==\"add|bind\", SUBSYSTEM==\"pci\", KERNEL==\"%s\", ATTR{vendor}==\"0x%04x\", "
				"ATTR{device}==\"0x%04x\", DRIVER==\"vfio-pci\", RUN+=\"%s\"\n",
				device->name, device->vendor, device->device,
				attribute_rule_resize(arena, device->resizable_index, value));
	if (by_sysfsutils(facts))
		return arena_printf(
				arena, "bus/pci/devices/%s/%s = %u\n", device->name, name, value);
	return arena_printf(arena,
			"ACTION==\"add|bind\", SUBSYSTEM==\"pci\", KERNEL==\"%s\", ATTR{vendor}==\"0x%04x\", "
			"ATTR{device}==\"0x%04x\", %sATTR{%s}=\"%u\"\n",
			device->name, device->vendor, device->device,
			attribute == ATTRIBUTE_FUNCTIONS
					? "DRIVER==\"?*\", DRIVER!=\"vfio-pci\", ATTR{sriov_numvfs}==\"0\", "
					: "",
			name, value);
}

/* At the end, but before the line that makes virtual functions, which the others are to come
 * before.
 */
static char *with_line(struct arena *arena, const char *text, const char *line)
{
	const char *name = attribute_name(ATTRIBUTE_FUNCTIONS);
	const char *functions = strstr(line, name) ? NULL : strstr(text, name);
	size_t n = functions ? (size_t)(functions - text) : strlen(text);
	while (functions && n && text[n - 1] != '\n')
		n--;
	bool finished = !n || text[n - 1] == '\n';
	return arena_printf(
			arena, "%.*s%s%s%s", (int)n, text, finished ? "" : "\n", line, text + n);
}

static int add_line(const struct planning *planning, const struct pci_device *device,
		enum device_attribute attribute, unsigned value, const char *because)
{
	struct plan *plan = planning->plan;
	const struct facts *facts = planning->report->facts;
	bool sysfs = attribute != ATTRIBUTE_WINDOW && by_sysfsutils(facts);
	const char *path = sysfs ? own_sysfs : own_rules;
	const char *text = NULL;
	int status = planning_draft(planning, path, &text);
	if (status < 0)
		return status;
	plan_set_draft(plan, path,
			with_line(plan->arena, text ? text : header,
					own_line(plan->arena, facts, device, attribute, value)),
			because, NULL);
	return 0;
}

/* The line with another value. */
static char *with_value(struct arena *arena, const struct kept_attribute *rule, unsigned value)
{
	struct attribute_rule found = {0};
	bool sysfs = text_starts(rule->path, "/etc/sysfs.");
	if (!(sysfs ? attribute_rule_read_sysfs : attribute_rule_read_udev)(
			    arena, rule->attribute, rule->text, &found))
		return rule->text;
	return arena_printf(arena, "%.*s%u%s", (int)found.at, rule->text,
			attribute_number(rule->attribute, value), rule->text + found.at + found.n);
}

/* The text with another value in that line, which is found by what it says: a draft may have lost
 * lines before it. Without the line where it is ours, and what the kernel begins with is wanted. */
static char *edit_line(struct arena *arena, const char *text, const struct kept_attribute *rule,
		unsigned value, bool *ret_empty)
{
	bool own = strcmp(rule->path, own_rules) == 0 || strcmp(rule->path, own_sysfs) == 0;
	size_t length = strcspn(rule->text, "\r");
	struct text edited = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	*ret_empty = own;
	while (line_next(&cursor, &line)) {
		size_t n = line.n - (line.n && line.start[line.n - 1] == '\r');
		bool found = n == length && memcmp(line.start, rule->text, length) == 0;
		if (found && own && value == attribute_at_first(rule->attribute))
			continue;
		if (found)
			text_addf(&edited, "%.*s%s",
					(int)strcspn(with_value(arena, rule, value), "\r"),
					with_value(arena, rule, value), n < line.n ? "\r" : "");
		else
			text_add_bytes(&edited, line.start, line.n);
		text_add_bytes(&edited, line.start + line.n, line.full - line.n);
		*ret_empty = *ret_empty &&
			     (!line.n || (line.n == strlen(header) - 1 &&
							 memcmp(line.start, header, line.n) == 0));
	}
	return text_take(&edited, arena);
}

static int edit_rule(const struct planning *planning, const struct kept_attribute *rule,
		unsigned value, const char *because)
{
	struct plan *plan = planning->plan;
	const char *text = NULL;
	int status = planning_draft(planning, rule->path, &text);
	if (status < 0)
		return status;
	bool empty = false;
	const char *edited = edit_line(plan->arena, text ? text : "", rule, value, &empty);
	plan_set_draft(plan, rule->path, empty ? NULL : edited, because, NULL);
	return 0;
}

/* What goes away with the write, if only for a moment. */
static const char *cost_of(struct arena *arena, const struct pci_device *device,
		enum device_attribute attribute, unsigned value)
{
	if (attribute != ATTRIBUTE_FUNCTIONS || device->sriov_active <= 0)
		return NULL;
	return arena_printf(arena, "the %d there are now go%s", device->sriov_active,
			value ? " first" : "");
}

static int write_now(const struct planning *planning, const struct pci_device *device,
		enum device_attribute attribute, unsigned value, const char *because)
{
	struct plan *plan = planning->plan;
	struct change *change = NULL;
	int status = plan_add_sysfs(plan, planning->root,
			arena_printf(plan->arena, "/sys/bus/pci/devices/%s/%s", device->name,
					attribute_name(attribute)),
			arena_printf(plan->arena, "%u", value), because,
			cost_of(plan->arena, device, attribute, value), &change, planning->err);
	/* drivers/pci/iov.c, sriov_numvfs_store: from one number to another there is EBUSY. */
	if (status == 0 && attribute == ATTRIBUTE_FUNCTIONS)
		change->by_way_of = arena_strdup(plan->arena, "0");
	return status;
}

int fix_attribute(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	const struct pci_device *device = finding->about.device;
	const struct goal_choice *choice = goal_attribute_for(finding->check->id);
	enum device_attribute attribute = choice->form->attribute;
	const char *because = finding->check->id;
	const char *untold = NULL;
	const struct kept_attribute *rule = attribute_rule_of(report, device, attribute, &untold);
	unsigned value = 0;
	int status = 0;
	if (!goal_number(report->goal, choice->id, device->name, &value))
		return 0;
	if (attribute == ATTRIBUTE_WINDOW)
		plan_add_reboot(planning->plan, because, reboot_cost(report));
	if (rule && rule->value != (int)value)
		status = edit_rule(planning, rule, value, because);
	else if (!rule && value != attribute_at_first(attribute))
		status = add_line(planning, device, attribute, value, because);
	/* A reboot sets what the line says: there is nothing to write after it. */
	if (status < 0 || device_attribute_now(device, attribute) == (int)value ||
			plan_count_reboots(&planning->plan->changes))
		return status;
	return write_now(planning, device, attribute, value, because);
}
