#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# audit.sh PVEGPU [DEVICES [VMS]]: what `pvegpu audit` costs on a host of DEVICES functions (512) and
# VMS VMs (200), beside `lspci -nnk` over the same tree, in turns: CPU as a ratio, memory, system
# calls (strace), instructions (valgrind). Not part of the tests: a busy machine makes times say
# little, ratios some more, counts nearly all.
set -eu
pvegpu=${1:?usage: audit.sh PVEGPU [DEVICES [VMS]]}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$here/tree.py" "$work/root" "${2:-512}" "${3:-200}"
python3 - "$pvegpu" "$work" <<'PY'
import os, re, resource, select, shutil, subprocess, sys, time
pvegpu, work = sys.argv[1:3]
audit = [pvegpu, "audit", "--root", work + "/root", "--format", "json"]
lspci = ["lspci", "-nnk", "-O", "sysfs.path=%s/root/sys/bus/pci" % work]

def cpu(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000

def memory(command):
    """Peak in KB while it waits for a reader: ru_maxrss would have Python's own, from before exec."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    select.select([child.stdout], [], [])
    time.sleep(0.3)
    try:
        with open("/proc/%d/status" % child.pid) as status:
            peak = re.search(r"VmHWM:\s+(\d+)", status.read())
    except OSError:
        peak = None
    child.communicate()
    return int(peak.group(1)) if peak else 0

def count(tool, pattern, command):
    if not shutil.which(tool[0]):
        return None
    done = subprocess.run(tool + command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    found = re.findall(pattern, done.stderr)
    return int(found[-1].replace(",", "")) if found else None

def show(what, ours, theirs, form):
    if ours and theirs:
        print("%-22s pvegpu %s   lspci -nnk %s: %.2f" % (what, form % ours, form % theirs, ours / theirs))

pairs = [(cpu(audit), cpu(lspci)) for turn in range(9)]
ours, theirs = (sorted(pair[side] for pair in pairs)[len(pairs) // 2] for side in (0, 1))
show("CPU, ms", ours, theirs, "%8.1f")
peak = memory(audit)
show("peak memory, KB", peak, memory(lspci), "%8d")
calls = (["strace", "-c", "-f"], r"(?m)^\s*100\.00\s+\S+\s+(?:\d+\s+)?(\d+)\s+\d+\s+total")
steps = (["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], r"Collected : (\d+)")
show("system calls", count(*calls, audit), count(*calls, lspci), "%8d")
show("instructions", count(*steps, audit), count(*steps, lspci), "%11d")
start = count(*steps, [pvegpu, "--version"])
if start:
    print("%-22s pvegpu --version %d" % ("instructions", start))
print("goal: CPU at most 0.40, memory at most 5120 KB: %s" % ("met" if ours / theirs <= 0.4 and peak <= 5120 else "missed"))
PY
