/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/goal/internal.h"

/* What is chosen where nobody chose, and what is so already: functions of the table's rows. */

bool always(const struct choice_view *view)
{
	(void)view;
	return true;
}

const char *driver_clings(const char *driver)
{
	if (driver && (strcmp(driver, "nvidia") == 0 || strcmp(driver, "nvidia_drm") == 0))
		return "the nvidia driver does not let go while something uses it";
	if (driver && strcmp(driver, "amdgpu") == 0)
		return "amdgpu may hang when it has to let go, or leave the card unusable";
	return NULL;
}

const char *why_bind_early(const struct pci_device *gpu)
{
	if (pci_is_virtual(gpu) || device_on_vfio(gpu))
		return NULL;
	if (driver_clings(gpu->driver))
		return driver_clings(gpu->driver);
	return gpu->boot_vga == KNOWN_YES ? "the host's console is on this GPU and may not let go"
					  : NULL;
}

bool advise_bind_early(const struct choice_view *view)
{
	return view->gpu && why_bind_early(view->gpu);
}

/* Once attached, what is there stays unless something else is asked for. */
bool usual_pcie(const struct choice_view *view)
{
	return view->line ? view->line->parsed.pcie : true;
}

bool usual_x_vga(const struct choice_view *view)
{
	return view->line && view->line->parsed.x_vga;
}

/* Only root@pam itself may name an address (PVE/API2/Qemu.pm, check_hostpci_perm); what is attached
 * already stays by what it is. */
bool usual_by_mapping(const struct choice_view *view)
{
	if (view->goal->mapping || view->goal->mapping_devices.n)
		return true;
	return view->line ? view->line->parsed.mapping != NULL : !view->facts->identity_root;
}

/* A guest that runs with its GPU, or is to get none, works: what is merely the guide's is not set
 * on it. */
static bool works(const struct choice_view *view)
{
	return view->vm && view->vm->running == KNOWN_YES &&
	       (view->line || !choice_is_taken(&goal_choices[CHOOSE_ATTACH], view));
}

bool advise_cpu_host(const struct choice_view *view)
{
	return !works(view);
}

bool done_q35(const struct choice_view *view)
{
	return view->vm && vm_value_is_q35(vm_get(view->vm, "machine"));
}

bool done_cpu_host(const struct choice_view *view)
{
	return view->vm && vm_value_is_cpu_host(vm_get(view->vm, "cpu"));
}

bool done_tablet_off(const struct choice_view *view)
{
	return view->vm && vm_value_is_off(vm_get(view->vm, "tablet"));
}
