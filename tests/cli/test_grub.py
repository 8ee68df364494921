# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot configuration files as people write them: after apply a real sh, sourcing the files as
grub-mkconfig does, has every old word and each new one once; applying again changes nothing; and
rollback gives every byte back."""
import json
import os
import subprocess

from harness import HostTest, SOURCE, main, run, tree_hash

NEW = ["intel_iommu=on", "iommu=pt"]
DEFAULT = "GRUB_CMDLINE_LINUX_DEFAULT"
# What other tools were seen to damage.
FILES = {
    "stock": 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n',
    "single quotes": "GRUB_CMDLINE_LINUX_DEFAULT='quiet'\nGRUB_CMDLINE_LINUX=\"\"\n",
    "trailing comment": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet" # host console\nGRUB_CMDLINE_LINUX=""\n',
    "trailing blank": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet" \nGRUB_CMDLINE_LINUX=""\n',
    "commented old line": '#GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\n'
                          'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n',
    "unquoted": 'GRUB_CMDLINE_LINUX_DEFAULT=quiet\nGRUB_CMDLINE_LINUX=""\n',
    "words in a comment": '# add intel_iommu=on amd_iommu=on iommu=pt for passthrough\n'
                          'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n',
    "continued line": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet \\\n  nomodeset"\nGRUB_CMDLINE_LINUX=""\n',
    "self reference": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
                      'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT console=ttyS0"\n',
    "escaped quotes": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet dyndbg=\\"file drivers/usb/* +p\\""\n',
    "empty": 'GRUB_CMDLINE_LINUX_DEFAULT=""\nGRUB_CMDLINE_LINUX=""\n',
    "the other variable first": 'GRUB_CMDLINE_LINUX="root=ZFS=rpool/ROOT/pve-1 boot=zfs"\n'
                                'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n',
    "no such line": 'GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX="console=tty0"\n',
    "CRLF": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\r\nGRUB_CMDLINE_LINUX=""\r\n',
    "inside if": 'if true; then\n  GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nfi\nGRUB_CMDLINE_LINUX=""\n',
    "a longer word": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet my.intel_iommu=on xiommu=pt"\n',
    "no final newline": 'GRUB_CMDLINE_LINUX=""\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"',
    "export": 'export GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n',
    "set twice": 'GRUB_CMDLINE_LINUX_DEFAULT="old"\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\n',
    "a command": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet $(echo from-code)"\n',
    "a variable": 'SERIAL="console=ttyS0"\nGRUB_CMDLINE_LINUX_DEFAULT="quiet $SERIAL"\n',
    "after &&": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
                'true && GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT splash"\n',
}


# What seven other tools made of eighteen inputs, their own functions run on scratch files: S says
# success and changes nothing, B breaks the file or loses words, D duplicates, C keeps a
# contradiction, E edits a comment too, ~ puts them into the other variable or nests quotes, W refuses.
PEERS = ("ProxMenux", "PECU", "quickpassthrough", "GPU-Passthrough-Manager", "vgpu-installer",
         "gpu-passthrough", "vfio.sh")
INPUTS = (
    ("A stock", 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n',
     "ok ok ok ok ok ok ok"),
    ("B single quotes", "GRUB_CMDLINE_LINUX_DEFAULT='quiet'\nGRUB_CMDLINE_LINUX=\"\"\n", "S S ~ S S S ~"),
    ("C comment behind", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet" # host console\n', "S ok ~ ok S ok ~"),
    ("D blank behind", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet" \nGRUB_CMDLINE_LINUX=""\n', "S ok ~ ok S ok ok"),
    ("E commented old line", '#GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\n'
     'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n', "E ok ok E E ok ok"),
    ("F unquoted", 'GRUB_CMDLINE_LINUX_DEFAULT=quiet\nGRUB_CMDLINE_LINUX=""\n', "S S ~ S S S ok"),
    ("G words in a comment", '# tried intel_iommu=on amd_iommu=on iommu=pt, see wiki\n'
     'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n', "S ok ok S S ok ok"),
    ("H continued line", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet \\\n  nomodeset"\nGRUB_CMDLINE_LINUX=""\n',
     "S S ~ ok S S B"),
    ("I iommu=off", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=off amd_iommu=off iommu=off"\n',
     "C W C S C C C"),
    ("J self reference", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX_DEFAULT='
     '"$GRUB_CMDLINE_LINUX_DEFAULT console=ttyS0"\n', "D B D D D D W"),
    ("K escaped quotes", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet dyndbg=\\"file drivers/usb/* +p\\""\n',
     "ok B ok ok ok B B"),
    ("L empty", 'GRUB_CMDLINE_LINUX_DEFAULT=""\nGRUB_CMDLINE_LINUX=""\n', "ok ok B ok ok ok ok"),
    ("M the other variable first", 'GRUB_CMDLINE_LINUX="root=ZFS=rpool/ROOT/pve-1 boot=zfs"\n'
     'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n', "ok ok D ok ok ok ok"),
    ("N on,sm_on and vfio-pci.ids", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=on,sm_on iommu=pt '
     'vfio-pci.ids=10de:2484 usbcore.autosuspend=-1"\n', "D ok B ok D ok D"),
    ("O no such line", 'GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX="console=tty0"\n', "S S ~ S S S ~"),
    ("P CRLF", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\r\nGRUB_CMDLINE_LINUX=""\r\n', "S ~ ~ ~ S ~ ~"),
    ("Q inside if", 'if true; then\n  GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nfi\n', "ok B ~ ok ok S ok"),
    ("R longer words", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet snd.intel_iommu=only notamd_iommu=on"\n',
     "S ok B S ok ok ok"),
)
OFF = {"iommu=off", "iommu=soft", "intel_iommu=off", "amd_iommu=off"}


class Grub(HostTest):
    def words(self, name=DEFAULT):
        """What grub-mkconfig has, read by sh (dash on Debian) as it sources the files."""
        script = ('. "$1/etc/default/grub"; for f in "$1"/etc/default/grub.d/*.cfg; do '
                  '[ ! -e "$f" ] || . "$f"; done; eval "printf %%s \\"\\${%s-}\\""' % name)
        done = subprocess.run(["sh", "-c", script, "sh", self.root], capture_output=True,
                              check=False, env={"PATH": "/usr/bin:/bin"})
        return done.stdout.decode().split(" ") if done.stdout.strip() else []

    @staticmethod
    def plain(words):
        return [w.strip("\n\t") for w in words if w.strip("\n\t")]

    def kernel_words(self):
        menu = self.read("boot/grub/grub.cfg")
        return [l.split()[2:] for l in menu.split("\n")
                if l.split()[:1] == ["linux"] and "single" not in l]

    def check(self, what):
        before = self.plain(self.words())
        other = self.words("GRUB_CMDLINE_LINUX")
        untouched = tree_hash(self.root)
        self.plan("--gpu", "01:00")
        self.apply()
        after = self.plain(self.words())
        self.assertEqual(after, before + NEW, what)
        self.assertEqual(self.words("GRUB_CMDLINE_LINUX"), other, what)
        for words in self.kernel_words():
            for word in NEW:
                self.assertEqual(words.count(word), 1, (what, words))
        # Everything is there: once more changes nothing of it.
        plan = self.plan("--gpu", "01:00")
        self.assertEqual([c["path"] for c in plan["changes"] if c["kind"] == "file"], [], what)
        self.rollback()
        return untouched

    def test_files_other_tools_damage(self):
        for what, text in FILES.items():
            with self.subTest(what):
                self.write("etc/default/grub", text)
                self.script("usr/sbin/update-grub")
                try:
                    untouched = self.check(what)
                except AssertionError:
                    self.rollback()
                    raise
                self.assertEqual(self.read("etc/default/grub"), text)
                self.assertEqual(os.listdir(self.path("etc/default/grub.d")), [])
                self.assertEqual(tree_hash(self.root), untouched, what)

    def verdict(self, text):
        """What became of one input, as sh has it after apply and after rollback."""
        self.write("etc/default/grub", text)
        before = self.plain(self.words())
        self.plan("--gpu", "01:00", "--no-modules")
        self.apply()
        after = self.plain(self.words())
        kept = [w for w in before if w not in OFF]
        # A word that is there in a list already counts.
        missing = [w for w in NEW if not any(w == x or x.startswith(w + ",") for x in after)]
        extra = [w for w in after if w not in kept]
        if OFF & set(after):
            result = "C"
        elif [w for w in after if w in kept] != kept or missing:
            result = "B"
        elif len(set(after)) < len(after) or any(w not in NEW for w in extra):
            result = "D"
        else:
            result = "ok"
        self.rollback()
        return result if self.read("etc/default/grub") == text else "not undone"

    def test_table_of_tools(self):
        """tests/README.md holds this table; PVEGPU_TABLE_UPDATE=1 writes it anew."""
        rows = ["| input | " + " | ".join(PEERS) + " | pvegpu |", "|---" * (len(PEERS) + 2) + "|"]
        for name, text, theirs in INPUTS:
            ours = self.verdict(text)
            rows.append("| %s | %s | **%s** |" % (name, " | ".join(theirs.split()), ours))
            self.assertEqual(ours, "ok", name)
        table = "\n".join(rows) + "\n"
        path = os.path.join(SOURCE, "tests/README.md")
        with open(path, encoding="utf-8") as file:
            page = file.read()
        begin = "<!-- made by tests/cli/test_grub.py -->\n"
        head, _, rest = page.partition(begin)
        old, end, tail = rest.partition("<!-- end -->")
        if os.environ.get("PVEGPU_TABLE_UPDATE"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(head + begin + table + end + tail)
        else:
            self.assertEqual(old, table)

    def test_value_of_a_later_file(self):
        for name, snippet in (("a.cfg", "pvegpu.cfg"), ("q.cfg", "zz-pvegpu.cfg"),
                              ("zzz.cfg", "zzzz-pvegpu.cfg")):
            with self.subTest(name):
                path = "etc/default/grub.d/" + name
                self.write(path, DEFAULT + '="from $(echo here)"\n')
                plan = self.plan("--gpu", "01:00")
                made = [c["path"] for c in plan["changes"] if c.get("operation") == "create"]
                self.assertEqual(made, ["/etc/default/grub.d/" + snippet])
                self.check(name)
                os.unlink(self.path(path))

    def test_contradictions_go_visibly(self):
        for words, kept in (("quiet amd_iommu=off iommu=off", "quiet"), ("iommu=soft quiet", "quiet"),
                            ("quiet intel_iommu=off nointremap", "quiet")):
            with self.subTest(words):
                text = 'GRUB_CMDLINE_LINUX_DEFAULT="%s"\n' % words
                self.write("etc/default/grub", text)
                plan = self.plan("--gpu", "01:00")
                change = [c for c in plan["changes"] if c.get("path") == "/etc/default/grub"][0]
                self.assertIn("boot.cmdline-conflict", change["because"])
                self.apply()
                self.assertEqual(self.words(), kept.split() + NEW)
                self.rollback()
                self.assertEqual(self.read("etc/default/grub"), text)
        # Kept when the person says so; refused where it stands in code.
        self.plan("--gpu", "01:00", "--param", "intel_iommu=off")
        self.write("etc/default/grub", DEFAULT + '="$(echo quiet) intel_iommu=off"\n')
        plan = self.plan("--gpu", "01:00", expect=1)
        self.assertIn("intel_iommu=off is to go", plan["refusals"][0]["reason"])

    def test_contradiction_that_a_later_line_takes_over(self):
        text = DEFAULT + '="quiet amd_iommu=off"\n' + DEFAULT + '="$%s console=ttyS0"\n' % DEFAULT
        self.write("etc/default/grub", text)
        self.plan("--gpu", "01:00")
        self.apply()
        self.assertEqual(self.words(), ["quiet", "console=ttyS0"] + NEW)
        self.assertEqual(self.read("etc/default/grub"), text.replace(" amd_iommu=off", ""))
        self.rollback()
        self.assertEqual(self.read("etc/default/grub"), text)

    def test_return_and_exit(self):
        """return ends the file, and grub.d is read all the same; exit ends update-grub."""
        self.write("etc/default/grub", DEFAULT + '="quiet"\nreturn 0\n' + DEFAULT + '="never"\n')
        self.check("return")
        self.write("etc/default/grub", "[ -d /nowhere ] && exit 1\n" + DEFAULT + '="quiet"\n')
        self.check("an exit that is not reached")
        self.write("etc/default/grub", DEFAULT + '="quiet"\nexit 0\n')
        plan = self.plan("--gpu", "01:00", expect=1)
        self.assertIn("line 2: exit there ends update-grub", plan["refusals"][0]["reason"])

    def test_contradictions_that_are_hidden(self):
        """In lists, in quotes, under a condition: taken out, or refused, never left."""
        for value in ('"quiet iommu=pt,off"', '"quiet intel_iommu=on,off"'):
            self.write("etc/default/grub", DEFAULT + "=" + value + "\n")
            plan = self.plan("--gpu", "01:00", expect=1)
            self.assertIn("is to go", plan["refusals"][0]["reason"], value)
        self.write("etc/default/grub", DEFAULT + "='quiet \"iommu=off\"'\n")
        self.plan("--gpu", "01:00")
        self.apply()
        self.assertEqual(self.words(), ["quiet"] + NEW)
        self.rollback()
        for line in ('if true; then %s="$%s iommu=off"; fi\n', '[ -d /etc ] && %s="$%s intel_iommu=off"\n'):
            self.write("etc/default/grub", DEFAULT + '="quiet"\n' + line % (DEFAULT, DEFAULT))
            plan = self.plan("--gpu", "01:00", expect=1)
            self.assertIn("is to go", plan["refusals"][0]["reason"], line)
        self.write("etc/default/grub", DEFAULT + '="quiet iommu=off"\n')
        self.write("etc/default/grub.d/z.cfg", DEFAULT + '="x iommu=off"\n')
        plan = self.plan("--gpu", "01:00", expect=1)
        self.assertIn("iommu=off is to go", plan["refusals"][0]["reason"])

    def test_words_after_a_double_dash_are_for_init(self):
        self.write("etc/default/grub", DEFAULT + '="quiet -- single-user"\n')
        self.plan("--gpu", "01:00")
        self.apply()
        self.assertEqual(self.words(), ["quiet"] + NEW + ["--", "single-user"])
        self.rollback()
        for text in ('GRUB_CMDLINE_LINUX="x -- y"\n' + DEFAULT + '="quiet"\n',
                     DEFAULT + '="quiet -- $(echo y)"\n'):
            self.write("etc/default/grub", text)
            plan = self.plan("--gpu", "01:00", expect=1)
            self.assertIn("is for init", plan["refusals"][0]["reason"])

    def test_the_other_variable_takes_the_words_over(self):
        self.write("etc/default/grub", DEFAULT + '="quiet"\nGRUB_CMDLINE_LINUX="$%s x=1"\n' % DEFAULT)
        self.check("taken over")
        self.write("etc/default/grub", 'A=one\n' + DEFAULT + '="quiet $A x=\\$A"\n')
        self.check("an escaped dollar")

    def test_values_set_in_other_ways(self):
        for text in (': "${%s:=quiet splash}"\n' % DEFAULT,
                     "for %s in x 'quiet splash'; do :; done\n" % DEFAULT,
                     DEFAULT + '="quiet splash"\n. /dev/null\n'):
            with self.subTest(text):
                self.write("etc/default/grub", text)
                self.check(text)
        self.write("etc/default/grub", "GRUB_TIMEOUT=5\n")
        self.write("etc/default/grub.d/q.cfg", ': "${%s:=quiet splash}"\n' % DEFAULT)
        self.check("set by another file if it is not yet")

    def test_own_file_that_a_person_edited(self):
        """It is that person's then: left alone, and another one is made after it."""
        own = "etc/default/grub.d/pvegpu.cfg"
        self.write("etc/default/grub", DEFAULT + '="quiet $(echo x)"\n')
        for text in (DEFAULT + '="splash"\n', DEFAULT + '="${%s} splash"\n' % DEFAULT,
                     "# mine\n" + DEFAULT + '="$%s splash"\nGRUB_TIMEOUT=10\n' % DEFAULT):
            with self.subTest(text):
                self.write(own, text)
                before = self.plain(self.words())
                self.plan("--gpu", "01:00")
                self.apply()
                self.assertEqual(self.plain(self.words()), before + NEW)
                self.assertEqual(self.read(own), text)
                self.rollback()
                self.assertEqual(os.listdir(self.path("etc/default/grub.d")), ["pvegpu.cfg"])

    def test_names_in_grub_d(self):
        self.write("etc/default/grub.d/.hidden.cfg", "if broken\n")
        os.symlink("nowhere", self.path("etc/default/grub.d/dangling.cfg"))
        self.check("a hidden and a dangling file are not sourced")
        for name in ("zzzzz.cfg", "~.cfg"):
            self.write("etc/default/grub.d/" + name, DEFAULT + '="late"\n')
            plan = self.plan("--gpu", "01:00", expect=1)
            self.assertIn("no file can be sourced after", plan["refusals"][0]["reason"])
            os.unlink(self.path("etc/default/grub.d/" + name))
        self.write("etc/default/grub.d/a\nb.cfg", DEFAULT + '="late"\n')
        self.check("a name with a newline")

    def test_rollback_is_read_back_too(self):
        self.plan("--gpu", "01:00")
        self.apply()
        script = self.read("usr/sbin/update-grub")
        self.write("usr/sbin/update-grub", "#!/bin/sh\n")
        done = self.rollback(expect=4)
        self.assertIn("still has intel_iommu=on", done.stdout + done.stderr)
        self.write("usr/sbin/update-grub", script)
        self.rollback()

    def test_entries_of_other_systems(self):
        """memtest, os-prober and the person's own entries are not made from the file."""
        script = self.read("usr/sbin/update-grub")
        self.write("usr/sbin/update-grub", script + "\nprintf '\\tlinux\\t/boot/memtest86+x64.bin\\n"
                   "\\tlinux\\t/boot/vmlinuz-6.1.0-debian root=x\\n' >>\"$root/boot/grub/grub.cfg\"\n")
        self.plan("--gpu", "01:00")
        self.apply()
        self.write("usr/sbin/update-grub", "#!/bin/sh\nrm -f \"$PVEGPU_ROOT/boot/grub/grub.cfg\"\n")
        self.plan("--gpu", "01:00", "--param", "mitigations=off")
        done = self.apply(expect=4)
        self.assertIn("has no entry", done.stdout + done.stderr)

    def test_a_list_that_holds_the_word(self):
        self.write("etc/default/grub", DEFAULT + '="quiet intel_iommu=on,sm_on iommu=nobypass,pt"\n')
        plan = self.plan("--gpu", "01:00")
        self.assertNotIn("/etc/default/grub", [c.get("path") for c in plan["changes"]])
        self.write("etc/default/grub", DEFAULT + '="quiet intel_iommu=sm_on iommu=pt"\n')
        self.plan("--gpu", "01:00")
        self.apply()
        self.assertEqual(self.words(), ["quiet", "intel_iommu=sm_on", "iommu=pt", "intel_iommu=on"])

    def test_own_file_is_edited_and_goes(self):
        self.write("etc/default/grub", DEFAULT + '="quiet $(echo x)"\n')
        self.plan("--gpu", "01:00")
        self.apply()
        plan = self.plan("--gpu", "01:00", "--param", "mitigations=off", "--no-param", "iommu=pt")
        self.apply()
        self.assertEqual(self.words(), ["quiet", "x", "intel_iommu=on", "mitigations=off"])
        plan = self.plan(*[o for word in ("intel_iommu=on", "mitigations=off", "iommu=pt")
                           for o in ("--no-param", word)])
        self.assertEqual([c["operation"] for c in plan["changes"] if c["kind"] == "file"
                          and "grub.d" in c["path"]], ["delete"])
        self.apply()
        self.assertEqual(self.words(), ["quiet", "x"])
        self.rollback()
        self.assertEqual(self.words(), ["quiet", "x", "intel_iommu=on", "mitigations=off"])

    def test_broken_files_are_left_alone(self):
        for text, says in ((DEFAULT + '="quiet\n# no end\n', "line 1"),
                           # update-grub sources them with set -e: it would stop there
                           (DEFAULT + "=quiet splash\n", "are quotes"),
                           (DEFAULT + '="quiet"\n' + DEFAULT + '+=" splash"\n', "line 2"),
                           ("GRUB_TIMEOUT=5\n\r\n" + DEFAULT + '="quiet"\n', "line 2"),
                           ("\xef\xbb\xbfGRUB_TIMEOUT=5\n" + DEFAULT + '="quiet"\n', "line 1")):
            self.write("etc/default/grub", text)
            untouched = tree_hash(self.root)
            plan = self.plan("--gpu", "01:00", expect=1)
            self.assertIn(says, plan["refusals"][0]["reason"])
            self.assertNotIn("/etc/default/grub", [c.get("path") for c in plan["changes"]])
            self.assertEqual(tree_hash(self.root), untouched)
    def test_what_sh_takes_for_a_command(self):
        """Each of these stops a shell that sources the file with set -e, as update-grub does."""
        for text, says in ((DEFAULT + ' = "quiet"\n', "line 1: sh takes '%s'" % DEFAULT),
                           (DEFAULT + ' ="quiet"\n', '%s="..."' % DEFAULT),
                           (DEFAULT + '="quiet"\nGRUB_TIMEOUT = 5\n', "line 2: sh takes 'GRUB_TIMEOUT'"),
                           (DEFAULT + '="quiet"\nMY_WORDS = x\n', "line 2"),
                           (DEFAULT + '="quiet"\n"GRUB_TIMEOUT=5"\n', "line 2"),
                           (DEFAULT + '="quiet"\nGRUB-TIMEOUT=5\n', "line 2"),
                           (DEFAULT + '="quiet"\n2ND=5\n', "line 2"),
                           (DEFAULT + '="quiet"\nGRUB_TIMEOUT\n', "line 2"),
                           (DEFAULT + '="quiet"\nGRUB_TIMEOUT=5 seconds\n', "line 2"),
                           (DEFAULT + '="quiet"\nGRUB_TIMEOUT+=5\n', "line 2")):
            self.write("etc/default/grub", text)
            done = subprocess.run(["dash", "-ec", '. "$1"', "dash", self.path("etc/default/grub")],
                                  capture_output=True, check=False)
            self.assertNotEqual(done.returncode, 0, text)
            plan = self.plan("--gpu", "01:00", expect=1)
            self.assertIn(says, plan["refusals"][0]["reason"])
            self.assertNotIn("/etc/default/grub", [c.get("path") for c in plan["changes"]])

    def test_what_only_looks_like_that(self):
        """A shell is content with these, and so are we."""
        for text in ("for GRUB_X in a b; do true; done\n", "GRUB_tell() { true; }\n",
                     'case "$X" in GRUB_A|b=c) true ;; esac\n', "[ x = x ]\n", "test a = a\n",
                     ": ${GRUB_Y:=5}\n", 'X="a = b"\n', "# GRUB_TIMEOUT = 5\n", "echo GRUB_X = 5 >/dev/null\n"):
            self.write("etc/default/grub", DEFAULT + '="quiet"\n' + text)
            done = subprocess.run(["dash", "-ec", '. "$1"', "dash", self.path("etc/default/grub")],
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, text)
            plan = self.plan("--gpu", "01:00", expect=None)
            self.assertNotIn("sh takes", json.dumps(plan))

    def test_a_broken_file_of_grub_d(self):
        self.write("etc/default/grub", DEFAULT + '="quiet"\n')
        self.write("etc/default/grub.d/x.cfg", "if true; then\n")
        plan = self.plan("--gpu", "01:00", expect=1)
        self.assertIn("/etc/default/grub.d/x.cfg, line 1", plan["refusals"][0]["reason"])


