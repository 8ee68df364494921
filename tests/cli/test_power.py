# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of guests: one that ran runs again, and is not stopped for what can wait."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import HostTest, main

CONF = "etc/pve/nodes/pve2/qemu-server/105.conf"
GOAL = ("--gpu", "01:00", "--vm", "105")


class Power(HostTest):
    """VM 105 of the sample host runs."""
    def setUp(self):
        super().setUp()
        self.plan("--gpu", "01:00")
        self.apply()
        self.script("usr/sbin/reboot")
        self.assertTrue(self.running(), "105 starts at boot")

    def running(self):
        return os.path.exists(self.path("run/qemu-server/105.pid"))

    def calls(self, plan):
        return [c["path"].rsplit("/", 1)[1] for c in plan["changes"] if c["kind"] == "api"]

    def attach(self):
        self.plan(*GOAL)
        self.apply()
        self.assertTrue(self.running())


    def test_a_guest_that_gets_the_gpu_is_started_again(self):
        before = self.read(CONF)
        plan = self.plan(*GOAL)
        self.assertEqual(self.calls(plan), ["shutdown", "config", "config", "start"])
        self.apply()
        self.assertTrue(self.running())
        self.assertTrue(self.plan(*GOAL)["nothing_to_do"])
        self.rollback()
        self.assertEqual(before, self.read(CONF))
        self.assertTrue(self.running(), "it ran before")

    def test_it_stays_off_only_when_asked_for_and_that_is_said(self):
        plan = self.plan(*GOAL, "--no-start")
        self.assertEqual(self.calls(plan), ["shutdown", "config", "config"])
        self.assertIn("stays off because of --no-start", plan["changes"][0]["cost"])
        self.apply()
        self.assertFalse(self.running())
        self.rollback()
        self.assertTrue(self.running())

    def test_a_guest_that_works_is_left_alone(self):
        self.attach()
        # As before the guide's settings: it runs with its GPU.
        self.write(CONF, "".join(line for line in self.read(CONF).splitlines(True)
                                 if not line.startswith(("tablet:", "cpu:"))))
        self.assertTrue(self.plan(*GOAL)["nothing_to_do"])

    def test_what_is_asked_for_waits_for_its_next_stop(self):
        self.attach()
        self.write(CONF, "".join(line for line in self.read(CONF).splitlines(True)
                                 if not line.startswith(("tablet:", "cpu:"))))
        before = self.read(CONF)
        for options in (("--cpu-host",), ("--x-vga",), ("--no-tablet",)):
            plan = self.plan(*GOAL, *options)
            self.assertEqual(self.calls(plan), ["config"], options)
            self.assertTrue(plan["changes"][0]["waits"])
            self.assertIn("the VM runs on", plan["changes"][0]["cost"])
            self.apply()
            self.assertTrue(self.running())
            self.assertTrue(self.plan(*GOAL, *options)["nothing_to_do"], options)
            self.rollback()
            self.assertEqual(before, self.read(CONF), options)
            self.assertTrue(self.running())

    def test_what_waited_counts_after_a_stop_and_is_still_undone(self):
        self.attach()
        before = self.read(CONF)
        self.plan(*GOAL, "--x-vga")
        self.apply()
        self.assertNotIn("x-vga", before)
        self.script("usr/bin/pvesh", "create", "/nodes/pve2/qemu/105/status/shutdown")
        self.script("usr/bin/pvesh", "create", "/nodes/pve2/qemu/105/status/start")
        self.assertNotIn("[PENDING]", self.read(CONF))
        self.assertIn("x-vga=1", self.read(CONF))
        self.script("usr/bin/pvesh", "create", "/nodes/pve2/qemu/105/status/shutdown")
        self.rollback()
        self.assertEqual(before, self.read(CONF))

    def test_asked_to_count_now_it_is_started_again(self):
        self.attach()
        plan = self.plan(*GOAL, "--x-vga", "--start")
        self.assertEqual(self.calls(plan), ["shutdown", "config", "start"])
        self.apply()
        self.assertIn("x-vga=1", self.read(CONF))
        self.assertTrue(self.running())

    def test_a_start_is_for_the_gpu(self):
        for options in (("--no-attach",), ("--no-attach", "--start")):
            plan = self.plan("--gpu", "01:00", "--vm", "106", *options)
            self.assertNotIn("start", self.calls(plan))
            plan = self.plan(*GOAL, *options)
            self.assertNotIn("start", [c for c in self.calls(plan) if "shutdown" not in self.calls(plan)])


if __name__ == "__main__":
    main()
