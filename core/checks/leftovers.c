/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/index.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/modprobe_conf.h"
#include "pvegpu/formats/modules_list.h"

/*
 * What old guides and other tools leave in modprobe.d: told one by one, and taken out when the goal
 * is to clean up. What may still be wanted (a blacklist, kvm's ignore_msrs) is only told.
 */
/* Files that other tools make as a whole. What they hold is judged line by line like any other's;
 * one that holds nothing after that goes. */
static const struct {
	const char *path, *who;
} tool_files[] = {
		{"/etc/modprobe.d/vfio.conf", "guides, ProxMenux and PECU"},
		{"/etc/modprobe.d/blacklist-gpu.conf", "PECU"},
		{"/etc/modprobe.d/blacklist-nvidia.conf", "guides"},
		{"/etc/modprobe.d/blacklist-nouveau.conf", "guides"},
		{"/etc/modprobe.d/blacklist.conf", "guides and ProxMenux"},
		{"/etc/modprobe.d/iommu_unsafe_interrupts.conf", "guides and ProxMenux"},
		{"/etc/modprobe.d/kvm.conf", "guides, ProxMenux and PECU"},
		{"/etc/modules-load.d/vfio.conf", "PECU"},
		{"/etc/modules-load.d/vfio-pci.conf", "guides"},
};
enum { TOOL_FILES = sizeof tool_files / sizeof *tool_files };

const char *tool_of(const char *path)
{
	for (size_t i = 0; i < TOOL_FILES; i++)
		if (strcmp(tool_files[i].path, path) == 0)
			return tool_files[i].who;
	return NULL;
}

static void add_tool_files(struct report *report, struct finding *finding)
{
	const struct facts *facts = report->facts;
	struct strings paths = {0};
	for (size_t i = 0; i < facts->modprobe_files.n; i++)
		strings_add(report->arena, &paths, facts->modprobe_files.item[i]);
	for (size_t i = 0; i < facts->module_files.n; i++)
		strings_add(report->arena, &paths,
				((const struct module_file *)facts->module_files.item[i])->path);
	for (size_t i = 0; i < paths.n; i++)
		if (tool_of(paths.item[i]))
			finding_evidence(report, finding, paths.item[i],
					"a name that %s use for a file of theirs",
					tool_of(paths.item[i]));
}

/* The same for entries that do the same: modprobe takes - and _ in a module's name for one. */
static char *meaning_of(struct arena *arena, const struct modprobe_entry *entry)
{
	char *module = arena_strdup(arena, entry->module);
	for (char *c = module; *c; c++)
		if (*c == '-')
			*c = '_';
	return arena_printf(arena, "%s %s %s", entry->command, module,
			strings_join(arena, &entry->words, " "));
}

static void add(struct arena *arena, struct list *found, struct leftover leftover)
{
	struct leftover *copy = arena_alloc(arena, sizeof *copy);
	*copy = leftover;
	list_add(arena, found, copy);
}

static void judge_words(
		const struct report *report, const struct modprobe_entry *entry, struct list *found)
{
	bool options = strcmp(entry->command, "options") == 0;
	for (size_t i = 0; options && i < entry->words.n; i++) {
		const char *word = entry->words.item[i];
		if (text_starts(word, "allow_unsafe_interrupts=") &&
				modules_same_name(entry->module, "vfio_iommu_type1") &&
				report->facts->interrupt_remapping == KNOWN_YES)
			add(report->arena, found,
					(struct leftover){entry, word,
							"the platform has interrupt remapping, so it has no effect",
							true});
		if (text_starts(word, "ignore_msrs=") && modules_same_name(entry->module, "kvm"))
			add(report->arena, found,
					(struct leftover){entry, word,
							"only a few guests need it; it hides their errors from all",
							false});
	}
	static const char *const drivers[] = {"nouveau", "nvidia", "nvidiafb", "nvidia_drm",
			"amdgpu", "radeon", "i915", "xe", "snd_hda_intel", "xhci_pci"};
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
		/* Proxmox VE itself ships /etc/modprobe.d/pve-blacklist.conf with nvidiafb. */
		if (strcmp(entry->command, "blacklist") != 0 ||
				!modules_same_name(entry->module, drivers[i]) ||
				text_ends(entry->file, "/pve-blacklist.conf"))
			continue;
		/* Those that do not let go well are rightly kept away; of these only one that is
		 * used all the same is told. */
		bool wanted = driver_clings(drivers[i]);
		const struct pci_device *user = NULL;
		for (size_t d = 0; d < report->facts->devices.n; d++) {
			const struct pci_device *device = report->facts->devices.item[d];
			bool same = device->driver && modules_same_name(device->driver, drivers[i]);
			if (same && device != report->gpu)
				user = device;
		}
		if (wanted && !user)
			continue;
		add(report->arena, found,
				(struct leftover){entry, NULL,
						user ? arena_printf(report->arena,
								       "not needed to give a GPU away, and %s uses that driver",
								       user->name)
						     : "not needed: Proxmox VE takes the driver off when the VM starts",
						false});
	}
	if (options && modules_same_name(entry->module, "vfio_virqfd"))
		add(report->arena, found,
				(struct leftover){entry, NULL, "that module is a part of vfio now",
						report->facts->virqfd_exists == KNOWN_NO});
	if (options && text_starts(entry->module, "vfio_pci_ids="))
		add(report->arena, found,
				(struct leftover){entry, NULL,
						"there is no such module: it was meant to be 'options vfio-pci ids='",
						true});
}

struct list find_leftovers(const struct report *report)
{
	struct list found = {0};
	const struct list *entries = &report->facts->modprobe;
	struct index first = {0};
	for (size_t i = 0; i < entries->n; i++) {
		struct modprobe_entry *entry = entries->item[i];
		/* Of options the order counts, so a repeated one may not be without effect. */
		bool alone = strcmp(entry->command, "blacklist") == 0;
		const char *meaning = alone ? meaning_of(report->arena, entry) : NULL;
		const struct modprobe_entry *same = alone ? index_get(&first, meaning) : NULL;
		if (alone && !same)
			index_put(report->arena, &first, meaning, entry);
		/* Files of /lib and /run are not the person's. */
		if (!text_starts(entry->file, "/etc/"))
			continue;
		if (same)
			add(report->arena, &found,
					(struct leftover){entry, NULL,
							arena_printf(report->arena,
									"the same stands in %s, line %zu",
									same->file, same->line),
							true});
		else
			judge_words(report, entry, &found);
	}
	index_free(&first);
	return found;
}

void check_leftovers(struct report *report, const struct check *check)
{
	struct list found = find_leftovers(report);
	if (!found.n) {
		add_tool_files(report, report_add(report, check, STATUS_OK, subject_host(),
						       "Nothing without effect is known."));
		return;
	}
	bool any = false;
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_host(),
			"%zu %s in modprobe.d do nothing good.", found.n,
			text_plural(found.n, "entry", "entries"));
	for (size_t i = 0; i < found.n; i++) {
		const struct leftover *leftover = found.item[i];
		any = any || leftover->goes;
		finding_evidence(report, finding, leftover->entry->file, "line %zu: %s %s%s%s: %s",
				leftover->entry->line, leftover->entry->command,
				leftover->entry->module, leftover->word ? " " : "",
				leftover->word ? leftover->word : "", leftover->why);
	}
	add_tool_files(report, finding);
	if (any)
		finding_fix(report, finding,
				planned_if(report->goal->chosen[CHOOSE_CLEAN_UP] == CHOICE_YES),
				"take out what has no effect (--clean-up)");
}
