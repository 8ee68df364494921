# SPDX-License-Identifier: GPL-3.0-or-later
"""--give-back: a hookscript of ours binds the GPU to the host's driver when its VM has stopped; nobody else's is
touched, and it goes as it came."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, tree_hash

SCRIPT, CONF = "/var/lib/vz/snippets/pvegpu-106.sh", "/etc/pve/nodes/pve2/qemu-server/106.conf"


class GiveBack(HostTest):
    def setUp(self):
        super().setUp()
        self.iommu_on()
        self.storage("iso,vztmpl,backup,snippets")
        self.version("9.1.13")

    def storage(self, content, more=""):
        self.write("/etc/pve/storage.cfg", "dir: local\n\tpath /var/lib/vz\n\tcontent %s\n%s" % (content, more))

    def version(self, number):
        status = self.read("/var/lib/dpkg/status")
        self.write("/var/lib/dpkg/status", re.sub(r"(?s)(Package: qemu-server\n.*?Version: )[^\n]*", r"\g<1>" + number, status))

    def plan_with(self, *more, expect=0):
        return self.plan("--gpu", "01:00", "--vm", "106", "--no-modules", "--bind", "at-start", "--no-start", *more,
                         expect=expect)

    def refused(self, *more):
        plan = self.plan_with("--give-back", *more, expect=1)
        self.assertNotIn(SCRIPT, [c.get("path") for c in plan["changes"]])
        return [r["reason"] for r in plan["refusals"] if r["check"] == "vm.give-back"][0]

    def test_written_named_and_undone(self):
        before = tree_hash(self.root)
        plan = self.plan_with("--give-back")
        self.assertEqual(plan["changes"][0]["path"], SCRIPT)
        call = next(c for c in plan["changes"] if "hookscript" in c.get("params", {}))
        self.assertEqual(call["params"]["hookscript"], "local:snippets/pvegpu-106.sh")
        self.apply()
        self.assertTrue(os.access(self.path(SCRIPT), os.X_OK))
        self.assertEqual(subprocess.run(["sh", "-n", self.path(SCRIPT)], check=False).returncode, 0)
        text = self.read(SCRIPT)
        self.assertIn("give_back 0000:01:00.0 nouveau\ngive_back 0000:01:00.1 snd_hda_intel\n", text)
        self.assertTrue(self.plan_with("--give-back")["nothing_to_do"])
        self.rollback()
        self.assertEqual(tree_hash(self.root), before)

    def test_the_script_does_it_after_the_stop_alone(self):
        self.plan_with("--give-back")
        self.apply()
        done = subprocess.run([self.path(SCRIPT), "106", "pre-start"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def drivers_after_the_stop(self, reservations):
        """What the script asked the kernel for, of each function, with these reservations in force."""
        self.write("/run/qemu-server/pci-id-reservations", reservations)
        os.makedirs(self.path("/bin"), exist_ok=True)
        os.makedirs(self.path("/proc/4711"), exist_ok=True)
        os.makedirs(self.path("/sys/bus/pci/drivers/vfio-pci"), exist_ok=True)
        for function in ("0000:01:00.0", "0000:01:00.1"):
            driver = self.path("/sys/bus/pci/devices/%s/driver" % function)
            if os.path.lexists(driver):
                os.remove(driver)
            os.symlink(self.path("/sys/bus/pci/drivers/vfio-pci"), driver)
        self.write("/sys/bus/pci/drivers_probe", "")
        self.write("/sys/bus/pci/drivers/vfio-pci/unbind", "")
        here = re.sub(r"(?<![\w/.}])/(sys|run|proc)/", self.root + r"/\1/", self.read(SCRIPT))
        self.write("/here.sh", here.replace('echo "$1" >"$device/driver/unbind"', 'echo "$1" >>"$device/driver/unbind"'))
        done = subprocess.run(["sh", self.path("/here.sh"), "106", "post-stop"], capture_output=True, text=True,
                              check=False, env={"PATH": "/usr/bin:/bin"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return self.read("/sys/bus/pci/drivers/vfio-pci/unbind").split()

    def test_what_another_vm_has_reserved_stays_with_it(self):
        self.plan_with("--give-back")
        self.apply()
        both = ["0000:01:00.0", "0000:01:00.1"]
        for reservation in ("", "0000:01:00.0 106 pid:4711\n", "0000:02:00.0 107 pid:4711\n",
                            "0000:01:00.0 107 pid:4712\n", "0000:01:00.0 107 time:1000000000\n"):
            self.assertEqual(self.drivers_after_the_stop(reservation), both, reservation)
        for reservation in ("0000:01:00.0 107 pid:4711\n", "01:00.0 107 pid:4711\n", "0000:01:00.0 107 time:9999999999\n",
                            "0000:02:00.0 108 pid:4711\n0000:01:00.0 107 pid:4711\n"):
            self.assertEqual(self.drivers_after_the_stop(reservation), both[1:], reservation)
        os.remove(self.path("/run/qemu-server/pci-id-reservations"))

    def test_taken_out_again(self):
        self.plan_with("--give-back")
        self.apply()
        plan = self.plan_with("--no-give-back")
        self.assertEqual([c["kind"] for c in plan["changes"]], ["api"], "the script stays: a call may fail")
        self.apply()
        self.assertNotIn("hookscript", self.read(CONF))
        self.assertTrue(self.plan_with("--no-give-back")["nothing_to_do"])

    def test_two_gpus_of_one_vm(self):
        goal = ("--gpu", "01:00", "--gpu", "02:00", "--vm", "106", "--give-back", "--no-start", "--no-modules", "--bind",
                "at-start")
        for risk in ("gpu.only-gpu=0000:01:00.0", "gpu.only-gpu=0000:02:00.0", "gpu.boot-vga=0000:02:00.0"):
            goal += ("--accept", risk)
        self.plan(*goal)
        self.apply()
        text = self.read(SCRIPT)
        for address in ("0000:01:00.0", "0000:01:00.1", "0000:02:00.0", "0000:02:00.1"):
            self.assertEqual(text.count("give_back %s " % address), 1)
        self.assertTrue(self.plan(*goal)["nothing_to_do"])

    def test_one_more_gpu_later(self):
        self.plan_with("--give-back")
        self.apply()
        goal = ("--gpu", "02:00", "--vm", "106", "--give-back", "--no-start", "--no-modules", "--bind", "at-start")
        for risk in ("gpu.only-gpu=0000:02:00.0", "gpu.boot-vga=0000:02:00.0"):
            goal += ("--accept", risk)
        plan = self.plan(*goal)
        self.assertFalse([c for c in plan["changes"] if "hookscript" in c.get("params", {})], "it is named already")
        self.apply()
        text = self.read(SCRIPT)
        self.assertIn("give_back 0000:01:00.0 nouveau\n", text)
        self.assertIn("give_back 0000:02:00.0 nouveau\n", text)

    def test_a_gpu_that_went_to_another_vm_is_not_taken_from_it(self):
        self.plan_with("--give-back")
        self.apply()
        plan = self.plan("--gpu", "01:00", "--vm", "107", "--move", "--no-modules", "--bind", "at-start", "--no-start", expect=1)
        self.assertIn("its hookscript names the GPU", [r["reason"] for r in plan["refusals"] if r["check"] == "attach.conflict"][0])
        self.write(CONF, re.sub(r"(?m)^hostpci0.*\n", "", self.read(CONF)))
        goal = ("--gpu", "02:00", "--vm", "106", "--give-back", "--no-start", "--no-modules", "--bind", "at-start")
        for risk in ("gpu.only-gpu=0000:02:00.0", "gpu.boot-vga=0000:02:00.0"):
            goal += ("--accept", risk)
        self.plan(*goal)
        self.apply()
        self.assertNotIn("give_back 0000:01:00.0", self.read(SCRIPT))

    def test_what_lies_there_already(self):
        os.makedirs(os.path.dirname(self.path(SCRIPT)))
        self.write(SCRIPT, "#!/bin/sh\n")
        self.assertIn("is none of pvegpu", self.refused())
        os.remove(self.path(SCRIPT))
        os.symlink("/root-script.sh", self.path(SCRIPT))
        self.assertIn("is none of pvegpu", self.refused())
        os.remove(self.path(SCRIPT))
        self.plan_with("--give-back")
        self.apply()
        os.chmod(self.path(SCRIPT), 0o644)
        self.assertIn("chmod 755", self.refused())

    def test_a_card_that_vfio_has_is_not_guessed_at(self):
        for address in ("0000:01:00.0", "0000:01:00.1"):
            device = "/sys/bus/pci/devices/" + address
            lines = [l for l in self.read(device + "/uevent").split("\n") if not l.startswith("DRIVER=")]
            self.write(device + "/uevent", "\n".join(["DRIVER=vfio-pci"] + lines))
        self.assertIn("no driver of the host has it now", self.refused())

    def test_refused(self):
        self.assertIn("vfio-pci takes the GPU at boot", self.refused("--bind", "early"))
        self.assertIn("no GPU is given to a VM", self.refused("--no-attach"))
        self.version("9.1.12")
        self.assertIn("9.1.13 does", self.refused())
        self.version("10.0.1")
        self.storage("iso,vztmpl,backup")
        self.assertIn("pvesm set local --content", self.refused())
        for off in ("\tdisable\n", "\tnodes other\n"):
            self.storage("snippets", off)
            self.assertIn("pvesm set local --content", self.refused())
        self.storage("snippets", "\tnodes other,pve2\n")
        self.plan_with("--give-back")
        self.conf(106, "hookscript: local:snippets/mine.sh")
        self.assertIn("has a hookscript already (local:snippets/mine.sh)", self.refused())


if __name__ == "__main__":
    main()
