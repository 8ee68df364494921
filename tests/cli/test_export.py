# SPDX-License-Identifier: GPL-3.0-or-later
"""pvegpu export tofu: HCL that a parser takes, that `fmt` leaves alone, and that says what there is.

The text is read back here by its own few forms; where terraform or tofu is installed its fmt judges it, and where npm
is, a parser of HCL (@cdktf/hcl2json)."""
import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, PVESIM, main, run
from test_api import ApiTest as Remote

CFG = "/etc/pve/mapping/pci.cfg"
BIG = """gpu-a
	description  The big ${one} 50%{x} "q" \\ back
	map id=10DE:2206,iommugroup=1,node=pve2,path=0000:01:00.0,subsystem-id=1043:87b0
	map id=10de:2204,iommugroup=7,node=pve1,path=0000:01:00.0,subsystem-id=10de:147d,description=left slot
	mdev 1

pool
	map id=10de:2182,iommugroup=2,node=pve2,path=0000:02:00,subsystem-id=1043:867b

"""
FORMATTER = shutil.which("tofu") or shutil.which("terraform")
NEW, OLD = "proxmox_hardware_mapping_pci", "proxmox_virtual_environment_hardware_mapping_pci"


def installed(place):
    try:
        return subprocess.run(["npm", "install", "--silent", "--prefix", place, "@cdktf/hcl2json@0.21.0"], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def parser():
    """Where the parser from the npm registry lies, or None: once for all tests."""
    if not hasattr(parser, "place"):
        parser.place = None
        place = tempfile.mkdtemp(prefix="pvegpu-hcl.")
        atexit.register(shutil.rmtree, place)
        if shutil.which("node") and installed(place):
            parser.place = place
        else:
            print("skipped: the parser of HCL cannot be had here (npm)")
    return parser.place


def parsed(code):
    script = "require(process.argv[1] + '/node_modules/@cdktf/hcl2json').parse('a.tf', require('fs').readFileSync(0, 'utf8'))" \
             ".then(v => console.log(JSON.stringify(v)), e => { console.error(e); process.exit(1) })"
    done = subprocess.run(["node", "-e", script, parser()], input=code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + code
    return json.loads(done.stdout)


def unquoted(value):
    text = json.loads(value)  # its escapes are JSON's
    return text.replace("$${", "${").replace("%%{", "%{")


def mappings(code):
    """By our own eyes: {name: (settings, [entry])} of the resources."""
    found = {}
    for kind, label, body in re.findall(r'(?m)^resource "(\S+)" "(\S+)" \{\n((?:  .*\n)*)\}$', code):
        settings, entries = {"type": kind, "label": label}, []
        for line in body.splitlines():
            key, _, value = line.strip().partition(" = ")
            key = key.strip()
            if line.strip() == "{":
                entries.append({})
            elif value and not value.startswith("["):
                (settings if line.startswith("  ") and line[2] != " " else entries[-1])[key] = \
                    unquoted(value) if value.startswith('"') else json.loads(value)
        found[settings["name"]] = (settings, entries)
    return found


def configured(text):
    """The same of pci.cfg, as the provider writes it: small letters."""
    found, name = {}, None
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        if line[:1].strip():
            name = line.strip()
            found[name] = ({}, [])
        elif key == "map":
            pairs = dict(p.split("=", 1) for p in value.split(","))
            entry = {"node": pairs["node"], "path": pairs["path"].lower(), "id": pairs["id"].lower()}
            if "subsystem-id" in pairs:
                entry["subsystem_id"] = pairs["subsystem-id"].lower()
            if "iommugroup" in pairs:
                entry["iommu_group"] = int(pairs["iommugroup"])
            if "description" in pairs:
                entry["comment"] = pairs["description"]
            found[name][1].append(entry)
        elif key == "mdev":
            found[name][0]["mediated_devices"] = True
        elif key == "description":
            found[name][0]["comment"] = value.strip()
    return found


class Checked:
    def checked(self, code):
        if FORMATTER:
            done = subprocess.run([FORMATTER, "fmt", "-check", "-no-color", "-"], input=code, capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr + code)
        else:
            print("skipped: no terraform or tofu here, whose fmt would judge it")
        if parser():
            tree = parsed(code)
            for name, (settings, _) in mappings(code).items():
                self.assertIn(settings["label"], tree["resource"][settings["type"]], name)
            self.assertIn("gpu_device_meta", tree["locals"][0])
        return code

    def assert_says_what_is_there(self, code, text):
        said = mappings(code)
        there = configured(text)
        self.assertEqual(set(said), set(there))
        for name, (settings, entries) in there.items():
            self.assertEqual(said[name][1], entries, name)
            told = {k: v for k, v in said[name][0].items() if k not in ("type", "label", "name")}
            self.assertEqual(told, settings, name)
            self.assertIn('to = %s.%s\n  id = "%s"\n' % (said[name][0]["type"], said[name][0]["label"], name), code)


class Here(HostTest, Checked):
    def setUp(self):
        super().setUp()
        self.iommu_on()
        os.makedirs(os.path.dirname(self.path(CFG)), exist_ok=True)
        self.write(CFG, BIG)

    def export(self, *options, expect=0):
        done = run("export", "tofu", *options, root=self.root)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        self.told = done.stderr
        return self.checked(done.stdout)

    def test_what_is_there(self):
        code = self.export()
        self.assert_says_what_is_there(code, BIG)
        self.assertIn('"pve1/0000:01:00.0" = { id = "10de:2204", subsystem_id = "10de:147d", iommu_group = 7 }', code)
        self.assertIn(OLD, self.export("--old-names"))
        self.assertNotIn(NEW + ".", self.export("--old-names"))
        self.write(CFG, BIG.split("pool")[0].replace("node=pve1,path=0000:01", "node=pve1,path=0000:0a"))
        self.assertIn('    "0000:01:00.0" = { id = "10de:2206"', self.export(), "no node where none is needed")

    def test_lines_of_vms(self):
        self.conf(106, "hostpci0: mapping=gpu-a,pcie=1,rombar=0")
        code = self.export()
        self.assertIn("#     device  = \"hostpci0\"\n#     mapping = %s.gpu-a.name\n#     pcie    = true\n#     rombar  = false\n"
                      % NEW, code)

    def test_made_of_nodes(self):
        self.conf(106, "hostpci0: 0000:01:00,pcie=1")
        self.write(CFG, BIG + "gpu-talos-gpu-1-0\n\tmap id=10de:2206,iommugroup=1,node=pve2,path=0000:01:00.0\n\n")
        code = self.export("--form", "nodes")
        self.assertIn('#   "talos-gpu-1" = { host_node = "pve2", gpu_devices = ["0000:01:00.0", "0000:01:00.1"] }', code)
        self.assertIn('  to = %s.gpu["gpu-talos-gpu-1-0"]\n' % NEW, code)
        self.assertIn('meta = local.gpu_device_meta["${node_cfg.host_node}/${bdf}"]', code)
        self.assertIn("subsystem_id = each.value.meta.subsystem_id\n", code)

    def test_what_cannot_be_said(self):
        self.write(CFG, BIG + "odd\n\tmap id=10de:2182,node=pve2,path=0000:02:00.0;0000:02:00.1\n\n")
        self.assertNotIn('"odd"', self.export(expect=1))
        self.assertIn("left out: mapping odd: an entry of it has several addresses", self.told)
        self.write("/etc/default/grub", self.read("/etc/default/grub").replace(" intel_iommu=on", ""))
        self.script("usr/sbin/update-grub")
        self.script("usr/sbin/reboot")
        self.export(expect=1)
        self.assertIn("not known while the IOMMU is off", self.told)

    def test_wrong_words(self):
        for words in ((), ("terraform",)):
            done = run("export", *words, root=self.root)
            self.assertEqual(done.returncode, 2)
            self.assertIn("There is: tofu", done.stderr)
        self.assertEqual(run("export", "tofu", "--form", "x", root=self.root).returncode, 2)
        self.assertEqual(run("export", "tofu", "--gpu", "01:00", root=self.root).returncode, 2)

    def test_a_name_that_would_break_out(self):
        self.write("/etc/pve/nodes/pve2/qemu-server/106.conf",
                   self.read("/etc/pve/nodes/pve2/qemu-server/106.conf").replace("name: talos-gpu-1", 'name: a"}b')
                   + "hostpci0: 0000:01:00,pcie=1\n")
        self.export("--form", "nodes")


class Cluster(Remote, Checked):
    """Three nodes, by the API."""
    def test_of_all_nodes(self):
        if not os.path.exists(PVESIM):
            self.skipTest("pvesim was not built")
        code = self.checked(self.run_api("export", "tofu").stdout)
        self.assert_says_what_is_there(code, self.read("mapping/pci.cfg"))
        self.assertEqual([e["node"] for e in mappings(code)["rtx3080"][1]], ["pve1", "pve3"])


if __name__ == "__main__":
    main()
