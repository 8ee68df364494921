# SPDX-License-Identifier: GPL-3.0-or-later
"""ROM files: what a line names is looked into, and what is asked for stands in the line, whole or not at all."""
import json
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run

DIRECTORY = "/usr/share/kvm/"
GPU, OTHER = (0x10de, 0x2206), (0x10de, 0x1b80)
BIOS, EFI = 0, 3


def image(code, ids, last, blocks=4):
    """One image of a ROM, as the PCI Firmware Specification has it."""
    head = bytearray(b"\x55\xaa" + bytes([blocks]) + b"\x90" * 21 + b"\x40\x00").ljust(0x40, b"\x90")
    data = b"PCIR" + struct.pack("<HHHHB3sHHBBH", ids[0], ids[1], 0, 0x1c, 3, b"\0\0\3", blocks, 0, code,
                                 0x80 if last else 0, 0)
    whole = bytearray((bytes(head) + data).ljust(blocks * 512, b"\x90"))
    whole[-1] = (whole[-1] - sum(whole)) & 0xff
    return bytes(whole)


def rom(ids=GPU, bios=True, efi=True):
    images = ([image(BIOS, ids, not efi)] if bios else []) + ([image(EFI, ids, True)] if efi else [])
    return b"".join(images)


class Roms(HostTest):
    def setUp(self):
        super().setUp()
        self.iommu_on()

    def put(self, name, content):
        os.makedirs(self.path(DIRECTORY), exist_ok=True)
        with open(self.path(DIRECTORY + name), "wb") as file:
            file.write(content)

    def plan_rom(self, name, *more, expect=0):
        return self.plan("--gpu", "01:00", "--vm", "106", "--romfile", name, *more, expect=expect)

    def line(self, plan):
        lines = [c["params"]["hostpci0"] for c in plan["changes"] + plan["forecast"]
                 if "hostpci0" in c.get("params", {})]
        self.assertEqual(len(lines), 1, plan["changes"])
        return lines[0]

    def refusal(self, plan):
        found = [r for r in plan["refusals"] if r["check"] == "attach.romfile"]
        self.assertEqual([r["subject"] for r in found], ["vm/106"])
        return found[0]

    def told(self, *lines):
        self.conf(106, *lines)
        audit = json.loads(run("audit", "--format", "json", root=self.root).stdout)
        return [(f["status"], f["detail"]) for f in audit["findings"] if f["id"] == "attach.romfile"]

    def test_in_the_line(self):
        self.put("card.rom", rom())
        self.assertEqual(self.line(self.plan_rom("card.rom")), "0000:01:00,romfile=card.rom,pcie=1")

    def test_of_one_device_alone(self):
        self.put("card.rom", rom())
        plan = self.plan("--assign", "01:00,romfile=card.rom=106", "--assign", "02:00=107",
                         "--accept", "gpu.only-gpu=0000:01:00.0", "--accept", "gpu.only-gpu=0000:02:00.0",
                         "--accept", "gpu.boot-vga=0000:02:00.0")
        lines = {c["vmid"]: c["params"]["hostpci0"] for c in plan["changes"] + plan["forecast"]
                 if "hostpci0" in c.get("params", {})}
        self.assertIn("romfile=card.rom", lines[106])
        self.assertNotIn("romfile", lines[107])

    def test_stays_goes_and_changes(self):
        self.put("old.rom", rom())
        self.put("new.rom", rom())
        self.conf(106, "hostpci0: 0000:01:00,romfile=old.rom,rombar=1")
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--pcie")
        self.assertIn("romfile=old.rom", self.line(plan))
        self.assertIn("rombar=1", self.line(plan))
        line = self.line(self.plan_rom("new.rom"))
        self.assertIn("romfile=new.rom", line)
        self.assertNotIn("old.rom", line)
        line = self.line(self.plan_rom("none"))
        self.assertNotIn("romfile", line)
        self.assertIn("rombar=1", line)

    def test_nothing_to_do_where_it_is_so(self):
        self.put("card.rom", rom())
        self.conf(106, "hostpci0: 0000:01:00,pcie=1,romfile=card.rom")
        plan = self.plan_rom("card.rom")
        self.assertFalse([c for c in plan["changes"] + plan["forecast"] if "hostpci0" in c.get("params", {})])

    def test_undone_exactly(self):
        self.put("card.rom", rom())
        before = self.read("/etc/pve/qemu-server/106.conf")
        self.write("/proc/cmdline", self.read("/proc/cmdline"))
        self.plan_rom("card.rom", "--bind", "at-start", "--no-modules")
        self.apply()
        self.assertIn("romfile=card.rom", self.read("/etc/pve/qemu-server/106.conf"))
        self.rollback()
        self.assertEqual(self.read("/etc/pve/qemu-server/106.conf"), before)

    def test_what_is_not_there_is_refused(self):
        self.put("card.rom", rom())
        refusal = self.refusal(self.plan_rom("gone.rom", expect=1))
        self.assertIn("/usr/share/kvm/gone.rom", refusal["reason"])
        self.assertFalse(refusal["acceptable"])

    def test_what_is_empty_is_refused(self):
        self.put("card.rom", b"")
        refusal = self.refusal(self.plan_rom("card.rom", expect=1))
        self.assertIn("is empty", refusal["reason"])
        self.assertFalse(refusal["acceptable"])

    def test_what_the_guest_would_pass_over_has_to_be_accepted(self):
        whole = rom()
        bad = {"ff.rom": (b"\xff" * 65536, "nothing but ff"), "cut.rom": (whole[:-512], "cut off"),
               "page.rom": (b"<!DOCTYPE html>" + b" " * 600, "web page"),
               "other.rom": (rom(OTHER), "is for 10de:1b80"),
               "header.rom": (b"NVGI" + b"\0" * 60 + whole, "header of their own"),
               "changed.rom": (whole[:200] + b"\x00" + whole[201:], "do not add up")}
        for name, (content, why) in bad.items():
            with self.subTest(name):
                self.put(name, content)
                refusal = self.refusal(self.plan_rom(name, expect=1))
                self.assertIn(why, refusal["reason"])
                self.assertTrue(refusal["acceptable"])
                plan = self.plan_rom(name, "--accept", "attach.romfile=vm/106")
                self.assertIn("romfile=" + name, self.line(plan))

    def test_no_name_of_a_file_there(self):
        for name in ("/root/card.rom", "../card.rom", "a b.rom", "card.rom,x-vga=1", ""):
            done = run("plan", "--gpu", "01:00", "--vm", "106", "--romfile", name, root=self.root)
            self.assertEqual(done.returncode, 2, name)
            self.assertIn("/usr/share/kvm", done.stderr)

    def test_lines_that_are_there_are_looked_into(self):
        self.put("card.rom", rom())
        self.put("other.rom", rom(OTHER))
        self.put("bios.rom", rom(efi=False))
        self.put("empty.rom", b"")
        rows = {"card.rom": ("ok", "None is missing"), "other.rom": ("warn", "is for 10de:1b80, and the line gives 10de:2206"),
                "empty.rom": ("fail", "is empty"), "gone.rom": ("fail", "there is no /usr/share/kvm/gone.rom"),
                "bios.rom": ("info", "no UEFI driver"),
                "card.rom # mine": ("fail", "All that stands there is the name, blanks and # as well")}
        for name, (status, text) in rows.items():
            with self.subTest(name):
                found = self.told("hostpci0: 0000:01:00,pcie=1,romfile=" + name, "bios: ovmf")
                self.assertEqual(len(found), 1, found)
                self.assertEqual(found[0][0], status, found)
                self.assertIn(text, found[0][1])

    def test_a_rom_that_cannot_be_read_is_not_known(self):
        os.makedirs(self.path(DIRECTORY + "card.rom"))
        self.assertEqual([status for status, _ in self.told("hostpci0: 0000:01:00,romfile=card.rom")], ["unknown"])
        refusal = self.refusal(self.plan_rom("card.rom", expect=1))
        self.assertIn("a directory", refusal["reason"])

    def test_qemus_own_are_not_looked_into(self):
        self.put("vgabios-qxl.bin", b"\0" * 100)
        self.assertEqual([status for status, _ in self.told()], ["ok"])


if __name__ == "__main__":
    main()
