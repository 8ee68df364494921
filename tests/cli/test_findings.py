# SPDX-License-Identifier: GPL-3.0-or-later
"""What the audit finds on hosts with one thing changed, and what the plan makes of it."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import HostTest, main, run

DEVICES = "sys/bus/pci/devices/"


# Rows that only the guest or the cluster can answer: unknown, with the reason.
INSIDE = {"verify.talos-gpu", "verify.talos-extensions", "verify.node-allocatable",
          "verify.operator"}
# On a host's own files nothing can fail here: their other fixture is in test_api.py.
# Judged where a plan is gone on with, or of boards with switches: in tests of their own.
KEPT = {"gpu.same-card", "gpu.nvswitch"}
REMOTE = {"host.api", "attach.rights"}


class Findings(HostTest):
    seen = {}  # check id: the statuses that a test asked for
    ran = 0

    @classmethod
    def tearDownClass(cls):
        """Each row of the catalogue has a host that passes and one that does not."""
        everything = [name for name in dir(cls) if name.startswith("test_")]
        if cls.ran < len(everything):
            return
        listed = [line.split()[0] for line in run("audit", "--list").stdout.splitlines()
                  if "." in line.split()[0]]
        assert len(listed) > 60, listed
        bad = {}
        for check in listed:
            statuses = cls.seen.get(check, set())
            enough = statuses == {"unknown"} if check in INSIDE else check in REMOTE | KEPT or \
                len(statuses) > 1 and statuses & {"ok", "info"}
            if not enough:
                bad[check] = statuses
        assert not bad, "no pass and fail fixture for: %s" % bad

    def tearDown(self):
        super().tearDown()
        Findings.ran += 1

    def audit(self, *arguments):
        done = run("audit", "--format", "json", *arguments, root=self.root)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout)

    def status(self, check, *arguments, subject=None):
        found = {f["status"] for f in self.audit(*arguments)["findings"]
                 if f["id"] == check and subject in (None, f["subject"])}
        Findings.seen.setdefault(check, set()).update(found)
        return found

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

    def test_what_the_acs_override_would_part(self):
        self.iommu_on()
        for address in ("0000:00:1f.3", "0000:02:00.1"):
            self.set_group(address, 1)
        found = [f for f in self.audit("--gpu", "01:00")["findings"] if f["id"] == "boot.acs-override"]
        self.assertEqual([f["status"] for f in found], ["info"])
        self.assertIn("mappings must", found[0]["detail"])
        self.assertEqual([e["text"].split(": ")[-1] for e in found[0]["evidence"]],
                         ["parted by downstream", "parted by downstream"])

    def test_a_reboot_names_what_it_stops(self):
        os.makedirs(self.path("etc/pve/ha"))
        self.write("etc/pve/ha/resources.cfg", "vm: 107\n\tstate started\n")
        self.write("etc/pve/corosync.conf", "totem {\n}\n")
        cost = [c["cost"] for c in self.plan("--gpu", "01:00")["changes"] if c["kind"] == "reboot"][0]
        for words in ("VMs 100 docker, 105 talos-cp-1 and container 200 pihole",
                      "HA may start VM 107", "one vote less"):
            self.assertIn(words, cost)

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
        self.write("etc/modprobe.d/a.conf", "options vfio-pci ids=10de:2182,10de:1aed\n")
        self.assertEqual(self.status("vfio.ids-overreach", subject="0000:02:00.3"), {"warn"})
        os.unlink(self.path("etc/modprobe.d/a.conf"))
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
        self.plan("--gpu", "01:00", "--vm", "106", "--bind", "at-start")
        # At boot it is bound by its address, and its twin keeps the host's driver.
        for name in ("vendor", "device"):
            self.write(DEVICES + "0000:02:00.0/" + name, self.read(DEVICES + "0000:01:00.0/" + name))
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--bind", "early", "--no-start")
        script = "/etc/initramfs-tools/scripts/init-top/pvegpu"
        change = [c for c in plan["changes"] if c.get("path") == script][0]
        self.assertEqual(change["mode"], "0755")
        self.assertNotIn("/etc/modprobe.d/pvegpu.conf", [c.get("path") for c in plan["changes"]])
        self.apply()
        self.assertEqual(os.stat(self.path(script)).st_mode & 0o777, 0o755)
        self.assertEqual(subprocess.run(["sh", "-n", self.path(script)], check=False).returncode, 0)
        self.script("usr/sbin/reboot")
        audit = self.audit("--gpu", "01:00")
        self.assertEqual([g["driver"] for g in audit["gpus"]], ["vfio-pci", "nouveau"])
        self.assertEqual(self.status("vfio.binding", "--gpu", "01:00"), {"ok"})
        # Another card at that address is not taken, nor by a script that cannot be run.
        os.chmod(self.path(script), 0o644)
        self.script("usr/sbin/update-initramfs", "-u", "-k", "all")
        self.script("usr/sbin/reboot")
        self.assertEqual([g["driver"] for g in self.audit()["gpus"]], ["nouveau", "nouveau"])
        os.chmod(self.path(script), 0o755)
        # The second card is added to the script that is there.
        self.plan("--gpu", "02:00", "--bind", "early", "--accept", "gpu.boot-vga=0000:02:00.0",
                  "--accept", "gpu.only-gpu=0000:02:00.0")
        self.apply()
        self.assertIn("take 0000:02:00.0 0x10de 0x2206\n", self.read(script))
        self.rollback()
        self.rollback()
        self.script("usr/sbin/update-grub")
        self.script("usr/sbin/reboot")
        self.assertEqual([g["driver"] for g in self.audit()["gpus"]], ["nouveau", "nouveau"])
        self.assertFalse(os.path.exists(self.path("etc/initramfs-tools/scripts")))

    def test_no_gpu_left_for_the_host(self):
        self.iommu_on()
        for function in range(4):
            self.set_group("0000:02:00.%d" % function, 1)
        self.assertEqual(self.status("gpu.only-gpu"), {"warn"})

    def test_a_gpu_without_a_screen_is_no_console(self):
        self.set_device("0000:01:00.0", class_code="030200")
        self.assertEqual(self.status("gpu.only-gpu", subject="0000:01:00.0"), {"ok"})
        self.assertEqual(self.status("gpu.only-gpu", subject="0000:02:00.0"), {"warn"})

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
        self.write(name, "hostpci0: 01:00.0,mdev=nvidia-63\n" + text)
        self.assertEqual(self.status("attach.hostpci-invalid", subject="vm/107"), {"fail"})
        os.makedirs(self.path("sys/bus/pci/devices/0000:01:00.0/mdev_supported_types"))
        self.assertEqual(self.status("attach.hostpci-invalid"), {"ok"})
        self.write(name, "hostpci0: 01:00\nhostpci1: 02:00\n" + text)
        self.assertEqual(self.status("attach.conflict", subject="vm/107"), set())
        self.write(name, "hostpci0: 01:00\nhostpci2: 01:00.1\n" + text)
        self.assertEqual(self.status("attach.conflict", subject="vm/107"), {"fail"})
        os.makedirs(self.path("usr/share/kvm"), exist_ok=True)
        self.write("usr/share/kvm/gpu.bin", "x")
        self.write(name, "hostpci0: 01:00,romfile=gpu.bin\n" + text)
        self.assertEqual(self.status("attach.romfile", subject="vm/107"), {"warn"}, "it is no ROM")

    def test_command_line_words(self):
        def running(words):
            self.write("proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-6.2.16-3-pve ro " + words + "\n")
        running("iommu=off")
        self.assertEqual(self.status("boot.cmdline-conflict"), {"fail"})
        running("intremap=off")
        self.assertEqual(self.status("boot.cmdline-conflict"), {"fail"})
        running("pci=nomsi")
        self.assertEqual(self.status("boot.cmdline-conflict"), {"warn"})
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

    def test_who_ignores_video(self):
        """By what each kernel was built with, the running one and the next; by its version only
        where that cannot be read, and it says so."""
        config = "boot/config-6.2.16-3-pve"
        proxmox = self.read(config)
        self.assertIn("CONFIG_SYSFB_SIMPLEFB=y", proxmox)
        debian = proxmox.replace("CONFIG_SYSFB_SIMPLEFB=y", "# CONFIG_SYSFB_SIMPLEFB is not set")
        without = debian.replace("CONFIG_FB_EFI=y", "# CONFIG_FB_EFI is not set")
        grub = self.read("etc/default/grub")
        word = "video=efifb:off"
        self.write("proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-6.2.16-3-pve ro %s\n" % word)
        self.write("etc/default/grub", grub.replace('="quiet"', '="quiet %s"' % word))

        def told():
            found = [f for f in self.audit()["findings"] if f["id"] == "boot.framebuffer"]
            self.assertEqual([f["status"] for f in found], ["info"])
            plan = self.plan("--clean-up", expect=None)
            gone = any(c.get("path") == "/etc/default/grub" and word not in c["after"] for c in plan["changes"])
            return found[0]["detail"], gone
        for text, says, goes in ((proxmox, "is ignored by this kernel: simpledrm", True),
                                 (debian, "keeps the firmware framebuffer driver off.", False),
                                 (without, "built without that driver", True)):
            self.write(config, text)
            detail, gone = told()
            self.assertIn(says, detail)
            self.assertNotIn("version", detail)
            self.assertEqual(gone, goes, says)
        # Another kernel boots next, and takes it in another way.
        self.write("boot/config-9.9.9-9-pve", debian)
        self.write("boot/vmlinuz-9.9.9-9-pve", "")
        self.write("boot/grub/grub.cfg", self.read("boot/grub/grub.cfg").replace("6.2.16-3-pve", "9.9.9-9-pve"))
        detail, gone = told()
        self.assertIn("may take it in different ways", detail)
        self.assertFalse(gone)
        os.unlink(self.path("boot/config-9.9.9-9-pve"))
        os.unlink(self.path(config))
        detail, _ = told()
        self.assertIn("judged by its version", detail)

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
        self.assertEqual(self.status("vfio.unsafe-interrupts"), {"info"})  # without effect here
        os.unlink(self.path("var/log/dmesg"))
        os.unlink(self.path("sys/firmware/acpi/tables/DMAR"))
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
        os.unlink(self.path("var/log/dmesg"))  # what the kernel did counts more than the table
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
        self.write(DEVICES + "0000:01:00.0/reset_method", "flr bus\n")
        for ids, family in (("10DE:2B85", "Blackwell"), ("1002:7550", "RDNA 4")):
            self.set_device("0000:01:00.0", ids=ids)
            told = [f for f in self.audit()["findings"] if f["id"] == "gpu.reset" and f["subject"] == "0000:01:00.0"]
            self.assertEqual([f["status"] for f in told], ["info"])
            self.assertIn(family, told[0]["detail"])
        self.set_device("0000:01:00.0", ids="10DE:2206")
        self.assertEqual(self.status("gpu.sriov"), {"ok"})
        self.write(DEVICES + "0000:01:00.0/sriov_totalvfs", "16\n")
        self.assertEqual(self.status("gpu.sriov", subject="0000:01:00.0"), {"info"})

    def test_large_gpus(self):
        goal = ("--gpu", "01:00", "--vm", "107", "--no-cpu-host")
        self.assertEqual(self.status("vm.large-gpu", *goal), {"ok"})
        self.assertEqual(self.status("gpu.bar-size", *goal), {"ok"})
        self.assertEqual(self.status("gpu.bar-size", *goal, "--bar-size", "01:00=8192"), {"fail"})
        resource = DEVICES + "0000:01:00.0/resource"
        window = "0x0000000080000000 0x000000008fffffff"
        text = self.read(resource)
        self.assertIn(window, text)
        self.write(resource, text.replace(window, "0x0000004000000000 0x00000047ffffffff"))  # 32 GiB
        index = [window in line for line in text.split("\n")].index(True)
        self.write(DEVICES + "0000:01:00.0/resource%d_resize" % index, "00008100\n")
        self.assertEqual(self.status("vm.large-gpu", *goal), {"ok"}, "no OVMF")
        self.assertEqual(self.status("gpu.bar-size", *goal), {"info"})
        told = [f["detail"] for f in self.audit(*goal)["findings"] if f["id"] == "gpu.bar-size"]
        self.assertIn("can be resized (--bar-size): 256 MiB to 32768 MiB", told[0])
        self.assertIn("page by page", told[0])
        name = "etc/pve/nodes/pve2/qemu-server/107.conf"
        self.write(name, "bios: ovmf\n" + self.read(name).replace("cpu: host", "cpu: x86-64-v2-AES"))
        self.assertEqual(self.status("vm.large-gpu", *goal), {"warn"})
        goal = goal[:-1] + ("--cpu-host",)
        self.assertEqual(self.status("vm.large-gpu", *goal), {"ok"}, "64 GiB by 39 bits")
        cpus = self.read("proc/cpuinfo")
        self.write("proc/cpuinfo", cpus.replace("39 bits physical", "38 bits physical"))
        self.assertEqual(self.status("vm.large-gpu", *goal), {"warn"}, "a width that no processor of Intel's has")

    def test_wider_than_the_hosts_iommu(self):
        def told(*lines):
            self.conf(106, *lines)
            return self.status("vm.address-width", subject="vm/106")
        self.iommu_on()
        os.makedirs(self.path("sys/class/iommu/dmar0/intel-iommu"), exist_ok=True)
        self.write("sys/class/iommu/dmar0/intel-iommu/cap", "1c0000c40660462\n")  # 39 bits
        self.assertEqual(self.status("vm.address-width"), {"ok"})
        self.assertEqual(told("hostpci0: 0000:01:00,pcie=1", "bios: ovmf", "machine: q35", "cpu: host,phys-bits=46"), {"info"})
        self.assertEqual(told("hostpci1: 0000:02:00,pcie=1"), {"warn"}, "two that cannot reach each other")
        advice = [f["fix"]["summary"] for f in self.audit()["findings"] if f["id"] == "vm.address-width"]
        self.assertIn("--cpu host,phys-bits=46,guest-phys-bits=39 (", advice[0], "the rest of the line stays")
        self.assertEqual(told("cpu: host,phys-bits=46,guest-phys-bits=39"), set())
        self.conf(106, drop=("hostpci1:",))
        self.assertEqual(told("hostpci0: 0000:00:1f.6", "cpu: host,phys-bits=46"), set(), "a network card needs no window")
        self.conf(106, "hostpci0: 0000:01:00,pcie=1", "hostpci1: 0000:02:00,pcie=1")
        self.assertEqual(told("cpu: x86-64-v2-AES"), set(), "of which OVMF believes no width")
        self.assertEqual(told("machine: q35,viommu=intel,aw-bits=48"), set(), "QEMU 8 starts it")
        packages = self.read("var/lib/dpkg/status")
        self.write("var/lib/dpkg/status", packages.replace("Version: 8.0.2-3", "Version: 10.0.2-4"))
        for machine, status in (("q35,viommu=intel,aw-bits=48", {"fail"}), ("q35,viommu=intel", {"fail"}),
                                ("pc-q35-9.0,viommu=intel", set()), ("pc-q35-9.2+pve1,viommu=intel", {"fail"}),
                                ("q35,viommu=intel,aw-bits=39", set()), ("q35,viommu=virtio", set())):
            self.assertEqual(told("machine: " + machine), status, machine)

    def test_large_gpus_together(self):
        for address, window in (("0000:01:00.0", "0x0000000080000000 0x000000008fffffff"), ("0000:02:00.0", None)):
            resource = DEVICES + address + "/resource"
            lines = self.read(resource).split("\n")
            at = next(i for i, line in enumerate(lines) if (window or "0x000") in line and not line.startswith("0x0000000000000000"))
            lines[at] = "0x0000004000000000 0x0000005fffffffff 0x000000000014220c"  # 128 GiB
            self.write(resource, "\n".join(lines))
        self.write("proc/cpuinfo", self.read("proc/cpuinfo").replace("39 bits physical", "41 bits physical"))
        name = "etc/pve/nodes/pve2/qemu-server/107.conf"
        self.write(name, "bios: ovmf\n" + self.read(name))
        one = ("--gpu", "01:00", "--vm", "107", "--cpu-host")
        self.assertEqual(self.status("vm.large-gpu", *one, subject="vm/107"), set())
        both = ("--gpu", "01:00", "--gpu", "02:00", "--vm", "107", "--cpu-host")
        self.assertEqual(self.status("vm.large-gpu", *both, subject="vm/107"), {"warn"}, "128 + 128 of 256 GiB")

    def test_after_the_vm_has_stopped(self):
        self.assertEqual(self.status("vm.give-back"), {"ok"})
        self.assertEqual(self.status("vm.give-back", "--gpu", "01:00", "--vm", "106", "--give-back"), {"fail"})

    def test_memory_that_is_free(self):
        goal = ("--gpu", "01:00", "--vm", "106")
        self.assertEqual(self.status("vm.memory", *goal, subject="vm/106"), {"ok"})
        text = self.read("proc/meminfo")
        self.write("proc/meminfo", re.sub(r"MemAvailable: .*", "MemAvailable:    8388608 kB", text))
        self.assertEqual(self.status("vm.memory", *goal, subject="vm/106"), {"warn"})
        self.assertEqual(self.status("vm.memory", *goal, "--no-start", subject="vm/106"), {"ok"})
        os.makedirs(self.path("proc/spl/kstat/zfs"))
        self.write("proc/spl/kstat/zfs/arcstats", "9 1 0x01 147 39984 1 2\nname                            type data\n"
                   "c_min                           4    1073741824\nsize                            4    17179869184\n")
        self.assertEqual(self.status("vm.memory", *goal, subject="vm/106"), {"info"})

    def test_what_waits_is_judged_as_the_next_start_meets_it(self):
        name = "etc/pve/nodes/pve2/qemu-server/105.conf"
        kept = self.read(name)
        lines = "\n".join(l for l in kept.split("\n") if not l.startswith(("hostpci", "machine", "vga")))
        self.write(name, lines + "\n[PENDING]\nhostpci0: 0000:01:00,pcie=1,x-vga=1\nvga: std\n")
        self.assertEqual(self.status("vm.machine-q35", subject="vm/105"), {"warn"}, "it runs, and will not start again")
        self.assertEqual(self.status("vm.display", subject="vm/105"), {"warn"})
        self.assertEqual(self.status("attach.token-raw"), {"info"})
        self.write(name, lines + "\nmachine: q35\nhostpci0: 0000:01:00,pcie=1\n[PENDING]\nmachine: pc\n")
        self.assertEqual(self.status("vm.machine-q35", subject="vm/105"), {"fail"})
        self.write(name, lines + "\nhostpci0: 0000:01:00,pcie=1\n[PENDING]\ndelete: hostpci0\n")
        self.assertEqual(self.status("vm.machine-q35", subject="vm/105"), {"ok"})

    def test_a_window_that_is_none(self):
        self.write(DEVICES + "0000:01:00.0/resource", "0x0000000000000001 0xffffffffffffffff 0x0000000000040200\n")
        self.write("proc/cpuinfo", self.read("proc/cpuinfo").replace("39 bits physical", "4000 bits physical"))
        name = "etc/pve/nodes/pve2/qemu-server/106.conf"
        self.write(name, "bios: ovmf\nhostpci0: 0000:01:00,pcie=1\n" + self.read(name))
        self.assertTrue(self.status("vm.large-gpu"))

    def test_vgpus(self):
        goal = ("--gpu", "01:00", "--vm", "106", "--mdev", "nvidia-63")
        self.assertEqual(self.status("attach.mdev", *goal), {"fail"})
        types = "sys/bus/pci/devices/0000:01:00.0/mdev_supported_types/nvidia-63"
        os.makedirs(self.path(types))
        self.write(types + "/available_instances", "1\n")
        self.assertEqual(self.status("attach.mdev", *goal), {"ok", "info"})  # no pve-nvidia-vgpu-helper

    def test_power_and_drivers_of_functions(self):
        self.write(DEVICES + "0000:01:00.0/d3cold_allowed", "0\n")
        self.assertEqual(self.status("gpu.power", subject="0000:01:00.0"), {"ok"})
        log = self.read("var/log/dmesg")
        self.write("var/log/dmesg", log + "[  900.1] vfio-pci 0000:01:00.0: Unable to change power state from "
                   "D3cold to D0, device inaccessible\n")
        self.assertEqual(self.status("gpu.power", subject="0000:01:00.0"), {"warn"})
        self.assertEqual(self.status("gpu.power", subject="0000:02:00.0"), {"ok"})
        self.write(DEVICES + "0000:01:00.0/sriov_totalvfs", "16\n")
        self.assertEqual(self.status("gpu.vf-drivers", subject="0000:01:00.0"), {"unknown"})
        self.write(DEVICES + "0000:01:00.0/sriov_drivers_autoprobe", "1\n")
        self.assertEqual(self.status("gpu.vf-drivers", subject="0000:01:00.0"), {"ok"})
        self.write(DEVICES + "0000:01:00.0/sriov_drivers_autoprobe", "0\n")
        self.assertEqual(self.status("gpu.vf-drivers", subject="0000:01:00.0"), {"warn"})

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
        self.assertEqual(self.status("vm.ha-managed", *goal), {"ok"})  # there is no other node
        self.write("etc/pve/corosync.conf", "totem {\n}\n")
        self.assertEqual(self.status("vm.ha-managed", *goal), {"fail"})  # by its address

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
        self.write("etc/modprobe.d/x.conf", "install vfio-pci /usr/sbin/vfio-pci-override\n")
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

    # What follows gives each remaining row of the catalogue its two hosts.

    def test_versions_and_kernels(self):
        self.assertEqual(self.status("host.pve-version"), {"ok"})
        status = self.read("var/lib/dpkg/status")
        self.write("var/lib/dpkg/status", status.replace("Version: 8.0.3", "Version: 6.4-15"))
        self.assertEqual(self.status("host.pve-version"), {"warn"})
        self.write("var/lib/dpkg/status", status.replace("Package: pve-manager", "Package: none"))
        self.assertEqual(self.status("host.pve-version"), {"unknown"})
        self.assertEqual(self.status("host.kernel-next"), {"ok"})
        self.write("etc/kernel/proxmox-boot-pin", "6.5.13-1-pve\n")
        self.assertEqual(self.status("host.kernel-next"), {"ok"}, "GRUB goes by its own files")
        self.write("etc/default/grub.d/proxmox-kernel-pin.cfg", 'GRUB_DEFAULT="gnulinux-advanced-x>gnulinux-6.5.13-1-pve-advanced-x"\n')
        self.assertEqual(self.status("host.kernel-next"), {"info"})

    def test_firmware_that_is_fine(self):
        self.assertEqual(self.status("bios.cpu-virtualization"), {"ok"})
        self.assertEqual(self.status("bios.iommu-firmware"), {"ok"})

    def test_interrupt_remapping_in_the_log(self):
        os.unlink(self.path("sys/firmware/acpi/tables/DMAR"))
        log = self.read("var/log/dmesg")
        for line, status in (("AMD-Vi: Interrupt remapping enabled", "ok"),
                             ("DMAR-IR: Failed to enable irq remapping.  You are vulnerable to "
                              "irq-injection attacks.", "warn"), ("nothing", "unknown")):
            self.write("var/log/dmesg", log.replace(
                "DMAR-IR: Enabled IRQ remapping in x2apic mode", line))
            self.assertEqual(self.status("bios.interrupt-remapping"), {status}, line)
        # Of a log with two boots only the last one counts.
        self.write("var/log/dmesg", "[ 0.0] Linux version 6\nAMD-Vi: Interrupt remapping enabled\n"
                   "[ 0.0] Linux version 6\n")
        self.assertEqual(self.status("bios.interrupt-remapping"), {"unknown"})

    def test_who_boots(self):
        self.assertEqual(self.status("boot.loader"), {"ok"})
        self.assertEqual(self.status("boot.iommu-active"), {"fail"})
        self.assertEqual(self.status("boot.iommu-cmdline"), {"fail"})
        self.assertEqual(self.status("boot.cmdline-pending"), {"ok"})
        self.assertEqual(self.status("boot.cmdline-syntax"), {"ok"})
        for check in ("boot.acs-override", "boot.cmdline-conflict", "boot.cmdline-obsolete",
                      "boot.framebuffer", "vfio.unsafe-interrupts"):
            self.assertEqual(self.status(check), {"ok"}, check)
        grub = self.read("etc/default/grub")
        self.write("etc/default/grub", grub.replace('="quiet"', '="quiet intel_iommu=on"'))
        self.assertEqual(self.status("boot.cmdline-pending"), {"warn"})
        self.write("etc/default/grub", grub.replace('="quiet"', '="quiet'))
        self.assertEqual(self.status("boot.cmdline-syntax"), {"fail"})
        self.write("etc/default/grub", grub)
        self.iommu_on()
        self.assertEqual(self.status("boot.iommu-active"), {"ok"})
        self.assertEqual(self.status("boot.iommu-cmdline"), {"ok"})
        self.write("proc/cmdline", "root=/dev/sda1\n")
        # The command line does not show it: the firmware knows what it started.
        variables = "sys/firmware/efi/efivars/%s-8be4df61-93ca-11d2-aa0d-00e098032b8c"
        self.write(variables % "BootCurrent", "\6\0\0\0\x0a\0")
        for path, loader in (("\\EFI\\systemd\\systemd-bootx64.efi", "systemd-boot"),
                             ("\\EFI\\proxmox\\shimx64.efi", "grub")):
            self.write(variables % "Boot000A", "\7\0\0\0\1\0\0\0" + "\0".join("proxmox" + path) + "\0")
            self.assertEqual(self.audit()["host"]["boot_loader"], loader)
        os.unlink(self.path(variables % "BootCurrent"))
        os.unlink(self.path("boot/grub/grub.cfg"))
        self.assertEqual(self.status("boot.loader"), {"unknown"})

    def test_way_back_and_leftovers(self):
        self.assertEqual(self.status("boot.fallback-entry"), {"info"})
        self.write("boot/grub/custom.cfg", "### BEGIN pvegpu: the host as it was ###\n")
        self.assertEqual(self.status("boot.fallback-entry"), {"info"})  # a mark without an entry
        self.write("boot/grub/custom.cfg", "### BEGIN pvegpu: the host as it was ###\n"
                   "menuentry 'x' {\n\tlinux /boot/vmlinuz-6.2.16-3-pve\n}\n")
        self.assertEqual(self.status("boot.fallback-entry"), {"ok"})
        self.assertEqual(self.status("vfio.leftovers"), {"ok"})
        self.write("etc/modprobe.d/x.conf", "options kvm ignore_msrs=1\n")
        self.assertEqual(self.status("vfio.leftovers"), {"info"})

    def test_efi_system_partitions(self):
        self.assertEqual(self.status("boot.esp-sync"), {"ok"})
        self.write("etc/kernel/proxmox-boot-uuids", "AAAA-0001\nBBBB-0002\n")
        self.assertEqual(self.status("boot.esp-sync"), {"unknown"})
        os.makedirs(self.path("dev/disk/by-uuid"))
        self.write("dev/nvme0n1p2", "")
        os.symlink("../../nvme0n1p2", self.path("dev/disk/by-uuid/AAAA-0001"))
        self.iommu_on()
        os.makedirs(self.path("boot/efi/grub"))
        menu = self.read("boot/grub/grub.cfg")
        self.write("boot/efi/grub/grub.cfg", menu)
        self.assertEqual(self.status("boot.esp-sync", subject="esp/AAAA-0001"), {"ok"})
        self.assertEqual(self.status("boot.esp-sync", subject="esp/BBBB-0002"), {"unknown"})
        self.write("boot/efi/grub/grub.cfg", menu.replace(" intel_iommu=on", ""))
        self.assertEqual(self.status("boot.esp-sync", subject="esp/AAAA-0001"), {"warn"})
        # systemd-boot: one line of /etc/kernel/cmdline, an entry for each kernel.
        self.write("proc/cmdline", "initrd=\\EFI\\proxmox\\6.2.16-3-pve\\initrd.img-6.2.16-3-pve root=ZFS=x\n")
        self.write("etc/kernel/cmdline", "root=ZFS=rpool/ROOT/pve-1 iommu=pt\n# second\n")
        os.makedirs(self.path("boot/efi/loader/entries"))
        for words, status in (("iommu=pt", "ok"), ("quiet", "warn")):
            self.write("boot/efi/loader/entries/proxmox-6.2.16-3-pve.conf",
                       "title Proxmox\noptions   root=ZFS=rpool/ROOT/pve-1 %s\n" % words)
            self.assertEqual(self.status("boot.esp-sync", subject="esp/AAAA-0001"), {status})

    def test_modules_and_binding(self):
        goal = ("--gpu", "01:00", "--vm", "106")
        self.assertEqual(self.status("vfio.modules", *goal), {"info"})
        self.assertEqual(self.status("vfio.modules-obsolete"), {"ok"})
        self.assertEqual(self.status("vfio.ids-overreach"), {"ok"})
        self.assertEqual(self.status("vfio.host-driver", *goal, subject="0000:01:00.0"), {"info"})
        self.assertEqual(self.status("vfio.binding", *goal, "--bind", "early"), {"info"})
        self.write("etc/modprobe.d/z.conf", "options vfio-pci ids=10de:2206,10de:1aef\n"
                   "softdep nouveau pre: vfio-pci\nsoftdep snd_hda_intel pre: vfio-pci\n")
        self.write("etc/modules", "vfio\nvfio_iommu_type1\nvfio_pci\n")
        self.script("usr/sbin/update-initramfs", "-u", "-k", "all")
        self.iommu_on()
        self.assertEqual(self.status("vfio.modules", *goal), {"ok"})
        self.assertEqual(self.status("vfio.host-driver", *goal, subject="0000:01:00.0"), {"ok"})
        self.assertEqual(self.status("vfio.binding", *goal), {"ok"})

    def test_stale_initramfs(self):
        self.assertEqual(self.status("vfio.initramfs-stale"), {"ok"})
        image = "boot/initrd.img-6.2.16-3-pve"
        os.utime(self.path(image), (1000, 1000))
        self.assertEqual(self.status("vfio.initramfs-stale"), {"warn"})
        os.unlink(self.path(image))
        self.assertEqual(self.status("vfio.initramfs-stale"), {"unknown"})

    @unittest.skipUnless(shutil.which("cpio") and shutil.which("zstd"), "cpio or zstd is missing")
    def test_what_the_initramfs_holds(self):
        """As mkinitramfs and update-initramfs make it: microcode first, then a compressed archive."""
        image, conf = self.path("boot/initrd.img-6.2.16-3-pve"), "etc/modprobe.d/vfio.conf"
        with tempfile.TemporaryDirectory() as early, tempfile.TemporaryDirectory() as main:
            for name, text in (("etc/" + "modprobe.d/vfio.conf", "options vfio-pci ids=10de:2206\n"),
                               ("scripts/functions", ""), ("usr/bin/sh", "x" * 100000)):
                path = os.path.join(main, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            shutil.copy(self.path("etc/modprobe.d/pve-blacklist.conf"), main + "/etc/modprobe.d")
            os.makedirs(early + "/kernel/x86/microcode")
            with open(early + "/kernel/x86/microcode/GenuineIntel.bin", "wb") as file:
                file.write(os.urandom(70001))
            pack = "cd %s && find . | LC_ALL=C sort | cpio --quiet -o -H newc"
            for compress in ("cat", "zstd -q", "gzip", "xz --check=crc32"):
                with self.subTest(compress):
                    subprocess.run("(%s; head -c 512 /dev/zero; (%s) | %s) >%s" % (
                        pack % early, pack % main, compress, image), shell=True, check=True)
                    self.write(conf, "options vfio-pci ids=10de:2206\n")
                    self.assertEqual(self.status("vfio.initramfs-stale"), {"ok"})
                    # By what it holds, not by the time of either.
                    self.write(conf, "options vfio-pci ids=10de:2204\n")
                    os.utime(self.path(conf), (1000, 1000))
                    self.assertEqual(self.status("vfio.initramfs-stale"), {"warn"})
                    os.unlink(self.path(conf))
                    self.assertEqual(self.status("vfio.initramfs-stale"), {"warn"})
            with open(image, "r+b") as file:
                file.truncate(70300 + 300)
            self.write(conf, "options vfio-pci ids=10de:2204\n")
            self.assertEqual(self.status("vfio.initramfs-stale"), {"ok"})  # by its time alone

    def test_only(self):
        findings = self.audit("--only", "boot", "--only", "gpu.present")["findings"]
        self.assertEqual({f["step"] for f in findings}, {"boot", "gpu"})
        self.assertEqual({f["id"] for f in findings if f["step"] == "gpu"}, {"gpu.present"})
        done = run("audit", "--only", "gpu.present", root=self.root)
        self.assertEqual(done.returncode, 0, "what is not asked for does not fail")
        done = run("audit", "--only", "nothing", root=self.root)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no step and no check", done.stderr)

    def test_since(self):
        """After a kernel upgrade: what is otherwise than it was."""
        earlier = os.path.join(self.directory, "earlier.json")
        with open(earlier, "w", encoding="utf-8") as file:
            file.write(run("audit", "--format", "json", root=self.root).stdout)
        done = run("audit", "--since", earlier, root=self.root)
        self.assertEqual(done.stdout, "Nothing has changed since that audit.\n")
        self.iommu_on()
        text = run("audit", "--since", earlier, root=self.root).stdout
        self.assertIn("boot.iommu-active (host): fail -> ok: On", text)
        self.assertIn("gpu iommu_group (0000:01:00.0): none -> 1", text)
        self.assertIn("cmdline_running (host): ", text)
        self.assertLessEqual(max(len(line) for line in text.splitlines()), 80)
        changes = self.audit("--since", earlier)["changes"]
        self.assertIn({"what": "gpu iommu_group", "subject": "0000:01:00.0", "before": "none",
                       "after": "1", "detail": None}, changes)
        for bad in ("{", "[]", "{\"schema\": \"x\"}"):
            with open(earlier, "w", encoding="utf-8") as file:
                file.write(bad)
            self.assertEqual(run("audit", "--since", earlier, root=self.root).returncode, 2)

    def test_prometheus(self):
        text = run("audit", "--format", "prometheus", root=self.root).stdout
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        for line in lines:
            self.assertRegex(line, r'^pvegpu_[a-z_]+\{([a-z_]+="([^"\\]|\\.)*",?)+\} \d+$')
        self.assertEqual(len(lines), len({line.rsplit(" ", 1)[0] for line in lines}))
        self.assertIn('pvegpu_finding{id="boot.iommu-active",step="boot",subject="host",status="fail"} 1', lines)
        self.assertIn('pvegpu_findings{status="fail"} ', text)

    def test_cluster_link(self):
        self.write("etc/pve/corosync.conf", "nodelist {\n  node {\n    ring0_addr: 192.0.2.99\n  }\n"
                   "  node {\n    ring0_addr: 10.9.9.9\n  }\n}\n")
        self.write("etc/network/interfaces", "auto eno1\niface eno1 inet static\n\taddress 192.0.2.99/24\n")
        self.iommu_on()
        group = os.path.basename(os.readlink(self.path(DEVICES + "0000:01:00.0/iommu_group")))
        self.set_group("0000:00:1f.6", group)
        finding = [f for f in self.audit("--gpu", "01:00")["findings"]
                   if f["id"] == "gpu.group-host-critical" and f["status"] == "fail"][0]
        self.assertIn("cluster link (corosync, 192.0.2.99 on eno1)",
                      " ".join(e["text"] for e in finding["evidence"]))

    def test_the_gpus(self):
        self.assertEqual(self.status("gpu.present"), {"ok"})
        self.assertEqual(self.status("gpu.only-gpu"), {"ok"})
        self.assertEqual(self.status("gpu.boot-vga", subject="0000:01:00.0"), {"ok"})
        self.assertEqual(self.status("gpu.boot-vga", subject="0000:02:00.0"), {"info"})
        self.assertEqual(self.status("gpu.functions"), {"ok"})
        self.assertEqual(self.status("gpu.identical"), {"ok"})
        self.iommu_on()
        self.assertEqual(self.status("gpu.group-isolated"), {"ok"})
        self.assertEqual(self.status("gpu.group-host-critical"), {"ok"})
        for address in ("0000:01:00.0", "0000:02:00.0"):
            self.set_device(address, class_code="020000")
        self.assertEqual(self.status("gpu.present"), {"fail"})

    def test_rom_and_memory_of_the_gpu(self):
        self.assertEqual(self.status("gpu.rom", subject="0000:01:00.0"), {"ok"})
        self.assertEqual(self.status("gpu.rom", subject="0000:02:00.0"), {"info"})
        os.unlink(self.path(DEVICES + "0000:01:00.0/rom"))
        self.assertEqual(self.status("gpu.rom", subject="0000:01:00.0"), {"info"})
        self.assertEqual(self.status("gpu.bar", subject="0000:01:00.0"), {"ok"})
        self.assertEqual(self.status("gpu.bar", subject="0000:02:00.0"), {"info"})
        for line in ("vfio-pci 0000:01:00.0: BAR 1: can't reserve [mem 0x80000000-0x8fffffff 64bit pref]",
                     "vfio-pci 0000:01:00.0: BAR 1 [mem 0x80000000-0x8fffffff 64bit pref]: can't reserve",
                     ):
            self.write("var/log/dmesg", "[   12.0] Linux version 6\n[ 99.1] %s\n" % line)
            self.assertEqual(self.status("gpu.bar", subject="0000:01:00.0"), {"fail"}, line)
            self.assertEqual(self.status("gpu.bar", subject="0000:02:00.0"), {"info"}, line)
        self.write("var/log/dmesg", "")
        self.assertEqual(self.status("gpu.bar", subject="0000:01:00.0"), {"ok"})
        os.unlink(self.path("proc/iomem"))
        self.assertEqual(self.status("gpu.bar", subject="0000:01:00.0"), {"unknown"})

    def test_guests_that_use_the_gpu(self):
        self.assertEqual(self.status("gpu.in-use"), {"ok"})
        name = "etc/pve/nodes/pve2/lxc/200.conf"
        text = self.read(name)
        os.makedirs(self.path("sys/class/drm/renderD129"))
        os.symlink("../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0",
                   self.path("sys/class/drm/renderD129/device"))
        self.write(name, text + "dev0: /dev/dri/renderD129,gid=104\n")
        self.assertEqual(self.status("gpu.in-use", subject="0000:01:00.0"), {"warn"})
        self.assertEqual(self.status("gpu.in-use", subject="0000:02:00.0"), {"ok"})
        os.rmdir(self.path("sys/fs/cgroup/lxc/200"))
        self.assertEqual(self.status("gpu.in-use", subject="0000:01:00.0"), {"info"})
        self.write(name, text + "lxc.mount.entry: /dev/dri dev/dri none bind,optional,create=dir\n")
        self.assertEqual(self.status("gpu.in-use", subject="0000:02:00.0"), {"info"})
        # Whether the VM that has it runs is not known in a captured tree.
        self.write(name, text)
        self.conf(107, "hostpci0: 01:00")
        os.unlink(self.path(".pvegpu-sample"))
        shutil.rmtree(self.path("run/qemu-server"))
        self.assertEqual(self.status("gpu.in-use", subject="0000:01:00.0"), {"unknown"})
        self.assertEqual(self.status("gpu.in-use", subject="0000:02:00.0"), {"ok"})
        # A snapshot's lines are not the container's.
        self.conf(107, drop=("hostpci0:",))
        self.write(name, text + "\n[before]\ndev0: /dev/dri/renderD129\n")
        self.assertEqual(self.status("gpu.in-use"), {"ok"})

    def test_the_vm(self):
        goal = ("--gpu", "01:00", "--vm", "107")
        for check in ("vm.exists", "vm.template", "vm.locked", "vm.config-syntax", "vm.running",
                      "vm.machine-q35"):
            self.assertEqual(self.status(check, *goal), {"ok"}, check)
        self.conf(107, "cpu: host", "tablet: 0", "bios: seabios")
        self.assertEqual(self.status("vm.cpu-host", *goal), {"ok"})
        self.assertEqual(self.status("vm.tablet", *goal), {"ok"})
        self.assertEqual(self.status("vm.bios", *goal), {"info"})
        self.assertEqual(self.status("vm.args", *goal), {"ok"})
        self.conf(107, "args: -device pcie-root-port,id=ich9-pcie-port-2")
        self.assertEqual(self.status("vm.args", *goal), {"fail"})
        self.conf(107, drop=("cpu:", "tablet:", "args:"))
        self.assertEqual(self.status("vm.cpu-host", *goal), {"info"})
        self.assertEqual(self.status("vm.tablet", *goal), {"ok"})
        self.assertEqual(self.status("vm.tablet", *goal, "--no-tablet"), {"info"})
        self.assertEqual(self.status("vm.template", "--gpu", "01:00", "--vm", "9000"), {"fail"})
        self.assertEqual(self.status("vm.running", "--gpu", "01:00", "--vm", "105"), {"warn"})
        self.assertEqual(self.status("vm.settings", *goal), {"ok"})
        self.assertEqual(self.status("vm.settings", *goal, "--cores", "2"), {"info"})
        self.assertEqual(self.status("vm.settings", *goal, "--affinity", "0-16"), {"fail"})
        self.conf(107, "lock: backup")
        self.assertEqual(self.status("vm.locked", *goal), {"fail"})
        self.conf(107, "nonsense")
        self.assertEqual(self.status("vm.config-syntax", *goal), {"warn"})
        for name in os.listdir(self.path("etc/pve/nodes/pve2/qemu-server")):
            os.unlink(self.path("etc/pve/nodes/pve2/qemu-server/" + name))
        self.assertNotEqual(self.status("vm.exists"), {"ok"})

    def test_lines_that_are_fine(self):
        for check in ("attach.conflict", "attach.hostpci-invalid", "attach.device-missing",
                      "attach.romfile", "attach.token-raw"):
            self.assertEqual(self.status(check), {"ok"}, check)
        self.assertEqual(self.status("attach.hostpci", "--gpu", "01:00", "--vm", "107"), {"fail"})
        self.conf(107, "hostpci0: 0000:01:00,pcie=1")
        self.assertEqual(self.status("attach.hostpci", "--gpu", "01:00", "--vm", "107"), {"ok"})
        self.assertEqual(self.status("attach.token-raw"), {"info"})

    def test_mappings(self):
        self.iommu_on()
        entry = "node=pve2,path=0000:01:00,id=10de:2206,subsystem-id=%s,iommugroup=1"
        device = self.read(DEVICES + "0000:01:00.0/subsystem_vendor")[2:6] + ":" + \
            self.read(DEVICES + "0000:01:00.0/subsystem_device")[2:6]
        os.makedirs(self.path("etc/pve/mapping"))

        def mapping(text):
            self.write("etc/pve/mapping/pci.cfg", "gpu-a\n\tmap %s\n" % text)
        self.assertEqual(self.status("attach.mapping"), {"ok"})
        self.assertEqual(self.status("attach.mapping-drift"), {"ok"})
        self.conf(107, "hostpci0: mapping=gpu-a,pcie=1")
        self.assertEqual(self.status("attach.mapping"), {"fail"})  # there is none
        good = entry % device
        mapping(good)
        self.assertEqual(self.status("attach.mapping"), {"ok"})
        self.assertEqual(self.status("attach.mapping-drift"), {"ok"})
        audit = self.audit()
        self.assertEqual(audit["mappings"], [{
            "id": "gpu-a", "description": None, "mdev": False, "error": None,
            "map": [{"node": "pve2", "path": "0000:01:00", "id": "10de:2206",
                     "subsystem_id": device, "iommugroup": 1}]}])
        vm = [v for v in audit["vms"] if v["vmid"] == 107][0]
        self.assertEqual(vm["hostpci"][0]["mapping"], "gpu-a")
        self.assertEqual(vm["hostpci"][0]["devices"], ["0000:01:00.0", "0000:01:00.1"])
        # It is attached then, and a second VM with the mapping is in its way.
        self.assertEqual(self.status("attach.hostpci", "--gpu", "01:00", "--vm", "107"), {"ok"})
        for changed, words in (
                (good.replace("0000:01:00", "0000:07:00"), "there is no 0000:07:00"),
                (good.replace("10de:2206", "10de:2204"), "is 10de:2206 there"),
                (good.replace("10de:2206", "10DE:2206"), "is 10de:2206 there"),
                (good.replace("iommugroup=1", "iommugroup=7"), "in IOMMU group 1 now"),
                (good.replace(",iommugroup=1", ""), "iommugroup=1 is missing"),
                (good.replace(",subsystem-id=" + device, ""), "subsystem-id=%s is missing" % device)):
            mapping(changed)
            found = [f for f in self.audit()["findings"] if f["id"] == "attach.mapping-drift"]
            self.assertEqual([(f["subject"], f["status"]) for f in found], [("mapping/gpu-a", "fail")])
            self.assertIn(words, found[0]["detail"])
        self.assertEqual(self.status("attach.mapping-drift"), {"fail"})
        os.unlink(self.path(DEVICES + "0000:01:00.0/iommu_group"))
        mapping(good)
        self.assertEqual(self.status("attach.mapping-drift"), {"unknown"})
        mapping(good.replace("node=pve2", "node=other"))
        self.assertEqual(self.status("attach.mapping", subject="vm/107"), {"fail"})
        mapping(good.replace("iommugroup", "iommu_group"))
        self.assertEqual(self.status("attach.mapping", subject="/etc/pve/mapping/pci.cfg"),
                         {"fail", "warn"})
        self.assertEqual(self.audit()["mappings"][0]["error"] is None, False)

    def test_verify(self):
        goal = ("--gpu", "01:00", "--vm", "106")
        for check in sorted(INSIDE):
            self.assertEqual(self.status(check, *goal), {"unknown"})
        self.iommu_on()
        self.assertEqual(self.status("verify.vm-started", *goal), {"info"})
        self.assertEqual(self.status("verify.vfio-bound", *goal), {"unknown"})
        self.plan(*goal)
        self.apply()
        self.assertEqual(self.status("verify.vm-started", *goal), {"ok"})
        self.assertEqual(self.status("verify.vfio-bound", *goal), {"ok"})

    # What the host lives on, traced to the function.

    def set_udev(self, name, number, **values):
        os.makedirs(self.path("run/udev/data"), exist_ok=True)
        self.write("sys/class/block/%s/dev" % name, number + "\n")
        self.write("run/udev/data/b" + number, "S:disk/by-id/x\n" + "".join(
            "E:%s=%s\n" % pair for pair in values.items()))

    def uses(self, group=1):
        found = [f for f in self.audit()["findings"] if f["id"] == "gpu.group-host-critical"
                 and f["subject"] == "group/%d" % group]
        return found[0]["status"], " ".join(e["text"] for e in found[0]["evidence"])

    def test_zfs_is_traced_by_the_name_of_the_pool(self):
        self.iommu_on()
        self.set_group("0000:03:00.0", 1)
        self.write("proc/mounts", "rpool/ROOT/pve-1 / zfs rw 0 0\n")
        self.write("proc/swaps", "Filename\n")
        for dm in ("dm-0", "dm-1"):
            os.unlink(self.path("sys/class/block/" + dm))
        self.assertEqual(self.uses()[0], "unknown")
        self.set_udev("nvme0n1p3", "259:3", ID_FS_TYPE="zfs_member", ID_FS_LABEL="rpool")
        status, text = self.uses()
        self.assertEqual(status, "fail")
        self.assertIn("ZFS dataset rpool/ROOT/pve-1 at /", text)
        self.assertIn("ZFS pool rpool", text)
        # Once all of it is traced, another controller is known to be free.
        self.set_group("0000:03:00.0", 9)
        self.set_group("0000:00:17.0", 1)
        self.assertEqual(self.uses()[0], "ok")

    def test_ceph_and_btrfs(self):
        self.iommu_on()
        self.set_group("0000:03:00.0", 1)
        self.set_udev("nvme0n1p3", "259:3", ID_FS_TYPE="ceph_bluestore")
        self.assertIn("Ceph OSD on nvme0n1p3", self.uses()[1])
        os.makedirs(self.path("sys/fs/btrfs/0e5b/devices/nvme0n1p1"))
        self.assertIn("btrfs on nvme0n1p1", self.uses()[1])

    def test_usb_boot_stick(self):
        self.iommu_on()
        self.set_group("0000:00:14.0", 1)
        self.assertEqual(self.uses()[0], "ok")
        where = "sys/devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0/host6/target6:0:0/6:0:0:0/block/sdb"
        os.makedirs(self.path(where + "/sdb1"))
        for name, path in (("sdb", where), ("sdb1", where + "/sdb1")):
            os.symlink("../../" + path[4:], self.path("sys/class/block/" + name))
        self.write("proc/mounts", self.read("proc/mounts") + "/dev/sdb1 /boot ext4 rw 0 0\n")
        status, text = self.uses()
        self.assertEqual(status, "fail")
        self.assertIn("boot filesystem (/dev/sdb1)", text)

    def test_bond_vlan_and_virtual_function(self):
        self.iommu_on()
        self.set_group("0000:00:1f.6", 1)
        net = self.path("sys/devices/virtual/net/")
        for name, lower in (("bond7", "eno1"), ("bond7.10", "bond7"), ("vmbr7", "bond7.10")):
            os.makedirs(net + name)
            os.symlink("../../devices/virtual/net/" + name, self.path("sys/class/net/" + name))
            os.symlink("../" + lower, net + name + "/lower_" + lower)
        self.assertIn("uplink of vmbr7", self.uses()[1])
        # A link on a virtual function needs the physical one too.
        self.set_group("0000:00:1f.6", 2)
        os.symlink("../0000:00:1c.0/0000:02:00.1",
                   self.path("sys/devices/pci0000:00/0000:00:1f.6/physfn"))
        self.set_group("0000:02:00.1", 1)
        self.assertIn("through its virtual function 0000:00:1f.6", self.uses()[1])

    def test_open_vswitch_and_ipv6(self):
        self.iommu_on()
        self.set_group("0000:00:1f.6", 1)
        port = self.path("sys/devices/virtual/net/vmbr1")
        os.makedirs(port)
        os.symlink("../../devices/virtual/net/vmbr1", self.path("sys/class/net/vmbr1"))
        self.write("proc/net/ipv6_route", "0" * 32 + " 00 " + "0" * 32 + " 00 fe80" + "0" * 28 +
                   " 00000400 00000001 00000000 00000003     vmbr1\n")
        self.assertNotIn("default route (vmbr1)", self.uses()[1])
        switch = self.path("sys/devices/virtual/net/ovs-system")
        os.makedirs(switch)
        os.symlink("../../devices/virtual/net/ovs-system", self.path("sys/class/net/ovs-system"))
        link = [n for n in os.listdir(self.path("sys/class/net")) if n.startswith(("en", "eth"))][0]
        os.symlink("../../../" + os.readlink(self.path("sys/class/net/" + link)).split("devices/")[1],
                   os.path.join(switch, "lower_" + link))
        text = self.uses()[1]
        self.assertIn("default route (vmbr1)", text)
        self.assertIn("uplink of ovs-system", text)


if __name__ == "__main__":
    main()
