# SPDX-License-Identifier: GPL-3.0-or-later
"""A GPU goes from one VM to another as one plan, and back as one rollback."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main

LINE = "hostpci%d: 0000:01:00%s,pcie=1"
FROM, TO = "/etc/pve/nodes/pve2/qemu-server/107.conf", "/etc/pve/nodes/pve2/qemu-server/106.conf"


class Move(HostTest):
    def setUp(self):
        super().setUp()
        self.iommu_on()

    def plan_move(self, *more, expect=0):
        return self.plan("--gpu", "01:00", "--vm", "106", "--no-modules", "--bind", "at-start", *more, expect=expect)

    def taken_out(self, plan):
        return [sorted(c["params"]) for c in plan["changes"] if c.get("vmid") == 107]

    def test_one_plan_and_back(self):
        self.conf(107, LINE % (0, ""))
        before = {name: self.read(name) for name in (FROM, TO)}
        plan = self.plan_move("--move")
        calls = [(c["vmid"], c["stage"]) for c in plan["changes"] if c["kind"] == "api"]
        self.assertLess(calls.index((107, "settings")), calls.index((106, "attach")))
        out = next(c for c in plan["changes"] if c.get("vmid") == 107)
        self.assertEqual(out["params"], {"hostpci0": None})
        self.assertEqual(out["equivalent"], "qm set 107 --delete hostpci0")
        self.assertIn("-hostpci0: 0000:01:00,pcie=1", out["predicted"])
        self.apply()
        self.assertNotIn("hostpci", self.read(FROM))
        self.assertIn("hostpci0: 0000:01:00,pcie=1", self.read(TO))
        self.rollback()
        self.assertEqual(self.script_sorted(before[FROM]), self.script_sorted(self.read(FROM)))
        self.assertNotIn("hostpci", self.read(TO))

    @staticmethod
    def script_sorted(text):
        """Proxmox VE writes the keys in its own order."""
        return sorted(text.split("\n"))

    def test_all_of_its_lines(self):
        self.conf(107, LINE % (0, ".0"), LINE % (3, ".1"))
        self.assertEqual(self.taken_out(self.plan_move("--move")), [["hostpci0", "hostpci3"]])

    def test_only_where_it_is_asked_for(self):
        self.conf(107, LINE % (0, ""))
        for more, expect in (((), 0), (("--no-move",), 0), (("--move", "--no-attach"), 1)):
            self.assertEqual(self.taken_out(self.plan_move(*more, expect=expect)), [])

    def stays(self, *lines, why, drop=()):
        self.conf(107, *lines, drop=drop)
        plan = self.plan_move("--move", expect=1)
        self.assertEqual(self.taken_out(plan), [])
        reasons = [r["reason"] for r in plan["refusals"] if r["check"] == "attach.conflict"]
        self.assertTrue([r for r in reasons if why in r], reasons)

    def test_what_is_not_taken_says_why(self):
        self.stays("hostpci0: 0000:01:00;0000:02:00,pcie=1", why="gives more than this card")
        self.stays(LINE % (0, ""), "lock: backup", why="is locked")
        self.stays(LINE % (0, ""), "template: 1", why="is a template", drop=("lock",))
        kept = self.read(FROM)
        self.conf(107, LINE % (0, ""), drop=("template",))
        self.write(FROM, self.read(FROM).rstrip("\n") + "\n\n[PENDING]\nhostpci0: 0000:02:00,pcie=1\n")
        self.assertIn("waits in PENDING", self.plan_move("--move", expect=1)["refusals"][0]["reason"])
        self.write(FROM, kept.replace("template: 1\n", "").replace(LINE % (0, "") + "\n", "").rstrip("\n") +
                   "\n\n[PENDING]\nhostpci0: 0000:01:00,pcie=1\n")
        self.assertIn("waits in PENDING", self.plan_move("--move", expect=1)["refusals"][0]["reason"])

    def test_a_part_of_the_card_goes_too(self):
        self.conf(107, LINE % (2, ".1"))
        self.assertEqual(self.taken_out(self.plan_move("--move")), [["hostpci2"]])

    def test_of_two_vms_that_each_get_one(self):
        self.conf(107, LINE % (0, ""))
        accept = [word for name in ("gpu.only-gpu=0000:01:00.0", "gpu.only-gpu=0000:02:00.0",
                                    "gpu.boot-vga=0000:02:00.0") for word in ("--accept", name)]
        plan = self.plan("--assign", "01:00,move=106", "--assign", "02:00=107", "--no-modules", *accept)
        params = {}
        for change in plan["changes"] + plan["forecast"]:
            if change.get("vmid"):
                params.setdefault(change["vmid"], []).append(change["params"])
        self.assertIn("hostpci0", params[107][0])
        self.assertTrue([p for p in params[106] if "0000:01:00" in str(p.get("hostpci0"))])

    def test_a_vm_that_runs_is_left_alone(self):
        self.conf(107, LINE % (0, ""))
        self.plan("--gpu", "01:00", "--vm", "107", "--no-modules", "--bind", "at-start")
        self.apply()
        plan = self.plan_move("--move", expect=1)
        self.assertIn(("attach.conflict", "vm/107"), [(r["check"], r["subject"]) for r in plan["refusals"]])
        self.assertEqual(self.taken_out(plan), [])


if __name__ == "__main__":
    main()
