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


class Base(HostTest):
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


class Roms(Base):
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

    def test_what_waits_counts(self):
        self.put("a.rom", rom())
        self.conf(106, "hostpci0: 0000:01:00,pcie=1")
        path = "/etc/pve/nodes/pve2/qemu-server/106.conf"
        self.write(path, self.read(path).rstrip("\n") + "\n\n[PENDING]\nhostpci0: 0000:01:00,pcie=1,romfile=a.rom\n")
        self.assertEqual(self.line(self.plan_rom("none")), "0000:01:00,pcie=1")
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--x-vga")
        self.assertIn("romfile=a.rom", self.line(plan))

    def test_a_bad_one_is_mended(self):
        self.put("good.rom", rom())
        self.put("empty.rom", b"")
        for bad in ("/root/gpu-rom.bin", "empty.rom"):
            self.conf(106, "hostpci0: 0000:01:00,pcie=1,romfile=" + bad)
            self.assertNotIn("romfile", self.line(self.plan_rom("none")))
            self.assertIn("romfile=good.rom", self.line(self.plan_rom("good.rom")))

    def test_a_name_like_those_of_qemu(self):
        for name in ("bios-gtx.rom", "vgabios-3080.rom"):
            self.put(name, rom())
            refusal = self.refusal(self.plan_rom(name, expect=1))
            self.assertTrue(refusal["acceptable"])
            self.assertIn("not looked into", refusal["reason"])
        self.put("card.ROM", rom())
        self.assertIn("romfile=card.ROM", self.line(self.plan_rom("card.ROM")))

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


class Saving(Base):
    OWN = "10de-2206-0000-01-00.rom"
    SHOWN = "/sys/bus/pci/devices/0000:01:00.0/rom"

    def setUp(self):
        super().setUp()
        os.makedirs(self.path(DIRECTORY), exist_ok=True)
        self.show(rom() + b"\xff" * 4096)

    def show(self, content):
        with open(self.path(self.SHOWN), "wb") as file:
            file.write(content)

    def plan_save(self, *more, expect=0):
        return self.plan("--gpu", "01:00", "--vm", "106", "--save-rom", "--no-modules", "--bind", "at-start", *more,
                         expect=expect)

    def saved(self):
        with open(self.path(DIRECTORY + self.OWN), "rb") as file:
            return file.read()

    def refused(self, *more):
        plan = self.plan_save(*more, expect=1)
        self.assertNotIn("rom", [c["kind"] for c in plan["changes"]])
        return [r["reason"] for r in plan["refusals"] if r["check"] == "attach.romfile"][0]


class Saved(Saving):
    """--save-rom: what the card shows of its own, as a file that the line names."""
    def test_saved_named_and_undone(self):
        plan = self.plan_save()
        change = next(c for c in plan["changes"] if c["kind"] == "rom")
        self.assertEqual((change["path"], change["from"]), (DIRECTORY + self.OWN, self.SHOWN))
        self.assertIn("romfile=" + self.OWN, self.line(plan))
        order = [c["kind"] for c in plan["changes"]]
        self.assertLess(order.index("rom"), [c.get("stage") for c in plan["changes"]].index("attach"))
        self.apply()
        self.assertEqual(self.saved(), rom(), "without what fills it up")
        again = self.plan_save()
        self.assertNotIn("rom", [c["kind"] for c in again["changes"]], "it is there")
        self.rollback()
        self.assertEqual(os.listdir(self.path(DIRECTORY)), [])
        self.assertNotIn("romfile", self.read("/etc/pve/qemu-server/106.conf"))

    def test_what_is_no_rom_of_this_card_is_not_written(self):
        for content, why in ((b"\xff" * 65536, "nothing but ff"), (rom(OTHER), "names another card"),
                             (rom()[:-600], "cut off"), (b"", "is empty")):
            self.show(content)
            self.plan_save()
            done = self.apply(expect=1)
            self.assertIn(why, done.stdout + done.stderr)
            self.assertEqual(os.listdir(self.path(DIRECTORY)), [])
            self.assertNotIn("hostpci", self.read("/etc/pve/qemu-server/106.conf"))
            self.rollback()

    def test_a_file_that_came_meanwhile_is_left(self):
        self.plan_save()
        self.put(self.OWN, b"mine")
        done = run("apply", self.plan_file, "--yes", root=self.root)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("is there now", done.stderr)
        self.assertEqual(self.saved(), b"mine")

    def test_a_file_that_was_changed_since_stays(self):
        self.plan_save()
        self.apply()
        self.put(self.OWN, rom(efi=False))
        self.rollback(expect=1)
        self.assertEqual(self.saved(), rom(efi=False))

    def test_a_file_of_that_name_that_is_another(self):
        self.put(self.OWN, b"mine")
        self.assertIn("is not its ROM", self.refused())

    def test_not_while_a_guest_has_it(self):
        self.plan("--gpu", "01:00", "--vm", "106", "--no-modules", "--bind", "at-start")
        self.apply()
        self.assertIn("runs with it", self.refused())

    def test_not_beside_another_that_is_asked_for(self):
        self.put("mine.rom", rom())
        self.assertIn("another is asked for too (mine.rom)", self.refused("--romfile", "mine.rom"))
        self.assertIn("another is asked for too (none)", self.refused("--romfile", "none"))

    def test_without_one_of_its_own(self):
        os.remove(self.path(self.SHOWN))
        self.assertIn("shows no ROM", self.refused())


