/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/modprobe_conf.h"
#include "pvegpu/formats/modules_list.h"

static const char own_file[] = "/etc/modprobe.d/pvegpu.conf";

/* update-initramfs for all kernels. */
static void add_initramfs(struct plan *plan, const char *because)
{
	static const char *const update[] = {"update-initramfs", "-u", "-k", "all", NULL};
	struct change *change = plan_add_command(plan, update, because,
			"the same command again, after the files were put back");
	change->makes_images = true;
	/* It goes on to the next kernel after one that failed. */
	if (!change->must_not_say.n)
		strings_add(plan->arena, &change->must_not_say, "update-initramfs: failed for");
}

/* Nothing but comments and blank lines. */
static bool holds_nothing(const char *text)
{
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		const char *c = line.start;
		while (c < line.start + line.n && strchr(" \t\r", *c))
			c++;
		if (c < line.start + line.n && *c != '#')
			return false;
	}
	return true;
}

int fix_leftovers(const struct planning *planning, const struct finding *finding)
{
	struct plan *plan = planning->plan;
	struct list found = find_leftovers(planning->report);
	/* From the last line up, so that the numbers of those above stay right. */
	for (size_t i = found.n; i-- > 0;) {
		const struct leftover *leftover = found.item[i];
		const struct leftover *next = i + 1 < found.n ? found.item[i + 1] : NULL;
		const char *text = NULL;
		/* A command is touched once: after that the numbers of its lines may be others. */
		if (!leftover->goes || (next && next->goes && next->entry == leftover->entry))
			continue;
		int status = planning_draft(planning, leftover->entry->file, &text);
		if (status < 0)
			return status;
		const char *left = modprobe_conf_drop(plan->arena, text ? text : "",
				leftover->entry->line, leftover->word);
		if (tool_of(leftover->entry->file) && holds_nothing(left))
			left = NULL;
		plan_set_draft(plan, leftover->entry->file, left, finding->check->id, NULL);
	}
	add_initramfs(plan, finding->check->id);
	return 0;
}

int fix_vfio_modules(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	const char *path = report->facts->etc_modules.path;
	struct strings missing = missing_modules(report);
	for (size_t i = 0; i < missing.n; i++) {
		const char *text = NULL;
		int status = planning_draft(planning, path, &text);
		if (status < 0)
			return status;
		plan_set_draft(plan, path,
				modules_list_add(plan->arena, text ? text : "", missing.item[i]),
				finding->check->id, NULL);
	}
	return 0;
}

int fix_modules_obsolete(const struct planning *planning, const struct finding *finding)
{
	struct plan *plan = planning->plan;
	const char *text = NULL;
	int status = planning_draft(planning, finding->about.name, &text);
	if (status < 0)
		return status;
	plan_set_draft(plan, finding->about.name,
			modules_list_remove(plan->arena, text ? text : "", "vfio_virqfd"),
			finding->check->id, NULL);
	return 0;
}

/* The text of a modprobe file with `ids` put in place of the value in one line. */
static char *replace_ids(struct arena *arena, const char *text, const struct modprobe_entry *entry,
		const char *old_ids, const char *new_ids)
{
	struct text edited = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	const char *needle = arena_printf(arena, "ids=%s", old_ids);
	for (size_t number = 1; line_next(&cursor, &line); number++) {
		const char *found = number >= entry->line ? memmem(line.start, line.n, needle,
									    strlen(needle))
							  : NULL;
		if (!found) {
			text_add_bytes(&edited, line.start, line.full);
			continue;
		}
		text_add_bytes(&edited, line.start, (size_t)(found - line.start));
		text_addf(&edited, "ids=%s", new_ids);
		found += strlen(needle);
		text_add_bytes(&edited, found, (size_t)(line.start + line.full - found));
		text_add(&edited, cursor.rest ? cursor.rest : "");
		break;
	}
	return text_take(&edited, arena);
}

static int add_ids(const struct planning *planning, const struct list *card, const char *because)
{
	struct plan *plan = planning->plan;
	const struct modprobe_entry *entry = NULL;
	const char *path = configured_ids(planning->report, &entry) ? entry->file : own_file;
	const char *text = NULL;
	int status = planning_draft(planning, path, &text);
	if (status < 0)
		return status;
	/* As it is drafted: another device of the goal may have been put in. */
	struct list entries = {0};
	modprobe_conf_parse(plan->arena, path, text ? text : "", &entries);
	const char *present = modprobe_option(&entries, "vfio-pci", "ids", &entry);
	struct text ids = {0};
	text_add(&ids, present ? present : "");
	for (size_t i = 0; i < card->n; i++) {
		const struct pci_device *function = card->item[i];
		if (!pci_is_bridge(function) && !ids_have(text_string(&ids), function))
			text_addf(&ids, "%s%04x:%04x", ids.n ? "," : "", function->vendor,
					function->device);
	}
	char *value = text_take(&ids, plan->arena);
	char *edited = present ? replace_ids(plan->arena, text ? text : "", entry, present, value)
			       : arena_printf(plan->arena,
						 "%s# Written by pvegpu: the GPU for VMs goes to vfio-pci at boot.\noptions vfio-pci ids=%s\n",
						 text ? text : "", value);
	plan_set_draft(plan, path, edited, because, NULL);
	return 0;
}

