# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no regular file is refused by name wherever something is read: nothing waits at a pipe or
reads a device to its end. (run() bounds each command; one that hangs fails there.)"""
import os
import socket
import subprocess

from harness import PVEGPU, HostTest, main, run


class OddFiles(HostTest):
    def odd(self):
        """One path of each kind that is no file, and the word for it."""
        where = os.path.join(self.directory, "odd")
        os.mkdir(where)
        os.mkfifo(where + "/pipe")
        bound = socket.socket(socket.AF_UNIX)
        self.addCleanup(bound.close)
        bound.bind(where + "/socket")
        return {"a directory": where, "a pipe": where + "/pipe", "a socket": where + "/socket",
                "a device": "/dev/zero"}

    def test_files_that_a_person_names(self):
        commands = {
            "plan": lambda path: ["apply", path, "--yes"],
            "since": lambda path: ["audit", "--since", path],
            "log": lambda path: ["doctor", "--log", path],
            "followed": lambda path: ["doctor", "--follow", "--log", path],
            "token": lambda path: ["audit", "--api", "127.0.0.1:1", "--token-file", path],
            "ca": lambda path: ["audit", "--api", "127.0.0.1:1", "--ca-file", path],
        }
        for kind, path in self.odd().items():
            for name, command in commands.items():
                remote = name in ("token", "ca")
                done = run(*command(path), root=None if remote else self.root,
                           env={"HOME": self.directory, "PVEGPU_TOKEN": "a@pam!b=c"})
                with self.subTest(name=name, kind=kind):
                    self.assertIn(done.returncode, (2, 3), done.stdout + done.stderr)
                    self.assertIn("cannot read '%s': it is %s, not a file" % (path, kind), done.stderr)

    def test_a_pipe_is_read_from_standard_input(self):
        done = run("doctor", "--log", "-", root=self.root, stdin="vfio 0000:01:00.0: group 14 is not viable\n")
        self.assertEqual(done.returncode, 1, done.stderr)
        for path in ("/dev/stdin", "/proc/self/fd/0"):
            done = run("doctor", "--log", path, root=self.root, stdin="x\n")
            self.assertEqual(done.returncode, 3)
            self.assertIn("--log -", done.stderr)

    def groups(self):
        """The host's files by the directory two levels below its root."""
        groups = {}
        for where, _, files in os.walk(self.root):
            for name in files:
                path = os.path.join(where, name)
                part = os.path.relpath(path, self.root).split("/")
                if not os.path.islink(path) and part[0] != ".pvegpu-sample":
                    groups.setdefault("/".join(part[:2]) if len(part) > 2 else part[0], []).append(path)
        return groups

    def test_any_file_of_a_host_may_be_a_pipe(self):
        for group, paths in sorted(self.groups().items()):
            for path in paths:
                os.rename(path, path + ".regular")
                os.mkfifo(path)
            for command in (["audit"], ["doctor"], ["plan", "--gpu", "01:00", "--vm", "106"]):
                done = run(*command, root=self.root)
                with self.subTest(group=group, command=command):
                    self.assertIn(done.returncode, (0, 1, 2, 3), done.stderr)
            for path in paths:
                os.rename(path + ".regular", path)

    def test_images_that_never_end(self):
        image = self.path("boot/initrd.img-6.2.16-3-pve")
        with open(image, "wb") as file:
            file.truncate(1 << 42)  # zeros, without a block on the disk
        # Bounded in what is read, not in time.
        trace = os.path.join(self.directory, "trace")
        try:
            subprocess.run(["strace", "-f", "-o", trace, "-e", "trace=pread64,read", PVEGPU, "audit",
                            "--root", self.root], stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=300, check=False)
        except FileNotFoundError:
            self.skipTest("strace is not installed")
        with open(trace, encoding="ascii", errors="replace") as file:
            reads = sum("pread64(" in line for line in file)
        self.assertLess(reads, 2000)

    def test_devices_of_a_host(self):
        for name in ("boot/initrd.img-6.2.16-3-pve", "etc/default/grub", "proc/mounts", "var/log/kern.log",
                     "etc/pve/nodes/pve2/qemu-server/106.conf"):
            path = self.path(name)
            if os.path.exists(path):
                os.unlink(path)
            try:
                os.mknod(path, 0o020644, os.makedev(1, 5))  # as /dev/zero
            except PermissionError:
                self.skipTest("devices cannot be made here")
        for command in ("audit", "doctor"):
            done = run(command, root=self.root)
            self.assertIn(done.returncode, (0, 1, 3), done.stderr)
            self.assertRegex(done.stdout, r"it\s+is\s+a\s+device,\s+not\s+a\s+file")


if __name__ == "__main__":
    main()
