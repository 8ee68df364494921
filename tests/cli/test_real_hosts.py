# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of recorded hosts, and of this one, against what others read there.

Each host below $PVEGPU_SHARED/data/hosts is built into a tree by tools/mksysroot.py. What the
audit says of its GPUs must be what lspci reads from that tree, and what mksysroot.py read from
the host's own listings. Neither shares a line with pvegpu. Without that folder: skipped (77).
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import main, run

SHARED = os.environ.get("PVEGPU_SHARED", "")
HOSTS = os.path.join(SHARED, "data", "hosts")
MKSYSROOT = os.path.join(SHARED, "tools", "mksysroot.py")
LSPCI = shutil.which("lspci", path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin:/usr/bin")
LIVE_BUS = "/sys/bus/pci"
NO_ID = 0xffff  # a listing without ids; mksysroot.py writes it like that


# What each side says: {address: device}, a device being the members of the audit's "functions".

def device(address, class_word, vendor, product, subsystem, driver, group):
    return {"address": address, "class": "%04x" % class_word, "id": "%04x:%04x" % (vendor, product),
            "subsystem_id": "%04x:%04x" % subsystem if subsystem and any(subsystem) else None,
            "driver": driver, "iommu_group": group}


def listed_devices(bus):
    """From `lspci -Dnnk`, and the groups from its -vmm form: the short one has none."""
    def lspci(*options):
        return subprocess.run([LSPCI, *options, "-O", "sysfs.path=" + bus], check=True,
                              capture_output=True, text=True, errors="replace",
                              env=dict(os.environ, LC_ALL="C")).stdout
    groups = {}
    for block in lspci("-Dnvmm").split("\n\n"):
        fields = dict(line.split(":\t", 1) for line in block.splitlines() if ":\t" in line)
        if "IOMMUGroup" in fields:
            groups[fields["Slot"]] = int(fields["IOMMUGroup"])
    devices = {}
    for block in re.split(r"\n(?=\S)", lspci("-Dnnk").rstrip("\n")):
        head = re.match(r"(\S+) .*?\[([0-9a-f]{4})\]: .*\[([0-9a-f]{4}):([0-9a-f]{4})\]", block)
        subsystem = re.search(r"^\tSubsystem: .*\[([0-9a-f]{4}):([0-9a-f]{4})\]$", block, re.M)
        driver = re.search(r"^\tKernel driver in use: (\S+)$", block, re.M)
        address, *numbers = head.groups()
        devices[address] = device(address, *[int(n, 16) for n in numbers],
                                  tuple(int(n, 16) for n in subsystem.groups()) if subsystem else None,
                                  driver.group(1) if driver else None, groups.get(address))
    return devices


def recorded_devices(facts):
    """From `mksysroot.py --facts`: the host's own listings, no tree between."""
    return {address: device(address, d["class"], d.get("vendor", NO_ID), d.get("device", NO_ID),
                            (d.get("svendor", 0), d.get("sdevice", 0)), d.get("driver"),
                            facts["groups"].get(address))
            for address, d in facts["devs"].items()}


def card_of(devices, address):
    """What is on the card: of a processor's graphics (its slot has the processor's security engine)
    only the audio, of a board all that is no GPU of its own."""
    slot = [a for a in sorted(devices) if a.startswith(address.rsplit(".", 1)[0] + ".")]
    if any(devices[a]["class"] == "1080" for a in slot):
        vendor = devices[address]["id"].split(":")[0]
        parts = [a for a in slot if devices[a]["class"] == "0403" and devices[a]["id"].startswith(vendor)]
    else:
        parts = [a for a in slot if devices[a]["class"] in ("0403", "0c03", "0c80", "0700")]
    return [devices[a] for a in slot if a == address or (address.endswith(".0") and a in parts)]


def gpus_of(devices):
    """The part of the audit's "gpus" that can be told from a list of devices."""
    gpus = []
    for address, gpu in sorted(devices.items()):
        if gpu["class"] not in ("0300", "0302", "0380"):
            continue
        group = gpu["iommu_group"]
        gpus.append(dict(gpu, functions=card_of(devices, address),
                         group_members=[a for a in sorted(devices)
                                        if group is not None and devices[a]["iommu_group"] == group]))
    return gpus


def audited_gpus(audit):
    def without(members, *names):
        return {key: value for key, value in members.items() if key not in names}
    return [dict(without(gpu, "name", "boot_vga", "verdict", "bmc", "physical_function"),
                 functions=[without(function, "name") for function in gpu["functions"]])
            for gpu in audit["gpus"]]


# The members of design.md, section 6. A set holds the words that may stand there.

TEXT_OR_NONE = (str, type(None))
INT_OR_NONE = (int, type(None))
BOOL_OR_NONE = (bool, type(None))
STEPS = {"host", "bios", "boot", "vfio", "gpu", "vm", "attach", "verify"}
STATUSES = {"ok", "info", "warn", "fail", "unknown"}
FUNCTION = {"address": str, "class": str, "id": str, "subsystem_id": TEXT_OR_NONE, "name": str,
            "driver": TEXT_OR_NONE, "iommu_group": INT_OR_NONE}
AUDIT = {
    "schema": {"pvegpu.audit/1"},
    "tool": {"name": {"pvegpu"}, "version": str},
    "host": {"node": TEXT_OR_NONE, "pve_version": TEXT_OR_NONE, "kernel": TEXT_OR_NONE,
             "cpu_vendor": {"intel", "amd", "unknown"},
             "boot_loader": {"grub", "systemd-boot", "unknown"},
             "boot_managed_by": {"proxmox-boot-tool", None}, "cmdline_file": TEXT_OR_NONE,
             "cmdline_running": TEXT_OR_NONE, "iommu": {"active": BOOL_OR_NONE, "groups": int}},
    "gpus": [dict(FUNCTION, boot_vga=BOOL_OR_NONE, functions=[FUNCTION], group_members=[str],
                  verdict={"ready", "needs-work", "blocked", "unknown"})],
    "vms": [{"vmid": int, "name": str, "config": dict, "pending": dict, "snapshots": [str],
             "hostpci": [{"index": int, "value": str, "valid": bool, "error": TEXT_OR_NONE,
                          "mapping": TEXT_OR_NONE, "devices": [str]}]}],
    "mappings": [{"id": str, "description": TEXT_OR_NONE, "mdev": bool,
                  "map": [{"node": str, "path": str, "id": str, "subsystem_id": TEXT_OR_NONE,
                           "iommugroup": INT_OR_NONE}], "error": TEXT_OR_NONE}],
    "findings": [{"id": str, "step": STEPS, "status": STATUSES, "subject": str, "title": str,
                  "detail": str, "evidence": [{"source": str, "text": str}],
                  "fix": (None, {"summary": str, "automatic": bool})}],
    "summary": dict.fromkeys(STATUSES, int),
}


def shape_errors(value, shape, path="audit"):
    """What in `value` is not as `shape` says. Members may be more, none may be missing."""
    if isinstance(shape, tuple) and isinstance(shape[-1], dict):
        return [] if value is None else shape_errors(value, shape[-1], path)
    if isinstance(shape, set):
        return [] if value in shape else ["%s: %r" % (path, value)]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return ["%s: not a list" % path]
        return [e for i, item in enumerate(value)
                for e in shape_errors(item, shape[0], "%s[%d]" % (path, i))]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return ["%s: not an object" % path]
        missing = ["%s.%s: missing" % (path, key) for key in shape if key not in value]
        return missing + [e for key in shape if key in value
                          for e in shape_errors(value[key], shape[key], "%s.%s" % (path, key))]
    types = shape if isinstance(shape, tuple) else (shape,)
    wrong = not isinstance(value, types) or (isinstance(value, bool) and bool not in types)
    return ["%s: %r" % (path, value)] if wrong else []


def whole_tree(root):
    """One hash over every name, kind, mode, link and content, empty directories included."""
    digest = hashlib.sha256()

    def add(kind, path, content=b""):
        name = os.path.relpath(path, root).encode(errors="surrogateescape")
        mode = os.lstat(path).st_mode
        digest.update(b"%s %d %o %d\n%s\n%s\n" % (kind, len(name), mode, len(content), name, content))

    def walk(directory):
        add(b"directory", directory)
        for entry in sorted(os.scandir(directory), key=lambda e: e.name):
            if entry.is_symlink():
                add(b"link", entry.path, os.readlink(entry.path).encode(errors="surrogateescape"))
            elif entry.is_dir():
                walk(entry.path)
            else:
                with open(entry.path, "rb") as file:
                    add(b"file", entry.path, file.read())

    walk(root)
    return digest.hexdigest()


class Audited(unittest.TestCase):
    """What holds for every audit; `bus` is where lspci looks for the same devices."""
    maxDiff = None
    bus = LIVE_BUS

    @classmethod
    def audit(cls, root=None):
        cls.done = run("audit", "--format", "json", root=root)
        try:
            cls.report = json.loads(cls.done.stdout)
        except ValueError as error:
            raise AssertionError("no JSON (%s): %s" % (error, cls.done.stderr)) from error

    def test_status(self):
        """1 for a fail finding, else 0. A sanitizer ends with 1 as well: nothing on stderr."""
        self.assertEqual(self.done.stderr, "")
        statuses = [finding["status"] for finding in self.report["findings"]]
        self.assertEqual(self.done.returncode, 1 if "fail" in statuses else 0)
        self.assertEqual(self.report["summary"], {s: statuses.count(s) for s in STATUSES})

    def test_shape(self):
        self.assertEqual(shape_errors(self.report, AUDIT), [])
        self.assertTrue(self.report["findings"])

    def test_gpus_as_lspci(self):
        if not LSPCI:
            self.skipTest("lspci is not installed")
        self.assertEqual(audited_gpus(self.report), gpus_of(listed_devices(self.bus)))


class RecordedHost(Audited):
    """One recorded host; its class below sets `source`."""
    source = None

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="pvegpu-hosts.")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        tree = os.path.join(cls.directory, "tree")
        command = [sys.executable, MKSYSROOT]
        subprocess.run([*command, cls.source, tree], check=True, stdout=subprocess.DEVNULL)
        cls.facts = json.loads(subprocess.run([*command, "--facts", cls.source], check=True,
                                              capture_output=True, text=True).stdout)
        cls.bus = tree + LIVE_BUS
        cls.before = whole_tree(tree)
        cls.audit(tree)
        cls.after = whole_tree(tree)

    def test_gpus_as_recorded(self):
        self.assertEqual(audited_gpus(self.report), gpus_of(recorded_devices(self.facts)))

    def test_boot_vga(self):
        self.assertEqual([gpu["address"] for gpu in self.report["gpus"] if gpu["boot_vga"]],
                         [self.facts["boot_vga"]] if self.facts["boot_vga"] else [])

    def test_tree_unchanged(self):
        self.assertEqual(self.before, self.after)


class ThisHost(Audited):
    """The machine the test runs on, where it has PCI devices at all."""

    @classmethod
    def setUpClass(cls):
        cls.audit()


def has_entries(directory):
    return os.path.isdir(directory) and bool(os.listdir(directory))


def load_tests(loader, _standard, _pattern):
    suite = unittest.TestSuite()
    for name in sorted(os.listdir(HOSTS)):
        if re.match(r"\d\d-", name):
            host = type("Host_" + re.sub(r"\W", "_", name), (RecordedHost,),
                        {"source": os.path.join(HOSTS, name)})
            suite.addTests(loader.loadTestsFromTestCase(host))
    if has_entries(LIVE_BUS + "/devices"):
        suite.addTests(loader.loadTestsFromTestCase(ThisHost))
    else:
        print("this machine has no PCI devices: not audited")
    return suite


if __name__ == "__main__":
    if not SHARED or not has_entries(HOSTS) or not os.path.isfile(MKSYSROOT):
        print("skipped: no recorded hosts (PVEGPU_SHARED is %s)" % (SHARED or "not set"))
        raise SystemExit(77)
    if not LSPCI:
        print("lspci is not installed: not compared with it")
    main()
