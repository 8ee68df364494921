# SPDX-License-Identifier: GPL-3.0-or-later
"""Four times as long an input costs about four times as much, not sixteen times. Instructions are
counted (valgrind), not seconds: the count is the same on a busy machine."""
import os
import re
import shutil
import subprocess
import unittest

from harness import HANG, HostTest, PVEGPU, main

FEW, MANY = 500, 2000  # lines
UPID = "UPID:pve2:%08X:%08X:%08X:qmstart:106:root@pam:"


# Path below the root -> the text of one line, by its number. What stands in the file stays before it.
INPUTS = {
    "var/log/pve/tasks/index": lambda n: (UPID + " %08X OK\n") % (n, n, 0x60000000 + n, 0x60000001 + n),
    "proc/mounts": lambda n: "/dev/sdz%d /mnt/%d ext4 rw 0 0\n" % (n, n),
    "proc/swaps": lambda n: "/dev/sdz%d partition 1 0 0\n" % n,
    "proc/modules": lambda n: "module%d 1 0 - Live 0x0\n" % n,
    "proc/iomem": lambda n: "  c0000000-d1ffffff : part %d\n" % n,
    "proc/net/route": lambda n: "vmbr0\t00000000\t0100000A\t0003\t0\t0\t%d\t00000000\t0\t0\t0\n" % n,
    "etc/modules": lambda n: "module%d\n" % n,
    "etc/modprobe.d/long.conf": lambda n: "blacklist module%d\n" % n,
    "etc/default/grub": lambda n: "GRUB_X%d=1\n" % n,
    "etc/network/interfaces": lambda n: "iface v%d inet manual\n" % n,
    "etc/pve/ha/resources.cfg": lambda n: "vm: %d\n\tstate started\n" % n,
    "etc/pve/mapping/pci.cfg": lambda n: "m%d\n\tmap node=pve9,path=0000:01:00,id=10de:2206\n\n" % n,
    "etc/pve/nodes/pve2/qemu-server/106.conf": lambda n: "[snap%d]\ncores: 1\n" % n,
    "proc/cmdline": lambda n: " word%d=1" % n,
    "etc/default/grub.d/long.cfg": lambda n: "word%d=1 " % n,
    "var/log/kern.log": lambda n: "Nov 25 10:00:01 pve2 kernel: DMAR: IOMMU disabled %d\n" % n,
}
# What stands around the lines, where they are words of one value.
AROUND = {"etc/default/grub.d/long.cfg": ('GRUB_CMDLINE_LINUX_DEFAULT="', '"\n')}


class LongInput(HostTest):
    def instructions(self):
        done = subprocess.run(
            ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
             "--child-silent-after-fork=yes", PVEGPU,
             "audit", "--root", self.root], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return int(re.search(r"I\s+refs:\s+([0-9,]+)", done.stderr).group(1).replace(",", ""))

    @unittest.skipIf(os.environ.get("PVEGPU_BUILD_TYPE", "Release") != "Release" or not shutil.which("valgrind"),
                     "needs valgrind and a build without sanitizers")
    def test_cost_grows_with_the_length(self):
        nothing = self.instructions()
        for name, line in INPUTS.items():
            before = self.read(name) if os.path.exists(self.path(name)) else None
            os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
            cost = []
            for n in (FEW, MANY):
                begin, end = AROUND.get(name, ("", ""))
                self.write(name, (before or "") + begin + "".join(map(line, range(n))) + end)
                cost.append(max(self.instructions() - nothing, 1))
            with self.subTest(name=name):
                # What costs next to nothing may be all noise.
                self.assertTrue(cost[1] < 6 * cost[0] or cost[1] < 200 * MANY, cost)
            os.unlink(self.path(name))
            if before is not None:
                self.write(name, before)


if __name__ == "__main__":
    main()
