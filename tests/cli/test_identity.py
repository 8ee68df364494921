# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are to a remote host, and which one it is: logins, privileges, journals of clusters, proxies."""
import json
import os
import re
import ssl
import urllib.parse
import urllib.request

from harness import PVESIM, main
from pveum import UserCfg
from test_api import ApiTest, CONF, GOAL

RO = "limited@pve!ro"
TOFU = "Datastore.AllocateSpace,Datastore.Audit,Mapping.Audit,Mapping.Modify,Mapping.Use,Sys.Audit,VM.Audit," \
    "VM.Config.CPU,VM.Config.Disk,VM.Config.HWType,VM.Config.Memory,VM.Config.Options,VM.PowerMgmt"
PATHS = ("/", "/access", "/vms", "/vms/100", "/vms/106", "/nodes/pve2", "/storage/local", "/mapping", "/mapping/pci",
         "/mapping/pci/rtx3080", "/mapping/pci/gpu-talos-gpu-1-0")


class IdentityTest(ApiTest):
    def as_root(self, path, data=None, ticket=None):
        """A call of our own, as root@pam."""
        request = urllib.request.Request(self.url + "/api2/json" + path,
                                         data=urllib.parse.urlencode(data).encode() if data else None)
        if ticket:
            request.add_header("Cookie", "PVEAuthCookie=" + urllib.parse.quote(ticket))
        context = ssl.create_default_context(cafile=self.ca)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        with opener.open(request, timeout=20) as answer:
            return json.load(answer)["data"]

    def permissions(self, *who):
        """{(who, path): {privilege}} of the whole tree, as far as it matters here."""
        ticket = self.as_root("/access/ticket", {"username": "root@pam", "password": "sample"})["ticket"]
        found = {}
        for user in who:
            for path in PATHS:
                query = urllib.parse.urlencode({"userid": user, "path": path})
                found[user, path] = set(self.as_root("/access/permissions?" + query, ticket=ticket).get(path, {}))
        return found

    def access(self, *acl, privsep=1, more=""):
        """The access rules anew; limited@pve and its token are who it is about."""
        base = self.read("user.cfg")
        base = "\n".join(line for line in base.splitlines() if not line.startswith("acl:"))
        base = base.replace("token:%s:0:1:" % RO, "token:%s:0:%d:" % (RO, privsep))
        self.write("user.cfg", base + "\nrole:Tofu:%s:\nrole:Blind:VM.Audit:\n%s\n" % (TOFU, more) +
                   "".join("acl:%s:\n" % entry for entry in acl))
        self.write_token(RO)

    def lines(self, done):
        """The pveum lines that were printed: the commands, one list a line."""
        text = done.stderr + "\n" + "\n".join(
            [r["reason"] for r in json.loads(done.stdout)["refusals"]] if done.stdout.startswith("{") else [])
        found = []
        for line in re.findall(r"pveum (?:acl|role) .*", text):
            if line not in found:
                found.append(line)
        return found

    def run_lines(self, lines):
        cfg = UserCfg(self.read("user.cfg"))
        for line in lines:
            cfg.run(line)
        self.write("user.cfg", cfg.text())


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
        self.assertIn("# what limited@pve has on /nodes/pve2 cannot be seen from here", lines[0])


if __name__ == "__main__":
    if not os.path.exists(PVESIM):
        print("skipped: pvesim was not built")
        raise SystemExit(77)
    main()
