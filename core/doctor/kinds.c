/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/doctor/internal.h"

/*
 * Symptoms as a person has them, in plain words: the checks that tell what is behind them, in
 * order, and what is left to look at by hand. They cover the guide's chapter on troubleshooting.
 */
/* clang-format off */
const struct symptom_kind symptom_kinds[] = {
	{"vm-start-fails", "VM won't start after adding the GPU", KIND_START,
		"verify.task-log boot.iommu-active bios.iommu-firmware boot.iommu-cmdline boot.cmdline-pending "
		"bios.interrupt-remapping attach.hostpci-invalid attach.device-missing attach.mapping "
		"attach.mapping-drift vm.machine-q35 gpu.group-isolated vfio.host-driver vfio.binding "
		"vfio.modules vfio.modprobe-conflict attach.conflict attach.onboot-conflict gpu.in-use "
		"attach.romfile vm.memory vm.locked vm.template host.quorum vm.config-syntax",
		{"Read the lines above TASK ERROR in the VM's task history: pvegpu doctor does.",
		 "lspci -nnk -s ADDRESS shows which driver has each function of the card.",
		 "If a host driver has it: bind the card to vfio-pci at boot, by its ids.",
		 "Or blacklist that driver, if no other card needs it: update-initramfs -u, reboot.",
		 "ls /sys/kernel/iommu_groups/N/devices shows what else is in its group.",
		 "qm showcmd VMID --pretty tries the configuration without touching the card.",
		 "journalctl -u pvedaemon -g vfio shows what Proxmox VE met on the way."}},
	{"black-screen", "Black screen, or GPU not visible in the VM", KIND_BLACK,
		"attach.hostpci attach.hostpci-invalid vm.running gpu.group-isolated vfio.modules "
		"verify.vfio-bound gpu.bar gpu.boot-vga boot.framebuffer gpu.rom attach.romfile vm.bios "
		"vm.efidisk vm.display vm.machine-q35 gpu.functions bios.above-4g gpu.reset",
		{"In the guest lspci -nn must show the card; Talos: talosctl get pcidevices.",
		 "Not there: stop the VM fully and start it; a reboot inside the guest is not enough.",
		 "lsmod | grep vfio shows vfio, vfio_pci and vfio_iommu_type1 on the host.",
		 "journalctl -b -k -g 'BAR|vfio|ROM' on the host: pvegpu doctor reads it.",
		 "A screen must be plugged into the card itself; the web console then stays dark.",
		 "No picture from the firmware: OVMF, a card ROM with UEFI, x-vga=1, or a romfile."}},
	{"host-hangs", "Host hangs or loses network or disks", KIND_HANG,
		"gpu.group-host-critical gpu.group-isolated vfio.ids-overreach vfio.host-driver gpu.functions "
		"gpu.only-gpu gpu.reset vfio.binding gpu.in-use boot.acs-override bios.interrupt-remapping",
		{"Switch 'start at boot' of the VM off before anything else, if you get that far.",
		 "journalctl -b -1 -e shows the last lines before the hang: pvegpu doctor reads them.",
		 "Network or disk gone when the VM starts: it shares the card's IOMMU group.",
		 "Only the screen went dark: that is no hang when the only GPU goes to a VM; use SSH.",
		 "Hang at the VM's stop: the card does not reset; power the host off and on."}},
	{"works-once", "Works once, then not again", KIND_ONCE,
		"gpu.reset gpu.functions verify.vfio-bound vfio.binding vfio.host-driver gpu.group-isolated "
		"attach.hostpci bios.secure-boot",
		{"Power the host off, wait, and on again: a reboot keeps the card's power on.",
		 "Shut the guest down from inside, instead of stopping it.",
		 "Pass the whole slot (01:00), so that the card can be reset as one.",
		 "cat /sys/bus/pci/devices/ADDRESS/reset_method shows what the kernel can do.",
		 "AMD before RX 6000: the module vendor-reset may help.",
		 "options vfio-pci disable_idle_d3=1 for a card that does not wake up."}},
	{"code-43", "Code 43 in Windows", KIND_CODE43,
		"gpu.bar gpu.boot-vga boot.framebuffer gpu.rom attach.romfile gpu.reset vm.bios vm.machine-q35 "
		"vm.cpu-host vm.display bios.above-4g attach.hostpci gpu.functions",
		{"Install NVIDIA's driver 465 or newer: it no longer refuses VMs.",
		 "Older drivers: cpu: host,hidden=1 and a hv-vendor-id.",
		 "journalctl -b -k -g 'BAR|ROM' on the host: pvegpu doctor reads it.",
		 "Give the card's ROM as romfile= below /usr/share/kvm.",
		 "Power the host off and on once before the next try."}},
	{"no-cuda", "GPU is there, but no CUDA in Talos or Kubernetes", KIND_CUDA,
		"attach.hostpci verify.vm-started verify.vfio-bound vm.cpu-host vm.bios vm.machine-q35 gpu.bar "
		"bios.above-4g gpu.reset verify.talos-gpu verify.talos-extensions verify.operator "
		"verify.node-allocatable",
		{"talosctl get pcidevices shows the card, talosctl get extensions the driver's two.",
		 "machine.kernel.modules: nvidia, nvidia_uvm, nvidia_drm, nvidia_modeset.",
		 "talosctl dmesg | grep NVRM, and give that to pvegpu doctor --log -.",
		 "Omni: omnictl get machines -o json shows the extensions of each machine.",
		 "A RuntimeClass nvidia; in Talos the operator with driver and toolkit off.",
		 "helm install gpu-operator nvidia/gpu-operator -n gpu-operator --create-namespace",
		 "kubectl describe node shows nvidia.com/gpu under Allocatable."}},
	{"wrong-gpu", "Wrong GPU passed", KIND_WRONG,
		"gpu.identical attach.device-missing attach.mapping-drift attach.conflict attach.hostpci "
		"vfio.ids-overreach gpu.functions",
		{"lspci -nn lists the cards with address, model and id; note the address of each.",
		 "Two of one model: the serial number, or the slot, tells them apart (dmidecode -t slot).",
		 "Give the VM exactly that address, or a mapping, which checks what is there.",
		 "ids= of vfio-pci takes every card of that model; bind twins by address instead.",
		 "Label the workers: omnictl label machine ID gpu-pci-id=01:00"}},
	{"slow", "Slow", KIND_SLOW,
		"vm.cpu-host vm.cpu-pinning vm.memory vm.machine-q35 attach.hostpci gpu.bar bios.above-4g "
		"boot.acs-override vm.balloon",
		{"CPU type host, machine q35, pcie=1.",
		 "lspci -vv -s ADDRESS in the host: LnkSta shows the speed and width of the link.",
		 "nvidia-smi -q -d PERFORMANCE,CLOCK shows what slows the card down.",
		 "Pin the VM to the cores of the card's socket: numactl -H, lspci -v (NUMA node).",
		 "Huge pages for VMs with much memory; they make the start faster too."}},
	{"host-boot", "Host does not boot", KIND_BOOT,
		"boot.loader boot.cmdline-syntax boot.fallback-entry boot.esp-sync vfio.ids-overreach "
		"gpu.group-host-critical vfio.initramfs-stale gpu.only-gpu host.kernel-next "
		"host.kernel-pinned vfio.modules-obsolete boot.framebuffer",
		{"No picture, but it answers to ping: the GPU went to vfio-pci, and all is well.",
		 "In the boot menu take the entry without the changes, or the recovery entry.",
		 "Or press e there and take vfio-pci.ids=, iommu= and initcall_blacklist= out.",
		 "From a live system: mount its root, then pvegpu rollback --chroot /mnt",
		 "Once it is up: journalctl -b -1 -p err"}},
	{0},
};
/* clang-format on */
