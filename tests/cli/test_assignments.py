# SPDX-License-Identifier: GPL-3.0-or-later
"""A goal with several GPUs and several VMs is one plan, one run and one rollback; what stands
between them is told."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run

CONF = "etc/pve/nodes/pve2/qemu-server/%d.conf"
RISKS = ("--accept", "gpu.only-gpu=0000:01:00.0", "--accept", "gpu.only-gpu=0000:02:00.0",
         "--accept", "gpu.boot-vga=0000:02:00.0")
BOTH = ("--assign", "01:00,bind=early=106", "--assign", "02:00,by-mapping=107") + RISKS


def keys(plan, name="changes"):
    return [(c["path"].split("/")[-2:], sorted(c["params"])) for c in plan[name] if c["kind"] == "api"]


class Assignments(HostTest):
    def lines(self, vmid):
        return re.findall(r"^(hostpci\d+): (\S+)$", self.read(CONF % vmid).split("[")[0], re.M)

    def boot(self, *goal):
        """The plan up to the reboot, and the reboot."""
        self.plan(*goal)
        self.apply()
        self.script("usr/sbin/reboot")

    def test_two_gpus_for_two_vms(self):
        first = self.plan(*BOTH)
        self.assertEqual(first["goal"]["assignments"],
                         [{"device": "0000:01:00.0", "guest": 106, "options": {"bind_early": True}},
                          {"device": "0000:02:00.0", "guest": 107, "options": {"by_mapping": True}}])
        ids = re.search(r"^\+options vfio-pci ids=(\S+)$", "\n".join(
            c["diff"] for c in first["changes"] if c.get("diff")), re.M).group(1).split(",")
        self.assertEqual(ids[:2], ["10de:2206", "10de:1aef"])
        self.assertIn("10de:2182", ids)
        self.assertEqual([c["argv"][0] for c in first["changes"] if c["kind"] in ("command", "reboot")],
                         ["update-initramfs", "update-grub", "reboot"])
        self.boot(*BOTH)
        self.plan(*BOTH)
        before = [self.read(CONF % vmid) for vmid in (106, 107)]
        self.apply()
        self.assertEqual(self.lines(106), [("hostpci0", "0000:01:00,pcie=1")])
        self.assertEqual(self.lines(107), [("hostpci0", "mapping=gpu-talos-gpu-2-0,pcie=1")])
        for vmid in (106, 107):
            self.assertTrue(os.path.exists(self.path("run/qemu-server/%d.pid" % vmid)), vmid)
        self.assertTrue(self.plan(*BOTH)["nothing_to_do"])
        self.assertIn("for: GPU 0000:01:00.0 to VM 106; GPU 0000:02:00.0 to VM 107",
                      run("history", root=self.root).stdout)
        self.rollback()
        self.assertEqual(before, [self.read(CONF % vmid) for vmid in (106, 107)])
        self.assertNotIn("gpu-talos", self.read("etc/pve/mapping/pci.cfg"))

    def test_the_second_card_comes_later(self):
        """The first one waits for the reboot that gives it to vfio-pci: it is no bystander of the second."""
        self.plan("--gpu", "01:00", "--vm", "106", "--bind", "early")
        self.apply()
        plan = self.plan("--gpu", "02:00", "--vm", "107", "--bind", "early", "--accept", "gpu.only-gpu=02:00.0",
                         "--accept", "gpu.boot-vga=0000:02:00.0")
        self.assertEqual(plan["refusals"], [])
        self.assertIn("10de:2182", json.dumps([c.get("diff") for c in plan["changes"]]))

    def test_nothing_to_do_has_nothing_to_accept(self):
        goal = ("--assign", "01:00,bind=early=106", "--assign", "02:00=107")
        self.boot(*goal, *RISKS)
        self.plan(*goal, *RISKS)
        self.apply()
        plan = self.plan(*goal)
        self.assertTrue(plan["nothing_to_do"])
        self.assertEqual(plan["refusals"], [])

    def test_choices_of_one_guest(self):
        goal = ("--assign", "01:00,bind=early,no-start,no-cpu-host=106", "--assign", "02:00=107") + RISKS
        first = self.plan(*goal)
        self.assertEqual(first["goal"]["guests"],
                         [{"guest": 106, "options": {"start": False, "cpu_host": False}}])
        self.assertEqual(first["goal"]["options"].get("start"), None)
        self.boot(*goal)
        plan = self.plan(*goal)
        self.assertEqual(keys(plan), [(["106", "config"], ["machine"]),
                                      (["106", "config"], ["hostpci0"]), (["107", "config"], ["hostpci0"]),
                                      (["status", "start"], [])])
        self.assertIn("/107/status/start", plan["changes"][-1]["path"])
        self.apply()
        self.assertFalse(os.path.exists(self.path("run/qemu-server/106.pid")))
        self.assertTrue(self.plan(*goal)["nothing_to_do"])
        # What is said of all counts where nothing else is said of one.
        plan = self.plan("--assign", "01:00,start,no-cpu-host=106", "--assign", "02:00=107", "--no-start", *RISKS)
        self.assertEqual([c["path"] for c in plan["changes"]], ["/nodes/pve2/qemu/106/status/start"])

    def test_one_primary_display(self):
        goal = ("--assign", "01:00,x-vga=106", "--assign", "02:00,x-vga=106")
        done = run("audit", "--format", "json", *goal, root=self.root)
        said = [f["detail"] for f in json.loads(done.stdout)["findings"] if f["id"] == "vm.display"]
        self.assertTrue([s for s in said if "0000:02:00.0 stays without x-vga=1" in s], said)
        self.assertFalse([s for s in said if "0000:01:00.0 stays" in s], said)

    def test_a_card_that_another_vm_has_is_refused_once(self):
        self.iommu_on()
        self.conf(107, "hostpci0: 0000:01:00,pcie=1")
        self.script("usr/bin/pvesh", "create", "/nodes/pve2/qemu/107/status/start")
        plan = self.plan("--gpu", "01:00", "--vm", "106", expect=1)
        said = [r["reason"] for r in plan["refusals"] if r["check"] == "attach.conflict"]
        self.assertEqual(len([s for s in said if "the VM needs" in s]), 1, said)
        audit = json.loads(run("audit", "--format", "json", "--gpu", "01:00", "--vm", "106", root=self.root).stdout)
        self.assertIn("qm set 107 --delete hostpci0", [f["fix"]["summary"] for f in audit["findings"]
                                                       if f["id"] == "attach.conflict"][0])

    def test_choices_of_one_guest_that_contradict(self):
        done = run("plan", "--assign", "01:00,start=106", "--assign", "02:00,no-start=106", root=self.root)
        self.assertEqual(done.returncode, 2)
        self.assertIn("'start' and 'no-start' are both chosen for guest 106", done.stderr)
        done = run("plan", "--assign", "01:00,no-modules=106", root=self.root)
        self.assertEqual(done.returncode, 2)
        self.assertIn("'no-modules' is nothing that is chosen for a device or a guest alone", done.stderr)

    def test_two_gpus_for_one_vm(self):
        goal = ("--gpu", "01:00", "--gpu", "02:00", "--vm", "106", "--x-vga") + RISKS
        self.boot(*goal)
        plan = self.plan(*goal)
        self.assertEqual(keys(plan), [(["106", "config"], ["cpu", "machine"]),
                                      (["106", "config"], ["hostpci0", "hostpci1"]),
                                      (["status", "start"], [])])
        self.apply()
        self.assertEqual(self.lines(106), [("hostpci0", "0000:01:00,pcie=1,x-vga=1"),
                                           ("hostpci1", "0000:02:00,pcie=1")])
        self.assertTrue(self.plan(*goal)["nothing_to_do"])

    def test_mappings_get_names_of_their_own(self):
        goal = ("--gpu", "01:00", "--gpu", "02:00", "--vm", "106", "--by-mapping") + RISKS
        self.boot(*goal)
        self.plan(*goal)
        self.apply()
        self.assertEqual(self.lines(106), [("hostpci0", "mapping=gpu-talos-gpu-1-0,pcie=1"),
                                           ("hostpci1", "mapping=gpu-talos-gpu-1-1,pcie=1")])
        for arguments in (("--mapping", "gpu") + goal, ("--mapping-device", "02:00") + goal,
                          ("--mapping", "gpu", "--assign", "01:00=106"),
                          ("--assign", "01:00,mapping=gpu=106", "--assign", "02:00,mapping=gpu=107") + RISKS):
            done = run("plan", *arguments, root=self.root)
            self.assertNotEqual(done.returncode, 0, done.stdout)
            self.assertRegex(done.stdout + done.stderr, "are of one device|for another device of the goal")

    def test_a_running_vm_is_stopped_once_for_both(self):
        goal = ("--gpu", "01:00", "--gpu", "02:00", "--vm", "105") + RISKS
        self.boot(*goal)
        plan = self.plan(*goal)
        self.assertEqual([path for path, _ in keys(plan)],
                         [["status", "shutdown"], ["105", "config"], ["105", "config"], ["status", "start"]])

    def test_the_host_is_told_that_no_gpu_is_left(self):
        plan = self.plan("--gpu", "01:00", "--gpu", "02:00", "--vm", "106", expect=1)
        self.assertEqual(sorted((r["check"], r["subject"]) for r in plan["refusals"]),
                         [("gpu.boot-vga", "0000:02:00.0"), ("gpu.only-gpu", "0000:01:00.0"),
                          ("gpu.only-gpu", "0000:02:00.0")])
        one = self.plan("--gpu", "01:00", "--vm", "106")
        self.assertEqual(one["refusals"], [])

    def put_in_one_group(self):
        """As on a board whose slots are not kept apart."""
        self.boot("--gpu", "01:00")
        for name in os.listdir(self.path("sys/kernel/iommu_groups")):
            devices = self.path("sys/kernel/iommu_groups/%s/devices" % name)
            for device in os.listdir(devices):
                if device.startswith("0000:02:00"):
                    os.unlink(os.path.join(devices, device))
        one = os.readlink(self.path("sys/bus/pci/devices/0000:01:00.0/iommu_group"))
        group = os.path.basename(one)
        for function in range(4):
            name = "0000:02:00.%d" % function
            device = os.path.realpath(self.path("sys/bus/pci/devices/" + name))
            link = os.path.join(device, "iommu_group")
            os.unlink(link)
            os.symlink(os.path.relpath(self.path("sys/kernel/iommu_groups/" + group), device), link)
            os.symlink("../../../../bus/pci/devices/" + name,
                       self.path("sys/kernel/iommu_groups/%s/devices/%s" % (group, name)))

    def test_one_group_goes_to_one_vm(self):
        self.put_in_one_group()
        apart = self.plan("--assign", "01:00=106", "--assign", "02:00=107", *RISKS, expect=1)
        self.assertEqual({(r["check"], r["acceptable"]) for r in apart["refusals"]},
                         {("gpu.group-isolated", False)})
        self.assertIn("which is to go to VM 107", apart["refusals"][0]["reason"])
        together = self.plan("--gpu", "01:00", "--gpu", "02:00", "--vm", "106", *RISKS)
        self.assertEqual(together["refusals"], [])
        alone = self.plan("--gpu", "01:00", "--vm", "106", expect=1)
        self.assertIn(("gpu.group-isolated", "0000:01:00.0"),
                      {(r["check"], r["subject"]) for r in alone["refusals"]})

    def refused(self, *goal):
        """The reasons why there is no such plan."""
        done = run("plan", "--format", "json", *goal, root=self.root)
        if done.returncode == 2:
            return [done.stderr]
        self.assertTrue(done.stdout, done.stderr)
        return [r["reason"] for r in json.loads(done.stdout)["refusals"]]

    def test_what_two_are_started_with_goes_to_one(self):
        self.boot("--gpu", "01:00", "--gpu", "02:00", "--vm", "106", *RISKS)
        self.conf(107, "hostpci0: 0000:02:00,pcie=1")
        for goal in (("--assign", "01:00=107", "--assign", "02:00=105"),
                     ("--assign", "01:00=107", "--assign", "02:00=106")):
            self.assertRegex(" ".join(self.refused(*goal, *RISKS)), "both are to be started", goal)
        self.conf(107, drop=("hostpci0:",))
        self.write(CONF % 107, self.read(CONF % 107) + "\n[PENDING]\nhostpci0: 0000:02:00,pcie=1\n")
        self.assertRegex(" ".join(self.refused("--assign", "01:00=107", "--assign", "02:00=106", *RISKS)),
                         "both are to be started")

    def test_one_line_for_two_is_not_made_one_for_one(self):
        self.boot("--gpu", "01:00", "--gpu", "02:00", "--vm", "106", *RISKS)
        self.conf(107, "hostpci0: 0000:01:00;0000:02:00,pcie=1")
        for goal in (("--gpu", "01:00", "--gpu", "02:00"), ("--gpu", "01:00")):
            self.assertRegex(" ".join(self.refused(*goal, "--vm", "107", "--by-mapping", *RISKS)),
                             "gives it more than 0000:01:00.0", goal)

    def test_a_vm_whose_slots_are_all_taken(self):
        self.boot("--gpu", "01:00", "--gpu", "02:00", "--vm", "106", *RISKS)
        self.conf(107, *("hostpci%d: 0000:03:%02x.0" % (n, n + 1) for n in range(16)))
        self.assertRegex(" ".join(self.refused("--gpu", "01:00", "--vm", "107", *RISKS)), "no free hostpci slot")

    def test_one_primary_display(self):
        goal = ("--gpu", "01:00", "--gpu", "02:00", "--vm", "107", "--x-vga") + RISKS
        self.boot(*goal)
        self.conf(107, "hostpci0: 0000:02:00,pcie=1,x-vga=1")
        self.plan(*goal)
        self.apply()
        self.assertEqual(self.lines(107), [("hostpci0", "0000:02:00,pcie=1,x-vga=1"),
                                           ("hostpci1", "0000:01:00,pcie=1")])

    def test_a_mapping_that_is_used_is_not_deleted(self):
        self.boot("--gpu", "01:00", "--gpu", "02:00", "--vm", "106", *RISKS)
        self.plan("--gpu", "01:00", "--vm", "106", "--mapping", "gpu-a", "--no-start", *RISKS)
        self.apply()
        self.conf(106, drop=("hostpci0:",))
        for goal in (("--assign", "01:00,mapping=gpu-a=106", "--assign", "02:00=105"),
                     ("--gpu", "01:00", "--vm", "106", "--mapping", "gpu-a")):
            self.assertRegex(" ".join(self.refused(*goal, "--delete-mapping", "gpu-a", *RISKS)),
                             "attached by it", goal)

    def test_what_is_not_given_still_stands_in_the_group(self):
        self.put_in_one_group()
        self.assertRegex(" ".join(self.refused("--assign", "01:00=106", "--assign", "02:00,no-attach=106", *RISKS)),
                         "which would go to the VM's side too")

    def test_the_audit_tells_of_each(self):
        done = run("audit", "--format", "json", "--assign", "01:00=106", "--assign", "02:00=107", root=self.root)
        findings = json.loads(done.stdout)["findings"]
        said = [(f["id"], f["subject"], f["detail"]) for f in findings]
        self.assertEqual(len(said), len(set(said)), "nothing twice")
        machines = {f["subject"]: f["status"] for f in findings if f["id"] == "vm.machine-q35"}
        self.assertEqual(machines["vm/106"], "fail")
        self.assertEqual({f["subject"] for f in findings if f["id"] == "vfio.binding"},
                         {"0000:01:00.0", "0000:02:00.0"})

    def test_a_group_is_told_in_one_way(self):
        goal = ("--gpu", "01:00", "--gpu", "02:00", "--vm", "106") + RISKS
        self.boot(*goal)
        done = run("audit", "--format", "json", "--gpu", "01:00", "--gpu", "02:00", "--vm", "106", root=self.root)
        isolated = [(f["subject"], f["detail"]) for f in json.loads(done.stdout)["findings"]
                    if f["id"] == "gpu.group-isolated"]
        self.assertEqual(sorted(isolated), [("0000:01:00.0", "Its group has only this card and bridges."),
                                            ("0000:02:00.0", "Its group has only this card.")])

    def test_what_is_wrong_is_said(self):
        for arguments, said in ((("--assign", "01:00"), "does not end in =VMID"),
                                (("--assign", "=106"), "names no device"),
                                (("--assign", "01:00=99"), "does not end in =VMID"),
                                (("--assign", "01:00,clean-up=106"), "'clean-up' is nothing that is chosen for a device"),
                                (("--assign", "01:00,mapping=9x=106"), "'9x' is no name for a mapping"),
                                (("--assign", "01:00=106", "--assign", "01:00.0=107"), "is assigned twice"),
                                (("--assign", "09:00=106"), "09:00"),
                                (("--assign", "01:00,pcie,no-pcie=106"), "'pcie' and 'no-pcie' are both chosen for 01:00"),
                                (("--assign", "01:00=999"), "no VM 999"),
                                (("--assign", "01:00=200"), "200 pihole is a container, not a VM"),
                                (("--gpu", "01:00", "--vm", "200"), "shares a GPU that the host keeps")):
            done = run("plan", *arguments, root=self.root)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_the_plan_is_the_one_that_was_shown(self):
        """What is assigned is in the plan's id."""
        self.plan(*BOTH)
        with open(self.plan_file, encoding="utf-8") as file:
            plan = json.load(file)
        plan["goal"]["assignments"][1]["guest"] = 106
        with open(self.plan_file, "w", encoding="utf-8") as file:
            json.dump(plan, file)
        self.assertIn("edited", self.apply(expect=2).stderr)


if __name__ == "__main__":
    main()
