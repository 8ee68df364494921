# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is given away blind: stale boot entries, an IOMMU that is off, the way back at boot."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run

GOAL = ("--gpu", "01:00", "--vm", "106")
GRUB = "/etc/default/grub"


def calls(plan):
    return [c for c in plan["changes"] if c["kind"] == "api"]


class StaleBothWays(HostTest):
    """A word that the boot loader's file has dropped still counts where it was left behind."""
    def configure(self, words):
        self.write(GRUB, re.sub(r'(?m)^(GRUB_CMDLINE_LINUX_DEFAULT=).*$', r'\1"%s"' % words, self.read(GRUB)))

    def boot(self):
        self.script("usr/sbin/update-grub")
        self.script("usr/sbin/reboot")

    def finding(self, check, *goal):
        done = run("audit", "--format", "json", *goal, root=self.root)
        return [f for f in json.loads(done.stdout)["findings"] if f["id"] == check][0]

    def test_dropped_in_the_file_only(self):
        self.configure("quiet intel_iommu=on iommu=off")
        self.boot()
        self.configure("quiet intel_iommu=on iommu=pt")
        finding = self.finding("boot.cmdline-pending")
        self.assertEqual(finding["status"], "warn")
        self.assertIn("still has the words iommu=off", finding["detail"])
        plan = self.plan(*GOAL)
        self.assertEqual([c["argv"][0] for c in plan["changes"] if "argv" in c], ["update-grub", "reboot"])
        self.assertEqual(calls(plan), [], "the IOMMU is off until the reboot")
        self.assertIn("iommu=off", plan["changes"][-2]["expect"]["entries_without"])
        self.apply()
        self.script("usr/sbin/reboot")
        self.assertTrue(calls(self.plan(*GOAL)))
        self.assertEqual(self.finding("boot.cmdline-pending")["status"], "ok")

    def test_only_the_running_kernel_has_it(self):
        self.configure("quiet intel_iommu=on iommu=off")
        self.boot()
        self.configure("quiet intel_iommu=on iommu=pt")
        self.script("usr/sbin/update-grub")
        self.assertIn("still on the running command line: iommu=off",
                      self.finding("boot.cmdline-pending")["detail"])
        plan = self.plan(*GOAL, "--no-modules")
        self.assertEqual([c["kind"] for c in plan["changes"]], ["reboot"])

    def test_on_for_this_boot_only(self):
        """Typed into the boot menu: on now, and off after the next boot."""
        self.configure("quiet intel_iommu=on iommu=pt")
        self.boot()
        self.configure("quiet")
        self.script("usr/sbin/update-grub")
        plan = self.plan(*GOAL)
        self.assertIn('GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=on', plan["changes"][0]["diff"])

    def test_what_the_administrator_dropped_and_nothing_rests_on_is_no_business_of_ours(self):
        self.configure("quiet splash intel_iommu=on iommu=pt")
        self.boot()
        self.configure("quiet intel_iommu=on iommu=pt")
        self.assertEqual(self.finding("boot.cmdline-pending")["status"], "ok")


class Blind(HostTest):
    def test_without_an_iommu_nothing_is_attached(self):
        self.plan(*GOAL)
        self.apply()
        os.unlink(self.path("sys/firmware/acpi/tables/DMAR"))  # switched off in the firmware setup
        self.script("usr/sbin/reboot")
        plan = self.plan(*GOAL, expect=1)
        self.assertIn("boot.iommu-active", [r["check"] for r in plan["refusals"]])
        before = self.read("etc/pve/nodes/pve2/qemu-server/106.conf")
        self.apply(expect=1)
        self.assertEqual(before, self.read("etc/pve/nodes/pve2/qemu-server/106.conf"))

    def test_without_groups_nothing_is_attached(self):
        self.plan(*GOAL)
        self.apply()
        self.script("usr/sbin/reboot")
        os.unlink(self.path("sys/bus/pci/devices/0000:01:00.1/iommu_group"))
        plan = self.plan(*GOAL, expect=1)
        self.assertEqual([r["check"] for r in plan["refusals"]], ["gpu.group-isolated"])
        self.assertFalse(plan["refusals"][0]["acceptable"])

    def test_what_is_refused_is_not_handed_out_by_hand(self):
        """Neither the text nor the JSON of a refused plan has the command that would do it."""
        self.plan(*GOAL)
        self.apply()
        self.script("usr/sbin/reboot")
        done = run("plan", *GOAL, root=self.root)
        self.assertIn("qm set 106 --hostpci0", done.stdout)
        for goal in (("--gpu", "02:00", "--vm", "106"), (*GOAL, "--gpu", "02:00")):
            done = run("plan", *goal, root=self.root)
            if done.returncode == 2:
                continue
            self.assertIn("REFUSED", done.stdout)
            self.assertNotIn("by hand", done.stdout)
            self.assertNotRegex(done.stdout, r"\b(qm|pvesh) (set|start|create)")
            plan = self.plan(*goal, expect=1)
            for change in plan["changes"] + plan["forecast"]:
                self.assertIsNone(change.get("equivalent"))


