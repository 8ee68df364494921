# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong use and broken hosts: a clear message, the right exit status, nothing lost."""
import json
import os
import shutil
import subprocess

from harness import HostTest, PVEGPU, SOURCE, main, on_root, run, tree_hash


class WrongUse(HostTest):
    def refused(self, done, status, *texts):
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        for text in texts:
            self.assertIn(text, done.stderr)

    def test_command_line(self):
        self.refused(run("--bogus"), 2, "--bogus", "--help")
        self.refused(run("frobnicate"), 2, "no such command: 'frobnicate'")
        self.refused(run("audit", "extra"), 2, "not understood: 'extra'")
        self.refused(run("audit", "--format", "xml"), 2, "text or json")
        self.refused(run("apply", "plan", "--gpu", "01:00"), 2, "plan and doctor take a goal")
        self.refused(run("--gpu", "01:00", "--vm", "106", root=self.root), 2, "the wizard asks for it")
        self.refused(run("plan", "--accept", "no.such=x", root=self.root), 2, "names no check")
        self.refused(run("plan", "--list", root=self.root), 2, "only audit and doctor take")
        self.refused(run("apply"), 2, "saved plan")
        self.refused(run("plan", "--param", "a b", root=self.root), 2, "single kernel parameter")
        self.refused(run("plan", "--bind", "now", root=self.root), 2, "early or at-start")
        self.refused(run("plan", "--accept", "x", root=self.root), 2, "CHECK=SUBJECT")

    def test_unknown_gpu_and_vm(self):
        self.refused(run("plan", "--gpu", "nonsense", root=self.root), 2, "'nonsense' is not a PCI address")
        self.refused(run("plan", "--gpu", "09:00", root=self.root), 2, "no GPU at '09:00'", "0000:01:00.0")
        self.refused(run("plan", "--gpu", "00:1f.6", root=self.root), 2, "is no GPU", "Ethernet")
        self.refused(run("plan", "--vm", "12", root=self.root), 2, "not a VM's number")
        self.refused(run("plan", "--gpu", "01:00", "--vm", "999", root=self.root), 2, "no VM 999", "106")
        self.refused(run("plan", "--vm", "106", root=self.root), 2, "needs a GPU")
        self.refused(run("plan", "--vm", "-5", root=self.root), 2, "not a VM's number")

    def test_spellings_of_one_gpu(self):
        for text in ("01:00", "01:00.0", "0000:01:00", "0000:01:00.0"):
            self.assertEqual(self.plan("--gpu", text)["goal"]["gpus"], ["0000:01:00.0"])

    def test_template_and_locked(self):
        plan = self.plan("--gpu", "01:00", "--vm", "9000", expect=1)
        self.assertIn("vm.template", [r["check"] for r in plan["refusals"]])
        conf = "etc/pve/nodes/pve2/qemu-server/106.conf"
        self.write(conf, "lock: backup\n" + self.read(conf))
        plan = self.plan("--gpu", "01:00", "--vm", "106", expect=1)
        self.assertIn("locked (backup)", [r["reason"] for r in plan["refusals"]][0])

    def test_no_host(self):
        self.refused(run("audit", root="/nonexistent-root"), 3, "cannot open the root directory")
        self.refused(run("audit", root=self.directory), 3, "has no PCI devices", "--root")
        empty = os.path.join(self.directory, "empty")
        os.makedirs(os.path.join(empty, "sys/bus/pci/devices"))
        self.refused(run("audit", root=empty), 3, "has no PCI devices")

    def test_half_a_host(self):
        """Only the PCI devices are there: what is not known is said to be unknown."""
        half = os.path.join(self.directory, "half")
        os.makedirs(half)
        shutil.copytree(self.path("sys"), os.path.join(half, "sys"), symlinks=True)
        shutil.rmtree(os.path.join(half, "sys/kernel"))
        shutil.rmtree(os.path.join(half, "sys/firmware"))
        done = run("audit", "--format", "json", root=half)
        self.assertIn(done.returncode, (0, 1))
        audit = json.loads(done.stdout)
        self.assertEqual(len(audit["gpus"]), 2)
        self.assertIsNone(audit["host"]["iommu"]["active"])
        self.assertIsNone(audit["host"]["pve_version"])
        status = {}
        for finding in audit["findings"]:
            status.setdefault(finding["id"], set()).add(finding["status"])
        for check in ("host.pve-version", "bios.cpu-virtualization", "bios.iommu-firmware",
                      "boot.loader", "boot.iommu-active", "gpu.group-isolated", "vm.exists",
                      "attach.hostpci-invalid"):
            self.assertEqual(status[check], {"unknown"}, check)
        self.assertEqual({g["verdict"] for g in audit["gpus"]}, {"unknown"})

    def test_broken_grub_names_file_and_line(self):
        self.write("etc/default/grub", '# one\nGRUB_CMDLINE_LINUX_DEFAULT="quiet\n# no end\n')
        before = tree_hash(self.root)
        plan = self.plan("--gpu", "01:00", "--vm", "106", expect=1)
        self.assertIn("/etc/default/grub, line 2", plan["refusals"][0]["reason"])
        self.assertNotIn("/etc/default/grub", [c.get("path") for c in plan["changes"]])
        self.apply(expect=1)
        self.assertEqual(before, tree_hash(self.root))

    def test_ambiguous_grub_is_not_guessed(self):
        for text in ('GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
                     'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT console=ttyS0"\n',
                     'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\r\n',
                     'if true; then\n GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nfi\n',
                     'GRUB_CMDLINE_LINUX_DEFAULT="`cat /x`"\n'):
            self.write("etc/default/grub", text)
            plan = self.plan("--gpu", "01:00", "--vm", "106")
            files = {c["path"]: c for c in plan["changes"] if c["kind"] == "file"}
            self.assertNotIn("/etc/default/grub", files)
            own = files["/etc/default/grub.d/pvegpu.cfg"]
            self.assertIn("in line ", own["after"])  # says why

    def test_binary_and_huge_files(self):
        self.write("etc/default/grub", "GRUB=\0\1\2")
        self.assertIn(run("audit", root=self.root).returncode, (0, 1))
        plan = self.plan("--gpu", "01:00", expect=1)
        self.assertIn("NUL byte", plan["refusals"][0]["reason"])
        self.write("etc/modules", "x" * (17 * 1024 * 1024))
        self.write("etc/pve/nodes/pve2/qemu-server/106.conf", "\x1b[2J\0" * 1000)
        done = run("audit", root=self.root)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertNotIn("\x1b", done.stdout)

    def test_a_line_of_ten_megabytes(self):
        line = "x" * (10 << 20)
        for name in ("etc/modules", "etc/modprobe.d/big.conf", "proc/cmdline", "var/log/dmesg",
                     "etc/pve/nodes/pve2/qemu-server/107.conf", "proc/iomem", "proc/mounts"):
            self.write(name, line + "\n")
        done = run("audit", root=self.root)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertIn("107", done.stdout)
        # Each entry of the menu holds the value, and the menu must be read back: 16 MiB at most.
        line = line[:3 << 20]
        self.write("etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"" + line + "\"\n")
        done = run("plan", "--gpu", "01:00", "--vm", "106", "--out", self.plan_file,
                   root=self.root)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        if done.returncode == 0:
            self.apply()
            self.assertTrue(line in self.read("etc/default/grub"))

    def test_loops_of_links_and_pipes(self):
        for name in ("etc/modprobe.d/loop.conf", "etc/pve/nodes/pve2/qemu-server/108.conf",
                     "sys/class/net/loop0", "sys/class/block/loop9"):
            os.symlink(os.path.basename(name), self.path(name))
        os.mkfifo(self.path("etc/modprobe.d/pipe.conf"))
        os.unlink(self.path("etc/modules"))
        os.mkfifo(self.path("etc/modules"))
        os.symlink("..", self.path("sys/bus/pci/devices/0000:01:00.0/again"))
        done = run("audit", root=self.root)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertIn("GeForce RTX 3080", done.stdout)
        # A file that is none is not replaced by one, and that is said.
        self.assertRegex(done.stdout, r"cannot read\s+'[^']*/etc/modules': it\s+is\s+a\s+pipe,\s+not\s+a\s+file")
        plan = self.plan("--gpu", "01:00", "--modules")
        self.assertNotIn("/etc/modules", [c.get("path") for c in plan["changes"]])

    def test_ten_thousand_vms_with_one_gpu(self):
        where = self.path("etc/pve/nodes/pve2/qemu-server/")
        for vmid in range(1000, 11000):
            with open(where + "%d.conf" % vmid, "w", encoding="ascii") as file:
                file.write("name: vm%d\nhostpci0: 01:00\nonboot: 1\n" % vmid)
        done = run("audit", "--format", "json", root=self.root)
        self.assertEqual(done.returncode, 1, done.stderr)
        audit = json.loads(done.stdout)
        self.assertEqual(len(audit["vms"]), 10005)
        # Each VM is told once, not once for each other VM.
        for check in ("attach.conflict", "attach.onboot-conflict"):
            told = [f["subject"] for f in audit["findings"] if f["id"] == check]
            self.assertEqual(len(told), 9999, check)
            self.assertEqual(len(set(told)), 9999, check)

    def test_other_domains_and_many_functions(self):
        devices = self.path("sys/bus/pci/devices/")
        where = "sys/devices/pci10000:e0/"
        for function in range(8):
            name = "10000:e1:00.%d" % function
            os.makedirs(self.path(where + name))
            self.write(where + name + "/uevent", "PCI_CLASS=30000\nPCI_ID=1002:744C\n"
                       "PCI_SUBSYS_ID=1002:0E3B\nPCI_SLOT_NAME=%s\n" % name)
            os.symlink("../../../devices/pci10000:e0/" + name, devices + name)
        self.write("etc/pve/nodes/pve2/qemu-server/107.conf", "".join(
            "hostpci%d: 10000:e1:00.%x\n" % (i, i % 8) for i in range(16)) + "machine: q35\n")
        audit = json.loads(run("audit", "--format", "json", root=self.root).stdout)
        gpus = [g for g in audit["gpus"] if g["address"].startswith("10000:")]
        self.assertEqual(len(gpus), 8)
        # Each draws by itself: none of them is a part of another's card.
        self.assertEqual([[f["address"] for f in g["functions"]] for g in gpus], [[g["address"]] for g in gpus])
        vm = [v for v in audit["vms"] if v["vmid"] == 107][0]
        self.assertEqual([h["devices"] for h in vm["hostpci"]],
                         [["10000:e1:00.%d" % (i % 8)] for i in range(16)])
        done = run("plan", "--gpu", "10000:e1:00.3", "--vm", "106", "--format", "json",
                   root=self.root)
        self.assertIn("10000:e1:00", done.stdout)
        # All sixteen lines are taken.
        done = run("plan", "--gpu", "01:00", "--vm", "107", root=self.root)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "REFUSED by attach.hostpci on .*\n.*no free hostpci")

    def test_names_cannot_steer_the_terminal(self):
        conf = "etc/pve/nodes/pve2/qemu-server/106.conf"
        self.write(conf, self.read(conf).replace("name: talos-gpu-1", "name: x\x1b]0;evil\x07\x9b2J"))
        done = run("audit", "--gpu", "01:00", "--vm", "106", root=self.root)
        self.assertNotIn("\x1b", done.stdout)
        self.assertNotIn("\x9b", done.stdout)
        done = run("audit", "--format", "json", root=self.root)
        self.assertTrue(json.loads(done.stdout)["vms"])

    def test_shown_text_cannot_hide_a_line(self):
        self.write("etc/default/grub", self.read("etc/default/grub") + "# x\x1b[2K\r\x1b[1A\n")
        self.write("etc/modules", "# y\x1b[1A")
        done = run("plan", "--gpu", "01:00", "--vm", "106", root=self.root)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("# y?[1A", done.stdout)
        self.assertNotIn("\x1b", done.stdout)

    def test_passwords_are_not_shown(self):
        conf = "etc/pve/nodes/pve2/qemu-server/106.conf"
        self.write(conf, "cipassword: $5$SECRET\n" + self.read(conf))
        self.assertNotIn("SECRET", run("audit", "--format", "json", root=self.root).stdout)

    def test_unreadable_file(self):
        os.chmod(self.path("etc/default/grub"), 0)
        done = self.run_as_nobody("plan", "--gpu", "01:00", "--format", "json")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("Permission denied", json.loads(done.stdout)["refusals"][0]["reason"])

    def test_no_terminal(self):
        self.refused(run(root=self.root), 2, "there is no terminal", "pvegpu audit")
        self.refused(run("demo"), 2, "there is no terminal")
        self.plan("--gpu", "01:00", "--vm", "106")
        before = tree_hash(self.root)
        self.refused(run("apply", self.plan_file, root=self.root), 2, "--yes")
        self.refused(run("apply", self.plan_file, root=self.root, stdin="yes\n"), 2, "--yes")
        self.assertEqual(before, tree_hash(self.root))

    def test_plan_file(self):
        self.refused(run("apply", "/nonexistent/plan", root=self.root), 2, "/nonexistent/plan")
        self.refused(run("apply", "/etc/passwd", root=self.root), 2, "/etc/passwd, line 1")
        with open(self.plan_file, "w", encoding="utf-8") as file:
            file.write('{"schema": "something else"}')
        self.refused(run("apply", self.plan_file, root=self.root), 2, "not a plan")

    def test_broken_journal(self):
        self.plan("--gpu", "01:00", "--vm", "106")
        self.apply()
        run_ = self.history()[0]["run"]
        self.write("var/lib/pvegpu/runs/%s/journal" % run_, '{"n":1,"state":"begin"')
        self.assertEqual(self.history()[0]["state"], "nothing was changed")
        self.write("var/lib/pvegpu/runs/%s/journal" % run_, '{"n":1,"state":"begin"}\n{"n":1,"st')
        self.assertEqual(self.history()[0]["state"], "interrupted")
        self.write("var/lib/pvegpu/runs/%s/plan.json" % run_, "{")
        done = run("history", root=self.root)
        self.assertEqual(done.returncode, 0)
        self.assertIn("cannot be read: " + run_, done.stdout)
        self.refused(run("rollback", "../../etc", "--yes", root=self.root), 2, "there is no run")

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([PVEGPU, "audit", *on_root(self.root)], stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 3)
        self.assertIn("standard output could not be written", done.stderr)

    def test_text_fits_eighty_columns(self):
        for line in run("audit", root=self.root).stdout.split("\n"):
            self.assertLess(len(line), 80, line)

    def test_catalogue_listing(self):
        checks = json.loads(run("audit", "--list", "--format", "json").stdout)
        self.assertGreater(len(checks), 35)
        for check in checks:
            self.assertTrue(check["id"].startswith(check["step"] + "."), check)
            self.assertLessEqual(len(check["title"]), 40)


if __name__ == "__main__":
    main()
