# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan, apply and rollback on the sample host, compared by tree hashes and by diff(1)."""
import json
import os
import shutil
import signal
import subprocess
import unittest

from harness import HostTest, NOBODY, PVEGPU, main, on_root, processes_of, run, tree_hash, wait_until

GOAL = ("--gpu", "01:00", "--vm", "106")


class PlanApply(HostTest):
    @unittest.skipUnless(shutil.which("git"), "git is missing")
    def test_etc_under_version_control(self):
        """As etckeeper has it: what differs after apply is the plan's files, after rollback nothing."""
        def git(*arguments):
            return subprocess.run(["git", "-C", self.path("etc"), "-c", "user.name=x", "-c",
                                   "user.email=x@x", *arguments], check=True, capture_output=True,
                                  text=True).stdout
        git("init", "-q")
        git("add", "-A")
        git("commit", "-q", "-m", "as it was")
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--bind", "early")
        self.apply()
        paths = {c["path"].replace("/etc/", "", 1) for c in plan["changes"] if c["kind"] == "file"}
        changed = {line[3:] for line in git("status", "--porcelain", "-uall").splitlines()}
        self.assertEqual(changed - {"pve/nodes/pve2/qemu-server/106.conf"}, paths)
        self.rollback()
        self.assertEqual(git("status", "--porcelain", "-uall"), "")

    def test_plan_changes_nothing(self):
        before = tree_hash(self.root, skip=())
        plan = self.plan(*GOAL)
        self.assertEqual(before, tree_hash(self.root, skip=()))
        self.assertEqual([c["kind"] for c in plan["changes"]], ["file", "file", "command", "reboot"])
        self.assertEqual([c["kind"] for c in plan["forecast"]], ["api", "api", "api"])
        self.assertEqual(plan["changes"][2]["argv"], ["update-grub"])
        self.assertEqual(plan["goal"]["gpus"], ["0000:01:00.0"])
        self.assertNotIn("digest", plan["forecast"][0])

    def test_applied_is_what_was_shown(self):
        plan = self.plan(*GOAL)
        old = {c["path"]: self.read(c["path"]) for c in plan["changes"] if c["kind"] == "file"}
        self.apply()
        for change in plan["changes"]:
            if change["kind"] != "file":
                continue
            before = os.path.join(self.directory, "before")
            with open(before, "w", encoding="latin-1", newline="") as file:
                file.write(old[change["path"]])
            shown = subprocess.run(["diff", "-u", before, self.path(change["path"])],
                                   capture_output=True, text=True).stdout
            self.assertEqual(shown.split("\n")[2:], change["diff"].split("\n")[2:])
            patched = subprocess.run(["patch", "-s", "-o", "-", before], input=change["diff"],
                                     capture_output=True, text=True, check=True).stdout
            self.assertEqual(patched, self.read(change["path"]))
        self.assertIn('GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=on iommu=pt"\n',
                      self.read("etc/default/grub"))
        self.assertIn("ro  quiet intel_iommu=on iommu=pt", self.read("boot/grub/grub.cfg"))
        kept = self.read("var/lib/pvegpu/runs/%s/output" % self.history()[0]["run"])
        self.assertIn("Found linux image: /boot/vmlinuz-6.2.16-3-pve\n", kept)
        self.assertEqual(os.stat(self.path("var/lib/pvegpu")).st_mode & 0o7777, 0o700)

    def test_rollback_restores_every_byte(self):
        before = tree_hash(self.root)
        self.plan(*GOAL)
        self.apply()
        self.assertNotEqual(before, tree_hash(self.root))
        self.assertEqual(self.history()[0]["state"], "applied")
        self.rollback()
        self.assertEqual(before, tree_hash(self.root))
        self.assertEqual(self.history()[0]["state"], "rolled back")
        self.assertIn("nothing to roll back", self.rollback(expect=2).stderr)

    def test_early_binding_and_its_rollback(self):
        before = tree_hash(self.root, skip=("var/lib/pvegpu", "boot"))
        self.plan(*GOAL, "--bind", "early")
        self.apply()
        own = self.read("etc/modprobe.d/pvegpu.conf")
        self.assertIn("options vfio-pci ids=10de:2206,10de:1aef\n", own)
        self.assertIn("softdep nouveau pre: vfio-pci\n", own)
        self.script("usr/sbin/reboot")
        link = os.readlink(self.path("sys/bus/pci/devices/0000:01:00.0/driver"))
        self.assertTrue(link.endswith("/vfio-pci"))
        other = os.readlink(self.path("sys/bus/pci/devices/0000:02:00.0/driver"))
        self.assertTrue(other.endswith("/nouveau"))
        self.rollback()
        self.assertFalse(os.path.exists(self.path("etc/modprobe.d/pvegpu.conf")))
        self.script("usr/sbin/reboot")
        # What a reboot itself leaves behind (task log, pids) is not ours.
        self.assertTrue(os.readlink(self.path(
            "sys/bus/pci/devices/0000:01:00.0/driver")).endswith("/nouveau"))
        self.assertNotEqual(before, "")

    def test_merges_into_existing_ids(self):
        self.write("etc/modprobe.d/vfio.conf",
                   "# mine\noptions vfio_pci disable_idle_d3=1 ids=8086:1533 disable_vga=1\n")
        self.plan(*GOAL, "--bind", "early")
        self.apply()
        self.assertEqual(self.read("etc/modprobe.d/vfio.conf"),
                         "# mine\noptions vfio_pci disable_idle_d3=1 "
                         "ids=8086:1533,10de:2206,10de:1aef disable_vga=1\n")

    def test_the_whole_way(self):
        self.plan(*GOAL)
        self.apply()
        again = self.plan(*GOAL)
        self.assertEqual([c["kind"] for c in again["changes"]], ["reboot"])
        self.script("usr/sbin/reboot")
        config = self.read("etc/pve/nodes/pve2/qemu-server/106.conf")
        plan = self.plan(*GOAL)
        self.assertEqual([c["kind"] for c in plan["changes"]], ["api"] * 3)
        self.assertEqual(plan["changes"][0]["params"], {"machine": "q35", "cpu": "host"})
        self.assertEqual(plan["changes"][1]["params"], {"hostpci0": "0000:01:00,pcie=1"})
        self.assertEqual(plan["changes"][1]["equivalent"],
                         "qm set 106 --hostpci0 0000:01:00,pcie=1")
        self.apply()
        self.assertIn("hostpci0: 0000:01:00,pcie=1\n", self.read("etc/pve/qemu-server/106.conf"))
        for function in ("0000:01:00.0", "0000:01:00.1"):
            self.assertTrue(os.readlink(self.path("sys/bus/pci/devices/%s/driver" % function))
                            .endswith("/vfio-pci"))
        self.assertTrue(self.plan(*GOAL)["nothing_to_do"])
        audit = json.loads(run("audit", "--format", "json", *GOAL, root=self.root).stdout)
        self.assertEqual(audit["gpus"][0]["verdict"], "ready")
        self.assertEqual(audit["summary"]["fail"], 0)
        self.rollback()
        self.assertEqual(config, self.read("etc/pve/nodes/pve2/qemu-server/106.conf"))
        self.assertFalse(os.path.exists(self.path("run/qemu-server/106.pid")))

    def test_running_vm_is_shut_down_first(self):
        self.plan("--gpu", "01:00", "--vm", "105")
        self.apply()
        self.script("usr/sbin/reboot")
        plan = self.plan("--gpu", "01:00", "--vm", "105")
        self.assertTrue(plan["changes"][0]["path"].endswith("/105/status/shutdown"))
        self.assertEqual(plan["changes"][0]["cost"], "the VM is shut down")
        self.apply()
        self.assertIn("hostpci0:", self.read("etc/pve/qemu-server/105.conf"))

    def test_failed_task_is_a_failure(self):
        """pvesh exits 0 when the start fails; the task's exitstatus counts."""
        self.plan(*GOAL)
        self.apply()
        self.script("usr/sbin/reboot")
        self.plan(*GOAL)
        done = self.apply(expect=4, env={"PVEGPU_SAMPLE_FAIL": "start"})
        self.assertIn("the task failed: start failed: QEMU exited with code 1", done.stderr)
        self.assertIn("Device or resource busy", done.stdout)
        self.assertEqual(self.history()[-1]["state"], "failed")

    def test_an_image_that_was_not_made_again(self):
        self.write("boot/vmlinuz-5.15.30-2-pve", "")
        self.write("boot/initrd.img-5.15.30-2-pve", "old\n")
        os.utime(self.path("boot/initrd.img-5.15.30-2-pve"), (1000, 1000))
        script = self.read("usr/sbin/update-initramfs")
        self.write("usr/sbin/update-initramfs", script.replace(
            "for v in $list; do", "for v in $list; do\n\t[ \"$v\" = 6.2.16-3-pve ] || continue"))
        self.plan(*GOAL, "--bind", "early")
        done = self.apply(expect=4)
        self.assertIn("initrd.img-5.15.30-2-pve was not made again", done.stdout + done.stderr)
        self.write("usr/sbin/update-initramfs", script)
        self.rollback()

    def test_failed_command_stops_and_can_be_undone(self):
        before = tree_hash(self.root)
        self.plan(*GOAL)
        done = self.apply(expect=4, env={"PVEGPU_SAMPLE_FAIL": "update-grub"})
        self.assertIn("pvegpu rollback", done.stderr)
        run_ = self.history()[-1]
        self.assertEqual((run_["state"], run_["done"]), ("failed", 2))
        self.assertIn("update-grub", run_["failure"])
        self.rollback()
        self.assertEqual(before, tree_hash(self.root))

    def test_drift_is_refused_before_the_first_write(self):
        self.plan(*GOAL)
        self.write("etc/modules", self.read("etc/modules") + "loop\n")
        before = tree_hash(self.root)
        done = self.apply(expect=4)
        self.assertIn("/etc/modules' was changed since the plan was made", done.stderr)
        self.assertEqual(before, tree_hash(self.root))
        self.assertEqual(self.history(), [])

    def test_changed_vm_config_is_refused(self):
        self.plan(*GOAL)
        self.apply()
        self.script("usr/sbin/reboot")
        self.plan(*GOAL)
        self.script("usr/bin/pvesh", "set", "/nodes/pve2/qemu/106/config", "--memory", "8192")
        before = tree_hash(self.root)
        done = self.apply(expect=4)
        self.assertIn("the configuration of VM 106 was changed", done.stderr)
        self.assertEqual(before, tree_hash(self.root))

    def test_later_edit_survives_rollback(self):
        """Only our lines and words go; what a person wrote since stays."""
        modules = self.read("etc/modules")
        self.plan(*GOAL)
        self.apply()
        self.write("etc/modules", "# above\n" + self.read("etc/modules") + "loop # mine\n")
        self.write("etc/default/grub", self.read("etc/default/grub").replace(
            "iommu=pt", "iommu=pt console=ttyS0").replace("GRUB_TIMEOUT=5", "GRUB_TIMEOUT=9"))
        done = self.rollback()
        self.assertIn("edited since", done.stdout)
        self.assertEqual(self.read("etc/modules"), "# above\n" + modules + "loop # mine\n")
        self.assertIn('="quiet console=ttyS0"\n', self.read("etc/default/grub"))
        self.assertIn("GRUB_TIMEOUT=9\n", self.read("etc/default/grub"))
        self.assertEqual(self.history()[0]["state"], "rolled back")

    def test_edit_in_the_same_place_is_asked_for(self):
        self.plan(*GOAL)
        self.apply()
        mine = self.read("etc/modules").replace("vfio_pci\n", "vfio_pci ids=1:2\n")
        self.write("etc/modules", mine)
        done = self.rollback(expect=1)
        self.assertIn("changed since by someone else", done.stdout)
        self.assertIn("-vfio_pci ids=1:2", done.stdout)
        self.assertEqual(mine, self.read("etc/modules"))
        self.assertIn('="quiet"\n', self.read("etc/default/grub"))
        self.assertEqual(self.history()[0]["state"], "partly rolled back")

    def test_edited_plan_is_refused(self):
        plan = self.plan(*GOAL)
        plan["changes"][0]["after"] += "evil=1\n"
        with open(self.plan_file, "w", encoding="utf-8") as file:
            json.dump(plan, file)
        self.assertIn("it was edited", self.apply(expect=2).stderr)

    def test_link_is_written_through_and_metadata_kept(self):
        real = self.path("etc/grub.real")
        os.rename(self.path("etc/default/grub"), real)
        os.symlink("../grub.real", self.path("etc/default/grub"))
        os.chmod(real, 0o640)
        os.chown(real, NOBODY, NOBODY)
        attributes = True
        try:
            os.setxattr(real, "user.note", b"kept")
        except OSError:
            attributes = False
        self.plan(*GOAL)
        self.apply()
        self.assertEqual(os.readlink(self.path("etc/default/grub")), "../grub.real")
        self.assertIn("intel_iommu=on", self.read("etc/grub.real"))
        status = os.stat(real)
        self.assertEqual((status.st_mode & 0o7777, status.st_uid), (0o640, NOBODY))
        if attributes:
            self.assertEqual(os.getxattr(real, "user.note"), b"kept")

    def test_captured_tree_runs_no_command(self):
        os.unlink(self.path(".pvegpu-sample"))
        grub_cfg = self.read("boot/grub/grub.cfg")
        self.plan(*GOAL)
        done = self.apply()
        self.assertIn("not run", done.stdout)
        self.assertIn("intel_iommu=on", self.read("etc/default/grub"))
        self.assertEqual(grub_cfg, self.read("boot/grub/grub.cfg"))

    def test_two_applies_at_once(self):
        self.plan(*GOAL)
        environment = {k: v for k, v in os.environ.items() if k != "PVEGPU_SAMPLE_FAST"}
        first = subprocess.Popen([PVEGPU, "apply", self.plan_file, "--yes", *on_root(self.root)],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, env=environment)
        for line in first.stdout:
            if "update-grub" in line and line.startswith("$"):
                break
        second = self.apply(expect=4)
        self.assertIn("another pvegpu is applying", second.stderr)
        first.stdout.read()
        self.assertEqual(first.wait(), 0)
        first.stdout.close()
        first.stderr.close()
        self.assertEqual(len(self.history()), 1)

    def test_killed_in_the_middle(self):
        before = tree_hash(self.root)
        self.plan(*GOAL)
        environment = {k: v for k, v in os.environ.items() if k != "PVEGPU_SAMPLE_FAST"}
        process = subprocess.Popen([PVEGPU, "apply", self.plan_file, "--yes", *on_root(self.root)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True, env=environment)
        for line in process.stdout:
            if line.startswith("$ update-grub"):
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        self.assertEqual(self.history()[0]["state"], "interrupted")
        self.wait_for_lock()  # the sample's own update-grub goes on without us
        self.rollback()
        self.assertEqual(before, tree_hash(self.root))

    def test_no_permission_is_found_first(self):
        for where, directories, files in os.walk(self.root):
            for name in directories + files:
                os.chown(os.path.join(where, name), NOBODY, NOBODY, follow_symlinks=False)
        os.chown(self.root, NOBODY, NOBODY)
        self.plan(*GOAL)
        os.chmod(self.plan_file, 0o644)
        os.chmod(self.path("etc"), 0o555)
        os.chmod(self.path("etc/modules"), 0o444)
        before = tree_hash(self.root)
        done = self.run_as_nobody("apply", self.plan_file, "--yes")
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertIn("/etc/modules': Permission denied", done.stderr)
        self.assertEqual(self.history(), [])
        self.assertEqual(before, tree_hash(self.root))

    def test_no_room(self):
        """A full file system: refused before the first write, or failed with nothing half done."""
        small = os.path.join(self.directory, "small")
        os.mkdir(small)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small],
                          capture_output=True).returncode:
            self.skipTest("cannot mount a small file system here")
        try:
            host = os.path.join(small, "host")
            shutil.copytree(self.root, host, symlinks=True)
            shutil.rmtree(self.root)
            os.symlink(host, self.root)
            self.plan(*GOAL)
            filler = os.path.join(small, "filler")
            descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
            try:
                while os.write(descriptor, b"x" * 4096):
                    pass
            except OSError:
                os.close(descriptor)
            before = tree_hash(self.root)
            done = self.apply(expect=4)
            self.assertIn("No space left on device", done.stderr)
            self.assertEqual(before, tree_hash(self.root))
            os.unlink(filler)
            self.apply()
        finally:
            os.unlink(self.root)
            subprocess.run(["umount", small], check=True)
            os.mkdir(self.root)

    def test_risk_needs_its_own_word(self):
        plan = self.plan("--gpu", "02:00", "--vm", "106", expect=1)
        self.assertEqual([(r["check"], r["subject"]) for r in plan["refusals"]],
                         [("gpu.boot-vga", "0000:02:00.0")])
        before = tree_hash(self.root)
        self.assertIn("--accept gpu.boot-vga=0000:02:00.0", self.apply(expect=1).stderr)
        self.assertEqual(before, tree_hash(self.root))
        self.plan("--gpu", "02:00", "--vm", "106", "--accept", "gpu.boot-vga=0000:02:00.0")
        self.apply()

    def test_never_takes_the_host_disk(self):
        """With the NVMe that carries the root file system in the GPU's group nothing accepts it."""
        self.plan(*GOAL)
        self.apply()
        self.script("usr/sbin/reboot")
        link = self.path("sys/devices/pci0000:00/0000:00:1b.0/0000:03:00.0/iommu_group")
        target = os.readlink(link)
        os.unlink(link)
        os.symlink(os.path.join(os.path.dirname(target), "1"), link)
        plan = self.plan(*GOAL, expect=1)
        refused = {r["check"]: r for r in plan["refusals"]}
        self.assertFalse(refused["gpu.group-host-critical"]["acceptable"])
        self.assertIn("root filesystem", refused["gpu.group-host-critical"]["reason"])
        plan = self.plan(*GOAL, "--accept", "gpu.group-host-critical=group/1", expect=1)
        self.assertIn("gpu.group-host-critical", [r["check"] for r in plan["refusals"]])
        self.apply(expect=1)

    def attach_plan(self, *more):
        """A host that was rebooted with the IOMMU on, and the plan to attach."""
        self.plan(*GOAL)
        self.apply()
        self.script("usr/sbin/reboot")
        return self.plan(*GOAL, *more)

    def forge(self, change):
        with open(self.plan_file, encoding="utf-8") as file:
            plan = json.load(file)
        change(plan)
        with open(self.plan_file, "w", encoding="utf-8") as file:
            json.dump(plan, file)

    def test_a_plan_is_judged_again_when_it_is_applied(self):
        """Since the plan the network card has come into the GPU's group."""
        self.attach_plan()
        link = self.path("sys/bus/pci/devices/0000:00:1f.6/iommu_group")
        target = os.readlink(link)
        os.unlink(link)
        os.symlink(os.path.join(os.path.dirname(target), "1"), link)
        before = tree_hash(self.root)
        self.assertIn("gpu.group-host-critical", self.apply(expect=1).stderr)
        self.assertEqual(before, tree_hash(self.root))

    def test_refusals_cannot_be_taken_out_of_the_file(self):
        self.plan("--gpu", "02:00", "--vm", "106", expect=1)
        self.forge(lambda plan: plan.update(refusals=[]))
        before = tree_hash(self.root)
        self.assertIn("gpu.boot-vga", self.apply(expect=1).stderr)
        self.assertEqual(before, tree_hash(self.root))

    def test_forged_calls_are_not_made(self):
        plan = self.attach_plan()
        for change in (lambda p: p["changes"][0].update(before_params={"scsi0": None}),
                       lambda p: p["changes"][0]["params"].update(net0=None),
                       lambda p: p["changes"][2].update(path="/nodes/pve2/qemu/105/status/stop"),
                       lambda p: p["changes"][2].update(method="DELETE")):
            with open(self.plan_file, "w", encoding="utf-8") as file:
                json.dump(plan, file)
            self.forge(change)
            before = tree_hash(self.root)
            self.assertEqual(run("apply", self.plan_file, "--yes", root=self.root).returncode, 2)
            self.assertEqual(before, tree_hash(self.root))

    def test_plan_of_another_node(self):
        self.plan(*GOAL)
        self.write("etc/hostname", "pve9\n")
        before = tree_hash(self.root)
        self.assertIn("for the node 'pve2'", self.apply(expect=4).stderr)
        self.assertEqual(before, tree_hash(self.root))

    def test_a_colleague_between_two_calls(self):
        self.attach_plan()
        real = self.path("usr/bin/pvesh.real")
        os.rename(self.path("usr/bin/pvesh"), real)
        with open(self.path("usr/bin/pvesh"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n'%s' \"$@\" || exit\ncase \"$*\" in set*machine=*) "
                       "sed -i '1i hostpci0: 0000:02:00,pcie=1' "
                       "'%s' ;; esac\n" % (real, self.path("etc/pve/nodes/pve2/qemu-server/106.conf")))
        os.chmod(self.path("usr/bin/pvesh"), 0o755)
        done = self.apply(expect=4)
        self.assertIn("hostpci0 is '0000:02:00,pcie=1' now; the plan saw '(not set)'", done.stderr)
        self.rollback(expect=1)
        self.assertIn("hostpci0: 0000:02:00,pcie=1\n", self.read("etc/pve/qemu-server/106.conf"))

    def test_pending_settings_of_a_running_vm(self):
        self.plan("--gpu", "01:00", "--vm", "105")
        self.apply()
        self.script("usr/sbin/reboot")
        name = "etc/pve/nodes/pve2/qemu-server/105.conf"
        self.write(name, self.read(name).rstrip("\n") + "\n\n[PENDING]\ncores: 2\n")
        self.plan("--gpu", "01:00", "--vm", "105")
        self.apply()
        self.assertIn("hostpci0:", self.read(name))
        self.assertIn("cores: 2\n", self.read(name))

    def test_hang_up_finishes_the_change(self):
        """A lost connection must not cut update-grub in half."""
        before = tree_hash(self.root)
        self.plan(*GOAL)
        environment = {k: v for k, v in os.environ.items() if k != "PVEGPU_SAMPLE_FAST"}
        process = subprocess.Popen([PVEGPU, "apply", self.plan_file, "--yes", *on_root(self.root)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True, env=environment)
        for line in process.stdout:
            if line.startswith("$ update-grub"):
                break
        process.send_signal(signal.SIGHUP)
        process.stdout.close()
        self.assertEqual(process.wait(), 0)  # all was done; only its output had no reader
        self.assertEqual(self.history()[0]["state"], "applied")
        self.assertIn("intel_iommu=on", self.read("boot/grub/grub.cfg"))
        self.rollback()
        self.assertEqual(before, tree_hash(self.root))

    def test_stop_between_two_changes(self):
        self.plan(*GOAL)
        process = subprocess.Popen([PVEGPU, "apply", self.plan_file, "--yes", *on_root(self.root)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True,
                                   env={k: v for k, v in os.environ.items()
                                        if k != "PVEGPU_SAMPLE_FAST"})
        for line in process.stdout:
            if line.startswith("~ /etc/modules"):
                break
        process.send_signal(signal.SIGINT)
        out, error = process.communicate()
        self.assertIn(process.returncode, (0, 4))
        if process.returncode == 4:
            self.assertIn("stopped before change 3, as asked", error)
            self.assertNotIn("Found linux image", out)

    def test_lost_exit_status_is_no_success(self):
        self.plan(*GOAL)
        done = subprocess.run(["perl", "-e", "$SIG{CHLD}='IGNORE'; exec @ARGV", PVEGPU, "apply",
                               self.plan_file, "--yes", *on_root(self.root)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=dict(os.environ, PVEGPU_SAMPLE_FAIL="update-grub",
                                       PVEGPU_SAMPLE_FAST="1"))
        self.assertEqual(done.returncode, 4, done.stdout)
        self.assertEqual(self.history()[0]["state"], "failed")

    def test_a_run_that_began_nothing_is_not_in_the_way(self):
        before = tree_hash(self.root)
        self.plan(*GOAL)
        self.apply()
        runs = self.path("var/lib/pvegpu/runs")
        first = os.listdir(runs)[0]
        shutil.copytree(os.path.join(runs, first), os.path.join(runs, "99990101T000000.000-x"))
        os.unlink(os.path.join(runs, "99990101T000000.000-x", "journal"))
        self.assertEqual(self.history()[-1]["state"], "nothing was changed")
        self.rollback()
        self.assertEqual(before, tree_hash(self.root))

    def test_rollback_is_shown_before_it_is_asked_for(self):
        self.plan(*GOAL)
        self.apply()
        done = run("rollback", root=self.root)
        self.assertEqual(done.returncode, 2)
        self.assertIn('+GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n', done.stdout)
        self.assertIn("$ update-grub (once more, at the end)", done.stdout)
        self.assertIn("intel_iommu=on", self.read("etc/default/grub"))

    def test_unknown_state_stops_a_rollback(self):
        self.attach_plan()
        self.apply()
        real = self.path("usr/bin/pvesh.real")
        os.rename(self.path("usr/bin/pvesh"), real)
        with open(self.path("usr/bin/pvesh"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\ncase \"$*\" in *status/current*) exit 111 ;; esac\n"
                       "exec '%s' \"$@\"\n" % real)
        os.chmod(self.path("usr/bin/pvesh"), 0o755)
        self.rollback(expect=4)
        self.assertIn("hostpci0:", self.read("etc/pve/qemu-server/106.conf"))
        os.rename(real, self.path("usr/bin/pvesh"))
        self.rollback()
        self.assertNotIn("hostpci0:", self.read("etc/pve/qemu-server/106.conf"))

    def test_leftover_of_a_killed_write_is_removed(self):
        before = tree_hash(self.root)
        self.plan(*GOAL)
        self.apply()
        self.write("etc/default/.grub.pvegpu-new", "half")
        self.rollback()
        self.assertEqual(before, tree_hash(self.root))

    def test_text_that_is_not_utf8(self):
        name = "etc/pve/nodes/pve2/qemu-server/105.conf"
        self.write(name, self.read(name).replace("talos-cp-1", "t\xe9los"))
        self.write("etc/modules", self.read("etc/modules") + "# caf\xe9\n")
        before = tree_hash(self.root)
        self.plan(*GOAL)
        self.apply()
        self.assertIn("# caf\xe9\nvfio\n", self.read("etc/modules"))
        self.rollback()
        self.assertEqual(before, tree_hash(self.root))

    def test_changing_the_options_of_an_attached_gpu(self):
        self.attach_plan()
        self.apply()
        plan = self.plan(*GOAL, "--x-vga")
        new = {"hostpci0": "0000:01:00,pcie=1,x-vga=1"}
        self.assertEqual([c["params"] for c in plan["changes"]], [new], "it runs, and is left alone")
        plan = self.plan(*GOAL, "--x-vga", "--start")
        self.assertEqual([c["path"].rsplit("/", 1)[1] for c in plan["changes"]], ["shutdown", "config", "start"])
        self.assertEqual(plan["changes"][1]["params"], new)

    def test_a_needed_parameter_cannot_be_left_out(self):
        plan = self.plan(*GOAL, "--no-param", "intel_iommu=on", expect=1)
        self.assertEqual(plan["refusals"][0]["check"], "boot.iommu-cmdline")

    def test_a_reboot_names_what_it_stops_also_where_it_cannot_be_read(self):
        def cost(expect=0):
            plan = self.plan("--gpu", "01:00", "--vm", "106", expect=expect)
            self.assertEqual([r["check"] for r in plan["refusals"]], ["gpu.in-use"] * expect)
            return [c["cost"] for c in plan["changes"] if c["kind"] == "reboot"][0]
        self.assertIn("container 200 pihole", cost())
        os.rename(self.path("sys/fs/cgroup"), self.path("sys/fs/none"))
        self.assertRegex(cost(), "stops, if .* runs?, (.*, )?container 200 pihole")
        os.rename(self.path("sys/fs/none"), self.path("sys/fs/cgroup"))
        os.unlink(self.path("etc/pve/nodes/pve2/lxc/200.conf"))
        self.assertIn("container 200;", cost() + ";")
        self.assertNotIn("could not be read", cost())
        os.unlink(self.path("etc/pve/lxc"))
        # It may be the GPU that it has: refused, and what the reboot would stop is still said.
        self.assertIn("container 200; the containers of this host could not be read: those that run stop, too",
                      cost(expect=1))

    def test_restart_into_the_firmware_setup(self):
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--firmware-setup")
        reboots = [c for c in plan["changes"] if c["kind"] == "reboot"]
        self.assertEqual([c["argv"] for c in reboots], [["systemctl", "reboot", "--firmware-setup"]])
        self.assertIn("bios.iommu-firmware", reboots[0]["because"])
        self.assertIn("stops the running VMs", reboots[0]["cost"])
        done = run("apply", self.plan_file, "--yes", "--reboot", root=self.root)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("rebooting into the firmware setup", self.read("var/log/syslog"))
        # Once: the goal that is kept does not ask for it again.
        plan = self.plan("--gpu", "01:00", "--vm", "106")
        self.assertEqual([c for c in plan["changes"] if c["kind"] == "reboot"], [])
        # Where the firmware cannot, nothing is offered.
        os.unlink(self.path("sys/firmware/efi/efivars/"
                            "OsIndicationsSupported-8be4df61-93ca-11d2-aa0d-00e098032b8c"))
        plan = self.plan("--gpu", "01:00", "--vm", "106", "--firmware-setup")
        self.assertEqual([c for c in plan["changes"] if c["kind"] == "reboot"], [])

    def put_program(self, path, target):
        """A program of this machine, with the libraries it needs, into the tree."""
        os.makedirs(os.path.dirname(self.path(target)), exist_ok=True)
        shutil.copy(os.path.realpath(path), self.path(target))
        for word in subprocess.run(["ldd", path], capture_output=True, text=True,
                                   check=True).stdout.split():
            if word.startswith("/") and os.path.exists(word):
                os.makedirs(os.path.dirname(self.path(word)), exist_ok=True)
                shutil.copy(os.path.realpath(word), self.path(word))

    def test_rescue_from_a_live_system(self):
        """The host does not boot: its root is mounted, and its own commands run in a chroot."""
        self.assertEqual(run("rollback", "--chroot", "/", "--yes").returncode, 2)
        self.assertIn("only rollback", run("audit", "--chroot", self.root).stderr)
        before = self.read("etc/default/grub")
        self.write("old.cfg", self.read("boot/grub/grub.cfg"))
        self.plan(*GOAL, "--bind", "early")
        self.apply()
        # Proxmox VE's calls were made too before the host went down.
        os.unlink(self.path(".pvegpu-sample"))
        shutil.rmtree(self.path("proc"))
        done = run("rollback", "--chroot", self.root, "--yes")
        self.assertEqual(done.returncode, 2)
        self.assertIn("mount --rbind", done.stderr)
        os.makedirs(self.path("proc/self"))
        os.makedirs(self.path("dev"), exist_ok=True)
        self.write("dev/null", "")
        self.put_program("/bin/sh", "/bin/sh")
        for name, work in (("update-grub", "while IFS= read -r line; do printf '%s\\n' \"$line\"; "
                            "done </old.cfg >/boot/grub/grub.cfg"),
                           ("update-initramfs", "echo new >>/boot/initrd.img-6.2.16-3-pve")):
            self.write("usr/sbin/" + name, "#!/bin/sh\necho \"$0 $*\" >>/ran\n" + work + "\n")
        if os.geteuid() != 0:
            self.skipTest("chroot needs root")
        done = run("rollback", "--chroot", self.root, "--yes")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.read("etc/default/grub"), before)
        self.assertFalse(os.path.exists(self.path("etc/modprobe.d/pvegpu.conf")))
        self.assertEqual(self.read("ran").split("\n")[:-1],
                         ["/usr/sbin/update-initramfs -u -k all", "/usr/sbin/update-grub "])

    def test_way_back_at_boot(self):
        menu = self.read("boot/grub/grub.cfg")
        untouched = tree_hash(self.root)
        plan = self.plan(*GOAL, "--fallback-entry")
        self.assertIn("/boot/grub/custom.cfg", [c.get("path") for c in plan["changes"]])
        self.apply()
        entry = self.read("boot/grub/custom.cfg")
        old = [l.strip() for l in menu.split("\n") if l.strip().startswith("linux\t")][0]
        self.assertIn(old + " module_blacklist=vfio_pci\n", entry)
        self.assertNotIn("intel_iommu=on", entry)
        if shutil.which("grub-script-check"):
            subprocess.run(["grub-script-check", self.path("boot/grub/custom.cfg")], check=True)
        plan = self.plan(*GOAL, "--fallback-entry")
        self.assertNotIn("/boot/grub/custom.cfg", [c.get("path") for c in plan["changes"]])
        self.rollback()
        self.assertEqual(tree_hash(self.root), untouched)

    def test_clean_up_of_leftovers(self):
        self.write("etc/default/grub", self.read("etc/default/grub").replace(
            '="quiet"', '="quiet iommu=pt intel_iommu=on iommu=pt amd_iommu=on video=efifb:off"'))
        self.write("etc/modprobe.d/old.conf", "# mine\noptions kvm ignore_msrs=1\n"
                   "options vfio_iommu_type1 allow_unsafe_interrupts=1\nblacklist nouveau\n"
                   "options vfio-pci ids=10de:2206 \\\n disable_vga=1\n"
                   "blacklist nouveau\noptions vfio_pci_ids=10de:2206 x\n")
        self.write("etc/modules", "vfio\nvfio_iommu_type1\nvfio_pci\nvfio_virqfd\n")
        self.script("usr/sbin/update-grub")
        self.script("usr/sbin/update-initramfs", "-u", "-k", "all")
        untouched = tree_hash(self.root)
        self.plan("--clean-up")
        self.apply()
        self.assertIn('="quiet intel_iommu=on iommu=pt"\n', self.read("etc/default/grub"))
        self.assertEqual(self.read("etc/modprobe.d/old.conf"),
                         "# mine\noptions kvm ignore_msrs=1\nblacklist nouveau\n"
                         "options vfio-pci ids=10de:2206 \\\n disable_vga=1\n")
        self.assertEqual(self.read("etc/modules"), "vfio\nvfio_iommu_type1\nvfio_pci\n")
        self.rollback()
        # Where the order counts nothing is taken for a repetition.
        self.write("etc/default/grub", self.read("etc/default/grub").replace(
            "quiet iommu=pt", "quiet hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=4 iommu=pt"))
        self.write("etc/modprobe.d/old.conf", "options kvm report_ignored_msrs=0\n"
                   "options kvm report_ignored_msrs=1\noptions kvm report_ignored_msrs=0\n"
                   "options vfio_iommu_type1 allow_unsafe_interrupts=1 allow_unsafe_interrupts=1\n"
                   "blacklist nouveau\n")
        plan = self.plan("--clean-up")
        files = {c["path"]: c["after"] for c in plan["changes"] if c["kind"] == "file"}
        self.assertIn("hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=4", files["/etc/default/grub"])
        self.assertEqual(files["/etc/modprobe.d/old.conf"], "options kvm report_ignored_msrs=0\n"
                         "options kvm report_ignored_msrs=1\noptions kvm report_ignored_msrs=0\n"
                         "blacklist nouveau\n")
        self.write("etc/default/grub", self.read("etc/default/grub").replace(
            "hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=4 ", ""))
        untouched = tree_hash(self.root)
        self.assertEqual(tree_hash(self.root), untouched)

    def test_ids_lines_as_people_write_them(self):
        """What is there stays: other options, the other spelling, upper case, notes."""
        for text, after in (
                ("options vfio-pci disable_idle_d3=1 ids=8086:1533 disable_vga=1\n",
                 "options vfio-pci disable_idle_d3=1 ids=8086:1533,10de:2206,10de:1aef disable_vga=1\n"),
                ("options vfio_pci ids=1B21:2142\n", "options vfio_pci ids=1B21:2142,10de:2206,10de:1aef\n"),
                ("options vfio-pci ids=10DE:2206\n", "options vfio-pci ids=10DE:2206,10de:1aef\n"),
                ("options vfio-pci ids=1:2\noptions vfio-pci ids=3:4\n",
                 "options vfio-pci ids=1:2\noptions vfio-pci ids=3:4,10de:2206,10de:1aef\n"),
                ("# options vfio-pci ids=1:2\nblacklist amdgpu_dummy\n", None)):
            with self.subTest(text):
                self.write("etc/modprobe.d/vfio.conf", text)
                plan = self.plan(*GOAL, "--bind", "early")
                files = {c["path"]: c["after"] for c in plan["changes"] if c["kind"] == "file"}
                if after:
                    self.assertEqual(files["/etc/modprobe.d/vfio.conf"], after)
                else:
                    self.assertNotIn("/etc/modprobe.d/vfio.conf", files)
                    self.assertIn("ids=10de:2206,10de:1aef", files["/etc/modprobe.d/pvegpu.conf"])
                for text_of in files.values():
                    self.assertNotIn("blacklist", (text_of or "").replace("blacklist amdgpu_dummy", "")
                                     if "modprobe" in str(text_of) else "")
        for text, after in (("#vfio disabled\nvfio_iommu_type1\nvfio-mdev-helper",
                             "#vfio disabled\nvfio_iommu_type1\nvfio-mdev-helper\nvfio\nvfio_pci\n"),
                            ("vfio-pci\n#vfio_iommu_type1\n",
                             "vfio-pci\n#vfio_iommu_type1\nvfio\nvfio_iommu_type1\n")):
            self.write("etc/modules", text)
            plan = self.plan(*GOAL)
            files = {c["path"]: c["after"] for c in plan["changes"] if c["kind"] == "file"}
            self.assertEqual(files["/etc/modules"], after)

    def test_a_file_with_a_mount_of_its_own(self):
        source = os.path.join(self.directory, "mounted")
        shutil.copy(self.path("etc/default/grub"), source)
        if subprocess.run(["mount", "--bind", source, self.path("etc/default/grub")],
                          capture_output=True, check=False).returncode:
            self.skipTest("mount is not allowed here")
        try:
            before = tree_hash(self.root)
            self.plan(*GOAL)
            done = self.apply(expect=1)
            self.assertIn("is a mount of its own", done.stderr)
            self.assertEqual(tree_hash(self.root), before)
        finally:
            subprocess.run(["umount", self.path("etc/default/grub")], check=True)

    def test_predicted_file_is_what_comes_of_it(self):
        """The diffs shown beside the calls, applied by patch, are the file after the calls."""
        self.write("etc/default/grub", self.read("etc/default/grub").replace(
            '="quiet"', '="quiet intel_iommu=on"'))
        self.script("usr/sbin/update-grub")
        self.script("usr/sbin/reboot")
        plan = self.plan("--gpu", "01:00", "--vm", "106")
        conf = "etc/pve/nodes/pve2/qemu-server/106.conf"
        copy = os.path.join(self.directory, "copy.conf")
        shutil.copy(self.path(conf), copy)
        predicted = [c["predicted"] for c in plan["changes"] if c.get("predicted")]
        self.assertEqual(len(predicted), 2)
        for diff in predicted:
            subprocess.run(["patch", "-s", copy], input=diff, text=True, check=True)
        self.apply()
        with open(copy, encoding="latin-1") as file:
            self.assertEqual(file.read(), self.read(conf))

    def test_same_run_twice_changes_nothing(self):
        self.plan(*GOAL)
        self.apply()
        once = tree_hash(self.root)
        plan = self.plan(*GOAL)
        self.assertEqual([c["kind"] for c in plan["changes"]], ["reboot"])
        self.apply()
        self.assertEqual(once, tree_hash(self.root))


if __name__ == "__main__":
    main()