class Table(Saving):
    """AMD's ROMs, which the firmware has in the ACPI table VFCT: of a GPU in the processor, and of the card it booted
    with."""
    OWN = "1002-1638-0000-01-00.rom"
    IDS = (0x1002, 0x1638)
    PLACE = "/sys/firmware/acpi/tables/VFCT"

    def setUp(self):
        super().setUp()
        device = os.path.dirname(self.SHOWN)
        uevent = self.read(device + "/uevent")
        old = next(line for line in uevent.split("\n") if line.startswith("PCI_ID="))
        self.write(device + "/uevent", uevent.replace(old, "PCI_ID=1002:1638"))
        self.write(device + "/vendor", "0x1002\n")
        self.write(device + "/device", "0x1638\n")
        os.remove(self.path(self.SHOWN))
        self.table(rom(self.IDS))

    def plan_save(self, *more, expect=0):
        return super().plan_save("--accept", "gpu.group-isolated=0000:01:00.0", *more, expect=expect)

    def table(self, *images, bus=1):
        body = b"".join(struct.pack("<IIIHHHHII", bus, 0, 0, *self.IDS, 0, 0, 0, len(image)) + image for image in images)
        head = b"VFCT" + struct.pack("<I", 76 + len(body)) + bytes(28) + bytes(16) + struct.pack("<II", 76, 0) + bytes(16)
        with open(self.path(self.PLACE), "wb") as file:
            file.write(head + body)

    def show(self, content):
        """What would be shown is in the table instead."""
        if os.path.exists(self.path(os.path.dirname(self.SHOWN) + "/vendor")) and \
                self.read(os.path.dirname(self.SHOWN) + "/vendor").strip() == "0x1002":
            self.table(content)
        else:
            super().show(content)

    def test_saved_named_and_undone(self):
        plan = self.plan_save()
        change = next(c for c in plan["changes"] if c["kind"] == "rom")
        self.assertEqual((change["path"], change["from"], change["device"]), (DIRECTORY + self.OWN, self.PLACE, "0000:01:00.0"))
        self.apply()
        self.assertEqual(self.saved(), rom(self.IDS))
        self.rollback()
        self.assertEqual(os.listdir(self.path(DIRECTORY)), [])

    def test_what_is_no_rom_of_this_card_is_not_written(self):
        for content, why in ((b"\xff" * 65536, "nothing but ff"), (rom(OTHER), "names another card"),
                             (rom(self.IDS)[:-600], "cut off")):
            self.table(content)
            self.plan_save()
            done = self.apply(expect=1)
            self.assertIn(why, done.stdout + done.stderr)
            self.assertEqual(os.listdir(self.path(DIRECTORY)), [])
            self.rollback()

    def test_a_table_without_it(self):
        self.table(rom(self.IDS), bus=9)
        self.assertIn("it shows no ROM of its own", self.refused())
        with open(self.path(self.PLACE), "wb") as file:
            file.write(b"VFCT\xff\xff\xff\xff garbage")
        self.assertIn("it shows no ROM of its own", self.refused())

    def test_it_went_away_between(self):
        self.plan_save()
        self.table(rom(self.IDS), bus=9)
        done = self.apply(expect=1)
        self.assertIn("Its ROM cannot be saved", done.stderr)
        self.assertEqual(os.listdir(self.path(DIRECTORY)), [])

    def test_a_plan_that_was_edited_reads_nothing_else(self):
        self.plan_save()
        with open(self.plan_file, encoding="utf-8") as file:
            plan = json.load(file)
        for key, value in (("device", "../../../etc"), ("from", "/etc/shadow")):
            edited = json.loads(json.dumps(plan))
            next(c for c in edited["changes"] if c["kind"] == "rom")[key] = value
            with open(self.plan_file, "w", encoding="utf-8") as file:
                json.dump(edited, file)
            self.assertEqual(run("apply", self.plan_file, "--yes", root=self.root).returncode, 2)


class Copy(Saving):
    """Of the card that the host booted with the kernel may show the copy that the firmware ran."""
    def setUp(self):
        super().setUp()
        self.write(os.path.dirname(self.SHOWN) + "/boot_vga", "1\n")
        self.write("/sys/bus/pci/devices/0000:02:00.0/boot_vga", "0\n")

    def test_it_has_to_be_accepted(self):
        risks = ("--accept", "gpu.boot-vga=0000:01:00.0")
        plan = self.plan_save(*risks, expect=1)
        self.assertEqual([r["check"] for r in plan["refusals"]], ["attach.romfile"])
        self.assertIn("copy that the firmware ran", plan["refusals"][0]["reason"])
        self.plan_save(*risks, "--accept", "attach.romfile=0000:01:00.0")


if __name__ == "__main__":
    main()
