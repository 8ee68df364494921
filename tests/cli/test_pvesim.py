# SPDX-License-Identifier: GPL-3.0-or-later
"""pvesim over TLS on loopback: logging in, permissions, tasks, HA, and what goes wrong on purpose."""
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.parse
from pathlib import Path

from harness import ClusterState, HANG, PVESIM, SOURCE, totp

TOFU = "automation@pve!tofu"
READER = "limited@pve!ro"
ROOT_TOKEN = "root@pam!full"
GPU_MAP = "node=pve2,path=0000:01:00,id=10de:2206,subsystem-id=1043:87b0,iommugroup=1"


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.reason = response.reason
        self.headers = response.headers
        self.raw = body
        self.json = json.loads(body) if body[:1] == b"{" else None
        self.data = self.json.get("data") if self.json else None

    def __repr__(self):
        return "%d %s %r" % (self.status, self.reason, self.raw[:500])


class Server(ClusterState, unittest.TestCase):
    version = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="pvesim-test.")
        self.certificates = os.path.join(self.directory, "certificates")
        self.copy_cluster(self.directory)
        self.start()

    def tearDown(self):
        self.stop()
        shutil.rmtree(self.directory)

    def start(self, *arguments):
        self.process = subprocess.Popen(
            [PVESIM, "--state", self.state, "--certificate-dir", self.certificates,
             "--lifetime", "1200", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.ready = json.loads(self.process.stdout.readline())
        self.tls = ssl.create_default_context(cafile=self.ready["ca"])

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=HANG)
        self.assertEqual(self.process.returncode, 0, said)
        self.assertNotIn("Sanitizer", said)

    def token_header(self, token):
        return {"Authorization": "PVEAPIToken=%s=%s" % (token, self.settings["tokens"][token])}

    def connection(self, timeout=HANG):
        return http.client.HTTPSConnection("127.0.0.1", self.ready["port"], context=self.tls,
                                           timeout=timeout)

    def call(self, method, path, params=None, token=TOFU, headers=None, body=None, timeout=HANG):
        headers = dict(headers or {})
        if token:
            headers.update(self.token_header(token))
        if params is not None:
            encoded = urllib.parse.urlencode(params, doseq=True)
            if method in ("PUT", "POST"):
                body = encoded
                headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            elif encoded:
                path += "?" + encoded
        connection = self.connection(timeout)
        try:
            connection.request(method, "/api2/json" + path, body=body, headers=headers)
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def good(self, method, path, params=None, **options):
        answer = self.call(method, path, params, **options)
        self.assertEqual(answer.status, 200, answer)
        return answer.data

    def bad(self, status, reason, method, path, params=None, **options):
        answer = self.call(method, path, params, **options)
        self.assertEqual((answer.status, answer.reason), (status, reason), answer)
        return answer

    def login(self, user="root@pam", password="sample", **more):
        data = self.good("POST", "/access/ticket", dict(username=user, password=password, **more),
                         token=None)
        return data, {"Cookie": "PVEAuthCookie=" + urllib.parse.quote(data["ticket"], safe="")}

    def wait_task(self, upid, node="pve2", **options):
        path = "/nodes/%s/tasks/%s" % (node, urllib.parse.quote(upid, safe=""))
        for _ in range(HANG * 20):
            status = self.good("GET", path + "/status", **options)
            if status["status"] == "stopped":
                return status["exitstatus"], [
                    line["t"] for line in self.good("GET", path + "/log", {"limit": 0}, **options)]
            time.sleep(0.05)
        self.fail("task %s does not end" % upid)


# What a write to /etc/pve dies of without quorum; the number is that of a process.
NO_WRITE = (r"^unable to open file '/etc/pve/nodes/pve2/qemu-server/107\.conf\.tmp\.\d+' - "
            r"Permission denied$")


class LoggingIn(Server):
    def test_ticket(self):
        self.bad(401, "authentication failure", "POST", "/access/ticket",
                 {"username": "root@pam", "password": "wrong"}, token=None)
        self.bad(401, "authentication failure", "POST", "/access/ticket",
                 {"username": "nobody@pve", "password": "x"}, token=None)
        self.bad(401, "authentication failure", "POST", "/access/ticket",
                 {"username": "leaver@pve", "password": "sample"}, token=None)
        missing = self.bad(400, "Parameter verification failed.", "POST", "/access/ticket",
                           {"username": "root@pam"}, token=None)
        self.assertEqual(missing.json["errors"],
                         {"password": "property is missing and it is not optional"})
        data, cookie = self.login()
        self.assertEqual(data["username"], "root@pam")
        self.assertIn("VM.Audit", data["cap"]["vms"])
        self.assertEqual(self.good("GET", "/version", token=None, headers=cookie)["version"], "8.2.4")
        # Writing needs the token against forged requests as well.
        put = ("PUT", "/nodes/pve2/qemu/106/config", {"cores": 6})
        self.bad(401, "Permission denied - invalid csrf token", *put, token=None, headers=cookie)
        wrong = dict(cookie, CSRFPreventionToken="x")
        self.bad(401, "Permission denied - invalid csrf token", *put, token=None, headers=wrong)
        right = dict(cookie, CSRFPreventionToken=data["CSRFPreventionToken"])
        self.good(*put, token=None, headers=right)
        self.assertIn("cores: 6\n", self.read("nodes/pve2/qemu-server/106.conf"))
        renewed, _ = self.login(password=data["ticket"])
        self.assertNotEqual(renewed["ticket"], data["ticket"])
        # root by ticket may hand a device over by its address; its token may not.
        self.good("PUT", "/nodes/pve2/qemu/107/config", {"hostpci0": "0000:01:00,pcie=1"},
                  token=None, headers=right)

    def test_bad_tickets(self):
        self.bad(401, "No ticket", "GET", "/version", token=None)
        self.bad(401, "permission denied - invalid PVE ticket", "GET", "/version", token=None,
                 headers={"Cookie": "PVEAuthCookie=PVE%3Aroot%40pam%3A1%3A%3Ax"})
        _, cookie = self.login()
        # A bad cookie goes before a good token.
        both = dict(self.token_header(TOFU), Cookie="PVEAuthCookie=x")
        self.bad(401, "permission denied - invalid PVE ticket", "GET", "/version", token=None,
                 headers=both)
        self.set(ticket_lifetime_requests=2)
        _, cookie = self.login()
        for _ in range(2):
            self.good("GET", "/version", token=None, headers=cookie)
        self.bad(401, "permission denied - invalid PVE ticket", "GET", "/version", token=None,
                 headers=cookie)

    def test_second_factor(self):
        data = self.good("POST", "/access/ticket",
                         {"username": "admin@pve", "password": "sample"}, token=None)
        self.assertEqual(data["NeedTFA"], 1)
        self.assertTrue(data["ticket"].startswith("PVE:!tfa!"))
        self.assertNotIn("cap", data)
        cookie = {"Cookie": "PVEAuthCookie=" + urllib.parse.quote(data["ticket"], safe="")}
        self.bad(401, "No ticket", "GET", "/version", token=None, headers=cookie)
        code = totp(self.settings["users"]["admin@pve"]["totp"], int(time.time()) // 30)
        second = {"username": "admin@pve", "tfa-challenge": data["ticket"]}
        self.bad(401, "authentication failure", "POST", "/access/ticket",
                 dict(second, password="totp:000000" if code != "000000" else "totp:000001"),
                 token=None)
        self.bad(401, "authentication failure", "POST", "/access/ticket",
                 dict(second, password=code), token=None)
        full = self.good("POST", "/access/ticket", dict(second, password="totp:" + code), token=None)
        self.assertNotIn("NeedTFA", full)
        cookie = {"Cookie": "PVEAuthCookie=" + urllib.parse.quote(full["ticket"], safe="")}
        self.good("GET", "/version", token=None, headers=cookie)
        # A code is good once.
        data = self.good("POST", "/access/ticket",
                         {"username": "admin@pve", "password": "sample"}, token=None)
        self.bad(401, "authentication failure", "POST", "/access/ticket",
                 {"username": "admin@pve", "tfa-challenge": data["ticket"],
                  "password": "totp:" + code}, token=None)

    def test_tokens(self):
        self.bad(401, "invalid token value!", "GET", "/version", token=None,
                 headers={"Authorization": "PVEAPIToken=%s=wrong" % TOFU})
        self.bad(401, "no such user ('who@pve')", "GET", "/version", token=None,
                 headers={"Authorization": "PVEAPIToken=who@pve!xx=wrong"})
        self.bad(401, "no such token 'xx' for user 'automation@pve'", "GET", "/version", token=None,
                 headers={"Authorization": "PVEAPIToken=automation@pve!xx=wrong"})
        self.bad(403, "URI '/access/ticket' not available with API token, need proper ticket.",
                 "POST", "/access/ticket", {"username": "root@pam", "password": "sample"})

    def test_the_reason_is_not_told(self):
        # From Proxmox VE 9 on all that is wrong with a ticket or a token is one text.
        self.set(version="9.2.11")
        for header, value in (("Authorization", "PVEAPIToken=%s=wrong" % TOFU),
                              ("Authorization", "PVEAPIToken=who@pve!xx=wrong"),
                              ("Authorization", "PVEAPIToken=automation@pve!xx=wrong"),
                              ("Authorization", "PVEAPIToken=leaver@pve!xx=wrong"),
                              ("Cookie", "PVEAuthCookie=x"),
                              ("Cookie", "PVEAuthCookie=PVE%3Aroot%40pam%3A1%3A%3Ax")):
            answer = self.bad(401, "Authentication failed!", "GET", "/version", token=None,
                              headers={header: value})
            self.assertEqual(answer.raw, b"")
        self.bad(401, "No ticket", "GET", "/version", token=None)
        self.bad(401, "authentication failure", "POST", "/access/ticket",
                 {"username": "root@pam", "password": "wrong"}, token=None)
        _, cookie = self.login()
        self.bad(401, "Permission denied - invalid csrf token", "PUT",
                 "/nodes/pve2/qemu/106/config", {"cores": 6}, token=None, headers=cookie)
        first = self.good("POST", "/access/ticket",
                          {"username": "admin@pve", "password": "sample"}, token=None)
        half = {"Cookie": "PVEAuthCookie=" + urllib.parse.quote(first["ticket"], safe="")}
        self.bad(401, "No ticket", "GET", "/version", token=None, headers=half)

    def test_certificate(self):
        def fingerprint():
            with socket.create_connection(("127.0.0.1", self.ready["port"])) as plain:
                with self.tls.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                    digest = hashlib.sha256(secure.getpeercert(True)).hexdigest().upper()
            return ":".join(digest[i:i + 2] for i in range(0, 64, 2))

        self.assertEqual(fingerprint(), self.ready["fingerprint"])
        with self.assertRaises(ssl.SSLCertVerificationError):
            with socket.create_connection(("127.0.0.1", self.ready["port"])) as plain:
                ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")
        before = self.ready["fingerprint"]
        self.stop()
        self.start()
        self.assertEqual(fingerprint(), before)
        self.process.send_signal(signal.SIGHUP)
        again = json.loads(self.process.stdout.readline())
        self.assertNotEqual(again["fingerprint"], before)
        self.assertEqual(fingerprint(), again["fingerprint"])
        self.set(faults=[{"match": "GET /version", "do": "new-certificate", "times": 1}])
        self.good("GET", "/version")
        self.assertNotEqual(fingerprint(), again["fingerprint"])


class Wire(Server):
    def test_bodies(self):
        path = "/nodes/pve2/qemu/107/config"
        json_type = {"Content-Type": "application/json"}
        self.good("PUT", path, body=json.dumps({"cores": 4, "onboot": True}), headers=json_type)
        self.assertIn("onboot: 1\n", self.read("nodes/pve2/qemu-server/107.conf"))
        self.bad(501, "'\"' expected, at character offset 1 (before \"bad\")", "PUT", path,
                 body="{bad", headers=json_type)
        self.bad(506, "upload 'Content-Type 'text/plain' not implemented", "PUT", path, body="x=1",
                 headers={"Content-Type": "text/plain"})
        self.bad(501, "Unexpected content for method 'DELETE'", "DELETE",
                 "/cluster/mapping/pci/rtx3080", body="x=1")
        self.bad(501, "for data too large", "PUT", path, body="x" * (512 * 1024 + 1),
                 headers={"Content-Type": "application/x-www-form-urlencoded"})
        self.bad(501, "Method 'GET /nowhere' not implemented", "GET", "/nowhere")
        answer = self.bad(400, "Parameter verification failed.", "GET", "/version", {"x": 1})
        self.assertEqual(answer.json, {"data": None, "errors": {
            "x": "property is not defined in schema and the schema does not allow additional "
                 "properties"}})
        # The traps of the form: ; parts fields, a second = cuts.
        answer = self.call("PUT", path, body="tags=a;b",
                           headers={"Content-Type": "application/x-www-form-urlencoded"})
        self.assertIn("b", answer.json["errors"])

    def test_message(self):
        path = "/nodes/pve2/qemu/999/config"
        reason = "Configuration file 'nodes/pve2/qemu-server/999.conf' does not exist"
        self.assertEqual(self.bad(500, reason, "GET", path).json, {"data": None})
        self.set(version="8.3.0")
        self.assertEqual(self.bad(500, reason, "GET", path).json,
                         {"data": None, "message": reason + "\n"})

    def test_what_closes_the_connection(self):
        def connection(method, path, *arguments, **options):
            return self.call(method, path, *arguments, **options).headers.get_all("Connection")

        missing = "/nodes/pve2/qemu/999/config"
        self.assertEqual(connection("GET", "/version"), ["Keep-Alive"])
        # pveproxy passes on the header line of pvedaemon, which always closes.
        self.assertEqual(connection("GET", "/nodes/pve2/qemu"), ["close", "Keep-Alive"])
        self.assertEqual(connection("GET", "/nodes/pve3/version"), ["close", "Keep-Alive"])
        for method, path, token in (("GET", "/version", None), ("GET", "/nosuch", TOFU),
                                    ("GET", missing, TOFU), ("HEAD", "/version", TOFU),
                                    ("GET", "/nodes/pve2/journal", TOFU),
                                    ("GET", "/version?x=1", TOFU)):
            self.assertEqual(connection(method, path, token=token), ["close"], path)
        with self.subTest("it does close"):
            open_one = self.connection()
            open_one.request("GET", "/api2/json" + missing, headers=self.token_header(TOFU))
            open_one.getresponse().read()
            self.assertIsNone(open_one.sock)

    def test_methods(self):
        for method in ("HEAD", "PATCH", "OPTIONS"):
            answer = self.bad(501, "method '%s' not available" % method, method, "/version")
            self.assertEqual(answer.raw, b"")
        self.set(version="9.2.11")
        reason = "Method 'PUT /nodes/pve2/qemu/106/status/start' not implemented"
        answer = self.bad(501, reason, "PUT", "/nodes/pve2/qemu/106/status/start", {})
        self.assertEqual(answer.json, {"data": None, "message": reason})

    def test_messages_and_their_ends(self):
        self.set(version="9.2.11")
        failed = (400, "Parameter verification failed.")
        path = "/nodes/pve2/qemu/107/config"
        answer = self.bad(*failed, "GET", "/nodes/pve2/qemu/7/config")
        self.assertEqual(answer.json, {
            "data": None, "message": "Parameter verification failed.\n",
            "errors": {"vmid": "invalid format - value does not look like a valid VM ID\n"}})
        answer = self.bad(*failed, "PUT", path, {"hostpci3": "0000:01:00,nope=1"})
        self.assertEqual(answer.json["errors"]["hostpci3"],
                         "invalid format - format error\nhostpci3.nope: property is not defined in "
                         "schema and the schema does not allow additional properties\n")
        answer = self.bad(*failed, "PUT", path, {"cores": "many"})
        self.assertEqual(answer.json["errors"]["cores"],
                         "type check ('integer') failed - got 'many'")
        answer = self.bad(*failed, "GET", "/nodes/pve2/qemu/110/config",
                          {"snapshot": "before_update", "current": 1})
        self.assertEqual(set(answer.json["errors"]), {"snapshot", "current"})

    def test_daemons_that_are_dead(self):
        self.set(pvedaemon=False)
        self.bad(595, "Connection refused", "GET", "/nodes/pve2/hardware/pci")
        self.bad(595, "Connection refused", "POST", "/access/ticket",
                 {"username": "root@pam", "password": "sample"}, token=None)
        self.good("GET", "/nodes/pve2/qemu/107/config")
        self.bad(403, "Permission check failed (/nodes/pve2, Sys.Syslog)", "GET",
                 "/nodes/pve2/journal")  # checked before anything is handed on
        self.settings["nodes"]["pve1"]["pveproxy"] = "refused"
        self.settings["nodes"]["pve3"]["pveproxy"] = "hung"
        self.set(pvedaemon=True)
        self.assertEqual(self.bad(595, "Connection refused", "GET", "/nodes/pve1/status").raw, b"")
        self.bad(596, "Connection timed out", "GET", "/nodes/pve3/status")
        self.assertEqual({n["status"] for n in self.good("GET", "/nodes")}, {"online"})

    def test_compression(self):
        answer = self.call("GET", "/nodes/pve2/hardware/pci", headers={"Accept-Encoding": "gzip"})
        self.assertEqual(answer.headers["Content-Encoding"], "gzip")
        self.assertEqual(answer.raw[:2], b"\x1f\x8b")
        answer = self.call("GET", "/version", headers={"Accept-Encoding": "gzip"})
        self.assertIsNone(answer.headers["Content-Encoding"])

    def test_delay(self):
        self.set(unauthorized_delay_ms=400)
        start = time.monotonic()
        self.bad(401, "No ticket", "GET", "/version", token=None)
        self.assertGreater(time.monotonic() - start, 0.35)

    def test_only_loopback(self):
        port = "%04X" % self.ready["port"]
        listening = []
        for table in ("tcp", "tcp6"):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                local, state = line.split()[1], line.split()[3]
                if state == "0A" and local.endswith(":" + port):
                    listening.append(local)
        self.assertEqual(listening, ["0100007F:" + port])

    def test_requests_are_noted(self):
        self.login()
        lines = [json.loads(line) for line in self.read("requests.jsonl").splitlines()]
        self.assertEqual(lines[-1]["path"], "/access/ticket")
        self.assertNotIn("sample", json.dumps(lines))


class Reading(Server):
    def test_cluster(self):
        nodes = self.good("GET", "/nodes")
        self.assertEqual([n["node"] for n in nodes], ["pve1", "pve2", "pve3"])
        kinds = {r["type"] for r in self.good("GET", "/cluster/resources")}
        self.assertEqual(kinds, {"qemu", "node", "storage"})
        vms = self.good("GET", "/cluster/resources", {"type": "vm"})
        self.assertEqual({v["vmid"]: v["node"] for v in vms if v["vmid"] in (106, 120, 130)},
                         {106: "pve2", 120: "pve1", 130: "pve3"})
        status = self.good("GET", "/cluster/status")
        self.assertEqual(status[0]["quorate"], 1)
        self.assertEqual(self.good("GET", "/nodes/pve2/status")["current-kernel"]["release"],
                         "6.8.4-3-pve")
        self.assertEqual(self.good("GET", "/nodes/pve2/syslog",
                                   token=ROOT_TOKEN)[0]["n"], 1)
        self.assertTrue(self.good("GET", "/nodes/pve2/journal", {"lastentries": 1}, token=ROOT_TOKEN))
        self.bad(403, "Permission check failed (/nodes/pve2, Sys.Syslog)", "GET",
                 "/nodes/pve2/journal")
        self.assertEqual([s["storage"] for s in self.good("GET", "/nodes/pve2/storage")],
                         ["local", "local-lvm"])

    def test_what_is_measured(self):
        # What a node says of its VMs, the cluster of all, and one's own state have other members.
        self.set(version="9.2.11")
        names = ("cpu", "mem", "memhost", "maxmem", "disk", "maxdisk", "netin", "netout", "uptime")
        for path, more, never in (
                ("/nodes/pve2/qemu", ("cpus",), ("diskread", "maxcpu", "id", "node", "agent")),
                ("/cluster/resources?type=vm", ("maxcpu", "diskread", "diskwrite", "id", "node",
                                                "template", "type"), ("cpus", "pid"))):
            for vm in self.good("GET", path):
                self.assertEqual([n for n in names + more if n not in vm], [], vm)
                self.assertEqual([n for n in never if n in vm], [], vm)
        running = self.good("GET", "/nodes/pve2/qemu/100/status/current")
        stopped = self.good("GET", "/nodes/pve2/qemu/106/status/current")
        self.assertEqual((running["qmpstatus"], stopped["qmpstatus"]), ("running", "stopped"))
        for name in ("pid", "balloon", "running-machine", "running-qemu", "proxmox-support",
                     "diskread", "pressurecpusome"):
            self.assertIn(name, running)
            self.assertNotIn(name, stopped)
        self.assertIn("cpuinfo", self.good("GET", "/nodes/pve2/status"))

    def test_who_sees_nodes(self):
        self.write("user.cfg", self.read("user.cfg").replace(
            "acl:1:/:limited@pve", "acl:1:/vms:limited@pve"))
        for node in self.good("GET", "/nodes", token=READER):
            self.assertEqual(set(node), {"node", "id", "type", "status", "level", "ssl_fingerprint"})
        self.assertIn("cpu", self.good("GET", "/nodes")[0])
        self.settings["nodes"]["pve3"]["status"] = "offline"
        self.set()
        off = [n for n in self.good("GET", "/nodes") if n["node"] == "pve3"][0]
        self.assertEqual(off, {"node": "pve3", "id": "node/pve3", "type": "node",
                               "status": "offline", "ssl_fingerprint": None})
        vm = [v for v in self.good("GET", "/cluster/resources", {"type": "vm"})
              if v["node"] == "pve3"][0]
        self.assertEqual((vm["status"], "name" in vm, "maxmem" in vm), ("unknown", False, False))

    def test_access_lists(self):
        rows = self.good("GET", "/access/acl")
        self.assertIn({"path": "/", "type": "token", "ugid": READER, "roleid": "PVEAuditor",
                       "propagate": 1}, rows)
        path = "/access/users/limited@pve/token/ro"
        self.assertEqual(self.good("GET", path, token=ROOT_TOKEN), {"expire": 0, "privsep": 1})
        # A token is not its user: it may not even look at itself.
        self.bad(403, "Permission check failed", "GET", path, token=READER)
        self.assertEqual(set(self.good("GET", "/nodes/pve2/dns")), {"dns1"})
        self.assertIn("q35", {m["type"] for m in self.good(
            "GET", "/nodes/pve2/capabilities/qemu/machines")})

    def test_auditor(self):
        self.set(version="9.2.11")
        granted = self.good("GET", "/access/permissions", {"path": "/vms/106"}, token=READER)
        self.assertIn("VM.GuestAgent.Audit", granted["/vms/106"])
        self.assertNotIn("VM.GuestAgent.FileRead", granted["/vms/106"])

    def test_pci(self):
        listed = {d["id"]: d for d in self.good("GET", "/nodes/pve2/hardware/pci")}
        self.assertEqual(listed["0000:01:00.0"]["device"], "0x2206")
        self.assertNotIn("0000:00:14.2", listed)  # memory, class 05
        self.assertNotIn("0000:00:00.0", listed)
        everything = self.good("GET", "/nodes/pve2/hardware/pci", {"pci-class-blacklist": ""})
        self.assertGreater(len(everything), len(listed))
        self.assertNotIn("vendor_name", self.good("GET", "/nodes/pve2/hardware/pci",
                                                  {"verbose": 0})[0])
        self.assertEqual(self.good("GET", "/nodes/pve2/hardware/pci/0000:01:00.0/mdev"), [])

    def test_config(self):
        config = self.good("GET", "/nodes/pve2/qemu/110/config")
        self.assertEqual((config["balloon"], config["cores"], config["memory"]), (0, 6, "16384"))
        current = self.good("GET", "/nodes/pve2/qemu/110/config", {"current": 1})
        self.assertNotIn("balloon", current)
        self.assertEqual(current["digest"], hashlib.sha1(
            self.read("nodes/pve2/qemu-server/110.conf").encode()).hexdigest())
        pending = self.good("GET", "/nodes/pve2/qemu/110/pending")
        self.assertIn({"key": "balloon", "pending": 0}, pending)
        names = [s["name"] for s in self.good("GET", "/nodes/pve2/qemu/110/snapshot")]
        self.assertEqual(names, ["before_update", "current"])

    def test_permissions(self):
        granted = self.good("GET", "/access/permissions", {"path": "/mapping/pci"})
        self.assertEqual(granted["/mapping/pci"]["Mapping.Modify"], 1)
        granted = self.good("GET", "/access/permissions", {"path": "/vms/106"}, token=READER)
        self.assertIn("VM.Audit", granted["/vms/106"])
        self.assertNotIn("VM.PowerMgmt", granted["/vms/106"])
        self.bad(403, "Permission check failed (/vms/106, VM.PowerMgmt)", "POST",
                 "/nodes/pve2/qemu/106/status/start", {}, token=READER)
        self.bad(403, "Permission check failed (/mapping/pci, Mapping.Modify)", "POST",
                 "/cluster/mapping/pci", {"id": "gpu", "map": GPU_MAP}, token=READER)
        self.assertEqual(self.good("GET", "/nodes/pve2/qemu", token=READER)[0]["vmid"], 100)
        self.write("user.cfg", self.read("user.cfg").replace(
            "acl:1:/:limited@pve", "acl:1:/vms:limited@pve"))
        self.bad(403, "Permission check failed", "GET", "/cluster/mapping/pci/rtx3080", token=READER)
        self.assertEqual(self.good("GET", "/cluster/mapping/pci", token=READER), [])


class Changing(Server):
    def start_vm(self, vmid, node="pve2", **options):
        return self.wait_task(self.good("POST", "/nodes/%s/qemu/%d/status/start" % (node, vmid), {}),
                              node, **options)

    def map_gpu(self, text=GPU_MAP):
        self.good("POST", "/cluster/mapping/pci", {"id": "gpu", "map": text})

    def test_attach_by_mapping_and_start(self):
        self.map_gpu()
        config = "/nodes/pve2/qemu/106/config"
        self.bad(500, "only root can set 'hostpci0' config for non-mapped devices", "PUT", config,
                 {"hostpci0": "0000:01:00"})
        self.good("PUT", config, {"hostpci0": "mapping=gpu,pcie=1"})
        status, log = self.start_vm(106)
        self.assertTrue(status.startswith("q35 machine model is not enabled"), status)
        self.assertTrue(log[-1].startswith("TASK ERROR: q35"))
        self.good("PUT", config, {"machine": "q35"})
        self.assertEqual(self.start_vm(106), ("OK", ["TASK OK"]))
        current = self.good("GET", "/nodes/pve2/qemu/106/status/current")
        self.assertEqual((current["status"], current["ha"]), ("running", {"managed": 0}))
        self.assertEqual(json.loads(self.read("running.json"))["106"]["devices"],
                         ["0000:01:00.0", "0000:01:00.1"])
        # The card is in use now, and changes wait for the next start.
        self.good("PUT", "/nodes/pve2/qemu/107/config", {"hostpci0": "mapping=gpu,pcie=1"})
        status, _ = self.start_vm(107)
        self.assertEqual(status, "PCI device '0000:01:00.0' already in use by VMID '106'")
        self.good("PUT", config, {"delete": "hostpci0"})
        self.assertIn({"key": "hostpci0", "value": "mapping=gpu,pcie=1", "delete": 1},
                      self.good("GET", "/nodes/pve2/qemu/106/pending"))
        self.assertEqual(self.start_vm(106)[0], "VM 106 already running")
        upid = self.good("POST", "/nodes/pve2/qemu/106/status/shutdown", {})
        self.assertEqual(self.wait_task(upid)[0], "OK")
        self.assertEqual(self.start_vm(106)[0], "OK")
        self.assertNotIn("hostpci0", self.good("GET", config, {"current": 1}))

    def test_mapping_that_does_not_fit(self):
        self.map_gpu(GPU_MAP.replace("iommugroup=1", "iommugroup=7"))
        checks = [m for m in self.good("GET", "/cluster/mapping/pci", {"check-node": "pve2"})
                  if m["id"] == "gpu"][0]["checks"]
        self.assertEqual(checks[0]["message"], "Invalid configuration: 'iommugroup' does not match "
                                               "for 'gpu' (1 != 7)\n")
        self.good("PUT", "/nodes/pve2/qemu/107/config", {"hostpci0": "mapping=gpu"})
        status, _ = self.start_vm(107)
        self.assertEqual(status, "PCI device mapping invalid (hardware probably changed): "
                                 "'iommugroup' does not match for 'gpu' (1 != 7)")
        self.good("PUT", "/nodes/pve2/qemu/107/config", {"hostpci0": "mapping=rtx3080"})
        self.assertEqual(self.start_vm(107)[0], "PCI device mapping not found for 'rtx3080'")

    def test_no_iommu_and_romfile(self):
        self.map_gpu()
        self.good("PUT", "/nodes/pve2/qemu/107/config",
                  {"hostpci0": "mapping=gpu,pcie=1,romfile=none.rom"})
        status, log = self.start_vm(107)
        self.assertEqual(status, "start failed: QEMU exited with code 1")
        self.assertIn("failed to find romfile", log[0])
        devices = json.loads(self.read("nodes/pve2/pci.json"))
        for device in devices:
            device["iommugroup"] = -1
        self.write("nodes/pve2/pci.json", json.dumps(devices))
        self.good("PUT", "/cluster/mapping/pci/gpu", {"map": GPU_MAP.replace(",iommugroup=1", "")})
        self.assertEqual(self.start_vm(107)[0],
                         "cannot prepare PCI pass-through, IOMMU not present")

    def test_digest_and_lock(self):
        path = "/nodes/pve2/qemu/107/config"
        digest = self.good("GET", path)["digest"]
        self.good("PUT", path, {"cores": 2, "digest": digest})
        self.bad(500, "checksum mismatch (file change by other user?)", "PUT", path,
                 {"cores": 3, "digest": digest})
        text = self.read("nodes/pve2/qemu-server/107.conf")
        self.write("nodes/pve2/qemu-server/107.conf", text + "lock: backup\n")
        self.bad(500, "VM is locked (backup)", "PUT", path, {"cores": 3})
        mapping = self.good("GET", "/cluster/mapping/pci/rtx3080")
        self.bad(500, "update hardware mapping failed: detected modified configuration - file "
                      "changed by other user? Try again.", "PUT", "/cluster/mapping/pci/rtx3080",
                 {"map": mapping["map"], "digest": "0" * 40})

    def test_asynchronous_change(self):
        upid = self.good("POST", "/nodes/pve2/qemu/106/config", {"hostpci0": "0000:01:00"})
        status, log = self.wait_task(upid)
        self.assertEqual(status, "only root can set 'hostpci0' config for non-mapped devices")
        self.set(qmconfig_ms=300)
        upid = self.good("POST", "/nodes/pve2/qemu/106/config", {"cores": 3})
        self.assertNotIn("cores: 3\n", self.read("nodes/pve2/qemu-server/106.conf"))
        self.assertEqual(self.wait_task(upid)[0], "OK")
        self.assertIn("cores: 3\n", self.read("nodes/pve2/qemu-server/106.conf"))

    def test_late_failure_and_abort(self):
        self.set(start_ms=400, task_errors={"qmstart:106": "start failed: org.freedesktop.systemd1."
                                                           "UnitExists"})
        upid = self.good("POST", "/nodes/pve2/qemu/106/status/start", {})
        path = "/nodes/pve2/tasks/" + urllib.parse.quote(upid, safe="")
        self.assertEqual(self.good("GET", path + "/status")["status"], "running")
        self.assertEqual(self.good("GET", path + "/log")[0]["t"], "no content")
        self.assertIn("UnitExists", self.wait_task(upid)[0])
        self.assertEqual(self.good("GET", "/nodes/pve2/tasks", {"vmid": 106})[0]["upid"], upid)
        upid = self.good("POST", "/nodes/pve2/qemu/107/status/start", {})
        self.good("DELETE", "/nodes/pve2/tasks/" + urllib.parse.quote(upid, safe=""))
        self.assertEqual(self.wait_task(upid)[0], "interrupted by signal")
        other = self.good("POST", "/nodes/pve2/qemu/107/status/start", {}, token=ROOT_TOKEN)
        self.good("GET", "/nodes/pve2/tasks/%s/status" % urllib.parse.quote(other, safe=""))
        self.bad(403, "Permission check failed (/nodes/pve2, Sys.Modify)", "DELETE",
                 "/nodes/pve2/tasks/" + urllib.parse.quote(other, safe=""))

    def test_tasks_of_tokens_and_unknown_ones(self):
        self.set(start_ms=0)
        upid = self.good("POST", "/nodes/pve2/qemu/106/status/start", {})
        path = "/nodes/pve2/tasks/"
        status = self.good("GET", path + urllib.parse.quote(upid, safe="") + "/status")
        self.assertEqual((status["user"], status["tokenid"]), ("automation@pve", "tofu"))
        self.assertEqual(self.good("GET", path + urllib.parse.quote(upid, safe="") + "/log",
                                   {"start": 9}), [])
        listed = self.call("GET", "/nodes/pve2/tasks", {"source": "active"})
        self.assertEqual(listed.json, {"data": []})
        failed = (400, "Parameter verification failed.", "GET")
        for node in ("pve2", "pve9"):
            gone = path + "UPID:%s:00000222:00035060:6B0A6E2E:qmstart:999:root@pam:" % node
            self.assertEqual(self.bad(*failed, gone + "/status").json["errors"],
                             {"upid": "no such task"})
            log = self.call("GET", gone + "/log").json
            self.assertEqual((log["data"], log["total"]), (
                [{"n": 1, "t": "unable to open file - No such file or directory"}], 1))
        for what in ("/status", "/log"):
            self.assertEqual(self.bad(*failed, path + "nonsense" + what).json["errors"],
                             {"upid": "unable to parse worker upid"})

    def test_what_a_start_needs(self):
        path = "/nodes/pve2/qemu/106/config"
        conf = self.read("nodes/pve2/qemu-server/106.conf")

        def start(line):
            self.write("nodes/pve2/qemu-server/106.conf", conf + line + "\n")
            return self.start_vm(106)

        self.assertTrue(self.good("GET", path))
        self.assertEqual(start("virtio3: gone:vm-106-disk-9,size=1G")[0],
                         "storage 'gone' does not exist")
        self.assertEqual(start("hookscript: local:snippets/none.pl")[0],
                         "hookscript error for 106 on pre-start: script "
                         "'local:snippets/none.pl' does not exist")
        why = "PCI device mapping not found for 'nope'"
        self.assertEqual(start("hostpci0: mapping=nope"), (why, [why, "", "TASK ERROR: " + why]))

    def test_shutdown_that_hangs(self):
        self.set(vms={"105": {"shutdown": "hang"}})
        upid = self.good("POST", "/nodes/pve2/qemu/105/status/shutdown", {"timeout": 1})
        self.assertEqual(self.wait_task(upid)[0], "VM quit/powerdown failed - got timeout")
        upid = self.good("POST", "/nodes/pve2/qemu/105/status/shutdown",
                         {"timeout": 0, "forceStop": 1})
        self.assertEqual(self.wait_task(upid)[0], "OK")
        self.assertEqual(self.good("GET", "/nodes/pve2/qemu/105/status/current")["status"], "stopped")

    def test_ha(self):
        current = self.good("GET", "/nodes/pve1/qemu/120/status/current")
        self.assertEqual((current["status"], current["ha"]),
                         ("running", {"managed": 1, "state": "started"}))
        self.assertEqual(self.good("GET", "/cluster/ha/resources")[0]["sid"], "vm:120")
        upid = self.good("POST", "/nodes/pve1/qemu/120/status/stop", {})
        self.assertIn(":hastop:120:", upid)
        status, log = self.wait_task(upid, "pve1")
        self.assertEqual((status, log[0]), ("OK", "Requesting HA stop for VM 120"))
        self.assertIn("state stopped", self.read("ha/resources.cfg"))
        self.wait_for_state(120, "stopped")
        upid = self.good("POST", "/nodes/pve1/qemu/120/status/start", {})
        self.assertIn(":hastart:120:", upid)
        self.assertEqual(self.wait_task(upid, "pve1")[0], "OK")
        self.wait_for_state(120, "running")
        self.assertTrue(self.good("GET", "/cluster/ha/status/current"))

    def wait_for_state(self, vmid, state, node="pve1"):
        for _ in range(HANG * 20):
            if self.good("GET", "/nodes/%s/qemu/%d/status/current" % (node, vmid))["status"] == state:
                return
            time.sleep(0.05)
        self.fail("VM %d is not %s" % (vmid, state))

    def test_node_command(self):
        self.bad(403, "Permission check failed (/nodes/pve2, Sys.PowerMgmt)", "POST",
                 "/nodes/pve2/status", {"command": "reboot"})
        self.good("POST", "/nodes/pve2/status", {"command": "reboot"}, token=ROOT_TOKEN)
        self.assertEqual(json.loads(self.read("commands.json"))[0]["command"], "reboot")

    def test_old_version(self):
        self.set(version="7.4-3")
        self.bad(501, "Method 'GET /cluster/mapping/pci' not implemented", "GET",
                 "/cluster/mapping/pci")
        self.bad(500, "only root can set 'hostpci0' config", "PUT", "/nodes/pve2/qemu/106/config",
                 {"hostpci0": "0000:01:00"}, token=ROOT_TOKEN)
        answer = self.bad(400, "Parameter verification failed.", "PUT",
                          "/nodes/pve2/qemu/106/config", {"hostpci0": "mapping=gpu"})
        self.assertIn("hostpci0.mapping: property is not defined", answer.json["errors"]["hostpci0"])
        self.assertNotIn("boot-info", self.good("GET", "/nodes/pve2/status"))


class Faults(Server):
    def fault(self, do, match="GET /version", **more):
        self.set(faults=[dict({"match": match, "do": do}, **more)])

    def test_answers_that_are_wrong(self):
        self.fault("html")
        answer = self.call("GET", "/version")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/html"))
        self.fault("truncate")
        with self.assertRaises(ValueError):
            self.call("GET", "/version")
        self.fault("cut")
        with self.assertRaises(http.client.IncompleteRead):
            self.call("GET", "/version")
        self.fault("bad-length")
        with self.assertRaises(http.client.IncompleteRead):
            self.call("GET", "/version")
        self.fault("garbage")
        with self.assertRaises(http.client.BadStatusLine):
            self.call("GET", "/version")
        self.fault("close")
        with self.assertRaises((http.client.RemoteDisconnected, ssl.SSLError)):
            self.call("GET", "/version")
        self.fault("status", status=503, reason="Service Unavailable", message="later")
        self.bad(503, "Service Unavailable", "GET", "/version")
        self.fault("redirect", url="https://127.0.0.1:9/")
        self.assertEqual(self.call("GET", "/version").headers["Location"], "https://127.0.0.1:9/")
        self.fault("node-down")
        self.bad(595, "Connection refused", "GET", "/version")
        self.fault("huge", bytes=3000000)
        self.assertEqual(len(self.call("GET", "/version").raw), 3000000)

    def test_slow(self):
        self.fault("slow", ms=500)
        start = time.monotonic()
        self.good("GET", "/version")
        self.assertGreater(time.monotonic() - start, 0.45)
        # Others are not kept waiting.
        self.fault("hang")
        with self.assertRaises(TimeoutError):
            self.call("GET", "/version", timeout=0.5)
        self.good("GET", "/nodes")

    def test_counting(self):
        self.fault("node-down", after=1, times=2)
        codes = [self.call("GET", "/version").status for _ in range(5)]
        self.assertEqual(codes, [200, 595, 595, 200, 200])

    def test_changes_behind_the_back(self):
        path = "/nodes/pve2/qemu/107/config"
        digest = self.good("GET", path)["digest"]
        self.fault("digest-change", "PUT /nodes/pve2/qemu/107/config", times=1)
        self.bad(500, "checksum mismatch (file change by other user?)", "PUT", path,
                 {"cores": 3, "digest": digest})
        self.assertTrue(self.read("nodes/pve2/qemu-server/107.conf").startswith("#changed by"))
        _, cookie = self.login()
        self.fault("expire-ticket", "GET /nodes", times=1)
        self.bad(401, "permission denied - invalid PVE ticket", "GET", "/nodes", token=None,
                 headers=cookie)
        self.fault("no-quorum", "* /")
        self.assertRegex(self.call("PUT", path, {"cores": 3}).reason, NO_WRITE)
        self.good("GET", path)
        self.fault("no-quorum", "* /", times=1)
        self.assertRegex(self.call("PUT", path, {"cores": 3}).reason, NO_WRITE)
        self.good("PUT", path, {"cores": 3})

    def test_no_quorum(self):
        self.set(quorate=False, start_ms=0, stop_ms=0, ha_task_ms=0)
        path = "/nodes/pve2/qemu/107"
        before = self.read("nodes/pve2/qemu-server/107.conf")
        self.assertEqual(self.good("GET", "/cluster/status")[0]["quorate"], 0)
        self.login()  # needs none
        answer = self.call("PUT", path + "/config", {"cores": 3})
        self.assertEqual(answer.status, 500)
        self.assertRegex(answer.reason, NO_WRITE)
        upid = self.good("POST", path + "/config", {"cores": 3})
        self.assertRegex(self.wait_task(upid)[0], NO_WRITE)
        self.bad(500, "cluster not ready - no quorum?", "POST", path + "/status/start", {})
        lock = " hardware mapping failed: cfs-lock 'file-mapping_pci_cfg' error: no quorum!"
        self.bad(500, "create" + lock, "POST", "/cluster/mapping/pci",
                 {"id": "rtx3080", "map": GPU_MAP})
        self.bad(500, "update" + lock, "PUT", "/cluster/mapping/pci/rtx3080",
                 {"map": GPU_MAP, "digest": "0" * 40})
        self.bad(500, "delete pci mapping failed:" + lock.split(":", 1)[1], "DELETE",
                 "/cluster/mapping/pci/rtx3080")
        # What is refused before the first write is refused for its own reason.
        self.bad(500, "checksum mismatch (file change by other user?)", "PUT", path + "/config",
                 {"cores": 3, "digest": "0" * 40})
        self.bad(403, "Permission check failed (/vms/107, VM.PowerMgmt)", "POST",
                 path + "/status/start", {}, token=READER)
        # A guest can be stopped, for that writes nothing; under HA it is a request, which is written.
        upid = self.good("POST", "/nodes/pve2/qemu/105/status/stop", {})
        self.assertEqual(self.wait_task(upid)[0], "OK")
        upid = self.good("POST", "/nodes/pve1/qemu/120/status/stop", {})
        self.assertNotEqual(self.wait_task(upid, "pve1")[0], "OK")
        self.assertEqual(self.read("nodes/pve2/qemu-server/107.conf"), before)

    def test_node_off(self):
        self.settings["nodes"]["pve3"]["status"] = "offline"
        self.set()
        self.bad(595, "No route to host", "GET", "/nodes/pve3/qemu/130/config")
        self.assertEqual([n["status"] for n in self.good("GET", "/nodes")],
                         ["online", "online", "offline"])
        vms = self.good("GET", "/cluster/resources", {"type": "vm"})
        self.assertEqual([v["status"] for v in vms if v["vmid"] == 130], ["unknown"])
        self.assertEqual(self.call("GET", "/nodes/pve9/version").status, 500)


class Script(unittest.TestCase):
    def test_run(self):
        done = subprocess.run(
            ["sh", os.path.join(SOURCE, "tests/pvesim/run.sh"), "sh", "-c",
             "echo $PVESIM_URL $PVESIM_FINGERPRINT; cat $PVESIM_TOKEN_FILE; "
             "ls $PVESIM_CA $PVESIM_STATE/user.cfg; exit 7"],
            capture_output=True, text=True, timeout=HANG, env=dict(os.environ, PVESIM=PVESIM))
        self.assertEqual(done.returncode, 7, done.stderr)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^https://127\.0\.0\.1:\d+ ([0-9A-F]{2}:){31}[0-9A-F]{2}$")
        self.assertRegex(lines[1], r"^automation@pve!tofu=[0-9a-f-]{36}$")
        self.assertEqual(len(lines), 4)
        self.assertFalse(os.path.exists(lines[2]), "it cleans up")

    def test_wrong_use(self):
        self.assertEqual(subprocess.run([PVESIM], capture_output=True, timeout=HANG).returncode, 2)
        self.assertEqual(subprocess.run([PVESIM, "--state", "/nonexistent", "--lifetime", "x"],
                                        capture_output=True, timeout=HANG).returncode, 2)

    def test_lifetime(self):
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run([PVESIM, "--state", directory, "--lifetime", "1"],
                                  capture_output=True, timeout=HANG)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
