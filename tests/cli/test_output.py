# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves the program: its exit status when nobody can read, when lines come, saved plans, and the
terminal after a question."""
import json
import os
import pty
import select
import shutil
import signal
import stat
import subprocess
import termios
import time

from harness import HostTest, PVEGPU, main, run, tree_hash, on_root

ENVIRONMENT = dict(os.environ, PVEGPU_SAMPLE_FAST="1")


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it never came")
        time.sleep(0.02)


def read_until(fd, text, got=b""):
    """Read a pipe or terminal until `text` has come."""
    while text not in got:
        if not select.select([fd], [], [], 60)[0]:
            raise AssertionError("never read %r, but %r" % (text, got))
        try:
            piece = os.read(fd, 65536)
        except OSError:
            piece = b""
        if not piece:
            raise AssertionError("never read %r, but %r" % (text, got))
        got += piece
    return got


class Nobody(HostTest):
    """Standard output is full, closed, or its reader is gone."""

    def setUp(self):
        super().setUp()
        self.plan("--gpu", "01:00")

    def start(self, *arguments, how, **options):
        command = [PVEGPU, *arguments, *on_root(self.root)]
        with open("/dev/full", "wb") as full:
            read_end, write_end = os.pipe()
            os.close(read_end)
            stdout = {"full": full, "gone": write_end, "closed": None}[how]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                                  text=True, env=dict(ENVIRONMENT, **options), timeout=120,
                                  preexec_fn=(lambda: os.close(1)) if how == "closed" else None)
            os.close(write_end)
        return done

    def test_status_of_a_run_is_about_the_host(self):
        sound = os.path.join(self.directory, "sound")
        shutil.copytree(self.root, sound, symlinks=True)
        before = tree_hash(self.root)
        self.assertEqual(run("apply", self.plan_file, "--yes", root=sound).returncode, 0)
        for how in ("full", "closed", "gone"):
            for formats in ([], ["--format", "json"]):
                done = self.start("apply", self.plan_file, "--yes", *formats, how=how)
                self.assertEqual(done.returncode, 0, (how, done.stderr))
                self.assertIn("standard output could not be written", done.stderr)
                self.assertEqual(tree_hash(self.root), tree_hash(sound), how)
                done = self.start("rollback", "--yes", *formats, how=how)
                self.assertEqual(done.returncode, 0, (how, done.stderr))
                self.assertIn("standard output could not be written", done.stderr)
                self.assertEqual(tree_hash(self.root), before, how)
        for how in ("full", "gone"):
            done = self.start("apply", self.plan_file, "--yes", how=how, PVEGPU_SAMPLE_FAIL="update-grub")
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("update-grub", done.stderr)
            self.rollback()

    def test_a_report_must_arrive(self):
        for command in (["audit"], ["plan", "--gpu", "01:00"], ["audit", "--format", "json"], ["history"],
                        ["doctor", "--list"]):
            for how in ("full", "closed"):
                done = self.start(*command, how=how)
                self.assertEqual(done.returncode, 3, (command, how))
                self.assertIn("standard output could not be written", done.stderr)
            done = self.start(*command, how="gone")
            self.assertEqual(done.stderr, "", command)
            self.assertNotEqual(done.returncode, 0)

    def test_head(self):
        """Closed streams are not taken by files that are opened."""
        done = subprocess.run("%s audit --root %s | head -1" % (PVEGPU, self.root), shell=True, text=True,
                              capture_output=True, env=ENVIRONMENT, timeout=120)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.stdout.count("\n"), 1)


class Held(HostTest):
    """What was done can be read before the next thing begins."""

    def test_lines_of_a_run_come_at_once(self):
        self.plan("--gpu", "01:00")
        gate = os.path.join(self.directory, "gate")
        os.mkfifo(gate)
        command = self.path("usr/sbin/update-grub")
        os.rename(command, command + ".real")
        with open(command, "w") as file:
            file.write('#!/bin/sh\necho begun\nread line <"%s"\nexec "$0.real" "$@"\n' % gate)
        os.chmod(command, 0o755)
        program = subprocess.Popen([PVEGPU, "apply", self.plan_file, "--yes", *on_root(self.root)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=ENVIRONMENT)
        got = read_until(program.stdout.fileno(), b"    | begun\n")
        self.assertIn(b"    done\n", got)
        self.assertNotIn(b"changes made", got)
        with open(gate, "w") as file:
            file.write("go\n")
        rest = program.stdout.read()
        program.stdout.close()
        self.assertEqual(program.wait(timeout=60), 0)
        self.assertIn(b"changes made", rest)
        # As it is pasted it undoes that run, on this host.
        os.rename(command + ".real", command)
        undo = rest.decode().split("Undo with: ")[1].split("\n")[0]
        self.assertIn("--root " + self.root, undo)
        subprocess.run(undo.replace("pvegpu", PVEGPU, 1) + " --yes", shell=True, check=True, env=ENVIRONMENT,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120)
        self.assertNotIn("intel_iommu=on", self.read("etc/default/grub"))

    def test_the_plan_comes_before_the_question(self):
        """As in: pvegpu apply PLAN | tee log"""
        self.plan("--gpu", "01:00")
        master, slave = pty.openpty()
        for command, shown in ((["apply", self.plan_file], b"update-grub"), (["rollback"], b"undo")):
            if command[0] == "rollback":
                self.apply()
            program = subprocess.Popen([PVEGPU, *command, *on_root(self.root)], stdin=slave, stderr=slave,
                                       stdout=subprocess.PIPE, env=ENVIRONMENT)
            read_until(master, b"Type yes")
            self.assertIn(shown, read_until(program.stdout.fileno(), shown))
            os.write(master, b"no\n")
            program.stdout.read()
            program.stdout.close()
            self.assertEqual(program.wait(timeout=60), 1)
        os.close(master)
        os.close(slave)


class SavedPlan(HostTest):
    """plan --out: nobody else reads it, whatever was there before."""

    def save(self, path, status=0):
        done = run("plan", "--gpu", "01:00", "--out", path, root=self.root)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def test_modes_and_names(self):
        os.umask(0o022)
        for mode in (None, 0o644, 0o666, 0o400):
            if mode:
                with open(self.plan_file, "w") as file:
                    file.write("old")
                os.chmod(self.plan_file, mode)
            self.save(self.plan_file)
            self.assertEqual(stat.S_IMODE(os.stat(self.plan_file).st_mode), 0o600)
        other = os.path.join(self.directory, "other")
        with open(other, "w") as file:
            file.write("old")
        os.unlink(self.plan_file)
        os.link(other, self.plan_file)
        with open(self.plan_file) as reader: # who has it open sees nothing of the new one
            self.save(self.plan_file)
            self.assertEqual(reader.read(), "old")
        with open(other) as file:
            self.assertEqual(file.read(), "old")
        os.unlink(self.plan_file)
        os.symlink(other, self.plan_file)
        self.assertIn("it is a link", self.save(self.plan_file, status=2).stderr)
        with open(other) as file:
            self.assertEqual(file.read(), "old")
        os.unlink(self.plan_file)
        os.symlink(os.path.join(self.directory, "nothing"), self.plan_file)
        self.save(self.plan_file, status=2)
        self.save(self.root, status=2)
        self.save(os.path.join(self.directory, "no", "such"), status=2)
        self.save("/dev/full", status=2)
        self.save("/dev/null")
        self.assertEqual(sorted(os.listdir(self.directory)), ["host", "other", "plan.json"])

    def test_pipe(self):
        os.mkfifo(self.plan_file)
        reader = subprocess.Popen(["cat", self.plan_file], stdout=subprocess.PIPE)
        self.save(self.plan_file)
        self.assertEqual(json.loads(reader.communicate(timeout=60)[0])["schema"], "pvegpu.plan/1")


class Password(HostTest):
    """Whatever ends the question, the terminal shows again what is typed."""

    COMMAND = [PVEGPU, "audit", "--api", "https://127.0.0.1:1", "--user", "root@pam"]

    def start(self, command):
        environment = dict(ENVIRONMENT, HOME=self.directory)
        for name in ("PVEGPU_PASSWORD", "PVEGPU_TOKEN", "XDG_CONFIG_HOME"):
            environment.pop(name, None)
        pid, master = pty.fork()
        if pid == 0:
            os.execve(command[0], command, environment)
        self.addCleanup(os.close, master)
        return pid, master

    def echo(self, master):
        return bool(termios.tcgetattr(master)[3] & termios.ECHO)

    def asked(self, master, got=b""):
        read_until(master, b"Password of root@pam: ", got)
        wait_for(lambda: not self.echo(master))

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM):
            # The shell keeps the terminal, whose state would be gone with its last user.
            pid, master = self.start(["/bin/sh", "-c", '"$@"; echo "ended $?"; read line', "sh", "/bin/sh", "-c",
                                      'echo "<$$>"; exec "$@"', "sh", *self.COMMAND])
            got = read_until(master, b">")
            self.asked(master, got)
            os.kill(int(got.split(b"<")[1].split(b">")[0]), number)
            got = read_until(master, b"ended ")
            self.assertTrue(self.echo(master), number)
            os.write(master, b"\n")
            os.waitpid(pid, 0)

    def test_stop_and_go_on(self):
        pid, master = self.start(["/bin/sh", "-c", 'set -m; "$@"; echo was stopped; read line; fg; echo "ended $?"; '
                                  'read line', "sh", *self.COMMAND])
        self.asked(master)
        os.write(master, b"\x1a")
        read_until(master, b"was stopped")
        self.assertTrue(self.echo(master))
        os.write(master, b"\n")
        self.asked(master)
        os.write(master, b"\n")
        read_until(master, b"ended ")
        self.assertTrue(self.echo(master))
        os.write(master, b"\n")
        os.waitpid(pid, 0)

    def test_answer(self):
        for answer, text in ((b"secret\n", b"127.0.0.1"), (b"\n", b"no password"), (b"\x04", b"no password"),
                             (b"x" * 3000 + b"\n", b"127.0.0.1")):
            pid, master = self.start(self.COMMAND)
            self.asked(master)
            os.write(master, answer)
            got = read_until(master, text)
            self.assertNotIn(b"secret", got)
            self.assertTrue(self.echo(master))
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
