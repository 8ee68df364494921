# SPDX-License-Identifier: GPL-3.0-or-later
"""The pveum lines that are printed, run over the simulated cluster's user.cfg."""
import os

from harness import PVESIM, main
from test_api import CONF, GOAL
from test_identity import RO, TOFU, IdentityTest


class Pveum(IdentityTest):
    """Every line that is printed is run, and then nothing is missing, nothing lost, and little more is there."""
    PLAN = ("plan", "--format", "json", *GOAL)

    def check(self, rounds=1, login=(), whole=False, **options):
        who = (RO, "limited@pve")
        before = self.permissions(*who)
        every = []
        for _ in range(rounds):
            done = self.run_api(*self.PLAN, *login, "--out", self.plan_file, expect=None, **options)
            lines = self.lines(done)
            self.assertTrue(lines, done.stdout + done.stderr)
            self.run_lines(lines)
            every += lines
        after = self.permissions(*who)
        for key, privileges in before.items():
            self.assertLessEqual(privileges, after[key], "%s lost on %s by %s" % (*key, every))
        done = self.run_api(*self.PLAN, *login, "--out", self.plan_file, **options)
        self.assertEqual(self.lines(done), [])
        wanted = {"Mapping.Modify", "Mapping.Use", "VM.PowerMgmt", "VM.Config.CPU", "VM.Config.HWType",
                  "VM.Config.Memory", "VM.Config.Options"}
        for (user, path), privileges in after.items():
            new = {p for p in privileges - before[user, path] if not p.endswith(".Audit")}
            self.assertLessEqual(new, wanted, "%s on %s by %s" % (user, path, every))
            if path == "/vms/100":
                self.assertEqual(new, set(), "of the other VM by %s" % every)
        if not whole:
            return every
        # It is enough to do it and to take it back.
        conf, mappings = self.read(CONF), self.read("mapping/pci.cfg")
        self.run_api("apply", self.plan_file, "--yes", *login, **options)
        self.run_api("rollback", "--yes", *login, **options)
        self.assertEqual((conf, mappings), (self.read(CONF), self.read("mapping/pci.cfg")))
        return every

    def test_one_line_a_path_for_user_and_token(self):
        self.access("1:/:limited@pve,%s:PVEAuditor" % RO)
        lines = self.check(whole=True)
        self.assertEqual(len(lines), 3, lines)
        for line in lines:
            self.assertIn(" --users limited@pve --tokens '%s' --roles PVEAuditor," % RO, line)

    def test_a_token_without_privileges_of_its_own(self):
        self.access("1:/:limited@pve:PVEAuditor", privsep=0)
        self.check()

    def test_a_user_who_has_it_is_left_alone(self):
        self.access("1:/:limited@pve:Tofu", "1:/:%s:PVEAuditor" % RO)
        for line in self.check():
            self.assertNotIn("--users", line)

    def test_a_user_who_has_more_than_its_token(self):
        self.access("1:/:limited@pve:Most", "1:/:%s:PVEAuditor" % RO,
                    more="role:Most:%s:" % TOFU.replace("VM.Config.HWType,", ""))
        lines = self.check()
        self.assertTrue(any("--users limited@pve --roles Most" in line for line in lines), lines)
        self.assertNotIn("VM.Config.Disk", self.permissions(RO)[RO, "/vms/106"])

    def test_what_is_inherited_is_not_hidden(self):
        self.access("1:/:limited@pve,%s:Tofu" % RO, "1:/mapping:limited@pve,%s:PVEMappingUser" % RO,
                    "1:/vms/106:limited@pve,%s:Blind" % RO)
        self.check()

    def test_an_entry_on_the_very_path_stays(self):
        self.access("1:/:limited@pve,%s:Tofu" % RO, "1:/mapping/pci:limited@pve,%s:PVEMappingUser" % RO,
                    "1:/vms/106:limited@pve,%s:PVEVMUser" % RO)
        self.check()

    def test_by_a_group(self):
        self.access("1:/:@readers:Tofu", "1:/:%s:PVEAuditor" % RO, "1:/mapping/pci:@readers:PVEMappingUser",
                    "1:/vms/106:@readers:PVEVMUser", more="group:readers:limited@pve::")
        self.check()

    def test_by_a_pool(self):
        self.access("1:/:limited@pve,%s:PVEAuditor" % RO, "1:/pool/lab:limited@pve,%s:PVEVMUser" % RO,
                    more="pool:lab::106::")
        self.check()

    def test_what_is_not_inherited_stays_so(self):
        self.access("1:/:limited@pve,%s:PVEAuditor" % RO, "0:/mapping/pci:@readers:PVEMappingUser",
                    "0:/mapping/pci:%s:PVEMappingUser" % RO, more="group:readers:limited@pve::")
        self.check()

    def test_shut_out(self):
        for who in ("limited@pve", RO, "limited@pve," + RO):
            self.access("1:/:limited@pve,%s:Tofu" % RO, "1:/mapping/pci:%s:NoAccess" % who)
            lines = self.check()
            self.assertIn("pveum acl delete /mapping/pci", lines[0])

    def test_a_user_by_password(self):
        self.access("1:/:limited@pve:PVEAuditor")
        for line in self.check(whole=True, login=("--user", "limited@pve"), token=False, env={"PVEGPU_PASSWORD": "sample"}):
            self.assertNotIn("--tokens", line)

    def test_what_its_user_has_cannot_be_seen(self):
        """Without Sys.Audit on /access the line says what to look at first."""
        self.access("1:/vms:limited@pve,%s:Blind" % RO)
        lines = self.check(rounds=2)
        self.assertIn("# what limited@pve has on /nodes/pve2 cannot be seen from here", "\n".join(lines))

    def test_a_change_that_is_answered_with_403(self):
        """Taken away between the plan and the call: the line comes with the failure."""
        self.plan(*GOAL)
        self.fault({"match": "PUT /nodes/pve2/qemu/106/config", "do": "status", "status": 403,
                    "reason": "Permission check failed (/vms/106, VM.Config.HWType)"})
        done = self.apply(expect=4)
        self.assertIn("automation@pve!tofu lacks VM.Config.HWType on /vms/106: pveum acl modify /vms/106 "
                      "--tokens 'automation@pve!tofu' --roles TofuUser\n", done.stderr)
        self.run_lines(self.lines(done))


if __name__ == "__main__":
    if not os.path.exists(PVESIM):
        print("skipped: pvesim was not built")
        raise SystemExit(77)
    main()
