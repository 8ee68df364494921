# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for made-up hosts, judged by a program that knows nothing of this one (see README.md).

Each line of cases.txt is a host, and each of SEEDS is a random one: always the same. Others are tried
with PVEGPU_ORACLE_SEEDS=A-B (empty: none), for PVEGPU_ORACLE_SECONDS at most where that is given."""
import concurrent.futures
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PVEGPU = os.environ.get("PVEGPU", "build/pvegpu")
STAND_IN = os.environ.get("PVEGPU_ORACLE_STAND_IN")  # without it Python is started for each command of a host
WORKERS = 3  # half of the time is waiting for a guest to stop or start
SEEDS = "1-200"
SHARE = 10  # seeds that a worker takes at a time
# Where the judge and this program differ on purpose, and why; README.md has the same list.
AT_ODDS = {"I7 gpus": "it leaves accelerators (class 1200) out; README.md of the project lists them with the GPUs",
           "I7 fails-healthy vm.ha-managed": "an address under HA is another device on another node"}
MORE_SEEDS = "1000-1039"  # hosts that are asked for more than a GPU in a VM: see MORE

# What a host is asked for beside its goal, the same each time: which of them, its directory says.
MORE = """
root= gpu= before=
for word; do
	case $before in --root) root=$word ;; --gpu) gpu=$word ;; esac
	before=$word
done
n=$(basename "$root" | cksum)
[ "$1" != plan ] || case $((${n%% *} % 8)) in
0 | 1) set -- "$@" --move ;;
2) set -- "$@" --cores 2 --sockets 1 --balloon 0 ;;
3) set -- "$@" --vga none --numa 1 ;;
4) set -- "$@" --mdev none --romfile none ;;
5) set -- "$@" --functions "$gpu=0" ;;
6) set -- "$@" --save-rom ;;
7) set -- "$@" --pin-kernel none --no-give-back ;;
esac
"""

OUTSIDE = """#!/bin/sh
%s
for root; do :; done
[ -f "$root/.pvegpu-sample" ] && set -- "$@" --run-scripts
exec '%s' "$@"
"""


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def cases():
    with open(os.path.join(HERE, "cases.txt"), encoding="ascii") as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


def is_fault(line):
    found = re.match(r"(?:seed \d+|case): (.*)", line)
    return bool(found) and not any(found[1].startswith(kind + ": ") for kind in AT_ODDS)


class Judge:
    """The judge, from a directory where Python may keep it compiled: in the sandbox its stand-ins start some
    twenty times for each host, and cannot write outside of the host."""
    def __init__(self, place, seconds):
        self.place = place
        self.program = shutil.copy(os.path.join(HERE, "topologies.py"), place)
        py_compile.compile(self.program, doraise=True)
        self.end = time.monotonic() + seconds if seconds else None
        self.lock = threading.Lock()
        self.hosts = 0

    def quick(self, more):
        """The start of a command line for the judge, with stand-ins that need no start of Python (judge.py). They
        are outside of the sandbox, which lets nobody out: pvegpu is told to run them so."""
        place = tempfile.mkdtemp(dir=self.place)
        pvegpu = os.path.join(place, "pvegpu")
        with open(pvegpu, "w", encoding="ascii") as file:
            file.write(OUTSIDE % (MORE if more else "", PVEGPU))
        os.chmod(pvegpu, 0o755)
        return [os.path.join(HERE, "judge.py"), shutil.copy(STAND_IN, os.path.join(place, "stand_in")),
                self.program, "--pvegpu", pvegpu]

    def __call__(self, arguments):
        """Nothing, or what the judge has to say."""
        left = self.end - time.monotonic() if self.end else 1e9
        if left <= 0:
            return ""
        more = arguments[0] == "+seeds"
        if more and not STAND_IN:
            return ""
        arguments = ("--seeds", arguments[1]) if more else arguments
        begin = self.quick(more) if STAND_IN and arguments[0] == "--seeds" else [self.program, "--pvegpu", PVEGPU]
        done = subprocess.run([sys.executable, *begin, "--seconds", str(left), *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        count = re.search(r"^\d+ of (\d+) hosts without a fault$", done.stdout, re.M)
        if done.returncode not in (0, 1) or not count:
            return done.stdout or "status %d" % done.returncode
        with self.lock:
            self.hosts += int(count[1])
        return done.stdout if any(map(is_fault, done.stdout.splitlines())) else ""


def shares(seeds):
    if not seeds:
        return []
    first, _, last = seeds.partition("-")
    first, last = int(first), int(last or first)
    return ["%d-%d" % (n, min(n + SHARE - 1, last)) for n in range(first, last + 1, SHARE)]


def main():
    if os.environ.get("PVEGPU_BUILD_TYPE", "Release") != "Release":
        skip("it is about plans, not memory, and takes minutes; run in a Release build")
    if subprocess.run(["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "true"],
                      capture_output=True, check=False).returncode:
        skip("the stand-ins for a host's commands run in a sandbox, which cannot be made here")
    seeds = os.environ.get("PVEGPU_ORACLE_SEEDS", SEEDS)
    todo = [("--seeds", share) for share in shares(seeds)]
    todo += [("+seeds", share) for share in shares(os.environ.get("PVEGPU_ORACLE_MORE", MORE_SEEDS))]
    todo += [("--case", case) for case in cases()]
    with tempfile.TemporaryDirectory(prefix="pvegpu-oracle.") as place:
        judge = Judge(place, float(os.environ.get("PVEGPU_ORACLE_SECONDS", 0)))
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            said = [text for text in pool.map(judge, todo) if text]
    for text in said:
        print(text)
    print("%d hosts: %d from cases.txt, the others of the seeds %s" % (judge.hosts, len(cases()), seeds or "(none)"))
    print("%d passed, %d failed" % (len(todo) - len(said), len(said)))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
