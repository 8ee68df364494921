# SPDX-License-Identifier: GPL-3.0-or-later
"""pvegpu doctor as a whole: real lines through the real program, evidence, bad input, following."""
import gzip
import json
import lzma
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HANG, HostTest, NOBODY, PVEGPU, SOURCE, main, on_root, processes_of, run, tree_hash, wait_until

UPID = "UPID:pve2:%08X:00E571E4:%08X:qmstart:%d:root@pam:"


def ways(pattern):
    """Every way through a pattern's alternatives, as the text it must contain; \\x01 where anything may stand."""
    import sre_constants as c
    import sre_parse

    def join(parts):
        found = [""]
        for part in parts:
            found = [a + b for a in found for b in part]
        return found

    def one(op, value):
        if op is c.LITERAL:
            return [chr(value)]
        if op is c.SUBPATTERN:
            return every(value[3])
        if op is c.BRANCH:
            return [way for branch in value[1] for way in every(branch)]
        if op in (c.MAX_REPEAT, c.MIN_REPEAT):
            low, _, inner = value
            rest = every(inner)
            more = [way + "\x01" for way in rest]
            return more if low else ["", *rest, *more]
        return [""] if op is c.AT else ["\x01"]

    def every(parsed):
        return join([one(op, value) for op, value in parsed])
    return every(sre_parse.parse(pattern))


def lines():
    with open(os.path.join(SOURCE, "tests/doctor/lines.jsonl"), encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row for row in rows if "id" in row]


class Doctor(HostTest):
    def doctor(self, *arguments, expect=None, root=True, **options):
        done = run("doctor", "--format", "json", *arguments, root=self.root if root else None, **options)
        if expect is not None:
            self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout else None

    def log(self, text, name="x.log"):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def task(self, vmid, start, status, log):
        """A task that ended, with its log."""
        upid = UPID % (start & 0xffff, start, vmid)
        os.makedirs(self.path("/var/log/pve/tasks/%s" % upid.split(":")[4][-1]), exist_ok=True)
        self.write("/var/log/pve/tasks/%s/%s" % (upid.split(":")[4][-1], upid), log)
        with open(self.path("/var/log/pve/tasks/index"), "a") as file:
            file.write("%s %08X %s\n" % (upid, start + 2, status))
        return upid


class Lines(Doctor):
    maxDiff = None

    def test_each_line_names_its_symptom(self):
        rows = lines()
        found = self.doctor("--log", self.log("".join(row["line"] + "\n" for row in rows)), expect=1)
        matches = {match["symptom"]: match for match in found["matches"]}
        self.assertEqual(set(matches), {row["id"] for row in rows})
        for number, row in enumerate(rows, 1):
            match = matches[row["id"]]
            self.assertLessEqual(match["line"], number)
            if match["count"] == 1:
                self.assertEqual(match["line"], number, row)
        self.assertEqual(sum(match["count"] for match in found["matches"]), len(rows))

    def test_no_way_through_a_pattern_misses_its_literal(self):
        rows = json.loads(run("doctor", "--list", "--format", "json").stdout)["symptoms"]
        missed = ["%s: %r" % (row["symptom"], way) for row in rows for way in ways(row["pattern"])
                  if row["literal"].lower() not in way.lower()]
        self.assertEqual(missed, [])

    def test_prefixes_do_not_matter(self):
        line = "vfio 0000:01:00.0: group 1 is not viable"
        for prefix in ("", "kvm: -device vfio-pci,host=01:00.0: ", "qemu-system-x86_64: ",
                       "Nov 16 09:12:40 pve2 QEMU[2211]: kvm: ", "2024-11-16T09:12:40.1+0100 pve2 QEMU[1]: ",
                       "[ 1234.567890] ", "<3>", "\x1b[31m"):
            found = self.doctor("--log", "-", stdin=prefix + line + "\r\n", expect=1)
            self.assertEqual([m["symptom"] for m in found["matches"]], ["vfio-group-not-viable"], prefix)

    def test_the_cause_comes_before_what_follows_from_it(self):
        text = ("TASK ERROR: start failed: QEMU exited with code 1\n"
                "Please ensure all devices within the iommu_group are bound to their vfio bus driver.\n"
                "error writing '1' to '/sys/bus/pci/devices/0000:7b:00.0/reset': Inappropriate ioctl for device\n"
                "kvm: -device vfio-pci,host=0000:01:00.0: vfio 0000:01:00.0: group 14 is not viable\n")
        found = self.doctor("--log", "-", stdin=text, expect=1)
        self.assertEqual([m["symptom"] for m in found["matches"]],
                         ["vfio-group-not-viable", "pve-reset-write-failed", "pve-start-failed-qemu",
                          "vfio-group-hint"])

    def test_what_is_no_fault_is_not_told_as_one(self):
        found = self.doctor("--log", "-", stdin="[    0.02] AMD-Vi: Unknown option - 'on'\n", expect=0)
        self.assertEqual(found["matches"][0]["severity"], "not a fault")

    def test_schema(self):
        found = self.doctor("--log", "-", stdin="group 1 is not viable\n", expect=1)
        self.assertEqual(found["schema"], "pvegpu.doctor/1")
        self.assertEqual(set(found["tool"]), {"name", "version"})
        self.assertEqual(found["sources"], [{"name": "standard input", "bytes": 22, "lines": 1, "not_read": None}])
        match = found["matches"][0]
        for key in ("symptom severity where source line text count cause fix evidence ruled_out unknown "
                    "confirm").split():
            self.assertIn(key, match)
        for fix in match["fix"]:
            self.assertEqual(set(fix), {"text", "automatic", "check"})

    def test_text_fits_the_screen(self):
        log = self.log("".join(row["line"] + "\n" for row in lines()) + "group 1 is not viable " + "y" * 5000)
        for arguments in (("--log", log), ("--symptom", "vm-start-fails"), ("--list",)):
            done = run("doctor", *arguments, root=self.root)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            self.assertEqual([line for line in done.stdout.splitlines() if len(line) > 80], [])


