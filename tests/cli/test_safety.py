# SPDX-License-Identifier: GPL-3.0-or-later
"""What apply and rollback must never do, and what they leave when they are cut off."""
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from harness import HANG, HostTest, NOBODY, PVEGPU, copy_sample, main, on_root, processes_of, run, tree_hash

GOAL = ("--gpu", "01:00", "--vm", "106")
RUNS = "var/lib/pvegpu/runs"
NOT_THE_IMAGE = ("var/lib/pvegpu", "boot")  # it is made again, with what is there then
CONSOLE = "gpu.boot-vga=0000:02:00.0"


def wait_until(condition, what):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("never: " + what)


class Yes(HostTest):
    def test_a_comparison_that_fails_is_no_yes(self):
        self.plan(*GOAL)
        before = tree_hash(self.root, skip=())
        for call, error in (("openat2", "EIO"), ("read", "EIO"), ("getdents64", "EIO"), ("openat2", "EMFILE")):
            for when in (1, 3, 9, 27):
                with self.subTest(call=call, when=when):
                    done = subprocess.run(
                        ["strace", "-o", "/dev/null", "-e", "inject=%s:error=%s:when=%d" % (call, error, when),
                         PVEGPU, "apply", self.plan_file, *on_root(self.root)],
                        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                        env=dict(os.environ, PVEGPU_SAMPLE_FAST="1", ASAN_OPTIONS="detect_leaks=0"))
                    self.assertNotEqual(done.returncode, 0)
                    self.assertEqual(before, tree_hash(self.root, skip=()))

    def test_drift_is_not_asked_about(self):
        self.plan(*GOAL)
        self.write("etc/modules", self.read("etc/modules") + "loop\n")
        before = tree_hash(self.root, skip=())
        done = run("apply", self.plan_file, root=self.root, stdin="yes\n")
        self.assertEqual(done.returncode, 4)
        self.assertIn("was changed since the plan was made", done.stderr)
        self.assertEqual(before, tree_hash(self.root, skip=()))
        done = run("apply", self.plan_file, "--format", "json", root=self.root)
        self.assertEqual(done.returncode, 4)
        self.assertIn("was changed since", json.loads(done.stdout)["error"])


class Accepted(HostTest):
    def edited(self, change):
        with open(self.plan_file, encoding="utf-8") as file:
            plan = json.load(file)
        change(plan)
        with open(self.plan_file, "w", encoding="utf-8") as file:
            json.dump(plan, file)

    def test_an_acceptance_is_part_of_the_id(self):
        goal = ("--gpu", "02:00", "--vm", "106", "--bind", "early")
        refused = self.plan(*goal, expect=1)
        before = tree_hash(self.root, skip=())

        def accept(plan):
            plan["goal"]["options"]["accepted"] = [CONSOLE]
            plan["refusals"] = []
        self.edited(accept)
        self.assertIn("it was edited", self.apply(expect=2).stderr)
        # A file without its refusals is refused all the same: they are made again.
        self.plan(*goal, expect=1)
        self.edited(lambda plan: plan.update(refusals=[]))
        self.assertIn("refused by gpu.boot-vga", self.apply(expect=1).stderr)
        self.assertEqual(before, tree_hash(self.root, skip=()))
        accepted = self.plan(*goal, "--accept", CONSOLE)
        self.assertNotEqual(accepted["id"], refused["id"])
        self.assertEqual([(r["check"], r["subject"]) for r in accepted["accepted"]],
                         [("gpu.boot-vga", "0000:02:00.0")])

    def test_any_choice_is_part_of_the_id(self):
        ids = [self.plan(*GOAL, *more)["id"] for more in
               ((), ("--no-tablet",), ("--mapping", "card"), ("--accept", CONSOLE), ("--param", "quiet"))]
        self.assertEqual(len(set(ids)), len(ids))
        self.edited(lambda plan: plan["goal"].update(vmid=107))
        self.assertIn("it was edited", self.apply(expect=2).stderr)

    def test_what_was_accepted_is_named(self):
        goal = ("--gpu", "02:00", "--vm", "106", "--accept", CONSOLE)
        said = "ACCEPTED: gpu.boot-vga on 0000:02:00.0:"
        self.assertIn(said, run("plan", *goal, root=self.root).stdout)
        self.plan(*goal)
        self.assertIn(said, self.apply().stdout)
        self.rollback()

    def test_a_journal_from_before_can_be_undone(self):
        """Ids did not cover the goal once: such a run is read, a plan file of that kind is not."""
        before = tree_hash(self.root)
        self.plan(*GOAL)
        self.apply()
        plan = os.path.join(RUNS, self.history()[0]["run"], "plan.json")
        saved = json.loads(self.read(plan))
        for change in saved["changes"]:
            for later in ("entries_in", "images"):
                change.get("expect", {}).pop(later, None)
        saved["id"] = old_id(saved)
        self.write(plan, json.dumps(saved))
        self.rollback()
        self.assertEqual(before, tree_hash(self.root))
        self.edited(lambda p: p.update(id=old_id(p)))
        self.assertIn("it was edited", self.apply(expect=2).stderr)


