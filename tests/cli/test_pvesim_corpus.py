# SPDX-License-Identifier: GPL-3.0-or-later
"""pvesim must agree with the verdicts of Proxmox VE's own code, row by row."""
import json
import os
import subprocess
import sys
import unittest

PVESIM = os.environ.get("PVESIM", "build/tests/pvesim")
CORPUS = os.path.join(os.environ.get("PVEGPU_SHARED", ""), "data", "corpus")
CONF = "nodes/pve1/qemu-server/100.conf"
VERSION = "9.2.11"  # the Proxmox VE whose verdicts these are

# Rows that differ on purpose: {row id: why}.
ON_PURPOSE = {}


def rows(name):
    with open(os.path.join(CORPUS, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def read(name):
    with open(os.path.join(CORPUS, name), "rb") as file:
        return file.read()


def devices(defaults):
    """The fake host's devices in the shape of GET …/hardware/pci."""
    found = []
    for address, model, group, *rest in defaults["fake_host_lspci"]:
        vendor, device = model.split(":")
        entry = {"id": address, "class": "0x030000", "vendor": "0x" + vendor,
                 "device": "0x" + device, "iommugroup": group}
        if rest:
            sub_vendor, sub_device = rest[0].split()[1].split(":")
            entry.update(subsystem_vendor="0x" + sub_vendor, subsystem_device="0x" + sub_device)
        found.append(entry)
    return json.dumps(found)


def batch(lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([PVESIM, "--batch"], input=text.encode(), capture_output=True, timeout=1200)
    # A NUL inside a string is kept as U+E000 there.
    output = done.stdout.decode().replace("\ue000", "\\u0000")
    answers = [json.loads(line) for line in output.split("\n") if line]
    if done.returncode != 0 or len(answers) != len(lines):
        raise RuntimeError("pvesim --batch ended with %d after %d of %d rows: %s" % (
            done.returncode, len(answers), len(lines), done.stderr.decode()[-3000:]))
    return [answer["verdicts"] for answer in answers]


def text_of(value):
    """Proxmox VE's messages end in a newline here and there; the corpus trims them."""
    return value.strip("\n") if isinstance(value, str) else value


def as_text(value):
    """What came from a file has a character for each byte; the corpus shows it as text."""
    if isinstance(value, dict):
        return {as_text(key): as_text(member) for key, member in value.items()}
    if isinstance(value, list):
        return [as_text(member) for member in value]
    if isinstance(value, str):
        try:
            return value.encode("latin-1").decode("utf-8")
        except UnicodeError:
            return value
    return value


def files_after(verdict):
    after = dict(verdict.get("after", {}))
    for path, text in verdict.get("after_bytes", {}).items():
        after[path] = text
    return after


def same_warnings(row, verdict):
    """Warnings of Perl itself are not expected."""
    wanted = [w for w in row.get("warnings", [])
              if not w.startswith(("Use of uninitialized", "Wide character", "oracle-note"))]
    return sorted(w.strip() for w in wanted) == sorted(
        as_text(w).strip() for w in verdict.get("warnings", []))


class Corpus(unittest.TestCase):
    def setUp(self):
        self.defaults = json.loads(read("api_defaults.json"))
        self.host = devices(self.defaults)
        self.differences = []

    def state(self, row=None):
        row = row or {}
        files = dict(self.defaults["files"], **{"nodes/pve1/pci.json": self.host})
        for path, text in row.get("files", {}).items():
            if text is None:
                files.pop(path, None)
            else:
                files[path] = text
        return {"files": files, "version": VERSION, "running": [100] if row.get("running") else []}

    def differ(self, row_id, what, wanted, got):
        if row_id not in ON_PURPOSE and wanted != got:
            self.differences.append("%s: %s\n  Proxmox VE: %s\n  pvesim:     %s" % (
                row_id, what, json.dumps(wanted)[:600], json.dumps(got)[:600]))

    def finish(self, count):
        self.assertGreater(count, 0)
        if self.differences:
            self.fail("%d of %d differ\n%s" % (
                len(self.differences), count,
                "\n".join(self.differences[:int(os.environ.get("PVESIM_SHOW", "40"))])))

    def compare_call(self, row_id, wanted, got):
        self.differ(row_id, "ok", wanted["ok"], got["ok"])
        if "stage" in wanted:
            self.differ(row_id, "stage", wanted["stage"], got.get("stage"))
        if not wanted["ok"]:
            if "code" in wanted:
                self.differ(row_id, "code", wanted["code"], got.get("code"))
            self.differ(row_id, "message", text_of(wanted.get("message")), text_of(got.get("message")))
            self.differ(row_id, "errors", wanted.get("errors"), got.get("errors"))
        if "task_error" in wanted or "task_error" in got:
            self.differ(row_id, "task error",
                        text_of(wanted.get("task_error", {}).get("message")),
                        text_of((got.get("task_error") or "").split("\n")[0]))
        if "result" in wanted:
            self.differ(row_id, "result", wanted["result"], got.get("result"))
        if "after" in wanted:
            self.differ(row_id, "files", wanted["after"], files_after(got))
        elif "stored" not in wanted:
            self.differ(row_id, "files", {}, files_after(got))
        if "stored" not in wanted and not same_warnings(wanted, got):
            self.differ(row_id, "warnings", wanted.get("warnings"), got.get("warnings"))

    @staticmethod
    def step(row):
        step = {key: row[key] for key in ("method", "path", "user", "params", "body") if key in row}
        if "ctype" in row:
            step["content_type"] = row["ctype"]
        return step

    def test_calls(self):
        table = rows("apiparams.jsonl")
        answers = batch([{"state": self.state(row), "steps": [self.step(row)]} for row in table])
        for row, (got,) in zip(table, answers):
            self.compare_call(row["id"], row["verdict"], got)
        self.finish(len(table))

    def test_sequences(self):
        table = rows("apiseq.jsonl")
        answers = batch([{"state": self.state(row), "steps": [self.step(s) for s in row["steps"]]}
                         for row in table])
        for row, verdicts in zip(table, answers):
            for number, (step, got) in enumerate(zip(row["steps"], verdicts)):
                self.compare_call("%s/%d" % (row["id"], number), step["verdict"], got)
        self.finish(len(table))

    def compare_property(self, row, got):
        # pvegpu's own parser agrees but for a newline at the end, which Proxmox VE takes here and
        # refuses when it writes, and for digits of other scripts.
        if not row["in"].endswith("\n") and row["in"].isascii():
            self.differ(row["id"], "core", row["ok"], got["core"])
        self.differ(row["id"], "ok", row["ok"], got["ok"])
        for key in ("error", "errors", "parsed", "printed"):
            self.differ(row["id"], key, text_of(row.get(key)), text_of(got.get(key)))

    def test_hostpci(self):
        table = rows("hostpci.jsonl")
        lines = []
        for row in table:
            value = row["in"]
            lines.append({"state": self.state(), "steps": [
                {"op": "property", "format": "hostpci", "value": value},
                {"op": "conf", "key": "hostpci0", "value": value},
                {"op": "start", "value": value}]})
            for user in row["api"]:
                lines.append({"state": self.state(), "steps": [
                    {"method": "PUT", "path": "/nodes/pve1/qemu/100/config", "user": user,
                     "params": {"hostpci0": value}}]})
        answers = iter(batch(lines))
        for row in table:
            parsed, conf, start = next(answers)
            self.compare_property(row, parsed)
            self.differ(row["id"], "conf", row["conf"]["value"], conf["value"])
            if not same_warnings(row["conf"], conf):
                self.differ(row["id"], "conf warnings", row["conf"].get("warnings"), conf["warnings"])
            for key in ("ok", "ids", "error"):
                wanted = row["start"].get(key)
                value = start.get(key)
                if key == "error" and value and "\n" not in (wanted or ""):
                    value = value.split("\n")[0]
                self.differ(row["id"], "start " + key, text_of(wanted), text_of(value))
            for user, wanted in row["api"].items():
                (got,) = next(answers)
                self.compare_call("%s/%s" % (row["id"], user), wanted, got)
                if "stored" in wanted:
                    text = files_after(got).get(CONF, "")
                    stored = [line.split(": ", 1)[1] for line in text.split("\n")
                              if line.startswith("hostpci0: ")]
                    self.differ("%s/%s" % (row["id"], user), "stored",
                                wanted["stored"], stored[0] if stored else None)
        self.finish(len(table))

    def test_map_entries(self):
        table = rows("mapping.jsonl")
        answers = batch([{"state": self.state(), "steps": [
            {"op": "property", "format": "map", "value": row["in"]},
            {"op": "map-valid", "value": row["in"]},
            {"method": "POST", "path": "/cluster/mapping/pci",
             "params": {"id": "newmap", "map": [row["in"]]}},
            {"op": "mapping"}]} for row in table])
        for row, (parsed, valid, got, after) in zip(table, answers):
            self.compare_property(row, parsed)
            if "assert_valid_fakehost" in row:
                self.differ(row["id"], "fits the host",
                            text_of(row["assert_valid_fakehost"]) or None, valid["why"])
            wanted = row["api"]
            for key in ("ok", "code", "message", "errors", "stage"):
                self.differ(row["id"], key, text_of(wanted.get(key)), text_of(got.get(key)))
            if "section" in wanted:
                text = files_after(got).get("mapping/pci.cfg", "")
                at = text.find("newmap\n")
                section = text[at:] if at >= 0 else ""
                self.differ(row["id"], "section", wanted["section"].rstrip("\n"), section.rstrip("\n"))
                maps = after["cfg"]["ids"].get("newmap")
                self.differ(row["id"], "round trip", wanted["roundtrip"],
                            as_text((maps or {}).get("map")) == [row["in"]])
        self.finish(len(table))

    def test_formats(self):
        table = rows("fmt.jsonl")
        answers = batch([{"state": self.state(), "steps": [
            {"op": "conf", "key": row["key"], "value": row["in"]},
            {"method": "PUT", "path": "/nodes/pve1/qemu/100/config",
             "params": {row["key"]: row["in"]}}]} for row in table])
        for row, (conf, got) in zip(table, answers):
            name = "%s=%s" % (row["key"], row["in"][:60])
            self.differ(name, "conf", row["conf"]["value"], conf["value"])
            if not same_warnings(row["conf"], conf):
                self.differ(name, "conf warnings", row["conf"].get("warnings"), conf["warnings"])
            # Only the schema was asked here, so what the code refuses later passes.
            if got.get("stage") == "code":
                self.differ(name, "schema", row["api"]["ok"], True)
            else:
                self.differ(name, "schema", row["api"]["ok"], got["ok"])
                self.differ(name, "errors", row["api"].get("errors"), got.get("errors"))
        self.finish(len(table))

    def test_config_files(self):
        table = rows("vmconf/index.jsonl")
        lines = []
        edit = {"hostpci0": "0000:01:00,pcie=1,x-vga=0", "cpu": "host", "machine": "q35"}
        for row in table:
            state = self.state()
            state["bytes"] = {CONF: read("vmconf/" + row["file"]).decode("latin-1")}
            del state["files"][CONF]
            lines.append({"state": state, "steps": [
                {"op": "vm", "path": CONF},
                {"op": "vm", "path": CONF, "set": edit},
                {"method": "PUT", "path": "/nodes/pve1/qemu/100/config", "params": edit}]})
        for row, (plain, edited, put) in zip(table, batch(lines)):
            wanted = json.loads(read("vmconf/%s.json" % row["file"]))
            self.differ(row["file"], "conf", wanted.get("conf"), as_text(plain["conf"]))
            if not same_warnings(wanted, plain):
                self.differ(row["file"], "warnings", wanted.get("warnings"), plain["warnings"])
            self.written(row, "unchanged", row.get("unchanged", {}), plain)
            self.written(row, "rewritten", row.get("rewritten", {}), edited)
            self.differ(row["file"], "put", row["api_put_ok"], put["ok"])
            if row["api_put_ok"]:
                after = files_after(put).get(CONF, read("vmconf/" + row["file"]).decode("utf-8", "replace"))
                path = "vmconf/%s.apiput" % row["file"]
                if os.path.exists(os.path.join(CORPUS, path)):
                    self.differ(row["file"], "put file", self.decoded(path), after)
            else:
                self.differ(row["file"], "put message", row.get("api_put_message"), put["message"])
        self.finish(len(table))

    def decoded(self, path):
        data = read(path)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("latin-1")

    def written(self, row, suffix, about, got):
        if not about.get("ok", True):
            self.differ(row["file"], suffix + " error", text_of(about.get("error")),
                        text_of(got.get("error")))
            return
        text = got.get("written", got.get("written_bytes"))
        path = "vmconf/%s.%s" % (row["file"], suffix)
        if not os.path.exists(os.path.join(CORPUS, path)):
            path = "vmconf/" + row["file"]  # the same bytes
        self.differ(row["file"], suffix, self.decoded(path), text)

    def test_mapping_files(self):
        table = rows("mapping/index.jsonl")
        lines = []
        for row in table:
            state = self.state()
            del state["files"]["mapping/pci.cfg"]
            state["bytes"] = {"mapping/pci.cfg": read("mapping/" + row["file"]).decode("latin-1")}
            lines.append({"state": state, "steps": [{"op": "mapping"}]})
        for row, (got,) in zip(table, batch(lines)):
            wanted = json.loads(read("mapping/%s.json" % row["file"]))
            cfg = wanted["cfg"]
            cfg["order"] = {key: int(value) for key, value in cfg["order"].items()}
            for section in cfg["ids"].values():
                for key in ("mdev", "live-migration-capable"):
                    if section and key in section:
                        section[key] = int(section[key])
            self.differ(row["file"], "cfg", cfg, as_text(got["cfg"]))
            if not same_warnings(wanted, got):
                self.differ(row["file"], "warnings", wanted.get("warnings"), got["warnings"])
            self.differ(row["file"], "error", text_of(row["write_error"]), text_of(got.get("error")))
            if not row["write_error"]:
                path = "mapping/%s.written" % row["file"]
                if not os.path.exists(os.path.join(CORPUS, path)):
                    path = "mapping/" + row["file"]
                self.differ(row["file"], "written", self.decoded(path),
                            got.get("written", got.get("written_bytes")))
        self.finish(len(table))


if __name__ == "__main__":
    if not os.path.isdir(CORPUS):
        print("skipped: no verdicts of Proxmox VE in %s" % CORPUS)
        sys.exit(77)
    unittest.main()
