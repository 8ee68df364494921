# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of people who asked for help: what an expert would say of each is said, and no plan does harm.

Each host below $PVEGPU_SHARED/data/hosts2 is built into a tree by tools/mkcase.py; its truth.md says
what an expert would say. Without that folder: skipped (77).
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import SOURCE, main, run

SHARED = os.environ.get("PVEGPU_SHARED", "")
CASES = os.path.join(SHARED, "data", "hosts2")
MKCASE = os.path.join(SHARED, "tools", "mkcase.py")
MARK = re.compile(r"  (\[(?: OK |INFO|WARN|FAIL| \?\? )\]) ")


class Case(unittest.TestCase):
    """One host; its class below sets `number`."""
    number = None
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="pvegpu-cases.")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.tree = os.path.join(cls.directory, "tree")
        subprocess.run([sys.executable, MKCASE, os.path.join(CASES, cls.number), cls.tree, SOURCE], check=True,
                       stdout=subprocess.DEVNULL)
        cls.audit = cls.ask("audit")
        cls.gpus = [g["address"] for g in cls.audit["gpus"]]
        cls.plans = {}

    @classmethod
    def ask(cls, *arguments):
        done = run(*arguments, "--format", "json", root=cls.tree)
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    def plan(self, gpu, vmid):
        """The plan after everything that may be accepted was."""
        if (gpu, vmid) not in self.plans:
            goal = ["plan", "--gpu", gpu, "--vm", vmid]
            plan = self.ask(*goal)
            for refusal in plan["refusals"]:
                if refusal["acceptable"]:
                    goal += ["--accept", "%s=%s" % (refusal["check"], refusal["subject"])]
            self.plans[gpu, vmid] = self.ask(*goal)
        return self.plans[gpu, vmid]

    def vm(self, vmid):
        return [v for v in self.audit["vms"] if v["vmid"] == vmid][0]

    def vms_without_lines(self):
        return [v["vmid"] for v in self.audit["vms"] if not v["hostpci"]]

    def findings(self, check, status=None, subject=None):
        return [f for f in self.audit["findings"] if f["id"] == check and status in (None, f["status"])
                and subject in (None, f["subject"])]

    def said(self, check, status=None, subject=None):
        return " | ".join("%s %s %s" % (f["detail"], " ".join(e["text"] for e in f["evidence"]),
                                       (f["fix"] or {}).get("summary", ""))
                          for f in self.findings(check, status, subject))

    @staticmethod
    def all_changes(plan):
        return plan["changes"] + plan["forecast"]

    def hostpci_set(self, plan):
        return [value for c in self.all_changes(plan) if c["kind"] == "api"
                for key, value in c["params"].items() if key.startswith("hostpci")]

    @staticmethod
    def starts(plan):
        return [c for c in plan["changes"] + plan["forecast"] if c["kind"] == "api" and c["path"].endswith("/start")]

    def link(self, address, name):
        path = os.path.join(self.tree, "sys/bus/pci/devices", address, name)
        return os.path.basename(os.readlink(path)) if os.path.islink(path) else None

    def devices(self):
        return os.listdir(os.path.join(self.tree, "sys/bus/pci/devices"))

    def virtual(self, address):
        return self.link(address, "physfn")

    def split(self, address):
        return any(self.virtual(d) == address for d in self.devices())

    def named_by(self, value):
        """The functions that a hostpci value means to Proxmox VE."""
        host = re.sub(r"^host=", "", value.split(",")[0])
        return [d for part in host.split(";") for d in self.devices()
                if d == part or ("." not in part and d.startswith(part + "."))]

    # What holds for each.

    def test_nothing_is_said_twice(self):
        text = run("audit", root=self.tree).stdout
        lines = MARK.split(text)[1:]
        said = [re.sub(r"\s+", " ", re.sub(r" \((0000:[^)]*|group/[^)]*)\)", "", line, count=1)).strip()
                for line in lines[1::2]]
        self.assertEqual(sorted(s for s in set(said) if said.count(s) > 1), [])

    def test_no_plan_takes_more_than_was_asked_for(self):
        for gpu in self.gpus:
            for vmid in self.vms_without_lines():
                plan = self.plan(gpu, vmid)
                for value in self.hostpci_set(plan):
                    named = self.named_by(value)
                    self.assertIn(gpu, named + ([] if named else [gpu]), value)
                    self.assertFalse([d for d in named if d != gpu and (self.virtual(d) or self.virtual(gpu))], value)
                    self.assertFalse([d for d in named if self.split(d) and not plan["refusals"]], value)

    def test_no_plan_starts_what_cannot_start(self):
        broken = {int(f["subject"][3:]) for check in ("attach.hostpci-invalid", "attach.device-missing")
                  for f in self.findings(check, "fail") if f["subject"].startswith("vm/")}
        for gpu in self.gpus:
            for vmid in broken:
                plan = self.plan(gpu, vmid)
                self.assertTrue(plan["refusals"] or not self.starts(plan), (gpu, vmid))

    def test_a_bmc_is_no_gpu_to_give(self):
        for gpu in self.audit["gpus"]:
            if gpu["id"].startswith("1a03:"):
                self.assertFalse([f for f in self.audit["findings"] if f["subject"] == gpu["address"]
                                  and f["status"] in ("warn", "fail")], gpu["address"])