/*
 * By address: driver_override (Documentation/ABI/testing/sysfs-bus-pci) set before udev loads any
 * driver. A udev rule would come too late: the twin's own event may load the driver first, which
 * then takes both. The ids are compared, so that a card that moves does not give its place away.
 */
static int add_override(
		const struct planning *planning, const struct list *card, const char *because)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	const char *path = report->facts->init_script.path;
	const char *text = NULL;
	int status = planning_draft(planning, path, &text);
	if (status < 0)
		return status;
	struct text script = {0};
	text_add(&script,
			text ? text
			     : "#!/bin/sh\n"
			       "# Made by pvegpu; 'pvegpu rollback' takes it away. Gives these "
			       "devices, "
			       "and no\n"
			       "# twin of theirs, to vfio-pci before another driver is loaded.\n"
			       "case ${1:-} in prereqs) exit 0 ;; esac\n"
			       "# Without the driver (kept off for this boot, or not in this "
			       "image) they stay with the host.\n"
			       "modprobe -q vfio-pci || [ -d /sys/bus/pci/drivers/vfio-pci ] || "
			       "exit 0\n"
			       "take() { # ADDRESS VENDOR DEVICE\n"
			       "\td=/sys/bus/pci/devices/$1\n"
			       "\t[ -e \"$d/driver_override\" ] || return 0\n"
			       "\tread -r vendor <\"$d/vendor\" && read -r device <\"$d/device\"\n"
			       "\t[ \"$vendor $device\" = \"$2 $3\" ] || return 0\n"
			       "\techo vfio-pci >\"$d/driver_override\"\n"
			       "\techo \"$1\" >/sys/bus/pci/drivers_probe\n"
			       "}\n");
	for (size_t i = 0; i < card->n; i++) {
		const struct pci_device *function = card->item[i];
		if (!strings_has(&report->facts->overrides, function->name))
			text_addf(&script, "take %s 0x%04x 0x%04x\n", function->name,
					function->vendor, function->device);
	}
	plan_set_draft(plan, path, text_take(&script, plan->arena), because, NULL);
	plan_set_executable(plan, path);
	/* The module must be in the initramfs for that. */
	const char *modules = NULL;
	status = planning_draft(planning, report->facts->init_modules.path, &modules);
	struct strings named = status == 0 && modules ? modules_list_names(plan->arena, modules)
						      : (struct strings){0};
	if (status == 0 && !modules_list_has(&named, "vfio_pci"))
		plan_set_draft(plan, report->facts->init_modules.path,
				modules_list_add(plan->arena, modules ? modules : "", "vfio_pci"),
				because, NULL);
	return status;
}

static int add_softdeps(const struct planning *planning, const struct pci_device *function,
		const char *because)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	struct strings rivals = {0};
	if (!device_on_vfio(function) && !strings_has(&report->facts->overrides, function->name))
		add_rivals(report, function, &rivals);
	for (size_t i = 0; i < rivals.n; i++) {
		const char *text = NULL;
		int status = planning_draft(planning, own_file, &text);
		if (status < 0)
			return status;
		const char *line = arena_printf(
				plan->arena, "softdep %s pre: vfio-pci\n", rivals.item[i]);
		if (text && strstr(text, line))
			continue;
		plan_set_draft(plan, own_file,
				arena_printf(plan->arena, "%s%s", text ? text : "", line), because,
				NULL);
	}
	return 0;
}

int fix_vfio_binding(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	struct plan *plan = planning->plan;
	plan_add_reboot(plan, finding->check->id, reboot_cost(report));
	if (finding->fix.way == FIX_BY_REBOOT) {
		/* The image may be from before, when it could not be made. */
		if (report->facts->initramfs_newer.n || report->facts->initramfs_differs.n)
			add_initramfs(plan, finding->check->id);
		return 0;
	}
	const struct list *card = &report->card;
	bool by_ids = report->bound_at_boot || !twin_of_card(report);
	int status = report->bound_at_boot ? 0
		     : by_ids              ? add_ids(planning, card, finding->check->id)
					   : add_override(planning, card, finding->check->id);
	/* By id vfio-pci must come before every driver that could take the device otherwise. */
	for (size_t i = 0; by_ids && status == 0 && i < card->n; i++)
		status = add_softdeps(planning, card->item[i], finding->check->id);
	if (status < 0)
		return status;
	add_initramfs(plan, finding->check->id);
	return 0;
}
