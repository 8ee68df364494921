# SPDX-License-Identifier: GPL-3.0-or-later
"""What pvesh says when it fails: progress comes first, the reason last."""
import os

from harness import HostTest, main

GOAL = ("--no-advised", "--gpu", "01:00", "--vm", "106", "--cpu-host", "--no-attach", "--no-start")  # one call
LOCK = "trying to acquire lock..."
TIMEOUT = "can't lock file '/var/lock/qemu-server/lock-106.conf' - got timeout"
READ_ONLY = ("unable to open file '/etc/pve/nodes/pve2/qemu-server/106.conf.tmp.4711' - "
             "Permission denied")


class LocalErrors(HostTest):
    def setUp(self):
        super().setUp()
        grub = self.read("etc/default/grub")
        self.write("etc/default/grub", grub.replace('="quiet"', '="quiet intel_iommu=on"'))
        self.script("usr/sbin/update-grub")
        self.script("usr/sbin/reboot")
        self.assertEqual([c["kind"] for c in self.plan(*GOAL)["changes"]], ["api"])
        self.pvesh = self.path("usr/bin/pvesh")

    def says(self, *lines, out=()):
        """What apply tells of a pvesh whose every change ends with these lines on stderr."""
        real = self.pvesh + ".real"
        if not os.path.exists(real):
            os.rename(self.pvesh, real)
        with open(self.pvesh, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\ncase $1 in get) exec perl '%s' \"$@\" ;; esac\n" % real)
            for line in out:
                file.write("cat <<'end'\n%s\nend\n" % line)
            for line in lines:
                file.write("cat >&2 <<'end'\n%s\nend\n" % line)
            file.write("exit 255\n")
        os.chmod(self.pvesh, 0o755)
        return self.apply(expect=4).stderr

    def test_what_counts(self):
        usage = "pvesh set <api_path> [OPTIONS] [FORMAT_OPTIONS]"
        # What it says on stderr, what is told of it, and what is not.
        for lines, told, untold in (
                ((LOCK, TIMEOUT), TIMEOUT, (LOCK,)),
                ((LOCK, " OK", "some warning", "", "unable to do it", ""), "unable to do it",
                 (LOCK, "some warning")),
                ((LOCK, " OK", "400 Parameter verification failed.",
                  "cores: type check ('integer') failed - got 'x'",
                  "hostpci0: invalid format - format error",
                  "hostpci0.foo: property is not defined", "", usage),
                 "400 Parameter verification failed. cores: type check ('integer') failed - got "
                 "'x' hostpci0: invalid format - format error hostpci0.foo: property is not "
                 "defined", (LOCK, usage)),
                ((), "it failed without a message", ())):
            with self.subTest(told):
                said = self.says(*lines)
                self.assertIn(": %s (exit status 255)" % told, said)
                for text in untold:
                    self.assertNotIn(text, said)
        self.assertIn(": it is so (exit", self.says(out=("update VM 106: x", "it is so")))
        self.assertNotIn("\x1b", self.says("it went wrong \x1b[2Jhere"))
        said = self.says(LOCK, READ_ONLY)
        self.assertIn(READ_ONLY, said)
        self.assertIn("without quorum /etc/pve is read-only", said)


if __name__ == "__main__":
    main()
