# SPDX-License-Identifier: GPL-3.0-or-later
"""What starts by itself at the next boot: a plan that reboots answers for that, too."""
import json
import os

from harness import HostTest, main, run

GOAL = ("--gpu", "01:00", "--vm", "106")
CHECK = "attach.onboot-conflict"
NETWORK = "0000:00:1f.6"  # of the host


class AtBoot(HostTest):
    def refusals(self, *goal, expect=1):
        return self.plan(*goal, expect=expect)["refusals"]

    def finding(self):
        audit = json.loads(run("audit", "--format", "json", root=self.root).stdout)
        return [f for f in audit["findings"] if f["id"] == CHECK]

    def test_it_takes_from_the_host(self):
        self.iommu_on()
        self.assertEqual([f["status"] for f in self.finding()], ["ok"])
        self.conf(107, "hostpci0: 0000:00:1f.6", "onboot: 1")
        self.assertEqual([(f["status"], f["subject"]) for f in self.finding()], [("fail", "vm/107")])
        for accept in ((), ("--accept", CHECK + "=vm/107")):
            refused = self.refusals(*GOAL, "--bind", "early", *accept)
            self.assertTrue(any(NETWORK in r["reason"] and r["subject"] == "vm/107" and not r.get("acceptable")
                                for r in refused), refused)
        self.conf(107, "onboot: 0")
        self.assertEqual(self.refusals(*GOAL, "--bind", "early", expect=0), [])

    def test_where_it_cannot_be_told(self):
        self.iommu_on()
        self.conf(107, "hostpci0: 0000:00:1f.6", "onboot: 1")
        for lost in ("sys/class/net", "sys/kernel/iommu_groups"):
            os.rename(self.path(lost), self.path("kept"))
            self.assertNotIn("ok", [f["status"] for f in self.finding()], lost)
            os.rename(self.path("kept"), self.path(lost))

    def test_without_a_reboot_nothing_starts(self):
        self.iommu_on()
        self.conf(107, "hostpci0: 0000:00:1f.6", "onboot: 1")
        self.assertEqual(self.refusals(*GOAL, "--bind", "at-start", "--no-modules", "--no-param", "iommu=pt", expect=0), [])

    def test_what_waits_counts_at_boot(self):
        self.iommu_on()
        self.conf(107, "onboot: 1")
        name = "etc/pve/nodes/pve2/qemu-server/107.conf"
        self.write(name, self.read(name) + "\n[PENDING]\nhostpci0: 0000:00:1f.6\n")
        self.assertTrue(any(NETWORK in r["reason"] for r in self.refusals(*GOAL, "--bind", "early")))

    def test_groups_that_are_not_known(self):
        self.conf(107, "hostpci0: 0000:02:00", "onboot: 1")
        for accept in ((), ("--accept", CHECK + "=vm/107")):
            refused = [r for r in self.refusals(*GOAL, *accept) if r["check"] == CHECK]
            self.assertEqual([(r["subject"], r["acceptable"]) for r in refused], [("vm/107", False)])
            self.assertIn("qm set 107 --onboot 0", refused[0]["reason"])
        self.conf(107, "onboot: 0")
        self.assertEqual(self.refusals(*GOAL, expect=0), [])


class Nodes(HostTest):
    """A container has a GPU by the number of its node, and numbers move."""
    def setUp(self):
        super().setUp()
        self.iommu_on()
        name = "etc/pve/nodes/pve2/lxc/200.conf"
        self.write(name, self.read(name) + "dev0: /dev/dri/renderD129,gid=104\n")

    def node(self, address, number):
        place = "sys/bus/pci/devices/0000:%s/drm" % address
        os.makedirs(self.path("%s/renderD%d" % (place, number)))
        os.makedirs(self.path("sys/class/drm/renderD%d" % number))
        os.symlink("../../../bus/pci/devices/0000:" + address, self.path("sys/class/drm/renderD%d/device" % number))

    def refused(self, *bind):
        plan = self.plan(*GOAL, *bind, expect=None)
        return [r["subject"] for r in plan["refusals"] if "renderD129" in r["reason"]]

    def test_one_behind_the_gpu_moves(self):
        self.node("01:00.0", 128)
        self.node("02:00.0", 129)
        self.assertEqual(self.refused("--bind", "early"), ["0000:02:00.0"])
        self.assertEqual(self.refused("--bind", "at-start"), [])

    def test_one_before_it_does_not(self):
        self.node("01:00.0", 130)
        self.node("02:00.0", 129)
        self.assertEqual(self.refused("--bind", "early"), [])


class Pools(HostTest):
    def status(self):
        audit = json.loads(run("audit", "--format", "json", root=self.root).stdout)
        return {(f["status"], f["subject"]) for f in audit["findings"]
                if f["id"] == "attach.conflict" and f["status"] in ("warn", "fail")}

    def pool(self, name, *slots):
        lines = "".join("\tmap id=10de:2206,node=pve2,path=%s\n" % slot for slot in slots)
        os.makedirs(self.path("etc/pve/mapping"), exist_ok=True)
        path = "etc/pve/mapping/pci.cfg"
        text = self.read(path) if os.path.exists(self.path(path)) else ""
        self.write(path, text + "%s\n%s\n" % (name, lines))

    def test_what_a_pool_takes_by_chance(self):
        """Of a pool one device is the host's: it may take it, and takes it where the other one is needed."""
        self.iommu_on()
        self.pool("any", NETWORK, "0000:02:00")
        for lines, status in ((["hostpci0: mapping=any"], "warn"),
                              (["hostpci0: mapping=any", "hostpci1: " + NETWORK], "fail"),
                              (["hostpci0: " + NETWORK, "hostpci1: mapping=any"], "fail"),
                              (["hostpci0: mapping=any", "hostpci1: mapping=any"], "fail"),
                              (["hostpci0: mapping=any", "hostpci1: 0000:02:00"], "fail")):
            self.conf(107, "onboot: 1", *lines)
            audit = json.loads(run("audit", "--format", "json", root=self.root).stdout)
            self.assertEqual([(f["status"], f["subject"]) for f in audit["findings"] if f["id"] == CHECK],
                             [(status, "vm/107")], lines)

    def test_lines_that_cannot_all_have_one(self):
        self.pool("one", "0000:01:00", "0000:01:00")
        self.pool("any", "0000:01:00", "0000:02:00")
        self.conf(107, "hostpci0: mapping=one", "hostpci1: mapping=any")
        self.assertEqual(self.status(), set())
        self.conf(107, "hostpci0: mapping=any", "hostpci1: mapping=one")  # the other order: one moves
        self.assertEqual(self.status(), set())
        self.conf(107, "hostpci0: mapping=one", "hostpci1: mapping=one")
        self.assertEqual(self.status(), {("fail", "vm/107")})
        self.conf(107, "hostpci0: mapping=any", "hostpci1: mapping=any", "hostpci2: mapping=any")
        self.assertEqual(self.status(), {("fail", "vm/107")})


if __name__ == "__main__":
    main()
