# SPDX-License-Identifier: GPL-3.0-or-later
"""PCI mappings on the host itself: made, extended, mended, deleted and undone through pvesh."""
import json
import os

from harness import HostTest, main, run

CFG = "etc/pve/mapping/pci.cfg"
CONF = "etc/pve/nodes/pve2/qemu-server/106.conf"
CARD = "id=10de:2206,subsystem-id=1043:87b0,iommugroup=1"
OURS = "node=pve2,path=0000:01:00," + CARD
GOAL = ("--gpu", "01:00", "--vm", "106", "--by-mapping")


class Mappings(HostTest):
    def setUp(self):
        super().setUp()
        self.plan("--gpu", "01:00")
        self.apply()
        self.script("usr/sbin/reboot")
        os.makedirs(self.path("etc/pve/mapping"), exist_ok=True)

    def mapping_changes(self, *arguments, **options):
        plan = self.plan(*arguments, **options)
        return [c for c in plan["changes"] if c["kind"] == "api" and c["mapping"]]

    def hostpci(self):
        return [line for line in self.read(CONF).splitlines() if line.startswith("hostpci")]

    def test_made_used_and_undone(self):
        before = self.read(CONF)
        made = self.mapping_changes(*GOAL)
        self.assertEqual([(c["method"], c["mapping"], c["params"]) for c in made],
                         [("POST", "gpu-talos-gpu-1-0", {"id": "gpu-talos-gpu-1-0", "map": [OURS]})])
        self.apply()
        self.assertEqual(self.read(CFG), "gpu-talos-gpu-1-0\n\tmap " + OURS + "\n\n")
        self.assertEqual(self.hostpci(), ["hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1"])
        plan = self.plan(*GOAL)
        self.assertTrue(plan["nothing_to_do"])
        self.rollback()
        self.assertEqual(self.read(CFG), "")
        self.assertEqual(self.read(CONF), before)

    def test_other_nodes_are_sent_again(self):
        """A PUT replaces the whole map: what pve1 has stays, in its own words."""
        theirs = "id=10de:2206,iommugroup=7,node=pve1,path=0000:41:00,subsystem-id=1043:87b0"
        text = "gpu\n\tdescription the big ones\n\tmap %s\n\n" % theirs
        self.write(CFG, text)
        made = self.mapping_changes(*GOAL, "--mapping", "gpu")
        self.assertEqual(made[0]["params"]["map"], [theirs, OURS])
        self.assertEqual(made[0]["before_params"]["map"], [theirs])
        self.apply()
        self.assertIn("\tmap %s\n\tmap %s\n\tdescription the big ones\n" % (theirs, OURS), self.read(CFG))
        self.rollback()
        self.assertIn("gpu\n\tmap %s\n\tdescription the big ones\n" % theirs, self.read(CFG))

    def test_another_device_of_this_node_would_be_an_alternative(self):
        other = "node=pve2,path=0000:02:00,id=8086:1533,iommugroup=2"
        self.write(CFG, "gpu\n\tmap %s\n\n" % other)
        plan = self.plan(*GOAL, "--mapping", "gpu", expect=1)
        self.assertEqual(plan["refusals"][0]["subject"], "mapping/gpu")
        self.assertIn("names 0000:02:00 of this node already", plan["refusals"][0]["reason"])

    def test_not_the_same_model_is_no_alternative(self):
        plan = self.plan(*GOAL, "--mapping-device", "02:00", expect=1)
        self.assertIn("not the same model", plan["refusals"][0]["reason"])
        plan = self.plan(*GOAL, "--mapping-device", "05:00", expect=1)
        self.assertIn("node pve2 has no GPU at 05:00", plan["refusals"][0]["reason"])

    def test_one_for_each_function(self):
        made = self.mapping_changes(*GOAL, "--mapping-per-function")
        self.assertEqual([c["mapping"] for c in made], ["gpu-talos-gpu-1-0", "gpu-talos-gpu-1-1"])
        self.assertEqual([c["params"]["map"][0].split(",")[1] for c in made],
                         ["path=0000:01:00.0", "path=0000:01:00.1"])
        self.apply()
        self.assertEqual(self.hostpci(), ["hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1",
                                          "hostpci1: mapping=gpu-talos-gpu-1-1,pcie=1"])

    def test_one_that_names_the_card_is_taken(self):
        self.write(CFG, "bigone\n\tmap %s\n\n" % OURS)
        self.assertEqual(self.mapping_changes(*GOAL), [])
        self.apply()
        self.assertEqual(self.hostpci(), ["hostpci0: mapping=bigone,pcie=1"])

    def test_from_an_address_to_a_mapping_and_back(self):
        self.plan("--gpu", "01:00", "--vm", "106", "--no-start")
        self.apply()
        self.assertEqual(self.hostpci(), ["hostpci0: 0000:01:00,pcie=1"])
        self.plan(*GOAL, "--no-start")
        self.apply()
        self.assertEqual(self.hostpci(), ["hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1"])
        self.assertTrue(self.plan("--gpu", "01:00", "--vm", "106", "--no-start")["nothing_to_do"])
        self.plan("--gpu", "01:00", "--vm", "106", "--by-address", "--no-start")
        self.apply()
        self.assertEqual(self.hostpci(), ["hostpci0: 0000:01:00,pcie=1"])

    def drifted(self, entry):
        self.plan(*GOAL, "--no-start")
        self.apply()
        self.write(CFG, "gpu-talos-gpu-1-0\n\tmap %s\n\n" % entry)

    def test_what_moved_is_mended(self):
        for entry in (OURS.replace("iommugroup=1", "iommugroup=17"),
                      OURS.replace(",iommugroup=1", ""),
                      OURS.replace("0000:01:00", "0000:0a:00"),
                      OURS.replace(",subsystem-id=1043:87b0", "")):
            with self.subTest(entry):
                self.drifted(entry)
                finding = [f for f in self.plan_findings() if f["id"] == "attach.mapping-drift"][0]
                self.assertEqual(finding["status"], "fail")
                made = self.mapping_changes("--gpu", "01:00", "--vm", "106")
                self.assertEqual([c["params"]["map"] for c in made], [[OURS]])
                self.apply()
                self.assertEqual(self.read(CFG).splitlines()[1], "\tmap " + OURS)
                self.rollback()
                self.assertIn(entry, self.read(CFG))
                self.write(CFG, "gpu-talos-gpu-1-0\n\tmap %s\n\n" % OURS)
                self.rollback()

    def plan_findings(self):
        done = run("audit", "--format", "json", "--gpu", "01:00", "--vm", "106", root=self.root)
        return json.loads(done.stdout)["findings"]

    def test_mended_only_when_asked_for(self):
        self.write(CFG, "other\n\tmap %s\n\n" % OURS.replace("iommugroup=1", "iommugroup=9"))
        self.assertEqual(self.mapping_changes(), [])
        made = self.mapping_changes("--fix-mappings")
        self.assertEqual(made[0]["params"]["map"], [OURS])

    def test_deleted(self):
        text = "spare\n\tmap %s\n\n" % OURS
        self.write(CFG, text)
        self.assertEqual([c["method"] for c in self.mapping_changes("--delete-mapping", "spare")], ["DELETE"])
        self.apply()
        self.assertEqual(self.read(CFG), "")
        self.rollback()
        self.assertEqual(self.read(CFG), text)
        plan = self.plan("--delete-mapping", "nowhere", expect=1)
        self.assertIn("no such mapping", plan["refusals"][0]["reason"])

    def test_one_that_is_used_is_not_deleted(self):
        self.plan(*GOAL, "--no-start")
        self.apply()
        plan = self.plan("--delete-mapping", "gpu-talos-gpu-1-0", expect=1)
        self.assertIn("hostpci0 of VM 106 uses it", plan["refusals"][0]["reason"])
        text = self.read(CONF)
        line = next(l for l in text.split("\n") if l.startswith("hostpci0"))
        self.write(CONF, text.replace(line + "\n", "") + "\n[PENDING]\n" + line + "\n")
        plan = self.plan("--delete-mapping", "gpu-talos-gpu-1-0", expect=1)
        self.assertIn("uses it, which waits in PENDING", plan["refusals"][0]["reason"])

    def test_changed_between_plan_and_apply(self):
        self.plan(*GOAL)
        self.write(CFG, "gpu-talos-gpu-1-0\n\tmap node=pve1,path=0000:01:00,id=10de:2206\n\n")
        before = self.read(CONF)
        done = self.apply(expect=4)
        self.assertIn("mapping gpu-talos-gpu-1-0 was changed since the plan was made", done.stderr)
        self.assertEqual(self.read(CONF), before)
        self.assertEqual(self.history()[1:], [])

    def test_a_later_edit_is_kept(self):
        self.plan(*GOAL, "--no-start")
        self.apply()
        edited = self.read(CFG).replace("\n\n", "\n\tmap node=pve1,path=0000:01:00,id=10de:2206\n\n")
        self.write(CFG, edited)
        self.rollback(expect=1)
        self.assertEqual(self.read(CFG), edited)
        self.assertEqual(self.hostpci(), [])

    def test_names(self):
        for name in ("1gpu", "g", "gpu box", "gpu\n", "gpu/x", ""):
            done = run("plan", "--mapping", name, root=self.root)
            self.assertEqual(done.returncode, 2, name)
        self.assertEqual(self.mapping_changes(*GOAL, "--mapping", "GPU_1")[0]["mapping"], "GPU_1")


