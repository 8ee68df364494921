# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API does not tell is unknown, with the reason, and nothing is planned over it: each call
fails in turn."""
import json
import os
import shutil
import subprocess

from harness import ClusterState, PVEGPU, PVESIM, Truth, main, statuses

TOKEN = "automation@pve!tofu"
GOAL = ("--gpu", "01:00", "--vm", "106")
# What goes wrong with a call.
FAULTS = (
    {"do": "status", "status": 500, "reason": "it broke"},
    {"do": "status", "status": 403, "reason": "Permission check failed"},
    {"do": "status", "status": 596, "reason": "Connection timed out"},
    {"do": "data", "data": None},
    {"do": "data", "data": {"of": "another kind"}},
    {"do": "data", "data": ["of another kind"]},
)
OTHERS = [FAULTS[i] for i in (1, 2, 4, 5)]


class Api(ClusterState, Truth):
    def setUp(self):
        self.directory = subprocess.run(["mktemp", "-d"], capture_output=True, text=True,
                                        check=True).stdout.strip()
        self.copy_cluster(self.directory)
        self.token_file = os.path.join(self.directory, "token")
        with open(self.token_file, "w", encoding="ascii") as file:
            file.write("%s=%s\n" % (TOKEN, self.settings["tokens"][TOKEN]))
        os.chmod(self.token_file, 0o600)
        # pylint: disable-next=consider-using-with
        self.server = subprocess.Popen([PVESIM, "--state", self.state, "--lifetime", "580"],
                                       stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.server.stdout.readline())
        self.url, self.ca = "https://127.0.0.1:%d" % ready["port"], ready["ca"]

    def tearDown(self):
        self.server.terminate()
        self.server.wait(timeout=20)
        self.server.stdout.close()
        shutil.rmtree(self.directory)

    def api(self, *arguments):
        command = [PVEGPU, *arguments, "--format", "json", "--api", self.url, "--node", "pve2",
                   "--token-file", self.token_file, "--ca-file", self.ca]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, env=dict(os.environ, HOME=self.directory))

    def fault(self, *faults):
        self.set(faults=list(faults))

    def requests(self):
        path = os.path.join(self.state, "requests.jsonl")
        with open(path, encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
        os.unlink(path)
        return [r["path"] for r in found if r["method"] == "GET"]

    def test_each_call_in_turn(self):
        name = "nodes/pve2/qemu-server/106.conf"
        self.write(name, "parent: before\n" + self.read(name) + "\n[before]\nmemory: 2048\nvmstate: x:vm-106-state\n")
        healthy = json.loads(self.api("audit").stdout)
        with_goal = json.loads(self.api("audit", *GOAL).stdout)
        plan = json.loads(self.api("plan", *GOAL).stdout)
        self.assertTrue(plan["changes"])
        paths = sorted(set(self.requests()))
        for needed in ("/version", "/nodes", "/cluster/status", "/nodes/pve2/qemu/106/snapshot",
                       "/cluster/resources", "/nodes/pve2/tasks", "/access/permissions"):
            self.assertIn(needed, paths)
        # Of the VMs but the goal's one is enough.
        vms = [p for p in paths if "/qemu/" in p and "/qemu/106/" not in p]
        paths = [p for p in paths if p not in vms] + vms[:2]
        told = 0
        for path in paths:
            # Two for each, and of the others one in turn.
            for fault in (FAULTS[0], FAULTS[3], OTHERS[paths.index(path) % len(OTHERS)]):
                self.fault(dict(fault, match="GET %s$" % path))
                what = (path, fault)
                runs = [(with_goal, self.api("audit", *GOAL))]
                runs += [(healthy, self.api("audit"))] if fault == FAULTS[3] else []
                for before, done in runs:
                    if done.returncode == 3:
                        self.assertEqual(done.stdout, "")
                        self.assertNotIn("there is no", done.stderr, what)
                        continue
                    self.assertIn(done.returncode, (0, 1), (what, done.stderr))
                    audit = json.loads(done.stdout)
                    self.assert_only_unknown(before, audit, what)
                    told += statuses(audit) != statuses(before)
                done = self.api("plan", *GOAL) if fault != FAULTS[3] else None
                if not done or done.returncode == 3:
                    continue
                self.assertIn(done.returncode, (0, 1), (what, done.stderr))
                self.assert_no_more(plan, json.loads(done.stdout), what)
        self.assertGreater(told, len(paths) * 2, "faults are told of")
        print("%d calls, 3 faults each" % len(paths))

    def test_a_plan_that_needs_it_is_refused(self):
        rows = (("/cluster/mapping/pci", "attach.mapping"), ("/access/permissions", "attach.rights"),
                ("/cluster/status", "host.quorum"), ("/cluster/resources", "vm.ha-managed"),
                ("/nodes/pve2/qemu/106/pending", "attach.hostpci"))
        for path, check in rows:
            for fault in FAULTS[0], FAULTS[3]:
                self.fault(dict(fault, match="GET %s$" % path))
                done = self.api("plan", *GOAL)
                self.assertEqual(done.returncode, 1, (path, done.stderr))
                refusals = {r["check"]: r["reason"] for r in json.loads(done.stdout)["refusals"]}
                self.assertIn(check, refusals, path)
                self.assertIn("could not be read", refusals[check])

    def test_what_is_hidden_is_not_said_to_be_missing(self):
        for path, what in (("/nodes/pve2/hardware/pci", "a GPU at '01:00'"), ("/nodes/pve2/qemu", "a VM 106"),
                           ("/nodes/pve2/qemu/106/config", "a VM 106")):
            self.fault(dict(FAULTS[0], match="GET %s$" % path))
            done = self.api("plan", *GOAL)
            self.assertEqual(done.returncode, 3, path)
            self.assertIn("whether there is %s is not known" % what, done.stderr)
            self.assertIn("it broke", done.stderr)

    def test_no_display_controller_is_claimed(self):
        for fault in FAULTS[1:3]:
            self.fault(dict(fault, match="GET /nodes/pve2/hardware/pci$"))
            found = [f for f in json.loads(self.api("audit").stdout)["findings"] if f["id"] == "gpu.present"]
            self.assertEqual([f["status"] for f in found], ["unknown"])
            self.assertIn(fault["reason"], found[0]["detail"])
            self.assertIsNone(found[0]["fix"])

    def test_a_node_that_does_not_answer_is_asked_once(self):
        for status in (595, 596):
            self.fault({"match": "GET /nodes/pve2/", "do": "status", "status": status, "reason": "gone",
                        "times": 1})
            if os.path.exists(os.path.join(self.state, "requests.jsonl")):
                self.requests()
            done = self.api("audit")
            self.assertEqual([p for p in self.requests() if p.startswith("/nodes/pve2/")], [],
                             "a second call would be answered, and noted")
            audit = json.loads(done.stdout)
            told = [f for f in audit["findings"] if f["id"] == "host.api"]
            self.assertEqual(len(told), 1, "said once")
            self.assertIn("nothing more is asked there", told[0]["detail"])
            self.assertNotIn("Proxmox VE host", done.stdout)

    def test_the_own_daemon_is_named(self):
        self.set(local="pve2")
        self.fault({"match": "GET /nodes/pve2/", "do": "status", "status": 595, "reason": "Connection refused"})
        told = [f for f in json.loads(self.api("audit").stdout)["findings"] if f["id"] == "host.api"]
        self.assertIn("pvedaemon is not running", json.dumps(told))


if __name__ == "__main__":
    main()
