# SPDX-License-Identifier: GPL-3.0-or-later
"""--pin-kernel: the kernel that boots, as proxmox-boot-tool kernel pin writes it, previewed and undone to the byte."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run, tree_hash

PIN, SNIPPET = "/etc/kernel/proxmox-boot-pin", "/etc/default/grub.d/proxmox-kernel-pin.cfg"
RUNNING, NEWER = "6.2.16-3-pve", "7.0.14-1-pve"
ROOT_ID = "9e1b7c52-4d3a-4a55-8d3e-6f3f0a2b1c77"


class Pin(HostTest):
    def setUp(self):
        super().setUp()
        for name in ("vmlinuz", "initrd.img", "config"):
            self.write("/boot/%s-%s" % (name, NEWER), "")
        self.script("usr/sbin/update-grub")

    def refused(self, *arguments):
        plan = self.plan(*arguments, expect=1)
        return [r["reason"] for r in plan["refusals"] if r["check"] == "host.kernel-pinned"][0]

    def boot(self):
        self.script("usr/sbin/reboot")
        return self.read("/proc/sys/kernel/osrelease").strip()

    def running(self, kernel):
        self.write("/proc/sys/kernel/osrelease", kernel + "\n")

    def test_the_running_one_boots_next_and_nothing_is_rebooted(self):
        before = tree_hash(self.root)
        plan = self.plan("--pin-kernel", RUNNING)
        self.assertEqual([(c["kind"], c.get("path") or c["argv"]) for c in plan["changes"]],
                         [("file", PIN), ("file", SNIPPET), ("command", ["update-grub"])])
        self.apply()
        self.assertEqual(self.read(PIN), RUNNING + "\n")
        self.assertEqual(self.read(SNIPPET), 'GRUB_DEFAULT="gnulinux-advanced-%s>gnulinux-%s-advanced-%s"\n' %
                         (ROOT_ID, RUNNING, ROOT_ID))
        self.assertTrue(self.plan("--pin-kernel", RUNNING)["nothing_to_do"])
        self.rollback()
        self.assertEqual(tree_hash(self.root), before)

    def test_it_is_what_boots(self):
        self.plan("--pin-kernel", RUNNING)
        self.apply()
        self.assertEqual(self.boot(), RUNNING)
        plan = self.plan("--pin-kernel", "none")
        self.assertIn("reboot", [c["kind"] for c in plan["changes"]])
        self.rollback()
        self.assertEqual(self.boot(), NEWER)

    def test_another_one_is_rebooted_into(self):
        plan = self.plan("--pin-kernel", NEWER)
        reboot = next(c for c in plan["changes"] if c["kind"] == "reboot")
        self.assertIn("boots kernel %s, where %s runs now" % (NEWER, RUNNING), reboot["cost"])

    def test_unpinned(self):
        self.write(PIN, RUNNING + "\n")
        self.write(SNIPPET, "GRUB_DEFAULT=1\n")
        plan = self.plan("--pin-kernel", "none")
        self.assertEqual([(c["path"], c["operation"]) for c in plan["changes"] if c["kind"] == "file"],
                         [(PIN, "delete"), (SNIPPET, "delete")])

    def test_with_the_boot_tool_its_refresh_does_it(self):
        self.write("/etc/kernel/proxmox-boot-uuids", "5F1C-9A2B\n")
        plan = self.plan("--pin-kernel", RUNNING)
        self.assertEqual([(c["kind"], c.get("path") or c["argv"]) for c in plan["changes"]],
                         [("file", PIN), ("command", ["proxmox-boot-tool", "refresh"])])

    def test_a_snippet_beside_the_boot_tool_is_the_tools(self):
        self.write("/etc/kernel/proxmox-boot-uuids", "5F1C-9A2B\n")
        self.write(SNIPPET, "GRUB_DEFAULT=0\n")
        self.assertTrue(self.plan("--pin-kernel", "none")["nothing_to_do"])

    def test_refused(self):
        self.assertIn("it is not in /boot; there are %s, %s" % (NEWER, RUNNING), self.refused("--pin-kernel", "6.5.11-8-pve"))
        self.write("/etc/kernel/next-boot-pin", NEWER + "\n")
        self.assertIn("for the next boot alone", self.refused("--pin-kernel", RUNNING))
        os.remove(self.path("/etc/kernel/next-boot-pin"))
        self.write("/boot/grub/grub.cfg", self.read("/boot/grub/grub.cfg").replace("gnulinux-advanced-", "other-"))
        self.assertIn("no submenu", self.refused("--pin-kernel", RUNNING))
        for bad in ("", "../x", "6.8 x", "vmlinuz"):
            self.assertEqual(run("plan", "--pin-kernel", bad, root=self.root).returncode, 2)
        self.assertEqual(run("plan", "--assign", "01:00,pin-kernel=%s=106" % RUNNING, root=self.root).returncode, 2)

    def test_one_that_would_not_boot(self):
        os.remove(self.path("/boot/initrd.img-" + NEWER))
        self.assertIn("no initrd.img-" + NEWER, self.refused("--pin-kernel", NEWER))

    def test_a_pin_that_does_not_count(self):
        later = "/etc/default/grub.d/zz.cfg"
        self.write(later, "GRUB_DEFAULT=0\n")
        self.assertIn(later + " sets GRUB_DEFAULT after", self.refused("--pin-kernel", RUNNING))
        os.remove(self.path(later))
        self.write(PIN, RUNNING + "\n")  # and no snippet
        plan = self.plan("--pin-kernel", RUNNING)
        self.assertIn(SNIPPET, [c.get("path") for c in plan["changes"]])
        audit = json.loads(run("audit", "--only", "host.kernel-next", "--format", "json", root=self.root).stdout)
        self.assertIn("takes kernel " + NEWER, audit["findings"][0]["detail"])

    def test_not_under_a_pool_that_needs_the_newer_one(self):
        self.running(NEWER)
        self.write("/proc/mounts", "rpool/ROOT/pve-1 / zfs rw,relatime 0 0\n" + self.read("/proc/mounts"))
        plan = self.plan("--pin-kernel", RUNNING, expect=1)
        risk = [r for r in plan["refusals"] if r["check"] == "host.kernel-pinned"]
        self.assertTrue(risk[0]["acceptable"], "whether the pool uses them is not known")
        self.assertEqual(self.plan("--pin-kernel", RUNNING, "--accept", "host.kernel-pinned=host")["refusals"], [])
        os.makedirs(self.path("/etc/zfs"), exist_ok=True)
        self.write("/etc/zfs/zpool.cache", "\0\0rpool\0com.delphix:hole_birth\0com.klarasystems:dynamic_gang_header\0")
        self.assertIn("rpool uses com.klarasystems:dynamic_gang_header", self.refused("--pin-kernel", RUNNING))
        plan = self.plan("--pin-kernel", RUNNING, "--accept", "host.kernel-pinned=host", expect=1)
        self.assertFalse(plan["refusals"][0]["acceptable"])
        self.assertEqual(self.plan("--pin-kernel", NEWER)["refusals"], [])

    def test_beside_a_gpu(self):
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--pin-kernel", RUNNING)
        self.assertIn(PIN, [c.get("path") for c in plan["changes"]])
        self.assertEqual([c["argv"] for c in plan["changes"] if c["kind"] == "command"].count(["update-grub"]), 1)
        cost = next(c for c in plan["changes"] if c["kind"] == "reboot")["cost"]
        self.assertNotIn("boots kernel", cost)


if __name__ == "__main__":
    main()
