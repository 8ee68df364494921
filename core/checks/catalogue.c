/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/checks/questions.h"

const char *const step_names[STEP_COUNT] = {
		"host", "bios", "boot", "vfio", "gpu", "vm", "attach", "verify"};
const char *const status_names[STATUS_COUNT] = {"ok", "info", "warn", "fail", "unknown"};

/* Where it is documented: the guide's references, and Proxmox VE's own manual. */
#define WIKI           "https://pve.proxmox.com/wiki/PCI_Passthrough"
#define MANUAL_PCI     "https://pve.proxmox.com/pve-docs/chapter-qm.html#qm_pci_passthrough"
#define MANUAL_BOOT    "https://pve.proxmox.com/pve-docs/chapter-sysadmin.html#sysboot"
#define MANUAL_VM      "https://pve.proxmox.com/pve-docs/chapter-qm.html"
#define MANUAL_HA      "https://pve.proxmox.com/pve-docs/chapter-ha-manager.html"
#define MANUAL_CLUSTER "https://pve.proxmox.com/pve-docs/chapter-pvecm.html"
#define MANUAL_MAPPING "https://pve.proxmox.com/pve-docs/chapter-qm.html#resource_mapping"
#define MANUAL_USERS   "https://pve.proxmox.com/pve-docs/chapter-pveum.html"
#define KERNEL_VFIO    "https://docs.kernel.org/driver-api/vfio.html"
#define KERNEL_WORDS   "https://docs.kernel.org/admin-guide/kernel-parameters.html"
#define TALOS          "https://www.talos.dev/latest/talos-guides/configuration/nvidia-gpu/"
#define OPERATOR       "https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/getting-started.html"

/* What a check rests on: the API tells it, or only the host's own files do. */
enum { BY_API = 0, BY_FILES = 1 };