# What an expert would say of each: functions of the case.

def expert_02(case):
    said = case.said("attach.mapping-drift", "fail")
    case.assertIn("iommugroup=", said)
    case.assertIn("subsystem-id=", said)
    vmid = [v["vmid"] for v in case.audit["vms"] if v["hostpci"]][0]
    plan = case.plan(case.gpus[0], vmid)
    case.assertEqual(plan["refusals"], [])
    kinds = [("mapping" if c.get("mapping") else c["kind"]) for c in plan["changes"]]
    case.assertLess(kinds.index("mapping"), kinds.index("reboot"))
    case.assertRegex([c["cost"] for c in plan["changes"] if c["kind"] == "reboot"][0], r"boots kernel \S+, where \S+ runs")


def expert_04(case):
    gpu = case.gpus[0]
    case.assertNotIn("cannot have booted", case.said("gpu.boot-vga"))
    plan = case.plan(gpu, case.vms_without_lines()[0])
    case.assertIn("reboot", [c["kind"] for c in plan["changes"]])
    case.assertFalse([c for c in plan["changes"] if c["kind"] == "api"])
    case.assertIn("romfile", case.said("gpu.rom"))


def expert_06(case):
    case.assertIn("'bus'", case.said("attach.hostpci-invalid", "fail"))
    case.assertNotIn("emulated display stays", case.said("vm.display"))
    case.assertIn("ich9-pcie-port", case.said("vm.args", "fail"))


def expert_08(case):
    said = case.said("attach.device-missing", "fail")
    case.assertIn("gone", said)
    case.assertIn("power the host off", said)
    log = [n for n in os.listdir(os.path.join(CASES, case.number)) if n.startswith("journal")][0]
    done = run("doctor", "--log", os.path.join(CASES, case.number, log), root=case.tree)
    case.assertNotIn("disable_idle_d3", done.stdout)
    case.assertNotIn("pcie_aspm=off", done.stdout)
    case.assertIn("overclock", done.stdout)


def expert_10(case):
    case.assertNotIn("offers no mediated", case.said("attach.mapping-drift"))
    split = [g for g in case.gpus if case.split(g)]
    for gpu in split:
        plan = case.plan(gpu, case.vms_without_lines()[0])
        case.assertTrue([r for r in plan["refusals"] if not r["acceptable"]])
        case.assertNotIn("bind it", case.said("vfio.host-driver", subject=gpu))
    for gpu in case.gpus:
        if case.virtual(gpu):
            plan = case.plan(gpu, case.vms_without_lines()[0])
            taken = " ".join(c.get("after") or "" for c in plan["changes"])
            case.assertFalse([g for g in split if g in taken and not plan["refusals"]])


