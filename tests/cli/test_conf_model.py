# SPDX-License-Identifier: GPL-3.0-or-later
"""pvegpu and pvesim each have a model of how Proxmox VE reads and writes a VM's file. Neither is
made from the other, so they are held against each other: value by value, on made-up files, and on
real ones where there are some."""
import glob
import json
import os
import random
import subprocess
import sys
import unittest

PVESIM = os.environ.get("PVESIM", "build/tests/pvesim")
REAL = os.path.join(os.environ.get("PVEGPU_SHARED", ""), "data", "vmconf-real")
CONF = "nodes/pve1/qemu-server/100.conf"

# Values for each key: right ones, and some that fail in one way each.
VALUES = {
    "acpi": ["0", "1", "on", "Yes", "2", ""],
    "affinity": ["0-3,8", "3-0", "a", "1,", ",1", "1, 2", "1;2", "00-0"],
    "agent": ["1", "0,type=isa", "enabled=yes,fstrim_cloned_disks=1", "type=isa", "1,x=1",
              "1,guest-fsfreeze=0", "2"],
    "amd-sev": ["std", "snp,no-debug=1", "old"],
    "args": ["-a b", '"-a b"', " ", "-x snapstate: delete", "-k 'a"],
    "audio0": ["device=AC97", "device=AC97,driver=none", "AC97", "driver=none"],
    "balloon": ["0", "0512", "-1", "1.5", "99999999999999999999"],
    "bios": ["ovmf", "uefi"],
    "boot": ["order=scsi0;net0", "cdn", "order=", "order=scsi31", "legacy=x", "c,order=ide0",
             "order=hostpci15,usb13", "order=virtio16"],
    "bootdisk": ["scsi0", "scsi99", "net0"],
    "cdrom": ["none", "local:iso/a.iso,media=cdrom", "x"],
    "cicustom": ["user=local:snippets/a.yml", "user=a"],
    "cipassword": ["$5$x$y", '"quoted"'],
    "cores": ["4", "0", "x", "+1", "1 "],
    "cpu": ["host", "host,flags=+aes;-pcid", "host,flags=+avx", "kvm64,hidden=1", "nosuch", "hidden=1",
            "host,phys-bits=host", "host,phys-bits=65", "host,phys-bits=08", "x86-64-v2-AES",
            "host,hv-vendor-id=abcdefghijklm", "host,level=30", "host,guest-phys-bits=31",
            "host,reported-model=host", "Host", "host,flags="],
    "cpulimit": ["1", "1.5", "1.", ".5", "1e3", "-1"],
    "description": ["a%3Ab", "0", " "],
    "efidisk0": ["a1:b,efitype=4m,pre-enrolled-keys=1", "a1:b,efitype=8m", "a1:b,ms-cert=2023k",
                 "a1:b,cache=none"],
    "hookscript": ["local:snippets/a.sh", "/a.sh"],
    "hostpci0": ["01:00", "0000:01:00.0,pcie=on", "mapping=gpu,x-vga=1", "01:00,foo=1", "0B:00",
                 "pcie=1", "01:00;02:00", "01:00.g", "01:00,driver=keep", "01:00,vendor-id=10de"],
    "hostpci16": ["01:00"], "hostpci00": ["01:00"],
    "hotplug": ["0", "1", "network,disk;usb", "network,x", "2"],
    "ide0": ["none,media=cdrom", "a1:b,ssd=1,wwn=0x0123456789abcdef", "a1:b,wwn=0x1", "a1:b,iothread=1",
             "a1:b,size=1.5G", "a1:b,size=1.G", "a1:b,size=1GB", "a1:b,model=a%20b", "a1:b,serial=a b"],
    "ide4": ["none"],
    "intel-tdx": ["tdx,attestation=1", "tdx", "tdx,attestation=1,vsock-cid=1"],
    "ipconfig0": ["ip=dhcp,ip6=auto", "ip=10.0.0.2/24,gw=10.0.0.1", "gw=10.0.0.1", "ip=10.0.0.2/7",
                  "ip=10.0.0.2/33", "ip6=fd00::2/64,gw6=fd00::1", "ip=10.0.0.2", "ip=10.0.0.2/+9"],
    "ivshmem": ["size=32,name=a-b", "size=0", "name=a", "size=1,name=a_b"],
    "lock": ["backup", "frob"],
    "machine": ["q35", "pc", "pc-q35-9.2+pve1", "pc-i440fx-8.0", "pc-9", "q36", "i440fx",
                "q35,viommu=intel", "viommu=amd", "virt-9.1", "virt+pve1", "q35,aw-bits=39",
                "q35,aw-bits=31", "pc-q35-9.0.pxe", "pc-i440fx-2.11+pve", "q35,enable-s3=off",
                "pc-q35-9.2+pve1.pxe", "virt-9.1.pxe", "pc-9.1"],
    "memory": ["2048", "current=4096", "15", "x", "2048,max=1", "+2048", "2e3"],
    "meta": ["ctime=1,creation-qemu=9.0.2", "ctime=x", "creation-qemu=9"],
    "migrate_downtime": ["0.1", "x"],
    "name": ["a.b-c", "a_b", "-a", "a-", "a..b", "a b"],
    "nameserver": ["1.1.1.1 fd00::1", "a.b;c", "1.1.1.1,a_b"],
    "net0": ["virtio=BC:24:11:2A:3B:4C,bridge=vmbr0", "e1000", "virtio,e1000=BC:24:11:2A:3B:4C",
             "model=virtio,macaddr=BC:24:11:2A:3B:4C", "bridge=vmbr0", "virtio,tag=4095", "virtio,rate=1.5",
             "virtio,rate=-1", "virtio=BD:24:11:2A:3B:4C", "virtio,trunks=1;2-3", "virtio,mtu=1,queues=64",
             "virtio,bridge=a/b", "virtio,model=e1000", "macaddr=BC:24:11:2A:3B:4C,virtio=BC:24:11:2A:3B:4C"],
    "net32": ["virtio"],
    "numa": ["1"],
    "numa0": ["cpus=0-1;3,memory=512,policy=bind", "cpus=a", "memory=1", "cpus=0,memory=.5"],
    "ostype": ["l26", "x"],
    "parent": ["snap1", "1a"],
    "rng0": ["/dev/urandom,max_bytes=1024,period=1000", "source=/dev/random", "/dev/zero"],
    "sata5": ["a1:b"],
    "scsi0": ["a1:vm-100-disk-0,size=32G,iothread=1,queues=2", "a1:b,queues=1", "/dev/sda", "none",
              "cdrom", "b", "a1:", "file=a1:b", "volume=a1:b", "a1:b,product=a b", "a1:b,vendor=123456789",
              "a1:b,bps=1,iops_rd_max=2,mbps_wr=1.5,bps_rd_length=1", "a1:b,bps_rd_length=0",
              "a1:b,discard=yes", "a1:b,detect_zeroes=on", "a1:b,format=qed", "a1:b,import-from=a1:c",
              "a1:b,media=disk,file=a1:c", "a1:b,werror=enospc,rerror=enospc", "a1:b,mbps=-1",
              "a1:b,snapshot=maybe", ",a1:b,,", "a1:b,aio=io_uring,cache=unsafe,ro=1,scsiblock=1,ssd=1"],
    "searchdomain": ['"a"', '""a""', '"'],
    "serial0": ["socket", "x"],
    "shares": ["1000", "x"],
    "smbios1": ["uuid=1b3f5a77-0d5e-4f3b-9e8e-8d4b7d7c1a11", "uuid=1", "base64=1,serial=YQ==",
                "serial=a b", "family=a===", "sku==", "version=a=b"],
    "smp": ["4", "0"],
    "snaptime": ["1"],
    "sockets": ["2", "0", "no"],
    "spice_enhancements": ["foldersharing=1,videostreaming=all", "all"],
    "sshkeys": ["ssh-ed25519%20AA%0A", "ssh ed"],
    "startup": ["1", "order=1,up=30,down=60", "up", "0", "1, ", "x=1", "01"],
    "tags": ["a;b", "a,b", "-a", "a b", "a/b", "+", ""],
    "tpmstate0": ["a1:b,version=v2.0", "a1:b,format=qcow"],
    "unused0": ["a1:vm-100-disk-0", "a1:vm-100-disk-5", "b"],
    "usb0": ["1234:abcd", "0x1234:0xABCD,usb3=1", "1-1.2", "spice", "SPICE,usb3=yes", "mapping=u1", "1-",
             "1-1.", "12345:abcd", "1-1.2.", "host=1-1,mapping=x"],
    "usb14": ["spice"],
    "vga": ["std,memory=32", "qxl5", "memory=2", "virtio,clipboard=vnc", "none"],
    "virtio0": ["a1:b,iothread=1", "a1:b,ssd=1"],
    "virtiofs0": ["dir1,cache=never", "d"],
    "vmstate": ["a1:b"],
    "vmstatestorage": ["a1", "a", "a_"],
    "watchdog": ["i6300esb,action=reset", "action=reset", "x"],
    "zzz": ["1"], "delete": ["cores", "!scsi0 ;cores"],
}
VALUE_LINES = ["%s: %s\n" % (key, value) for key, values in VALUES.items() for value in values]
SECTIONS = ["[PENDING]\n", "[pending] \n", "[snap]\n", "[snap2]\n", "[SNAP]\n", "[a]\n", "[x y]\n",
            "[special:cloudinit]\n", "[special:fleecing]\n", "[SPECIAL:Cloudinit]\n", "[special:x]\n"]