class Evidence(Doctor):
    BUSY = ("kvm: -device vfio-pci,host=0000:01:00.0,id=hostpci0: vfio 0000:01:00.0: failed to open "
            "/dev/vfio/1: Device or resource busy\nTASK ERROR: start failed: QEMU exited with code 1\n")

    def test_a_failed_task_is_found_and_told(self):
        self.task(106, 0x66000000, "start failed: QEMU exited with code 1", self.BUSY)
        before = tree_hash(self.root)
        found = self.doctor(expect=1)
        match = found["matches"][0]
        self.assertEqual(match["symptom"], "vfio-group-busy")
        self.assertTrue(match["source"].endswith(":qmstart:106:root@pam:"), match["source"])
        self.assertIn("nouveau", " ".join(e["text"] for e in match["evidence"]))
        self.assertEqual(tree_hash(self.root), before)

    def test_what_was_started_well_since_is_history(self):
        self.task(105, 0x66000000, "start failed: QEMU exited with code 1", self.BUSY)
        self.task(105, 0x66000100, "OK", "TASK OK\n")
        shutil.rmtree(self.path("/var/log/pve/tasks/7"), ignore_errors=True)
        found = self.doctor(expect=0)
        match = [m for m in found["matches"] if m["symptom"] == "vfio-group-busy"][0]
        self.assertIn("105", match["over"])

    def test_the_vm_named_is_the_one_looked_at(self):
        log = self.log("start failed: PCI device '0000:01:00.0' already in use by VMID '106'\n"
                       "TASK ERROR: q35 machine model is not enabled at PCI.pm line 510.\n")
        found = self.doctor("--log", log, "--vm", "106", "--gpu", "01:00", expect=1)
        match = [m for m in found["matches"] if m["symptom"] == "pve-q35-required"][0]
        q35 = [f for f in match["fix"] if f["check"] == "vm.machine-q35"]
        self.assertTrue(not q35 or q35[0]["automatic"])

    def test_a_symptom_lists_checks_and_steps(self):
        found = self.doctor("--symptom", "no-cuda", "--gpu", "01:00", "--vm", "106")
        kind = found["kinds"][0]
        self.assertEqual((kind["kind"], kind["chosen"]), ("no-cuda", True))
        self.assertIn("vm.cpu-host", [check["check"] for check in kind["checks"]])
        self.assertTrue(kind["steps"])

    def test_every_kind_of_the_list_can_be_chosen(self):
        done = json.loads(run("doctor", "--list", "--format", "json").stdout)
        self.assertGreaterEqual(len(done["symptoms"]), 150)
        for kind in done["kinds"]:
            self.assertEqual(self.doctor("--symptom", kind["kind"])["kinds"][0]["kind"], kind["kind"])


