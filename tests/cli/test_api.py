# SPDX-License-Identifier: GPL-3.0-or-later
"""A remote host by its API: the program against pvesim, over TLS on the loopback."""
import http.server
import json
import os
import pty
import select
import shutil
import subprocess
import termios
import threading
import time
import unittest

from harness import ClusterState, HANG, PVEGPU, PVESIM, main, totp, tree_hash, wait_until

TOKEN = "automation@pve!tofu"
GOAL = ("--gpu", "01:00", "--vm", "106")
OURS = "node=pve2,path=0000:01:00,id=10de:2206,subsystem-id=1043:87b0,iommugroup=1"
CONF = "nodes/pve2/qemu-server/106.conf"
SECTION = "\n\n%s\n\tmap " + OURS + "\n"


class ApiTest(ClusterState, unittest.TestCase):
    def setUp(self):
        self.directory = subprocess.run(["mktemp", "-d"], capture_output=True, text=True,
                                        check=True).stdout.strip()
        self.home = os.path.join(self.directory, "home")
        self.plan_file = os.path.join(self.directory, "plan.json")
        self.token_file = os.path.join(self.directory, "token")
        os.mkdir(self.home)
        self.copy_cluster(self.directory)
        self.write_token(TOKEN)
        self.server = None
        self.start()

    def tearDown(self):
        self.stop()
        shutil.rmtree(self.directory)

    def start(self, port=0):
        self.server = subprocess.Popen(
            [PVESIM, "--state", self.state, "--certificate-dir", self.directory + "/tls",
             "--lifetime", "1200", "--port", str(port)], stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.server.stdout.readline())
        self.port, self.ca, self.fingerprint = ready["port"], ready["ca"], ready["fingerprint"]
        self.url = "https://127.0.0.1:%d" % self.port

    def stop(self):
        if self.server:
            self.server.terminate()
            self.server.wait(timeout=HANG)
            self.server.stdout.close()
            self.server = None

    def fault(self, *faults):
        self.set(faults=list(faults))

    def write_token(self, name):
        with open(self.token_file, "w", encoding="ascii") as file:
            file.write("%s=%s\n" % (name, self.settings["tokens"][name]))
        os.chmod(self.token_file, 0o600)

    def environment(self, **more):
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith(("PVEGPU_", "XDG_")) and k != "HOME" and not k.lower().endswith("_proxy")}
        environment.update(HOME=self.home, **more)
        return environment

    def run_api(self, *arguments, token=True, trust=True, node="pve2", expect=0, env=None):
        command = [PVEGPU, *arguments, "--api", self.url]
        command += ["--token-file", self.token_file] if token else []
        command += ["--ca-file", self.ca] if trust else []
        command += ["--node", node] if node else []
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=self.environment(**(env or {})), timeout=HANG)
        if expect is not None:
            self.assertEqual(done.returncode, expect, done.stdout[-3000:] + done.stderr)
        self.assert_no_secret(done.stdout + done.stderr)
        return done

    def assert_no_secret(self, text):
        for secret in list(self.settings["tokens"].values()) + ["correct horse"]:
            self.assertNotIn(secret, text)

    def audit(self, *arguments, **options):
        options.setdefault("expect", None)  # whether it finds something is another question
        return json.loads(self.run_api("audit", "--format", "json", *arguments, **options).stdout)

    def plan(self, *arguments, **options):
        return json.loads(self.run_api("plan", "--format", "json", "--out", self.plan_file, *arguments,
                                       **options).stdout)

    def apply(self, **options):
        return self.run_api("apply", self.plan_file, "--yes", **options)

    def password(self, user="root@pam", password="sample"):
        """As options of run_api: log in by password."""
        return {"token": False, "env": {"PVEGPU_PASSWORD": password}}, ("--user", user)

    def on_terminal(self, arguments, dialogue):
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.clear()
            os.environ.update(self.environment())
            os.execv(PVEGPU, [PVEGPU, *arguments, "--api", self.url])
        output, waiting = b"", list(dialogue)
        end = time.monotonic() + HANG
        seen = 0
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                got = os.read(terminal, 65536)
            except OSError:
                break
            if not got:
                break
            output += got
            if waiting and waiting[0][0] in output[seen:]:
                seen = len(output)
                if not waiting[0][0].startswith(b"Type yes"):  # a secret: what came before is thrown away
                    wait_until(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO, "no echo")
                os.write(terminal, (waiting.pop(0)[1]() + "\n").encode())
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        self.assertEqual(waiting, [], output)
        return os.waitstatus_to_exitcode(status), output.decode()

    def hostpci(self, conf=CONF):
        return [line for line in self.read(conf).splitlines() if line.startswith("hostpci")]

    def running(self):
        return "106" in json.loads(self.read("running.json"))

    def state_hash(self):
        """What the cluster's file system holds; not the simulator's own files."""
        return [tree_hash(os.path.join(self.state, name), skip=()) for name in ("nodes", "mapping", "ha")]


