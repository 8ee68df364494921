/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

/* Nothing is known of the command line, running or configured: say so instead of "none". */
static bool cmdline_unknown(struct report *report, const struct check *check)
{
	if (report->facts->cmdline_running)
		return false;
	(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
			"The running command line could not be read.");
	return true;
}

void check_boot_loader(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (facts->boot_loader == BOOT_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"The running command line does not show a boot loader, and no GRUB configuration was found.");
		return;
	}
	const char *name = facts->boot_loader == BOOT_GRUB ? "GRUB" : "systemd-boot";
	bool missing = facts->boot_loader == BOOT_GRUB && !facts->grub.text;
	const char *idle_path = NULL;
	struct strings idle = idle_words(report, &idle_path);
	const char *words = strings_join(report->arena, &idle, " ");
	struct finding *finding = report_add(report, check, idle.n ? STATUS_WARN : STATUS_OK,
			subject_host(),
			idle.n ? "%s boots this machine; %s has effect. What %s says never counts here: %s."
			: missing ? "%s boots this machine; %s, which would have effect, is not there."
				  : "%s boots this machine; %s has effect.",
			name, facts->cmdline_file, idle_path, words);
	if (idle.n) {
		finding_evidence(report, finding, idle_path, "%s", words);
		finding_fix(report, finding, FIX_BY_HAND, "put what is wanted of it into %s%s",
				facts->cmdline_file,
				facts->boot_loader == BOOT_SYSTEMD
						? ", then proxmox-boot-tool refresh"
						: ", then update-grub");
	}
	finding_evidence(report, finding, facts->boot_loader_source, "%s",
			facts->cmdline_running ? facts->cmdline_running : "");
	if (facts->proxmox_boot_tool == KNOWN_YES)
		finding_evidence(report, finding, "/etc/kernel/proxmox-boot-uuids",
				"proxmox-boot-tool keeps the EFI system partitions");
}

/* A word that contradicts is going. */
static bool planned_out(const struct report *report)
{
	for (size_t i = 0; i < report->params.n; i++) {
		const struct param_choice *param = report->params.item[i];
		if (param->unwanted && !param->selected)
			return true;
	}
	return false;
}

void check_iommu_active(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (facts->iommu_active == KNOWN_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"No IOMMU groups are recorded, and whether the IOMMU is on cannot be seen.");
		return;
	}
	bool active = facts->iommu_active == KNOWN_YES;
	struct finding *finding = active ? report_add(report, check, STATUS_OK, subject_host(),
							   "On, %zu groups.", facts->iommu_groups)
					 : report_add(report, check, STATUS_FAIL, subject_host(),
							   "Off: there are no IOMMU groups.");
	finding_evidence(report, finding, facts->iommu_source, "%zu groups", facts->iommu_groups);
	/* Of a remote host the command line is not known, nor what it would need. */
	const struct param_choice *first = report->params.n ? report->params.item[0] : NULL;
	bool planned = planned_out(report) ||
		       (first && first->selected &&
				       (first->need == NEED_ADVISED || first->configured));
	if (!active)
		finding_fix(report, finding, planned_if(planned), "%s",
				planned ? "the kernel parameters turn it on, after a reboot"
					: "see the kernel parameters and the firmware");
}

/* The one parameter that cannot be left out was. */
static void tell_left_out(
		struct report *report, const struct check *check, const struct param_choice *first)
{
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_host(),
			"%s was left out: without it the IOMMU stays off, and no VM can get a GPU.",
			first->word);
	finding_fix(report, finding, FIX_BY_HAND, "tick it again");
	if (report->gpu)
		finding->risk = RISK_NEVER;
}

static void tell_nothing_to_add(
		struct report *report, const struct check *check, const struct param_choice *first)
{
	const struct facts *facts = report->facts;
	if (facts->iommu_active == KNOWN_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"Whether the IOMMU is on is not known, so neither is what it needs.");
		return;
	}
	if (facts->iommu_active == KNOWN_NO && facts->cpu_vendor == CPU_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"Whose processor this is is not known, so neither is what turns its IOMMU on.");
		return;
	}
	if (first->need == NEED_ADVISED)
		return;
	struct finding *finding = report_add(report, check, STATUS_OK, subject_host(),
			first->need == NEED_USELESS ? "Nothing to add: AMD's IOMMU is on by itself."
						    : "Nothing to add (%s: %s).",
			first->word, first->note);
	finding_evidence(report, finding, "/proc/cmdline", "%s",
			facts->cmdline_running ? facts->cmdline_running : "unknown");
}

