/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

/*
 * A boot entry that starts the host as it was: the menu's own first entry, copied as it stands now
 * into /boot/grub/custom.cfg, which GRUB reads at every boot (/etc/grub.d/41_custom), with vfio-pci
 * kept off. It needs no refresh, and stays what it is when the menu is made again.
 */
static const char marker_begin[] = "### BEGIN pvegpu: the host as it was ###\n";
static const char marker_end[] = "### END pvegpu ###\n";

static const char keeps_off[] = "module_blacklist=vfio_pci";

bool booted_by_fallback(const struct report *report)
{
	return cmdline_has_word(&report->facts->cmdline_words, keeps_off) &&
	       !cmdline_has_word(&report->configured, keeps_off);
}

static const char *why_none(const struct report *report)
{
	const struct facts *facts = report->facts;
	if (facts->boot_loader != BOOT_GRUB || facts->proxmox_boot_tool == KNOWN_YES)
		return "on this host the boot entries are made by proxmox-boot-tool alone: press e "
		       "in "
		       "the boot menu to change the command line for one boot";
	if (facts->grub_custom_read != KNOWN_YES)
		return "/etc/grub.d/41_custom, which would read it, is not there";
	if (facts->grub_custom.error)
		return facts->grub_custom.error;
	if (!facts->boot_entries.n)
		return "the boot menu could not be read";
	return NULL;
}

CHECK_FUNCTION(check_fallback_entry)
{
	const struct facts *facts = report->facts;
	if (facts->boot_loader == BOOT_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, "host",
				"It is not known what boots this host.");
		return;
	}
	if (booted_by_fallback(report)) {
		struct finding *finding = report_add(report, check, STATUS_WARN, "host",
				"This boot is from the entry that leaves vfio-pci out: nothing can "
				"be given to a VM until the host boots its usual entry.");
		finding_evidence(report, finding, "/proc/cmdline", "%s", facts->cmdline_running);
		finding_fix(report, finding, false,
				"roll back what kept it from booting, or "
				"reboot into the usual entry");
		if (report->gpu && report->vm && report->attach)
			finding->risk = RISK_NEVER;
		return;
	}
	const char *ours = facts->grub_custom.text ? strstr(facts->grub_custom.text, marker_begin)
						   : NULL;
	if (ours && strstr(ours, "\nmenuentry ") && strstr(ours, "/vmlinuz-")) {
		struct finding *finding = report_add(report, check, STATUS_OK, "host",
				"The boot menu has an entry that starts the host as it was.");
		finding_evidence(report, finding, facts->grub_custom.path, "the entry of pvegpu");
		return;
	}
	const char *why = why_none(report);
	struct finding *finding = report_add(report, check, STATUS_INFO, "host", "None%s%s.",
			why ? ": " : "; one can be added before the host is changed",
			why ? why : "");
	if (!why)
		finding_fix(report, finding, report->goal->fallback_entry == CHOICE_YES,
				"add a boot entry with today's command line and without vfio-pci");
}

/* The first menu entry that starts a kernel of this host, whole: from `menuentry` to the bracket
 * that closes it. */
static char *first_entry(struct arena *arena, const char *menu)
{
	const char *begin = strstr(menu, "### BEGIN /etc/grub.d/10_linux ###");
	for (const char *start = begin ? begin : menu; start;
			start = strstr(start, "\nmenuentry ")) {
		start += *start == '\n';
		const char *end = strstr(start, "\n}");
		char *entry = end ? arena_strndup(arena, start, (size_t)(end + 2 - start)) : NULL;
		if (entry && text_starts(entry, "menuentry ") && strstr(entry, "/vmlinuz-"))
			return entry;
	}
	return NULL;
}

static char *make_entry(struct arena *arena, const char *entry, const char *kernel)
{
	struct text text = {0};
	struct lines cursor = lines_start(entry);
	struct line line;
	text_add(&text, marker_begin);
	text_addf(&text,
			"menuentry 'Host as it was before pvegpu (kernel %s, without vfio-pci)' "
			"{\n",
			kernel ? kernel : "unknown");
	(void)line_next(&cursor, &line); /* its own title */
	while (line_next(&cursor, &line)) {
		char *content = text_trim(arena, line.start, line.n);
		bool kernel_line =
				text_starts(content, "linux\t") || text_starts(content, "linux ");
		text_add_bytes(&text, line.start, line.n);
		text_add(&text, kernel_line ? arena_printf(arena, " %s\n", keeps_off) : "\n");
	}
	text_add(&text, marker_end);
	return text_take(&text, arena);
}

FIX_FUNCTION(fix_fallback_entry)
{
	const struct facts *facts = report->facts;
	const struct boot_entry *first = facts->boot_entries.item[0];
	const char *text = NULL;
	char *menu = NULL;
	int status = root_read(root, first->path, plan->arena, &menu, NULL, err);
	if (status < 0)
		return status;
	char *entry = first_entry(plan->arena, menu);
	if (!entry)
		return error_set(err, ERROR_PARSE, "%s has no menu entry that could be copied",
				first->path);
	status = plan_draft(plan, root, facts->grub_custom.path, &text, err);
	if (status < 0)
		return status;
	bool finished = !text || !*text || text_ends(text, "\n");
	plan_set_draft(plan, facts->grub_custom.path,
			arena_printf(plan->arena, "%s%s%s", text ? text : "", finished ? "" : "\n",
					make_entry(plan->arena, entry, first->kernel)),
			finding->check->id, NULL);
	return 0;
}
