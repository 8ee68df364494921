# SPDX-License-Identifier: GPL-3.0-or-later
"""SXM boards: all GPUs and all NVSwitches go to one VM, or the switches stay with the host's fabric manager."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run

DEVICES, GROUPS = "/sys/bus/pci/devices/", "/sys/kernel/iommu_groups/"
SWITCHES = ("0000:05:00.0", "0000:06:00.0")


class NVSwitch(HostTest):
    def setUp(self):
        super().setUp()
        self.iommu_on()
        for n, address in enumerate(SWITCHES):
            os.makedirs(self.path(DEVICES + address))
            self.write(DEVICES + address + "/uevent", "DRIVER=nvidia-nvswitch\nPCI_CLASS=68000\nPCI_ID=10DE:22A3\n"
                       "PCI_SUBSYS_ID=10DE:1796\n")
            group = "%d" % (90 + n)
            os.makedirs(self.path(GROUPS + group + "/devices"))
            os.symlink("../../../../kernel/iommu_groups/" + group, self.path(DEVICES + address + "/iommu_group"))
            os.symlink("../../../../bus/pci/devices/" + address, self.path(GROUPS + group + "/devices/" + address))

    def told(self, *goal):
        audit = json.loads(run("audit", *goal, "--format", "json", root=self.root).stdout)
        return [(f["status"], f["detail"]) for f in audit["findings"] if f["id"] == "gpu.nvswitch"]

    def test_a_switch_beside_the_hosts_disk_is_refused(self):
        disk = "0000:03:00.0"
        group = os.path.basename(os.path.realpath(self.path(DEVICES + disk + "/iommu_group")))
        link = self.path(DEVICES + SWITCHES[0] + "/iommu_group")
        os.remove(link)
        os.symlink("../../../../kernel/iommu_groups/" + group, link)
        os.symlink("../../../../bus/pci/devices/" + SWITCHES[0], self.path(GROUPS + group + "/devices/" + SWITCHES[0]))
        plan = self.plan("--gpu", SWITCHES[0], "--vm", "106", expect=1)
        self.assertIn("gpu.group-host-critical", [r["check"] for r in plan["refusals"] if not r["acceptable"]])

    def test_parts_of_the_fabric(self):
        self.assertEqual([s for s, _ in self.told()], ["ok"])
        self.conf(106, "hostpci0: 0000:01:00,pcie=1", "hostpci1: 0000:02:00,pcie=1")
        status, detail = self.told()[0]
        self.assertEqual(status, "warn")
        self.assertIn("no fabric manager", detail)
        self.conf(106, "hostpci2: 0000:05:00.0")
        self.assertIn("a part of the 2 NVSwitches", self.told()[0][1])
        self.conf(106, "hostpci3: 0000:06:00.0")
        self.assertEqual([s for s, _ in self.told()], ["ok"])

    def test_a_vgpu_is_no_gpu_of_the_fabric(self):
        self.conf(106, "hostpci0: 0000:01:00.0,mdev=nvidia-63")
        self.assertEqual(self.told(), [("ok", "No VM has a GPU of the board with NVSwitches.")])

    def test_what_the_goal_takes_away_is_gone(self):
        self.conf(106, "hostpci0: 0000:01:00,pcie=1")
        told = self.told("--gpu", "01:00", "--vm", "107", "--move")
        self.assertEqual([d.split(" has ")[0].split()[0] for _, d in told], ["107"])

    def test_the_hosts_fabric_manager(self):
        self.conf(106, "hostpci0: 0000:01:00,pcie=1")
        os.makedirs(self.path("/usr/bin"), exist_ok=True)
        self.write("/usr/bin/nv-fabricmanager", "")
        status, detail = self.told()[0]
        self.assertEqual(status, "ok")
        self.assertIn("host's fabric manager", detail)

    def test_switches_are_given_like_gpus(self):
        goal = ("--gpu", "01:00", "--gpu", "02:00", "--gpu", "05:00.0", "--gpu", "06:00", "--vm", "106")
        plan = json.loads(run("plan", *goal, "--format", "json", root=self.root).stdout)
        lines = sorted(value for c in plan["changes"] + plan["forecast"] for key, value in c.get("params", {}).items()
                       if key.startswith("hostpci"))
        self.assertEqual([l.split(",")[0] for l in lines], ["0000:01:00", "0000:02:00", "0000:05:00", "0000:06:00"])
        self.assertEqual([s for s, _ in self.told(*goal)], ["ok"])
        self.assertEqual([s for s, _ in self.told(*goal[:-4], *goal[-2:])], ["warn"], "one switch is left out")


if __name__ == "__main__":
    main()
