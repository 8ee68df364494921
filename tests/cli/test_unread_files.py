# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there and cannot be read is unknown, with the reason, and nothing is planned over it: each
file and directory of a host in turn; and a journal that may not be seen is no empty one."""
import json
import os
import re
import tarfile

from harness import HostTest, Truth, main, run, statuses

GOAL = ("--gpu", "01:00", "--vm", "106")


class Files(HostTest, Truth):
    def audit(self, *arguments):
        done = run("audit", "--format", "json", *GOAL, *arguments, root=self.root)
        return done, json.loads(done.stdout) if done.stdout else None


    def files(self):
        """What an audit reads, by what a capture keeps of it; of sysfs the GPU's attributes, one
        uevent of another device, and what is no device."""
        found = []
        archive = os.path.join(self.directory, "capture.tar.gz")
        done = run("capture", archive, "--yes", root=self.root)
        self.assertEqual(done.returncode, 0, done.stderr)
        with tarfile.open(archive) as kept:
            names = {os.path.normpath(m.name) for m in kept}
            for path in {re.sub("^etc/pve/nodes/[^/]+", "etc/pve/nodes/pve2", name) for name in names}:
                if os.path.islink(self.path(path)) or not os.path.isfile(self.path(path)) or \
                        path.startswith(("usr/", ".pvegpu", "var/lib/pvegpu", "var/log/pve/tasks/")):
                    continue
                if path.startswith("sys/") and "/0000:" in path and "/0000:01:00.0/" not in path and \
                        not path.endswith("0000:00:1f.6/uevent"):
                    continue
                found.append(path)
        return sorted(found)

    def spoil(self, path, how):
        real = os.path.realpath(self.path(path))
        aside = os.path.join(self.directory, "aside")
        os.rename(real, aside)
        if how == "directory":
            os.mkdir(real)
        else:
            os.symlink("nowhere", real)
        return real, aside

    def mend(self, real, aside):
        if os.path.islink(real):
            os.unlink(real)
        else:
            os.rmdir(real)
        os.rename(aside, real)

    def check_each(self, paths, how):
        _, healthy = self.audit()
        plan = json.loads(run("plan", "--format", "json", *GOAL, root=self.root).stdout)
        changed = 0
        for path in paths:
            spoilt = self.spoil(path, how)
            try:
                done, audit = self.audit()
                same = audit is not None and audit["findings"] == healthy["findings"]
                planned = None if same else run("plan", "--format", "json", *GOAL, root=self.root)
            finally:
                self.mend(*spoilt)
            if same:
                continue
            if audit is None:
                self.assertEqual(done.returncode, 3, (path, done.stderr))
            else:
                self.assert_only_unknown(healthy, audit, path)
                changed += statuses(audit) != statuses(healthy)
            if planned.returncode in (0, 1):
                self.assert_no_more(plan, json.loads(planned.stdout), path)
            else:
                self.assertIn(planned.returncode, (2, 3), (path, planned.stderr))
        self.assertEqual(self.audit()[1]["findings"], healthy["findings"], "all is as it was")
        return changed

    def test_each_file_in_turn(self):
        paths = self.files()
        self.assertGreater(len(paths), 40)
        for needed in ("etc/pve/nodes/pve2/qemu-server/106.conf", "proc/cmdline", "var/log/dmesg",
                       "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/uevent"):
            self.assertIn(needed, paths)
        self.assertGreater(self.check_each(paths, "directory"), 30)

    def test_each_directory_in_turn(self):
        paths = ["etc/modprobe.d", "etc/default/grub.d", "etc/default", "etc/kernel", "etc/pve", "etc/pve/nodes/pve2/lxc",
                 "etc/pve/nodes/pve2/qemu-server", "sys/class/net", "sys/class/block", "sys/kernel/iommu_groups",
                 "sys/class/iommu", "sys/firmware/acpi/tables", "sys/firmware/efi/efivars", "sys/fs/cgroup",
                 "sys/bus/pci/devices", "boot", "run/qemu-server", "usr/share/kvm", "proc/net"]
        self.assertGreater(self.check_each(paths, "link"), 8)

    def test_a_link_that_leads_nowhere(self):
        self.assertGreater(self.check_each(["etc/default/grub", "proc/cmdline", "proc/cpuinfo", "etc/modules",
                                            "var/log/pve/tasks/index", "etc/modprobe.d/pve-blacklist.conf"], "link"), 5)

    def test_a_masked_file_is_empty(self):
        os.symlink("/dev/null", self.path("etc/modprobe.d/masked.conf"))
        self.assertEqual([f["status"] for f in self.audit()[1]["findings"] if f["id"] == "host.api"], ["ok"])


class Journal(HostTest):
    def test_a_journal_that_may_not_be_seen_is_no_empty_one(self):
        if os.getuid() != 0:
            self.skipTest("needs root, to be somebody else")
        os.makedirs(self.path("var/lib/pvegpu/runs/x"))
        os.chmod(self.path("var/lib/pvegpu"), 0o700)
        for command in ("history", "rollback"):
            done = self.run_as_nobody(command)
            self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
            self.assertIn("/var/lib/pvegpu/runs", done.stderr)
            self.assertIn("Permission denied", done.stderr)
            self.assertNotIn("nothing", done.stdout + done.stderr)

    def test_no_journal_is_an_empty_one(self):
        self.assertIn("has changed nothing", run("history", root=self.root).stdout)
        self.assertEqual(run("rollback", root=self.root).returncode, 2)


class Verdicts(HostTest):
    def test_what_is_left_out_still_counts(self):
        whole = json.loads(run("audit", "--format", "json", root=self.root).stdout)
        verdicts = {g["address"]: g["verdict"] for g in whole["gpus"]}
        self.assertIn("needs-work", verdicts.values())
        for only in ("host", "verify", "gpu.present", "gpu.rom"):
            part = json.loads(run("audit", "--format", "json", "--only", only, root=self.root).stdout)
            self.assertEqual({g["address"]: g["verdict"] for g in part["gpus"]}, verdicts, only)
            text = run("audit", "--only", only, "--format", "prometheus", root=self.root).stdout
            for address, verdict in verdicts.items():
                self.assertIn('verdict="%s"' % verdict, [l for l in text.splitlines() if address in l][-1])


if __name__ == "__main__":
    main()