OTHER = ["#note\n", "# b\u00fc: %41\n", "#\n", "#0\n", "#a%0Ab  \n", "\n", " \t\n", "stray\n", " cores: 1\n",
         "cores : 1\n", "cores:2\n", "cores:\n", "cores: \n", "cores:\t3 \r\n", "name: a\rb\n", "Cores: 1\n",
         "fleecing-images: a1:b\n", "ide2: a1:vm-100-cloudinit,media=cdrom\n",
         "scsi2: a1:100/vm-100-cloudinit.qcow2\n", "snapstate: prepare\n", "[\n", "[]\n", "x[a]\n"]


def batch(texts):
    lines = [json.dumps({"state": {"bytes": {CONF: text.encode().decode("latin-1")}, "version": "9.2.11"},
                         "steps": [{"op": "vm", "path": CONF}]}) + "\n" for text in texts]
    done = subprocess.run([PVESIM, "--batch"], input="".join(lines).encode(), capture_output=True,
                          timeout=250, check=True)
    return [json.loads(line)["verdicts"][0] for line in done.stdout.decode().splitlines()]


def as_bytes(value):
    """A string of pvesim's has a character for each byte of the file."""
    if isinstance(value, dict):
        return {key: as_bytes(member) for key, member in value.items()}
    return value.encode("latin-1").decode("utf-8", "replace") if isinstance(value, str) else value


