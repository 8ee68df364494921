# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses move when cards come and go: what was planned for one card does not go on with another."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run

DEVICES = "/sys/bus/pci/devices/"
GOAL = ("--gpu", "01:00", "--vm", "106", "--no-modules", "--bind", "at-start", "--no-start")


class SameCard(HostTest):
    def setUp(self):
        super().setUp()
        self.iommu_on()

    def set_ids(self, address, ids, subsystem=None):
        path = DEVICES + address
        text = re.sub(r"(?m)^PCI_ID=.*$", "PCI_ID=%s" % ids.upper(), self.read(path + "/uevent"))
        if subsystem:
            text = re.sub(r"(?m)^PCI_SUBSYS_ID=.*$", "PCI_SUBSYS_ID=%s" % subsystem.upper(), text)
        self.write(path + "/uevent", text)
        self.write(path + "/device", "0x%s\n" % ids.split(":")[1])

    def test_a_plan_is_of_its_card(self):
        for ids, subsystem in (("10de:2182", None), ("10de:2206", "1458:ffff")):
            before = self.read(DEVICES + "0000:01:00.0/uevent")
            device = self.read(DEVICES + "0000:01:00.0/device")
            self.plan(*GOAL)
            self.set_ids("0000:01:00.0", ids, subsystem)
            done = run("apply", self.plan_file, "--yes", root=self.root)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("not the card that was chosen", done.stdout + done.stderr)
            self.assertNotIn("hostpci", self.read("/etc/pve/qemu-server/106.conf"))
            self.write(DEVICES + "0000:01:00.0/uevent", before)
            self.write(DEVICES + "0000:01:00.0/device", device)
        self.plan(*GOAL)
        self.apply()

    def test_where_it_went_is_told(self):
        self.plan(*GOAL)
        with open(self.plan_file, encoding="utf-8") as file:
            chosen = json.load(file)["goal"]["cards"]
        self.assertEqual(len(chosen), 1)
        self.assertRegex(chosen[0], r"^0000:01:00\.0=[0-9a-f]{8}$")
        again = json.loads(run("plan", "--format", "json", *GOAL, root=self.root).stdout)
        self.assertEqual(again["goal"]["cards"], chosen, "it is the same each time")

    def test_twins_are_told_apart(self):
        self.set_ids("0000:02:00.0", "10de:2206")
        board = bytes([0, 4, 0, 0, 0, 0])
        for number, bus, name in ((1, 1, b"PCIEX16_1"), (2, 2, b"PCIEX16_2")):
            board += bytes([9, 17, number, 0, 1] + [0] * 10 + [bus, 0]) + name + b"\0\0"
        os.makedirs(self.path("/sys/firmware/dmi/tables"), exist_ok=True)
        with open(self.path("/sys/firmware/dmi/tables/DMI"), "wb") as file:
            file.write(board + bytes([127, 4, 3, 0, 0, 0]))
        for address, width in (("0000:01:00.0", "8"), ("0000:02:00.0", "4")):
            self.write(DEVICES + address + "/current_link_width", width + "\n")
            self.write(DEVICES + address + "/max_link_width", "16\n")
        told = json.loads(run("audit", "--only", "gpu.identical", "--format", "json", root=self.root).stdout)["findings"]
        texts = [e["text"] for f in told for e in f["evidence"] if "fingerprint" in e["text"]]
        self.assertEqual([t.split(", subsystem")[0] for t in texts], ["slot PCIEX16_1, x8 of x16", "slot PCIEX16_2, x4 of x16"])
        self.assertNotEqual(texts[0].split()[-1], texts[1].split()[-1])


if __name__ == "__main__":
    main()
