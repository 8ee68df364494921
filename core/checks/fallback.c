/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

/*
 * A boot entry that starts the host as it was: the menu's own first entry, copied as it stands now
 * into /boot/grub/custom.cfg, which GRUB reads at every boot (/etc/grub.d/41_custom), with vfio-pci
 * kept off. It needs no refresh, and stays what it is when the menu is made again.
 */

bool booted_by_fallback(const struct report *report)
{
	return cmdline_has_word(&report->facts->cmdline_words, FALLBACK_WORD) &&
	       !cmdline_has_word(&report->configured, FALLBACK_WORD);
}

static const char *why_none(const struct report *report)
{
	const struct facts *facts = report->facts;
	if (facts->boot_loader != BOOT_GRUB || facts->proxmox_boot_tool == KNOWN_YES)
		return "on this host the boot entries are made by proxmox-boot-tool alone: "
		       "press e in the boot menu to change the command line for one boot";
	if (facts->grub_custom_read != KNOWN_YES)
		return "/etc/grub.d/41_custom, which would read it, is not there";
	if (facts->grub_custom.error)
		return facts->grub_custom.error;
	if (!facts->boot_entries.n)
		return "the boot menu could not be read";
	return NULL;
}

void check_fallback_entry(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (facts->boot_loader == BOOT_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"It is not known what boots this host.");
		return;
	}
	if (booted_by_fallback(report)) {
		struct finding *finding = report_add(report, check, STATUS_WARN, subject_host(),
				"This boot is from the entry that leaves vfio-pci out: nothing can "
				"be given to a VM until the host boots its usual entry.");
		finding_evidence(report, finding, "/proc/cmdline", "%s", facts->cmdline_running);
		finding_fix(report, finding, FIX_BY_HAND,
				"roll back what kept it from booting, or reboot into the usual entry");
		if (report->gpu && report->vm && report->decided[CHOOSE_ATTACH])
			finding->risk = RISK_NEVER;
		return;
	}
	const char *ours = facts->grub_custom.text ? strstr(facts->grub_custom.text, FALLBACK_BEGIN)
						   : NULL;
	if (ours && strstr(ours, "\nmenuentry ") && strstr(ours, "/vmlinuz-")) {
		struct finding *finding = report_add(report, check, STATUS_OK, subject_host(),
				"The boot menu has an entry that starts the host as it was.");
		finding_evidence(report, finding, facts->grub_custom.path, "the entry of pvegpu");
		return;
	}
	const char *why = why_none(report);
	struct finding *finding = report_add(report, check, STATUS_INFO, subject_host(),
			"None%s%s.", why ? ": " : "; one can be added before the host is changed",
			why ? why : "");
	if (!why)
		finding_fix(report, finding,
				planned_if(report->goal->chosen[CHOOSE_FALLBACK_ENTRY] ==
						CHOICE_YES),
				"add a boot entry with today's command line and without vfio-pci");
}
