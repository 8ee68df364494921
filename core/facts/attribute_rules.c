/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/attribute_rule.h"

/* What sets attributes of PCI devices at boot. A line that has to do with it and is not
 * understood is kept as one that may be for any device: nothing is written beside it by a guess. */

static struct kept_attribute *add_rule(struct facts *facts, enum device_attribute attribute,
		const char *path, size_t number, const char *text)
{
	struct kept_attribute *rule = arena_alloc(facts->arena, sizeof *rule);
	*rule = (struct kept_attribute){.attribute = attribute,
			.path = arena_strdup(facts->arena, path),
			.line = number,
			.text = arena_strdup(facts->arena, text),
			.value = -1};
	list_add(facts->arena, &facts->attribute_rules, rule);
	return rule;
}

/* The numbers of network cards' functions are set by the same attribute, by the interface's name.
 */
static bool is_of_network(const char *text)
{
	bool net = strstr(text, "/sys/class/net/") ||
		   (strstr(text, "SUBSYSTEM") && strstr(text, "\"net\""));
	return net && !strstr(text, "/sys/bus/") && !strstr(text, "/sys/devices/") &&
	       !strstr(text, "/class/drm/");
}

/* The only device whose address stands in the line. */
static const struct pci_device *named_alone(const struct facts *facts, const char *text)
{
	const struct pci_device *found = NULL;
	for (size_t i = 0; i < facts->devices.n; i++) {
		const struct pci_device *device = facts->devices.item[i];
		if (!strstr(text, device->name))
			continue;
		if (found)
			return NULL;
		found = device;
	}
	return found;
}

/* A line that is taken by itself. One for what is not there, or is another model, does nothing. */
static void add_whole(struct facts *facts, enum device_attribute attribute, const char *path,
		size_t number, const char *text, attribute_rule_read *read)
{
	struct attribute_rule found;
	bool told = read(facts->arena, attribute, text, &found);
	const struct pci_device *device = told ? facts_device(facts, &found.address) : NULL;
	bool other = device &&
		     ((found.vendor >= 0 && found.vendor != device->vendor) ||
				     (found.device >= 0 && found.device != device->device));
	if (told && (!device || other))
		return;
	struct kept_attribute *rule = add_rule(facts, attribute, path, number, text);
	/* Not understood, it is still of the only device that it names. */
	rule->device = told ? device : strstr(text, "!=") ? NULL : named_alone(facts, text);
	rule->value = told && text_starts(path, "/etc/") ? (int)found.value : -1;
}

/* A rule over several lines, and one that may be jumped over, are not taken by themselves. */
static void read_lines_of(struct facts *facts, enum device_attribute attribute, const char *path,
		const char *text, attribute_rule_read *read)
{
	bool jumps = strstr(text, "GOTO") != NULL;
	bool continued = false;
	struct lines cursor = lines_start(attribute_rule_names(attribute, text) ? text : NULL);
	struct line line;
	for (size_t number = 1; line_next(&cursor, &line); number++) {
		char *whole = arena_strndup(facts->arena, line.start, line.n);
		const char *first = whole + strspn(whole, " \t");
		size_t n = strcspn(whole, "\r");
		bool goes_on = n && whole[n - 1] == '\\';
		bool meant = *first != '#' && attribute_rule_names(attribute, whole) &&
			     !is_of_network(whole);
		if (meant && !continued && !goes_on && !jumps)
			add_whole(facts, attribute, path, number, whole, read);
		else if (meant)
			(void)add_rule(facts, attribute, path, number, whole);
		continued = goes_on;
	}
}

static void read_lines(const struct root *root, struct facts *facts, const char *path,
		attribute_rule_read *read)
{
	char *text = root_leads(root, path) ? root_read_value(root, path, facts->arena) : NULL;
	for (int i = ATTRIBUTE_NONE + 1; text && i < ATTRIBUTES; i++)
		read_lines_of(facts, (enum device_attribute)i, path, text, read);
}

/* Of files of one name the first directory's counts (udev(7), rules files). A distribution's own
 * are of interest where they may split a GPU. */
