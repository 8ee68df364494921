# SPDX-License-Identifier: GPL-3.0-or-later
"""pvegpu capture: what may not leave a host, planted in every kind of file that is read, in many
surroundings; and what must stay for a capture to be of use."""
import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import tarfile
import time

from harness import PVEGPU, SOURCE, HostTest, main, run, wait_until


def digest(seed):
    return hashlib.sha256(seed.encode()).hexdigest()


def letters(seed, n):
    """Letters and digits that are no word."""
    text = base64.b64encode(hashlib.sha512(seed.encode()).digest()).decode()
    return "".join(c for c in text if c.isalnum())[:n]


def mac(seed, between=":"):
    d = "5a" + digest(seed)[:10]
    return between.join(d[i:i + 2] for i in range(0, 12, 2))


def uuid(seed):
    d = digest(seed)
    return "-".join((d[:8], d[8:12], d[12:16], d[16:20], d[20:32]))


def octets(seed):
    return [int(digest(seed)[i:i + 2], 16) for i in range(0, 8, 2)]


def ipv4(seed):
    o = octets(seed)
    return "%d.%d.%d.%d" % (10 + o[0] % 100, o[1], o[2], o[3] or 1)


# What each is called, and how one is made: by a text that makes it another one each time.
KINDS = {
    "MAC": mac,
    "MAC in capitals": lambda s: mac(s).upper(),
    "MAC with dashes": lambda s: mac(s, "-"),
    "MAC without separators": lambda s: mac(s, ""),
    "MAC in three words": lambda s: ".".join(re.findall("....", mac(s, ""))),
    "UUID": uuid,
    "UUID without dashes": lambda s: uuid(s).replace("-", ""),
    "LUKS name": lambda s: "luks-" + uuid(s),
    "GPU's UUID": lambda s: "GPU-" + uuid(s),
    "LVM id": lambda s: "-".join(letters(s, 32)[a:b] for a, b in
                                 ((0, 6), (6, 10), (10, 14), (14, 18), (18, 22), (22, 26), (26, 32))),
    "IPv4": ipv4,
    "IPv4 range": lambda s: ipv4(s) + "-" + ipv4(s + "x"),
    "IPv4 with port": lambda s: ipv4(s) + ":8006",
    "IPv6": lambda s: "2a02:%s:%s::%s" % (digest(s)[:4], digest(s)[4:8], digest(s)[8:11]),
    "IPv6 whole": lambda s: ":".join(re.findall("....", digest(s)[:32])),
    "serial": lambda s: "S5GX" + letters(s, 10).upper(),
    "WWN": lambda s: "0x5002538" + digest(s)[:9],
    "EUI": lambda s: "eui.0025" + digest(s)[:12],
    "e-mail": lambda s: "%s@%s.example.com" % (letters(s, 7).lower(), letters(s, 5).lower()),
    "user of a realm": lambda s: "kx%s@pam" % letters(s, 6).lower(),
    "user of another realm": lambda s: "kx%s@ldapz" % letters(s, 6).lower(),
    "API token": lambda s: "kx%s@pve!ci%s=%s" % (letters(s, 6).lower(), letters(s, 4), uuid(s)),
    "ticket": lambda s: "PVE:kx%s@pam:%s::%s" % (letters(s, 6).lower(), digest(s)[:8].upper(),
                                              base64.b64encode(s.encode() * 9).decode()),
    "CSRF token": lambda s: "%s:%s" % (digest(s)[:8].upper(), letters(s, 43)),
    "WireGuard key": lambda s: base64.b64encode(hashlib.sha256(s.encode()).digest()).decode(),
    "Ceph key": lambda s: "AQB" + letters(s, 35) + "==",
    "GitHub token": lambda s: "ghp_" + letters(s, 36),
    "GitLab token": lambda s: "glpat-" + letters(s, 20),
    "AWS key": lambda s: "AKIA" + letters(s, 16).upper(),
    "Slack token": lambda s: "xoxb-%s-%s" % (digest(s)[:11], letters(s, 24)),
    "JWT": lambda s: "eyJ%s.eyJ%s.%s" % (letters(s, 30), letters(s + "p", 40), letters(s + "s", 43)),
    "hashed password": lambda s: "$6$%s$%s" % (letters(s, 8), letters(s + "h", 80)),
    "foreign host": lambda s: "kx%s-%s" % (letters(s, 5).lower(), digest(s)[:2]),
    "foreign host with domain": lambda s: "kx%s.lan.%s.org" % (letters(s, 5).lower(), letters(s, 6).lower()),
    "host of common words": lambda s: "media-server%d.home.arpa" % (int(digest(s)[:4], 16) + 10),
    "phone number": lambda s: "+49 30 %d" % (int(digest(s)[:6], 16) % 9000000 + 1000000),
    "person": lambda s: "Kx%s" % letters(s, 7).lower(),
    "SSH key": lambda s: "AAAAC3NzaC1lZDI1NTE5AAAAI" + letters(s, 43),
    "beyond ASCII": lambda s: "M\u00fcKx%s" % letters(s, 6),
}

