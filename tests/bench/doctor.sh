#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# doctor.sh PVEGPU [MIB]: CPU time of `pvegpu doctor` over a log of MIB megabytes (50), as a ratio to
# `grep -E -f` with the same patterns, and to `grep -F -i -f` with their literals alone, which is less
# than the doctor does; in turns, in two locales. grep -E -i must find the same lines. Not part of
# the tests: a busy machine makes times say little, ratios some more. grep -E takes seconds a run.
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
for name in ("pattern", "literal"):
    with open(work + "/" + name, "w") as file:
        for row in catalogue["symptoms"]:
            file.write(row[name] + "\n")

def cpu(command, env):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=dict(os.environ, **env))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000, done.stdout

print("%d MiB, %d lines, %d patterns" % (mib, sum(1 for _ in open(log)), len(catalogue["symptoms"])))
worst = 0
for locale in ("C", "C.UTF-8"):
    env = {"LC_ALL": locale}
    ours, regex, fixed = [], [], []
    for turn in range(3):
        t, out = cpu([pvegpu, "doctor", "--log", log, "--format", "json"], env)
        ours.append(t)
        found = sum(match["count"] for match in json.loads(out)["matches"])
        regex.append(cpu(["grep", "-c", "-a", "-E", "-f", work + "/pattern", log], env)[0])
        fixed.append(cpu(["grep", "-c", "-a", "-F", "-i", "-f", work + "/literal", log], env)[0])
    _, out = cpu(["grep", "-c", "-a", "-E", "-i", "-f", work + "/pattern", log], {"LC_ALL": "C"})
    assert found == int(out), (found, out)
    ours, regex, fixed = (sorted(x)[1] for x in (ours, regex, fixed))
    worst = max(worst, ours / regex, ours / fixed)
    print("%-8s pvegpu %5.0f ms   grep -E -f %6.0f ms: %.2f   grep -F -i -f, literals %5.0f ms: %.2f   (%d lines)"
          % (locale, ours, regex, ours / regex, fixed, ours / fixed, found))
print("goal: at most 1.50 of either: %s" % ("met" if worst <= 1.5 else "missed"))
PY