def expert_12(case):
    case.assertFalse([f for f in case.audit["findings"] if f["status"] == "fail"])
    vmid = case.audit["vms"][0]["vmid"]
    plan = case.plan(case.gpus[0], vmid)
    case.assertFalse(case.hostpci_set(plan))
    first = case.ask("plan", "--gpu", case.gpus[0], "--vm", vmid)
    case.assertFalse(first["refusals"])
    case.assertFalse([f for f in case.findings("vfio.leftovers") if "blacklist amdgpu: not needed" in
                      " ".join(e["text"] for e in f["evidence"])])


def expert_14(case):
    case.assertIn("--vga none", case.said("vm.display", "warn"))
    case.assertIn("vendor-reset", case.said("gpu.reset", "info"))


def expert_16(case):
    free = [g for g in case.gpus if case.virtual(g) and case.link(g, "driver") != "vfio-pci"][0]
    vmid = case.vms_without_lines()[0]
    plan = case.plan(free, vmid)
    case.assertEqual(plan["refusals"], [])
    case.assertEqual([v.split(",")[0] for v in case.hostpci_set(plan)], [free])
    case.assertFalse([c for c in plan["changes"] if c["kind"] == "reboot"])
    physical = case.virtual(free)
    case.assertTrue([r for r in case.plan(physical, vmid)["refusals"] if not r["acceptable"]])
    wide = [v["vmid"] for v in case.audit["vms"] for h in v["hostpci"] if "." not in h["value"].split(",")[0]]
    case.assertTrue([f for f in case.audit["findings"] if f["subject"] == "vm/%d" % wide[0] and f["status"] == "fail"])


def expert_18(case):
    case.assertIn("never counts here", case.said("boot.loader", "warn"))
    amd = [g["address"] for g in case.audit["gpus"] if g["id"].startswith("1002:")][0]
    plan = case.plan(amd, case.audit["vms"][0]["vmid"])
    case.assertIn("reboot", [c["kind"] for c in plan["changes"]])
    asked = case.ask("audit", "--gpu", amd, "--vm", case.audit["vms"][0]["vmid"])
    case.assertIn("-cpu", " ".join(f["detail"] for f in asked["findings"] if f["id"] == "vm.args"))


def expert_20(case):
    vmid = case.vms_without_lines()[0]
    for gpu in case.audit["gpus"]:
        if gpu["id"].startswith("1002:"):
            plan = case.ask("plan", "--gpu", gpu["address"], "--vm", vmid)
            case.assertIn("gpu.in-use", [r["check"] for r in plan["refusals"]])
            case.assertIn("vendor-reset", case.said("gpu.reset", "warn", gpu["address"]))


def expert_22(case):
    vm = [v for v in case.audit["vms"] if v["hostpci"]][0]
    plan = case.ask("plan", "--gpu", vm["hostpci"][0]["devices"][0], "--vm", vm["vmid"])
    case.assertEqual((plan["nothing_to_do"], plan["refusals"]), (True, []))


def expert_24(case):
    case.assertFalse(case.findings("attach.conflict", "fail"))
    case.assertEqual(len(case.findings("gpu.identical", "warn")), 1)
    plan = case.ask("plan", "--mapping", "rtx4000", "--vm", "501")
    case.assertEqual(plan["refusals"], [])
    case.assertIn("mapping=rtx4000,pcie=1", [c["params"].get("hostpci0") for c in plan["changes"] if "params" in c])


def load_tests(loader, _standard, _pattern):
    suite = unittest.TestSuite()
    for number in sorted(os.listdir(CASES)):
        expert = globals().get("expert_" + number)
        members = {"number": number}
        if expert:
            members["test_what_an_expert_says"] = lambda self, expert=expert: expert(self)
        case = type("Case_" + number, (Case,), members)
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    if not SHARED or not os.path.isdir(CASES) or not os.path.isfile(MKCASE):
        print("skipped: no cases (PVEGPU_SHARED is %s)" % (SHARED or "not set"))
        raise SystemExit(77)
    main()
