# SPDX-License-Identifier: GPL-3.0-or-later
"""Each system call of apply and of rollback fails once, and is killed once. After it every file is the
old one or the new one, whole; the exit status and the journal say what happened; rollback brings back
all of it."""
import fcntl
import json
import os
import shutil
import sys
import tempfile
import unittest

from inject import GOAL, SANITIZED, difference, injected, make_host, run, side_by_side, snapshot, spread, trace

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from harness import main  # noqa: E402

# What changes something, or starts a command, is failed and killed each time.
CHANGING = {"openat": ("ENOSPC",), "write": ("ENOSPC",), "fsync": ("EIO",), "fdatasync": ("EIO",),
            "renameat": ("EIO",), "unlinkat": ("EIO",), "mkdirat": ("ENOSPC",), "fchmod": ("EPERM",),
            "fchown": ("EPERM",), "fsetxattr": ("ENOSPC",), "flistxattr": ("EIO",), "fgetxattr": ("EIO",),
            "flock": ("ENOLCK",), "clone": ("EAGAIN",), "clone3": ("EAGAIN",), "pipe2": ("EMFILE",),
            "pidfd_open": ("ENOSYS",)}
# What reads or waits is many calls of a kind: a part of them, unless PVEGPU_FAULTS=all.
READING = {"openat2": ("EIO",), "read": ("EIO",), "close": ("EIO",), "newfstatat": ("EIO",), "getdents64": ("EIO",),
           "statx": ("EIO",), "readlink": ("EIO",), "fstatfs": ("EIO",), "lseek": ("EIO",), "pread64": ("EIO",),
           "fcntl": ("EMFILE",), "wait4": ("EINTR", "ECHILD"), "poll": ("EINTR", "ENOMEM")}
PARTLY = ("boot/grub/grub.cfg", "boot/grub/grub.cfg.new", "boot/initrd.img-6.2.16-3-pve")  # made by commands, not by pvegpu


class Place:
    """A host, as it was and as it is after the plan, for one worker."""

    def __init__(self, directory, number):
        self.root = os.path.join(directory, "host%d" % number)
        self.plan = os.path.join(directory, "plan%d.json" % number)
        self.log = os.path.join(directory, "log%d" % number)
        make_host(self.root)
        self.before = snapshot(self.root)
        assert run(self.root, "plan", *GOAL, "--out", self.plan).returncode == 0
        done, self.apply_calls = trace(self.root, self.log, "apply", self.plan, "--yes")
        assert done.returncode == 0, done.stderr
        self.after = snapshot(self.root)
        done, self.rollback_calls = trace(self.root, self.log, "rollback", "--yes")
        assert done.returncode == 0, done.stderr
        assert snapshot(self.root) == self.before, difference(self.before, snapshot(self.root))
        self.forget()

    def forget(self):
        shutil.rmtree(os.path.join(self.root, "var/lib/pvegpu"), ignore_errors=True)

    def start_afresh(self):
        shutil.rmtree(self.root)
        make_host(self.root)


def jobs_of(calls):
    """From the lock on: before it nothing is changed (see test_question.py)."""
    lock = next(i for i, call in enumerate(calls) if "pvegpu/runs" in call.line or '"lock"' in call.line)
    changing, reading = [], []
    for call in calls[lock:]:
        if call.name == "openat" and "O_CREAT" not in call.line:
            continue
        if call.name == "write" and call.line.startswith(("write(1,", "write(2,")):
            continue
        for error in CHANGING.get(call.name, ()):
            changing.append((call.name, call.n, "error=" + error, call.line))
        if call.name in CHANGING:
            changing.append((call.name, call.n, "signal=KILL", call.line))
        for error in READING.get(call.name, ()):
            reading.append((call.name, call.n, "error=" + error, call.line))
        if call.name in ("poll", "wait4", "pread64"):
            reading.append((call.name, call.n, "signal=KILL", call.line))
    if SANITIZED:
        changing = spread(changing, 16)
    return changing + spread(reading, 8 if SANITIZED else 30), len(changing) + len(reading)


class Faults(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="pvegpu-faults.")

    def tearDown(self):
        shutil.rmtree(self.directory)

    def wait_for_commands(self, place):
        """A command that goes on by itself holds the lock until it has ended."""
        try:
            with open(os.path.join(place.root, "var/lib/pvegpu/lock"), "r+", encoding="ascii") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
        except FileNotFoundError:
            pass  # it did not come that far

    def judge(self, place, job, done, whole):
        """What is wrong after one fault; `whole` is what the tree must be after success."""
        self.wait_for_commands(place)
        bad = []
        killed = job[2] == "signal=KILL"
        now = snapshot(place.root)
        for name in set(now) | set(place.before) | set(place.after):
            if killed and name.endswith(".pvegpu-new"):
                continue
            if now.get(name) not in (place.before.get(name), place.after.get(name)) and name not in PARTLY:
                bad.append("neither old nor new: " + name)
        if not killed and done.returncode not in (0, 1, 2, 3, 4):
            bad.append("exit status %d: %s" % (done.returncode, done.stderr[-500:]))
        if done.returncode == 0 and difference(now, whole):
            bad.append("exit status 0, but: %s" % difference(now, whole))
        history = run(place.root, "history", "--format", "json")
        if history.returncode or json.loads(history.stdout)["unreadable"]:
            bad.append("history: " + history.stdout[-300:] + history.stderr)
        elif done.returncode == 0 and whole is place.after and json.loads(history.stdout)["runs"][-1]["state"] != "applied":
            bad.append("the journal does not say applied")
        return bad

    def bring_back(self, place, job, done, bad):
        back = run(place.root, "rollback", "--yes")
        now = snapshot(place.root)
        if back.returncode not in (0, 2) or difference(now, place.before):
            bad.append("rollback %d: %s %s" % (back.returncode, back.stderr[-300:], difference(now, place.before)))
            place.start_afresh()
        place.forget()
        return ((*job, done.returncode, done.stderr[-300:], bad)) if bad else None

    def apply_fault(self, place, job):
        done = run(place.root, "apply", place.plan, "--yes", strace=injected(*job[:3]))
        bad = self.judge(place, job, done, place.after)
        return self.bring_back(place, job, done, bad)

    def rollback_fault(self, place, job):
        applied = run(place.root, "apply", place.plan, "--yes")
        bad = [] if applied.returncode == 0 else ["apply: " + applied.stderr]
        done = run(place.root, "rollback", "--yes", strace=injected(*job[:3]))
        bad += self.judge(place, job, done, place.before)
        return self.bring_back(place, job, done, bad)

    def try_all(self, what, calls_of, fault):
        first = Place(self.directory, 0)
        jobs, n = jobs_of(calls_of(first))
        bad = side_by_side(fault, jobs, lambda i: first if i == 0 else Place(self.directory, i))
        print("%s: %d of %d faults tried, %d bad" % (what, len(jobs), n, len(bad)))
        self.assertEqual(bad, [])

    def test_apply(self):
        self.try_all("apply", lambda place: place.apply_calls, self.apply_fault)

    def test_rollback(self):
        self.try_all("rollback", lambda place: place.rollback_calls, self.rollback_fault)


if __name__ == "__main__":
    main()