void check_iommu_cmdline(struct report *report, const struct check *check)
{
	struct strings add = {0};
	struct strings remove = {0};
	const struct param_choice *first = report->params.item[0];
	if (first->need == NEED_ADVISED && !first->selected)
		tell_left_out(report, check, first);
	for (size_t i = 0; i < report->params.n; i++) {
		const struct param_choice *param = report->params.item[i];
		if (param_is_put(param))
			strings_add(report->arena, &add, param->word);
		if (param_is_taken(param))
			strings_add(report->arena, &remove, param->word);
	}
	if (!add.n && !remove.n) {
		tell_nothing_to_add(report, check, first);
		return;
	}
	const struct facts *facts = report->facts;
	bool essential = planned_out(report) || (first->need == NEED_ADVISED && first->selected);
	/* A kernel of unknown version may turn it on by itself. */
	bool certain = planned_out(report) || facts_intel_iommu_default_on(facts) == KNOWN_NO;
	struct finding *finding = report_add(report, check,
			!essential ? STATUS_INFO
			: certain  ? STATUS_FAIL
				   : STATUS_WARN,
			subject_host(), "%s%s%s%s%s.", add.n ? "to add: " : "",
			strings_join(report->arena, &add, " "), add.n && remove.n ? "; " : "",
			remove.n ? "to remove: " : "", strings_join(report->arena, &remove, " "));
	finding_evidence(report, finding, "/proc/cmdline", "%s",
			facts->cmdline_running ? facts->cmdline_running : "unknown");
	bool editable = !why_not_editable(report);
	finding_fix(report, finding, planned_if(editable), "%s the parameters in %s and reboot",
			editable ? "set" : "set by hand",
			edited_file(report) ? edited_file(report) : "the boot loader's file");
}

/* Those of `words`, each once, that are not among `known`. */
static struct strings words_not_in(const struct report *report, const struct strings *known,
		const struct strings *words)
{
	struct strings before = {0};
	struct strings others = {0};
	struct index index = {0};
	add_words(report, &before, &index, known);
	add_words(report, &others, &index, words);
	index_free(&index);
	return others;
}

/* Words of the configuration that a command line has not. */
static struct strings missing_words(const struct report *report, const char *cmdline)
{
	struct strings have = cmdline_words(report->arena, cmdline);
	return words_not_in(report, &have, &report->configured);
}

/* It decides whether and how passthrough works: left behind on a command line, it still counts. */
static bool decides(const char *word)
{
	static const char *const starts[] = {"intel_iommu=", "amd_iommu=", "iommu=", "intremap=",
			"nointremap", "pcie_acs_override=", "vfio", "video=", "initcall_blacklist=",
			"module_blacklist=", "modprobe.blacklist=", "pci=nomsi"};
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (text_starts(word, starts[i]))
			return true;
	return false;
}

/* Words that a command line still has and the configuration has dropped. */
static struct strings leftover_words(const struct report *report, const char *cmdline)
{
	struct strings have = cmdline_words(report->arena, cmdline);
	struct strings wanted = possible_words(report);
	struct strings others = words_not_in(report, &wanted, &have);
	struct strings left = {0};
	for (size_t i = 0; i < others.n; i++)
		if (decides(others.item[i]))
			strings_add(report->arena, &left, others.item[i]);
	return left;
}

/* What a command line has not, and still has, of the boot loader's file; NULL: it is as the file
 * says. */
static const char *stale_text(const struct report *report, const char *cmdline)
{
	struct strings missing = missing_words(report, cmdline);
	struct strings left = leftover_words(report, cmdline);
	if (!missing.n && !left.n)
		return NULL;
	const char *file = report->facts->cmdline_file;
	return arena_printf(report->arena, "%s%s%s%s%s%s%s", missing.n ? "has not the words " : "",
			strings_join(report->arena, &missing, " "),
			missing.n ? arena_printf(report->arena, " of %s", file) : "",
			missing.n && left.n ? ", and " : "", left.n ? "still has the words " : "",
			strings_join(report->arena, &left, " "),
			left.n ? arena_printf(report->arena, ", which %s has no more", file) : "");
}

struct strings stale_words(const struct report *report)
{
	const struct facts *facts = report->facts;
	struct strings all = {0};
	for (size_t i = 0; i <= facts->boot_entries.n; i++) {
		const struct boot_entry *entry =
				i < facts->boot_entries.n ? facts->boot_entries.item[i] : NULL;
		const char *cmdline = entry ? entry->cmdline : facts->cmdline_running;
		struct strings left = leftover_words(report, cmdline ? cmdline : "");
		for (size_t w = 0; w < left.n; w++)
			if (!strings_has(&all, left.item[w]))
				strings_add(report->arena, &all, left.item[w]);
	}
	return all;
}

