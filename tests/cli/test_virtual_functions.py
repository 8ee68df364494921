# SPDX-License-Identifier: GPL-3.0-or-later
"""What is given is what was asked for: a virtual function never becomes its physical one, and that one is not
given away while it is split."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run

DEVICES = "/sys/bus/pci/devices/"
PHYSICAL, VIRTUAL = "0000:02:00.0", ("0000:02:00.4", "0000:02:00.5")


class VirtualFunctions(HostTest):
    def setUp(self):
        super().setUp()
        whole = os.path.realpath(self.path(DEVICES + PHYSICAL))
        for name in VIRTUAL:
            real = os.path.join(os.path.dirname(whole), name)
            os.makedirs(real)
            with open(os.path.join(real, "uevent"), "w", encoding="ascii") as file:
                file.write("PCI_CLASS=30200\nPCI_ID=10DE:2235\nPCI_SUBSYS_ID=10DE:145A\n")
            os.symlink(os.path.relpath(whole, real), os.path.join(real, "physfn"))
            os.symlink(os.path.relpath(real, self.path(DEVICES)), self.path(DEVICES + name))

    def audit(self):
        return json.loads(run("audit", "--format", "json", root=self.root).stdout)

    def test_listed_as_what_it_is(self):
        gpus = {g["address"]: g for g in self.audit()["gpus"]}
        self.assertEqual(gpus[VIRTUAL[0]]["physical_function"], PHYSICAL)
        self.assertEqual([f["address"] for f in gpus[VIRTUAL[0]]["functions"]], [VIRTUAL[0]])
        self.assertNotIn("physical_function", gpus[PHYSICAL])
        self.assertFalse(set(VIRTUAL) & {f["address"] for f in gpus[PHYSICAL]["functions"]})

    def test_attached_by_itself(self):
        plan = self.plan("--gpu", "02:00.4", "--vm", "106", "--bind", "early")
        lines = [c["params"]["hostpci0"] for c in plan["changes"] + plan["forecast"]
                 if "hostpci0" in c.get("params", {})]
        self.assertEqual(lines, [VIRTUAL[0] + ",pcie=1"])
        self.assertFalse([c for c in plan["changes"] if "modprobe" in c.get("path", "")
                          or "init-top" in c.get("path", "")], "it is not there when the host boots")

    def test_the_physical_one_is_refused_while_it_is_split(self):
        for name in ("02:00", "02:00.0"):
            plan = self.plan("--gpu", name, "--vm", "106", expect=1)
            refusal = [r for r in plan["refusals"] if r["check"] == "gpu.sriov"]
            self.assertEqual([r["subject"] for r in refusal], [PHYSICAL])

    def test_a_line_for_the_slot_is_told(self):
        path = "/etc/pve/qemu-server/106.conf"
        self.write(path, "hostpci0: 0000:02:00,pcie=1\n" + self.read(path))
        told = [f for f in self.audit()["findings"] if f["id"] == "attach.hostpci-invalid"]
        self.assertIn("whole slot", told[0]["detail"])


if __name__ == "__main__":
    main()
