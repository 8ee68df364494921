# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for made-up hosts, judged by a program that knows nothing of this one (see README.md).

Each line of cases.txt is a host; PVEGPU_ORACLE_SEEDS=A-B tries random ones as well, for
PVEGPU_ORACLE_SECONDS at most."""
import concurrent.futures
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PVEGPU = os.environ.get("PVEGPU", "build/pvegpu")
WORKERS = 2
# Where the judge and this program differ on purpose, and why; README.md has the same list.
AT_ODDS = {"I7 gpus": "it leaves accelerators (class 1200) out; README.md of the project lists them with the GPUs",
           "I7 fails-healthy vm.ha-managed": "an address under HA is another device on another node"}


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def cases():
    with open(os.path.join(HERE, "cases.txt"), encoding="ascii") as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


def judge(*arguments):
    """Nothing, or what the judge has to say."""
    done = subprocess.run([sys.executable, os.path.join(HERE, "topologies.py"), "--pvegpu", PVEGPU, *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode not in (0, 1):
        return done.stdout or "status %d" % done.returncode
    faults = [line for line in done.stdout.splitlines() if re.match(r"(seed \d+|case): ", line)]
    if done.returncode and not faults:
        return done.stdout
    faults = [line for line in faults if not any(": %s: " % kind in line for kind in AT_ODDS)]
    return done.stdout if faults else ""


def shares(seeds):
    """The seeds of A-B, an equal part for each worker."""
    first, last = (int(n) for n in seeds.split("-"))
    size = (last - first + WORKERS) // WORKERS
    return ["%d-%d" % (n, min(n + size - 1, last)) for n in range(first, last + 1, size)]


def main():
    if os.environ.get("PVEGPU_BUILD_TYPE", "Release") != "Release":
        skip("it is about plans, not memory, and takes minutes; run in a Release build")
    if subprocess.run(["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "true"],
                      capture_output=True, check=False).returncode:
        skip("the stand-ins for a host's commands run in a sandbox, which cannot be made here")
    todo = [("--case", case) for case in cases()]
    seeds = os.environ.get("PVEGPU_ORACLE_SEEDS")
    if seeds:
        seconds = os.environ.get("PVEGPU_ORACLE_SECONDS", "180")
        todo = [("--seeds", share, "--seconds", seconds) for share in shares(seeds)] + todo
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        said = [text for text in pool.map(lambda arguments: judge(*arguments), todo) if text]
    for text in said:
        print(text)
    print("%d passed, %d failed" % (len(todo) - len(said), len(said)))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
