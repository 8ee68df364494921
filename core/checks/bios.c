/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/checks/questions.h"

void check_pve_version(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (!facts->pve_version) {
		struct finding *finding = report_add(report, check, STATUS_UNKNOWN, subject_host(),
				facts->remote ? "its version is not known."
					      : "The package pve-manager is not recorded as installed here: this is no Proxmox VE host, or only a part of one.");
		if (!facts->remote)
			finding_evidence(report, finding, "/var/lib/dpkg/status",
					"no installed package pve-manager");
		return;
	}
	int major = atoi(facts->pve_version); /* NOLINT(cert-err34-c): 0 is then too old as well */
	struct finding *finding = report_add(report, check, major >= 7 ? STATUS_OK : STATUS_WARN,
			subject_host(), "Proxmox VE %s%s.", facts->pve_version,
			major >= 8 ? ""
			: major == 7 ? ": no PCI mappings (they came with 8.0), so only root@pam can give a VM a device"
				     : " is older than 7.0, which the guide asks for");
	finding_evidence(report, finding, "/var/lib/dpkg/status", "pve-manager %s",
			facts->pve_version);
}

void check_cpu_virtualization(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	const char *model = facts->cpu_model ? facts->cpu_model : "CPU of unknown model";
	struct finding *finding = NULL;
	if (facts->cpu_virtualization == KNOWN_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"The CPU's flags are not known here (/proc/cpuinfo).");
		return;
	}
	if (facts->cpu_virtualization == KNOWN_YES) {
		finding = report_add(report, check, STATUS_OK, subject_host(), "%s: on.", model);
	} else {
		finding = report_add(report, check, STATUS_FAIL, subject_host(),
				"%s: neither vmx nor svm among its flags: switched off in the firmware, or this is itself a VM.",
				model);
		finding_fix(report, finding, FIX_BY_HAND,
				"enable Intel VT-x / AMD-V (SVM) in the firmware setup");
	}
	finding_evidence(report, finding, "/proc/cpuinfo", "%s",
			facts->cpu_virtualization == KNOWN_YES ? "vmx or svm is set"
							       : "no vmx, no svm");
}

static const struct log_line *log_says_iommu(const struct facts *facts)
{
	for (size_t i = 0; i < facts->log.n; i++) {
		const struct log_line *line = facts->log.item[i];
		if (line->kind == LOG_IOMMU_ON && strstr(line->text, "AMD-Vi"))
			return line;
	}
	return NULL;
}

void check_iommu_firmware(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	const char *name = facts->cpu_vendor == CPU_AMD ? "AMD-Vi (IOMMU)" : "Intel VT-d";
	const struct log_line *told = log_says_iommu(facts);
	struct finding *finding = NULL;
	if (facts->iommu_active == KNOWN_YES) {
		finding = report_add(report, check, STATUS_OK, subject_host(),
				"The kernel uses the IOMMU, so the firmware offers it.");
		finding_evidence(report, finding, facts->iommu_source, "%zu groups",
				facts->iommu_groups);
	} else if (told) {
		finding = report_add(report, check, STATUS_OK, subject_host(),
				"The kernel's log shows the IOMMU.");
		finding_evidence(report, finding, facts->log_source, "%s", told->text);
	} else if (facts->iommu_table == KNOWN_YES) {
		finding = report_add(report, check, STATUS_OK, subject_host(),
				"The firmware describes an IOMMU.");
		finding_evidence(report, finding, "/sys/firmware/acpi/tables",
				"DMAR or IVRS is there");
	} else if (facts->iommu_table == KNOWN_NO) {
		finding = report_add(report, check, STATUS_FAIL, subject_host(),
				"The firmware describes no IOMMU: it is switched off in the setup, or the board has none.");
		finding_evidence(report, finding, "/sys/firmware/acpi/tables",
				"neither DMAR nor IVRS");
		finding_fix(report, finding, FIX_BY_HAND, "enable %s in the firmware setup", name);
	} else {
		finding = report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"The ACPI tables could not be listed.");
	}
	/* Asked for, whatever is found. */
	if (report->goal->chosen[CHOOSE_FIRMWARE_SETUP] == CHOICE_YES &&
			facts->firmware_setup == KNOWN_YES)
		finding_fix(report, finding, FIX_BY_PLAN, "restart into the firmware setup");
}

void check_secure_boot(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (facts->efi == KNOWN_NO) {
		(void)report_add(report, check, STATUS_OK, subject_host(),
				"Booted by a legacy BIOS.");
	} else if (facts->secure_boot == KNOWN_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"The EFI variable SecureBoot could not be read.");
	} else if (facts->secure_boot == KNOWN_NO) {
		(void)report_add(report, check, STATUS_OK, subject_host(), "Off.");
	} else {
		struct finding *finding = report_add(report, check, STATUS_INFO, subject_host(),
				"On: the kernel loads signed modules only.");
		finding_evidence(report, finding, "/sys/firmware/efi/efivars", "SecureBoot 1");
	}
}

void check_interrupt_remapping(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (facts->interrupt_remapping == KNOWN_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				facts->cpu_vendor != CPU_AMD
						? "Neither the ACPI table DMAR nor the kernel's log tells."
				: facts->log_known == KNOWN_YES
						? "On AMD only the kernel's log tells, and it has no word of it."
						: "On AMD only the kernel's log tells, and it could not be read.");
		return;
	}
	bool there = facts->interrupt_remapping == KNOWN_YES;
	struct finding *finding = report_add(report, check, there ? STATUS_OK : STATUS_WARN,
			subject_host(),
			there ? "The platform has it." : "The platform says it has none.");
	bool told = false;
	for (size_t i = 0; i < facts->log.n; i++) {
		const struct log_line *line = facts->log.item[i];
		if (line->kind != LOG_REMAPPING_ON && line->kind != LOG_REMAPPING_OFF)
			continue;
		told = true;
		finding_evidence(report, finding, facts->log_source, "%s", line->text);
	}
	if (!told)
		finding_evidence(report, finding, facts->interrupt_remapping_source,
				"flag INTR_REMAP %d", there);
	if (!there)
		finding_fix(report, finding, FIX_BY_HAND,
				"switch it on in the firmware setup; without it passthrough needs unsafe interrupts");
}

void check_quorum(struct report *report, const struct check *check)
{
	const struct facts *facts = report->facts;
	if (facts->clustered == KNOWN_NO) {
		(void)report_add(report, check, STATUS_OK, subject_host(), "A node by itself.");
	} else if (facts->clustered == KNOWN_UNKNOWN || facts->quorate == KNOWN_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, subject_host(),
				"The state of the cluster could not be read.");
	} else {
		bool quorate = facts->quorate == KNOWN_YES;
		struct finding *finding = report_add(report, check,
				quorate ? STATUS_OK : STATUS_FAIL, subject_host(),
				quorate ? "The cluster has quorum."
					: "The cluster has no quorum: /etc/pve cannot be written.");
		finding_evidence(report, finding, "/etc/pve/.members", "quorate %d", quorate);
		if (!quorate)
			finding_fix(report, finding, FIX_BY_HAND,
					"bring the other nodes back first");
	}
}
