# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command tests share: the program, a private sample host, and tree hashes."""
import base64
import fcntl
import hashlib
import hmac
import json
import os
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

PVEGPU = os.environ.get("PVEGPU", "build/pvegpu")
SOURCE = os.environ.get("PVEGPU_SOURCE", os.getcwd())
PVESIM = os.environ.get("PVESIM", "build/tests/pvesim")
NOBODY = 65534
# Seconds after which something hangs. It only bounds a test that fails: no test asserts how long a
# thing takes, for the machine may be busy.
HANG = 300


def on_root(root):
    """The options for a host below a directory; scripts are run in our own copies of the sample host."""
    mark = os.path.lexists(os.path.join(os.fsdecode(root), ".pvegpu-sample"))
    return ["--root", root if isinstance(root, bytes) else str(root)] + (["--run-scripts"] if mark else [])


def run(*arguments, root=None, stdin=None, env=None, **options):
    """Run pvegpu; returns the finished process with text output."""
    command = [PVEGPU, *[str(a) for a in arguments]]
    if root:
        command += on_root(root)
    environment = dict(os.environ, PVEGPU_SAMPLE_FAST="1", **(env or {}))
    return subprocess.run(command, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                          capture_output=True, text=True, env=environment, timeout=HANG, **options)


def wait_until(is_so, what):
    """Look again and again until it is so."""
    end = time.monotonic() + HANG
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError("never came: " + what)
        time.sleep(0.02)


def processes_of(root):
    """Numbers of the sample host's own commands that run."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                if b"PVEGPU_ROOT=" + os.fsencode(root) in file.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            continue  # it has ended, or is another user's
    return found


def totp(secret, step):
    """The one-time code of a step of 30 seconds (RFC 6238)."""
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    at = mac[19] & 15
    return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7fffffff) % 1000000)


class ClusterState:
    """A private copy of the simulated cluster's files, for a test that starts pvesim on it."""
    def copy_cluster(self, directory):
        self.state = os.path.join(directory, "state")
        shutil.copytree(os.path.join(SOURCE, "tests/pvesim/cluster"), self.state)
        self.settings = json.loads(self.read("pvesim.json"))

    def read(self, name):
        with open(os.path.join(self.state, name), encoding="utf-8") as file:
            return file.read()

    def write(self, name, text):
        with open(os.path.join(self.state, name), "w", encoding="utf-8") as file:
            file.write(text)

    def set(self, **settings):
        self.settings.update(settings)
        self.write("pvesim.json", json.dumps(self.settings))


def copy_sample(directory):
    shutil.copytree(os.path.join(SOURCE, "tests/sample_host/root"), directory, symlinks=True)
    for where, _, files in os.walk(directory):
        if ".keep" in files:
            os.unlink(os.path.join(where, ".keep"))


def tree_hash(root, skip=("var/lib/pvegpu",)):
    """One hash over names, link texts, modes and contents below a root."""
    digest = hashlib.sha256()
    for where, directories, files in os.walk(root):
        directories.sort()
        relative = os.path.relpath(where, root)
        directories[:] = [d for d in directories
                          if os.path.normpath(os.path.join(relative, d)) not in skip]
        for name in sorted(files + [d for d in directories if os.path.islink(os.path.join(where, d))]):
            path = os.path.join(where, name)
            digest.update(os.path.normpath(os.path.join(relative, name)).encode())
            if os.path.islink(path):
                digest.update(b"link " + os.readlink(path).encode())
            else:
                digest.update(oct(os.stat(path).st_mode).encode())
                with open(path, "rb") as file:
                    digest.update(file.read())
    return digest.hexdigest()


