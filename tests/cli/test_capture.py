# SPDX-License-Identifier: GPL-3.0-or-later
"""pvegpu capture: what is in the archive, what is not, and what opens it."""
import io
import json
import os
import subprocess
import tarfile

from harness import HostTest, main, on_root, run, wait_until

SECRETS = {
    "host name": "pve2",
    "domain": "lan.corp.example",
    "IPv4": "198.51.100.77",
    "IPv6": "2a02:8071:aa:bb::42",
    "MAC": "BC:24:11:7A:52:AE",
    "interface by MAC": "bc24117a52af",
    "serial": "S5GXNX0R123456",
    "UUID": "9f3c1a77-2b44-4f0e-9a7b-52540aa9645a",
    "FAT volume": "7A1B-C3D4",
    "e-mail": "anna.admin@corp.example",
    "token": "6f1d8c1e-4a49-4f5f-9d5e-0d1a2b3c4d5e",
    "password": "correct-horse-battery",
    "cloud-init password": "$5$rounds$abcdefgh",
    "key": "b3BlbnNzaC1rZXktdjEAAAAA",
}


class Capture(HostTest):
    def setUp(self):
        super().setUp()
        self.archive = os.path.join(self.directory, "capture.tar.gz")

    def bytes(self):
        with open(self.archive, "rb") as file:
            return file.read()

    def plant(self):
        s = SECRETS
        conf = "etc/pve/nodes/pve2/qemu-server/106.conf"
        self.write(conf, "#password%%3A %s mail %s\n" % (s["password"], s["e-mail"]) + self.read(conf) +
                   "cipassword: %s\nargs: -device x,serial=%s\nhookscript: local:snippets/%s.sh\n"
                   % (s["cloud-init password"], s["serial"], s["UUID"]))
        self.write("etc/network/interfaces", "auto enx%s\niface enx%s inet static\n\taddress %s/24\n"
                   "# pve2.%s %s\n" % (s["interface by MAC"], s["interface by MAC"], s["IPv4"], s["domain"], s["IPv6"]))
        self.write("etc/default/grub", self.read("etc/default/grub") + "# %s token=%s\n" % (s["MAC"], s["token"]))
        self.write("etc/kernel/proxmox-boot-uuids", s["FAT volume"] + "\n")
        self.write("var/log/dmesg", self.read("var/log/dmesg") +
                   "[    1.0] nvme: serial: %s host pve2.%s mail %s\n"
                   "-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n-----END OPENSSH PRIVATE KEY-----\n"
                   % (s["serial"], s["domain"], s["e-mail"], s["key"]))

    def capture(self, *arguments, expect=0):
        done = run("capture", self.archive, "--yes", *arguments, root=self.root)
        self.assertEqual(done.returncode, expect, done.stdout[-500:] + done.stderr)
        return done

    def test_no_planted_secret_is_in_it(self):
        self.plant()
        for name, secret in SECRETS.items():  # they are where the audit reads
            found = subprocess.run(["grep", "-rlF", secret, self.root], capture_output=True, text=True)
            self.assertTrue(found.stdout, name)
        listing = self.capture().stdout
        with tarfile.open(self.archive) as archive:
            for member in archive.getmembers():
                file = archive.extractfile(member) if member.isfile() else None
                content = (file.read() if file else b"").decode("latin-1") + member.name + " " + member.linkname
                for name, secret in SECRETS.items():
                    self.assertNotIn(secret.lower(), content.lower(), "%s in %s" % (name, member.name))
        for name, secret in SECRETS.items():
            self.assertNotIn(secret.lower(), listing.replace(self.archive, "").lower(), name)
        for kind in ("host name", "IP address", "MAC address", "serial number", "UUID", "e-mail address", "secret"):
            self.assertIn(kind, listing)

    def test_the_audit_is_the_same(self):
        self.iommu_on()
        self.capture()
        ours, theirs = (json.loads(run("audit", "--format", "json", "--gpu", "01:00", "--vm", "106",
                                       root=root).stdout) for root in (self.root, self.archive))
        def told(audit):
            return [(f["id"], f["subject"], f["status"]) for f in audit["findings"]
                    if f["id"] != "vfio.initramfs-stale"]
        self.assertEqual(told(ours), told(theirs))
        self.assertEqual(ours["gpus"], theirs["gpus"])
        self.assertEqual([v["vmid"] for v in ours["vms"]], [v["vmid"] for v in theirs["vms"]])

    def iommu_on(self):
        self.plan("--gpu", "01:00")
        self.apply()
        self.script("usr/sbin/reboot")

    def test_everything_read_is_in_it(self):
        """What the audit opens, seen by strace, is in the archive."""
        trace = os.path.join(self.directory, "trace")
        try:
            subprocess.run(["strace", "-f", "-e", "trace=openat2", "-o", trace, os.environ["PVEGPU"], "audit",
                            *on_root(self.root)], capture_output=True, check=False)
        except FileNotFoundError:
            self.skipTest("strace is missing")
        self.capture()
        with tarfile.open(self.archive) as archive:
            names = {os.path.basename(m.name) for m in archive.getmembers()}
        with open(trace, encoding="utf-8", errors="replace") as file:
            for line in file:
                if "O_RDONLY" not in line or " = -1 " in line or "O_PATH" in line:
                    continue
                path = line.split('"')[1]
                if path != "/" and not path.endswith(".pvegpu-sample"):
                    self.assertIn(os.path.basename(path).replace("pve2", "host1"), names, path)

    def test_comments_on_request(self):
        self.write("etc/default/grub", "# my secret plan\n" + self.read("etc/default/grub"))
        self.capture("--no-comments")
        with tarfile.open(self.archive) as archive:
            text = archive.extractfile("etc/default/grub").read().decode()
        self.assertNotIn("my secret plan", text)
        self.assertTrue(text.startswith("#\n"))

    def test_it_asks_first(self):
        done = run("capture", self.archive, root=self.root)
        self.assertEqual(done.returncode, 2)
        self.assertIn("/etc/default/grub", done.stdout)
        self.assertFalse(os.path.exists(self.archive))

    def test_never_over_a_file(self):
        with open(self.archive, "w", encoding="utf-8") as file:
            file.write("mine")
        done = self.capture(expect=2)
        self.assertIn("File exists", done.stderr)
        with open(self.archive, encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine")

    def test_private(self):
        self.capture()
        self.assertEqual(os.stat(self.archive).st_mode & 0o777, 0o600)

    def test_only_looked_at(self):
        self.capture()
        before = self.bytes()
        unpacked = set(os.listdir("/tmp"))
        done = run("plan", "--gpu", "01:00", "--out", self.plan_file, root=self.archive)
        self.assertEqual(done.returncode, 0, done.stderr)
        for command in (("apply", self.plan_file, "--yes"), ("rollback", "--yes")):
            done = run(*command, root=self.archive)
            self.assertIn(done.returncode, (1, 2), done.stdout + done.stderr)
        self.assertEqual(self.bytes(), before)
        # Another test may have one open by now: that goes as well.
        left = {n for n in os.listdir("/tmp") if n.startswith("pvegpu-capture.")} - unpacked
        wait_until(lambda: not left & set(os.listdir("/tmp")), "the end of what was unpacked")

    def test_archives_that_are_none(self):
        self.capture()
        whole = self.bytes()
        bad = {"truncated": whole[:len(whole) // 2], "text": b"hello\n", "empty": b""}
        outside = io.BytesIO()
        with tarfile.open(fileobj=outside, mode="w:gz") as archive:
            for name in ("../../evil", "/tmp/evil-absolute", "link/evil"):
                if name.startswith("link"):
                    link = tarfile.TarInfo("link")
                    link.type, link.linkname = tarfile.SYMTYPE, self.directory
                    archive.addfile(link)
                info = tarfile.TarInfo(name)
                info.size = 4
                archive.addfile(info, io.BytesIO(b"evil"))
        bad["outside"] = outside.getvalue()
        for name, content in bad.items():
            path = os.path.join(self.directory, name)
            with open(path, "wb") as file:
                file.write(content)
            done = run("audit", root=path)
            self.assertIn(done.returncode, (2, 3), name + done.stderr)
            self.assertIn(path if name != "outside" else "cannot be unpacked", done.stderr)
        self.assertFalse(os.path.exists("/tmp/evil-absolute"))
        self.assertFalse(os.path.exists(os.path.join(self.directory, "evil")))

    def test_scripts_of_an_archive_are_never_run(self):
        """A tree with the sample's mark runs its own scripts: an archive must not bring one."""
        evil = os.path.join(self.directory, "evil.tar.gz")
        with tarfile.open(evil, "w:gz") as archive:
            archive.add(self.root, arcname=".")
        done = run("audit", "--format", "json", root=evil)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        done = run("plan", "--gpu", "01:00", "--out", self.plan_file, root=evil)
        done = run("apply", self.plan_file, "--yes", root=evil)
        self.assertIn("only looked at", done.stderr)

    def test_much_log(self):
        self.write("var/log/syslog", "x" * 100 + "\n" + ("Nov 25 10:00:00 pve2 kernel: line\n" * 300000))
        done = self.capture()
        self.assertIn("all but its last 2048 KiB", done.stdout)
        self.assertLess(os.stat(self.archive).st_size, 4 << 20)

    def test_not_of_a_remote_host(self):
        done = run("capture", "--api", "https://pve1:8006")
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    main()