class WayBack(HostTest):
    """The entry that starts the host as it was leaves vfio-pci out: no function may be left alone."""
    def make_script(self):
        uevent = "sys/bus/pci/devices/0000:02:00.0/uevent"  # a twin: by its id it cannot be told apart
        self.write(uevent, re.sub(r"PCI_ID=.*", "PCI_ID=10DE:2206", self.read(uevent)))
        plan = self.plan("--gpu", "01:00", "--bind", "early", "--fallback-entry")
        return [c["after"] for c in plan["changes"] if c.get("path", "").startswith("/etc/initramfs-tools/scripts")]

    def run_script(self, text, with_driver):
        """The real shell runs it on a small /sys: what was written there?"""
        sys_ = os.path.join(self.directory, "sys")
        for name in ("0000:01:00.0", "0000:01:00.1"):
            os.makedirs(os.path.join(sys_, "bus/pci/devices", name), exist_ok=True)
            for file in ("vendor", "device"):
                with open(self.path("sys/bus/pci/devices/%s/%s" % (name, file)), encoding="ascii") as source:
                    value = source.read()
                with open(os.path.join(sys_, "bus/pci/devices", name, file), "w", encoding="ascii") as copy:
                    copy.write(value)
            with open(os.path.join(sys_, "bus/pci/devices", name, "driver_override"), "w", encoding="ascii") as file:
                file.write("(null)\n")
        os.makedirs(os.path.join(sys_, "bus/pci/drivers"), exist_ok=True)
        if with_driver:
            os.makedirs(os.path.join(sys_, "bus/pci/drivers/vfio-pci"))
        subprocess.run(["sh", "-c", "modprobe() { return 1; }\n" + text.replace("/sys/", sys_ + "/")], check=True)
        with open(os.path.join(sys_, "bus/pci/devices/0000:01:00.0/driver_override"), encoding="ascii") as file:
            return file.read()

    def test_the_script_looks_for_the_driver_first(self):
        scripts = self.make_script()
        self.assertEqual(len(scripts), 1)
        self.assertEqual(self.run_script(scripts[0], False), "(null)\n")
        self.assertEqual(self.run_script(scripts[0], True), "vfio-pci\n")

    def test_such_a_boot_is_recognised(self):
        self.plan(*GOAL, "--fallback-entry")
        self.apply()
        self.script("usr/sbin/reboot")
        self.write("proc/cmdline", self.read("proc/cmdline").rstrip("\n") + " module_blacklist=vfio_pci\n")
        plan = self.plan(*GOAL, expect=1)
        self.assertEqual([r["check"] for r in plan["refusals"]], ["boot.fallback-entry"])
        self.assertEqual([c for c in plan["changes"] if c["kind"] == "reboot"], [])
        done = run("audit", "--format", "json", root=self.root)
        finding = [f for f in json.loads(done.stdout)["findings"] if f["id"] == "boot.fallback-entry"][0]
        self.assertEqual(finding["status"], "warn")
        self.assertIn("leaves vfio-pci out", finding["detail"])


if __name__ == "__main__":
    main()
