# SPDX-License-Identifier: GPL-3.0-or-later
"""Before the question: each system call, and each answer of the API, fails once. Without a yes nothing
is changed, whatever was compared before and whatever is compared after."""
import json
import os
import shutil
import sys
import tempfile
import unittest

from inject import ALL, GOAL, SANITIZED, injected, make_host, run, side_by_side, snapshot, spread, trace

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import test_api  # noqa: E402
from harness import main  # noqa: E402

ERRORS = {"openat2": ("EIO", "EMFILE"), "openat": ("EIO",), "read": ("EIO",), "getdents64": ("EIO",),
          "newfstatat": ("EIO",), "readlink": ("EIO",), "readlinkat": ("EIO",), "statx": ("EIO",),
          "fstatfs": ("EIO",), "faccessat2": ("EACCES",), "close": ("EIO",), "pread64": ("EIO",),
          "lseek": ("EIO",), "fcntl": ("EMFILE",), "access": ("EIO",), "ioctl": ("EIO",), "mmap": ("ENOMEM",)}


class Question(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="pvegpu-faults.")

    def tearDown(self):
        shutil.rmtree(self.directory)

    def test_each_system_call_fails_once(self):
        root, plan, log = (os.path.join(self.directory, name) for name in ("host", "plan.json", "log"))
        make_host(root)
        self.assertEqual(run(root, "plan", *GOAL, "--out", plan).returncode, 0)
        before = snapshot(root)
        done, calls = trace(root, log, "apply", plan)
        self.assertEqual(done.returncode, 2, done.stderr)
        # What the dynamic loader does before main() is not the program's.
        start = max(i for i, call in enumerate(calls) if ".so" in call.line)
        jobs = [(call.name, call.n, "error=" + error, call.line) for call in calls[start + 1:]
                for error in ERRORS.get(call.name, ())]
        tried = spread(jobs, 16 if SANITIZED else 500)

        def work(_, job):
            name, n, what, line = job
            done = run(root, "apply", plan, strace=injected(name, n, what))
            bad = done.returncode == 0 or os.path.exists(os.path.join(root, "var/lib/pvegpu"))
            return (name, n, what, line, done.returncode, done.stderr) if bad else None
        bad = side_by_side(work, tried, lambda i: i)
        print("before the question: %d of %d faults of system calls tried, %d bad"
              % (len(tried), len(jobs), len(bad)))
        self.assertEqual(bad, [])
        self.assertEqual(before, snapshot(root))


class Answers(test_api.ApiTest):
    def test_each_answer_fails_once(self):
        self.run_api("plan", "--gpu", "01:00", "--vm", "106", "--by-mapping", "--out", self.plan_file)
        log = os.path.join(self.state, "requests.jsonl")

        def requests():
            with open(log, encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        begin = len(requests())
        self.run_api("apply", self.plan_file, expect=2)
        asked = [r for r in requests()[begin:]]
        self.assertGreater(len(asked), 5)
        self.assertEqual({r["method"] for r in asked}, {"GET"})
        kinds = ("status", "close", "truncate", "garbage")
        jobs = [(n, kind) for n in range(len(asked)) for kind in kinds]
        if not ALL:
            jobs = [(n, kind) for n in range(len(asked)) for kind in ("status", kinds[1 + n % 3])]
        bad = []
        for n, kind in jobs:
            begin = len(requests())
            self.fault({"match": "* /", "do": kind, "after": n, "times": 1})
            done = self.run_api("apply", self.plan_file, expect=None)
            changing = [r["method"] for r in requests()[begin:] if r["method"] != "GET"]
            if changing or done.returncode == 0:
                bad.append((n, kind, changing, done.returncode, done.stderr))
            self.fault()
        print("before the question: %d faults of answers tried, %d bad" % (len(jobs), len(bad)))
        self.assertEqual(bad, [])


if __name__ == "__main__":
    main()
