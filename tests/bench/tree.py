#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tree.py DEST [DEVICES [VMS]]: a captured host with many PCI functions (512) and VMs (200), for benches.

About a quarter are GPUs with their virtual functions, a quarter network cards with theirs, the rest
is what boards and processors have. The same numbers give the same bytes."""
import os, random, sys

# vendor, device, class, subsystem, driver
GPU = (0x10de, 0x26b9, 0x030200, "10DE:1851", "nvidia")
GPU_VF = (0x10de, 0x26b9, 0x030200, "10DE:0000", "vfio-pci")
NIC = (0x15b3, 0x101d, 0x020000, "15B3:0016", "mlx5_core")
NIC_VF = (0x15b3, 0x101e, 0x020000, "15B3:0016", "mlx5_core")
OTHERS = [
    (0x1022, 0x14a4, 0x060000, "1022:14A4", None), (0x1022, 0x149e, 0x080600, "1022:149E", None),
    (0x1022, 0x14ab, 0x060400, "1022:1453", "pcieport"), (0x1022, 0x14c9, 0x0c0330, "1022:14C8", "xhci_hcd"),
    (0x1022, 0x7901, 0x010601, "1022:7901", "ahci"), (0x1022, 0x790b, 0x0c0500, "1022:790B", "piix4_smbus"),
    (0x144d, 0xa80a, 0x010802, "144D:A801", "nvme"), (0x8086, 0x1533, 0x020000, "8086:1533", "igb"),
    (0x8086, 0x9a49, 0x030000, "1028:0A5C", "i915"), (0x8086, 0x2030, 0x060400, "8086:0000", "pcieport"),
    (0x10b5, 0x8796, 0x060400, "10B5:8796", "pcieport"), (0x1a03, 0x2000, 0x030000, "1A03:2000", "ast"),
    (0x1000, 0x00af, 0x010700, "1000:3090", "mpt3sas"), (0x1002, 0x73bf, 0x030000, "1DA2:E438", "amdgpu"),
    (0x1002, 0xab28, 0x040300, "1002:AB28", "snd_hda_intel"), (0x1002, 0x1478, 0x060400, "0000:0000", "pcieport"),
    (0x10ec, 0x8168, 0x020000, "1458:E000", "r8169"), (0x1b21, 0x2142, 0x0c0330, "1043:8756", "xhci_hcd"),
    (0x14e4, 0x165f, 0x020000, "1028:0A6B", "tg3"), (0x1344, 0x51c0, 0x010802, "1344:2B00", "nvme"),
]
LOG = ["vmbr0: port 3(tap{0}i0) entered blocking state", "usb 1-7: new high-speed USB device number {0}",
       "nvme nvme1: {0}/0/0 default/read/poll queues", "pci 0000:41:00.{1}: [1022:14ab] type 01 class 0x060400",
       "pci 0000:41:00.{1}: BAR 0 [mem 0x{0:08x}-0x{0:08x} 64bit pref]", "zd{0}: p1 p2 p3",
       "pci 0000:41:00.{1}: Adding to iommu group {0}", "hrtimer: interrupt took {0} ns"]

root = sys.argv[1]
n_devices = int(sys.argv[2]) if len(sys.argv) > 2 else 512
n_vms = int(sys.argv[3]) if len(sys.argv) > 3 else 200
rnd = random.Random(1)


def write(path, text):
    os.makedirs(os.path.dirname(root + path), exist_ok=True)
    with open(root + path, "w") as file:
        file.write(text)


def link(path, target):
    os.makedirs(os.path.dirname(root + path), exist_ok=True)
    os.symlink(target, root + path)


def functions():
    """The functions in bus order, each with how many virtual functions it has, or is one of."""
    out = []
    for _ in range(n_devices // 64):
        out += [(GPU, 16, False)] + [(GPU_VF, 0, True)] * 16
    for _ in range(n_devices // 128):
        out += [(NIC, 32, False)] + [(NIC_VF, 0, True)] * 32
    while len(out) < n_devices:
        out.append((OTHERS[len(out) % len(OTHERS)], 0, False))
    return out[:n_devices]


def add_function(i, function, vfs, physical):
    vendor, device, class_code, subsystem, driver = function
    address = "%04x:%02x:00.%x" % (i // 1024, i % 1024 // 8, i % 8)
    bridge = "pci%04x:%02x" % (i // 1024, i % 1024 // 8 & 0xf0)
    real, group = "/sys/devices/%s/%s" % (bridge, address), i * 25 // 32
    gpu = class_code >> 16 == 3
    files = {"vendor": "0x%04x" % vendor, "device": "0x%04x" % device, "class": "0x%06x" % class_code,
             "subsystem_vendor": "0x" + subsystem[:4].lower(), "subsystem_device": "0x" + subsystem[5:].lower(),
             "revision": "0x00", "irq": "0", "power_state": "D0",
             "resource": "\n".join(["0x%016x 0x%016x 0x%016x" % (1 << 36, (1 << 36) + 0xffffff, 0x14220c)] + ["0x%016x 0x%016x 0x%016x" % (0, 0, 0)] * 12),
             "modalias": "pci:v%08Xd%08Xsv0000%ssd0000%sbc%02Xsc%02Xi%02X" % (vendor, device, subsystem[:4], subsystem[5:], class_code >> 16, class_code >> 8 & 255, class_code & 255)}
    files["uevent"] = "%sPCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%s\nPCI_SLOT_NAME=%s\nMODALIAS=%s" % (
        "DRIVER=%s\n" % driver if driver else "", class_code, vendor, device, subsystem, address, files["modalias"])
    if class_code == 0x030000:
        files["boot_vga"] = "0"
    if gpu:
        files["reset_method"] = "flr bus"
    if vfs:
        files["sriov_totalvfs"] = files["sriov_numvfs"] = str(vfs)
    for name, text in files.items():
        write("%s/%s" % (real, name), text + "\n")
    with open("%s%s/config" % (root, real), "wb") as file:
        file.write(bytes(64))
    if physical:
        link(real + "/physfn", "../" + physical)
    if driver:
        os.makedirs("%s/sys/bus/pci/drivers/%s" % (root, driver), exist_ok=True)
        link(real + "/driver", "../../../bus/pci/drivers/" + driver)
    os.makedirs("%s/sys/kernel/iommu_groups/%d/devices" % (root, group), exist_ok=True)
    link(real + "/iommu_group", "../../../kernel/iommu_groups/%d" % group)
    link("/sys/kernel/iommu_groups/%d/devices/%s" % (group, address), "../../../../devices/%s/%s" % (bridge, address))
    link("/sys/bus/pci/devices/" + address, "../../../devices/%s/%s" % (bridge, address))
    return address if gpu else None, address


def vm(vmid, gpus):
    lines = ["agent: 1", "balloon: 0", "bios: ovmf", "boot: order=scsi0;net0", "cores: 8", "cpu: host,hidden=1,flags=+pcid",
             "efidisk0: local-zfs:vm-%d-disk-0,efitype=4m,pre-enrolled-keys=1,size=1M" % vmid, "machine: pc-q35-8.1",
             "memory: 8192", "meta: creation-qemu=8.1.5,ctime=1714000000", "name: vm%d" % vmid,
             "net0: virtio=BC:24:11:%02X:%02X:01,bridge=vmbr0,firewall=1" % (vmid >> 8, vmid & 255), "numa: 0", "onboot: 1",
             "ostype: win11", "scsi0: local-zfs:vm-%d-disk-1,cache=writeback,discard=on,iothread=1,size=200G,ssd=1" % vmid,
             "scsihw: virtio-scsi-single", "smbios1: uuid=00000000-0000-4000-8000-%012d" % vmid, "sockets: 1",
             "tpmstate0: local-zfs:vm-%d-disk-2,size=4M,version=v2.0" % vmid, "usb0: host=046d:c52b", "vga: none"]
    if gpus and rnd.random() < 0.3:
        lines.append("hostpci0: %s,pcie=1,x-vga=1" % rnd.choice(gpus))
    text = "#Windows workstation\n" + "\n".join(sorted(lines)) + "\n"
    if rnd.random() < 0.2:
        text += "\n[before-upgrade]\n" + "\n".join(sorted(lines)[:20]) + "\nsnaptime: 1714000001\n"
    return text


gpus, physical = [], None
for i, (function, vfs, virtual) in enumerate(functions()):
    gpu, address = add_function(i, function, vfs, physical if virtual else None)
    physical = address if vfs else physical
    gpus += [gpu] if gpu else []
for i in range(n_vms):
    write("/etc/pve/qemu-server/%d.conf" % (100 + i), vm(100 + i, gpus))
write("/proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-6.8.12-4-pve root=/dev/mapper/pve-root ro quiet amd_iommu=on iommu=pt\n")
write("/proc/cpuinfo", "".join("processor\t: %d\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu svm\n\n" % i for i in range(128)))
write("/etc/default/grub", 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet amd_iommu=on iommu=pt"\nGRUB_CMDLINE_LINUX=""\n')
write("/etc/modules", "vfio\nvfio_iommu_type1\nvfio_pci\n")
write("/etc/modprobe.d/vfio.conf", "options vfio-pci ids=10de:2684,10de:22ba disable_vga=1\nsoftdep nouveau pre: vfio-pci\n")
write("/etc/modprobe.d/pve-blacklist.conf", "blacklist nvidiafb\nblacklist nouveau\n")
write("/var/log/kern.log", "".join("Nov  1 10:00:00 pve1 kernel: %s\n" % rnd.choice(LOG).format(rnd.randrange(99999), rnd.randrange(8)) for _ in range(12000)))