/* clang-format off */
const struct check check_catalogue[] = {
	{"host.pve-version", STEP_HOST, "Proxmox VE version",
		"The guide needs Proxmox VE 7.0 or later; what a kernel or the API can do depends on it.",
		WIKI, check_pve_version, false, BY_API},
	{"host.kernel-pinned", STEP_HOST, "Pinned kernel",
		"A pinned kernel goes on booting whatever is installed later; parameters and modules must be "
		"right for that one.",
		MANUAL_BOOT, check_kernel_pinned, false, BY_FILES},
	{"host.kernel-next", STEP_HOST, "Kernel that boots next",
		"After an update another kernel boots than the one that runs; parameters and modules must be "
		"right for that one too.",
		MANUAL_BOOT, check_kernel_next, false, BY_FILES},
	{"host.quorum", STEP_HOST, "Quorum of the cluster",
		"Without quorum /etc/pve is read-only: no VM can be changed or started.",
		MANUAL_CLUSTER, check_quorum, false, BY_API},
	{"host.api", STEP_HOST, "What can be read of the host",
		"What the API does not tell cannot be judged; the privilege that is missing is named.",
		MANUAL_USERS, check_api, false, BY_API},

	{"bios.cpu-virtualization", STEP_BIOS, "CPU virtualization (VT-x / AMD-V)",
		"Without it no VM can run with KVM. It is switched on in the firmware setup.",
		MANUAL_PCI, check_cpu_virtualization, false, BY_API},
	{"bios.iommu-firmware", STEP_BIOS, "IOMMU in the firmware (VT-d / AMD-Vi)",
		"The firmware describes the IOMMU in an ACPI table (DMAR or IVRS). Without that table the "
		"kernel cannot use it, whatever its command line says.",
		MANUAL_PCI, check_iommu_firmware, true, BY_FILES},
	{"bios.interrupt-remapping", STEP_BIOS, "Interrupt remapping",
		"It keeps a guest's device from sending interrupts to the host. Passthrough without it is unsafe.",
		MANUAL_PCI, check_interrupt_remapping, false, BY_FILES},
	{"bios.above-4g", STEP_BIOS, "Above 4G Decoding",
		"Cards with much memory need address space above 4 GiB, which the firmware must give out.",
		MANUAL_PCI, check_above_4g, false, BY_FILES},
	{"bios.secure-boot", STEP_BIOS, "Secure Boot",
		"With it on, unsigned modules (vendor-reset and the like) are refused.",
		MANUAL_BOOT, check_secure_boot, false, BY_API},

	{"boot.loader", STEP_BOOT, "Who boots this machine",
		"Only one file makes the kernel's command line here; an edit of the other has no effect.",
		MANUAL_BOOT, check_boot_loader, false, BY_FILES},
	{"boot.iommu-active", STEP_BOOT, "IOMMU in the kernel",
		"The IOMMU keeps a device that a VM owns inside that VM's memory. Without it Proxmox VE "
		"refuses to start a VM that has a PCI device.",
		MANUAL_PCI, check_iommu_active, false, BY_API},
	{"boot.cmdline-syntax", STEP_BOOT, "Boot configuration file",
		"A file the shell cannot read stops update-grub, and an edit of it would be a guess.",
		MANUAL_BOOT, check_cmdline_syntax, false, BY_FILES},
	{"boot.iommu-cmdline", STEP_BOOT, "Kernel parameters",
		"Intel's IOMMU is off by default in kernels before 6.8; the parameter turns it on.",
		MANUAL_PCI, check_iommu_cmdline, true, BY_FILES},
	{"boot.cmdline-pending", STEP_BOOT, "Command line and configuration",
		"Parameters count only after the boot loader's configuration was made again and the host was rebooted.",
		MANUAL_BOOT, check_cmdline_pending, true, BY_FILES},
	{"boot.esp-sync", STEP_BOOT, "EFI system partitions",
		"proxmox-boot-tool keeps a copy of the boot entries on each ESP. One that was left behind boots "
		"with old parameters.",
		MANUAL_BOOT, check_esp_sync, false, BY_FILES},
	{"boot.fallback-entry", STEP_BOOT, "Way back at boot",
		"If the host does not come up with the changes, an entry of the boot menu that leaves them out brings it back.",
		MANUAL_BOOT, check_fallback_entry, true, BY_FILES},
	{"boot.cmdline-conflict", STEP_BOOT, "Contradicting parameters",
		"A parameter that turns the IOMMU off makes passthrough impossible.",
		KERNEL_WORDS, check_cmdline_conflict, false, BY_FILES},
	{"boot.cmdline-obsolete", STEP_BOOT, "Parameters without effect",
		"Words that old guides name and today's kernel ignores hide what really counts.",
		KERNEL_WORDS, check_cmdline_obsolete, false, BY_FILES},
	{"boot.acs-override", STEP_BOOT, "ACS override",
		"It makes the kernel pretend that devices are isolated. Groups then say nothing about what "
		"the hardware really keeps apart.",
		WIKI, check_acs_override, false, BY_FILES},
	{"boot.framebuffer", STEP_BOOT, "Firmware framebuffer parameters",
		"video=efifb:off freed the boot GPU once; kernels that give the firmware's screen to simpledrm, "
		"as Proxmox's since 5.15.27, ignore it.",
		WIKI, check_framebuffer, false, BY_FILES},

	{"vfio.modules", STEP_VFIO, "VFIO modules",
		"vfio-pci is the driver that hands a device to a VM. Proxmox VE loads it at VM start too; its "
		"documentation lists the modules in /etc/modules.",
		MANUAL_PCI, check_vfio_modules, true, BY_FILES},
	{"vfio.modules-obsolete", STEP_VFIO, "Obsolete modules",
		"vfio_virqfd became part of vfio in Linux 6.2. Naming it makes systemd-modules-load fail at every boot.",
		MANUAL_PCI, check_modules_obsolete, true, BY_FILES},
	{"vfio.host-driver", STEP_VFIO, "Driver that holds the GPU",
		"Proxmox VE unbinds the host's driver at VM start. Some drivers do not let go, or hang.",
		MANUAL_PCI, check_host_driver, false, BY_FILES},
	{"vfio.binding", STEP_VFIO, "Binding to vfio-pci",
		"Bound at boot the GPU is never touched by a host driver; otherwise Proxmox VE binds it when the VM starts.",
		MANUAL_PCI, check_vfio_binding, true, BY_FILES},
	{"vfio.ids-overreach", STEP_VFIO, "Reach of vfio-pci's ids=",
		"vfio-pci's ids= option takes every device with that id, a twin the host needs included.",
		MANUAL_PCI, check_ids_overreach, false, BY_FILES},
	{"vfio.modprobe-conflict", STEP_VFIO, "modprobe.d against vfio-pci",
		"A blacklist or install line may keep vfio-pci away from the GPU, whatever else is set.",
		MANUAL_PCI, check_modprobe_conflict, false, BY_FILES},
	{"vfio.initramfs-stale", STEP_VFIO, "Initramfs and its inputs",
		"/etc/modprobe.d counts early in the boot only as far as it was copied into the initramfs.",
		MANUAL_PCI, check_initramfs_stale, false, BY_FILES},
	{"vfio.leftovers", STEP_VFIO, "Leftovers in modprobe.d",
		"Options that old guides and other tools set by default weaken the host or do nothing.",
		MANUAL_PCI, check_leftovers, true, BY_FILES},
	{"vfio.unsafe-interrupts", STEP_VFIO, "Unsafe interrupts",
		"allow_unsafe_interrupts lets a guest send interrupts to the host. It is a last resort for "
		"machines without interrupt remapping.",
		MANUAL_PCI, check_unsafe_interrupts, false, BY_FILES},

	{"gpu.present", STEP_GPU, "GPUs of this host",
		"A GPU that the firmware or the slot hides cannot be given to a VM.",
		MANUAL_PCI, check_gpu_present, false, BY_API},
	{"gpu.only-gpu", STEP_GPU, "GPU left for the host",
		"When the only GPU goes to a VM the host has no local console: keep another way in (SSH, BMC, serial).",
		MANUAL_PCI, check_only_gpu, false, BY_API},
	{"gpu.boot-vga", STEP_GPU, "GPU the firmware booted with",
		"The boot GPU shows the host's console and its framebuffer may hold the card's memory.",
		MANUAL_PCI, check_boot_vga, false, BY_FILES},
	{"gpu.group-isolated", STEP_GPU, "IOMMU group of the GPU",
		"Proxmox VE gives every device of the group to vfio-pci at VM start, not only the GPU.",
		KERNEL_VFIO, check_group_isolated, false, BY_API},
	{"gpu.group-host-critical", STEP_GPU, "What the host would lose",
		"If the group holds the host's disk or network, starting the VM takes the host down.",
		KERNEL_VFIO, check_group_host_critical, false, BY_API},
	{"gpu.functions", STEP_GPU, "All functions of the card",
		"A graphics card is several functions (display, audio, USB); they go to the VM together.",
		MANUAL_PCI, check_gpu_functions, false, BY_API},
	{"gpu.identical", STEP_GPU, "Identical cards",
		"Two cards with one id cannot be told apart by vfio-pci's ids= option, only by address.",
		MANUAL_PCI, check_gpu_identical, false, BY_API},
	{"gpu.reset", STEP_GPU, "Reset of the GPU",
		"Between two starts of the VM the card must be reset. Where that does not work it runs once, "
		"then not again until the host reboots.",
		WIKI, check_gpu_reset, false, BY_FILES},
	{"gpu.rom", STEP_GPU, "ROM of the GPU",
		"The guest's firmware starts the screen with the card's ROM; a Talos worker does not need it.",
		WIKI, check_gpu_rom, false, BY_FILES},
	{"gpu.bar", STEP_GPU, "Memory of the GPU held by the host",
		"As long as the host's framebuffer holds a part of the card's memory, vfio-pci cannot give it to a VM.",
		WIKI, check_gpu_bar, false, BY_FILES},
	{"gpu.sriov", STEP_GPU, "Virtual functions (SR-IOV)",
		"A card with virtual functions can serve several VMs; passing the whole slot then takes them all.",
		MANUAL_PCI, check_gpu_sriov, true, BY_FILES},
	{"gpu.in-use", STEP_GPU, "Guests that use the GPU",
		"A container shares the GPU through the host's driver, a VM takes it whole: not both at once.",
		MANUAL_PCI, check_gpu_in_use, false, BY_FILES},

	{"vm.exists", STEP_VM, "VM to give the GPU to",
		"The GPU is attached to a VM that already exists on this node.",
		MANUAL_VM, check_vm_exists, false, BY_API},
	{"vm.template", STEP_VM, "Template or VM",
		"A template cannot be started.",
		MANUAL_VM, check_vm_template, false, BY_API},
	{"vm.locked", STEP_VM, "Lock of the VM",
		"While a backup, snapshot or migration holds the lock Proxmox VE refuses every change.",
		MANUAL_VM, check_vm_locked, false, BY_API},
	{"vm.ha-managed", STEP_VM, "High availability",
		"HA moves a stopped VM, and restarts one of a node that failed, whatever its hostpci lines need there.",
		MANUAL_HA, check_vm_ha, false, BY_API},
	{"vm.config-syntax", STEP_VM, "VM configuration file",
		"Proxmox VE drops what it does not understand the next time it writes the file.",
		MANUAL_VM, check_vm_syntax, false, BY_API},
	{"vm.machine-q35", STEP_VM, "Machine type",
		"A PCIe device (pcie=1) needs the q35 machine; Proxmox VE refuses to start the VM otherwise.",
		MANUAL_VM, check_vm_machine, true, BY_API},
	{"vm.cpu-host", STEP_VM, "CPU type",
		"GPU drivers and CUDA use CPU features that the generic CPU types hide.",
		MANUAL_VM, check_vm_cpu, true, BY_API},
	{"vm.bios", STEP_VM, "Firmware of the VM",
		"Modern cards bring a UEFI driver for their screen, which only OVMF runs.",
		MANUAL_VM, check_vm_bios, false, BY_API},
	{"vm.efidisk", STEP_VM, "EFI disk",
		"OVMF keeps its settings, boot entries among them, on that disk.",
		MANUAL_VM, check_vm_efidisk, false, BY_API},
	{"vm.memory", STEP_VM, "Memory of the VM",
		"With a PCI device all of the guest's memory is pinned: the host must have it free, at once.",
		MANUAL_VM, check_vm_memory, false, BY_API},
	{"vm.balloon", STEP_VM, "Memory ballooning",
		"Pinned memory cannot be given back, so the balloon device has no effect.",
		MANUAL_VM, check_vm_balloon, false, BY_API},
	{"vm.display", STEP_VM, "Display of the VM",
		"With x-vga=1 the GPU is the guest's primary display, and the emulated one should go.",
		MANUAL_VM, check_vm_display, false, BY_API},
	{"vm.snapshots", STEP_VM, "Snapshots with memory",
		"The state inside a GPU cannot be saved, so a snapshot with memory cannot be taken or resumed.",
		MANUAL_VM, check_vm_snapshots, false, BY_API},
	{"vm.cpu-pinning", STEP_VM, "CPUs of the VM",
		"vcpus is the number that is plugged in at start, not the number of cores; affinity pins the whole of QEMU.",
		MANUAL_VM, check_vm_pinning, false, BY_API},
	{"vm.settings", STEP_VM, "Settings that are asked for",
		"What Proxmox VE or QEMU would not start the VM with is refused before it is sent.",
		MANUAL_VM, check_vm_settings, true, BY_API},
	{"vm.args", STEP_VM, "Arguments given to QEMU",
		"args is handed to QEMU as it stands, after what Proxmox VE makes of the configuration: it may "
		"contradict that, or name what is there already.",
		MANUAL_VM, check_vm_args, false, BY_API},
	{"vm.tablet", STEP_VM, "USB tablet",
		"The emulated tablet keeps the guest's USB busy; a GPU worker has no use for it.",
		MANUAL_VM, check_vm_tablet, true, BY_API},
	/* After those whose changes a running VM would only keep for later. */
	{"vm.running", STEP_VM, "State of the VM",
		"A PCI device cannot be plugged into a running VM; the change would wait for a full stop.",
		MANUAL_VM, check_vm_running, true, BY_API},

	{"attach.hostpci-invalid", STEP_ATTACH, "hostpci lines",
		"Proxmox VE drops a hostpci line it does not understand: the VM then starts without the GPU.",
		MANUAL_PCI, check_hostpci_invalid, false, BY_API},
	{"attach.device-missing", STEP_ATTACH, "Devices named in hostpci lines",
		"Addresses move when cards are added or the firmware is updated; the VM then does not start, "
		"or gets another device.",
		MANUAL_PCI, check_device_missing, false, BY_API},
	{"attach.romfile", STEP_ATTACH, "ROM files",
		"Proxmox VE looks for romfile below /usr/share/kvm/ only, and QEMU fails when it is not there.",
		WIKI, check_romfile, true, BY_API},
	{"attach.conflict", STEP_ATTACH, "One device, one VM",
		"A device can be in one running VM only; the second one does not start.",
		MANUAL_PCI, check_attach_conflict, true, BY_API},
	{"attach.onboot-conflict", STEP_ATTACH, "Start at boot",
		"What starts at boot takes its devices unasked, from the host too. Of two VMs with one device the second cannot.",
		MANUAL_PCI, check_onboot_conflict, false, BY_API},
	{"attach.mapping", STEP_ATTACH, "PCI mappings that VMs name",
		"A mapping without a device on this node, or one that Proxmox VE cannot read, keeps the VM from starting.",
		MANUAL_MAPPING, check_mapping, true, BY_API},
	{"attach.mapping-drift", STEP_ATTACH, "Mappings and the devices there",
		"Addresses and group numbers move with cards, firmware and kernels. Proxmox VE then refuses to start the VM.",
		MANUAL_MAPPING, check_mapping_drift, true, BY_API},
	{"attach.token-raw", STEP_ATTACH, "Addresses and API tokens",
		"Proxmox VE lets only root@pam, and no token, give a VM a device by its address.",
		MANUAL_MAPPING, check_token_raw, false, BY_API},
	{"attach.hostpci", STEP_ATTACH, "PCI devices given to VMs",
		"The hostpci line of the VM is what gives it the GPU.",
		MANUAL_PCI, check_attach_hostpci, true, BY_API},
	{"attach.rights", STEP_ATTACH, "Privileges for what is planned",
		"A token or user may do only what its roles allow; what is missing is better known before the first call.",
		MANUAL_USERS, check_rights, false, BY_API},

	{"verify.vm-started", STEP_VERIFY, "VM with the GPU",
		"Only a VM that runs with the GPU shows that all of it works.",
		MANUAL_PCI, check_vm_started, true, BY_API},
	{"verify.task-log", STEP_VERIFY, "Last start of the VM",
		"The task's own log says what QEMU said.",
		MANUAL_PCI, check_task_log, false, BY_API},
	{"verify.vfio-bound", STEP_VERIFY, "Driver while the VM runs",
		"While the VM runs, each function of the GPU is bound to vfio-pci.",
		MANUAL_PCI, check_vfio_bound, false, BY_FILES},
	{"verify.talos-gpu", STEP_VERIFY, "GPU as Talos sees it",
		"Talos lists the PCI devices of its machine: the GPU must be among them.",
		TALOS, check_inside, false, BY_API},
	{"verify.talos-extensions", STEP_VERIFY, "System extensions of Talos",
		"Talos has no NVIDIA driver without its system extensions.",
		TALOS, check_inside, false, BY_API},
	{"verify.node-allocatable", STEP_VERIFY, "GPUs Kubernetes can give out",
		"Pods get a GPU only where the node shows nvidia.com/gpu as allocatable.",
		OPERATOR, check_inside, false, BY_API},
	{"verify.operator", STEP_VERIFY, "NVIDIA GPU operator",
		"The operator, or the device plugin alone, offers the GPU to Kubernetes.",
		OPERATOR, check_inside, false, BY_API},
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
