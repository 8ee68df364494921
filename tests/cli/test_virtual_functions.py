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


class Split(HostTest):
    """--functions: how many virtual functions a card has, now and at each boot."""
    NUMBER = DEVICES + PHYSICAL + "/sriov_numvfs"
    OWN = "/etc/udev/rules.d/90-pvegpu.rules"

    def setUp(self):
        super().setUp()
        self.write(DEVICES + PHYSICAL + "/sriov_totalvfs", "7\n")
        self.write(self.NUMBER, "0\n")

    def make_functions(self, number):
        """What the kernel would: links both ways, and the devices."""
        whole = os.path.realpath(self.path(DEVICES + PHYSICAL))
        for n in range(number):
            name = "0000:02:10.%d" % n
            real = os.path.join(os.path.dirname(whole), name)
            os.makedirs(real)
            with open(os.path.join(real, "uevent"), "w", encoding="ascii") as file:
                file.write("PCI_CLASS=30000\nPCI_ID=10DE:2182\n")
            os.symlink(os.path.relpath(whole, real), os.path.join(real, "physfn"))
            os.symlink(os.path.relpath(real, whole), os.path.join(whole, "virtfn%d" % n))
            os.symlink(os.path.relpath(real, self.path(DEVICES)), self.path(DEVICES + name))
        self.write(self.NUMBER, "%d\n" % number)

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        super().write(path, text)

    def refused(self, *arguments):
        plan = self.plan(*arguments, expect=1)
        self.assertNotIn("sysfs", [c["kind"] for c in plan["changes"]])
        refusal = [r for r in plan["refusals"] if r["check"] == "gpu.sriov"]
        self.assertEqual([r["subject"] for r in refusal], [PHYSICAL])
        return refusal[0]["reason"]

    def test_made_kept_and_undone(self):
        plan = os.path.join(self.directory, "plan.json")
        done = run("plan", "--functions", "02:00.0=4", "--out", plan, root=self.root)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(run("apply", plan, "--yes", root=self.root).returncode, 0)
        self.assertEqual(self.read(self.NUMBER).strip(), "4")
        self.assertIn('KERNEL=="%s", ATTR{vendor}=="0x10de", ATTR{device}=="0x2182"' % PHYSICAL, self.read(self.OWN))
        self.assertTrue(self.plan("--functions", "02:00.0=4")["nothing_to_do"])
        self.assertEqual(run("rollback", "--yes", root=self.root).returncode, 0)
        self.assertEqual(self.read(self.NUMBER).strip(), "0")
        self.assertFalse(os.path.exists(self.path("/etc/udev")))

    def test_only_that_is_planned(self):
        plan = self.plan("--functions", "02:00=4")
        self.assertEqual([(c["kind"], c["path"]) for c in plan["changes"]],
                         [("file", self.OWN), ("sysfs", self.NUMBER)])

    def test_a_reboot_makes_them_by_the_line(self):
        plan = self.plan("--functions", "02:00.0=4", "--gpu", "01:00", "--vm", "106")
        self.assertIn("reboot", [c["kind"] for c in plan["changes"]])
        self.assertIn(self.OWN, [c.get("path") for c in plan["changes"]])
        self.assertNotIn("sysfs", [c["kind"] for c in plan["changes"] + plan["forecast"]])

    def test_what_makes_them_already_is_edited(self):
        rule = 'SUBSYSTEM=="pci", KERNEL=="%s", ATTR{sriov_numvfs}=="0", ATTR{sriov_numvfs}="%d"\n'
        for path, line in (("/etc/udev/rules.d/50-vf.rules", "# theirs\n" + rule % (PHYSICAL, 2) + "# end\n"),
                           ("/etc/sysfs.conf", "# theirs\nbus/pci/devices/%s/sriov_numvfs = 2\n" % PHYSICAL)):
            self.write(path, line)
            plan = self.plan("--functions", "02:00.0=4")
            self.assertEqual([c["path"] for c in plan["changes"]], [path, self.NUMBER])
            added = [c for c in plan["changes"][0]["diff"].split("\n") if c.startswith(("+", "-"))][2:]
            self.assertEqual(len(added), 2, "one line is changed")
            self.assertEqual(added[0][1:].replace('"2"', '"4"').replace("= 2", "= 4"), added[1][1:])
            os.remove(self.path(path))

    def test_sysfsutils_of_another_card_is_used(self):
        self.write("/etc/sysfs.d/vf.conf", "bus/pci/devices/0000:01:00.0/sriov_numvfs = 2\n")
        plan = self.plan("--functions", "02:00.0=4")
        self.assertEqual(plan["changes"][0]["path"], "/etc/sysfs.d/pvegpu.conf")

    def test_a_unit_that_makes_them_is_named(self):
        self.write("/etc/systemd/system/vf.service",
                   "[Service]\nExecStart=/bin/sh -c 'echo 2 >/sys/bus/pci/devices/%s/sriov_numvfs'\n" % PHYSICAL)
        self.assertIn("line 2 of /etc/systemd/system/vf.service", self.refused("--functions", "02:00.0=4"))

    def with_i915(self, *modules):
        """Its driver is i915, and these files of modules are there."""
        uevent = DEVICES + PHYSICAL + "/uevent"
        lines = [line for line in self.read(uevent).split("\n") if not line.startswith("DRIVER=")]
        self.write(uevent, "\n".join(["DRIVER=i915"] + lines))
        for module in modules:
            self.write("/lib/modules/" + module, "")

    def test_the_kernels_own_i915_makes_none(self):
        own = "6.2.16-3-pve/kernel/drivers/gpu/drm/i915/i915.ko"
        self.with_i915(own)
        self.assertIn("the i915 of kernel 6.2.16-3-pve makes none", self.refused("--functions", "02:00.0=4"))
        self.with_i915(own, "6.2.16-3-pve/updates/dkms/i915.ko.zst")
        self.assertEqual(len(self.plan("--functions", "02:00.0=4")["changes"]), 2)

    def test_a_kernel_that_has_no_such_module_boots_next(self):
        self.with_i915("6.2.16-3-pve/updates/dkms/i915.ko", "6.8.12-9-pve/kernel/drivers/gpu/drm/i915/i915.ko.zst")
        for name in ("vmlinuz", "initrd.img", "config"):
            self.write("/boot/%s-6.8.12-9-pve" % name, "")
        self.script("usr/sbin/update-grub")
        done = run("audit", "--functions", "02:00.0=4", "--only", "gpu.sriov", "--format", "json", root=self.root)
        told = [f for f in json.loads(done.stdout)["findings"] if f["status"] == "warn"]
        self.assertEqual(len(told), 1, done.stdout)
        self.assertIn("Kernel 6.8.12-9-pve boots next, and has only its own i915", told[0]["detail"])
        self.assertIn("--pin-kernel 6.2.16-3-pve", told[0]["fix"]["summary"])

    def test_whose_each_function_is(self):
        self.make_functions(2)
        self.conf(107, "hostpci0: 0000:02:10.1,pcie=1")
        done = run("audit", "--only", "gpu.sriov", "--format", "json", root=self.root)
        told = next(f for f in json.loads(done.stdout)["findings"] if "split into" in f["detail"])
        whose = {e["text"].split(",")[0]: e["text"].split(": ", 1)[1] for e in told["evidence"]
                 if e["source"].endswith("/physfn")}
        self.assertIn("no guest names it", whose["0000:02:10.0"])
        self.assertIn("107", whose["0000:02:10.1"])

    def test_what_is_not_understood_is_never_guessed_at(self):
        line = 'SUBSYSTEM=="pci", KERNEL=="%s", ATTR{sriov_numvfs}="2"' % PHYSICAL
        for path, text in (
                ("/etc/udev/rules.d/1.rules", 'SUBSYSTEM=="pci", KERNEL=="%s", \\\n ATTR{sriov_numvfs}="2"\n' % PHYSICAL),
                ("/etc/udev/rules.d/1.rules", line + ' \\\n'),
                ("/etc/udev/rules.d/1.rules", 'KERNEL!="%s", GOTO="e"\nATTR{sriov_numvfs}="2"\nLABEL="e"\n' % PHYSICAL),
                ("/etc/udev/rules.d/1.rules", line.replace("02:00.0", "02:00.?") + "\n"),
                ("/etc/udev/rules.d/1.rules", line.replace("==", "!=") + "\n"),
                ("/etc/udev/rules.d/1.rules", line.replace('KERNEL=="%s"' % PHYSICAL, 'DRIVER=="nouveau"') + "\n"),
                ("/etc/udev/rules.d/1.rules", line.replace('KERNEL=="%s"' % PHYSICAL, 'ATTR{vendor} == "0x10de"') + "\n"),
                ("/etc/udev/rules.d/1.rules", line.replace(PHYSICAL, PHYSICAL + "|0000:01:00.0") + "\n"),
                ("/etc/udev/rules.d/1.rules", line.replace('"2"', '"0x2"') + "\n"),
                ("/etc/udev/rules.d/1.rules", line.replace('"2"', '"010"') + "\n"),
                ("/etc/udev/rules.d/1.rules", 'ACTION=="remove", ' + line + "\n"),
                ("/etc/udev/rules.d/1.rules", line + ', RUN+="/bin/sh -c \'echo 4 >/sys$devpath/sriov_numvfs\'"\n'),
                ("/etc/udev/rules.d/1.rules", line + "\n" + line + "\n"),
                ("/usr/lib/udev/rules.d/60.rules", line + "\n"),
                ("/etc/sysfs.conf", "bus/pci/devices/%s/sriov_numvfs = 0x2\n" % PHYSICAL),
                ("/etc/sysfs.d/a.conf", "class/drm/card0/device/sriov_numvfs = 2\n"),
                ("/etc/tmpfiles.d/a.conf", "w /sys/bus/pci/devices/%s/sriov_numvfs - - - - 2\n" % PHYSICAL),
                ("/etc/systemd/system/vf.service.d/o.conf", "[Service]\nExecStart=/bin/sh -c 'echo 2 >$DEV/sriov_numvfs'\n")):
            self.write(path, text)
            for number in (4, 2, 0):
                self.assertIn(path, self.refused("--functions", "02:00.0=%d" % number), text)
            os.remove(self.path(path))

    def test_what_is_for_another_device_is_let_be(self):
        self.write("/etc/udev/rules.d/1.rules",
                   'KERNEL=="0000:01:00.0", ATTR{vendor}=="0x10de", ATTR{sriov_numvfs}="2"\n'
                   'SUBSYSTEM=="net", ENV{ID_NET_DRIVER}=="ixgbe", ATTR{device/sriov_numvfs}="2"\n'
                   'KERNEL=="%s", ATTR{device}=="0x9999", ATTR{sriov_numvfs}="2"\n'
                   'KERNEL=="0000:77:00.0", ATTR{sriov_numvfs}="2"\n# ATTR{sriov_numvfs}="2"\n' % PHYSICAL)
        self.write("/etc/systemd/system/vf.service",
                   "[Service]\nExecStart=/bin/sh -c 'echo 4 >/sys/class/net/eno1/device/sriov_numvfs'\n")
        plan = self.plan("--functions", "02:00.0=4")
        self.assertEqual([c["path"] for c in plan["changes"]], [self.OWN, self.NUMBER])

    def test_two_of_one_model(self):
        """Our own lines name the address and the ids: each card keeps its own."""
        for name in ("0000:01:00.0",):
            uevent = DEVICES + name + "/uevent"
            self.write(uevent, self.read(uevent).replace("10DE:2206", "10DE:2182"))
            self.write(DEVICES + name + "/sriov_totalvfs", "7\n")
            self.write(DEVICES + name + "/sriov_numvfs", "0\n")
        plan = os.path.join(self.directory, "plan.json")

        def apply(*arguments):
            self.assertEqual(run("plan", *arguments, "--out", plan, root=self.root).returncode, 0)
            self.assertEqual(run("apply", plan, "--yes", root=self.root).returncode, 0)
            self.assertTrue(self.plan(*arguments)["nothing_to_do"], arguments)
        apply("--functions", "01:00.0=3", "--functions", "02:00.0=2")
        lines = self.read(self.OWN).splitlines()
        self.assertEqual(["01:00.0" in line and '="3"' in line for line in lines], [False, True, False])
        apply("--functions", "01:00.0=0", "--functions", "02:00.0=6")
        self.assertNotIn("01:00.0", self.read(self.OWN))
        self.assertIn('="6"', self.read(self.OWN))
        apply("--functions", "02:00.0=0")
        self.assertFalse(os.path.exists(self.path(self.OWN)))
        for _ in range(3):
            self.assertEqual(run("rollback", "--yes", root=self.root).returncode, 0)
        self.assertFalse(os.path.exists(self.path("/etc/udev")))

    def test_not_what_the_same_goal_gives(self):
        self.make_functions(4)
        for number in (2, 6, 0):
            reason = self.refused("--functions", "02:00.0=%d" % number, "--gpu", "02:10.1", "--vm", "106")
            self.assertIn("by the same goal", reason)

    def test_not_what_waits_for_a_guest(self):
        self.make_functions(4)
        path = "/etc/pve/qemu-server/106.conf"
        self.write(path, self.read(path) + "\n[PENDING]\nhostpci0: 0000:02:10.3,pcie=1\n")
        self.assertIn("PENDING", self.refused("--functions", "02:00.0=2"))

    def test_what_cannot_be_split(self):
        self.make_functions(2)
        for argument in ("02:10.1=2", "02:10.1=0"):
            done = run("plan", "--functions", argument, root=self.root)
            self.assertEqual(done.returncode, 2)
            self.assertIn("one itself", done.stderr)
        done = run("plan", "--functions", "02:00.0=2", "--functions", "02:00=3", root=self.root)
        self.assertIn("its second", done.stderr)

    def test_bad_numbers_and_devices(self):
        self.assertIn("7 at most", self.refused("--functions", "02:00.0=8"))
        for argument, words in (("01:00.0", "DEVICE=N"), ("02:00.0=x", "a number from 0"), ("zz=1", "no address"),
                                ("05:00.0=1", "no GPU at 0000:05:00.0"), ("00:1f.6=1", "no GPU at")):
            done = run("plan", "--functions", argument, root=self.root)
            self.assertEqual(done.returncode, 2, argument)
            self.assertIn(words, done.stderr)

    def test_the_card_is_split_or_given(self):
        reason = self.refused("--functions", "02:00.0=4", "--gpu", "02:00", "--vm", "106")
        self.assertIn("one or the other", reason)

    def test_who_makes_none(self):
        os.remove(self.path(DEVICES + PHYSICAL + "/driver"))
        uevent = DEVICES + PHYSICAL + "/uevent"
        self.write(uevent, self.read(uevent).replace("DRIVER=nouveau\n", ""))
        self.assertIn("no driver", self.refused("--functions", "02:00.0=4"))

    def test_changed_by_way_of_none(self):
        self.make_functions(4)
        plan = self.plan("--functions", "02:00.0=2")
        self.assertEqual(plan["changes"][-1]["by_way_of"], "0")
        self.assertIn("4", plan["changes"][-1]["cost"])

    def test_not_from_under_a_guest(self):
        self.make_functions(4)
        path = "/etc/pve/qemu-server/106.conf"
        before = self.read(path)
        self.write(path, "hostpci0: 0000:02:10.3,pcie=1\n" + before)
        self.assertIn("106", self.refused("--functions", "02:00.0=2"), "its line would name nothing")
        self.assertEqual(self.plan("--functions", "02:00.0=6")["refusals"], [], "it is there again afterwards")
        self.write("/run/qemu-server/106.pid", "1\n")
        os.makedirs(self.path("/proc/1"), exist_ok=True)
        self.write("/proc/1/cmdline", "/usr/bin/kvm\0-id\000106\0-device\0vfio-pci,host=0000:02:10.3\0")
        self.assertIn("106", self.refused("--functions", "02:00.0=6"), "it runs with one")
        self.assertIn("106", self.refused("--functions", "02:00.0=0"))

    def test_rollback_does_not_take_them_from_a_guest(self):
        plan = os.path.join(self.directory, "plan.json")
        self.assertEqual(run("plan", "--functions", "02:00.0=4", "--out", plan, root=self.root).returncode, 0)
        self.assertEqual(run("apply", plan, "--yes", root=self.root).returncode, 0)
        self.make_functions(4)
        path = "/etc/pve/qemu-server/106.conf"
        self.write(path, "hostpci0: 0000:02:10.3,pcie=1\n" + self.read(path))
        done = run("rollback", "--yes", root=self.root)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("cannot be taken away", done.stderr)
        self.assertEqual(self.read(self.NUMBER).strip(), "4")
        self.assertTrue(os.path.exists(self.path(self.OWN)), "nothing of it is undone")


if __name__ == "__main__":
    main()