class Pools(HostTest):
    """A mapping with several devices of this node: a goal names it, and no device."""
    THEIRS = "id=10de:2182,iommugroup=%d,node=pve2,path=0000:02:00,subsystem-id=1043:867b"

    def setUp(self):
        super().setUp()
        self.plan("--gpu", "01:00")
        self.apply()
        self.script("usr/sbin/reboot")
        self.write("sys/bus/pci/devices/0000:02:00.0/boot_vga", "0\n")
        group = os.readlink(self.path("sys/bus/pci/devices/0000:02:00.0/iommu_group")).rsplit("/", 1)[-1]
        os.makedirs(self.path("etc/pve/mapping"), exist_ok=True)
        self.write(CFG, "big\n\tmap %s\n\tmap %s\n\n" % (OURS, self.THEIRS % int(group)))

    def conf(self, vmid, line):
        path = "etc/pve/nodes/pve2/qemu-server/%d.conf" % vmid
        self.write(path, line + "\n" + self.read(path))

    def run_guest(self, vmid, host=None):
        os.makedirs(self.path("run/qemu-server"), exist_ok=True)
        os.makedirs(self.path("proc/%d" % vmid), exist_ok=True)
        self.write("run/qemu-server/%d.pid" % vmid, "%d\n" % vmid)
        device = "\0-device\0vfio-pci,host=%s" % host if host else ""
        self.write("proc/%d/cmdline" % vmid, "/usr/bin/kvm\0-id\0%d%s\0" % (vmid, device))

    def test_a_device_of_it_is_attached_and_undone(self):
        before = self.read(CONF)
        plan = self.plan("--mapping", "big", "--vm", "106")
        self.assertEqual([c["params"] for c in plan["changes"] if "hostpci0" in c.get("params", {})],
                         [{"hostpci0": "mapping=big,pcie=1"}])
        self.assertFalse([c for c in plan["changes"] if c.get("mapping")], "the mapping stays as it is")
        self.assertEqual((plan["goal"]["gpus"], plan["goal"]["mapping"], plan["goal"]["vmid"]), ([], "big", 106))
        self.apply()
        self.assertTrue(self.plan("--mapping", "big", "--vm", "106")["nothing_to_do"])
        self.rollback()
        self.assertEqual(self.read(CONF), before)

    def test_by_assignment(self):
        plan = self.plan("--assign", "big,no-start=106")
        self.assertEqual([c["params"]["hostpci0"] for c in plan["changes"] if "hostpci0" in c.get("params", {})],
                         ["mapping=big,pcie=1"])
        self.assertEqual(plan["goal"]["assignments"][0]["device"], "big")

    def test_a_second_guest_while_one_is_left(self):
        self.conf(107, "hostpci0: mapping=big,pcie=1")
        for host in (None, "0000:01:00.0", "0000:02:00.0"):
            self.run_guest(107, host)
            plan = self.plan("--mapping", "big", "--vm", "106")
            self.assertEqual(plan["refusals"], [], host)

    def test_not_when_all_are_taken(self):
        self.conf(107, "hostpci0: mapping=big,pcie=1")
        self.run_guest(107, "0000:01:00.0")
        self.conf(105, "hostpci0: 0000:02:00,pcie=1")
        self.run_guest(105, "0000:02:00.0")
        plan = self.plan("--mapping", "big", "--vm", "106", expect=1)
        self.assertIn("attach.conflict", [r["check"] for r in plan["refusals"]])

    def test_not_more_than_there_are_in_one_plan(self):
        goal = ["--assign", "big=106", "--assign", "big=107"]
        for address in ("01", "02"): # both are gone from the host then
            goal += ["--accept", "gpu.only-gpu=0000:%s:00.0" % address]
        self.assertEqual(self.plan(*goal)["refusals"], [])
        self.conf(105, "hostpci0: mapping=big")
        self.run_guest(105)
        plan = self.plan(*goal, expect=1)
        self.assertIn("attach.conflict", [r["check"] for r in plan["refusals"]])

    def test_what_would_harm_the_host_is_refused(self):
        self.write("sys/bus/pci/devices/0000:02:00.0/boot_vga", "1\n")
        plan = self.plan("--mapping", "big", "--vm", "106", expect=1)
        self.assertEqual([(r["check"], r["subject"]) for r in plan["refusals"]], [("gpu.boot-vga", "0000:02:00.0")])
        self.assertEqual(self.plan("--mapping", "big", "--vm", "106", "--accept", "gpu.boot-vga=02:00.0")["refusals"], [])

    def refused_for(self, *arguments):
        plan = self.plan(*(arguments or ("--mapping", "big", "--vm", "106")), expect=1)
        return " ".join("%s %s %s" % (r["check"], r["subject"], r["reason"]) for r in plan["refusals"])

    def test_what_proxmox_ve_does_not_reserve(self):
        """A container's, and what a guest has by args, may be given away once more."""
        self.conf(107, "args: -device vfio-pci,host=0000:02:00.0")
        self.run_guest(107, "0000:02:00.0")
        self.assertIn("could get 0000:02:00.0, which VM 107", self.refused_for())

    def test_the_last_of_the_host(self):
        """One of the pool is on vfio-pci already: the other is all that the host has."""
        self.assertEqual(self.plan("--gpu", "01:00", "--bind", "early")["refusals"], [])
        self.apply()
        self.script("usr/sbin/reboot")
        self.write("sys/bus/pci/devices/0000:02:00.0/boot_vga", "0\n")
        self.assertIn("gpu.only-gpu 0000:02:00.0", self.refused_for())

    def test_a_group_that_is_not_known(self):
        for function in range(4):
            os.remove(self.path("sys/bus/pci/devices/0000:02:00.%d/iommu_group" % function))
        self.assertIn("0000:02:00.0", self.refused_for())

    def test_entries_that_are_no_place(self):
        entry = self.read(CFG).splitlines()
        for second, words in ((entry[2].replace("10de:2182", "10de:9999"), "mend it first"),
                              (entry[2].replace("02:00", "0a:00"), "mend it first"),
                              (entry[1], "is of two of its devices"),
                              ("\tmap node=pve2,path=0000:00:16.0,id=8086:a360", "")):
            self.write(CFG, "big\n%s\n%s\n\n" % (entry[1], second))
            self.assertIn(words, self.refused_for(), second)

    def test_what_names_a_device_of_it_besides(self):
        self.conf(106, "hostpci0: 0000:02:00")
        self.assertIn("hostpci0 of the VM names 0000:02:00", self.refused_for())
        self.assertIn("the goal gives 0000:02:00", self.refused_for("--assign", "big=107", "--assign", "02:00=110"))

    def test_all_may_be_taken(self):
        for vmid in (107, 110):
            self.conf(vmid, "hostpci0: mapping=big")
            self.run_guest(vmid)
        self.assertIn("each of its 2 devices", self.refused_for())

    def test_what_does_not_go_with_a_pool(self):
        for arguments, words in ((("--bind", "early"), "bind=early"), (("--by-address",), "by-address"),
                                 (("--mapping-per-function",), "per-function"),
                                 (("--mapping-device", "02:00"), "mapping-device")):
            done = run("plan", "--mapping", "big", "--vm", "106", *arguments, root=self.root)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(words, done.stderr)
        for arguments, words in ((("--mapping", "big"), "by --vm"),
                                 (("--assign", "big=106", "--assign", "big=106"), "named twice"),
                                 (("--assign", "big,mapping=foo=106"), "'mapping'")):
            done = run("plan", *arguments, root=self.root)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(words, done.stderr)

    def test_words_that_name_none(self):
        for arguments, words in ((("--mapping", "none", "--vm", "106"), "there is no mapping none"),
                                 (("--assign", "none=106",), "none")):
            done = run("plan", *arguments, root=self.root)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    main()
