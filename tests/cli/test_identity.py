# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are to a remote host, which one it is, and what is between: logins, journals of clusters, proxies."""
import http.client
import json
import os
import re
import select
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import urllib.parse

from harness import PVESIM, main
from pveum import UserCfg
from test_api import ApiTest, CONF, GOAL

RO = "limited@pve!ro"
TOFU = "Datastore.AllocateSpace,Datastore.Audit,Mapping.Audit,Mapping.Modify,Mapping.Use,Sys.Audit,VM.Audit," \
    "VM.Config.CPU,VM.Config.Disk,VM.Config.HWType,VM.Config.Memory,VM.Config.Options,VM.PowerMgmt"
PATHS = ("/", "/access", "/vms", "/vms/100", "/vms/106", "/nodes/pve2", "/storage/local", "/mapping", "/mapping/pci",
         "/mapping/pci/rtx3080", "/mapping/pci/gpu-talos-gpu-1-0")


class IdentityTest(ApiTest):
    def permissions(self, *who):
        """{(who, path): {privilege}} of the whole tree, as far as it matters here, asked as root@pam."""
        there = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20,
                                            context=ssl.create_default_context(cafile=self.ca))
        login = urllib.parse.urlencode({"username": "root@pam", "password": "sample"})
        there.request("POST", "/api2/json/access/ticket", login, {"Content-Type": "application/x-www-form-urlencoded"})
        ticket = json.load(there.getresponse())["data"]["ticket"]
        found = {}
        for user in who:
            for path in PATHS:
                there.request("GET", "/api2/json/access/permissions?" + urllib.parse.urlencode(
                    {"userid": user, "path": path}), headers={"Cookie": "PVEAuthCookie=" + urllib.parse.quote(ticket)})
                found[user, path] = set(json.load(there.getresponse())["data"].get(path, {}))
        there.close()
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


class Proxy(socketserver.BaseRequestHandler):
    """Takes CONNECT for whatever host, notes it, and leads to the simulator."""
    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            got = self.request.recv(4096)
            if not got:
                return
            head += got
        self.server.seen.append(head.decode())
        self.request.sendall(b"HTTP/1.1 200 Connection established\r\nContent-Type: text/html\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.server.leads_to)) as there:
            ends = {self.request: there, there: self.request}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    try:
                        got = end.recv(65536)
                        ends[end].sendall(got)
                    except OSError:
                        return
                    if not got:
                        return


class Network(IdentityTest):
    """What the environment says of the network is not simply done."""
    OUTSIDE = "203.0.113.9"

    def setUp(self):
        super().setUp()
        self.proxy = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy)
        self.proxy.daemon_threads = True
        self.proxy.seen, self.proxy.leads_to = [], self.port
        self.proxy_url = "http://me:pass-of-the-proxy@127.0.0.1:%d" % self.proxy.server_address[1]
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()

    def tearDown(self):
        self.proxy.shutdown()
        self.proxy.server_close()
        super().tearDown()

    def audit_with(self, *arguments, **env):
        self.proxy.seen.clear()
        done = self.run_api("audit", *arguments, "--fingerprint", self.fingerprint, trust=False, env=env)
        self.assertNotIn("pass-of-the-proxy", done.stdout + done.stderr)
        for head in self.proxy.seen:
            self.assertNotIn("PVEAPIToken", head)
        return done

    def test_not_for_private_addresses(self):
        for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            done = self.audit_with(**{name: self.proxy_url})
            self.assertEqual(self.proxy.seen, [], name)
            self.assertRegex(done.stderr, r"the proxy http://127.0.0.1:\d+ \(%s\) is not used for 127.0.0.1, which is "
                             "private" % name)
        self.assertEqual(self.audit_with().stderr, "")

    def test_said_where_it_is_used(self):
        self.url = self.url.replace("127.0.0.1", self.OUTSIDE)
        done = self.audit_with(https_proxy=self.proxy_url)
        self.assertTrue(self.proxy.seen[0].startswith("CONNECT %s:%d " % (self.OUTSIDE, self.port)))
        self.assertRegex(done.stderr, r"203.0.113.9 is reached by the proxy http://127.0.0.1:\d+ \(https_proxy\)")
        self.assertRegex(" ".join(done.stdout.split()), r"by the proxy http://127.0.0.1:\d+ \(https_proxy\)")

    def test_by_an_option_for_whatever_host(self):
        done = self.audit_with("--proxy", self.proxy_url)
        self.assertTrue(self.proxy.seen)
        self.assertIn("(--proxy)", done.stderr)
        self.audit_with("--proxy", "none", https_proxy=self.proxy_url)
        self.assertEqual(self.proxy.seen, [])
        done = self.run_api("audit", "--proxy", "gopher://x", expect=2)
        self.assertIn("'gopher://x' is no proxy", done.stderr)
        done = self.run_api("audit", "--proxy", "http://127.0.0.1:1", expect=3)
        self.assertIn("the proxy http://127.0.0.1:1 (--proxy) cannot be reached", done.stderr)

    def test_session_keys_are_not_written(self):
        keys = os.path.join(self.directory, "keys")
        self.audit_with(SSLKEYLOGFILE=keys)
        self.assertFalse(os.path.exists(keys))


if __name__ == "__main__":
    if not os.path.exists(PVESIM):
        print("skipped: pvesim was not built")
        raise SystemExit(77)
    main()