class HostTest(unittest.TestCase):
    """A test with a private copy of the sample host in self.root."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="pvegpu-test.")
        self.root = os.path.join(self.directory, "host")
        self.plan_file = os.path.join(self.directory, "plan.json")
        copy_sample(self.root)

    def tearDown(self):
        shutil.rmtree(self.directory)

    def path(self, name):
        return os.path.join(self.root, name.lstrip("/"))

    def read(self, name):
        with open(self.path(name), encoding="latin-1", newline="") as file:
            return file.read()

    def write(self, name, text):
        with open(self.path(name), "w", encoding="latin-1", newline="") as file:
            file.write(text)

    def script(self, name, *arguments):
        """One of the sample host's own commands."""
        subprocess.run([self.path(name), *arguments], check=True, capture_output=True,
                       env=dict(os.environ, PVEGPU_ROOT=self.root, PVEGPU_SAMPLE_FAST="1"))

    def conf(self, vmid, *lines, drop=()):
        """A VM's configuration with these lines put first, others of the same keys gone."""
        name = "etc/pve/nodes/pve2/qemu-server/%d.conf" % vmid
        keys = tuple(line.split(":")[0] + ":" for line in lines) + tuple(drop)
        kept = [l for l in self.read(name).split("\n") if not keys or not l.startswith(keys)]
        self.write(name, "\n".join(list(lines) + kept))

    def iommu_on(self, words="intel_iommu=on"):
        """By a person's own hand, and booted."""
        self.write("etc/default/grub", self.read("etc/default/grub").replace('="quiet"', '="quiet %s"' % words))
        self.script("usr/sbin/update-grub")
        self.script("usr/sbin/reboot")

    def plan(self, *arguments, expect=0):
        done = run("plan", "--format", "json", "--out", self.plan_file, *arguments, root=self.root)
        if expect is not None:
            self.assertEqual(done.returncode, expect, done.stderr)
        return json.loads(done.stdout)

    def apply(self, expect=0, **options):
        done = run("apply", self.plan_file, "--yes", root=self.root, **options)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def rollback(self, *arguments, expect=0, **options):
        done = run("rollback", "--yes", *arguments, root=self.root, **options)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done

    def wait_for_lock(self):
        """Until no run holds the lock, nor a command that a killed one left."""
        with open(self.path("var/lib/pvegpu/lock"), "r+", encoding="ascii") as file:
            for _ in range(3000):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    time.sleep(0.02)
        self.fail("the lock was never free")

    def run_as_nobody(self, *arguments, host=None):
        """A copy of the program, where anybody may run it, as somebody who is not root."""
        os.chmod(self.directory, 0o755)
        program = os.path.join(self.directory, "pvegpu")
        shutil.copy(PVEGPU, program)
        return subprocess.run(["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups",
                               program, *arguments, *(host or on_root(self.root))], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=HANG,
                              env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))

    def history(self):
        done = run("history", "--format", "json", root=self.root)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["runs"]


def statuses(audit):
    found = {}
    for finding in audit["findings"]:
        found.setdefault((finding["id"], finding["subject"]), set()).add(finding["status"])
    return found


def calls_of(plan):
    """What would be done, each change by what it is, not by its reasons."""
    return [json.dumps([c.get(k) for k in ("kind", "method", "path", "params", "command", "after")],
                       sort_keys=True) for c in plan["changes"]]


class Truth(unittest.TestCase):
    def assert_only_unknown(self, healthy, audit, what):
        """Nothing is ok, fail or gone that was not, because something could not be read."""
        before, after = statuses(healthy), statuses(audit)
        unknown = {key for key, found in after.items() if "unknown" in found}
        for key, found in after.items():
            if key[0] == "host.api":  # says what could not be read
                continue
            self.assertLessEqual(found - {"unknown"}, before.get(key, set()), (what, key))
        for check, subject in before:
            self.assertTrue((check, subject) in after or any(c == check or s == subject for c, s in unknown),
                            (what, check, subject, "is gone"))
        verdicts = {g["address"]: g["verdict"] for g in healthy["gpus"]}
        for gpu in audit["gpus"]:
            self.assertIn(gpu["verdict"], (verdicts[gpu["address"]], "unknown"), (what, gpu["address"]))

    def assert_no_more(self, healthy, plan, what):
        self.assertEqual([c for c in calls_of(plan) if c not in calls_of(healthy)], [], what)


def main():
    program = unittest.main(exit=False, verbosity=1)
    result = program.result
    failed = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - failed - len(result.skipped), failed))
    raise SystemExit(1 if failed else 0)