/* Kernels whose boot entries were not made again since the file was edited. */
static bool judge_generated(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	struct finding *finding = NULL;
	for (size_t i = 0; i < facts->boot_entries.n; i++) {
		const struct boot_entry *entry = facts->boot_entries.item[i];
		const char *stale = stale_text(report, entry->cmdline);
		if (!stale)
			continue;
		if (!finding)
			finding = report_add(report, check, STATUS_WARN, subject_host(),
					"The boot entry of kernel %s %s: the configuration was not made again since.",
					entry->kernel ? entry->kernel : "(unknown)", stale);
		finding_evidence(report, finding, entry->path, "%s: %s",
				entry->kernel ? entry->kernel : "?", entry->cmdline);
	}
	if (finding)
		finding_fix(report, finding, planned_if(!why_not_editable(report)), "%s and reboot",
				facts->proxmox_boot_tool == KNOWN_YES ? "proxmox-boot-tool refresh"
								      : "update-grub");
	return finding != NULL;
}

void check_cmdline_pending(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (!is_configured_known(facts) || !facts->cmdline_running || booted_by_fallback(report))
		return;
	if (judge_generated(report, check))
		return;
	struct strings missing = missing_words(report, facts->cmdline_running);
	struct strings left = leftover_words(report, facts->cmdline_running);
	if (!missing.n && !left.n) {
		(void)report_add(report, check, STATUS_OK, subject_host(),
				"The running kernel has every word of %s.", facts->cmdline_file);
		return;
	}
	struct finding *finding = report_add(report, check, STATUS_WARN, subject_host(),
			"%s%s%s%s%s%s",
			missing.n ? "Set, but not on the running command line: " : "",
			strings_join(report->arena, &missing, " "), missing.n ? "." : "",
			missing.n && left.n ? " " : "",
			left.n ? "Dropped, but still on the running command line: " : "",
			left.n ? arena_printf(report->arena, "%s.",
						 strings_join(report->arena, &left, " "))
			       : "");
	finding_evidence(report, finding, "/proc/cmdline", "%s", facts->cmdline_running);
	/* The entries on ESPs that are not mounted are not known: made again they are right. */
	bool unseen = facts->proxmox_boot_tool == KNOWN_YES;
	finding_fix(report, finding,
			why_not_editable(report) ? FIX_BY_HAND
			: unseen                 ? FIX_BY_PLAN
						 : FIX_BY_REBOOT,
			"%s", unseen ? "proxmox-boot-tool refresh and reboot" : "reboot");
}

/* Both what runs and what is configured for the next boot. */
static struct strings all_words(const struct report *report)
{
	/* Of the configuration each counts where it stands: the last one may win. */
	struct strings words = {0};
	struct strings more =
			words_not_in(report, &report->configured, &report->facts->cmdline_words);
	for (size_t i = 0; i < report->configured.n; i++)
		strings_add(report->arena, &words, report->configured.item[i]);
	for (size_t i = 0; i < more.n; i++)
		strings_add(report->arena, &words, more.item[i]);
	return words;
}

static void add_cmdline_evidence(struct report *report, struct finding *finding)
{
	finding_evidence(report, finding, "/proc/cmdline", "%s", report->facts->cmdline_running);
}

void check_cmdline_conflict(struct report *report, const struct check *check)
{
	static const char *const off[] = {
			"intel_iommu=off", "amd_iommu=off", "iommu=off", "iommu=soft"};
	if (cmdline_unknown(report, check))
		return;
	struct strings words = all_words(report);
	struct strings found = {0};
	bool nomsi = cmdline_has_word(&words, "pci=nomsi");
	bool remapping = cmdline_has_word(&words, "intremap=off") ||
			 cmdline_has_word(&words, "nointremap");
	if (nomsi) {
		struct finding *finding = report_add(report, check, STATUS_WARN, subject_host(),
				"pci=nomsi keeps devices from using message-signalled interrupts, which passthrough relies on.");
		add_cmdline_evidence(report, finding);
		finding_fix(report, finding, FIX_BY_HAND,
				"take pci=nomsi out of the kernel parameters");
	}
	if (remapping) {
		struct finding *finding = report_add(report, check, STATUS_FAIL, subject_host(),
				"Interrupt remapping is turned off (intremap=off or nointremap): VFIO then refuses to give a device to a VM.");
		add_cmdline_evidence(report, finding);
		finding_fix(report, finding, FIX_BY_HAND,
				"take that word out of the kernel parameters");
	}
	for (size_t i = 0; i < sizeof off / sizeof *off; i++)
		if (cmdline_has_word(&words, off[i]))
			strings_add(report->arena, &found, off[i]);
	if (!found.n && !nomsi && !remapping)
		(void)report_add(report, check, STATUS_OK, subject_host(), "None.");
	if (!found.n)
		return;
	struct finding *finding = report_add(report, check, STATUS_FAIL, subject_host(),
			"%s turns the IOMMU off.", strings_join(report->arena, &found, ", "));
	finding_evidence(report, finding, "/proc/cmdline", "%s",
			report->facts->cmdline_running ? report->facts->cmdline_running
						       : "unknown");
	finding_fix(report, finding, FIX_BY_HAND, "take %s out of the kernel parameters%s",
			strings_join(report->arena, &found, " and "),
			planned_out(report) ? ": planned, see Kernel parameters" : "");
}

