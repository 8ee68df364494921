/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/goal/internal.h"

#define CLEANS "take out what has no effect on this host"

/* clang-format off */
const struct goal_choice goal_choices[] = {
	{CHOOSE_MODULES, "modules", SCOPE_HOST, NULL, "modules", "no-modules",
		"load the vfio modules at boot (/etc/modules)",
		PAGE_VFIO, "name them in /etc/modules", "vfio, vfio_iommu_type1, vfio_pci",
		"Loads the driver that hands devices to VMs at every boot. Proxmox VE also loads it when a VM needs it.",
		"vfio.modules", "load the vfio modules at boot",
		always, NULL, NULL},
	{CHOOSE_BIND_EARLY, "bind_early", SCOPE_ASSIGNMENT, NULL, "bind=early", "bind=at-start",
		"give the GPU to vfio-pci at boot, or let PVE do it at VM start",
		PAGE_VFIO, "vfio-pci, at boot", NULL,
		"Names the card's ids in /etc/modprobe.d/pvegpu.conf (its addresses in the initramfs, where a "
		"twin stays), so that no host driver touches it. Costs a reboot.",
		"vfio.binding vfio.host-driver",
		"give the card to vfio-pci at boot, so that no host driver touches it",
		advise_bind_early, NULL, NULL},
	{CHOOSE_PCIE, "pcie", SCOPE_ASSIGNMENT, NULL, "pcie", "no-pcie",
		"show the GPU to the guest as a PCIe device (needs q35)",
		PAGE_ATTACH, "pcie=1", "a PCIe device, as GPUs expect",
		"Shows the GPU to the guest as a PCI Express device. Needs the q35 machine.", NULL, NULL,
		NULL, usual_pcie, NULL},
	{CHOOSE_X_VGA, "x_vga", SCOPE_ASSIGNMENT, NULL, "x-vga", "no-x-vga",
		"make the GPU the guest's primary display",
		PAGE_ATTACH, "x-vga=1", "primary display: not for Talos",
		"Makes the GPU the guest's primary display. A worker without a screen has no use for it.", NULL,
		NULL,
		NULL, usual_x_vga, NULL},
	{CHOOSE_MACHINE_Q35, "machine_q35", SCOPE_GUEST, NULL, "q35", "no-q35",
		"change the VM's machine type to q35",
		PAGE_ATTACH, "machine: q35", "needed by pcie=1",
		"The guest sees other PCI addresses with q35: network and disk names may change once.",
		"vm.machine-q35", "set the machine to q35",
		always, NULL, done_q35},
	{CHOOSE_CPU_HOST, "cpu_host", SCOPE_GUEST, NULL, "cpu-host", "no-cpu-host",
		"change the VM's CPU type to host",
		PAGE_ATTACH, "cpu: host", "all features of the CPU",
		"GPU drivers and CUDA use CPU features that the generic types hide. Live migration then needs equal CPUs.",
		"vm.cpu-host", "set the CPU type to host",
		advise_cpu_host, NULL, done_cpu_host},
	{CHOOSE_BY_MAPPING, "by_mapping", SCOPE_ASSIGNMENT, NULL, "by-mapping", "by-address",
		"attach by a PCI mapping, as an API token must, or by address",
		PAGE_ATTACH, "by a PCI mapping", "a name; what an API token needs",
		"Gives the device a name for the whole cluster, which a token may use. An address is for root@pam alone.",
		"attach.token-raw", "use a PCI mapping",
		NULL, usual_by_mapping, NULL},
	{CHOOSE_MAPPING_FUNCTIONS, "mapping_functions", SCOPE_ASSIGNMENT, NULL, "mapping-per-function",
		"mapping-per-slot", "one mapping for each function, or one for the whole slot",
		PAGE_ATTACH, "one for each function", "as OpenTofu configurations do",
		"A mapping and a hostpci line for each function of the card, instead of one for the whole slot.",
		NULL, NULL,
		NULL, NULL, NULL},
	{CHOOSE_FIX_MAPPINGS, "fix_mappings", SCOPE_HOST, NULL, "fix-mappings", "no-fix-mappings",
		"mend mappings that name another device than there is",
		PAGE_NONE, NULL, NULL, NULL, "attach.mapping attach.mapping-drift", "mend the mapping",
		NULL, NULL, NULL},
	{CHOOSE_ATTACH, "attach", SCOPE_ASSIGNMENT, NULL, "attach", "no-attach",
		"give the GPU to the VM, or leave it to settings alone",
		PAGE_NONE, NULL, NULL, NULL, "attach.hostpci", "attach the GPU to the VM",
		always, NULL, NULL},
	{CHOOSE_START, "start", SCOPE_GUEST, NULL, "start", "no-start",
		"start the VM after attaching; of one that runs: again, so that what is set counts now",
		PAGE_ATTACH, "start the VM", "when it is attached",
		"Starts the VM at the end and follows its task.",
		"verify.vm-started", "start the VM",
		always, NULL, NULL},
	{CHOOSE_FALLBACK_ENTRY, "fallback_entry", SCOPE_HOST, NULL, "fallback-entry", "no-fallback-entry",
		"a boot entry that starts the host as it was (GRUB)",
		PAGE_BOOT, "a way back at boot", "boot entry as it is today",
		"Adds an entry to the boot menu with today's command line and without vfio-pci. Choose it there "
		"if the host does not come up.",
		"boot.fallback-entry", "add a boot entry that starts the host as it is now",
		NULL, NULL, NULL},
	{CHOOSE_CLEAN_UP, "clean_up", SCOPE_HOST, NULL, "clean-up", "no-clean-up",
		"take out what old guides and other tools left without effect",
		PAGE_BOOT, "clean up", "what has no effect goes",
		"Takes out parameters and modprobe.d options that old guides and other tools left and that do nothing here.",
		"vfio.modules-obsolete vfio.leftovers boot.cmdline-obsolete", CLEANS,
		NULL, NULL, NULL},
	{CHOOSE_ADVISED, "advised", SCOPE_HOST, NULL, "advised", "no-advised",
		"also what is advised; --clean-up by itself leaves it out",
		PAGE_NONE, NULL, NULL, NULL, NULL, NULL,
		NULL, always, NULL},
	{CHOOSE_PIN_KERNEL, "pin_kernel", SCOPE_HOST, &form_pin_kernel, "pin-kernel", NULL,
		"the kernel that boots, whatever newer ones are installed; none: the newest",
		PAGE_BOOT, "kernel that is pinned", NULL,
		"Boots this kernel until it is unpinned, as proxmox-boot-tool kernel pin does. Enter asks for its version.",
		NULL, NULL,
		NULL, NULL, NULL},
	{CHOOSE_FIRMWARE_SETUP, "firmware_setup", SCOPE_HOST, NULL, "firmware-setup", "no-firmware-setup",
		"restart into the firmware setup (once)",
		PAGE_BIOS, "restart into the setup", "no key to catch",
		"Plans a restart that opens the firmware setup by itself (systemctl reboot --firmware-setup). It "
		"is shown and asked for in the review.",
		"bios.iommu-firmware", "restart into the firmware setup",
		NULL, NULL, NULL},
	{CHOOSE_VF_DRIVERS, "vf_drivers", SCOPE_DEVICE, &form_vf_drivers, "vf-drivers", NULL,
		"whether host drivers take the virtual functions of a GPU; Proxmox VE needs 1",
		PAGE_GPU, "drivers for its virtual functions", NULL,
		"With 0 the kernel lets no driver have them, unless it is named: Proxmox VE cannot bind them either.",
		"gpu.vf-drivers", NULL,
		NULL, NULL, NULL},
	{CHOOSE_FUNCTIONS, "functions", SCOPE_DEVICE, &form_functions, "functions", NULL,
		"split a GPU into N virtual functions (SR-IOV), now and at each boot; 0: not any more",
		PAGE_GPU, "virtual functions (SR-IOV)", NULL,
		"Each is a device of its own that a guest can get. Enter asks for their number.",
		"gpu.sriov", NULL,
		NULL, NULL, NULL},
	{CHOOSE_D3COLD, "d3cold", SCOPE_DEVICE, &form_d3cold, "d3cold", NULL,
		"whether a GPU's power may be cut (D3cold) when nobody uses it; 0: not",
		PAGE_ADVANCED, "may lose its power (D3cold)", NULL,
		"Some cards do not come back from D3cold. 0 keeps the power on while no guest has the GPU.",
		"gpu.power", NULL,
		NULL, NULL, NULL},
	{CHOOSE_BAR_SIZE, "bar_size", SCOPE_DEVICE, &form_bar_size, "bar-size", NULL,
		"MiB of a GPU's memory window (resizable BAR) at each boot; 0: by the firmware",
		PAGE_ADVANCED, "memory window, MiB", NULL,
		"Resizable BAR: vfio-pci of the boot lets go of the GPU for a moment, before guests start. Counts after a reboot.",
		"gpu.bar-size", NULL,
		NULL, NULL, NULL},
	{CHOOSE_MDEV, "mdev", SCOPE_ASSIGNMENT, &form_mdev, "mdev", NULL,
		"a vGPU of this type instead of the whole GPU (mdev); none: the GPU",
		PAGE_ADVANCED, "vGPU type (mdev)", NULL,
		"A part of the GPU, which the host's driver makes and keeps. What it offers stands under vGPUs.",
		NULL, NULL,
		NULL, NULL, NULL},
	{CHOOSE_ROMFILE, "romfile", SCOPE_ASSIGNMENT, &form_romfile, "romfile", NULL,
		"a ROM file of /usr/share/kvm for the GPU; none: without one",
		PAGE_ADVANCED, "romfile", NULL,
		"A file with the card's ROM, where what the card shows of it is not enough. Enter asks for its name.",
		NULL, NULL,
		NULL, NULL, NULL},
	{CHOOSE_SAVE_ROM, "save_rom", SCOPE_ASSIGNMENT, NULL, "save-rom", "no-save-rom",
		"save the card's own ROM in /usr/share/kvm, and give that as its romfile",
		PAGE_ADVANCED, "save its own ROM, give that", "as its romfile",
		"Reads what the card shows, looks into it, keeps it as VENDOR-DEVICE-SLOT.rom, and gives that as romfile.",
		NULL, NULL,
		NULL, NULL, NULL},
	{CHOOSE_MOVE, "move", SCOPE_ASSIGNMENT, NULL, "move", "no-move",
		"take the GPU from a stopped VM that has it, in the same plan",
		PAGE_ADVANCED, "take it from another VM", "one that is stopped",
		"The line that gives the GPU to another VM is taken out in the same plan. That VM must be stopped.",
		"attach.conflict", "take the GPU from the other VM",
		NULL, NULL, NULL},
	{CHOOSE_GIVE_BACK, "give_back", SCOPE_GUEST, NULL, "give-back", "no-give-back",
		"a hookscript that gives the GPU back to the host's driver when the VM has stopped",
		PAGE_ADVANCED, "give it back at stop", "a hookscript",
		"Proxmox VE leaves the GPU with vfio-pci when the VM stops. The script binds the host's driver again.",
		"vm.give-back", "give the GPU back to the host when the VM has stopped",
		NULL, NULL, NULL},
	{CHOOSE_SOCKETS, "sockets", SCOPE_GUEST, &form_sockets, "sockets", NULL,
		"how many CPU sockets the VM has",
		PAGE_ADVANCED, "sockets", NULL,
		"Times cores they are its CPUs. One is right, but where the guest is to see the host's NUMA nodes.",
		NULL, NULL, NULL, NULL, NULL},
	{CHOOSE_CORES, "cores", SCOPE_GUEST, &form_cores, "cores", NULL,
		"how many CPU cores the VM has, in each socket",
		PAGE_ADVANCED, "cores", NULL,
		"How many CPU cores the VM has, in each socket. With more than the host has it does not start.",
		NULL, NULL, NULL, NULL, NULL},
	{CHOOSE_NUMA, "numa", SCOPE_GUEST, &form_numa, "numa", NULL,
		"whether the VM has NUMA nodes: 0 or 1",
		PAGE_ADVANCED, "numa", NULL,
		"Memory by NUMA nodes, which huge pages need.",
		NULL, NULL, NULL, NULL, NULL},
	{CHOOSE_AFFINITY, "affinity", SCOPE_GUEST, &form_affinity, "affinity", NULL,
		"the host's CPUs that the VM runs on; near: whole cores near the GPU; none: any",
		PAGE_ADVANCED, "affinity", NULL,
		"Which CPUs of the host it runs on: a list, or near (whole cores near the GPU). ? draws them. Only root@pam may.",
		NULL, NULL, NULL, NULL, NULL},
	{CHOOSE_HUGEPAGES, "hugepages", SCOPE_GUEST, &form_hugepages, "hugepages", NULL,
		"the VM's memory in huge pages: any, 2 or 1024 MiB each; none",
		PAGE_ADVANCED, "hugepages", NULL,
		"Taken from the host as a whole when the VM starts, and gone for all else. Needs numa: 1. For root@pam alone.",
		NULL, NULL, NULL, NULL, NULL},
	{CHOOSE_BALLOON, "balloon", SCOPE_GUEST, &form_balloon, "balloon", NULL,
		"what the VM keeps of its memory, in MiB; 0: no ballooning",
		PAGE_ADVANCED, "balloon", NULL,
		"A VM with a GPU has all of its memory taken at once, so there is nothing to give back: 0 says so.",
		NULL, NULL, NULL, NULL, NULL},
	{CHOOSE_VGA, "vga", SCOPE_GUEST, &form_vga, "vga", NULL,
		"the VM's emulated display: none, std, virtio, qxl, serial0; default",
		PAGE_ADVANCED, "vga", NULL,
		"none beside x-vga=1: two primary displays confuse guests. The web console is then empty; serial0 is a text console.",
		NULL, NULL, NULL, NULL, NULL},
	{CHOOSE_TABLET_OFF, "tablet_off", SCOPE_GUEST, NULL, "no-tablet", "tablet",
		"remove the VM's USB tablet",
		PAGE_ADVANCED, "tablet: 0", "no emulated USB tablet",
		"For guests without a desktop. Without the tablet the pointer of the web console goes astray in a desktop.",
		"vm.tablet", "remove the emulated tablet",
		NULL, NULL, done_tablet_off},
	{.id = CHOICES},
};
/* clang-format on */

enum choice *goal_choice_at(struct goal *goal, const struct goal_choice *choice)
{
	return &goal->chosen[choice->id];
}

bool choice_is_taken(const struct goal_choice *choice, const struct choice_view *view)
{
	switch (view->goal->chosen[choice->id]) {
	case CHOICE_YES:
		return true;
	case CHOICE_NO:
		return false;
	case CHOICE_ADVISED:
	default:
		return (choice->usual && choice->usual(view)) ||
		       (choice->advise && view->goal->chosen[CHOOSE_ADVISED] != CHOICE_NO &&
				       choice->advise(view));
	}
}

/* The name is one of the words. */
static bool is_among(const char *words, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = words; at && *at; at += strspn(at, " ")) {
		size_t word = strcspn(at, " ");
		if (word == n && strncmp(at, name, n) == 0)
			return true;
		at += word;
	}
	return false;
}

const struct goal_choice *goal_attribute_for(const char *check)
{
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++)
		if (choice->scope == SCOPE_DEVICE && is_among(choice->checks, check))
			return choice;
	return NULL;
}

const struct goal_choice *goal_choice_for(const char *check)
{
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++)
		if (!choice->form && is_among(choice->checks, check))
			return choice;
	return NULL;
}
