/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/internal.h"

const char *const step_names[STEP_COUNT] = {
		"host", "bios", "boot", "vfio", "gpu", "vm", "attach", "verify"};
const char *const status_names[STATUS_COUNT] = {"ok", "info", "warn", "fail", "unknown"};

/* clang-format off */
const struct check check_catalogue[] = {
	{"host.pve-version", STEP_HOST, "Proxmox VE version",
		"The guide needs Proxmox VE 7.0 or later; what a kernel or the API can do depends on it.",
		check_pve_version, NULL},
	{"host.kernel-pinned", STEP_HOST, "Pinned kernel",
		"A pinned kernel goes on booting whatever is installed later; parameters and modules must be "
		"right for that one.",
		check_kernel_pinned, NULL},

	{"bios.cpu-virtualization", STEP_BIOS, "CPU virtualization (VT-x / AMD-V)",
		"Without it no VM can run with KVM. It is switched on in the firmware setup.",
		check_cpu_virtualization, NULL},
	{"bios.iommu-firmware", STEP_BIOS, "IOMMU in the firmware (VT-d / AMD-Vi)",
		"The firmware describes the IOMMU in an ACPI table (DMAR or IVRS). Without that table the "
		"kernel cannot use it, whatever its command line says.",
		check_iommu_firmware, NULL},
	{"bios.interrupt-remapping", STEP_BIOS, "Interrupt remapping",
		"It keeps a guest's device from sending interrupts to the host. Passthrough without it is "
		"unsafe.",
		check_interrupt_remapping, NULL},
	{"bios.above-4g", STEP_BIOS, "Above 4G Decoding",
		"Cards with much memory need address space above 4 GiB, which the firmware must give out.",
		check_above_4g, NULL},
	{"bios.secure-boot", STEP_BIOS, "Secure Boot",
		"With it on, unsigned modules (vendor-reset and the like) are refused.",
		check_secure_boot, NULL},

	{"boot.loader", STEP_BOOT, "Who boots this machine",
		"Only one file makes the kernel's command line here; an edit of the other has no effect.",
		check_boot_loader, NULL},
	{"boot.iommu-active", STEP_BOOT, "IOMMU in the kernel",
		"The IOMMU keeps a device that a VM owns inside that VM's memory. Without it Proxmox VE "
		"refuses to start a VM that has a PCI device.",
		check_iommu_active, NULL},
	{"boot.cmdline-syntax", STEP_BOOT, "Boot configuration file",
		"A file the shell cannot read stops update-grub, and an edit of it would be a guess.",
		check_cmdline_syntax, NULL},
	{"boot.iommu-cmdline", STEP_BOOT, "Kernel parameters",
		"Intel's IOMMU is off by default in kernels before 6.8; the parameter turns it on.",
		check_iommu_cmdline, fix_params},
	{"boot.cmdline-pending", STEP_BOOT, "Command line and configuration",
		"Parameters count only after the boot loader's configuration was made again and the host "
		"was rebooted.",
		check_cmdline_pending, fix_refresh},
	{"boot.cmdline-conflict", STEP_BOOT, "Contradicting parameters",
		"A parameter that turns the IOMMU off makes passthrough impossible.",
		check_cmdline_conflict, NULL},
	{"boot.cmdline-obsolete", STEP_BOOT, "Parameters without effect",
		"Words that old guides name and today's kernel ignores hide what really counts.",
		check_cmdline_obsolete, NULL},
	{"boot.acs-override", STEP_BOOT, "ACS override",
		"It makes the kernel pretend that devices are isolated. Groups then say nothing about what "
		"the hardware really keeps apart.",
		check_acs_override, NULL},
	{"boot.framebuffer", STEP_BOOT, "Firmware framebuffer parameters",
		"video=efifb:off freed the boot GPU once; Proxmox kernels since 5.15.27 use simpledrm, which "
		"ignores it.",
		check_framebuffer, NULL},

	{"vfio.modules", STEP_VFIO, "VFIO modules",
		"vfio-pci is the driver that hands a device to a VM. Proxmox VE loads it at VM start too; its "
		"documentation lists the modules in /etc/modules.",
		check_vfio_modules, fix_vfio_modules},
	{"vfio.modules-obsolete", STEP_VFIO, "Obsolete modules",
		"vfio_virqfd became part of vfio in Linux 6.2. Naming it makes systemd-modules-load fail at "
		"every boot.",
		check_modules_obsolete, fix_modules_obsolete},
	{"vfio.host-driver", STEP_VFIO, "Driver that holds the GPU",
		"Proxmox VE unbinds the host's driver at VM start. Some drivers do not let go, or hang.",
		check_host_driver, NULL},
	{"vfio.binding", STEP_VFIO, "Binding to vfio-pci",
		"Bound at boot the GPU is never touched by a host driver; otherwise Proxmox VE binds it when "
		"the VM starts.",
		check_vfio_binding, fix_vfio_binding},
	{"vfio.ids-overreach", STEP_VFIO, "Reach of vfio-pci's ids=",
		"vfio-pci's ids= option takes every device with that id, a twin the host needs included.",
		check_ids_overreach, NULL},
	{"vfio.unsafe-interrupts", STEP_VFIO, "Unsafe interrupts",
		"allow_unsafe_interrupts lets a guest send interrupts to the host. It is a last resort for "
		"machines without interrupt remapping.",
		check_unsafe_interrupts, NULL},

	{"gpu.present", STEP_GPU, "GPUs of this host",
		"A GPU that the firmware or the slot hides cannot be given to a VM.",
		check_gpu_present, NULL},
	{"gpu.only-gpu", STEP_GPU, "GPU left for the host",
		"When the only GPU goes to a VM the host has no local console: keep another way in (SSH, BMC, "
		"serial).",
		check_only_gpu, NULL},
	{"gpu.boot-vga", STEP_GPU, "GPU the firmware booted with",
		"The boot GPU shows the host's console and its framebuffer may hold the card's memory.",
		check_boot_vga, NULL},
	{"gpu.group-isolated", STEP_GPU, "IOMMU group of the GPU",
		"Proxmox VE gives every device of the group to vfio-pci at VM start, not only the GPU.",
		check_group_isolated, NULL},
	{"gpu.group-host-critical", STEP_GPU, "What the host would lose",
		"If the group holds the host's disk or network, starting the VM takes the host down.",
		check_group_host_critical, NULL},
	{"gpu.functions", STEP_GPU, "All functions of the card",
		"A graphics card is several functions (display, audio, USB); they go to the VM together.",
		check_gpu_functions, NULL},
	{"gpu.identical", STEP_GPU, "Identical cards",
		"Two cards with one id cannot be told apart by vfio-pci's ids= option, only by address.",
		check_gpu_identical, NULL},
	{"gpu.reset", STEP_GPU, "Reset of the GPU",
		"Between two starts of the VM the card must be reset. Where that does not work it runs once, "
		"then not again until the host reboots.",
		check_gpu_reset, NULL},
	{"gpu.sriov", STEP_GPU, "Virtual functions (SR-IOV)",
		"A card with virtual functions can serve several VMs; passing the whole slot then takes them "
		"all.",
		check_gpu_sriov, NULL},

	{"vm.exists", STEP_VM, "VM to give the GPU to",
		"The GPU is attached to a VM that already exists on this node.",
		check_vm_exists, NULL},
	{"vm.template", STEP_VM, "Template or VM",
		"A template cannot be started.",
		check_vm_template, NULL},
	{"vm.locked", STEP_VM, "Lock of the VM",
		"While a backup, snapshot or migration holds the lock Proxmox VE refuses every change.",
		check_vm_locked, NULL},
	{"vm.ha-managed", STEP_VM, "High availability",
		"A VM with a PCI device cannot move to another node; HA would try.",
		check_vm_ha, NULL},
	{"vm.config-syntax", STEP_VM, "VM configuration file",
		"Proxmox VE drops what it does not understand the next time it writes the file.",
		check_vm_syntax, NULL},
	{"vm.running", STEP_VM, "State of the VM",
		"A PCI device cannot be plugged into a running VM; the change would wait for a full stop.",
		check_vm_running, fix_vm_running},
	{"vm.machine-q35", STEP_VM, "Machine type",
		"A PCIe device (pcie=1) needs the q35 machine; Proxmox VE refuses to start the VM otherwise.",
		check_vm_machine, fix_vm_machine},
	{"vm.cpu-host", STEP_VM, "CPU type",
		"GPU drivers and CUDA use CPU features that the generic CPU types hide.",
		check_vm_cpu, fix_vm_cpu},
	{"vm.bios", STEP_VM, "Firmware of the VM",
		"Modern cards bring a UEFI driver for their screen, which only OVMF runs.",
		check_vm_bios, NULL},
	{"vm.efidisk", STEP_VM, "EFI disk",
		"OVMF keeps its settings, boot entries among them, on that disk.",
		check_vm_efidisk, NULL},
	{"vm.memory", STEP_VM, "Memory of the VM",
		"With a PCI device all of the guest's memory is pinned: the host must have it free, at once.",
		check_vm_memory, NULL},
	{"vm.balloon", STEP_VM, "Memory ballooning",
		"Pinned memory cannot be given back, so the balloon device has no effect.",
		check_vm_balloon, NULL},
	{"vm.display", STEP_VM, "Display of the VM",
		"With x-vga=1 the GPU is the guest's primary display, and the emulated one should go.",
		check_vm_display, NULL},
	{"vm.snapshots", STEP_VM, "Snapshots with memory",
		"The state inside a GPU cannot be saved, so a snapshot with memory cannot be taken or resumed.",
		check_vm_snapshots, NULL},
	{"vm.tablet", STEP_VM, "USB tablet",
		"The emulated tablet keeps the guest's USB busy; a GPU worker has no use for it.",
		check_vm_tablet, fix_vm_tablet},

	{"attach.hostpci-invalid", STEP_ATTACH, "hostpci lines",
		"Proxmox VE drops a hostpci line it does not understand: the VM then starts without the GPU.",
		check_hostpci_invalid, NULL},
	{"attach.device-missing", STEP_ATTACH, "Devices named in hostpci lines",
		"Addresses move when cards are added or the firmware is updated; the VM then does not start, "
		"or gets another device.",
		check_device_missing, NULL},
	{"attach.romfile", STEP_ATTACH, "ROM files",
		"Proxmox VE looks for romfile below /usr/share/kvm/ only, and QEMU fails when it is not there.",
		check_romfile, NULL},
	{"attach.conflict", STEP_ATTACH, "One device, one VM",
		"A device can be in one running VM only; the second one does not start.",
		check_attach_conflict, NULL},
	{"attach.hostpci", STEP_ATTACH, "PCI devices given to VMs",
		"The hostpci line of the VM is what gives it the GPU.",
		check_attach_hostpci, fix_attach_hostpci},

	{"verify.vm-started", STEP_VERIFY, "VM with the GPU",
		"Only a VM that runs with the GPU shows that all of it works.",
		check_vm_started, fix_vm_started},
	{"verify.task-log", STEP_VERIFY, "Last start of the VM",
		"The task's own log says what QEMU said.",
		check_task_log, NULL},
	{"verify.vfio-bound", STEP_VERIFY, "Driver while the VM runs",
		"While the VM runs, each function of the GPU is bound to vfio-pci.",
		check_vfio_bound, NULL},
	{0},
};
/* clang-format on */

const struct check *check_by_id(const char *id)
{
	for (const struct check *check = check_catalogue; check->id; check++)
		if (strcmp(check->id, id) == 0)
			return check;
	return NULL;
}
