/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/plan/remedies.h"

/* The kernel that boots, pinned as `proxmox-boot-tool kernel pin` does it (proxmox-kernel-helper,
 * pin_kernel and set_grub_default): a file, and where GRUB boots without that tool a snippet that
 * names the entry of its menu; with the tool, its refresh reads the file. */

static const char pin_file[] = "/etc/kernel/proxmox-boot-pin";

static int draft(const struct planning *planning, const char *path, const char *text,
		const char *because)
{
	const char *now = NULL;
	int status = planning_draft(planning, path, &now);
	if (status == 0 && (text || now))
		plan_set_draft(planning->plan, path, text, because, NULL);
	return status;
}

int fix_kernel_pin(const struct planning *planning, const struct finding *finding)
{
	const struct report *report = planning->report;
	const struct facts *facts = report->facts;
	struct arena *arena = planning->plan->arena;
	const char *kernel = kernel_to_pin(report);
	const char *because = finding->check->id;
	const char *next = kernel_to_boot(report);
	const char *line =
			kernel && facts->grub_submenu
					? arena_printf(arena,
							  "GRUB_DEFAULT=\"gnulinux-advanced-%s>gnulinux-%s-advanced-%s\"\n",
							  facts->grub_submenu, kernel,
							  facts->grub_submenu)
					: NULL;
	int status = draft(planning, pin_file, kernel ? arena_printf(arena, "%s\n", kernel) : NULL,
			because);
	if (status == 0 && facts->proxmox_boot_tool != KNOWN_YES)
		status = draft(planning, kernel_pin_snippet, line, because);
	if (status < 0)
		return status;
	plan_refresh_loader(report, planning->plan, because);
	if (!next || !facts->kernel || strcmp(next, facts->kernel) != 0)
		plan_add_reboot(planning->plan, because, reboot_cost(report));
	return 0;
}
