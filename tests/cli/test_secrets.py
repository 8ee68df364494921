# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of a VM's configuration: in no output, no saved plan, no file of the journal. What Proxmox
VE is sent, and what digests are made of, is the real text."""
import glob
import json
import os
import re
import unittest

import test_api
from harness import HostTest, main, run

CONF = "etc/pve/nodes/pve2/qemu-server/106.conf"
# Each stands once in the file; S… is a secret, V… is to be seen.
SECRET_CONF = """#GPU worker; login admin S00notes
ciuser: V00user
cipassword: S01cipassword
sshkeys: ssh-ed25519%20S02sshkeys
args: -cpu host,V01flag=on -spice port=1,password=S03spice -object secret,id=V02id,data=S04data \
-fw_cfg name=opt/x,string=S05fwcfg -device isa-applesmc,osk="S06 quoted,S07 comma" \
-smbios type=11,value=S08smbios -drive file=https://user:S09url@V03host/x?token=S10query,id=V04drive \
-append 'console=ttyS0 talos.config=https://h/S11append' -novel S12novel \
-blockdev '{"driver":"https","password":"S13json"}' -drive file.password="S14 blank",if=none
cpu: x86-64-v2-AES
cores: 8
description: S15description
memory: 16384
name: talos-gpu-1
ostype: l26
searchdomain: http://u:S16user@V05domain
cipasswd: S17unknown
stray S18stray
 cipassword: S19indented
Cipassword: S20capital
cipassword: x\rS21return
agent: V07invalid
net0: virtio=BC:24:11:7A:52:AE,bridge=vmbr0
smbios1: uuid=3e1bdef6-5c1d-4f0e-9a7b-52540aa9645a
zzz: S23unknown

[PENDING]
cipassword: S24pending
sshkeys: S25pending
args: -vnc :1,password=on -object secret,id=a,data=S26pending
ciuser: V06user
#S27pendingnotes

[special:cloudinit]
cipassword: S28special
sshkeys: S29special

[before]
#S30snapshotnotes
cipassword: S31snapshot
sshkeys: S32snapshot
args: -spice password=S33snapshot
snaptime: 1