# %s is where it stands; before and after are what is found there.
AROUND = ["%s", "x:%s", "x=%s", "\"%s\"", "'%s'", "a,%s,b", "(%s)", "<%s>", "[%s]", "id-%s", "path/%s/x",
          "{\"a\": \"%s\"}", "https://h/%s", "%s;", "up %s down", "_%s_", "\t%s", "@%s", "a=b,c=%s,d=e"]

# A secret of ordinary words is known by what stands before it.
NAMED = {
    "password:": "password: correct horse, battery %s", "pass=": "pass=%s,staple", "quoted": "passwd=\"one, two %s\"",
    "single quotes": "secret='it is %s'", "JSON": "{\"password\": \"root %s\", \"x\": 1}",
    "env": "export DB_PASSWORD=root%s", "ini": "api_key = server %s", "option": "--password %s",
    "header": "Authorization: Bearer %s", "cookie": "Cookie: PVEAuthCookie=%s", "URL": "https://root:%s@server/",
    "encoded": "password%%3A %s", "XML": "<password>%s</password>", "token": "token: %s", "psk": "psk=%s",
    "serial digits": "S/N: %s", "serial word": "Serial Number: %s", "asset": "Asset Tag: %s",
    "serial=": "serial=%s,x=1", "by-id": "/dev/disk/by-id/ata-WDC_WD40_%s-part1",
}

SECRET_CASES = len(KINDS) * 13 + len(NAMED) * 5