static void read_udev(const struct root *root, struct facts *facts, bool splits)
{
	static const char *const dirs[] = {"/etc/udev/rules.d", "/run/udev/rules.d",
			"/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d"};
	struct strings seen = {0};
	for (size_t d = 0; d < (splits ? sizeof dirs / sizeof *dirs : 1); d++) {
		struct strings names = {0};
		(void)root_list(root, dirs[d], facts->arena, &names);
		for (size_t i = 0; i < names.n; i++) {
			if (!text_ends(names.item[i], ".rules") ||
					strings_has(&seen, names.item[i]))
				continue;
			strings_add(facts->arena, &seen, names.item[i]);
			read_lines(root, facts,
					arena_printf(facts->arena, "%s/%s", dirs[d], names.item[i]),
					attribute_rule_read_udev);
		}
	}
}

static void read_sysfsutils(const struct root *root, struct facts *facts)
{
	struct strings names = {0};
	read_lines(root, facts, "/etc/sysfs.conf", attribute_rule_read_sysfs);
	(void)root_list(root, "/etc/sysfs.d", facts->arena, &names);
	for (size_t i = 0; i < names.n; i++)
		if (text_ends(names.item[i], ".conf"))
			read_lines(root, facts,
					arena_printf(facts->arena, "/etc/sysfs.d/%s",
							names.item[i]),
					attribute_rule_read_sysfs);
}

/* Lines that run a command, or of tmpfiles.d: whom they are for is told by an address alone. */
static void read_writers_of(struct facts *facts, enum device_attribute attribute, const char *path,
		const char *text, const char *start)
{
	struct lines cursor = lines_start(attribute_rule_names(attribute, text) ? text : NULL);
	struct line line;
	for (size_t number = 1; line_next(&cursor, &line); number++) {
		char *rule = text_trim(facts->arena, line.start, line.n);
		if (text_starts(rule, start) && *rule != '#' &&
				attribute_rule_names(attribute, rule) && !is_of_network(rule))
			add_rule(facts, attribute, path, number, rule)->device =
					named_alone(facts, rule);
	}
}

static void read_writers(
		const struct root *root, struct facts *facts, const char *path, const char *start)
{
	struct stat status;
	if (!root_leads(root, path) || root_stat(root, path, &status) < 0 ||
			!S_ISREG(status.st_mode))
		return;
	char *text = root_read_value(root, path, facts->arena);
	for (int i = ATTRIBUTE_NONE + 1; text && i < ATTRIBUTES; i++)
		read_writers_of(facts, (enum device_attribute)i, path, text, start);
}

static void read_units(const struct root *root, struct facts *facts)
{
	static const char dir[] = "/etc/systemd/system";
	struct strings names = {0};
	(void)root_list(root, dir, facts->arena, &names);
	for (size_t i = 0; i < names.n; i++) {
		char *path = arena_printf(facts->arena, "%s/%s", dir, names.item[i]);
		struct strings parts = {0};
		if (text_ends(names.item[i], ".service"))
			read_writers(root, facts, path, "Exec");
		else if (text_ends(names.item[i], ".service.d"))
			(void)root_list(root, path, facts->arena, &parts);
		for (size_t p = 0; p < parts.n; p++)
			read_writers(root, facts,
					arena_printf(facts->arena, "%s/%s", path, parts.item[p]),
					"Exec");
	}
}

void facts_read_attribute_rules(const struct root *root, struct facts *facts)
{
	bool splits = false;
	for (size_t i = 0; i < facts->devices.n; i++)
		splits = splits ||
			 ((const struct pci_device *)facts->devices.item[i])->sriov_total > 0;
	struct strings names = {0};
	read_udev(root, facts, splits);
	read_sysfsutils(root, facts);
	read_units(root, facts);
	(void)root_list(root, "/etc/tmpfiles.d", facts->arena, &names);
	for (size_t i = 0; i < names.n; i++)
		read_writers(root, facts,
				arena_printf(facts->arena, "/etc/tmpfiles.d/%s", names.item[i]),
				"");
}
