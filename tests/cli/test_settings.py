# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a VM that are asked for: in one call, back by one rollback, and nothing that the VM would not start
with."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main, run

CONF = "/etc/pve/nodes/pve2/qemu-server/106.conf"


class Settings(HostTest):
    def setUp(self):
        super().setUp()
        self.iommu_on()
        os.makedirs(self.path("/sys/devices/system/cpu"), exist_ok=True)
        self.write("/sys/devices/system/cpu/online", "0-15\n")

    def plan_with(self, *more, expect=0):
        return self.plan("--gpu", "01:00", "--vm", "106", "--no-modules", "--bind", "at-start", "--no-start", *more,
                         expect=expect)

    def params(self, plan):
        return {key: value for c in plan["changes"] if c["kind"] == "api" for key, value in c["params"].items()}

    def refusals(self, *more):
        plan = self.plan_with(*more, expect=1)
        return [r["reason"] for r in plan["refusals"] if r["check"] == "vm.settings"]

    def told(self, *more):
        audit = json.loads(run("audit", "--gpu", "01:00", "--vm", "106", *more, "--format", "json",
                               root=self.root).stdout)
        return [(f["status"], f["detail"]) for f in audit["findings"] if f["id"] == "vm.settings"]

    def test_set_and_put_back(self):
        before = sorted(self.read(CONF).split("\n"))
        plan = self.plan_with("--cores", "4", "--affinity", "0-3", "--numa", "1", "--hugepages", "1024", "--vga", "none",
                              "--balloon", "0", "--sockets", "1")
        params = self.params(plan)
        wanted = {"cores": "4", "affinity": "0-3", "numa": "1", "hugepages": "1024", "vga": "none", "balloon": "0"}
        self.assertEqual({key: params[key] for key in wanted}, wanted)
        self.assertNotIn("sockets", params, "it is so already")
        self.apply()
        text = self.read(CONF)
        for key, value in wanted.items():
            self.assertIn("%s: %s\n" % (key, value), text)
        self.rollback()
        self.assertEqual(sorted(self.read(CONF).split("\n")), before)

    def test_taken_out(self):
        self.conf(106, "affinity: 0-7", "hugepages: 2", "vga: std", "numa: 1")
        params = self.params(self.plan_with("--affinity", "none", "--hugepages", "none", "--vga", "default"))
        for key in ("affinity", "hugepages", "vga"):
            self.assertIn(key, params)
            self.assertIsNone(params[key])

    def test_of_one_guest_alone(self):
        plan = self.plan("--assign", "01:00,cores=2,affinity=0-1+4-5=106", "--no-start")
        params = self.params({"changes": plan["changes"] + plan["forecast"]})
        self.assertEqual((params["cores"], params["affinity"]), ("2", "0-1,4-5"))

    def test_what_it_would_not_start_with(self):
        self.assertIn("more than the host's 16", self.refusals("--cores", "17")[0])
        self.assertIn("more than the host's 16", self.refusals("--cores", "9", "--sockets", "2")[0])
        self.assertIn("no CPU 16", self.refusals("--affinity", "8-16")[0])
        self.assertIn("numa: 1", self.refusals("--hugepages", "2")[0])
        self.assertIn("more than its memory", self.refusals("--balloon", "999999")[0])
        self.conf(106, "vcpus: 6")
        self.assertIn("vcpus: 6", self.refusals("--cores", "4")[0])
        self.conf(106, "hugepages: 2", "numa: 1")
        self.assertIn("numa: 1", self.refusals("--numa", "0")[0])

    def test_huge_pages_that_do_not_fit(self):
        self.conf(106, "memory: 16000", "numa: 1")
        self.assertIn("does not divide", self.refusals("--hugepages", "1024")[0])
        self.conf(106, "memory: 16384", "numa: 1")
        self.assertIn("does not divide", self.refusals("--hugepages", "1024", "--sockets", "3", "--cores", "1")[0])
        os.makedirs(self.path("/sys/devices/system/node"), exist_ok=True)
        self.write("/sys/devices/system/node/online", "0\n")
        self.assertIn("NUMA node", self.refusals("--hugepages", "2", "--sockets", "2", "--cores", "4")[0])
        self.conf(106, "numa0: cpus=0-7,memory=16384", "numa: 1")
        self.assertIn("numa0", self.refusals("--hugepages", "1024")[0])
        self.assertIn("numa0", self.refusals("--cores", "4")[0])

    def test_what_other_settings_need(self):
        self.conf(106, "hotplug: network,memory", "numa: 1")
        self.assertIn("hot-pluggable", self.refusals("--numa", "0")[0])
        self.assertIn("no serial0", self.refusals("--vga", "serial0")[0])
        self.conf(106, "vga: std,memory=64")
        self.assertIn("options of its own", self.refusals("--vga", "none")[0])
        self.conf(106, "memory: current=16384")
        self.assertEqual(self.params(self.plan_with("--balloon", "8192"))["balloon"], "8192")

    def test_said_for_one_stays_said(self):
        for words in (("--cores", "4", "--assign", "01:00,cores=2=106"), ("--assign", "01:00,cores=2=106", "--cores", "4")):
            plan = self.plan(*words, "--no-start")
            self.assertEqual(self.params({"changes": plan["changes"] + plan["forecast"]})["cores"], "2")

    def test_without_a_vm(self):
        plan = self.plan("--gpu", "01:00", "--cores", "4", expect=1)
        self.assertIn("no VM is named", [r["reason"] for r in plan["refusals"]][0])

    def test_one_that_is_refused_sets_none(self):
        plan = self.plan_with("--cores", "17", "--vga", "std", expect=1)
        self.assertFalse({"cores", "vga"} & set(self.params(plan)))

    def test_what_is_no_value(self):
        for option, value in (("--affinity", "7-0"), ("--affinity", "0-4294967296"), ("--affinity", "0;1"),
                              ("--affinity", ""), ("--affinity", "0-3\n"), ("--cores", "0"), ("--cores", "99999"), ("--numa", "yes"),
                              ("--hugepages", "4"), ("--balloon", "-1"), ("--vga", "gtx"), ("--vga", "virtio-gl")):
            done = run("plan", "--gpu", "01:00", "--vm", "106", option, value, root=self.root)
            self.assertEqual(done.returncode, 2, (option, value))
            self.assertIn("%s takes " % option, done.stderr)

    def cpus(self, *caches, threads=2):
        """A host of these L3 caches, each of so many cores, and their threads behind all cores."""
        cores = sum(caches)
        self.write("/sys/devices/system/cpu/online", "0-%d\n" % (cores * threads - 1))
        first = 0
        for size in caches:
            own = ["%d-%d" % (first + t * cores, first + size - 1 + t * cores) for t in range(threads)]
            for core in range(first, first + size):
                siblings = [core + t * cores for t in range(threads)]
                for cpu in siblings:
                    base = "/sys/devices/system/cpu/cpu%d/" % cpu
                    for name, text in (("topology/thread_siblings_list", ",".join(map(str, siblings))),
                                       ("cache/index3/shared_cpu_list", ",".join(own))):
                        os.makedirs(os.path.dirname(self.path(base + name)), exist_ok=True)
                        self.write(base + name, text + "\n")
            first += size

    def near(self, *more):
        return self.params(self.plan_with("--affinity", "near", *more)).get("affinity")

    def test_near_is_whole_cores_of_one_cache_near_the_gpu(self):
        local = "/sys/bus/pci/devices/0000:01:00.0/local_cpulist"
        self.cpus(4, 4)  # 0-3,8-11 and 4-7,12-15
        self.assertEqual(self.near("--cores", "8"), "4-7,12-15")
        self.assertEqual(self.near("--cores", "4"), "2-3,10-11", "the first cache has just enough without core 0")
        self.write(local, "0-3,8-11\n")
        self.assertEqual(self.near("--cores", "6"), "1-3,9-11", "the host keeps its first core")
        self.conf(107, "affinity: 3")
        self.assertEqual(self.near("--cores", "4"), "1-2,9-10", "nor is another guest's core shared")
        self.assertIn("There are not 6 CPUs", self.refusals("--affinity", "near", "--cores", "6")[0])
        self.cpus(8, threads=1)
        self.write(local, "0-7\n")
        self.assertEqual(self.near("--cores", "3"), "5-7")

    def test_near_of_two_vms_of_one_goal(self):
        self.cpus(8)
        goal = ("--assign", "01:00,affinity=near,cores=4,no-start=106", "--assign", "02:00,affinity=near,cores=4,no-start=107",
                "--no-modules", "--bind", "at-start", "--accept", "gpu.only-gpu=0000:01:00.0", "--accept", "gpu.only-gpu=0000:02:00.0",
                "--accept", "gpu.boot-vga=0000:02:00.0")
        plan = self.plan(*goal)
        lists = [c["params"]["affinity"] for c in plan["changes"] if "affinity" in c.get("params", {})]
        self.assertEqual(sorted(lists), ["4-5,12-13", "6-7,14-15"])
        self.apply()
        self.assertTrue(self.plan(*goal)["nothing_to_do"])

    def test_near_beside_a_list_of_the_same_goal(self):
        self.cpus(8)
        for order in (1, -1):
            both = ["01:00,affinity=near,cores=4,no-start=106", "02:00,affinity=6-7+14-15,cores=4,no-start=107"][::order]
            plan = self.plan("--assign", both[0], "--assign", both[1], "--no-modules", "--bind", "at-start", "--accept",
                             "gpu.only-gpu=0000:01:00.0", "--accept", "gpu.only-gpu=0000:02:00.0", "--accept",
                             "gpu.boot-vga=0000:02:00.0")
            lists = {c["vmid"]: c["params"]["affinity"] for c in plan["changes"] if "affinity" in c.get("params", {})}
            self.assertEqual(lists, {106: "4-5,12-13", 107: "6-7,14-15"})

    def test_near_takes_no_efficiency_cores_where_others_are_enough(self):
        self.cpus(6)  # 0-11
        self.write("/sys/devices/system/cpu/online", "0-15\n")
        for cpu in range(12, 16):
            base = "/sys/devices/system/cpu/cpu%d/" % cpu
            for name, text in (("topology/thread_siblings_list", "%d" % cpu), ("cache/index3/shared_cpu_list", "0-15")):
                os.makedirs(os.path.dirname(self.path(base + name)), exist_ok=True)
                self.write(base + name, text + "\n")
        self.write("/sys/devices/system/cpu/cpu0/cache/index3/shared_cpu_list", "0-15\n")
        os.makedirs(self.path("/sys/devices/cpu_core"))
        self.write("/sys/devices/cpu_core/cpus", "0-11\n")
        self.assertEqual(self.near("--cores", "4"), "4-5,10-11")
        self.assertEqual(self.near("--cores", "12"), "1-5,7-11,14-15", "there are too few: the fast ones first")

    def test_near_stays_what_it_was(self):
        self.plan_with("--affinity", "near", "--no-cpu-host", "--no-q35", "--tablet", "--no-pcie")
        self.apply()
        self.assertTrue(self.plan_with("--affinity", "near", "--no-cpu-host", "--no-q35", "--tablet", "--no-pcie")["nothing_to_do"])

    def test_how_cpus_belong_is_not_on_record(self):
        os.remove(self.path("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list"))
        self.assertIn("not on record", self.refusals("--affinity", "near")[0])

    def test_half_a_core_is_told(self):
        self.assertTrue([d for s, d in self.told("--affinity", "4-7", "--cores", "4") if "CPU 12 is a thread of a core in the list" in d])
        self.assertFalse([d for s, d in self.told("--affinity", "4-7,12-15") if "thread of a core" in d])

    def test_what_is_worth_knowing(self):
        self.assertTrue([d for s, d in self.told("--affinity", "0-3") if s == "warn" and "share 4" in d])
        self.assertTrue([d for s, d in self.told("--affinity", "0-15") if "all of the host's CPUs" in d])
        self.write("/sys/bus/pci/devices/0000:01:00.0/local_cpulist", "0-7\n")
        self.assertTrue([d for s, d in self.told("--affinity", "4-11") if "CPU 8 is not of the GPU's NUMA node" in d])
        self.assertFalse([d for s, d in self.told("--affinity", "0-7") if "NUMA node" in d])
        self.assertEqual([s for s, _ in self.told()], ["ok"])


if __name__ == "__main__":
    main()
