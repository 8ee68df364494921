# SPDX-License-Identifier: GPL-3.0-or-later
"""pvesim must answer as a real Proxmox VE did: requests by identity that were recorded, replayed."""
import http.client
import json
import os
import re
import shutil
import sys
import tempfile
import unittest
import urllib.parse

from harness import PVESIM
from test_pvesim import Server as PvesimServer

RECORDED = os.path.join(os.environ.get("PVEGPU_SHARED", ""), "data", "pve-recorded")
PREFIX = "/api2/json"

# What changes from machine to machine and from moment to moment: only its type is compared.
VOLATILE = {
    "ticket", "CSRFPreventionToken", "repoid", "loadavg", "cpu", "wait", "idle", "uptime", "mem",
    "maxmem", "maxcpu", "maxdisk", "disk", "memory", "swap", "rootfs", "ksm", "kversion",
    "current-kernel", "cpuinfo", "pveversion", "boot-info", "ssl_fingerprint", "pid", "memhost",
    "running-machine", "running-qemu", "balloon", "ballooninfo", "used", "avail", "total",
    "used_fraction", "vmgenid", "content", "dns1", "changes", "version",
    "diskread", "diskwrite", "netin", "netout",
    "pressurecpusome", "pressurecpufull", "pressureiosome", "pressureiofull",
    "pressurememorysome", "pressurememoryfull"}
# Lists of what is installed there: the members of one are compared.
SAMPLES = ("/capabilities/qemu/machines",)
# What tells the items of a list apart.
IDENTITY = ("key", "id", "storage", "name", "n")