[bad section]
cipassword: S34badsection
"""
SECRETS = sorted(set(re.findall(r"S\d\d[a-z]+", SECRET_CONF)))
VISIBLE = sorted(set(re.findall(r"V\d\d[a-z]+", SECRET_CONF)))


class Secrets(HostTest):
    def setUp(self):
        super().setUp()
        self.seen = ""
        self.write("etc/default/grub", self.read("etc/default/grub").replace(
            '="quiet"', '="quiet intel_iommu=on"'))
        self.script("usr/sbin/update-grub")
        self.script("usr/sbin/reboot")
        self.write(CONF, SECRET_CONF)

    def look(self, what, text):
        """No secret in a text that left the program."""
        found = [secret for secret in SECRETS if secret in text]
        self.assertEqual(found, [], "%s shows %s" % (what, found))
        self.seen += text

    def program(self, *arguments, expect=(0, 1)):
        done = run(*arguments, root=self.root)
        self.assertIn(done.returncode, expect, done.stdout + done.stderr)
        self.look(" ".join(arguments), done.stdout + done.stderr)
        return done

    def journal(self):
        files = [path for path in glob.glob(self.path("var/lib/pvegpu/**"), recursive=True)
                 if os.path.isfile(path)]
        for path in files:
            with open(path, encoding="latin-1") as file:
                self.look(path, file.read())
        return len(files)

    def test_nothing_leaves(self):
        self.assertGreater(len(SECRETS), 30)
        goal = ("--gpu", "01:00", "--vm", "106")
        self.program("audit")
        audit = self.program("audit", "--format", "json")
        self.program("audit", "--format", "prometheus")
        with open(self.plan_file + ".audit", "w", encoding="utf-8") as file:
            file.write(audit.stdout)
        self.program("audit", "--since", self.plan_file + ".audit")
        self.program("doctor")
        self.program("doctor", "--format", "json")
        self.program("plan", *goal)
        plan = json.loads(self.program("plan", "--format", "json", "--out", self.plan_file,
                                       *goal).stdout)
        with open(self.plan_file, encoding="utf-8") as file:
            self.look("the saved plan", file.read())
        predicted = "".join(c.get("predicted", "") for c in plan["changes"])
        self.assertIn("+machine: q35\n", predicted)
        # What waits becomes current, and that it differs is seen.
        self.assertIn("-[PENDING]\n", predicted)
        self.assertIn("-cipassword: **********\n", predicted)
        self.assertIn("+cipassword: **********\n", predicted)
        self.assertIn("-zzz: **********\n", predicted)
        for text in VISIBLE:
            self.assertIn(text, self.seen)
        self.program("apply", self.plan_file, "--yes")
        self.program("history")
        self.program("history", "--format", "json")
        self.assertGreater(self.journal(), 2)
        self.program("rollback", "--yes")
        self.program("history", "--format", "json")
        self.journal()
        # The real text was left where it belongs.
        kept = self.read(CONF)
        self.assertIn("cipassword: S24pending\n", kept)

    def test_digest_is_of_the_real_text(self):
        """A secret that somebody has changed since is a change."""
        self.plan("--gpu", "01:00", "--vm", "106")
        self.write(CONF, SECRET_CONF.replace("S28special", "S28another"))
        done = run("apply", self.plan_file, "--yes", root=self.root)
        self.assertIn("was changed since the plan was made", done.stderr)
        self.look("apply", done.stdout + done.stderr)

    def test_plans_of_older_versions_are_filtered(self):
        """A journal that was written before has them in its diffs."""
        self.plan("--gpu", "01:00", "--vm", "106")
        with open(self.plan_file, encoding="utf-8") as file:
            saved = json.load(file)
        for change in saved["changes"]:
            if "predicted" in change:
                change["predicted"] += " cipassword: S01cipassword\n+#S00notes\n"
        with open(self.plan_file, "w", encoding="utf-8") as file:
            json.dump(saved, file)
        self.program("apply", self.plan_file, "--yes")
        self.program("history", "--format", "json")
        self.journal()

    def test_config_is_what_pve_uses(self):
        """The audit's config has what counts; the rest are problems with their line."""
        self.write(CONF, "cores: 4\ncores: four\nnuma: yes\nmemory: 8\nzzz: 1\n"
                         "scsi0: local-lvm:vm-106-disk-0,cache=fast\nbios: ovmf\nbios: seabios\n")
        vms = json.loads(run("audit", "--format", "json", root=self.root).stdout)["vms"]
        vm = [vm for vm in vms if vm["vmid"] == 106][0]
        self.assertEqual(vm["config"], {"cores": "4", "numa": "1", "bios": "seabios"})
        self.assertEqual([problem["line"] for problem in vm["problems"]], [2, 4, 5, 6, 7])


class Remote(test_api.ApiTest):
    def test_api_and_its_prediction(self):
        self.write(test_api.CONF, self.read(test_api.CONF) +
                   "cipassword: S01cipassword\nsshkeys: S02sshkeys\nzzz: dropped\n"
                   "args: -spice password=S03spice\n")
        plan = self.plan(*test_api.GOAL, "--by-mapping")
        text = self.run_api("plan", *test_api.GOAL, "--by-mapping").stdout
        audit = self.run_api("audit", "--format", "json", expect=None).stdout
        for secret in ("S01cipassword", "S02sshkeys", "S03spice"):
            self.assertNotIn(secret, json.dumps(plan) + text + audit)
        shown = [c for c in plan["changes"] if c.get("predicted")]
        self.assertTrue(shown)
        self.assertEqual({c["predicted_from"] for c in shown}, {"api"})
        self.assertIn("as made from the API's values (the file itself is not read)", text)
        # What only the file shows is no part of it, and only what the calls set is a change.
        lines = [line for c in shown for line in c["predicted"].splitlines()
                 if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        keys = {line[1:].split(":")[0] for line in lines}
        self.assertEqual(keys, {key for c in shown for key in c["params"]})


if __name__ == "__main__":
    main()