class Attach(ApiTest):
    def test_what_only_its_files_tell_is_not_passed_over(self):
        for asked in (("--give-back",), ("--no-give-back",)):
            plan = self.plan(*GOAL, *asked, expect=1)
            self.assertIn("vm.give-back", [r["check"] for r in plan["refusals"]])
        self.run_api("plan", *GOAL, "--pin-kernel", "6.2.16-3-pve", expect=2)

    def test_by_mapping_with_a_token(self):
        before = self.state_hash()
        plan = self.plan(*GOAL)
        self.assertEqual(before, self.state_hash(), "a plan changes nothing")
        self.assertEqual([(c["transport"], c["method"], c["path"]) for c in plan["changes"]],
                         [("https", "POST", "/cluster/mapping/pci"),
                          ("https", "PUT", "/nodes/pve2/qemu/106/config"),
                          ("https", "PUT", "/nodes/pve2/qemu/106/config"),
                          ("https", "POST", "/nodes/pve2/qemu/106/status/start")])
        conf = self.read(CONF)
        done = self.apply()
        self.assertIn("| TASK OK", done.stdout)
        self.assertEqual(self.hostpci(), ["hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1"])
        self.assertIn("gpu-talos-gpu-1-0\n\tmap " + OURS, self.read("mapping/pci.cfg"))
        audit = self.audit(*GOAL)
        self.assertEqual([f["status"] for f in audit["findings"] if f["id"] == "verify.vm-started"], ["ok"])
        self.assertTrue(self.plan(*GOAL)["nothing_to_do"])
        self.run_api("rollback", "--yes")
        self.assertEqual(self.read(CONF), conf)
        self.assertNotIn("gpu-talos", self.read("mapping/pci.cfg"))

    def test_by_address_as_root_with_a_password(self):
        how, user = self.password()
        plan = self.plan(*GOAL, *user, **how)
        self.assertEqual(plan["changes"][1]["params"], {"hostpci0": "0000:01:00,pcie=1"})
        self.run_api("apply", self.plan_file, "--yes", *user, **how)
        self.assertEqual(self.hostpci(), ["hostpci0: 0000:01:00,pcie=1"])
        self.run_api("rollback", "--yes", *user, **how)
        self.assertEqual(self.hostpci(), [])

    def test_by_address_with_a_token_is_refused_by_us(self):
        for token in (TOKEN, "root@pam!full"):
            self.write_token(token)
            plan = self.plan(*GOAL, "--by-address", expect=1)
            self.assertIn("only root@pam itself may give a VM a device by its address",
                          plan["refusals"][0]["reason"])
            before = self.state_hash()
            self.apply(expect=1)
            self.assertEqual(before, self.state_hash())

    def test_a_token_may_not_touch_an_address(self):
        self.write(CONF, self.read(CONF) + "hostpci0: 0000:01:00\n")
        plan = self.plan(*GOAL, "--pcie", expect=1)
        self.assertIn("hostpci0 names it by its address", plan["refusals"][0]["reason"])

    def test_wrong_machine(self):
        """A plan for one cluster is not applied to another."""
        self.plan(*GOAL)
        with open(self.plan_file, encoding="utf-8") as file:
            plan = json.load(file)
        plan["api"] = "elsewhere:8006"
        with open(self.plan_file, "w", encoding="utf-8") as file:
            json.dump(plan, file)
        done = self.apply(expect=2)
        self.assertIn("does not match its id", done.stderr)