def rows(name="matrix.jsonl"):
    with open(os.path.join(RECORDED, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def kind(value):
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def item_key(item):
    """What an item of a list is: the order of a list says nothing."""
    if not isinstance(item, dict):
        return json.dumps(item, sort_keys=True)
    for name in IDENTITY:
        if name in item:
            return str(item[name])
    return json.dumps(item, sort_keys=True)


def differences(wanted, got, where="", exact=True):
    if kind(wanted) != kind(got):
        yield "%s is %s, not %s" % (where, kind(got), kind(wanted))
    elif isinstance(wanted, dict):
        for name in sorted(wanted.keys() | got.keys()):
            if name not in got:
                yield "%s.%s is missing" % (where, name)
            elif name not in wanted:
                yield "%s.%s is too much" % (where, name)
            else:
                yield from differences(wanted[name], got[name], "%s.%s" % (where, name),
                                       exact and name not in VOLATILE)
    elif isinstance(wanted, list) and exact:
        wanted, got = ({item_key(i): i for i in items} for items in (wanted, got))
        yield from differences(wanted, got, where)
    elif exact and isinstance(wanted, str) and "***" not in wanted and wanted != got:
        yield "%s: %r, not %r" % (where, got, wanted)
    elif exact and kind(wanted) == "number" and wanted != got:
        yield "%s: %r, not %r" % (where, got, wanted)


def sample(items):
    """One item with all members that any has."""
    return {name: item[name] for item in items for name in item}


class Recorded(PvesimServer):
    def copy_cluster(self, directory):
        self.state = os.path.join(directory, "state")
        shutil.copytree(os.path.join(RECORDED, "seed"), self.state)
        for where, _, files in os.walk(self.state):
            os.chmod(where, 0o755)
            for name in files:
                os.chmod(os.path.join(where, name), 0o644)
        self.settings = json.loads(self.read("pvesim.json"))
        self.set(tokens={name: "11111111-2222-3333-4444-555555555555"
                         for name in self.settings["tokens"]})

    def headers_of(self, identity):
        if not identity:
            return {}
        if identity.startswith("raw:"):
            name, value = identity[4:].split(": ", 1)
            return {name: value}
        if "!" in identity:
            return self.token_header(identity)
        user = identity.rstrip("^")
        if user not in self.tickets:
            self.tickets[user] = self.login(user, self.settings["users"][user]["password"])
        data, cookie = self.tickets[user]
        csrf = {} if identity.endswith("^") else {"CSRFPreventionToken": data["CSRFPreventionToken"]}
        return dict(cookie, **csrf)

    def replay(self, row):
        """The answer to a row's request: its status line, headers, body and whether it closed."""
        path = urllib.parse.quote(row["path"], safe="/:!@?=&%")
        headers = self.headers_of(row["as_"])
        body, params = None, dict(row["params"] or {})
        if params.get("password") == "***":
            known = self.settings["users"].get(params["username"], {})
            params["password"] = known.get("password", "wrong")
        if row["special"]:
            special = eval(row["special"], {"__builtins__": {}})  # how the recorder kept it
            for header in special.get("headers", ()):
                headers.update([header.split(": ", 1)])
            if "rawbody" in special:
                body, headers["Content-Type"] = special["rawbody"], special["ctype"]
        elif row["method"] in ("PUT", "POST"):
            body = urllib.parse.urlencode(params, doseq=True)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif params:
            path += "?" + urllib.parse.urlencode(params, doseq=True)
        connection = self.connection()
        try:
            connection.request(row["method"], path, body=body, headers=headers)
            response = connection.getresponse()
            closes = "close" in (response.headers["Connection"] or "")
            text = response.read()
            return ("HTTP/1.1 %d %s" % (response.status, response.reason), text,
                    sorted(response.headers.get_all("Connection")), closes)
        finally:
            connection.close()

    def compare(self, row):
        status, text, connection, _ = self.replay(row)
        if status != row["status"]:
            return ["status %r, not %r" % (status, row["status"])]
        found = []
        wanted = sorted(value for name, value in row["headers"] if name == "Connection")
        if connection != wanted:
            found.append("Connection: %s, not %s" % (connection, wanted))
        if bool(row["body"]) != bool(text):
            return found + ["body %r, not %r" % (text[:100], row["body"][:100])]
        if row["body"]:
            real, own = json.loads(row["body"]), json.loads(text)
            if row["path"].endswith(SAMPLES):
                real, own = sample(real["data"]), sample(own["data"])
                found += differences(real, own, exact=False)
            else:
                found += differences(real, own)
        return found

    def make_mappings(self, row):
        """The run made mappings that are not among the rows: those that an answer lists."""
        if not row["body"] or row["method"] != "GET" or "/cluster/mapping/pci" not in row["path"]:
            return
        listed = json.loads(row["body"])["data"]
        have = {m["id"] for m in self.good("GET", "/cluster/mapping/pci", token="root@pam!full")}
        for mapping in listed if isinstance(listed, list) else []:
            if mapping["id"] not in have:
                self.good("POST", "/cluster/mapping/pci",
                          {"id": mapping["id"], "map": mapping["map"]}, token="root@pam!full")

    def test_members_of_lists(self):
        """Items have the members that all had in the runs, and none that no item ever had."""
        self.set(start_ms=0)
        upid = self.good("POST", "/nodes/pve2/qemu/106/status/start", {}, token="root@pam!full")
        upid = urllib.parse.quote(upid, safe="")
        paths = {"/nodes": "/nodes", "/nodes/pve2/qemu": "/nodes/pve2/qemu",
                 "/cluster/status": "/cluster/status",
                 "/cluster/resources?type=vm": "/cluster/resources?type=vm",
                 "/nodes/pve2/tasks": "/nodes/pve2/tasks", "/status": "/nodes/pve2/tasks/%s/status",
                 "/log": "/nodes/pve2/tasks/%s/log"}
        seen = {path: [] for path in paths}
        for row in rows("traffic.jsonl"):
            path = row["path"][len(PREFIX):]
            path = re.sub(r"^/nodes/pve2/tasks/UPID[^/]*|(?<=/tasks)\?.*|(?<=/log)\?.*", "", path)
            if path in seen and row["method"] == "GET" and " 200 " in row["status"]:
                data = json.loads(row["body"])["data"]
                seen[path] += data if isinstance(data, list) else [data]
        for path, real in seen.items():
            self.assertTrue(real, path)
            asked = paths[path].replace("%s", upid)
            own = self.good("GET", asked, token="root@pam!full")
            for item in own if isinstance(own, list) else [own]:
                alike = [r for r in real if r.get("type") == item.get("type")] or real
                if item.get("status") in ("running", "stopped", "online"):
                    alike = [r for r in alike if r["status"] == item["status"]]
                every = set.intersection(*(set(r) for r in alike))
                some = {name: kind(r[name]) for r in alike for name in r if r[name] is not None}
                self.assertEqual(every - set(item), set(), "%s lacks members: %s" % (path, item))
                self.assertEqual({n: kind(v) for n, v in item.items() if v is not None and
                                  some.get(n) != kind(v)}, {}, "%s: %s" % (path, item))

    def test_matrix(self):
        self.tickets = {}
        table = [row for row in rows() if row["status"]]
        # Each identity made the same changes in turn, of which half are among the rows: the first
        # of a pair for one, the second for the next. All are played, those with an answer compared.
        names = [[r["tag"] for r in table if r["as_"] == who and
                  r["tag"].startswith(("matrix/put-", "matrix/map-", "matrix/conf-now"))]
                 for who in ("automation@pve!tofu", "limited@pve!ro")]
        order = [tag for pair in zip(names[0], names[1] + [None]) for tag in pair if tag]
        requests = {r["tag"]: r for r in table}
        played, failed, done = {}, [], 0
        for row in table:
            if row["tag"] in order:
                before = played.setdefault(row["as_"], [])
                for tag in order[len(before):order.index(row["tag"])]:
                    self.replay(dict(requests[tag], as_=row["as_"]))
                before[:] = order[:order.index(row["tag"]) + 1]
            else:
                for who, before in played.items():
                    for tag in order[len(before):]:
                        self.replay(dict(requests[tag], as_=who))
                    before[:] = order
            self.make_mappings(row)
            found = self.compare(row)
            done += 1
            if found:
                failed.append("%s as %s: %s %s %s\n    %s" % (
                    row["tag"], row["as_"], row["method"], row["path"], row["params"],
                    "\n    ".join(found)))
        self.assertGreater(done, 200)
        self.assertEqual(failed, [], "%d of %d differ\n%s" % (len(failed), done, "\n".join(failed)))


if __name__ == "__main__":
    if not os.path.isdir(RECORDED):
        print("skipped: no answers of a real Proxmox VE in %s" % RECORDED)
        sys.exit(77)
    unittest.main()
