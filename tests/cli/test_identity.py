# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are to a remote host, and which one it is: logins, privileges, journals of clusters, proxies."""
import json
import os
import re
import shutil
import ssl
import subprocess
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


class Logins(IdentityTest):
    """The last login counts, of whatever kind; who applied a run is kept, and who undoes it is looked at first."""
    ROOT = {"token": False, "env": {"PVEGPU_PASSWORD": "sample"}}

    def who(self, *arguments, **options):
        text = json.dumps([f for f in self.audit(*arguments, **options)["findings"] if f["id"] == "host.api"])
        return re.search(r", as ([^.]+)\.", text).group(1)

    def profile(self):
        name = os.path.join(self.home, ".config/pvegpu/127.0.0.1_%d.json" % self.port)
        with open(name, encoding="utf-8") as file:
            return json.load(file)

    def test_a_login_replaces_the_other_kind(self):
        self.assertEqual(self.who(), "automation@pve!tofu")
        self.assertEqual(self.who("--user", "root@pam", **self.ROOT), "root@pam")
        self.assertIsNone(self.profile()["token_file"])
        self.assertEqual(self.who(**self.ROOT), "root@pam")
        self.assertEqual(self.who(), "automation@pve!tofu")
        self.assertIsNone(self.profile()["user"])
        self.assertEqual(self.who(**self.ROOT), "automation@pve!tofu")

    def test_two_logins_at_once(self):
        done = self.run_api("audit", "--user", "root@pam", expect=2, env={"PVEGPU_PASSWORD": "sample"})
        self.assertIn("--token-file and --user are two logins", done.stderr)

    def calls(self):
        requests = [json.loads(line) for line in self.read("requests.jsonl").splitlines()]
        return [(r["method"], r["path"]) for r in requests
                if r["method"] != "GET" and "/access/ticket" not in r["path"]]

    def refused(self, **options):
        """Nothing is stopped, nothing is changed, no call is made; what standard error says."""
        before, running, calls = self.state_hash(), self.running(), self.calls()
        done = self.run_api("rollback", "--yes", expect=1, **options)
        self.assertEqual((before, running, calls), (self.state_hash(), self.running(), self.calls()))
        self.assertIn("nothing was changed", done.stderr)
        return done.stderr

    def test_a_token_does_not_undo_an_address(self):
        before = self.read(CONF)
        self.plan(*GOAL, "--user", "root@pam", **self.ROOT)
        self.run_api("apply", self.plan_file, "--yes", **self.ROOT)
        self.assertTrue(self.running())
        for token in (RO, "automation@pve!tofu", "root@pam!full"):
            self.write_token(token)
            said = self.refused()
            self.assertIn("it was applied by root@pam\n", said)
            self.assertIn("only root@pam itself may set or take away hostpci0 of VM 106", said)
        self.run_api("rollback", "--yes", "--user", "root@pam", **self.ROOT)
        self.assertEqual(before, self.read(CONF))
        self.assertFalse(self.running())

    def test_an_address_that_comes_back(self):
        """Attached by address, then by a mapping: the second run's undoing is root's too."""
        for mode in ("--by-address", "--by-mapping"):
            self.plan(*GOAL, mode, "--no-start", "--user", "root@pam", **self.ROOT)
            self.run_api("apply", self.plan_file, "--yes", **self.ROOT)
        self.assertIn("hostpci0 of VM 106", self.refused())

    def test_each_missing_privilege_with_its_line(self):
        before = self.read(CONF)
        self.plan(*GOAL)
        self.apply()
        self.access("1:/:limited@pve,%s:PVEAuditor" % RO)
        said = self.refused()
        self.assertIn("it was applied by automation@pve!tofu\n", said)
        lines = re.findall(r"pveum (?:acl|role) .*", said)
        self.assertEqual(len(lines), 3, said)
        self.run_lines(lines)
        self.run_api("rollback", "--yes")
        self.assertEqual(before, self.read(CONF))
        self.assertNotIn("gpu-talos", self.read("mapping/pci.cfg"))

    def test_what_may_not_be_seen_is_not_gone(self):
        self.plan(*GOAL, "--no-start")
        self.apply()
        self.access("1:/vms:limited@pve,%s:PVEVMAdmin" % RO)
        said = self.refused()
        self.assertIn("lacks Mapping.Modify on /mapping/pci", said)
        self.assertIn("lacks Mapping.Audit, Mapping.Use on /mapping/pci/gpu-talos-gpu-1-0", said)

    def test_the_journal_names_who(self):
        self.plan(*GOAL, "--no-start")
        self.apply()
        run = json.loads(self.run_api("history", "--format", "json").stdout)["runs"][0]
        self.assertEqual(run["identity"], "automation@pve!tofu")
        self.assertIn("by: automation@pve!tofu at 127.0.0.1:", self.run_api("history").stdout)


