# SPDX-License-Identifier: GPL-3.0-or-later
"""What `pveum role add` and `pveum acl modify|delete` do to user.cfg, as strictly as Proxmox VE
(API2/Role.pm, API2/ACL.pm): an entry that is made beside others of the same path is added."""
import re
import shlex

BUILT_IN = ["Administrator", "NoAccess"] + ["PVE" + name for name in (
    "Admin", "Auditor", "DatastoreAdmin", "DatastoreUser", "MappingAdmin", "MappingUser", "PoolAdmin",
    "PoolUser", "SDNAdmin", "SDNUser", "SysAdmin", "TemplateUser", "UserAdmin", "VMAdmin", "VMUser")]
PATHS = re.compile(r"/|/access(/groups|/realm)?|/nodes(/[\w.-]+)?|/pool(/[\w./-]+)?|/sdn(/.*)?|/storage(/[\w.-]+)?"
                   r"|/vms(/[1-9]\d{2,})?|/mapping(/(pci|usb|dir)(/[\w.-]+)?)?")
PRIVILEGE = re.compile(r"[A-Z][A-Za-z]*(\.[A-Za-z]+)+")


class Refused(Exception):
    pass


def need(fact, text):
    if not fact:
        raise Refused(text)


class UserCfg:
    def __init__(self, text):
        self.lines, self.acl, self.roles, self.known = [], {}, set(BUILT_IN), {"root@pam"}
        for line in text.splitlines():
            kind, *fields = line.split(":")
            if kind == "acl":
                for who in re.split(r"[,; ]+", fields[2]):
                    for role in re.split(r"[,; ]+", fields[3]):
                        self.acl.setdefault((fields[1], who), {})[role] = fields[0]
                continue
            self.lines.append(line)
            if kind == "role":
                self.roles.add(fields[0])
            elif kind in ("user", "token"):
                self.known.add(fields[0])

    def text(self):
        entries = ["acl:%s:%s:%s:%s:" % (propagate, path, who, role)
                   for (path, who), roles in self.acl.items() for role, propagate in roles.items()]
        return "\n".join(self.lines + entries) + "\n"

    def role_add(self, name, privs=""):
        need(re.fullmatch(r"[A-Za-z0-9.\-_]+", name), "no name for a role: " + name)
        need(not name.lower().startswith("pve"), "cannot use role ID starting with the 'PVE' namespace")
        need(name not in self.roles, "role '%s' already exists" % name)
        for privilege in filter(None, re.split("[,; ]+", privs)):
            need(PRIVILEGE.fullmatch(privilege), "invalid privilege '%s'" % privilege)
        self.roles.add(name)
        self.lines.append("role:%s:%s:" % (name, privs))

    def acl_change(self, path, roles, users="", tokens="", propagate="1", delete=False):
        need(delete or PATHS.fullmatch(path), "invalid ACL path '%s'" % path)
        need(users or tokens, "either 'users', 'groups' or 'tokens' is required.")
        for who in [w for w in (users + "," + tokens).split(",") if w]:
            need(who in self.known, "'%s' does not exist" % who)
            need(("!" in who) == (who in tokens.split(",")), "no such kind: " + who)
            for role in roles.split(","):
                need(role in self.roles, "role '%s' does not exist" % role)
                if delete:
                    self.acl.get((path, who), {}).pop(role, None)
                else:
                    self.acl.setdefault((path, who), {})[role] = propagate

    def run(self, line):
        """A whole line as a shell takes it: commands joined by &&, a comment at the end."""
        words = shlex.split(line, comments=True)
        while words:
            end = words.index("&&") if "&&" in words else len(words)
            self.command(words[:end])
            words = words[end + 1:]

    def command(self, words):
        need(words[0] == "pveum", "no such command: " + words[0])
        operands, options, at = [], {}, 1
        while at < len(words):
            if words[at].startswith("--"):
                options[words[at][2:]] = words[at + 1]
                at += 1
            else:
                operands.append(words[at])
            at += 1
        what, operands = operands[:2], operands[2:]
        if what == ["role", "add"]:
            self.role_add(*operands, **options)
        elif what in (["acl", "modify"], ["acl", "delete"]):
            self.acl_change(*operands, delete=what[1] == "delete", **options)
        else:
            raise Refused("no such command: " + " ".join(words))
