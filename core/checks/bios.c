/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "core/checks/internal.h"

CHECK_FUNCTION(check_pve_version)
{
	const struct facts *facts = report->facts;
	if (!facts->pve_version) {
		struct finding *finding = report_add(report, check, STATUS_UNKNOWN, "host",
				"The package pve-manager is not recorded as installed here: this "
				"is no "
				"Proxmox VE host, or only a part of one.");
		finding_evidence(report, finding, "/var/lib/dpkg/status",
				"no installed package pve-manager");
		return;
	}
	int major = atoi(facts->pve_version); /* NOLINT(cert-err34-c): 0 is then too old as well */
	struct finding *finding = report_add(report, check, major >= 7 ? STATUS_OK : STATUS_WARN,
			"host", "Proxmox VE %s%s.", facts->pve_version,
			major >= 7 ? "" : " is older than 7.0, which the guide asks for");
	finding_evidence(report, finding, "/var/lib/dpkg/status", "pve-manager %s",
			facts->pve_version);
}

CHECK_FUNCTION(check_cpu_virtualization)
{
	const struct facts *facts = report->facts;
	const char *model = facts->cpu_model ? facts->cpu_model : "CPU of unknown model";
	struct finding *finding = NULL;
	if (facts->cpu_virtualization == KNOWN_UNKNOWN) {
		(void)report_add(report, check, STATUS_UNKNOWN, "host",
				"/proc/cpuinfo does not tell the CPU's flags.");
		return;
	}
	if (facts->cpu_virtualization == KNOWN_YES) {
		finding = report_add(report, check, STATUS_OK, "host", "%s: on.", model);
	} else {
		finding = report_add(report, check, STATUS_FAIL, "host",
				"%s: neither vmx nor svm among its flags: switched off in the "
				"firmware, "
				"or this is itself a VM.",
				model);
		finding_fix(report, finding, false,
				"enable Intel VT-x / AMD-V (SVM) in the firmware setup");
	}
	finding_evidence(report, finding, "/proc/cpuinfo", "%s",
			facts->cpu_virtualization == KNOWN_YES ? "vmx or svm is set"
							       : "no vmx, no svm");
}

CHECK_FUNCTION(check_iommu_firmware)
{
	const struct facts *facts = report->facts;
	const char *name = facts->cpu_vendor == CPU_AMD ? "AMD-Vi (IOMMU)" : "Intel VT-d";
	struct finding *finding = NULL;
	if (facts->iommu_active == KNOWN_YES) {
		finding = report_add(report, check, STATUS_OK, "host",
				"The kernel uses the IOMMU, so the firmware offers it.");
		finding_evidence(report, finding, facts->iommu_source, "%zu groups",
				facts->iommu_groups);
	} else if (facts->iommu_table == KNOWN_YES) {
		finding = report_add(report, check, STATUS_OK, "host",
				"The firmware describes an IOMMU.");
		finding_evidence(report, finding, "/sys/firmware/acpi/tables",
				"DMAR or IVRS is there");
	} else if (facts->iommu_table == KNOWN_NO) {
		finding = report_add(report, check, STATUS_FAIL, "host",
				"The firmware describes no IOMMU: it is switched off in the setup, "
				"or "
				"the board has none.");
		finding_evidence(report, finding, "/sys/firmware/acpi/tables",
				"neither DMAR nor IVRS");
		finding_fix(report, finding, false, "enable %s in the firmware setup", name);
	} else {
		(void)report_add(report, check, STATUS_UNKNOWN, "host",
				"The ACPI tables could not be listed.");
	}
}
