/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/wizard.h"

/* The entry of guided troubleshooting: what it will do, and what helps until it does. */
int doctor_show(struct wizard *wizard)
{
	(void)wizard;
	return show_text("Doctor: guided troubleshooting",
			"This version does not have it yet. It will start from a symptom (the VM "
			"does not start, a black screen, the GPU is not seen in the guest, it "
			"works "
			"once and then not again) or from an error line, find the cause in the "
			"logs "
			"and on this host, and lead to one fix that can be undone.\n"
			"\n"
			"Until then\n"
			"  l      the whole audit: each fault found on this host, with its "
			"evidence\n"
			"  7      what the last start of the VM ended with\n"
			"  m      what shares an IOMMU group with the GPU\n"
			"\n"
			"Logs to look at\n"
			"  journalctl -b -g 'vfio|DMAR|AMD-Vi|BAR'\n"
			"  the task's log in the web interface, under the VM's Task History\n");
}