class Journals(IdentityTest):
    """A journal belongs to a cluster, not to the address that was typed."""
    def applied(self):
        self.plan(*GOAL, "--no-start")
        self.apply()
        return self.runs()[0]

    def runs(self, **options):
        return [r["run"] for r in json.loads(self.run_api("history", "--format", "json", **options).stdout)["runs"]]

    def dirs(self):
        return sorted(os.listdir(os.path.join(self.home, ".local/state/pvegpu")))

    def runs_dir(self, name):
        return os.path.join(self.home, ".local/state/pvegpu", name, "var/lib/pvegpu/runs")

    def another_cluster(self):
        """At the same address, with the same VMs and another authority."""
        port = self.port
        self.stop()
        os.rename(self.directory + "/tls", self.directory + "/tls.first")
        self.start(port)

    def first_cluster(self):
        self.stop()
        shutil.rmtree(self.directory + "/tls")
        os.rename(self.directory + "/tls.first", self.directory + "/tls")
        self.start()

    def test_one_cluster_by_two_names(self):
        run = self.applied()
        self.url = self.url.replace("127.0.0.1", "localhost")
        self.assertEqual(self.runs(), [run])
        self.run_api("rollback", "--yes")
        self.assertEqual(len(self.dirs()), 1)

    def test_another_cluster_at_that_address(self):
        run = self.applied()
        self.another_cluster()
        before = self.state_hash()
        self.assertEqual(self.runs(), [])
        done = self.run_api("rollback", "--yes", expect=2)
        self.assertIn("nothing to roll back", done.stderr)
        done = self.run_api("rollback", run, "--yes", expect=2)
        self.assertIn("a run of that name was made at another cluster", done.stderr)
        self.assertEqual(before, self.state_hash())
        self.first_cluster()
        self.run_api("rollback", run, "--yes")
        self.assertEqual(self.hostpci(), [])

    def test_a_run_that_was_put_into_the_wrong_journal(self):
        run = self.applied()
        first = self.dirs()[0]
        self.another_cluster()
        self.assertEqual(self.runs(), [])
        second = [d for d in self.dirs() if d != first][0]
        shutil.copytree(self.runs_dir(first), self.runs_dir(second))
        before = self.state_hash()
        done = self.run_api("rollback", run, "--yes", expect=1)
        self.assertIn("was made at another cluster", done.stderr)
        self.assertEqual(before, self.state_hash())

    def test_a_journal_kept_by_the_address(self):
        """As it was once: it is named, with what takes it over."""
        run = self.applied()
        name = self.runs_dir(self.dirs()[0]) + "/" + run
        with open(name + "/journal", encoding="utf-8") as file:
            lines = [line for line in file if json.loads(line)["n"]]
        with open(name + "/journal", "w", encoding="utf-8") as file:
            file.writelines(lines)
        old = self.runs_dir("127.0.0.1_%d" % self.port)
        os.makedirs(os.path.dirname(old))
        os.rename(os.path.dirname(name), old)
        done = self.run_api("history")
        self.assertIn("1 run that was made at 127.0.0.1_%d in %s" % (self.port, old), done.stderr)
        subprocess.run(["sh", "-c", re.search(r"mkdir -p .*", done.stderr).group()], check=True)
        done = self.run_api("rollback", "--yes")
        self.assertNotIn("127.0.0.1_", done.stderr)
        self.assertEqual(self.hostpci(), [])

    def test_a_cluster_that_cannot_be_told(self):
        run = self.applied()
        first = self.dirs()[0]
        self.fault({"match": "GET /nodes/localhost/certificates", "do": "status", "status": 501, "reason": "no"})
        done = self.run_api("history")
        self.assertRegex(done.stderr, "which cluster 127.0.0.1 is cannot be told: .*kept by that address")
        shutil.copytree(self.runs_dir(first), self.runs_dir("127.0.0.1_%d" % self.port))
        before = self.state_hash()
        done = self.run_api("rollback", run, "--yes", expect=1)
        self.assertIn("cannot be told", done.stderr)
        self.assertEqual(before, self.state_hash())

    def test_a_node_that_finds_company(self):
        every = self.settings["nodes"]
        self.set(nodes={"pve2": every["pve2"]}, cluster=None)
        run = self.applied()
        self.set(nodes=every, cluster="sample")
        self.assertEqual(self.runs(), [run])
        # A clone of that node has its authority too, and another name.
        self.set(nodes={"pve3": every["pve3"]}, cluster=None, local="pve3")
        self.assertEqual(self.runs(node="pve3"), [])
        self.set(nodes={"pve2": every["pve2"]}, local="pve2")
        self.run_api("rollback", "--yes")


if __name__ == "__main__":
    if not os.path.exists(PVESIM):
        print("skipped: pvesim was not built")
        raise SystemExit(77)
    main()