TOOL = """#!/bin/sh
# A boot tool with two ESPs, one of them mounted at /boot/efi.
[ "$1" = refresh ] || exit 2
cd "$PVEGPU_ROOT" || exit 1
echo "Running hook script 'zz-proxmox-boot'.."
while read -r uuid; do
	%s
	echo "Copying and configuring kernels on /dev/disk/by-uuid/$uuid"
done <etc/kernel/proxmox-boot-uuids
mkdir -p boot/efi/loader/entries
printf 'title Proxmox\\noptions %%s\\n' "$(head -n 1 etc/kernel/cmdline)" \\
	>boot/efi/loader/entries/proxmox-6.2.16-3-pve.conf
"""
LINE = "root=ZFS=rpool/ROOT/pve-1 boot=zfs"


class KernelCmdline(HostTest):
    """systemd-boot by proxmox-boot-tool: the first line of /etc/kernel/cmdline."""

    def setUp(self):
        super().setUp()
        self.write("proc/cmdline", "initrd=\\EFI\\proxmox\\6.2.16-3-pve\\initrd.img-6.2.16-3-pve %s\n" % LINE)
        self.write("etc/kernel/proxmox-boot-uuids", "AAAA-0001\nBBBB-0002\n")
        os.makedirs(self.path("dev/disk/by-uuid"))
        self.write("dev/nvme0n1p2", "")
        os.symlink("../../nvme0n1p2", self.path("dev/disk/by-uuid/AAAA-0001"))
        self.tool()

    def tool(self, each=":"):
        self.write("usr/sbin/proxmox-boot-tool", TOOL.replace("\\\\", "\\") % each)

    def entry(self):
        return self.read("boot/efi/loader/entries/proxmox-6.2.16-3-pve.conf").split("options ")[1].split()

    def test_one_line_and_nothing_else(self):
        for what, text, after in (
                ("plain", LINE + "\n", LINE + " intel_iommu=on iommu=pt\n"),
                ("no final newline", LINE, LINE + " intel_iommu=on iommu=pt"),
                ("blank second line", LINE + "\n\n", LINE + " intel_iommu=on iommu=pt\n\n"),
                ("second line", LINE + "\n# mine\n", LINE + " intel_iommu=on iommu=pt\n# mine\n"),
                ("half", LINE + " intel_iommu=on\n", LINE + " intel_iommu=on iommu=pt\n"),
                ("a list", LINE + " intel_iommu=on,sm_on\n",
                 LINE + " intel_iommu=on,sm_on iommu=pt\n"),
                ("contradiction", LINE + " iommu=soft\n", LINE + " intel_iommu=on iommu=pt\n")):
            with self.subTest(what):
                self.write("etc/kernel/cmdline", text)
                plan = self.plan("--gpu", "01:00", "--no-modules")
                self.assertEqual([c.get("path") or c.get("argv") for c in plan["changes"]],
                                 ["/etc/kernel/cmdline", ["proxmox-boot-tool", "refresh"], ["reboot"]])
                self.apply()
                self.assertEqual(self.read("etc/kernel/cmdline"), after)
                self.assertEqual(self.entry(), after.split("\n")[0].split())
                self.rollback()
                self.assertEqual(self.read("etc/kernel/cmdline"), text)
                self.assertEqual(self.entry(), text.split("\n")[0].split())

    def test_refused_with_file_and_line(self):
        for text, says in (("# managed, intel_iommu=on\n" + LINE + "\n", "line 1: it is a comment"),
                           ("quiet\n" + LINE + "\n", "line 1: there is no root="),
                           ("", "line 1: there is no root=")):
            self.write("etc/kernel/cmdline", text)
            plan = self.plan("--gpu", "01:00", expect=1)
            self.assertIn("/etc/kernel/cmdline, " + says, plan["refusals"][0]["reason"])
            self.apply(expect=1)
            self.assertEqual(self.read("etc/kernel/cmdline"), text)

    def test_without_the_file_what_runs_is_taken(self):
        plan = self.plan("--gpu", "01:00")
        change = [c for c in plan["changes"] if c.get("path") == "/etc/kernel/cmdline"][0]
        self.assertEqual((change["operation"], change["after"]),
                         ("create", LINE + " intel_iommu=on iommu=pt\n"))

    def test_a_skipped_esp_is_a_failure(self):
        self.write("etc/kernel/cmdline", LINE + "\n")
        for each, says in (
                ('[ "$uuid" != BBBB-0002 ] || { echo "WARN: /dev/disk/by-uuid/$uuid does not exist '
                 '- clean \'/etc/kernel/proxmox-boot-uuids\'! - skipping"; continue; }', "skipping"),
                ('[ "$uuid" != BBBB-0002 ] || { echo "umount of /dev/disk/by-uuid/$uuid failed - '
                 'failure"; exit 0; }', "- failure"),
                ('[ "$uuid" != BBBB-0002 ] || continue', "said nothing of BBBB-0002"),
                ("false || exit 1", "ended with status 1")):
            self.tool(each)
            self.plan("--gpu", "01:00")
            done = self.apply(expect=4)
            self.assertIn(says, done.stdout + done.stderr)
            self.tool()
            self.rollback()
            self.assertEqual(self.read("etc/kernel/cmdline"), LINE + "\n")

    def test_a_stray_file_on_an_esp_is_none(self):
        self.write("etc/kernel/cmdline", LINE + "\n")
        self.tool('echo "\t/var/tmp/espmounts/AAAA-0001/EFI/proxmox/notes is not a directory - skipping"')
        self.plan("--gpu", "01:00")
        self.apply()

    def test_what_was_made_is_read_back(self):
        self.write("etc/kernel/cmdline", LINE + "\n")
        self.tool()
        script = self.read("usr/sbin/proxmox-boot-tool").replace("$(head -n 1 etc/kernel/cmdline)", LINE)
        self.write("usr/sbin/proxmox-boot-tool", script)
        self.plan("--gpu", "01:00")
        done = self.apply(expect=4)
        self.assertIn("has not intel_iommu=on", done.stdout + done.stderr)

    def test_other_kernels_and_grub_are_read_back(self):
        """The boot menu of every kernel, but for recovery entries."""
        os.unlink(self.path("etc/kernel/proxmox-boot-uuids"))
        self.write("proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-6.2.16-3-pve root=/dev/mapper/pve-root ro quiet\n")
        script = self.read("usr/sbin/update-grub")
        self.write("usr/sbin/update-grub", script + "\nsed -i 's,^### END /etc/grub.d/10_linux,"
                   "\\tlinux\\t/boot/vmlinuz-5.15.30-2-pve root=x ro quiet\\n&,' "
                   "\"$root/boot/grub/grub.cfg\"\n")
        self.plan("--gpu", "01:00")
        done = self.apply(expect=4)
        self.assertIn("kernel 5.15.30-2-pve", done.stdout + done.stderr)
        audit = [f for f in json.loads(
            run("audit", "--format", "json", root=self.root).stdout)["findings"]
            if f["id"] == "boot.cmdline-pending"]
        self.assertEqual(audit[0]["status"], "warn")
        self.assertIn("5.15.30-2-pve", audit[0]["detail"])


if __name__ == "__main__":
    main()
