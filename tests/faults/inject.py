# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fault tests share: a host whose commands are quick, its snapshots, and strace."""
import collections
import concurrent.futures
import os
import re
import shutil
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from harness import NOBODY, PVEGPU, copy_sample, on_root  # noqa: E402

SANITIZED = os.environ.get("PVEGPU_BUILD_TYPE") == "Dev"
ALL = os.environ.get("PVEGPU_FAULTS") == "all"
GOAL = ("--gpu", "01:00", "--vm", "106", "--bind", "early", "--modules")
CONFIG = """menuentry 'Proxmox VE GNU/Linux' {
	linux	/boot/vmlinuz-6.2.16-3-pve root=/dev/mapper/pve-root ro  %s
	initrd	/boot/initrd.img-6.2.16-3-pve
}
"""
COMMANDS = {
    "update-grub": """#!/bin/sh
echo Generating
. "$PVEGPU_ROOT/etc/default/grub"
printf "%s" "$GRUB_CMDLINE_LINUX_DEFAULT" >"$PVEGPU_ROOT/boot/grub/grub.cfg.new"
mv "$PVEGPU_ROOT/boot/grub/grub.cfg.new" "$PVEGPU_ROOT/boot/grub/grub.cfg"
""" % CONFIG.replace("\n", "\\n").replace("\t", "\\t"),
    "update-initramfs": """#!/bin/sh
echo Generating; echo more >&2
for image in "$PVEGPU_ROOT"/boot/initrd.img-*; do
	cat "$PVEGPU_ROOT"/etc/modules "$PVEGPU_ROOT"/etc/modprobe.d/* >"$image" 2>/dev/null || :
done
""",
}
Call = collections.namedtuple("Call", "name n line")


def make_host(root):
    """/etc/default/grub is a link to a file of somebody else with an attribute; no /etc/modprobe.d."""
    copy_sample(root)
    for name, text in COMMANDS.items():
        with open(os.path.join(root, "usr/sbin", name), "w", encoding="ascii") as file:
            file.write(text)
    real = os.path.join(root, "srv/grub")
    os.makedirs(os.path.dirname(real), exist_ok=True)
    os.rename(os.path.join(root, "etc/default/grub"), real)
    os.symlink("../../srv/grub", os.path.join(root, "etc/default/grub"))
    os.chmod(real, 0o640)
    if os.geteuid() == 0:
        os.chown(real, NOBODY, NOBODY)
    try:
        os.setxattr(real, "user.kept", b"\x01\x02")
    except OSError:
        pass
    shutil.rmtree(os.path.join(root, "etc/modprobe.d"))
    for name in COMMANDS:
        subprocess.run([os.path.join(root, "usr/sbin", name)], check=True, capture_output=True,
                       env=dict(os.environ, PVEGPU_ROOT=root))


def run(root, *arguments, strace=None):
    command = list(strace or []) + [PVEGPU, *arguments, *on_root(root)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          timeout=300, check=False,
                          env=dict(os.environ, PVEGPU_SAMPLE_FAST="1", ASAN_OPTIONS="detect_leaks=0"))


def attributes(path):
    try:
        return tuple((name, os.getxattr(path, name)) for name in sorted(os.listxattr(path)))
    except OSError:
        return ()


def snapshot(root, places=("etc", "boot", "srv")):
    """Path to mode, owner, attributes and content, of all that a run may touch."""
    found = {}
    for place in places:
        for where, directories, files in os.walk(os.path.join(root, place)):
            for name in directories + files:
                path = os.path.join(where, name)
                status = os.lstat(path)
                content = None
                if stat.S_ISLNK(status.st_mode):
                    content = os.readlink(path)
                elif stat.S_ISREG(status.st_mode):
                    with open(path, "rb") as file:
                        content = file.read()
                known = () if stat.S_ISLNK(status.st_mode) else attributes(path)
                found[os.path.relpath(path, root)] = (status.st_mode, status.st_uid, status.st_gid, known, content)
    return found


def difference(a, b):
    return sorted(name for name in set(a) | set(b) if a.get(name) != b.get(name))


def trace(root, log, *arguments):
    """The system calls of pvegpu's own process, each numbered among those of its name."""
    done = run(root, *arguments, strace=["strace", "-o", log])
    counts = collections.Counter()
    calls = []
    with open(log, encoding="latin-1") as file:
        for line in file:
            found = re.match(r"(\w+)\(", line)
            if found:
                counts[found.group(1)] += 1
                calls.append(Call(found.group(1), counts[found.group(1)], line.rstrip()))
    return done, calls


def injected(name, n, what):
    return ["strace", "-o", "/dev/null", "-e", "inject=%s:%s:when=%d" % (name, what, n)]


def spread(jobs, limit):
    """At most `limit` of them, evenly, always the same."""
    if ALL or len(jobs) <= limit:
        return jobs
    return [jobs[i * len(jobs) // limit] for i in range(limit)]


def side_by_side(work, jobs, make_place):
    """work(place, job) for each job, on a place of its own for each of this machine's processors."""
    workers = min(4, os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        places = [make_place(i) for i in range(workers)]
        return [bad for found in pool.map(
            lambda i: [work(places[i], job) for job in jobs[i::workers]], range(workers)) for bad in found if bad]