void check_cmdline_obsolete(struct report *report, const struct check *check)
{
	if (cmdline_unknown(report, check))
		return;
	struct strings words = all_words(report);
	bool found = false;
	struct finding *finding = NULL;
	if (cmdline_has_word(&words, "amd_iommu=on")) {
		found = true;
		finding = report_add(report, check, STATUS_INFO, subject_host(),
				"amd_iommu=on is not a value the kernel knows and does nothing; AMD's IOMMU is on by itself.");
		add_cmdline_evidence(report, finding);
	}
	if (cmdline_has_word(&words, "intel_iommu=on") && report->facts->cpu_vendor == CPU_AMD) {
		found = true;
		finding = report_add(report, check, STATUS_INFO, subject_host(),
				"intel_iommu=on does nothing on an AMD CPU.");
		add_cmdline_evidence(report, finding);
	}
	if (!found)
		(void)report_add(report, check, STATUS_OK, subject_host(), "None.");
}

bool acs_override_works(const struct strings *words)
{
	const char *value = cmdline_value(words, "pcie_acs_override");
	if (!value)
		return false;
	return cmdline_list_has(value, "downstream") || cmdline_list_has(value, "multifunction") ||
	       strstr(value, "id:");
}

/* What the override would make of the GPU's group: `downstream` lets the ports above pretend to
 * keep what is below them apart, `multifunction` the functions of one slot (the kernel patch 0004).
 */
static void tell_acs_effect(struct report *report, const struct check *check)
{
	const struct pci_device *gpu = report->gpu;
	struct list group = facts_group(report->facts, gpu->group, report->arena);
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_host(),
			"Not used. It would part the group of the GPU on paper only: "
			"the devices may still reach each other's memory, group numbers change, and PCI mappings must then be set anew.");
	for (size_t i = 0; i < group.n; i++) {
		const struct pci_device *other = group.item[i];
		if (pci_is_bridge(other) || facts_in_list(&report->card, other))
			continue;
		bool same_bus = other->address.domain == gpu->address.domain &&
				other->address.bus == gpu->address.bus;
		const char *by = pci_address_same_slot(&other->address, &gpu->address)
						 ? "parted by multifunction"
				 : same_bus ? "not parted: it is on the GPU's own bus"
					    : "parted by downstream";
		finding_evidence(report, finding, "/sys/bus/pci/devices", "%s: %s",
				device_text(report->arena, other), by);
	}
}

void check_acs_override(struct report *report, const struct check *check)
{
	if (cmdline_unknown(report, check))
		return;
	struct strings words = all_words(report);
	const char *value = cmdline_value(&words, "pcie_acs_override");
	if (!value && report->gpu && report->gpu->group >= 0 &&
			group_has_others(report, report->gpu)) {
		tell_acs_effect(report, check);
		return;
	}
	if (!value) {
		(void)report_add(report, check, STATUS_OK, subject_host(),
				report->facts->iommu_groups
						? "Not used: groups are what the kernel found the hardware to keep apart."
						: "Not used.");
		return;
	}
	const char *at = value;
	while (*at) {
		char *token = arena_strndup(report->arena, at, strcspn(at, ","));
		at += strlen(token);
		at += *at == ',';
		if (strcmp(token, "downstream") == 0 || strcmp(token, "multifunction") == 0 ||
				text_starts(token, "id:"))
			continue;
		struct finding *finding = report_add(report, check, STATUS_WARN, subject_host(),
				"'%s' is not a word pcie_acs_override knows (downstream, multifunction, id:vvvv:dddd) and does nothing.",
				token);
		add_cmdline_evidence(report, finding);
	}
	if (!acs_override_works(&words))
		return;
	struct finding *finding = report_add(report, check, STATUS_WARN, subject_host(),
			"pcie_acs_override=%s is set: the groups shown are not guaranteed by the hardware.",
			value);
	add_cmdline_evidence(report, finding);
	finding_fix(report, finding, FIX_BY_HAND,
			"keep it only if you accept that; another slot may need no override");
}