def old_id(plan):
    """The hash over node and changes alone, for plans of files, commands and a reboot."""
    def field(text):
        raw = (text or "").encode()
        return b"%d:" % len(raw) + (raw if text is not None else b"-")

    def fields(texts):
        return b"".join(field(t) for t in texts) + b";"
    kinds = {"file": 0, "command": 1, "reboot": 3}
    out = field(plan["node"])
    for change in plan["changes"]:
        expect = change.get("expect", {})
        out += b"\n%d " % kinds[change["kind"]]
        out += field(change.get("path"))
        out += field(change.get("before_sha256") or "") + field(change.get("after_sha256") or "")
        out += fields(change.get("argv", []))
        out += b"x" if change.get("mode") == "0755" else b""
        out += fields(change.get("makes_directories", []))
        out += fields(expect.get("not_said", [])) + field(expect.get("harmless")) + fields(expect.get("said", []))
        out += fields(expect.get("entries_with", [])) + fields(expect.get("entries_without", []))
        out += field(None) * 3
    return hashlib.sha256(out).hexdigest()


class CutOff(HostTest):
    """A command that waits until the test lets it go on."""

    def setUp(self):
        super().setUp()
        self.begun, self.go, self.ended, self.left = (
            os.path.join(self.directory, name) for name in ("begun", "go", "ended", "left"))
        os.rename(self.path("usr/sbin/update-initramfs"), self.path("usr/sbin/update-initramfs.real"))

    def tearDown(self):
        if os.path.exists(self.left):
            with open(self.left, encoding="ascii") as file:
                for pid in file.read().split():
                    try:
                        os.kill(int(pid), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
        super().tearDown()

    def command(self, script):
        self.write("usr/sbin/update-initramfs", "#!/bin/sh\n" + script)
        os.chmod(self.path("usr/sbin/update-initramfs"), 0o755)

    def test_killed_while_a_command_runs(self):
        self.command(
            'echo waiting; [ -e "{0.go}" ] || {{ sleep 600 & echo $! >>"{0.left}"; }}\n: >"{0.begun}"\n'
            'while [ ! -e "{0.go}" ]; do sleep 0.05; done\necho went on; echo and said more >&2\n'
            '"$PVEGPU_ROOT/usr/sbin/update-initramfs.real" "$@" && : >"{0.ended}"\n'.format(self))
        before = tree_hash(self.root)
        self.plan(*GOAL, "--bind", "early")
        process = subprocess.Popen([PVEGPU, "apply", self.plan_file, "--yes", *on_root(self.root)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                   env=dict(os.environ, PVEGPU_SAMPLE_FAST="1"))
        wait_until(lambda: os.path.exists(self.begun), "the command began")
        lines = []
        while "    | waiting\n" not in lines:  # it is shown while the command runs
            lines.append(process.stdout.readline())
            self.assertNotEqual(lines[-1], "")
        process.kill()
        process.communicate()
        changed = tree_hash(self.root)
        for arguments in (("rollback", "--yes"), ("apply", self.plan_file, "--yes")):
            done = run(*arguments, root=self.root)
            self.assertEqual(done.returncode, 4, done.stderr)
        done = run("rollback", "--yes", root=self.root)
        self.assertIn("a command that it started still runs", done.stderr)
        self.assertEqual(changed, tree_hash(self.root))
        self.assertFalse(os.path.exists(self.ended))
        with open(self.go, "w", encoding="ascii"):
            pass
        # What the command left running holds nothing.
        self.wait_for_lock()
        self.assertTrue(os.path.exists(self.ended))
        output = self.read(os.path.join(RUNS, self.history()[0]["run"], "output"))
        self.assertIn("went on\n", output)
        self.assertIn("and said more\n", output)
        self.assertEqual(self.history()[0]["state"], "interrupted")
        self.rollback()
        self.assertEqual(before, tree_hash(self.root))

    def test_what_a_command_leaves_running_is_not_waited_for(self):
        self.command('sleep 600 & echo $! >>"{0.left}"\n'
                     'exec "$PVEGPU_ROOT/usr/sbin/update-initramfs.real" "$@"\n'.format(self))
        before = tree_hash(self.root)
        self.plan(*GOAL, "--bind", "early")
        self.apply()
        self.rollback()
        self.assertEqual(before, tree_hash(self.root))
        with open(self.left, encoding="ascii") as file:
            for pid in file.read().split():
                os.kill(int(pid), 0)  # they are there still

    def test_the_keeper_hears_no_signal_of_the_terminal(self):
        """A group that is interrupted takes neither the command nor the lock along."""
        self.command(': >"{0.begun}"\nwhile [ ! -e "{0.go}" ]; do sleep 0.05; done\n'
                     'exec "$PVEGPU_ROOT/usr/sbin/update-initramfs.real" "$@"\n'.format(self))
        self.plan(*GOAL, "--bind", "early")
        process = subprocess.Popen([PVEGPU, "apply", self.plan_file, "--yes", *on_root(self.root)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, start_new_session=True,
                                   env=dict(os.environ, PVEGPU_SAMPLE_FAST="1"))
        wait_until(lambda: os.path.exists(self.begun), "the command began")
        os.killpg(process.pid, signal.SIGINT)
        os.killpg(process.pid, signal.SIGHUP)
        with open(self.go, "w", encoding="ascii"):
            pass
        _, error = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 4)
        self.assertIn("stopped before change", error)
        self.rollback()


class Files(HostTest):
    def test_directories_that_were_made_go_again(self):
        shutil.rmtree(self.path("etc/modprobe.d"))
        before = tree_hash(self.root, skip=NOT_THE_IMAGE)
        listing = sorted(os.listdir(self.path("etc")))
        plan = self.plan(*GOAL, "--bind", "early")
        self.assertIn(["/etc/modprobe.d"], [c.get("makes_directories") for c in plan["changes"]])
        self.apply()
        os.unlink(self.path("etc/modprobe.d/pvegpu.conf"))  # the file is as before, its directory not
        self.rollback()
        self.assertEqual(listing, sorted(os.listdir(self.path("etc"))))
        self.assertEqual(before, tree_hash(self.root, skip=NOT_THE_IMAGE))
        # With something of somebody else in it, it stays.
        self.plan(*GOAL, "--bind", "early")
        self.apply()
        self.write("etc/modprobe.d/mine.conf", "# mine\n")
        self.rollback()
        self.assertEqual(os.listdir(self.path("etc/modprobe.d")), ["mine.conf"])

    def test_a_directory_that_cannot_be_removed_is_told(self):
        shutil.rmtree(self.path("etc/modprobe.d"))
        self.plan(*GOAL, "--bind", "early")
        self.apply()
        done = subprocess.run(["strace", "-o", "/dev/null", "-P", self.path("etc"), "-e",
                               "inject=unlinkat:error=EIO", PVEGPU, "rollback", "--yes", *on_root(self.root)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              env=dict(os.environ, PVEGPU_SAMPLE_FAST="1", ASAN_OPTIONS="detect_leaks=0"))
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("cannot remove the directory", done.stderr)
        self.rollback()
        self.assertFalse(os.path.exists(self.path("etc/modprobe.d")))

    def test_a_run_that_ended_before_its_plan_was_saved(self):
        name = "20260101T000000.000-0123abcd"
        self.plan(*GOAL)
        self.apply()
        os.makedirs(self.path(os.path.join(RUNS, name)), 0o700)
        self.write(os.path.join(RUNS, name, ".plan.json.pvegpu-new"), "{")
        done = run("history", "--format", "json", root=self.root)
        history = json.loads(done.stdout)
        self.assertEqual((history["unreadable"], history["not_begun"], len(history["runs"])), ([], [name], 1))
        text = run("history", root=self.root).stdout
        self.assertIn(name + "  nothing was changed: it ended before its plan", text)
        self.rollback()
        self.assertNotIn(name, os.listdir(self.path(RUNS)))

    def test_a_file_with_two_names_is_planned_once(self):
        text = self.read("etc/modules") + "vfio_virqfd\n"
        os.unlink(self.path("etc/modules"))
        os.unlink(self.path("etc/modules-load.d/modules.conf"))
        self.write("etc/modules-load.d/modules.conf", text)
        os.symlink("modules-load.d/modules.conf", self.path("etc/modules"))
        plan = self.plan(*GOAL, "--clean-up", "--advised")
        files = [c["path"] for c in plan["changes"] if c["kind"] == "file"]
        self.assertEqual(files.count("/etc/modules") + files.count("/etc/modules-load.d/modules.conf"), 1)
        before = tree_hash(self.root)
        self.apply()
        self.assertNotIn("vfio_virqfd", self.read("etc/modules"))
        self.assertIn("vfio_pci\n", self.read("etc/modules"))
        self.assertTrue(os.path.islink(self.path("etc/modules")))
        self.rollback()
        self.assertEqual(before, tree_hash(self.root))

    def refused_before_the_first_write(self, text, expect=1):
        before = tree_hash(self.root, skip=())
        done = self.apply(expect=expect)
        self.assertIn(text, done.stderr)
        self.assertEqual(before, tree_hash(self.root, skip=()))

    def test_what_may_not_change_is_found_first(self):
        self.plan(*GOAL, "--bind", "early")
        for name, attribute in (("etc/modules", "i"), ("etc/modules", "a"), ("etc/modprobe.d", "i"),
                                ("etc/default", "a")):
            with self.subTest(name=name, attribute=attribute):
                if subprocess.run(["chattr", "+" + attribute, self.path(name)], capture_output=True,
                                  check=False).returncode:
                    self.skipTest("chattr does not work here")
                try:
                    self.refused_before_the_first_write("has the attribute " + attribute)
                finally:
                    subprocess.run(["chattr", "-" + attribute, self.path(name)], check=True)
        self.apply()
        subprocess.run(["chattr", "+i", self.path("etc/default/grub")], check=True)
        try:
            applied = tree_hash(self.root)
            self.assertIn("has the attribute i", self.rollback(expect=1).stderr)
            self.assertEqual(applied, tree_hash(self.root))
        finally:
            subprocess.run(["chattr", "-i", self.path("etc/default/grub")], check=True)
        self.rollback()

    def test_a_read_only_mount_behind_a_link_is_found_first(self):
        elsewhere = self.path("srv/boot")
        os.makedirs(elsewhere)
        os.rename(self.path("etc/default/grub"), os.path.join(elsewhere, "grub"))
        os.symlink("/srv/boot/grub", self.path("etc/default/grub"))
        if subprocess.run(["mount", "--bind", elsewhere, elsewhere], capture_output=True, check=False).returncode:
            self.skipTest("mount is not allowed here")
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", elsewhere], check=True)
            self.plan(*GOAL)
            self.refused_before_the_first_write("Read-only file system", expect=4)
        finally:
            subprocess.run(["umount", elsewhere], check=True)


# Each attempt at the machine, by a script of a tree; what came of it is written into the tree.
HOSTILE = r"""#!/usr/bin/env python3
import ctypes, os, signal, socket, subprocess, sys
out = open(os.path.join(os.environ["PVEGPU_ROOT"], "tried"), "a")

def write(path):
    with open(path, "w") as file:
        file.write("hostile")

def pipe():
    fd = os.open({fifo!r}, os.O_WRONLY | os.O_NONBLOCK)
    os.write(fd, b"hostile")

def connect(kind, where):
    with socket.socket(kind, socket.SOCK_STREAM) as s:
        s.connect(where)

def mount(source, target, kind, flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source, target, kind, flags, None):
        raise OSError(ctypes.get_errno(), "mount")

def device():
    node = os.environ["PVEGPU_ROOT"] + "/sda"
    os.mknod(node, 0o60600, os.stat("/").st_dev)
    open(node, "rb").read(1)

def new_user():
    if ctypes.CDLL(None).unshare(0x10000000):
        raise OSError("unshare")

for name, attempt in {{
        "tmp": lambda: write("/tmp/{name}"), "shm": lambda: write("/dev/shm/{name}"),
        "run": lambda: write("/run/{name}"), "root": lambda: write("/root/{name}"),
        "etc": lambda: write("/etc/{name}"), "beside": lambda: write({beside!r}),
        "sysctl": lambda: write("/proc/sys/kernel/domainname"), "sysfs": lambda: write("/sys/power/state"),
        "process": lambda: os.kill({pid}, signal.SIGKILL), "all": lambda: os.kill(-1, signal.SIGCONT),
        "first": lambda: open("/proc/1/exe", "rb"), "tcp": lambda: connect(socket.AF_INET, ("127.0.0.1", {port})),
        "unix": lambda: connect(socket.AF_UNIX, {socket!r}), "unix2": lambda: connect(socket.AF_UNIX, {socket2!r}),
        "pipe": pipe,
        "remount": lambda: mount(None, b"/", None, 4096 | 32), "bind": lambda: mount(b"/root", b"/mnt", None, 4096),
        "device": device, "user": new_user, "chown": lambda: os.chown({beside!r}, 1, 1),
        "own": lambda: write(os.environ["PVEGPU_ROOT"] + "/own")}}.items():
    try:
        attempt()
        print(name, "done", file=out, flush=True)
    except OSError as error:
        print(name, error, file=out, flush=True)
subprocess.Popen(["sleep", "600"])
sys.stdout.flush()
real = os.environ["PVEGPU_ROOT"] + "/usr/sbin/update-initramfs.real"
os.execv(real, [real, *sys.argv[1:]])
"""
PRIVATE = {"tmp", "shm", "run"}  # done, and seen by nobody else


class Scripts(HostTest):
    def plain(self, *arguments):
        return subprocess.run([PVEGPU, *arguments, "--root", self.root], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=HANG,
                              env=dict(os.environ, PVEGPU_SAMPLE_FAST="1"))

    def command(self, script):
        os.rename(self.path("usr/sbin/update-initramfs"), self.path("usr/sbin/update-initramfs.real"))
        self.write("usr/sbin/update-initramfs", script)
        os.chmod(self.path("usr/sbin/update-initramfs"), 0o755)

    def applied(self, expect=0):
        done = self.plain("plan", "--gpu", "01:00", "--bind", "early", "--out", self.plan_file)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.plain("apply", self.plan_file, "--yes")
        if "not run:" in done.stdout:
            self.skipTest(done.stdout[done.stdout.index("not run:"):].split("\n")[0])
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    @unittest.skipIf(os.getuid() != 0, "only root makes a sandbox")
    def test_a_hostile_script_changes_nothing_but_its_tree(self):
        name = "pvegpu-hostile-%d" % os.getpid()
        outside = tempfile.TemporaryDirectory(dir="/var/tmp")
        self.addCleanup(outside.cleanup)
        paths = {n: os.path.join(outside.name, n) for n in ("fifo", "beside", "socket2")}
        paths["socket"] = "/run/" + name
        os.mkfifo(paths["fifo"])
        with open(paths["beside"], "w", encoding="ascii"):
            pass
        victim = subprocess.Popen(["sleep", "600"])
        fifo = os.open(paths["fifo"], os.O_RDONLY | os.O_NONBLOCK)
        doors = [socket.create_server(("127.0.0.1", 0))]
        for path in (paths["socket"], paths["socket2"]):
            doors.append(socket.socket(socket.AF_UNIX))
            doors[-1].bind(path)
            doors[-1].listen()
        try:
            self.command(HOSTILE.format(pid=victim.pid, port=doors[0].getsockname()[1], name=name, **paths))
            done = self.applied()
            self.assertIn("update-initramfs: Generating", done.stdout)
            tried = dict(line.split(" ", 1) for line in self.read("tried").splitlines())
            self.assertEqual({n for n, came in tried.items() if came == "done"}, PRIVATE | {"own"}, tried)
            self.assertIsNone(victim.poll())
            for door in doors:
                door.settimeout(0)
                self.assertRaises(BlockingIOError, door.accept)
            try:
                self.assertEqual(os.read(fifo, 10), b"")
            except BlockingIOError:
                pass
            for path in ("/tmp/", "/dev/shm/", "/run/", "/root/", "/etc/"):
                self.assertEqual(os.path.lexists(path + name), path == "/run/", path)
            state = os.stat(paths["beside"])
            self.assertEqual((state.st_size, state.st_uid), (0, os.getuid()))
            self.assertEqual(processes_of(self.root), [])  # what it left running is gone as well
        finally:
            victim.kill()
            victim.wait()
            os.close(fifo)
            for door in doors:
                door.close()
            os.unlink(paths["socket"])

    @unittest.skipIf(os.getuid() != 0, "only root makes a sandbox")
    def test_a_benign_script_works_as_before(self):
        before = tree_hash(self.root)
        self.command('#!/bin/sh\nt=$(mktemp) && echo scratch >"$t" && cat "$t" - </dev/null\n'
                     'exec "$PVEGPU_ROOT/usr/sbin/update-initramfs.real" "$@"\n')
        self.assertIn("    | scratch\n", self.applied().stdout)
        run_ = self.history()[0]
        self.assertEqual(run_["state"], "applied")
        self.assertIn("scratch\n", self.read(os.path.join(RUNS, run_["run"], "output")))
        self.assertNotIn("not run", self.read(os.path.join(RUNS, run_["run"], "journal")))
        done = self.plain("rollback", "--yes")
        self.assertEqual(done.returncode, 0, done.stderr)
        os.rename(self.path("usr/sbin/update-initramfs.real"), self.path("usr/sbin/update-initramfs"))
        self.assertEqual(before, tree_hash(self.root))

    @unittest.skipIf(os.getuid() != 0, "only root makes a sandbox")
    def test_how_it_ended_is_told(self):
        self.command("#!/bin/sh\nexit 7\n")
        self.assertIn("ended with status 7", self.applied(expect=4).stderr)
        self.plain("rollback", "--yes")
        self.write("usr/sbin/update-initramfs", "#!/bin/sh\nkill -TERM $$\n")
        self.assertIn("ended with status 143", self.applied(expect=4).stderr)

    @unittest.skipIf(os.getuid() != 0, "only root makes a sandbox")
    def test_a_tree_in_any_place(self):
        for place in ("/dev/shm", "/run", "/var/tmp"):
            with self.subTest(place=place), tempfile.TemporaryDirectory(dir=place) as directory:
                self.root = os.path.join(directory, "host")
                copy_sample(self.root)
                self.applied()
                self.assertEqual(self.history()[0]["state"], "applied")

    @unittest.skipIf(os.getuid() != 0, "needs root to become nobody")
    def test_without_a_sandbox_nothing_is_run(self):
        trace = os.path.join(self.directory, "trace")
        self.command('#!/bin/sh\necho ran >>"%s"\n' % trace)
        subprocess.run(["chown", "-R", "%d:%d" % (NOBODY, NOBODY), self.directory], check=True)
        host = ["--root", self.root]
        done = self.run_as_nobody("plan", "--gpu", "01:00", "--bind", "early", "--out", self.plan_file, host=host)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.run_as_nobody("apply", self.plan_file, "--yes", host=host)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("not run: a sample host's own scripts are run in a sandbox that only root can make", done.stdout)
        self.assertFalse(os.path.exists(trace))
        # Named by its option they do run, as they are.
        self.run_as_nobody("rollback", "--yes")
        self.run_as_nobody("apply", self.plan_file, "--yes")
        self.assertTrue(os.path.exists(trace))

    def test_the_option_is_refused_where_it_means_nothing(self):
        done = run("audit", "--run-scripts")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--run-scripts", done.stderr)
        os.unlink(self.path(".pvegpu-sample"))
        done = self.plain("audit", "--run-scripts")
        self.assertEqual(done.returncode, 2)
        self.assertIn("is not a sample host", done.stderr)


if __name__ == "__main__":
    main()