class Files(Doctor):
    LINE = b"cannot prepare PCI pass-through, IOMMU not present\n"

    def only(self, found, symptom="iommu-off-pve"):
        self.assertEqual([m["symptom"] for m in found["matches"]], [symptom])
        return found["matches"][0]

    def test_packed_logs(self):
        self.only(self.doctor("--log", self.log(gzip.compress(self.LINE * 3), "a.gz"), expect=1))
        self.only(self.doctor("--log", self.log(lzma.compress(self.LINE), "a.xz"), expect=1))
        # By what is in them, not by their names.
        self.only(self.doctor("--log", self.log(gzip.compress(self.LINE), "a.log"), expect=1))
        self.only(self.doctor("--log", self.log(self.LINE, "b.gz"), expect=1))
        if shutil.which("zstd"):
            packed = subprocess.run(["zstd", "-c"], input=self.LINE, capture_output=True, check=True).stdout
            self.only(self.doctor("--log", self.log(packed, "a.zst"), expect=1))

    def test_damaged_archives(self):
        packed = gzip.compress(self.LINE + os.urandom(200000))
        for text in (packed[:-50000], packed[:20], b"\x1f\x8b", b"\xfd7zXZ\x00rubbish", b"\x28\xb5\x2f\xfdxx"):
            found = self.doctor("--log", self.log(text, "cut.gz"))
            self.assertTrue(found["sources"][0]["not_read"], text[:20])

    def test_nothing_at_all(self):
        for text in (b"", b"\n", b"\n\n\n", gzip.compress(b"")):
            found = self.doctor("--log", self.log(text), expect=0)
            self.assertEqual(found["matches"], [])
            self.assertIsNone(found["sources"][0]["not_read"])

    def test_binary(self):
        noise = os.urandom(3 << 20)
        self.only(self.doctor("--log", self.log(noise + b"\n\0\xff" + self.LINE + noise), expect=1))
        found = self.doctor("--log", PVEGPU)  # its own strings are no log, and it must survive them
        self.assertIn("matches", found)

    def test_long_lines(self):
        long = b"x" * (1 << 20)
        found = self.doctor("--log", self.log(self.LINE[:-1] + long + b"\n" + long + b"\n" + self.LINE), expect=1)
        match = self.only(found)
        self.assertEqual((match["count"], match["line"], match["last"]["line"]), (2, 1, 3))
        self.assertIn("2 lines were longer", found["sources"][0]["not_read"])
        self.assertLess(len(match["text"]), 600)

    def bounded(self, *arguments):
        """Run with little memory; sanitizers need their shadow. What is read is bounded too."""
        limit = None if os.environ.get("PVEGPU_BUILD_TYPE") != "Release" else \
            (lambda: resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20)))
        done = subprocess.run([PVEGPU, "doctor", "--format", "json", *on_root(self.root), *arguments],
                              capture_output=True, text=True, timeout=HANG, preexec_fn=limit)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        found = json.loads(done.stdout)
        self.assertLessEqual(sum(s["bytes"] for s in found["sources"]), 257 << 20)
        return found

    def test_a_bomb_and_a_sparse_file(self):
        path = os.path.join(self.directory, "bomb.gz")
        with gzip.open(path, "wb", compresslevel=1) as file:
            for _ in range(600):
                file.write(b"\0" * (1 << 20))
        found = self.bounded("--log", path)
        self.assertIn("only the first", found["sources"][0]["not_read"])
        sparse = os.path.join(self.directory, "sparse.log")
        with open(sparse, "wb") as file:
            file.write(self.LINE)
            file.truncate(1 << 30)
        found = self.bounded("--log", sparse)
        self.only(found)
        self.assertIn("only the first", found["sources"][0]["not_read"])
        os.makedirs(self.path("/var/log"), exist_ok=True)
        shutil.move(sparse, self.path("/var/log/kern.log"))
        found = self.bounded()
        source = [s for s in found["sources"] if s["name"] == "/var/log/kern.log"][0]
        self.assertIn("only the last", source["not_read"])

    def tasks_read(self, found):
        return sum("/tasks/F/" in s["name"] for s in found["sources"])

    def test_a_hundred_thousand_tasks(self):
        os.makedirs(self.path("/var/log/pve/tasks/F"), exist_ok=True)
        with open(self.path("/var/log/pve/tasks/index"), "w") as index:
            for n in range(100000):
                upid = UPID % (n, 0x5000000F + n * 16, 106)
                index.write("%s %08X OK\n" % (upid, 0x50000012 + n * 16))
                if n % 4 == 0 or n > 99000:
                    os.close(os.open(self.path("/var/log/pve/tasks/F/" + upid), os.O_CREAT | os.O_WRONLY))
        newest = UPID % (99999, 0x5000000F + 99999 * 16, 106)
        self.write("/var/log/pve/tasks/F/" + newest, "TASK ERROR: VM is locked (backup)\n")
        found = self.doctor()
        self.assertLessEqual(self.tasks_read(found), 200)
        self.assertIn("pve-vm-locked", [m["symptom"] for m in found["matches"]])
        said = [s["not_read"] for s in found["sources"] if s["name"] == "/var/log/pve/tasks"]
        self.assertIn("newest 200", said[0])
        # Without the index a part of the directories is looked at, and that is said.
        os.unlink(self.path("/var/log/pve/tasks/index"))
        found = self.doctor()
        self.assertLessEqual(self.tasks_read(found), 200)
        self.assertTrue(any("cannot read" in (s["not_read"] or "") for s in found["sources"]))

    def test_odd_files_of_a_host(self):
        os.mkfifo(self.path("/var/log/kern.log"))
        os.symlink("/etc/passwd", self.path("/var/log/syslog.1"))
        os.symlink("loop", self.path("/var/log/loop"))
        os.makedirs(self.path("/var/log/messages"))
        self.write("/var/log/pve/tasks/index", "rubbish\nUPID:x\n\0\0\n" + "z" * 100000)
        found = self.doctor()
        said = {s["name"]: s["not_read"] for s in found["sources"]}
        self.assertIn("it is a pipe, not a file", said["/var/log/kern.log"])
        self.assertRegex(said["/var/log/messages"], "it is a .*, not a file")
        self.assertNotIn("root:x:0", json.dumps(found))

    def test_what_cannot_be_read_is_named(self):
        for path in ("/no/such/file.log", self.directory):
            done = run("doctor", "--log", path, root=self.root)
            self.assertEqual(done.returncode, 3)
            self.assertIn(path, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_a_host_without_logs(self):
        shutil.rmtree(self.path("/var/log"))
        self.doctor(expect=3)
        self.assertIn("No log was found", run("doctor", root=self.root).stdout)
        self.doctor("--symptom", "slow", expect=0)

    @unittest.skipIf(os.getuid() != 0, "needs root to become nobody")
    def test_without_permission(self):
        self.write("/var/log/kern.log", "x\n")
        os.chmod(self.path("/var/log/kern.log"), 0o600)
        os.chmod(self.directory, 0o755)
        log = self.log("x\n")
        os.chmod(log, 0o600)

        def nobody():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        if subprocess.run(["test", "-x", PVEGPU], preexec_fn=nobody).returncode:
            self.skipTest("nobody may not run the program here")
        done = run("doctor", "--log", log, root=self.root, preexec_fn=nobody)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(log + "': Permission denied", done.stderr)
        found = json.loads(run("doctor", "--format", "json", root=self.root, preexec_fn=nobody).stdout)
        said = {s["name"]: s["not_read"] for s in found["sources"]}
        self.assertIn("Permission denied", said["/var/log/kern.log"])

    def test_wrong_use(self):
        for arguments in (["--symptom", "none"], ["--seconds", "0", "--follow"], ["--seconds", "5"],
                          ["--log"], ["--vm", "5"], ["extra"]):
            self.assertEqual(run("doctor", *arguments, root=self.root).returncode, 2, arguments)
        self.assertEqual(run("audit", "--log", "x", root=self.root).returncode, 2)
        self.assertEqual(run("doctor", "--vm", "999", root=self.root).returncode, 2)
        self.assertEqual(run("doctor", root="/no/such/dir").returncode, 3)


class Journal(Doctor):
    """A sample tree's own journalctl stands in for the host's."""

    def journalctl(self, script):
        path = self.path("/usr/bin/journalctl")
        with open(path, "w") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(path, 0o755)

    def test_parts_and_boots(self):
        self.journalctl("""case "$*" in
*"-b 0"*_TRANSPORT=kernel*) echo 'vfio-pci 0000:01:00.0: BAR 1: cannot'"'"'t reserve'; echo x ;;
*"-b -1"*_TRANSPORT=kernel*) echo 'DMAR: IOMMU disabled' ;;
*"-b 0"*QEMU*) echo 'kvm: vfio 0000:01:00.0: group 14 is not viable' ;;
*pvedaemon*) echo 'Failed to add match' >&2; exit 1 ;;
esac
""")
        found = self.doctor(expect=1)
        self.assertEqual({m["symptom"]: m["source"] for m in found["matches"] if "journal" in m["source"]},
                         {"dmar-off-cmdline": "journal: kernel, the boot before",
                          "vfio-group-not-viable": "journal: QEMU, this boot"})
        said = {s["name"]: s["not_read"] for s in found["sources"]}
        self.assertIn("Failed to add match", said["journal: pvedaemon, this boot"])
        self.assertNotIn("/var/log/syslog", said)  # the journal has it all

    def test_an_endless_journal_is_bounded(self):
        self.journalctl("exec yes 'nothing to see here, again and again and again and again'\n")
        found = self.doctor()
        self.assertLess(max(s["bytes"] for s in found["sources"]), 17 << 20)
        said = {s["name"]: s["not_read"] for s in found["sources"]}
        self.assertIn("only the first 16 MiB", said["journal: kernel, this boot"])

    def test_without_entries_the_files_are_read(self):
        self.journalctl("exit 0\n")
        self.write("/var/log/syslog", "TASK ERROR: VM is locked (backup)\n")
        self.assertIn("/var/log/syslog", [m["source"] for m in self.doctor(expect=1)["matches"]])


class History(Doctor):
    """What was so before the last boot and is mended now is no error: the doctor's own success."""
    OFF = "DMAR: IOMMU disabled"
    BANNER = "Linux version 6.2.16-3-pve (build@proxmox) #1 SMP\n"

    journalctl = Journal.journalctl

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.path("/var/log"))  # the sample's own faults
        os.makedirs(self.path("/var/log/pve/tasks"))

    def mend(self):
        self.plan("--gpu", "01:00")
        self.apply()
        self.script("/usr/sbin/reboot")

    def judge(self, over, symptom="dmar-off-cmdline"):
        found = self.doctor(expect=0 if over else 1)
        match = [m for m in found["matches"] if m["symptom"] == symptom][0]
        if over:
            self.assertIn("boot before this one", match["over"])
        else:
            self.assertIsNone(match["over"])

    def test_the_journal_of_the_boot_before(self):
        self.journalctl("case \"$*\" in *'-b -1'*=kernel*) echo '%s' ;; *'-b 0'*=kernel*) echo x ;; esac\n" % self.OFF)
        self.judge(over=False)  # its checks still fail
        self.mend()
        self.judge(over=True)
        self.journalctl("case \"$*\" in *=kernel*) echo '%s' ;; esac\n" % self.OFF)
        self.judge(over=False)  # it is so in this boot too

    def test_files_that_hold_several_boots(self):
        syslog = "Nov 25 10:00:0%d pve2 kernel: [    0.%06d] %s\n"
        off = syslog % (1, 20001, self.OFF)
        boot = syslog % (2, 0, self.BANNER.strip())
        other = "Nov 25 10:00:03 pve2 guest[1]: it says Linux version 1\n"
        self.mend()
        for newer, older, over in (
                (off + boot, "", True),
                (boot + off + boot, "", True),
                (boot + off, "", False),
                (off + boot + off, "", False),
                (off + other, "", False),
                (boot, off, True),
                (boot, off + boot, True),
                ("x\n", off, False),
                ("x" * 70000 + "\n" + off + "y" * 70000 + "\n" + boot, "", True)):
            with self.subTest(newer=newer[-80:], older=older):
                self.write("/var/log/kern.log", newer)
                self.write("/var/log/kern.log.1", older)
                self.judge(over)

    def test_tasks_before_and_after_the_boot(self):
        self.task(106, 0x66000000, "error", "TASK ERROR: cannot prepare PCI pass-through, IOMMU not present\n")
        self.mend()
        for booted, over in ((0x66000001, True), (0x66000000, False), (0x65ffffff, False), (0, False)):
            self.write("/proc/stat", "cpu 1\nbtime %d\n" % booted if booted else "cpu 1\n")
            with self.subTest(booted=booted):
                self.judge(over, "iommu-off-pve")