class Mappings(ApiTest):
    def test_three_nodes_each_with_its_own_path(self):
        before = self.read("mapping/pci.cfg")
        plan = self.plan(*GOAL, "--mapping", "rtx3080")
        self.assertEqual(len(plan["changes"][0]["params"]["map"]), 3)
        self.apply()
        text = self.read("mapping/pci.cfg")
        for line in before.splitlines():
            self.assertIn(line, text)
        self.assertIn("\tmap " + OURS, text)
        self.assertEqual(self.hostpci(), ["hostpci0: mapping=rtx3080,pcie=1"])
        self.run_api("rollback", "--yes")
        self.assertEqual(sorted(self.read("mapping/pci.cfg").split("\n")), sorted(before.split("\n")))

    def test_made_for_three_nodes_at_once(self):
        plan = self.plan(*GOAL, "--mapping", "all3", "--mapping-device", "pve1=41:00",
                         "--mapping-device", "pve3=0000:0a:00")
        maps = plan["changes"][0]["params"]["map"]
        self.assertEqual([m.split(",path")[0] for m in sorted(maps)], ["node=pve1", "node=pve2", "node=pve3"])
        self.apply()
        self.assertEqual(self.run_api("audit", node="pve3", expect=0).returncode, 0)

    def test_two_of_a_kind_are_alternatives(self):
        pci = json.loads(self.read("nodes/pve2/pci.json"))
        for device in pci:
            if device["id"] == "0000:02:00.0":
                device.update(device="0x2206", subsystem_device="0x87b0")
        self.write("nodes/pve2/pci.json", json.dumps(pci))
        plan = self.plan(*GOAL, "--mapping", "either", "--mapping-device", "02:00")
        self.assertEqual(sorted(m.split(",")[1] for m in plan["changes"][0]["params"]["map"]),
                         ["path=0000:01:00", "path=0000:02:00"])
        self.apply()
        self.assertTrue(self.plan(*GOAL, "--mapping", "either", "--mapping-device", "02:00")["nothing_to_do"])
        # It is a pool now: another VM gets a device of it without naming one.
        goal = ["--mapping", "either", "--vm", "107"]
        plan = self.plan(*goal, expect=1)
        self.assertEqual([(r["check"], r["acceptable"]) for r in plan["refusals"]], [("gpu.group-host-critical", True)])
        plan = self.plan(*goal, "--accept", "gpu.group-host-critical=" + plan["refusals"][0]["subject"])
        self.assertIn("mapping=either,pcie=1", [c["params"].get("hostpci0") for c in plan["changes"]])

    def test_a_node_that_is_not_there(self):
        plan = self.plan(*GOAL, "--mapping-device", "pve9=41:00", expect=1)
        self.assertIn("there is no node 'pve9'", plan["refusals"][0]["reason"])
        self.settings["nodes"]["pve3"]["status"] = "offline"
        self.set()
        plan = self.plan(*GOAL, "--mapping-device", "pve3=0a:00", expect=1)
        self.assertIn("the devices of node pve3 could not be read", plan["refusals"][0]["reason"])

    def test_drift(self):
        self.plan(*GOAL)
        self.apply()
        self.run_api("rollback", "--yes")  # the name is free again
        self.plan(*GOAL, "--no-start")
        self.apply()
        cfg = self.read("mapping/pci.cfg")
        self.write("mapping/pci.cfg", cfg.replace("0000:01:00", "0000:05:00"))
        finding = [f for f in self.audit(*GOAL)["findings"] if f["id"] == "attach.mapping-drift" and
                   f["status"] == "fail"][0]
        self.assertTrue(finding["fix"]["automatic"])
        plan = self.plan(*GOAL, "--no-start")
        self.assertEqual([c["method"] + c["path"] for c in plan["changes"]],
                         ["PUT/cluster/mapping/pci/gpu-talos-gpu-1-0"])
        self.apply()
        self.assertEqual(self.read("mapping/pci.cfg"), cfg)


class Nodes(ApiTest):
    def test_a_plan_is_applied_on_its_own_node(self):
        self.plan(*GOAL, "--no-start")
        self.audit(node="pve1")  # the one that is remembered
        self.apply(node=None)
        self.assertEqual(self.hostpci(), ["hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1"])


