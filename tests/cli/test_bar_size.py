# SPDX-License-Identifier: GPL-3.0-or-later
"""--bar-size: the memory window of a GPU (resizable BAR) is made another size at each boot, by a udev rule."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run, tree_hash

GPU, OWN = "0000:01:00.0", "/etc/udev/rules.d/90-pvegpu.rules"
DEVICE = "/sys/bus/pci/devices/" + GPU
CHECK = "gpu.bar-size"
GOAL = ("--gpu", "01:00", "--vm", "106", "--bind", "early")


class BarSize(HostTest):
    def setUp(self):
        super().setUp()
        self.window(256)
        self.write(DEVICE + "/resource%d_resize" % self.index, "0000000000007f00\n")  # 256 MiB to 16 GiB

    def window(self, mib):
        lines = self.read(DEVICE + "/resource").split("\n")
        sizes = [int(l.split()[1], 16) - int(l.split()[0], 16) if l.strip() else 0 for l in lines]
        self.index = sizes.index(max(sizes))
        flags = lines[self.index].split()[2]
        lines[self.index] = "0x%016x 0x%016x %s" % (1 << 38, (1 << 38) + (mib << 20) - 1, flags)
        self.write(DEVICE + "/resource", "\n".join(lines))

    def told(self):
        audit = json.loads(run("audit", "--format", "json", root=self.root).stdout)
        return [(f["status"], f["detail"]) for f in audit["findings"]
                if f["id"] == CHECK and f["subject"] == GPU]

    def refused(self, *options):
        plan = self.plan(*options, expect=1)
        return [r["reason"] for r in plan["refusals"] if r["check"] == CHECK][0]

    def test_kept_counts_after_the_reboot_and_undone(self):
        before = tree_hash(self.root)
        plan = self.plan(*GOAL, "--bar-size", "01:00=8192")
        self.assertIn("reboot", [c["kind"] for c in plan["changes"]])
        self.apply()
        self.rollback()
        self.assertEqual(tree_hash(self.root), before)
        self.apply()
        line = self.read(OWN).split("\n")[1]
        self.assertIn('KERNEL=="%s", ATTR{vendor}=="0x10de", ATTR{device}=="0x2206", DRIVER=="vfio-pci"' % GPU, line)
        self.assertIn("echo 13 >resource%d_resize" % self.index, line)
        self.script("usr/sbin/reboot")
        status, detail = self.told()[0]
        self.assertEqual(status, "warn")
        self.assertIn("is 256 MiB, and is to be 8192 MiB from the next boot on", detail)
        again = self.plan(*GOAL, "--bar-size", "01:00=8192")
        self.assertNotIn("reboot", [c["kind"] for c in again["changes"]], "it does not reboot for ever")
        self.window(8192)
        self.assertEqual([s for s, _ in self.told()], ["ok"])
        self.rollback()
        self.assertFalse(os.path.exists(self.path(OWN)))

    def test_another_size_and_none(self):
        self.plan(*GOAL, "--bar-size", "01:00=8192")
        self.apply()
        self.plan(*GOAL, "--bar-size", "01:00=1024")
        self.apply()
        self.assertIn("echo 10 >resource", self.read(OWN))
        self.assertEqual(self.read(OWN).count("_resize"), 1)
        self.plan(*GOAL, "--bar-size", "01:00=0")
        self.apply()
        self.assertFalse(os.path.exists(self.path(OWN)))

    def test_refused(self):
        self.assertIn("a driver of the host takes the GPU at boot", self.refused("--bar-size", "01:00=8192"))
        self.assertIn("256 MiB to 16384 MiB", self.refused(*GOAL, "--bar-size", "01:00=3000"))
        self.assertIn("256 MiB to 16384 MiB", self.refused(*GOAL, "--bar-size", "01:00=32768"))
        os.makedirs(os.path.dirname(self.path(OWN)))
        self.write("/etc/udev/rules.d/10-mine.rules", 'KERNEL=="%s", RUN+="/root/resize resource1_resize"\n' % GPU)
        self.assertIn("line 1 of /etc/udev/rules.d/10-mine.rules", self.refused(*GOAL, "--bar-size", "01:00=8192"))
        os.remove(self.path("/etc/udev/rules.d/10-mine.rules"))
        os.remove(self.path(DEVICE + "/resource%d_resize" % self.index))
        self.assertIn("one size only", self.refused(*GOAL, "--bar-size", "01:00=8192"))

    def test_where_the_hosts_driver_wins(self):
        """vfio-pci is told the ids, and nouveau comes first all the same."""
        self.write("/etc/modprobe.d/vfio.conf", "options vfio-pci ids=10de:2206,10de:1aef\n")
        self.script("usr/sbin/update-initramfs", "-u")
        self.script("usr/sbin/reboot")
        self.assertTrue(os.readlink(self.path(DEVICE + "/driver")).endswith("nouveau"))
        self.assertIn("a driver of the host takes the GPU at boot", self.refused("--bar-size", "01:00=8192"))

    def test_the_window_that_can_be_resized(self):
        """It is not the largest; and it is gone from there when the rule is to go."""
        resource = self.read(DEVICE + "/resource").split("\n")
        resource[self.index + 2] = "0x0000007000000000 0x000000707fffffff " + resource[self.index].split()[2]  # 2 GiB
        self.write(DEVICE + "/resource", "\n".join(resource))
        self.plan(*GOAL, "--bar-size", "01:00=1024")
        self.apply()
        self.assertIn("resource%d_resize" % self.index, self.read(OWN))
        os.remove(self.path(DEVICE + "/resource%d_resize" % self.index))
        self.plan(*GOAL, "--bar-size", "01:00=0")
        self.apply()
        self.assertFalse(os.path.exists(self.path(OWN)))

    def test_other_things_that_are_resized(self):
        os.makedirs(self.path("/etc/systemd/system"), exist_ok=True)
        self.write("/etc/systemd/system/grow.service", "[Service]\nExecStart=/usr/local/sbin/rootfs_resize --all\n")
        self.plan(*GOAL, "--bar-size", "01:00=8192")
        self.write("/etc/systemd/system/grow.service",
                   "[Service]\nExecStart=/bin/sh -c 'echo 8 >/sys/bus/pci/devices/%s/resource${N}_resize'\n" % GPU)
        self.assertIn("grow.service", self.refused(*GOAL, "--bar-size", "01:00=8192"))

    def test_a_driver_of_the_host_has_it_again(self):
        self.plan(*GOAL, "--bar-size", "01:00=8192")
        self.apply()
        rule = self.read(OWN)
        self.rollback()
        os.makedirs(os.path.dirname(self.path(OWN)), exist_ok=True)
        self.write(OWN, rule)
        self.assertIn("now a driver of the host does", self.told()[0][1])

    def test_what_the_rule_does(self):
        """With the shell, on a tree: let go, resize, bind; and once in a boot only."""
        self.plan(*GOAL, "--bar-size", "01:00=8192")
        self.apply()
        what = re.search(r'RUN\+="/bin/sh -c \'(.*)\'"', self.read(OWN))[1]
        driver = self.path("/sys/bus/pci/drivers/vfio-pci")
        os.makedirs(driver, exist_ok=True)
        os.makedirs(self.path("/run"), exist_ok=True)
        device = os.path.realpath(self.path(DEVICE))
        link = os.path.join(device, "driver")
        if os.path.lexists(link):
            os.remove(link)
        os.symlink(driver, link)
        here = what.replace("%k", GPU).replace("/sys%p", device)
        self.write(DEVICE + "/resource%d_resize" % self.index, "untouched\n")
        here = re.sub(r"(?<![\w/.])/(run|sys)/", self.root + r"/\1/", here).replace(self.root + self.root, self.root)
        here = here.replace("/etc/pve/local", self.path("/etc/pve/local"))
        for expect in ("untouched", "13", "untouched"):
            if expect == "13":  # until then a guest may run
                os.rename(self.path("/etc/pve"), self.path("/etc/pve-later"))
            done = subprocess.run(["sh", "-c", here], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.read(DEVICE + "/resource%d_resize" % self.index).strip(), expect)
            self.write(DEVICE + "/resource%d_resize" % self.index, "untouched\n")
            self.assertEqual(os.path.exists(driver + "/unbind"), os.path.exists(self.path("/etc/pve-later")))
        for name in ("unbind", "bind"):
            with open(os.path.join(driver, name), encoding="ascii") as file:
                self.assertEqual(file.read().strip(), GPU)


if __name__ == "__main__":
    main()
