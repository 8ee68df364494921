/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/* What a person has set for PCI devices beside modprobe: rules of udev (udev(7)), and attributes
 * that sysfsutils writes at boot (/etc/sysfs.conf: bus/pci/devices/0000:00:02.0/sriov_numvfs = 7).
 */

static void add_rule(struct facts *facts, const char *path, size_t line, const char *text,
		struct pci_device *device)
{
	struct device_rule *rule = arena_alloc(facts->arena, sizeof *rule);
	*rule = (struct device_rule){.path = arena_strdup(facts->arena, path),
			.line = line,
			.text = arena_strdup(facts->arena, text),
			.device = device};
	list_add(facts->arena, &facts->device_rules, rule);
}

/* The value that a rule compares with: ATTR{vendor}=="0x10de". */
static bool rule_compares(const char *text, const char *key, unsigned value, struct arena *arena)
{
	const char *found = strstr(text, arena_printf(arena, "%s}==\"0x%04x\"", key, value));
	return found != NULL;
}

/* It names the device by its address, or by vendor (and device, where it names that too). */
static bool rule_names(struct facts *facts, const char *text, const struct pci_device *device)
{
	if (strstr(text, device->name))
		return true;
	return rule_compares(text, "{vendor", device->vendor, facts->arena) &&
	       (!strstr(text, "{device}==") ||
			       rule_compares(text, "{device", device->device, facts->arena)) &&
	       (!strstr(text, "{class}==") ||
			       strstr(text, arena_printf(facts->arena, "{class}==\"0x%06x\"",
							    device->class_code)));
}

static void read_udev(const struct root *root, struct facts *facts, const char *path)
{
	char *text = root_read_value(root, path, facts->arena);
	struct lines cursor = lines_start(text);
	struct line line;
	for (size_t number = 1; line_next(&cursor, &line); number++) {
		char *rule = text_trim(facts->arena, line.start, line.n);
		bool pci = strstr(rule, "\"pci\"") || strstr(rule, "driver_override") ||
			   strstr(rule, "/bus/pci/") || strstr(rule, "vfio-pci");
		if (*rule == '#' || !pci)
			continue;
		for (size_t i = 0; i < facts->devices.n; i++)
			if (rule_names(facts, rule, facts->devices.item[i]))
				add_rule(facts, path, number, rule, facts->devices.item[i]);
	}
}

static void read_sysfs(const struct root *root, struct facts *facts, const char *path)
{
	char *text = root_exists(root, path) ? root_read_value(root, path, facts->arena) : NULL;
	struct lines cursor = lines_start(text);
	struct line line;
	for (size_t number = 1; line_next(&cursor, &line); number++) {
		char *rule = text_trim(facts->arena, line.start, line.n);
		char *name = arena_strndup(facts->arena, rule, strcspn(rule, "= \t"));
		struct pci_device *device = facts_device_in_path(facts, name);
		if (*rule != '#' && device)
			add_rule(facts, path, number, rule, device);
	}
}

void facts_read_rules(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	struct strings names = {0};
	(void)root_list(root, "/etc/udev/rules.d", arena, &names);
	for (size_t i = 0; i < names.n; i++) {
		char *path = arena_printf(arena, "/etc/udev/rules.d/%s", names.item[i]);
		if (text_ends(names.item[i], ".rules") && root_leads(root, path))
			read_udev(root, facts, path);
	}
	read_sysfs(root, facts, "/etc/sysfs.conf");
	names.n = 0;
	(void)root_list(root, "/etc/sysfs.d", arena, &names);
	for (size_t i = 0; i < names.n; i++)
		if (text_ends(names.item[i], ".conf"))
			read_sysfs(root, facts,
					arena_printf(arena, "/etc/sysfs.d/%s", names.item[i]));
	facts_read_attribute_rules(root, facts);
}
