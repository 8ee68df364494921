# SPDX-License-Identifier: GPL-3.0-or-later
"""vGPUs: a part of a GPU, that the driver of the host makes and keeps. What is not offered is refused, and nothing
of the GPU is taken from the host."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run

DEVICES = "/sys/bus/pci/devices/"
GPU, CONSOLE = "0000:01:00.0", "0000:02:00.0"


class Base(HostTest):
    def setUp(self):
        super().setUp()
        self.iommu_on()

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        super().write(path, text)

    def run_vm(self, vmid):
        self.write("/run/qemu-server/%d.pid" % vmid, "%d\n" % vmid)
        uuid = "00000000-0000-0000-0000-%012d" % vmid
        self.write("/proc/%d/cmdline" % vmid, "/usr/bin/kvm\0-id\0%d\0-device\0vfio-pci,"
                   "sysfsdev=/sys/bus/mdev/devices/%s\0" % (vmid, uuid))

    def line(self, plan):
        lines = [c["params"]["hostpci0"] for c in plan["changes"] + plan["forecast"]
                 if "hostpci0" in c.get("params", {})]
        self.assertEqual(len(lines), 1, plan["changes"])
        return lines[0]

    def refusals(self, plan, check="attach.mdev"):
        return [(r["subject"], r["reason"]) for r in plan["refusals"] if r["check"] == check]

    def gpu(self, address):
        audit = json.loads(run("audit", "--format", "json", root=self.root).stdout)
        return next(g for g in audit["gpus"] if g["address"] == address)


class Mediated(Base):
    """mdev_supported_types: many to one GPU."""
    def setUp(self):
        super().setUp()
        for address in (GPU, CONSOLE):
            for name, left in (("nvidia-63", 4), ("nvidia-64", 0)):
                self.write(DEVICES + "%s/mdev_supported_types/%s/available_instances" % (address, name), "%d\n" % left)
                self.write(DEVICES + "%s/mdev_supported_types/%s/name" % (address, name), "GRID %s\n" % name)

    def test_the_host_keeps_the_gpu(self):
        for address in (GPU, CONSOLE):
            plan = self.plan("--gpu", address, "--vm", "106", "--mdev", "nvidia-63")
            self.assertEqual(self.line(plan), address + ",mdev=nvidia-63,pcie=1")
            self.assertEqual([c["path"] for c in plan["changes"] if c["kind"] == "file"], [])
            self.assertEqual(plan["refusals"], [])

    def test_what_is_offered_is_listed(self):
        self.assertEqual(self.gpu(GPU)["vgpu_types"],
                         [{"type": "nvidia-63", "name": "GRID nvidia-63", "available": 4},
                          {"type": "nvidia-64", "name": "GRID nvidia-64", "available": 0}])
        done = run("audit", "--gpu", "01:00", "--vm", "106", "--only", "attach.mdev", "--format", "json", root=self.root)
        told = json.loads(done.stdout)["findings"]
        self.assertEqual([e["text"] for e in told[0]["evidence"]],
                         ["nvidia-63: GRID nvidia-63, 4 free", "nvidia-64: GRID nvidia-64, 0 free"])

    def test_several_by_one_plan(self):
        before = self.read("etc/pve/nodes/pve2/qemu-server/106.conf"), self.read("etc/pve/nodes/pve2/qemu-server/107.conf")
        goal = [word for vm in (106, 107) for word in ("--assign", "%s,mdev=nvidia-63,no-start=%d" % (GPU, vm))]
        plan = self.plan(*goal)
        self.assertEqual(plan["refusals"], [])
        lines = sorted((c["path"], c["params"]["hostpci0"]) for c in plan["changes"] if "hostpci0" in c.get("params", {}))
        self.assertEqual(lines, [("/nodes/pve2/qemu/%d/config" % vm, GPU + ",mdev=nvidia-63,pcie=1") for vm in (106, 107)])
        self.apply()
        self.assertTrue(self.plan(*goal)["nothing_to_do"])
        self.rollback()
        self.assertEqual(before, (self.read("etc/pve/nodes/pve2/qemu-server/106.conf"),
                                  self.read("etc/pve/nodes/pve2/qemu-server/107.conf")))
        self.write(DEVICES + GPU + "/mdev_supported_types/nvidia-63/available_instances", "1\n")
        told = self.refusals(self.plan(*goal, expect=1))
        self.assertEqual(len(told), 1)
        self.assertIn("1 of it is free, which the goal gives to others", told[0][1])
        self.conf(106, "hostpci0: %s,mdev=nvidia-63,pcie=1" % GPU)  # stopped, it has no vGPU yet
        self.assertIn("1 of it is free", self.refusals(self.plan(*goal, expect=1))[0][1])
        self.conf(106, drop=("hostpci0:",))
        self.write(DEVICES + GPU + "/mdev_supported_types/nvidia-65/available_instances", "4\n")
        other = goal[:3] + [goal[3].replace("nvidia-63", "nvidia-65")]
        told = json.loads(run("audit", *other, "--format", "json", root=self.root).stdout)["findings"]
        self.assertIn("of several types", [f["detail"] for f in told if f["id"] == "attach.mdev" and f["status"] == "warn"][0])
        for second in ("mdev=none", "mdev=nvidia-63", "no-start"):  # whole beside a part, and twice to one guest
            vmid = 106 if second == "mdev=nvidia-63" else 107
            done = run("plan", "--assign", "%s,mdev=nvidia-63=106" % GPU, "--assign", "%s,%s=%d" % (GPU, second, vmid),
                       root=self.root)
            self.assertEqual(done.returncode, 2, second)
            self.assertIn("is assigned twice", done.stderr)

    def test_several_by_one_mapping(self):
        for option in ("by-mapping", "mapping=shared"):
            goal = [w for vm in (106, 107) for w in ("--assign", "%s,mdev=nvidia-63,no-start,%s=%d" % (GPU, option, vm))]
            plan = self.plan(*goal)
            self.assertEqual(plan["refusals"], [])
            made = [c["params"]["id"] for c in plan["changes"] if c.get("path") == "/cluster/mapping/pci"]
            self.assertEqual(len(made), 1, option)
            lines = [c["params"]["hostpci0"] for c in plan["changes"] if "hostpci0" in c.get("params", {})]
            self.assertEqual(lines, ["mapping=%s,mdev=nvidia-63,pcie=1" % made[0]] * 2)
        self.apply()
        self.assertTrue(self.plan(*goal)["nothing_to_do"])
        self.rollback()
        goal = [w for vm in (106, 107) for w in ("--assign", "shared,mdev=nvidia-63,no-start=%d" % vm)]
        self.write("/etc/pve/mapping/pci.cfg", "shared\n\tmap node=pve2,path=%s,id=10de:2206,subsystem-id=1043:87b0,"
                   "iommugroup=1\n\tmdev 1\n\n" % GPU)
        self.assertEqual(self.plan(*goal)["refusals"], [], "as a pool of one")

    def test_refused(self):
        for options, why in ((("nvidia-64",), "none of it is free"), (("nvidia-65",), "does not offer that"),
                             (("nvidia-63", "--bind", "early"), "vfio-pci at boot")):
            plan = self.plan("--gpu", "01:00", "--vm", "106", "--mdev", *options, expect=1)
            told = self.refusals(plan)
            self.assertEqual([subject for subject, _ in told], [GPU])
            self.assertIn(why, told[0][1])
        for bad in ("nvidia:63", "", "a,b"):
            self.assertEqual(run("plan", "--gpu", "01:00", "--vm", "106", "--mdev", bad, root=self.root).returncode, 2)

    def test_two_guests_share_and_none_takes_it_whole(self):
        self.conf(107, "hostpci0: %s,mdev=nvidia-63" % GPU)
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--mdev", "nvidia-63")
        self.assertEqual(self.refusals(plan, "attach.conflict"), [])
        told = json.loads(run("audit", "--only", "attach.conflict", "--format", "json", root=self.root).stdout)
        self.assertEqual({f["status"] for f in told["findings"]}, {"ok"})
        self.run_vm(107)
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--mdev", "nvidia-63")
        self.assertEqual(self.refusals(plan, "attach.conflict"), [])
        plan = self.plan("--gpu", "01:00", "--vm", "106", expect=1)
        self.assertTrue(self.refusals(plan, "attach.conflict"), plan["refusals"])

    def test_back_to_the_whole(self):
        self.conf(106, "hostpci0: %s,mdev=nvidia-63,pcie=1" % GPU)
        plan = self.plan("--gpu", "01:00", "--vm", "106")
        self.assertFalse([c for c in plan["changes"] if "hostpci0" in c.get("params", {})])
        self.assertEqual(self.line(self.plan("--gpu", "01:00", "--vm", "106", "--mdev", "none")), GPU + ",pcie=1")

    def test_a_line_for_the_whole_card_is_not_made_one_of_a_part(self):
        self.conf(106, "hostpci0: 0000:01:00,pcie=1")
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--mdev", "nvidia-63", expect=1)
        self.assertIn("take it apart first", self.refusals(plan, "attach.hostpci")[0][1])

    def test_a_part_of_one_leaves_it_for_the_host(self):
        plan = self.plan("--assign", "01:00,mdev=nvidia-63=106", "--assign", "02:00=107", "--accept", "gpu.boot-vga=" + CONSOLE,
                         expect=None)
        self.assertEqual([r for r in plan["refusals"] if r["check"] == "gpu.only-gpu"], [])

    def test_whole_while_another_has_a_part(self):
        self.conf(107, "onboot: 1", "hostpci0: %s,mdev=nvidia-63" % GPU)
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--bind", "early", expect=1)
        told = [r for r in plan["refusals"] if r["check"] == "attach.conflict"]
        self.assertEqual([(r["subject"], r["acceptable"]) for r in told], [("vm/107", True)])
        self.assertIn("has a vGPU of", told[0]["reason"])

    def test_whole_and_moved(self):
        self.conf(107, "hostpci0: %s,mdev=nvidia-63" % GPU)
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--move")
        self.assertEqual(self.refusals(plan, "attach.conflict"), [])

    def test_it_is_of_its_card_too(self):
        self.plan("--gpu", "01:00", "--vm", "106", "--mdev", "nvidia-63", "--no-start")
        uevent = DEVICES + GPU + "/uevent"
        self.write(uevent, self.read(uevent).replace("PCI_ID=10DE:2206", "PCI_ID=10DE:2182"))
        done = run("apply", self.plan_file, "--yes", root=self.root)
        self.assertIn("not the card that was chosen", done.stdout + done.stderr)

    def test_by_a_mapping_for_such(self):
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--mdev", "nvidia-63", "--by-mapping")
        made = [c["params"] for c in plan["changes"] if c.get("path") == "/cluster/mapping/pci"]
        self.assertEqual(made[0]["mdev"], "1")
        self.assertIn("path=" + GPU + ",", made[0]["map"][0] + ",")
        self.assertEqual(self.line(plan), "mapping=%s,mdev=nvidia-63,pcie=1" % made[0]["id"])

    def test_applied_and_undone(self):
        before = self.read("/etc/pve/qemu-server/106.conf")
        self.plan("--gpu", "01:00", "--vm", "106", "--mdev", "nvidia-63", "--no-start")
        self.apply()
        self.assertIn("hostpci0: %s,mdev=nvidia-63,pcie=1\n" % GPU, self.read("/etc/pve/qemu-server/106.conf"))
        again = self.plan("--gpu", "01:00", "--vm", "106", "--mdev", "nvidia-63", "--no-start")
        self.assertTrue(again["nothing_to_do"])
        self.rollback()
        self.assertEqual(self.read("/etc/pve/qemu-server/106.conf"), before)


class Alone(Base):
    """NVIDIA's driver on kernels from 6.8 on: one vGPU takes a function."""
    def test_read_as_the_driver_writes_it(self):
        self.write(DEVICES + GPU + "/nvidia/creatable_vgpu_types",
                   "ID    : vGPU Name\n1424  : NVIDIA RTX Pro 6000 DC-12Q\n\nnonsense\n15 x : y\n1425:z\n")
        self.assertEqual(self.gpu(GPU)["vgpu_types"],
                         [{"type": "nvidia-1424", "name": "NVIDIA RTX Pro 6000 DC-12Q", "available": 1},
                          {"type": "nvidia-1425", "name": "z", "available": 1}])
        goal = [word for vm in (106, 107) for word in ("--assign", "%s,mdev=nvidia-1424,no-start=%d" % (GPU, vm))]
        self.assertIn("it makes one vGPU, which the goal gives", self.refusals(self.plan(*goal, expect=1))[0][1])
        self.conf(107, "hostpci0: %s,mdev=nvidia-1424" % GPU)
        self.run_vm(107)
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--mdev", "nvidia-1425", expect=1)
        self.assertTrue(self.refusals(plan, "attach.conflict"), plan["refusals"])


class Unused(Base):
    """What is of a line is not passed over where there is to be none."""
    def test_refused(self):
        for options in (("--romfile", "card.rom"), ("--mdev", "nvidia-63"), ("--move",), ("--save-rom",)):
            for goal in (("--gpu", "01:00"), ("--gpu", "01:00", "--vm", "106", "--no-attach")):
                plan = self.plan(*goal, *options, expect=1)
                self.assertIn(options[0], self.refusals(plan, "attach.hostpci")[0][1])


if __name__ == "__main__":
    main()
