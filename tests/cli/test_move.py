# SPDX-License-Identifier: GPL-3.0-or-later
"""A GPU goes from one VM to another as one plan, and back as one rollback."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run

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

    def told(self, plan_arguments=("--move",)):
        audit = json.loads(run("audit", "--gpu", "01:00", "--vm", "106", *plan_arguments, "--format", "json",
                               root=self.root).stdout)
        return [f for f in audit["findings"] if f["id"] == "attach.conflict"]

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
        for more in ((), ("--no-move",), ("--move", "--no-attach")):
            self.assertEqual(self.taken_out(self.plan_move(*more)), [])

    def test_a_line_that_gives_more_stays(self):
        self.conf(107, "hostpci0: 0000:01:00;0000:02:00,pcie=1")
        self.assertEqual(self.taken_out(self.plan_move("--move")), [])
        self.assertIn("take the line out of one of them", self.told()[0]["fix"]["summary"])

    def test_a_vm_that_runs_is_left_alone(self):
        self.conf(107, LINE % (0, ""))
        self.plan("--gpu", "01:00", "--vm", "107", "--no-modules", "--bind", "at-start")
        self.apply()
        plan = self.plan_move("--move", expect=1)
        self.assertIn(("attach.conflict", "vm/107"), [(r["check"], r["subject"]) for r in plan["refusals"]])
        self.assertEqual(self.taken_out(plan), [])


if __name__ == "__main__":
    main()
