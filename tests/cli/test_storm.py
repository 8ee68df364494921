# SPDX-License-Identifier: GPL-3.0-or-later
"""A storm of resizes and keys in every kind of screen: nothing crashes, loops or changes the host,
and at 80x24 the screen is whole again."""
import fcntl
import os
import pty
import random
import select
import signal
import struct
import termios
import time

from harness import HANG, HostTest, PVEGPU, main, on_root, tree_hash

# How to get to a screen from the first one, and a text it shows.
SCREENS = {
    "steps": (b"", b"BIOS"),
    "help": (b"2?", b"What it does"),
    "review": (b"4\n5\x1bOB\x1bOB\nv", b"Review"),
    "risk": (b"4\x1bOB\nva", b"To accept"),
}


class Storm(HostTest):
    def start(self):
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8", PVEGPU_SAMPLE_FAST="1")
            os.execv(PVEGPU, [PVEGPU, *on_root(self.root)])
        self.resize(80, 24)
        return pid

    def resize(self, columns, lines):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read_until(self, text, seconds=HANG):
        """What came until `text` did; the end of the program ends it too."""
        seen = b""
        end = time.monotonic() + seconds
        while text not in seen and time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    seen += os.read(self.terminal, 65536)
                except OSError:
                    break
        return seen

    def drain(self):
        while select.select([self.terminal], [], [], 0)[0]:
            os.read(self.terminal, 65536)

    def storm(self, name, seed):
        keys, text = SCREENS[name]
        before = tree_hash(self.root)
        pid = self.start()
        self.assertIn(b"[choose]", self.read_until(b"[choose]"))  # the whole host was read
        if keys:
            parts = keys.split(b"\x1bOB")  # an arrow key arrives in one piece
            for part in parts[:-1]:
                os.write(self.terminal, part + b"\x1bOB")
            os.write(self.terminal, parts[-1])
            self.assertIn(text, self.read_until(text))
        chance = random.Random(seed)
        for i in range(150):
            self.resize(chance.choice([1, 2, 5, 20, 40, 60, 80, 200]),
                        chance.choice([1, 2, 3, 6, 10, 12, 20, 24, 60]))
            if i % 3 == 0:
                os.write(self.terminal, chance.choice([b"\x1bOB", b"\x1bOA", b"\x1b[6~", b"\x1b[5~"]))
            time.sleep(0.003)
            self.drain()
        self.resize(80, 24)
        self.drain()
        os.write(self.terminal, b"\x0c")  # redraw
        self.assertIn(text, self.read_until(text))
        os.kill(pid, signal.SIGTERM)
        self.read_until(b"\0never", seconds=HANG)
        ended, status = os.waitpid(pid, 0)
        os.close(self.terminal)
        self.assertEqual(os.waitstatus_to_exitcode(status), 128 + signal.SIGTERM)
        self.assertEqual(before, tree_hash(self.root))

    def test_steps(self):
        self.storm("steps", 1)

    def test_help(self):
        self.storm("help", 2)

    def test_review(self):
        self.storm("review", 3)

    def test_risk(self):
        self.storm("risk", 4)


if __name__ == "__main__":
    main()