class Follow(Doctor):
    """Each step is done again and again until what it leads to was told: nothing says when the
    program has begun to watch, and each symptom is told once."""

    def follow(self, steps, *arguments):
        told = []
        program = subprocess.Popen([PVEGPU, "doctor", "--follow", "--format", "json", *on_root(self.root),
                                    *arguments], stdout=subprocess.PIPE, text=True)

        def listen():
            for line in program.stdout:
                told.append(json.loads(line)["symptom"])
        listener = threading.Thread(target=listen)
        listener.start()
        try:
            for step, symptoms in steps:
                end = time.monotonic() + HANG
                n = 0
                while not symptoms <= set(told) and time.monotonic() < end:
                    if n % 40 == 0:
                        step(n // 40)
                    n += 1
                    time.sleep(0.05)
                self.assertLessEqual(symptoms, set(told))
        finally:
            program.send_signal(signal.SIGINT)
            program.wait(timeout=HANG)
            listener.join()
            program.stdout.close()
        return program.returncode, told

    def fail_of(self, text):
        return lambda n: self.task(106, 0x66000000 + 16 * n, "error", text)

    def test_a_task_that_fails_while_watching(self):
        self.task(105, 0x65000000, "error", "TASK ERROR: VM is locked (backup)\n")
        status, symptoms = self.follow([
            (self.fail_of(Evidence.BUSY), {"vfio-group-busy", "pve-start-failed-qemu"}),
            (self.fail_of(Evidence.BUSY + "cannot prepare PCI pass-through, IOMMU not present\n"), {"iommu-off-pve"})])
        self.assertEqual(symptoms, ["vfio-group-busy", "pve-start-failed-qemu", "iommu-off-pve"])
        self.assertEqual(status, 1)

    def test_the_journal_while_it_runs(self):
        Journal.journalctl(self, "case \"$*\" in *--follow*)\n"
                                 "echo 'vfio 0000:01:00.0: group 14 is not viable'; exec sleep 6000;; esac\n")
        _, symptoms = self.follow([(self.fail_of("TASK ERROR: VM is locked (backup)\n"),
                                    {"pve-vm-locked", "vfio-group-not-viable"})])
        self.assertEqual(sorted(symptoms), ["pve-vm-locked", "vfio-group-not-viable"])
        # It ends when it is asked to, though the journal goes on.
        run("doctor", "--follow", "--seconds", "1", root=self.root)
        wait_until(lambda: not processes_of(self.root), "the end of journalctl")

    def test_a_file_that_grows_and_is_replaced(self):
        log = self.log("cannot prepare PCI pass-through, IOMMU not present\n")

        def grow(_):
            for half in (b"group 1 is not via", b"ble\n"):
                with open(log, "ab") as file:
                    file.write(half)
                time.sleep(0.5)  # so that, mostly, one half is read without the other

        def replace(_):
            os.rename(log, log + ".1")
            self.log("TASK ERROR: VM is locked (backup)\n")
        status, symptoms = self.follow([(grow, {"vfio-group-not-viable"}), (replace, {"pve-vm-locked"})],
                                       "--log", log)
        self.assertEqual(symptoms, ["vfio-group-not-viable", "pve-vm-locked"])
        self.assertEqual(status, 1)


if __name__ == "__main__":
    main()
