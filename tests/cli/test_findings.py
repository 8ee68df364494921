# SPDX-License-Identifier: GPL-3.0-or-later
"""What the audit finds on hosts with one thing changed, and what the plan makes of it."""
import json
import os

from harness import HostTest, main, run

DEVICES = "sys/bus/pci/devices/"


class Findings(HostTest):
    def audit(self, *arguments):
        done = run("audit", "--format", "json", *arguments, root=self.root)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout)

    def status(self, check, *arguments, subject=None):
        return {f["status"] for f in self.audit(*arguments)["findings"]
                if f["id"] == check and subject in (None, f["subject"])}

    def iommu_on(self):
        self.write("etc/default/grub", self.read("etc/default/grub").replace(
            '="quiet"', '="quiet intel_iommu=on"'))
        self.script("usr/sbin/update-grub")
        self.script("usr/sbin/reboot")

    def set_device(self, address, class_code=None, ids=None):
        path = DEVICES + address
        uevent = self.read(path + "/uevent").split("\n")
        for i, line in enumerate(uevent):
            if class_code and line.startswith("PCI_CLASS="):
                uevent[i] = "PCI_CLASS=" + class_code
            if ids and line.startswith("PCI_ID="):
                uevent[i] = "PCI_ID=" + ids
        self.write(path + "/uevent", "\n".join(uevent))

    def set_group(self, address, group):
        link = self.path(DEVICES + address + "/iommu_group")
        target = os.readlink(link)
        os.unlink(link)
        os.symlink(os.path.join(os.path.dirname(target), str(group)), link)

    def test_sample_host(self):
        audit = self.audit()
        self.assertEqual([(g["address"], g["id"], g["driver"], g["iommu_group"], g["boot_vga"],
                           g["verdict"]) for g in audit["gpus"]],
                         [("0000:01:00.0", "10de:2206", "nouveau", None, False, "needs-work"),
                          ("0000:02:00.0", "10de:2182", "nouveau", None, True, "needs-work")])
        self.assertEqual([f["address"] for f in audit["gpus"][1]["functions"]],
                         ["0000:02:00.%d" % i for i in range(4)])
        host = audit["host"]
        self.assertEqual((host["node"], host["pve_version"], host["kernel"], host["cpu_vendor"],
                          host["boot_loader"], host["cmdline_file"]),
                         ("pve2", "8.0.3", "6.2.16-3-pve", "intel", "grub", "/etc/default/grub"))
        self.assertEqual(host["iommu"], {"active": False, "groups": 0})
        vms = {v["vmid"]: v for v in audit["vms"]}
        self.assertEqual(sorted(vms), [100, 105, 106, 107, 110, 9000])
        self.assertEqual(vms[110]["snapshots"], ["before_update"])
        self.assertTrue(vms[110]["pending"])

    def test_groups_when_the_iommu_is_on(self):
        self.iommu_on()
        gpu = self.audit()["gpus"][0]
        self.assertEqual((gpu["iommu_group"], gpu["verdict"]), (1, "ready"))
        self.assertEqual(gpu["group_members"], ["0000:00:01.0", "0000:01:00.0", "0000:01:00.1"])

    def test_shared_group_is_told_and_needs_a_word(self):
        self.iommu_on()
        self.set_group("0000:00:1f.3", 1)
        self.assertEqual(self.status("gpu.group-isolated", subject="0000:01:00.0"), {"fail"})
        self.assertEqual(self.audit()["gpus"][0]["verdict"], "blocked")
        plan = self.plan("--gpu", "01:00", "--vm", "106", expect=1)
        self.assertEqual([r["check"] for r in plan["refusals"]], ["gpu.group-isolated"])
        self.plan("--gpu", "01:00", "--vm", "106", "--accept", "gpu.group-isolated=0000:01:00.0")

    def test_network_uplink_is_never_taken(self):
        self.iommu_on()
        self.set_group("0000:00:1f.6", 1)
        audit = self.audit("--gpu", "01:00")
        found = [f for f in audit["findings"] if f["id"] == "gpu.group-host-critical"
                 and f["status"] == "fail"]
        text = " ".join(e["text"] for e in found[0]["evidence"])
        self.assertIn("uplink of vmbr0", text)
        self.assertIn("default route (vmbr0)", text)
        plan = self.plan("--gpu", "01:00", "--accept", "gpu.group-host-critical=group/1",
                         "--accept", "gpu.group-isolated=0000:01:00.0", expect=1)
        self.assertEqual([r["check"] for r in plan["refusals"]], ["gpu.group-host-critical"])

    def test_untraced_storage_is_not_taken_for_free(self):
        self.iommu_on()
        self.write("proc/mounts", "rpool/ROOT/pve-1 / zfs rw 0 0\n")
        self.set_group("0000:00:17.0", 1)
        self.assertEqual(self.status("gpu.group-host-critical", subject="group/1"), {"unknown"})
        self.assertEqual(self.audit()["gpus"][0]["verdict"], "blocked")
        plan = self.plan("--gpu", "01:00", "--vm", "106", expect=1)
        self.assertIn("ZFS dataset rpool/ROOT/pve-1",
                      [r["reason"] for r in plan["refusals"] if r["check"] == "gpu.group-host-critical"][0])

    def test_multipath_nvme_is_traced(self):
        """The disk hangs on a virtual subsystem, its controller on the PCI device."""
        pci = self.path("sys/devices/pci0000:00/0000:00:1b.0/0000:03:00.0/nvme")
        subsystem = self.path("sys/devices/virtual/nvme-subsystem/nvme-subsys0")
        os.makedirs(subsystem)
        os.rename(os.path.join(pci, "nvme0/nvme0n1"), os.path.join(subsystem, "nvme0n1"))
        os.symlink("../../../pci0000:00/0000:00:1b.0/0000:03:00.0/nvme/nvme0",
                   os.path.join(subsystem, "nvme0"))
        for name in ("nvme0n1", "nvme0n1p1", "nvme0n1p2", "nvme0n1p3"):
            link = self.path("sys/class/block/" + name)
            os.unlink(link)
            below = "nvme0n1" if name == "nvme0n1" else "nvme0n1/" + name
            os.symlink("../../devices/virtual/nvme-subsystem/nvme-subsys0/" + below, link)
        for dm in ("dm-0", "dm-1"):
            directory = self.path("sys/class/block/%s/slaves" % dm)
            for name in os.listdir(directory):
                os.unlink(os.path.join(directory, name))
                os.symlink("../../../../virtual/nvme-subsystem/nvme-subsys0/nvme0n1/" + name,
                           os.path.join(directory, name))
        self.iommu_on()
        self.set_group("0000:03:00.0", 1)
        self.assertEqual(self.status("gpu.group-host-critical", subject="group/1"), {"fail"})

    def test_apu_leaves_the_rest_of_its_slot(self):
        self.set_device("0000:02:00.3", class_code="108000")
        self.assertEqual(self.status("gpu.functions", subject="0000:02:00.0"), {"warn"})
        plan = self.plan("--gpu", "02:00", "--vm", "106", "--bind", "early",
                         "--accept", "gpu.boot-vga=0000:02:00.0")
        own = [c for c in plan["changes"] if c.get("path") == "/etc/modprobe.d/pvegpu.conf"][0]
        self.assertIn("ids=10de:2182,10de:1aeb\n", own["after"])
        attach = [c for c in plan["forecast"] if "hostpci0" in c.get("params", {})][0]
        self.assertEqual(attach["params"]["hostpci0"], "0000:02:00.0;0000:02:00.1,pcie=1")

    def test_identical_cards(self):
        self.set_device("0000:02:00.0", ids="10DE:2206")
        self.assertEqual(self.status("gpu.identical"), {"warn"})
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--bind", "early", expect=1)
        self.assertEqual([r["check"] for r in plan["refusals"]], ["vfio.binding"])
        self.plan("--gpu", "01:00", "--vm", "106", "--bind", "at-start")

    def test_no_gpu_left_for_the_host(self):
        self.iommu_on()
        for function in range(4):
            self.set_group("0000:02:00.%d" % function, 1)
        self.assertEqual(self.status("gpu.only-gpu"), {"warn"})

    def test_two_vms_with_one_gpu(self):
        for vmid in (106, 107):
            name = "etc/pve/nodes/pve2/qemu-server/%d.conf" % vmid
            self.write(name, "hostpci0: 01:00,pcie=1\n" + self.read(name))
        self.assertEqual(self.status("attach.conflict"), {"warn"})
        self.assertEqual(self.status("vm.machine-q35", subject="vm/106"), {"fail"})
        self.assertEqual(self.status("vm.machine-q35", subject="vm/107"), {"ok"})

    def test_hostpci_lines(self):
        name = "etc/pve/nodes/pve2/qemu-server/107.conf"
        text = self.read(name)
        for value, check in (("01:00,pcie=1,nonsense=1", "attach.hostpci-invalid"),
                             ("01:00,mapping=gpu", "attach.hostpci-invalid"),
                             ("0a:00", "attach.device-missing"),
                             ("00:01.0", "attach.device-missing"),
                             ("01:00,romfile=/root/gpu-rom.bin", "attach.romfile")):
            self.write(name, "hostpci0: %s\n%s" % (value, text))
            self.assertIn("fail", self.status(check), value)
        os.makedirs(self.path("usr/share/kvm"), exist_ok=True)
        self.write("usr/share/kvm/gpu.bin", "x")
        self.write(name, "hostpci0: 01:00,romfile=gpu.bin\n" + text)
        self.assertEqual(self.status("attach.romfile"), {"ok"})

    def test_command_line_words(self):
        def running(words):
            self.write("proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-6.2.16-3-pve ro " + words + "\n")
        running("iommu=off")
        self.assertEqual(self.status("boot.cmdline-conflict"), {"fail"})
        running("amd_iommu=on video=vesafb:off,efifb:off video=HDMI-A-1:d")
        self.assertEqual(self.status("boot.cmdline-obsolete"), {"info"})
        self.assertEqual(self.status("boot.framebuffer"), {"info"})
        running("pcie_acs_override=multi-function")
        acs = [f for f in self.audit()["findings"] if f["id"] == "boot.acs-override"]
        self.assertEqual(len(acs), 1)
        self.assertIn("does nothing", acs[0]["detail"])
        running("pcie_acs_override=downstream")
        self.assertEqual(self.status("boot.acs-override"), {"warn"})
        os.unlink(self.path("proc/cmdline"))
        for check in ("boot.acs-override", "boot.cmdline-conflict", "boot.cmdline-obsolete",
                      "boot.framebuffer", "vfio.unsafe-interrupts"):
            self.assertEqual(self.status(check), {"unknown"}, check)

    def test_parameter_in_the_other_variable(self):
        self.write("etc/default/grub", self.read("etc/default/grub").replace(
            'GRUB_CMDLINE_LINUX=""', 'GRUB_CMDLINE_LINUX="root=ZFS=x iommu=pt"'))
        plan = self.plan("--no-param", "iommu=pt", "--no-param", "intel_iommu=on")
        after = [c for c in plan["changes"] if c.get("path") == "/etc/default/grub"][0]["after"]
        self.assertIn('GRUB_CMDLINE_LINUX="root=ZFS=x"\n', after)
        self.assertIn('GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n', after)

    def test_chosen_parameters(self):
        words = ("pcie_acs_override=downstream,multifunction", "video=efifb:off")
        plan = self.plan("--gpu", "01:00", "--param", words[0], "--param", words[1])
        change = plan["changes"][0]
        self.assertIn('="quiet intel_iommu=on iommu=pt %s %s"\n' % words, change["after"])
        self.assertEqual(change["cost"], "isolation between devices is weakened")
        self.assertEqual(change["because"],
                         ["boot.iommu-cmdline", "boot.acs-override", "boot.framebuffer"])

    def test_amd_needs_nothing(self):
        self.write("proc/cpuinfo", self.read("proc/cpuinfo").replace("GenuineIntel", "AuthenticAMD"))
        os.makedirs(self.path("sys/kernel/iommu_groups/0/devices"))
        plan = self.plan("--gpu", "01:00")
        self.assertNotIn("/etc/default/grub", [c.get("path") for c in plan["changes"]])

    def test_obsolete_module_is_taken_out(self):
        self.write("etc/modules", "# mine\nvfio\nvfio_iommu_type1\nvfio_pci\nvfio_virqfd\nloop\n")
        self.assertEqual(self.status("vfio.modules-obsolete"), {"warn"})
        self.plan("--gpu", "01:00")
        self.apply()
        self.assertEqual(self.read("etc/modules"), "# mine\nvfio\nvfio_iommu_type1\nvfio_pci\nloop\n")

    def test_unsafe_interrupts_and_ids(self):
        self.write("etc/modprobe.d/a.conf", "options vfio_iommu_type1 allow_unsafe_interrupts=1\n"
                   "options vfio-pci ids=144d:a808\n")
        self.assertEqual(self.status("vfio.unsafe-interrupts"), {"warn"})
        self.assertEqual(self.status("vfio.ids-overreach"), {"fail"})
        self.write("etc/modprobe.d/b.conf", "options vfio_pci ids=10de:2206\n")
        self.assertEqual(self.status("vfio.ids-overreach"), {"warn", "ok"})

    def test_pinned_kernel(self):
        self.assertEqual(self.status("host.kernel-pinned"), {"ok"})
        self.write("etc/kernel/proxmox-boot-pin", "6.2.16-3-pve\n")
        self.assertEqual(self.status("host.kernel-pinned"), {"info"})
        self.write("etc/kernel/proxmox-boot-pin", "5.15.108-1-pve\n")
        self.assertEqual(self.status("host.kernel-pinned"), {"warn"})

    def test_firmware_settings(self):
        for check in ("bios.secure-boot", "bios.interrupt-remapping"):
            self.assertEqual(self.status(check), {"ok"}, check)
        self.write("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
                   "\6\0\0\0\1")
        self.assertEqual(self.status("bios.secure-boot"), {"info"})
        table = self.read("sys/firmware/acpi/tables/DMAR")
        self.write("sys/firmware/acpi/tables/DMAR", table[:37] + "\0" + table[38:])
        self.assertEqual(self.status("bios.interrupt-remapping"), {"warn"})
        resource = DEVICES + "0000:01:00.0/resource"
        text = self.read(resource)
        window = "0x0000000080000000 0x000000008fffffff"
        self.assertIn(window, text)
        self.write(resource, text.replace(window, "0x0000004000000000 0x00000043ffffffff"))
        self.assertEqual(self.status("bios.above-4g", subject="0000:01:00.0"), {"ok"})
        self.write(resource, text.replace(window, "0x0000000000000000 0x00000003ffffffff"))
        self.assertEqual(self.status("bios.above-4g", subject="0000:01:00.0"), {"fail"})

    def test_reset_and_virtual_functions(self):
        self.assertEqual(self.status("gpu.reset"), {"ok"})
        self.write(DEVICES + "0000:01:00.0/reset_method", "bus\n")
        self.assertEqual(self.status("gpu.reset", subject="0000:01:00.0"), {"info"})
        self.write(DEVICES + "0000:01:00.0/reset_method", "\n")
        self.assertEqual(self.status("gpu.reset", subject="0000:01:00.0"), {"warn"})
        self.assertEqual(self.status("gpu.sriov"), {"ok"})
        self.write(DEVICES + "0000:01:00.0/sriov_totalvfs", "16\n")
        self.assertEqual(self.status("gpu.sriov", subject="0000:01:00.0"), {"info"})

    def test_settings_of_the_vm(self):
        goal = ("--gpu", "01:00", "--vm", "107")
        name = "etc/pve/nodes/pve2/qemu-server/107.conf"
        text = self.read(name)

        def with_lines(*lines):
            keys = tuple(line.split(":")[0] + ":" for line in lines)
            kept = [l for l in text.split("\n") if not l.startswith(keys)]
            self.write(name, "\n".join(list(lines) + kept))
        self.assertEqual(self.status("vm.memory", *goal), {"ok"})
        with_lines("memory: 65536")
        self.assertEqual(self.status("vm.memory", *goal), {"fail"})
        with_lines("memory: current=8192")
        self.assertEqual(self.status("vm.memory", *goal), {"ok"})
        with_lines("bios: ovmf")
        self.assertEqual(self.status("vm.bios", *goal), {"ok"})
        self.assertEqual(self.status("vm.efidisk", *goal), {"warn"})
        with_lines("bios: ovmf", "efidisk0: local-lvm:vm-107-disk-1,efitype=4m")
        self.assertEqual(self.status("vm.efidisk", *goal), {"ok"})
        with_lines("balloon: 0")
        self.assertEqual(self.status("vm.balloon", *goal), {"ok"})
        with_lines("balloon: 1024")
        self.assertEqual(self.status("vm.balloon", *goal), {"info"})
        self.assertEqual(self.status("vm.display", *goal), {"ok"})
        with_lines("vga: std")
        self.assertEqual(self.status("vm.display", *goal, "--x-vga"), {"warn"})
        self.assertEqual(self.status("vm.snapshots", *goal), {"ok"})
        self.write(name, text.rstrip("\n") + "\n\n[live]\nvmstate: local:vm-107-state-live\n")
        self.assertEqual(self.status("vm.snapshots", *goal), {"warn"})
        self.assertEqual(self.status("vm.ha-managed", *goal), {"ok"})
        os.makedirs(self.path("etc/pve/ha"))
        self.write("etc/pve/ha/resources.cfg", "vm: 107\n\tstate started\n\nct: 200\n")
        self.assertEqual(self.status("vm.ha-managed", *goal), {"warn"})

    def test_quorum(self):
        self.assertEqual(self.status("host.quorum"), {"ok"})
        self.write("etc/pve/corosync.conf", "totem {\n}\n")
        self.assertEqual(self.status("host.quorum"), {"unknown"})
        for quorate, status in ((1, "ok"), (0, "fail")):
            self.write("etc/pve/.members", json.dumps({"cluster": {"quorate": quorate}}))
            self.assertEqual(self.status("host.quorum"), {status})

    def test_modprobe_conflict(self):
        self.assertEqual(self.status("vfio.modprobe-conflict"), {"ok"})
        self.write("etc/modprobe.d/x.conf", "# blacklist vfio-pci\nblacklist vfio_pci\n")
        self.assertEqual(self.status("vfio.modprobe-conflict"), {"warn"})
        self.write("etc/modprobe.d/x.conf", "install vfio-pci /bin/false\n")
        self.assertEqual(self.status("vfio.modprobe-conflict"), {"fail"})

    def test_two_vms_at_boot(self):
        self.assertEqual(self.status("attach.onboot-conflict"), {"ok"})
        for vmid in (106, 107):
            name = "etc/pve/nodes/pve2/qemu-server/%d.conf" % vmid
            lines = [l for l in self.read(name).split("\n") if not l.startswith("onboot:")]
            self.write(name, "\n".join(["hostpci0: 01:00", "onboot: 1"] + lines))
        self.assertEqual(self.status("attach.onboot-conflict"), {"warn"})

    def test_cpus_of_the_vm(self):
        goal = ("--gpu", "01:00", "--vm", "106")
        name = "etc/pve/nodes/pve2/qemu-server/106.conf"
        text = self.read(name)
        self.assertEqual(self.status("vm.cpu-pinning", *goal), {"ok"})
        self.write(name, "affinity: 0-7\n" + text)
        self.assertEqual(self.status("vm.cpu-pinning", *goal), {"info"})
        self.write(name, "vcpus: 16\n" + text)
        self.assertEqual(self.status("vm.cpu-pinning", *goal), {"fail"})
        self.assertEqual(self.status("verify.operator", *goal), {"unknown"})

    def test_last_start(self):
        goal = ("--gpu", "01:00", "--vm", "106")
        self.assertEqual(self.status("verify.task-log", *goal), {"info"})
        index = "var/log/pve/tasks/index"
        upid = "UPID:pve2:00001340:00000C1C:6B00308A:qmstart:106:root@pam:"
        self.write(index, self.read(index) + upid + " 6B00308B start failed: QEMU exited with code 1\n")
        found = [f for f in self.audit(*goal)["findings"] if f["id"] == "verify.task-log"][0]
        self.assertEqual(found["status"], "fail")
        self.assertIn("QEMU exited with code 1", found["detail"])
        self.assertEqual(found["evidence"][0]["source"], "/var/log/pve/tasks/A/" + upid)
        self.write(index, self.read(index) + upid + " 6B00308B WARNINGS: 1\n")
        self.assertEqual(self.status("verify.task-log", *goal), {"ok"})

    def test_firmware_and_cpu(self):
        os.unlink(self.path("sys/firmware/acpi/tables/DMAR"))
        self.write("proc/cpuinfo", self.read("proc/cpuinfo").replace(" vmx", ""))
        self.assertEqual(self.status("bios.iommu-firmware"), {"fail"})
        self.assertEqual(self.status("bios.cpu-virtualization"), {"fail"})


if __name__ == "__main__":
    main()
