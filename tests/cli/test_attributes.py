# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes of a GPU that are written now and kept for each boot: its power (--d3cold), and whether host drivers
take its virtual functions (--vf-drivers)."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run

DEVICES = "/sys/bus/pci/devices/"
GPU, OWN = "0000:02:00.0", "/etc/udev/rules.d/90-pvegpu.rules"
POWER, DRIVERS, NUMBER = (DEVICES + GPU + "/" + name
                          for name in ("d3cold_allowed", "sriov_drivers_autoprobe", "sriov_numvfs"))


class Attributes(HostTest):
    def write(self, path, text):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        super().write(path, text)

    def applied(self, *arguments):
        plan = os.path.join(self.directory, "plan.json")
        done = run("plan", *arguments, "--out", plan, root=self.root)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        done = run("apply", plan, "--yes", root=self.root)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_power_is_written_kept_and_undone(self):
        self.applied("--d3cold", "02:00.0=0")
        self.assertEqual(self.read(POWER).strip(), "0")
        line = self.read(OWN).split("\n")[1]
        self.assertIn('KERNEL=="%s", ATTR{vendor}=="0x10de", ATTR{device}=="0x2182", ATTR{d3cold_allowed}="0"' % GPU, line)
        self.assertTrue(self.plan("--d3cold", "02:00.0=0")["nothing_to_do"])
        self.assertEqual(run("rollback", "--yes", root=self.root).returncode, 0)
        self.assertEqual(self.read(POWER).strip(), "1")
        self.assertFalse(os.path.exists(self.path("/etc/udev")))

    def test_back_to_what_the_kernel_begins_with_leaves_no_line(self):
        self.applied("--d3cold", "02:00.0=0")
        self.applied("--d3cold", "02:00.0=1")
        self.assertEqual(self.read(POWER).strip(), "1")
        self.assertFalse(os.path.exists(self.path(OWN)))

    def test_a_line_of_ones_own_is_edited(self):
        rule = 'KERNEL=="%s", SUBSYSTEM=="pci", ATTR{d3cold_allowed}="1"\n' % GPU
        self.write("/etc/udev/rules.d/10-power.rules", "# mine\n" + rule)
        self.applied("--d3cold", "02:00.0=0")
        self.assertEqual(self.read("/etc/udev/rules.d/10-power.rules"), "# mine\n" + rule.replace('"1"', '"0"'))
        self.assertFalse(os.path.exists(self.path(OWN)))

    def test_a_line_for_it_is_no_line_for_the_number(self):
        self.write("/etc/udev/rules.d/10-power.rules",
                   'KERNEL=="%s", SUBSYSTEM=="pci", ATTR{d3cold_allowed}="0", RUN+="/bin/true"\n' % GPU)
        self.write(DEVICES + GPU + "/sriov_totalvfs", "7\n")
        self.write(NUMBER, "0\n")
        self.assertEqual(len(self.plan("--functions", "02:00.0=4")["changes"]), 2)
        refusal = self.plan("--d3cold", "02:00.0=0", expect=1)["refusals"]
        self.assertEqual([(r["check"], r["subject"]) for r in refusal], [("gpu.power", GPU)])
        self.assertIn("line 1 of /etc/udev/rules.d/10-power.rules", refusal[0]["reason"])

    def test_drivers_come_before_the_functions(self):
        self.write(DEVICES + GPU + "/sriov_totalvfs", "7\n")
        self.write(NUMBER, "0\n")
        self.write(DRIVERS, "1\n")
        self.applied("--functions", "02:00.0=4")
        self.applied("--functions", "02:00.0=2", "--vf-drivers", "02:00.0=0")
        lines = self.read(OWN).split("\n")[1:]
        self.assertIn('ATTR{sriov_drivers_autoprobe}="0"', lines[0])
        self.assertIn('ATTR{sriov_numvfs}="2"', lines[1])
        plan = self.plan("--functions", "02:00.0=3", "--vf-drivers", "02:00.0=1")
        self.assertEqual([c["path"] for c in plan["changes"] if c["kind"] == "sysfs"], [DRIVERS, NUMBER])

    def test_a_function_that_no_driver_may_take_is_not_given(self):
        function = "0000:02:10.0"
        whole = os.path.realpath(self.path(DEVICES + GPU))
        real = os.path.join(os.path.dirname(whole), function)
        os.makedirs(real)
        with open(os.path.join(real, "uevent"), "w", encoding="ascii") as file:
            file.write("PCI_CLASS=30000\nPCI_ID=10DE:2182\n")
        os.symlink(os.path.relpath(whole, real), os.path.join(real, "physfn"))
        os.symlink(os.path.relpath(real, whole), os.path.join(whole, "virtfn0"))
        os.symlink(os.path.relpath(real, self.path(DEVICES)), self.path(DEVICES + function))
        for name, value in (("sriov_totalvfs", "7"), ("sriov_numvfs", "1"), ("sriov_drivers_autoprobe", "0")):
            self.write(DEVICES + GPU + "/" + name, value + "\n")
        goal = ("--gpu", function, "--vm", "106")
        refusal = [r for r in self.plan(*goal, expect=1)["refusals"] if r["check"] == "gpu.vf-drivers"]
        self.assertEqual([r["subject"] for r in refusal], [GPU])
        plan = self.plan(*goal, "--vf-drivers", "02:00.0=1")
        self.assertFalse([r for r in plan["refusals"] if r["check"] == "gpu.vf-drivers"])

    def test_lines_that_end_as_on_windows(self):
        rule = 'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="%s", ATTR{d3cold_allowed}="0"\r\n' % GPU
        self.write("/etc/udev/rules.d/10-power.rules", "# mine\r\n" + rule)
        self.applied("--d3cold", "02:00.0=1")
        with open(self.path("/etc/udev/rules.d/10-power.rules"), newline="", encoding="ascii") as file:
            self.assertEqual(file.read(), "# mine\r\n" + rule.replace('"0"', '"1"'))

    def test_a_comment_of_ones_own_stays(self):
        self.applied("--d3cold", "02:00.0=0")
        self.write(OWN, self.read(OWN) + "# remember\n")
        self.applied("--d3cold", "02:00.0=1")
        self.assertIn("# remember", self.read(OWN))

    def test_a_line_of_another_card_that_is_not_understood(self):
        self.write("/etc/sysfs.conf", "bus/pci/devices/%s/d3cold_allowed = 0\nbus/pci/devices/0000:01:00.0/d3cold_allowed = 0 # x\n" % GPU)
        plan = self.plan("--d3cold", "02:00.0=1")
        self.assertEqual(plan["changes"][0]["path"], "/etc/sysfs.conf")
        self.assertEqual(len(self.plan("--d3cold", "01:00.0=1", expect=1)["refusals"]), 1)

    def test_bad_values(self):
        for bad in ("02:00.0=2", "02:00.0=", "02:00.0=yes", "09:00.0=0"):
            done = run("plan", "--d3cold", bad, root=self.root)
            self.assertEqual(done.returncode, 2, bad)
        done = run("plan", "--d3cold", "01:00.0=0", "--d3cold", "01:00.0=1", root=self.root)
        self.assertEqual(done.returncode, 2)
        os.remove(self.path(POWER))
        refusal = self.plan("--d3cold", "02:00.0=0", expect=1)["refusals"]
        self.assertIn("has no such attribute", refusal[0]["reason"])


if __name__ == "__main__":
    main()
