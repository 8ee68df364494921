# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster without quorum, and VMs that its high availability manages."""
import json
import os

from harness import HostTest, main, run
from test_api import ApiTest as PvesimApi

GOAL = ("--gpu", "01:00", "--vm", "106")
ROOT_TOKEN = "root@pam!full"


class Cluster(PvesimApi):
    def writes(self):
        return [line["method"] + " " + line["path"] for line in
                map(json.loads, self.read("requests.jsonl").splitlines()) if line["method"] != "GET"]

    def ha(self, *lines, rules=None, groups=None):
        self.write("ha/resources.cfg", "vm: 106\n" + "".join("\t%s\n" % line for line in lines))
        for name, text in (("rules", rules), ("groups", groups)):
            if text:
                self.write("ha/%s.cfg" % name, text)

    def ha_state(self):
        section = self.read("ha/resources.cfg").split("vm: 106")[1]
        return [l.split()[1] for l in section.split("\n") if l.startswith("\tstate")]


class Quorum(Cluster):
    def test_a_plan_without_it_is_refused(self):
        self.set(quorate=False)
        plan = self.plan(*GOAL, expect=1)
        self.assertEqual([(r["check"], r["acceptable"]) for r in plan["refusals"]],
                         [("host.quorum", False)])
        done = self.run_api("apply", self.plan_file, "--yes", expect=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.writes(), [])

    def test_it_is_looked_at_again_before_the_first_write(self):
        self.plan(*GOAL)
        before = self.state_hash()
        self.set(quorate=False)
        done = self.run_api("apply", self.plan_file, "--yes", expect=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("refused by host.quorum on host", done.stderr)
        self.assertEqual((self.state_hash(), self.writes()), (before, []))
        self.set(quorate=True)
        self.apply()

    def test_lost_at_the_very_write(self):
        for match, reason in (
                ("POST /cluster/mapping/pci", "cfs-lock 'file-mapping_pci_cfg' error: no quorum!"),
                ("PUT /nodes/pve2/qemu/106/config", "106.conf.tmp."),
                ("POST /nodes/pve2/qemu/106/status/start", "cluster not ready - no quorum?")):
            with self.subTest(match):
                self.fault()
                self.plan(*GOAL)
                self.fault({"match": match, "do": "no-quorum"})
                done = self.apply(expect=4)
                self.assertIn(reason, done.stderr)
                self.assertIn("without quorum /etc/pve is read-only", done.stderr)
                self.fault()
                self.run_api("rollback", "--yes")


class LocalQuorum(HostTest):
    def test_on_the_host(self):
        self.write("etc/pve/corosync.conf", "totem {\n}\n")
        grub = self.read("etc/default/grub")
        self.write("etc/default/grub", grub.replace('="quiet"', '="quiet intel_iommu=on"'))
        self.script("usr/sbin/update-grub")
        self.script("usr/sbin/reboot")
        for quorate, refused in ((1, []), (0, ["host.quorum"])):
            self.write("etc/pve/.members", json.dumps({"cluster": {"quorate": quorate}}))
            plan = self.plan("--gpu", "01:00", "--vm", "106", expect=1 - quorate)
            self.assertEqual([r["check"] for r in plan["refusals"]], refused)
            # What is on this host alone needs no quorum.
            self.plan("--no-advised", "--modules")


class FailedStart(Cluster):
    """HA would go on to start it, as it was asked to."""
    def fail_start(self, asked, token, version):
        self.set(version=version, ha_task_ms=0, ha_delay_ms=0, start_ms=0, stop_ms=0,
                 task_errors={"qmstart:106": "start failed: QEMU exited with code 1"})
        self.write_token(token)
        self.ha("state " + asked)
        self.plan(*GOAL)
        done = self.apply(expect=4)
        self.assertIn("high availability was asked to start VM 106, and has given it up",
                      done.stderr)
        self.assertEqual(self.ha_state(), ["started"])
        self.run_api("rollback", "--yes")
        self.assertEqual(self.ha_state(), [asked])
        self.assertEqual(self.hostpci(), [])

    def hostpci(self):
        conf = self.read("nodes/pve2/qemu-server/106.conf")
        return [line for line in conf.split("\n") if line.startswith("hostpci")]

    def test_stopped_by_one_who_may_only_stop_the_vm(self):
        self.fail_start("stopped", "automation@pve!tofu", "8.2.4")

    def test_stopped_by_one_who_may_speak_to_ha(self):
        self.fail_start("stopped", ROOT_TOKEN, "9.2.11")
        self.assertIn("PUT /cluster/ha/resources/vm:106", self.writes())

    def test_disabled(self):
        self.fail_start("disabled", ROOT_TOKEN, "9.2.11")

    def test_what_was_started_before_is_left(self):
        self.fail_start("started", ROOT_TOKEN, "9.2.11")
        self.assertNotIn("PUT /cluster/ha/resources/vm:106", self.writes())

    def test_a_start_that_went_well(self):
        self.set(ha_task_ms=0, ha_delay_ms=0, start_ms=0, stop_ms=0, shutdown_ms=0)
        self.write_token(ROOT_TOKEN)
        self.ha("state disabled")
        self.plan(*GOAL)
        self.apply()
        self.assertEqual(self.ha_state(), ["started"])
        self.run_api("rollback", "--yes")
        self.assertEqual(self.ha_state(), ["disabled"])


class WhereHaMayRunIt(Cluster):
    """A finding rests on what HA may do: not every VM under HA is told to leave it."""
    def found(self, hostpci, *goal, version="9.2.11"):
        path = "nodes/pve2/qemu-server/106.conf"
        conf = "".join(l for l in self.read(path).splitlines(True) if not l.startswith("hostpci"))
        self.write(path, conf + "".join("hostpci%d: %s\n" % pair for pair in enumerate(hostpci)))
        self.set(version=version)
        return [f for f in self.audit(*goal)["findings"]
                if f["id"] == "vm.ha-managed" and f["subject"] == "vm/106"][0]

    def map(self, *nodes):
        self.write("mapping/pci.cfg", "gpu\n" + "".join(
            "\tmap node=%s,path=0000:01:00,id=10de:2206\n" % node for node in nodes))

    def test_addresses(self):
        raw = ["0000:01:00,pcie=1"]
        self.ha("state started")
        finding = self.found(raw)
        self.assertEqual(finding["status"], "fail")
        self.assertIn("another device sits at that address", finding["detail"])
        self.assertIn("whole IOMMU group", finding["detail"])
        self.assertEqual(self.found(["mapping=rtx3080"] + raw)["status"], "fail")
        # The line that a plan would add counts as one that is there.
        self.assertEqual(self.found([], *GOAL, "--by-address")["status"], "fail")
        self.ha("state ignored")
        self.assertEqual(self.found(raw)["detail"], "Not managed by HA.")

    def test_an_address_on_one_node_alone(self):
        raw = ["0000:01:00"]
        strict = "node-affinity: one\n\tnodes pve2\n\tresources ct:9,vm:106\n\tstrict %d\n"
        self.ha("state started", rules=strict % 1)
        self.assertEqual(self.found(raw)["status"], "ok")
        self.ha("state started", rules=strict % 0)
        self.assertEqual(self.found(raw)["status"], "fail")
        self.ha("state started", rules=(strict % 1).replace("vm:106", "vm:1066"))
        self.assertEqual(self.found(raw)["status"], "fail")
        self.ha("state started", rules=(strict % 1) + "\tdisable 1\n")
        self.assertEqual(self.found(raw)["status"], "fail")
        self.ha("state started", "group g", groups="group: g\n\tnodes pve2:2\n\trestricted 1\n")
        self.assertEqual(self.found(raw, version="8.4.1")["status"], "ok")
        self.ha("state started", "group g", groups="group: g\n\tnodes pve2:2\n\trestricted 0\n")
        self.assertEqual(self.found(raw, version="8.4.1")["status"], "fail")

    def test_mappings(self):
        self.ha("state started")
        self.map("pve1", "pve2", "pve3")
        finding = self.found(["mapping=gpu,pcie=1"])
        self.assertEqual((finding["status"], finding["fix"]["text"] if finding["fix"] else None),
                         ("ok", None))
        self.map("pve1", "pve2")
        finding = self.found(["mapping=gpu,pcie=1"])
        self.assertEqual(finding["status"], "warn")
        self.assertIn("gpu on pve3", finding["detail"])
        self.assertNotIn("remove", json.dumps(finding))
        # Nodes that HA may not choose need none.
        self.ha("state started",
                rules="node-affinity: two\n\tnodes pve1:2,pve2\n\tresources vm:106\n\tstrict 1\n")
        self.assertEqual(self.found(["mapping=gpu,pcie=1"])["status"], "ok")

    def test_where_it_may_run_is_not_known(self):
        self.ha("state started")
        self.map("pve2")
        self.fault({"match": "GET /cluster/ha/", "do": "status", "status": 500, "reason": "no"})
        self.assertEqual(self.found(["mapping=gpu"])["status"], "unknown")
        self.assertEqual(self.found(["0000:01:00"])["status"], "fail")


class OnTheHost(HostTest):
    def test_files(self):
        os.makedirs(self.path("etc/pve/ha"))
        conf = "etc/pve/nodes/pve2/qemu-server/106.conf"
        text = self.read(conf)
        members = {"cluster": {"quorate": 1}, "nodelist": {"pve2": {"id": 1}, "pve1": {"id": 2}}}
        self.write("etc/pve/.members", json.dumps(members))
        self.write("etc/pve/ha/resources.cfg", "vm: 106\n\tstate started\n\nct: 200\n")

        def status(line):
            self.write(conf, text + line + "\n")
            done = self.audit_of()
            return [f["status"] for f in done if f["id"] == "vm.ha-managed" and
                    f["subject"] == "vm/106"][0]

        entry = "\tmap node=%s,path=0000:01:00,id=10de:2206\n"
        os.makedirs(self.path("etc/pve/mapping"), exist_ok=True)
        self.write("etc/pve/mapping/pci.cfg", "gpu\n" + entry % "pve2")
        self.assertEqual(status("hostpci0: 0000:01:00"), "ok")  # a node that is alone
        self.write("etc/pve/corosync.conf", "totem {\n}\n")
        self.assertEqual(status("hostpci0: 0000:01:00"), "fail")
        self.assertEqual(status("hostpci0: mapping=gpu"), "warn")
        self.write("etc/pve/mapping/pci.cfg", "gpu\n" + entry % "pve2" + entry % "pve1")
        self.assertEqual(status("hostpci0: mapping=gpu"), "ok")
        self.write("etc/pve/ha/rules.cfg",
                   "node-affinity: here\n\tnodes pve2\n\tresources vm:106\n\tstrict 1\n")
        self.assertEqual(status("hostpci0: 0000:01:00"), "ok")

    def audit_of(self):
        done = run("audit", "--format", "json", root=self.root)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout)["findings"]


if __name__ == "__main__":
    main()