def options(section):
    return {key: as_bytes(value) for key, value in section.items()
            if isinstance(value, str) and key not in ("digest", "description")}


class ConfModel(unittest.TestCase):
    def compare(self, texts):
        wrong = []
        for text, got in zip(texts, batch(texts)):
            conf, core = got["conf"], got["core"]
            pairs = [("current", options(conf), core["current"]),
                     ("pending", options(conf["pending"]), core["pending"]),
                     ("snapshots", {k: options(v) for k, v in conf["snapshots"].items()},
                      core["snapshots"])]
            # A carriage return in args stops Proxmox VE's write.
            if "error" not in got:
                pairs.append(("written", got.get("written", got.get("written_bytes")),
                              core["predicted"]))
            wrong += ["%s of %r:\n  pvesim %r\n  pvegpu %r" % (what, text, theirs, ours)
                      for what, theirs, ours in pairs if theirs != ours]
        self.assertEqual(wrong[:20], [], "\n".join(wrong[:20]))
        return len(texts)

    def test_values(self):
        self.assertGreater(self.compare(VALUE_LINES), 300)

    def test_made_up_files(self):
        seed = int(os.environ.get("PVEGPU_SEED", "1"))
        source = random.Random(seed)
        texts = []
        for _ in range(1500):
            lines = source.choices(VALUE_LINES, k=source.randrange(25))
            lines += source.choices(OTHER, k=source.randrange(6))
            source.shuffle(lines)
            for section in source.choices(SECTIONS, k=source.randrange(5)):
                lines.insert(source.randrange(len(lines) + 1), section)
            texts.append("".join(lines))
        self.compare(texts)

    def test_real_files(self):
        texts = []
        for path in sorted(glob.glob(os.path.join(REAL, "*.conf"))):
            with open(path, encoding="utf-8", newline="") as file:
                texts.append(file.read())
        if not texts:
            self.skipTest("no real configurations (PVEGPU_SHARED)")
        self.compare(texts)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=1).result
    sys.exit(0 if result.wasSuccessful() else 1)