/* One video= word that means to keep a firmware framebuffer driver off. */
static void judge_video(struct report *report, const struct check *check, const char *word)
{
	const struct facts *facts = report->facts;
	bool by_version = false;
	enum known ignored = is_video_ignored(facts, word, &by_version);
	const struct kernel_config *config = config_of(facts, facts->kernel);
	const char *what =
			"is set; the running kernel and the next one may take it in different ways";
	if (ignored == KNOWN_NO)
		what = "keeps the firmware framebuffer driver off";
	else if (ignored == KNOWN_YES && config && config->simplefb == BUILT_NO)
		what = "is ignored: the kernel was built without that driver";
	else if (ignored == KNOWN_YES)
		what = "is ignored by this kernel: simpledrm took the place of efifb and vesafb";
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_host(), "%s %s%s.",
			word, what,
			by_version ? " (judged by its version, for want of /boot/config-*; Proxmox kernels since 5.15.27 ignore it)"
				   : "");
	add_cmdline_evidence(report, finding);
	static const char *const built[] = {"?", "n", "m", "y"};
	for (size_t i = 0; i < facts->kernel_configs.n; i++) {
		const struct kernel_config *read = facts->kernel_configs.item[i];
		finding_evidence(report, finding, read->path,
				"CONFIG_SYSFB_SIMPLEFB=%s CONFIG_DRM_SIMPLEDRM=%s CONFIG_FB_EFI=%s CONFIG_FB_VESA=%s",
				built[read->simplefb], built[read->simpledrm], built[read->efifb],
				built[read->vesafb]);
	}
}

void check_framebuffer(struct report *report, const struct check *check)
{
	if (cmdline_unknown(report, check))
		return;
	struct strings words = all_words(report);
	bool found = false;
	for (size_t i = 0; i < words.n; i++) {
		const char *word = words.item[i];
		if (!text_starts(word, "video=") ||
				(!strstr(word, "efifb:off") && !strstr(word, "vesafb:off")))
			continue;
		found = true;
		judge_video(report, check, word);
	}
	if (cmdline_has_word(&words, "initcall_blacklist=sysfb_init")) {
		found = true;
		struct finding *finding = report_add(report, check, STATUS_INFO, subject_host(),
				"initcall_blacklist=sysfb_init is set: the host has no local console until a GPU driver loads.");
		add_cmdline_evidence(report, finding);
	}
	if (!found)
		(void)report_add(report, check, STATUS_OK, subject_host(), "None set.");
}

static void judge_esp(struct report *report, const struct check *check, const struct esp *esp)
{
	struct subject subject = subject_esp(esp->uuid);
	if (!esp->mounted_at || !esp->entries.n) {
		struct finding *finding = report_add(report, check, STATUS_UNKNOWN, subject,
				esp->mounted_at ? "ESP %s is mounted, but no boot entry was found on it."
						: "ESP %s is not mounted, so it was not read. It is written by proxmox-boot-tool refresh.",
				esp->uuid);
		finding_evidence(
				report, finding, "/etc/kernel/proxmox-boot-uuids", "%s", esp->uuid);
		return;
	}
	bool stale = false;
	for (size_t i = 0; i < esp->entries.n; i++) {
		const struct boot_entry *entry = esp->entries.item[i];
		const char *what = stale_text(report, entry->cmdline);
		if (!what)
			continue;
		stale = true;
		struct finding *finding = report_add(report, check, STATUS_WARN, subject,
				"An entry on ESP %s %s.", esp->uuid, what);
		finding_evidence(report, finding, entry->path, "%s", entry->cmdline);
		finding_fix(report, finding, FIX_BY_HAND, "proxmox-boot-tool refresh");
	}
	if (!stale) {
		struct finding *finding = report_add(report, check, STATUS_OK, subject,
				"Each entry on ESP %s has the words of %s.", esp->uuid,
				report->facts->cmdline_file);
		finding_evidence(report, finding, esp->mounted_at, "%zu entries", esp->entries.n);
	}
}

void check_esp_sync(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (facts->proxmox_boot_tool == KNOWN_UNKNOWN)
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"/etc/kernel is not recorded.");
	else if (facts->proxmox_boot_tool == KNOWN_NO)
		(void)report_add(report, check, STATUS_OK, subject_host(),
				"No ESPs are kept by proxmox-boot-tool: there is nothing to keep in step.");
	for (size_t i = 0; i < facts->esps.n; i++)
		judge_esp(report, check, facts->esps.item[i]);
}