class Undo(ApiTest):
    """What rollback leaves must be able to start, here and on the other nodes."""


    def attach(self, *more):
        self.plan(*GOAL, *more)
        self.apply()

    def edit(self, name, old, new):
        text = self.read(name)
        self.assertIn(old, text)
        self.write(name, text.replace(old, new))

    def test_what_a_kept_line_rests_on_is_kept(self):
        self.attach("--no-start")
        self.edit(CONF, "hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1",
                  "hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1,rombar=0")
        done = self.run_api("rollback", "--yes", expect=1)
        self.assertIn("the hostpci line that was kept needs it", done.stdout)
        self.assertEqual(self.hostpci(), ["hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1,rombar=0"])
        self.assertIn("machine: q35", self.read(CONF))
        self.assertIn("gpu-talos-gpu-1-0", self.read("mapping/pci.cfg"))

    def test_a_mapping_that_others_use_is_kept(self):
        self.attach("--no-start")
        other = "nodes/pve1/qemu-server/120.conf"
        self.write(other, "hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1\n" + self.read(other))
        self.run_api("rollback", "--yes", expect=1)
        self.assertEqual(self.hostpci(), [])
        self.assertIn("gpu-talos-gpu-1-0", self.read("mapping/pci.cfg"))

    def test_a_mapping_that_was_described_since_is_kept(self):
        self.attach("--no-start")
        self.edit("mapping/pci.cfg", "gpu-talos-gpu-1-0\n", "gpu-talos-gpu-1-0\n\tdescription of the lab\n")
        self.run_api("rollback", "--yes", expect=1)
        self.assertIn("of the lab", self.read("mapping/pci.cfg"))

    def test_a_start_that_still_runs_is_not_called_undone(self):
        before = self.read(CONF)
        self.plan(*GOAL)
        self.set(start_ms=15000)
        command = [PVEGPU, "apply", self.plan_file, "--yes", "--api", self.url, "--token-file", self.token_file,
                   "--ca-file", self.ca, "--node", "pve2"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=self.environment()) as applying:
            while "/status/start" not in self.read("requests.jsonl"):
                time.sleep(0.05)
            applying.kill()
        done = self.run_api("rollback", "--yes", expect=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("a task of VM 106 still runs: UPID:", done.stderr)
        while not self.running():
            time.sleep(0.1)
        self.run_api("rollback", "--yes")
        self.assertFalse(self.running())
        self.assertEqual(self.read(CONF), before)

    def test_a_vm_that_was_moved_is_named(self):
        self.attach("--no-start")
        os.rename(os.path.join(self.state, CONF), os.path.join(self.state, "nodes/pve1/qemu-server/106.conf"))
        done = self.run_api("rollback", "--yes", expect=4)
        self.assertIn("VM 106 is on node pve1 now: move it back to pve2", done.stderr)

    def test_ha_is_waited_for(self):
        before = self.read(CONF)
        self.write("ha/resources.cfg", "vm: 106\n\tstate stopped\n\n")
        self.set(ha_delay_ms=3000)
        self.attach()
        self.run_api("rollback", "--yes")
        self.assertEqual(self.read(CONF), before)
        self.assertFalse(self.running())

    def test_a_deleted_mapping_of_vgpus_comes_back_as_one(self):
        self.write("mapping/pci.cfg", self.read("mapping/pci.cfg") +
                   SECTION % "vgpu" + "\tdescription pool\n\tmdev 1\n")
        self.plan("--delete-mapping", "vgpu", "--accept", "attach.mapping=mapping/vgpu")
        self.apply()
        self.assertNotIn("vgpu", self.read("mapping/pci.cfg"))
        self.run_api("rollback", "--yes")
        section = self.read("mapping/pci.cfg").split("vgpu\n")[1].split("\n\n")[0]
        self.assertIn("\tmdev 1", section)
        self.assertIn("\tdescription pool", section)


class Unsaid(ApiTest):
    """What is not read is not called fine, and what waits is looked at."""
    def test_a_removal_that_waits(self):
        self.write(CONF, "hostpci0: 0000:01:00,pcie=1\n" + self.read(CONF) + "\n[PENDING]\ndelete: hostpci0\n")
        plan = self.plan(*GOAL, expect=1)
        self.assertIn("its removal waits in PENDING", json.dumps(plan["refusals"]))

    def test_what_waits_is_said_before_it_becomes_current(self):
        self.write(CONF, self.read(CONF) + "\n[PENDING]\nballoon: 0\n")
        found = [f for f in self.audit(*GOAL)["findings"] if f["id"] == "vm.running"]
        self.assertEqual([f["status"] for f in found], ["warn"])
        self.assertIn("[PENDING] balloon: 0", json.dumps(found))

    def test_a_part_of_the_card_is_there_already(self):
        self.write(CONF, "hostpci3: 0000:01:00.1\n" + self.read(CONF))
        plan = self.plan(*GOAL, expect=1)
        self.assertIn("hostpci3 has a part of the card already", json.dumps(plan["refusals"]))

    def test_a_vm_that_cannot_be_read(self):
        for what in ("config", "pending"):
            self.fault({"match": "GET /nodes/pve2/qemu/107/" + what, "do": "status", "status": 500, "reason": "no"})
            found = [f for f in self.audit()["findings"] if f["id"] == "attach.conflict"]
            self.assertEqual([f["status"] for f in found], ["unknown"], what)

    def test_a_pulled_twin_is_not_the_other_one(self):
        gone = "node=pve2,path=0000:0b:00,id=10de:2206,subsystem-id=1043:87b0,iommugroup=20"
        self.write("mapping/pci.cfg", "aa\n\tmap " + gone + "\n" + SECTION % "bb")
        plan = self.plan("--fix-mappings")
        self.assertEqual([c for c in plan["changes"] if c.get("mapping") == "aa"], [])

    def test_one_line_a_function_needs_the_whole_card_free(self):
        self.plan(*GOAL, "--no-start")
        self.apply()
        before = self.state_hash()
        plan = self.plan(*GOAL, "--no-start", "--mapping-per-function", expect=1)
        self.assertIn("gives it the whole card already", json.dumps(plan["refusals"]))
        self.assertEqual(self.state_hash(), before)


class Rights(ApiTest):
    def test_what_is_missing_is_named_with_its_command(self):
        self.write_token("limited@pve!ro")
        plan = self.plan(*GOAL, expect=1)
        reasons = " ".join(r["reason"] for r in plan["refusals"])
        for path in ("/vms/106", "/mapping/pci"):  # test_identity.py runs these lines
            self.assertIn("pveum acl modify %s --users limited@pve --tokens 'limited@pve!ro' --roles " % path, reasons)
        before = self.state_hash()
        self.apply(expect=1)
        self.assertEqual(before, self.state_hash())
        checks = {f["status"] for f in self.audit(*GOAL)["findings"] if f["id"] == "attach.rights"}
        self.assertEqual(checks, {"fail"})

    def test_what_may_not_be_read_is_a_gap(self):
        self.write("user.cfg", self.read("user.cfg").replace(
            "role:TofuUser:", "role:Blind:VM.Audit:\nrole:TofuUser:").replace(
            "acl:1:/:automation@pve,automation@pve!tofu:TofuUser:",
            "acl:1:/vms:automation@pve,automation@pve!tofu:Blind:"))
        audit = self.audit()
        gaps = [f for f in audit["findings"] if f["id"] == "host.api"]
        self.assertIn("pveum acl modify / --users automation@pve --tokens 'automation@pve!tofu' --roles PVEAuditor",
                      [g["fix"]["summary"].split("  #")[0] for g in gaps if g["fix"]])
        self.assertEqual([v["vmid"] for v in audit["vms"]], [100, 105, 106, 107, 110, 9000])
        self.assertEqual({f["status"] for f in gaps}, {"warn"})

    def test_root_needs_none(self):
        how, user = self.password()
        audit = self.audit(*GOAL, *user, **how)
        self.assertEqual({f["status"] for f in audit["findings"] if f["id"] == "attach.rights"}, {"ok"})

    def test_proxmox_ve_7_is_said_early(self):
        self.set(version="7.4-3")
        plan = self.plan(*GOAL, expect=1)
        self.assertIn("Proxmox VE 7 has no mappings", plan["refusals"][0]["reason"])
        how, user = self.password()
        plan = self.plan(*GOAL, *user, **how)
        self.assertEqual(plan["changes"][1]["params"]["hostpci0"], "0000:01:00,pcie=1")
        self.run_api("apply", self.plan_file, "--yes", *user, **how)
        self.assertEqual(self.hostpci(), ["hostpci0: 0000:01:00,pcie=1"])


class Trust(ApiTest):
    def test_nobody_vouches(self):
        done = self.run_api("audit", trust=False, expect=3)
        self.assertIn("nobody known here vouches for 127.0.0.1", done.stderr)
        self.assertIn("--fingerprint " + self.fingerprint, done.stderr)
        self.assertFalse(os.path.exists(self.home + "/.config"))

    def test_pinned_and_then_another(self):
        self.run_api("audit", "--fingerprint", self.fingerprint.lower(), trust=False)
        self.run_api("audit", trust=False, token=False)  # token file and certificate are remembered
        port = self.port
        self.stop()
        shutil.rmtree(self.directory + "/tls")
        self.start(port)
        done = self.run_api("audit", trust=False, expect=3)
        self.assertIn("is not the pinned one any more", done.stderr)
        self.assertIn("somebody may stand between", done.stderr)
        self.run_api("audit", "--fingerprint", self.fingerprint, trust=False)

    def test_a_certificate_that_changes_in_the_middle(self):
        self.plan(*GOAL, "--fingerprint", self.fingerprint, trust=False)
        self.fault({"match": "PUT /nodes", "do": "new-certificate"})
        done = self.apply(trust=False, expect=4)
        self.assertIn("is not the pinned one any more", done.stderr)
        self.assertIn("pvegpu rollback", done.stderr)

    def test_for_another_name(self):
        self.url = self.url.replace("127.0.0.1", "127.0.0.2")
        done = self.run_api("audit", expect=3)
        self.assertRegex(done.stderr, "vouches for|nothing answers")

    def test_wrong_pin(self):
        done = self.run_api("audit", "--fingerprint", "AA:" * 31 + "AA", trust=False, expect=3)
        self.assertIn("not the pinned one", done.stderr)


class Login(ApiTest):
    def test_wrong_password(self):
        how, user = self.password(password="correct horse")
        done = self.run_api("audit", *user, expect=3, **how)
        self.assertIn("does not know root@pam with that password", done.stderr)

    def test_wrong_token(self):
        with open(self.token_file, "w", encoding="ascii") as file:
            file.write(TOKEN + "=00000000-0000-4000-8000-000000000000\n")
        done = self.run_api("audit", expect=3)
        self.assertIn("does not accept the login of automation@pve!tofu", done.stderr)

    def test_a_token_that_others_can_read(self):
        os.chmod(self.token_file, 0o644)
        done = self.run_api("audit", expect=1)
        self.assertIn("can be read by others", done.stderr)

    def test_token_in_the_environment(self):
        with open(self.token_file, encoding="ascii") as file:
            self.run_api("audit", token=False, env={"PVEGPU_TOKEN": "PVEAPIToken=" + file.read()})

    def test_no_secret_is_kept(self):
        self.plan(*GOAL)
        self.apply()
        for where, _, files in os.walk(self.home):
            for name in files:
                path = os.path.join(where, name)
                with open(path, encoding="utf-8") as file:
                    self.assert_no_secret(file.read())
                self.assertEqual(os.stat(path).st_mode & 0o077, 0, path)

    def test_no_user_without_a_realm(self):
        how, _ = self.password()
        done = self.run_api("audit", "--user", "root", expect=2, **how)
        self.assertIn("name the realm too, root@pam", done.stderr)

    def test_ticket_that_runs_out_in_the_middle(self):
        how, user = self.password()
        self.plan(*GOAL, *user, **how)
        self.fault({"match": "PUT /nodes", "do": "expire-ticket", "times": 1})
        self.run_api("apply", self.plan_file, "--yes", *user, **how)
        self.assertEqual(self.hostpci(), ["hostpci0: 0000:01:00,pcie=1"])

    def test_nobody_to_ask(self):
        done = self.run_api("audit", token=False, expect=2)
        self.assertIn("nothing says who to log in as", done.stderr)

    def test_second_factor_and_trust_on_a_terminal(self):
        def code():
            given.append(totp(self.settings["users"]["admin@pve"]["totp"], int(time.time()) // 30))
            return given[-1]
        given = []
        dialogue = [(b"Password of admin@pve: ", lambda: "sample"), (b"Type yes if", lambda: "yes"),
                    (b"One-time code", code)]
        status, output = self.on_terminal(["audit", "--user", "admin@pve", "--node", "pve2"], dialogue)
        self.assertEqual(status, 0, output)
        self.assertIn(self.fingerprint[:47], output)
        self.assertNotIn("sample\r\n", output.split("Password of")[1][:40])
        # Remembered: next time only the login is asked for; a code counts once.
        again = (dialogue[2][0], lambda: given[0])
        status, output = self.on_terminal(["audit"], [dialogue[0], again])
        self.assertEqual(status, 3, output)
        self.assertNotIn("Type yes", output)
        self.assertIn("does not accept that code", output)


class Tasks(ApiTest):
    def test_one_that_fails_late(self):
        self.plan(*GOAL)
        self.set(task_errors={"qmstart:106": "start failed: QEMU exited with code 1"})
        done = self.apply(expect=4)
        self.assertIn("the task failed: start failed: QEMU exited with code 1", done.stderr)
        self.assertIn("3 of 4 changes were made; undo them with 'pvegpu rollback", done.stderr)
        self.run_api("rollback", "--yes")
        self.assertEqual(self.hostpci(), [])

    def test_high_availability(self):
        self.write("ha/resources.cfg", "vm: 106\n\tstate stopped\n\n")
        self.plan(*GOAL)
        self.apply()
        self.assertTrue(self.running())

    def test_a_running_vm_is_shut_down_first(self):
        self.settings["nodes"]["pve2"]["running"].append(106)
        self.set()
        plan = self.plan(*GOAL)
        self.assertEqual([c["path"].rsplit("/", 1)[1] for c in plan["changes"]],
                         ["pci", "shutdown", "config", "config", "start"])
        self.apply()
        self.assertEqual(self.hostpci(), ["hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1"])
        self.assertTrue(self.running())

    def test_a_guest_that_does_not_shut_down(self):
        self.settings["nodes"]["pve2"]["running"].append(106)
        self.set(vms={"106": {"shutdown": "hang"}}, hang_ms=300)
        self.plan(*GOAL)
        done = self.apply(expect=4)
        self.assertIn("timeout", done.stderr)
        self.assertTrue(self.running(), "nobody was there to say that it may be stopped")
        self.assertEqual(self.hostpci(), [])
        self.run_api("rollback", "--yes")
        # A person who is asked may say so; --yes does not cover it.
        self.plan(*GOAL)
        status, output = self.on_terminal(
            ["apply", self.plan_file, "--yes", "--token-file", self.token_file, "--ca-file", self.ca],
            [(b"Type yes for that: ", lambda: "yes")])
        self.assertEqual(status, 0, output)
        self.assertIn("like pulling its plug", output)
        self.assertEqual(self.hostpci(), ["hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1"])

    def test_what_is_pending_is_not_set_again(self):
        """Somebody attached it while the VM ran: a stop and a start is all that is missing."""
        self.settings["nodes"]["pve2"]["running"].append(106)
        self.set()
        how, user = self.password()
        lines = self.read(CONF).replace("cpu: x86-64-v2-AES", "cpu: host") + "machine: q35\ntablet: 0\n"
        self.write(CONF, lines + "\n[PENDING]\nhostpci0: 0000:01:00,pcie=1\n")
        plan = self.plan(*GOAL, *user, **how)
        self.assertEqual([c["path"].rsplit("/", 1)[1] for c in plan["changes"]], ["shutdown", "start"])
        self.run_api("apply", self.plan_file, "--yes", *user, **how)
        self.assertEqual(self.hostpci(), ["hostpci0: 0000:01:00,pcie=1"])
        self.assertNotIn("[PENDING]", self.read(CONF))
        self.assertTrue(self.plan(*GOAL, *user, **how)["nothing_to_do"])

    def test_on_another_node(self):
        done = self.run_api("plan", "--gpu", "01:00", "--vm", "120", expect=2)
        self.assertIn("is on node pve1: --node pve1", done.stderr)

    def test_locked(self):
        self.write(CONF, self.read(CONF) + "lock: backup\n")
        plan = self.plan(*GOAL, expect=1)
        self.assertIn("is locked (backup)", plan["refusals"][0]["reason"])


class BadAnswers(ApiTest):
    def says(self, fault, text, expect=3, command=("audit",)):
        self.fault(fault)
        before = self.state_hash()
        done = self.run_api(*command, expect=expect)
        self.assertRegex(done.stderr, text)
        self.assertEqual(before, self.state_hash())

    def test_what_is_no_answer(self):
        get = "GET /"
        self.says({"match": get, "do": "html"}, "web page")
        self.says({"match": get, "do": "garbage"}, "TLS|broke off|JSON")
        self.says({"match": get, "do": "truncate"}, "broken off")
        self.says({"match": get, "do": "cut"}, "broke off|broken off")
        self.says({"match": get, "do": "redirect"}, "sends us elsewhere")
        self.says({"match": get, "do": "huge"}, "longer than 32 MiB")
        self.says({"match": get, "do": "status", "status": 503, "reason": "Busy"}, "503|Busy", expect=3)
        self.says({"match": "GET /nodes", "do": "node-down"}, "cannot reach the node")

    def test_a_passing_fault_is_tried_again(self):
        self.fault({"match": "GET /nodes/pve2/qemu", "do": "close", "times": 1})
        self.audit()

    def test_a_change_is_not_tried_again(self):
        self.plan(*GOAL)
        self.fault({"match": "PUT /nodes/pve2/qemu/106/config", "do": "close", "times": 1})
        done = self.apply(expect=4)
        self.assertIn("broke off", done.stderr)
        self.run_api("rollback", "--yes")
        self.assertEqual(self.hostpci(), [])

    def test_no_quorum(self):
        self.plan(*GOAL)
        self.fault({"match": "PUT /", "do": "no-quorum"})  # lost after it was looked at
        done = self.apply(expect=4)
        self.assertIn("without quorum /etc/pve is read-only", done.stderr)
        self.assertEqual(self.hostpci(), [])

    def test_somebody_else_edits_between(self):
        self.plan(*GOAL)
        self.fault({"match": "PUT /nodes/pve2/qemu/106/config", "do": "digest-change", "times": 1})
        done = self.apply(expect=4)
        self.assertIn("checksum", done.stderr + done.stdout)
        self.assertIn("#changed by someone else", self.read(CONF))
        self.run_api("rollback", "--yes")
        self.assertIn("#changed by someone else", self.read(CONF))

    def test_changed_since_the_plan(self):
        self.plan(*GOAL)
        self.write(CONF, self.read(CONF) + "onboot: 1\n")
        before = self.state_hash()
        done = self.apply(expect=4)
        self.assertIn("VM 106 was changed since the plan was made", done.stderr)
        self.assertEqual(before, self.state_hash())

    def test_nothing_there(self):
        self.url = "https://127.0.0.1:1"
        done = self.run_api("audit", expect=3)
        self.assertIn("nothing answers at 127.0.0.1:1: Connection refused", done.stderr)
        self.url = "https://no-such-host.invalid:8006"
        done = self.run_api("audit", expect=3)
        self.assertIn("no host of the name", done.stderr)

    def test_no_tls_there(self):
        server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.url = "https://127.0.0.1:%d" % server.server_port
        done = self.run_api("audit", expect=3)
        server.shutdown()
        server.server_close()
        self.assertIn("does not speak TLS", done.stderr)

    def test_wrong_use(self):
        for arguments in (("--api", "http://127.0.0.1:8006"), ("--api", "https://a@b"),
                          ("--token-file", "x"), ("--api", self.url, "--root", "/tmp")):
            done = subprocess.run([PVEGPU, "audit", *arguments], capture_output=True, text=True,
                                  env=self.environment(), stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 2, done.stderr)

    def test_no_node_of_that_name(self):
        done = self.run_api("audit", node="pve7", expect=2)
        self.assertIn("no node 'pve7'", done.stderr)
        self.assertRegex(done.stderr, "pve1, pve2, pve3")

    def test_iommu_off(self):
        pci = json.loads(self.read("nodes/pve2/pci.json"))
        for device in pci:
            device["iommugroup"] = -1
        self.write("nodes/pve2/pci.json", json.dumps(pci))
        plan = self.plan(*GOAL, expect=1)
        self.assertIn("On pve2, as root: pvegpu plan --gpu 0000:01:00.0",
                      " ".join(r["reason"] for r in plan["refusals"]))


if __name__ == "__main__":
    if not os.path.exists(PVESIM):
        print("skipped: pvesim was not built")
        raise SystemExit(77)
    main()