class Secrets(HostTest):
    def setUp(self):
        super().setUp()
        self.archive = os.path.join(self.directory, "capture.tar.gz")

    def capture(self, *arguments):
        done = run("capture", self.archive, "--yes", *arguments, root=self.root)
        self.assertEqual(done.returncode, 0, done.stdout[-500:] + done.stderr)
        return done.stdout

    def members(self):
        with tarfile.open(self.archive) as archive:
            for member in archive.getmembers():
                file = archive.extractfile(member) if member.isfile() else None
                yield member, file.read() if file else b""

    def content(self):
        return {m.name: data.decode("latin-1") for m, data in self.members()}

    def add(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        mode = "a" if os.path.exists(self.path(name)) else "w"
        with open(self.path(name), mode, encoding="utf-8", newline="") as file:
            file.write(text)

    def places(self):
        """Name of a place -> (file, what a line of it is like)."""
        conf = "etc/pve/nodes/pve2/qemu-server/106.conf"
        task = "var/log/pve/tasks/7/UPID:pve2:00021A44:0078DC3C:65590C17:qmstart:9000:root@pam:"
        return {
            "kernel log": ("var/log/dmesg", "[    9.123456] vfio-pci 0000:01:00.0: %s\n"),
            "syslog": ("var/log/syslog", "Nov 16 09:00:00 pve2 kernel: usb 1-1: %s\n"),
            "another program": ("var/log/syslog", "Nov 16 09:00:00 pve2 sshd[99]: for %s\n"),
            "task": (task, "kvm: -device vfio-pci: %s\n"),
            "args": (conf, "args: -cpu host -device %s\n"),
            "unknown key": (conf, "somekey: %s\n"),
            "drive": (conf, "scsi1: local-lvm:vm-106-disk-1,%s\n"),
            "container": ("etc/pve/nodes/pve2/lxc/200.conf", "lxc.mount.entry: %s none bind\n"),
            "grub": ("etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet %s\"\n"),
            "grub's menu": ("boot/grub/grub.cfg", "\tlinux /boot/vmlinuz root=%s ro\n"),
            "modprobe": ("etc/modprobe.d/local.conf", "options local value=%s\n"),
            "modules": ("etc/modules", "vfio %s\n"),
            "interfaces": ("etc/network/interfaces", "\tpost-up %s\n"),
        }

    def plant(self):
        planted = {}
        for k, (kind, make) in enumerate(KINDS.items()):
            for p, (place, (name, line)) in enumerate(self.places().items()):
                value = make(kind + place)
                around = AROUND[(k + p * 5) % len(AROUND)]
                self.add(name, line % (around % value))
                planted[kind + " in " + place + " as " + around] = value
        for k, (kind, form) in enumerate(NAMED.items()):
            for p, place in enumerate(("kernel log", "task", "grub", "modprobe", "interfaces")):
                name, line = self.places()[place]
                value = str(70000000 + 1000 * k + p) + "31"
                self.add(name, line % (form % value))
                planted["named " + kind + " in " + place] = value
        return planted

    def assert_gone(self, planted, listing=""):
        whole = listing.replace(self.archive, "").lower()
        for member, data in self.members():
            whole += "\n" + (data.decode("utf-8", "replace") + " " + member.name + " " + member.linkname).lower()
        left = [name for name, value in planted.items() if value.lower() in whole]
        self.assertEqual(left, [], "%d of %d leave" % (len(left), len(planted)))

    def test_nothing_planted_leaves(self):
        planted = self.plant()
        self.assertGreater(len(planted), 500)
        self.assertEqual(len(planted), SECRET_CASES)
        self.assert_gone(planted, self.capture())

    def test_names_of_their_own_files(self):
        planted = {"cluster": "payrollco", "node": "kxalpha", "address": "10.77.1.2", "third node": "kxgamma",
                   "VM": "accounts-db", "tag": "kxberlin", "note": "belongs to Anna", "search": "corp.kxintern",
                   "ciuser": "kxanna", "smbios": "QUNNRTEyMw==", "mapping note": "card of the boss",
                   "group": "kxgroup", "file name": "kxannas", "interface": "kxwg0", "pool": "kxtank",
                   "snapshot": "before_kxupdate", "hook": "kxhook.pl", "CI digits": "20202020"}
        self.add("etc/pve/.members", json.dumps({
            "nodename": "pve2", "version": 3, "cluster": {"name": "payrollco", "version": 1, "nodes": 2, "quorate": 1},
            "nodelist": {"pve2": {"id": 1, "online": 1, "ip": "10.77.1.2"}, "kxalpha": {"id": 2, "online": 0}}}))
        self.add("etc/pve/corosync.conf", "nodelist {\n  node {\n    name: kxgamma\n    nodeid: 3\n"
                 "    ring0_addr: 10.77.1.2\n  }\n}\ntotem {\n  cluster_name: payrollco\n}\n")
        conf = "etc/pve/nodes/pve2/qemu-server/106.conf"
        self.write(conf, re.sub("name: .*", "name: accounts-db", self.read(conf)) +
                   "tags: kxberlin;gpu\ndescription: belongs to Anna\nsearchdomain: corp.kxintern\nciuser: kxanna\n"
                   "smbios1: uuid=%s,serial=QUNNRTEyMw==,base64=1\nhookscript: local:snippets/kxhook.pl\n"
                   "cipassword: 20202020\n[before_kxupdate]\ncores: 2\n" % uuid("s"))
        self.add("etc/pve/mapping/pci.cfg", "gpu0\n\tdescription card of the boss\n"
                 "\tmap id=10de:2206,node=kxalpha,path=0000:01:00.0\n")
        self.add("etc/pve/ha/resources.cfg", "vm: 106\n\tgroup kxgroup\n\tcomment card of the boss\n")
        self.add("etc/modprobe.d/kxannas.conf", "# belongs to Anna\n")
        self.add("etc/network/interfaces", "auto kxwg0\n")
        self.add("proc/mounts", "kxtank/data /kxtank zfs rw 0 0\n")
        self.add("var/log/dmesg", "[    9.5] start of accounts-db, 20202020, by KXANNA on kxgamma.\n")
        self.assert_gone(planted, self.capture())
        content = self.content()
        self.assertIn('"quorate": 1', content["etc/pve/.members"])
        self.assertIn("map id=10de:2206,node=host", content["etc/pve/mapping/pci.cfg"])

    def test_one_thing_has_one_stand_in(self):
        address, card = ipv4("one"), mac("one")
        self.add("var/log/dmesg", "[    9.1] vfio %s\n[    9.2] vfio %s %s\n" % (address, address, card))
        self.add("etc/network/interfaces", "\taddress %s/24\n\thwaddress %s\n" % (address, card.upper()))
        self.capture()
        content = self.content()
        lines = content["var/log/dmesg"].splitlines()[-2:]
        self.assertEqual(lines[0].split()[-1], lines[1].split()[-2])
        self.assertIn(lines[0].split()[-1] + "/24", content["etc/network/interfaces"])
        self.assertIn(lines[1].split()[-1], content["etc/network/interfaces"])

    def test_what_is_needed_stays(self):
        kept = {
            "var/log/dmesg": [
                "[   12.345678] vfio-pci 0000:01:00.0: BAR 1: can't reserve [mem 0xc0000000-0xcfffffff 64bit pref]",
                "[   13.000001] AMD-Vi: Interrupt remapping enabled",
                "[12345.678901] NVRM: Xid (PCI:0000:44:00): 79, GPU has fallen off the bus."],
            "etc/modprobe.d/vfio.conf": ["options vfio-pci ids=10de:2206,10de:1aef disable_vga=1",
                                         "softdep nouveau pre: vfio-pci", "blacklist snd_hda_intel"],
            "etc/modules": ["vfio_iommu_type1", "vfio_pci"],
            "etc/pve/nodes/pve2/qemu-server/106.conf": [
                "hostpci0: 0000:01:00,pcie=1,x-vga=1", "machine: pc-q35-8.1+pve0", "cpu: host,hidden=1,flags=+pcid",
                "args: -cpu 'host,kvm=off,hv_vendor_id=null'", "balloon: 0", "bios: ovmf"],
        }
        for name, lines in kept.items():
            self.add(name, "\n".join(lines) + "\n")
        cmdline = ("BOOT_IMAGE=/boot/vmlinuz-6.2.16-3-pve root=/dev/mapper/pve-root ro quiet intel_iommu=on iommu=pt "
                   "video=efifb:off pcie_acs_override=downstream,multifunction vfio-pci.ids=10de:2206 hugepages=16")
        self.write("proc/cmdline", cmdline + "\n")
        self.add("var/log/syslog", "Nov 16 09:12:40 pve2 systemd[1]: Started user@1000.service, getty@tty1.service\n")
        self.capture()
        content = self.content()
        for name, lines in kept.items():
            for line in lines:
                self.assertIn(line + "\n", content[name.replace("pve2", "host1")])
        self.assertEqual(content["proc/cmdline"], cmdline + "\n")
        self.assertIn("Nov 16 09:12:40 host1 systemd[1]: Started user@1000.service, getty@tty1.service",
                      content["var/log/syslog"])

    def test_logs_of_a_healthy_host_are_readable(self):
        for name in ("amd-boot.log", "intel-boot.log", "journal-pve.log", "tasks.log"):
            with open(os.path.join(SOURCE, "tests/doctor/healthy", name), encoding="utf-8") as file:
                text = file.read()
            self.write("var/log/dmesg", text)
            self.capture()
            after = self.content()["var/log/dmesg"]
            os.unlink(self.archive)
            self.assertEqual(after.count("\n"), text.count("\n"))
            words = len(re.findall(r"\w+", text))
            self.assertLess(len(re.findall(r"\bword\d+", after)), words / 50, name)

    def test_the_doctor_sees_the_same(self):
        lines = []
        with open(os.path.join(SOURCE, "tests/doctor/lines.jsonl"), encoding="utf-8") as file:
            for row in map(json.loads, file):
                lines += [row["line"].replace("\n", " ")] if "line" in row else []
        self.write("var/log/dmesg", "\n".join(lines) + "\n")
        self.write("var/log/syslog", "\n".join("Nov 16 09:00:00 pve2 kxprogram[7]: " + l for l in lines) + "\n")
        self.capture()
        ours, theirs = (json.loads(run("doctor", "--format", "json", root=r).stdout)["matches"]
                        for r in (self.root, self.archive))
        self.assertGreater(len(ours), 250)
        def told(matches):
            return sorted((m.get("id") or m["symptom"], m["count"]) for m in matches)
        self.assertEqual(told(ours), told(theirs))

    def test_a_node_of_any_name(self):
        """A node may be called what paths and programs are called, too."""
        for name in ("pve", "gpu-server"):
            self.tearDown()
            self.setUp()
            os.rename(self.path("etc/pve/nodes/pve2"), self.path("etc/pve/nodes/" + name))
            for link in ("qemu-server", "lxc"):
                if os.path.islink(self.path("etc/pve/" + link)):
                    target = os.readlink(self.path("etc/pve/" + link))
                    os.unlink(self.path("etc/pve/" + link))
                    os.symlink(target.replace("pve2", name), self.path("etc/pve/" + link))
            if os.path.islink(self.path("etc/pve/local")):
                os.unlink(self.path("etc/pve/local"))
                os.symlink("nodes/" + name, self.path("etc/pve/local"))
            for file in ("etc/hostname", "etc/hosts", "var/log/syslog"):
                self.write(file, self.read(file).replace("pve2", name))
            self.capture()
            ours, theirs = (json.loads(run("audit", "--format", "json", "--gpu", "01:00", "--vm", "106",
                                           root=r).stdout) for r in (self.root, self.archive))
            self.assertEqual([(f["id"], f["status"]) for f in ours["findings"] if f["id"] != "vfio.initramfs-stale"],
                             [(f["id"], f["status"]) for f in theirs["findings"] if f["id"] != "vfio.initramfs-stale"],
                             name)
            self.assertEqual(len(theirs["vms"]), len(ours["vms"]))

    def test_comments_stay_out_by_default(self):
        self.add("etc/default/grub", "# kxanna's own\nGRUB_TIMEOUT=7 # of the kernel\n")
        self.capture()
        text = self.content()["etc/default/grub"]
        self.assertTrue(text.endswith("\n#\nGRUB_TIMEOUT=7 #\n"), text[-80:])
        os.unlink(self.archive)
        self.capture("--comments")
        text = self.content()["etc/default/grub"]
        self.assertIn("GRUB_TIMEOUT=7 # of the kernel\n", text)
        self.assertNotIn("kxanna", text)
        done = run("capture", "--comments", "--no-comments", root=self.root)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(run("audit", "--comments", root=self.root).returncode, 2)

    def test_the_listing_is_fit_for_a_terminal(self):
        self.add("etc/modprobe.d/\x1b]0;kx\x07\x1b[2J.conf", "blacklist nouveau\n")
        self.add("etc/modprobe.d/\u202ekx.conf", "blacklist nouveau\n")
        listing = self.capture()
        self.assertNotIn("\x1b", listing)
        self.assertNotIn("\x07", listing)
        self.assertNotIn("\u202e", listing)

    def unpacked(self, process):
        """The directory in which a program has unpacked its capture, by what it has open."""
        for _ in range(1200):
            for fd in os.listdir("/proc/%d/fd" % process.pid):
                try:
                    target = os.readlink("/proc/%d/fd/%s" % (process.pid, fd))
                except FileNotFoundError:
                    continue
                found = re.match(r"/tmp/pvegpu-capture\.[^/ ]+", target)
                if found:
                    return found.group()
            time.sleep(0.05)
        return self.fail("it does not come")

    def test_a_signal_leaves_nothing_unpacked(self):
        """While a capture is read its tree lies in /tmp: it goes with the program, however that ends."""
        self.capture()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL):
            # The log never comes, so the program waits with the tree unpacked.
            with subprocess.Popen([PVEGPU, "doctor", "--log", "-", "--root", self.archive], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, stdin=subprocess.PIPE) as process:
                try:
                    tree = self.unpacked(process)
                finally:
                    process.send_signal(number)
                self.assertNotEqual(process.wait(60), 0)
            wait_until(lambda tree=tree: not os.path.exists(tree), "the end of " + tree)


if __name__ == "__main__":
    main()
