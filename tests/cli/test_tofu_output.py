# SPDX-License-Identifier: GPL-3.0-or-later
"""--tofu-output: what `output -json` prints, in each of its forms, becomes a goal."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, PVEGPU, main, run

NAME = "gpu_configuration_needed"
ONE = {"gpu_pci_id": "01:00", "hostname": "talos-gpu-1", "instructions": "1. a\n2. <b>", "node": "pve2", "server": "pve2"}
TWO = {"gpu_pci_id": "0000:02:00.0", "hostname": "talos-gpu-2", "node": "pve2"}


def whole(value, **more):
    return {NAME: {"sensitive": False, "type": ["tuple", []], "value": value},
            "big": {"sensitive": False, "type": "number", "value": 12345678901234567890}, **more}


class Output(HostTest):
    def goal(self, value, expect=(0, 1), words=None):
        path = os.path.join(self.directory, "output.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(value if isinstance(value, str) else json.dumps(value))
        done = run("plan", "--format", "json", "--tofu-output", path, root=self.root)
        self.told = done.stderr
        self.assertIn(done.returncode, expect if isinstance(expect, tuple) else (expect,), done.stderr)
        if words:
            self.assertIn(words, done.stderr)
            return None
        goal = json.loads(done.stdout)["goal"]
        return sorted((a["device"], a["guest"]) for a in goal["assignments"])

    def test_its_forms(self):
        both = [("0000:01:00.0", 106), ("0000:02:00.0", 107)]
        for value in ([ONE], ONE, {"talos-gpu-1": ONE}):
            for form in (value, whole(value)):
                self.assertEqual(self.goal(form), [("0000:01:00.0", 106)], value)
        for value in ([ONE, TWO], {"a": ONE, "b": TWO}):
            self.assertEqual(self.goal(whole(value)), sorted(both))
        self.assertEqual(self.goal([{"hostname": "talos-gpu-1", "gpu_pci_id": "01:00.0", "node": None}]), [("0000:01:00.0", 106)])
        self.assertEqual(self.goal([dict(ONE, gpu_pci_id="0000:01:00", server="other")]), [("0000:01:00.0", 106)])

    def test_the_same_plan_as_by_hand(self):
        path = os.path.join(self.directory, "output.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump([ONE], file)
        plans = [json.loads(run("plan", "--format", "json", *words, root=self.root).stdout)["changes"]
                 for words in (("--tofu-output", path), ("--assign", "01:00=106"))]
        self.assertEqual(*plans)

    def test_by_a_pipe(self):
        done = subprocess.run([PVEGPU, "plan", "--format", "json", "--tofu-output", "-", "--root", self.root],
                              input=json.dumps(whole([ONE])), capture_output=True, text=True, check=False)
        self.assertEqual(json.loads(done.stdout)["goal"]["assignments"][0]["guest"], 106, done.stderr)

    def program(self, name, text):
        path = self.path("/usr/bin/" + name)
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)

    def asked(self, *words):
        return run("plan", "--format", "json", "--tofu-dir", "infra", *words, root=self.root)

    def test_asked_where_the_configuration_is(self):
        """A stand-in for tofu, of the sample host: real ones answered the same."""
        self.program("terraform", "printf '%%s' '%s'\n" % json.dumps(whole([ONE])))
        self.assertEqual(json.loads(self.asked().stdout)["goal"]["assignments"][0]["guest"], 106)
        self.program("tofu", "[ \"$*\" = '-chdir=infra output -json -no-color' ] || exit 9\nprintf '%%s' '%s'\n" % json.dumps(whole([TWO])))
        self.assertEqual(json.loads(self.asked().stdout)["goal"]["assignments"][0]["guest"], 107, "tofu before terraform")
        self.program("tofu", "echo '\033[31mError: Backend initialization required' >&2\nexit 1\n")
        done = self.asked()
        self.assertEqual(done.returncode, 3)
        self.assertIn("tofu in infra ended with status 1: ", done.stderr)
        self.assertIn("Backend initialization required", done.stderr)
        self.assertNotIn("\x1b", done.stderr)
        self.program("tofu", "echo '{}'\n")
        self.assertIn("tofu -chdir=DIR output", self.asked().stderr)
        self.assertEqual(self.asked("--tofu-output", "-").returncode, 2)
        for name in ("tofu", "terraform"):
            os.remove(self.path("/usr/bin/" + name))
        self.assertIn("cannot find the command 'terraform'", self.asked().stderr)

    def test_workers_of_other_nodes(self):
        self.assertEqual(self.goal([ONE, dict(TWO, node="pve1")]), [("0000:01:00.0", 106)])
        self.assertIn("not here: talos-gpu-2 gets 0000:02:00.0 on node pve1", self.told)
        self.goal([dict(ONE, node="pve1"), dict(TWO, node="pve3")], 2, "they are on: pve1, pve3")

    def test_what_is_wrong_is_named(self):
        for value, words in (
                ({}, "there is no output " + NAME),
                (whole([ONE], x={"sensitive": True, "value": 1}) and {"x": {"sensitive": True, "value": 1}}, "it has: x"),
                ([], NAME + " names no worker"),
                (whole(None), NAME + ".value is no list, map or object of workers"),
                (whole([ONE, 7]), NAME + ".value[1] is no object of hostname, node and gpu_pci_id"),
                ([{"hostname": "talos-gpu-1"}], NAME + "[0] has no gpu_pci_id"),
                ([{"gpu_pci_id": "01:00"}], NAME + "[0] has no hostname"),
                ({"a": dict(ONE, gpu_pci_id="01")}, NAME + ".a.gpu_pci_id: '01' is no PCI address"),
                ([dict(ONE, hostname=7)], NAME + "[0].hostname is no text"),
                ([dict(ONE, hostname="nobody")], NAME + "[0].hostname: no VM of this node is called nobody"),
                ("{", "line 1: not what output -json prints"),
                ("\n\nOutput \"x\" not found", "line 3: not what output -json prints")):
            self.goal(value, (2, 3), words)
            self.assertNotIn("\x1b", self.told)
        self.goal([dict(ONE, hostname="\x1b[31mx")], (2, 3), "no VM of this node is called")
        name = "/etc/pve/nodes/pve2/qemu-server/107.conf"
        self.write(name, self.read(name).replace("talos-gpu-2", "talos-gpu-1"))
        self.goal([ONE], 2, "VM 106 and VM 107 of this node are both called talos-gpu-1")
        self.assertEqual(run("plan", "--tofu-output", "/nowhere", root=self.root).returncode, 3)
        done = run("--tofu-output", os.path.join(self.directory, "output.json"), root=self.root)
        self.assertEqual(done.returncode, 2, "the wizard says it before it takes the screen")
        self.assertIn("are both called talos-gpu-1", done.stderr)


if __name__ == "__main__":
    main()
