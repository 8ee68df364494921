# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and texts that others give are shown, and never steer the terminal they are shown on."""
import io
import json
import os
import subprocess
import tarfile

from harness import HostTest, PVEGPU, main, on_root

ENVIRONMENT = dict(os.environ, PVEGPU_SAMPLE_FAST="1")
EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b2J\u202eeht\u2066\u200b\ufeff\U000e0041\x7f\r\x08"
EVIL_NAME = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202e\u2066\u200b\ufeff\x7f\r".encode() + b"\xff\xfe"


class Hostile(HostTest):
    """Every name and text that others give, in every command's output."""

    def check(self, *arguments, root=None, status=None, stdin=None):
        command = [PVEGPU, *arguments] + (on_root(root) if root else [])
        done = subprocess.run(command, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              capture_output=True, env=ENVIRONMENT, timeout=120)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        for stream in (done.stdout, done.stderr):
            for character in stream.decode("utf-8"):
                code = ord(character)
                unsafe = (code < 32 and character not in "\n\t") or 127 <= code < 160 or \
                    0x200b <= code <= 0x200f or 0x2028 <= code <= 0x202e or 0x2060 <= code <= 0x206f or \
                    code == 0xfeff or 0xe0000 <= code <= 0xe007f
                self.assertFalse(unsafe, "U+%04X in %r" % (code, stream))
        return done

    def read_everything(self, root):
        for command in (["audit"], ["plan", "--gpu", "01:00", "--vm", "106"], ["doctor"], ["history"], ["rollback"],
                        ["rollback", "--yes"]):
            self.check(*command, root=root)
            done = self.check(*command, "--format", "json", root=root)
            if done.stdout:
                json.loads(done.stdout)
        self.check("audit", "--format", "prometheus", root=root)
        self.check("capture", os.path.join(self.directory, "capture.tar.gz"), root=root)

    def test_a_host(self):
        conf = self.path("etc/pve/nodes/pve2/qemu-server/106.conf")
        with open(conf, "a", encoding="utf-8") as file:
            file.write("\nhostpci1: %s\n#%s\n" % (EVIL.replace("\r", ""), EVIL))
        with open(conf, "rb+") as file:
            text = file.read().replace(b"name: ", b"name: " + EVIL_NAME.replace(b"\r", b""))
            file.seek(0)
            file.write(text)
        self.write("etc/default/grub", self.read("etc/default/grub") + "GRUB_CMDLINE_LINUX_DEFAULT='quiet "
                   + "\x1b[2J" + "'\n")
        for directory, text in (("etc/modprobe.d", b"options vfio-pci ids=" + EVIL_NAME + b"\n"),
                                ("etc/modules-load.d", EVIL_NAME + b"\n"),
                                ("var/log/pve/tasks/0", b"TASK ERROR: " + EVIL_NAME + b"\n")):
            os.makedirs(self.path(directory), exist_ok=True)
            with open(os.path.join(self.path(directory).encode(), EVIL_NAME + b".conf"), "wb") as file:
                file.write(text)
        os.makedirs(self.path("var/log"), exist_ok=True)
        with open(self.path("var/log/kern.log"), "wb") as file:
            file.write(b"kernel: vfio-pci 0000:01:00.0: group 1 is not viable " + EVIL_NAME + b"\n"
                       + EVIL.encode() + b"\n")
        runs = os.path.join(self.path("var/lib/pvegpu/runs").encode(), b"2026-01-01T000000Z" + EVIL_NAME)
        os.makedirs(runs)
        with open(os.path.join(runs, b"plan.json"), "wb") as file:
            file.write(b'{"a": ' + EVIL_NAME)
        self.read_everything(self.root)

    def test_what_a_command_prints(self):
        self.plan("--gpu", "01:00")
        with open(self.path("usr/sbin/update-grub"), "wb") as file:
            file.write(b"#!/bin/sh\nprintf '%s\\n' '" + EVIL_NAME + b"'\nprintf '%s' '" + EVIL_NAME + b"' >&2\nexit 1\n")
        self.check("apply", self.plan_file, "--yes", root=self.root, status=4)
        self.check("apply", self.plan_file, "--yes", "--format", "json", root=self.root)
        with open(self.path("usr/bin/pvesh"), "wb") as file:
            file.write(b"#!/bin/sh\nprintf '%s\\n' '" + EVIL_NAME + b"' >&2\nexit 2\n")
        self.read_everything(self.root)

    def test_plans(self):
        plan = self.plan("--gpu", "01:00")
        for change in plan["changes"]:
            for key, value in change.items():
                if key not in ("n", "kind", "operation", "stage") and isinstance(value, str):
                    change[key] = value + EVIL.replace("\r", "")
        hostile = [json.dumps(plan), json.dumps(dict(plan, id=EVIL)), json.dumps(dict(plan, schema=EVIL)),
                   json.dumps(dict(plan, goal={"gpus": [EVIL]})), json.dumps({EVIL: 1}), EVIL,
                   '{"a": "\u202e\u2066', '["\u200b", \u202e\x1b[2J', json.dumps([EVIL])]
        for text in hostile:
            with open(self.plan_file, "w", encoding="utf-8") as file:
                file.write(text)
            for formats in ([], ["--format", "json"]):
                self.check("apply", self.plan_file, "--yes", *formats, root=self.root)
            self.check("audit", "--since", self.plan_file, root=self.root)
        with open(self.plan_file, "wb") as file:
            file.write(b'{"a": ' + EVIL_NAME)
        self.check("apply", self.plan_file, root=self.root, status=2)
        self.check("audit", "--since", self.plan_file, root=self.root, status=2)

    def test_archives(self):
        archive = os.path.join(self.directory, "host.tar.gz")
        members = [("../" + EVIL, "file"), ("/" + EVIL, "file"), (EVIL, "link"), (EVIL, "device"),
                   ("sys/bus/pci/devices/" + EVIL, "directory"), (EVIL + "/" + EVIL, "file"), ("a", "hard link")]
        for name, kind in members:
            with tarfile.open(archive, "w:gz") as out:
                member = tarfile.TarInfo(name.replace("\r", ""))
                member.type = {"link": tarfile.SYMTYPE, "device": tarfile.CHRTYPE, "directory": tarfile.DIRTYPE,
                               "hard link": tarfile.LNKTYPE}.get(kind, tarfile.REGTYPE)
                member.linkname = "/" + EVIL
                out.addfile(member, io.BytesIO(b""))
            self.check("audit", root=archive)
            self.check("audit", "--format", "json", root=archive)
        evil = os.path.join(self.directory.encode(), EVIL_NAME)
        with open(evil, "wb") as file:
            file.write(b"no archive")
        self.check("audit", root=evil)
        self.check("doctor", "--log", evil)

    def test_words_of_the_command_line(self):
        evil = EVIL_NAME
        for words in ([evil], ["audit", evil], [b"--" + evil], [b"-" + evil], ["audit", "--only", evil],
                      ["audit", "--format", evil], ["audit", "--root", evil], ["plan", "--gpu", evil],
                      ["plan", "--vm", evil], ["plan", "--param", evil], ["plan", "--accept", evil],
                      ["plan", "--accept", evil + b"=x"], ["plan", "--mapping", evil], ["plan", "--bind", evil],
                      ["doctor", "--symptom", evil],
                      ["apply", evil], ["rollback", evil], ["audit", "--api", evil],
                      ["audit", "--api", b"https://" + evil], ["audit", "--since", evil],
                      ["audit", "--api", "https://127.0.0.1:1", "--token-file", evil],
                      ["audit", "--api", "https://127.0.0.1:1", "--user", evil]):
            root = None if b"--api" in [w.encode() if isinstance(w, str) else w for w in words] else self.root
            done = self.check(*words, root=root)
            self.assertNotEqual(done.returncode, 0, words)
        self.check("plan", "--gpu", "01:00", "--mapping-device", evil, "--mapping", "gpu1", root=self.root)
        self.check("plan", "--out", os.path.join(self.directory.encode(), evil, evil), root=self.root)
        self.check("capture", os.path.join(self.directory.encode(), evil, evil), "--yes", root=self.root)
        self.check("doctor", "--log", "-", root=self.root, stdin=b"group 1 is not viable " + evil + b"\n")

    def test_json_keeps_values(self):
        conf = self.path("etc/pve/nodes/pve2/qemu-server/106.conf")
        with open(conf, "a", encoding="utf-8") as file:
            file.write("\nciuser: a\u202eb\u2066\u200b\u00e4\n")
        done = self.check("audit", "--format", "json", root=self.root)
        vms = {vm["vmid"]: vm for vm in json.loads(done.stdout)["vms"]}
        self.assertEqual(vms[106]["config"]["ciuser"], "a\u202eb\u2066\u200b\u00e4")
        self.assertIn("\u00e4".encode(), done.stdout)


if __name__ == "__main__":
    main()
