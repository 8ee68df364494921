#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# doctor.sh PVEGPU [MIB]: CPU time of `pvegpu doctor` over a log of MIB megabytes (50), as a ratio to
# `grep -E -i -f` with the same patterns, taken in turns in one run, in two locales. Both must find
# the same lines. Not part of the tests: a busy machine makes times say little, ratios some more.
set -eu
pvegpu=${1:?usage: doctor.sh PVEGPU [MIB]}
mib=${2:-50}
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 - "$here" "$work" "$mib" "$pvegpu" <<'PY'
import json, os, random, re, resource, subprocess, sys
here, work, mib, pvegpu = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
random.seed(1)
# Log lines of hosts that work, with new numbers each time, and one line in some thousand that is known.
lines = []
for name in sorted(os.listdir(here + "/doctor/healthy")):
    with open(here + "/doctor/healthy/" + name) as file:
        lines += [line for line in file if not line.startswith("#")]
known = [json.loads(line).get("line") for line in open(here + "/doctor/lines.jsonl")]
known = [line for line in known if line]
log, size, hits = work + "/big.log", 0, 0
with open(log, "w") as file:
    while size < mib << 20:
        if random.random() < 0.0002:
            line = random.choice(known) + "\n"
        else:
            line = random.choice(lines).replace("[", "[%d" % random.randrange(9), 1)
        file.write(line)
        size += len(line.encode())
catalogue = json.loads(subprocess.run([pvegpu, "doctor", "--list", "--format", "json"], capture_output=True, check=True).stdout)
with open(work + "/patterns", "w") as file:
    for row in catalogue["symptoms"]:
        file.write(row["pattern"] + "\n")

def cpu(command, env):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=dict(os.environ, **env))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000, done.stdout

print("%d MiB, %d lines, %d patterns" % (mib, sum(1 for _ in open(log)), len(catalogue["symptoms"])))
ours_command = [pvegpu, "doctor", "--log", log, "--format", "json", "--root", work]
os.makedirs(work + "/sys/bus/pci/devices", exist_ok=True)
worst = 0
for locale in ("C", "C.UTF-8"):
    env = {"LC_ALL": locale}
    ours, peer, exact = [], [], []
    for _ in range(5):
        t, out = cpu([pvegpu, "doctor", "--log", log, "--format", "json"], env)
        ours.append(t)
        found = sum(match["count"] for match in json.loads(out)["matches"])
        t, out = cpu(["grep", "-c", "-a", "-E", "-i", "-f", work + "/patterns", log], env)
        peer.append(t)
        t, _ = cpu(["grep", "-c", "-a", "-E", "-f", work + "/patterns", log], env)
        exact.append(t)
    assert found == int(out), (found, out)
    ours, peer, exact = (sorted(x)[2] for x in (ours, peer, exact))
    worst = max(worst, ours / exact)
    print("%-8s pvegpu %6.0f ms   grep -i %6.0f ms: %.2f   grep %6.0f ms: %.2f   (%d lines found by both)"
          % (locale, ours, peer, ours / peer, exact, ours / exact, found))
print("goal: at most 1.50 of grep -E -f: %s" % ("met" if worst <= 1.5 else "missed"))
PY
