# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a host is true of it, and what it does already is not advised to it."""
import json
import os

from harness import HostTest, main, run

CFG = "etc/pve/mapping/pci.cfg"
DEVICES = "sys/bus/pci/devices/"


class Advice(HostTest):
    def audit(self, *arguments):
        done = run("audit", "--format", "json", *arguments, root=self.root)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout)

    def findings(self, check, *arguments, subject=None):
        return [f for f in self.audit(*arguments)["findings"]
                if f["id"] == check and subject in (None, f["subject"])]

    # Mappings.

    def test_all_that_differs_is_named_and_mended_before_the_reboot(self):
        """A VM that starts at boot by the mapping would not, after the reboot."""
        self.iommu_on("intel_iommu=on iommu=pt")
        os.makedirs(self.path("etc/pve/mapping"), exist_ok=True)
        self.write(CFG, "card\n\tmap id=10de:2206,node=pve2,path=0000:01:00\n")
        self.conf(107, "hostpci0: mapping=card,pcie=1", "onboot: 1")
        detail = self.findings("attach.mapping-drift")[0]["detail"]
        self.assertIn("iommugroup=1 is missing", detail)
        self.assertIn("subsystem-id=1043:87b0 is missing", detail)
        plan = self.plan("--gpu", "01:00", "--vm", "107", "--bind", "early", "--no-start")
        kinds = [c["kind"] for c in plan["changes"]]
        self.assertEqual(kinds[-1], "reboot")
        self.assertEqual([c["mapping"] for c in plan["changes"] if c["kind"] == "api"], ["card"])
        self.assertFalse([c for c in plan["forecast"] if c.get("mapping")])
        self.apply()
        self.assertEqual({f["status"] for f in self.findings("attach.mapping-drift")}, {"ok"})

    def test_a_device_is_added_to_a_mapping_after_the_reboot(self):
        """Another VM could take it before it is bound."""
        self.iommu_on("intel_iommu=on iommu=pt")
        os.makedirs(self.path("etc/pve/mapping"), exist_ok=True)
        self.write(CFG, "card\n\tmap id=10de:2206,node=other,path=0000:01:00\n")
        plan = self.plan("--gpu", "01:00", "--vm", "107", "--bind", "early", "--no-start", "--mapping", "card")
        self.assertFalse([c for c in plan["changes"] if c["kind"] == "api"])
        self.assertEqual([c["mapping"] for c in plan["forecast"] if c.get("mapping")], ["card"])

    # The boot loader.

    def boot_by(self, image):
        self.write("proc/cmdline", image + " root=ZFS=rpool/ROOT/pve-1 boot=zfs\n")

    def test_words_for_the_other_boot_loader(self):
        """They never count, whatever is run after writing them; which they are is said."""
        systemd = "initrd=\\EFI\\proxmox\\6.2.16-3-pve\\initrd.img-6.2.16-3-pve"
        self.write("etc/kernel/cmdline", "root=ZFS=rpool/ROOT/pve-1 boot=zfs iommu=pt\n")
        grub = self.read("etc/default/grub")
        self.boot_by(systemd)
        self.assertEqual([f["status"] for f in self.findings("boot.loader")], ["ok"])
        self.write("etc/default/grub", grub.replace('="quiet"', '="quiet iommu=pt pcie_acs_override=downstream"'))
        found = self.findings("boot.loader")
        self.assertEqual([f["status"] for f in found], ["warn"])
        self.assertIn("/etc/default/grub says never counts here: pcie_acs_override=downstream.", found[0]["detail"])
        self.assertIn("/etc/kernel/cmdline", found[0]["fix"]["summary"])
        # The same the other way round.
        self.write("etc/default/grub", grub)
        self.boot_by("BOOT_IMAGE=/boot/vmlinuz-6.2.16-3-pve")
        found = self.findings("boot.loader")
        self.assertIn("/etc/kernel/cmdline says never counts here: iommu=pt.", found[0]["detail"])
        self.assertIn("/etc/default/grub", found[0]["fix"]["summary"])

    # AMD's cards.

    def set_device(self, address, **attributes):
        """Ids, driver and the like of a card, as sysfs and lspci show them."""
        path = DEVICES + address + "/"
        lines = self.read(path + "uevent").split("\n")
        for key, value in attributes.items():
            if key in ("driver", "id"):
                name = {"driver": "DRIVER=", "id": "PCI_ID="}[key]
                lines = [name + value if line.startswith(name) else line for line in lines]
            else:
                self.write(path + key, value + "\n")
        self.write(path + "uevent", "\n".join(lines))
        if "driver" in attributes:
            os.makedirs(self.path("sys/bus/pci/drivers/" + attributes["driver"]), exist_ok=True)
            os.unlink(self.path(path + "driver"))
            os.symlink("../../../../bus/pci/drivers/" + attributes["driver"], self.path(path + "driver"))

    def test_a_card_of_amdgpu_is_bound_at_boot(self):
        """That driver is not made to let go of it, nor is keeping it away called useless."""
        self.iommu_on("intel_iommu=on iommu=pt")
        self.set_device("0000:01:00.0", driver="amdgpu", id="1002:73DF")
        self.set_device("0000:01:00.1", id="1002:AB28")
        found = self.findings("vfio.host-driver", subject="0000:01:00.0")
        self.assertEqual([f["status"] for f in found], ["info"])
        found = self.findings("vfio.host-driver", "--gpu", "01:00", subject="0000:01:00.0")
        self.assertEqual([f["status"] for f in found], ["warn"])
        self.assertIn("amdgpu", found[0]["detail"])
        plan = self.plan("--gpu", "01:00", "--vm", "107", expect=None)
        self.assertEqual(plan["refusals"], [])
        self.assertIn("reboot", [c["kind"] for c in plan["changes"]])
        self.assertIn("softdep amdgpu pre: vfio-pci",
                      [c["after"] for c in plan["changes"] if c.get("path") == "/etc/modprobe.d/pvegpu.conf"][0])
        self.assertEqual([f["fix"] for f in self.findings("vfio.host-driver", subject="0000:01:00.0")][0]["summary"],
                         "bind it to vfio-pci at boot if a VM is to have it")
        self.write("etc/modprobe.d/a.conf", "options vfio-pci ids=1002:73df,1002:ab28\n")
        self.assertEqual([f["fix"] for f in self.findings("vfio.host-driver", subject="0000:01:00.0")], [None])
        self.set_device("0000:01:00.0", driver="vfio-pci")
        self.write("etc/modprobe.d/a.conf", "blacklist amdgpu\nblacklist nvidia\n")
        self.assertEqual([f["status"] for f in self.findings("vfio.leftovers")], ["ok"])

    def test_cards_that_a_bus_reset_does_not_bring_back(self):
        def told(**attributes):
            self.set_device("0000:01:00.0", **attributes)
            found = self.findings("gpu.reset", subject="0000:01:00.0")
            return found[0]["status"], found[0]["detail"], (found[0]["fix"] or {}).get("summary")
        self.assertEqual(told(id="1002:73BF", reset_method="bus")[0], "info")
        for device in ("66A1", "67DF", "687F", "699F", "731F", "7340"):
            status, detail, fix = told(id="1002:" + device, reset_method="bus")
            self.assertEqual(status, "warn", device)
            self.assertIn("vendor-reset can reset it", detail)
            self.assertIn("install", fix)
        self.assertEqual(told(reset_method="pm bus")[0], "warn")
        self.write("proc/modules", self.read("proc/modules") + "vendor_reset 114688 0 - Live 0x0\n")
        status, detail, fix = told()
        self.assertEqual((status, fix), ("warn", "echo device_specific >" + "/" + DEVICES + "0000:01:00.0/reset_method"))
        self.assertEqual(told(reset_method="device_specific bus")[::2], ("ok", None))
        self.assertFalse(self.findings("gpu.reset", subject="host"))
        # For no GPU of this host.
        self.assertEqual(told(id="1002:164E", reset_method="pm")[0], "ok")
        found = self.findings("gpu.reset", subject="host")
        self.assertEqual([f["status"] for f in found], ["info"])
        self.assertIn("not for the GPUs of processors", found[0]["detail"])

    # The VM.

    def test_a_desktop_keeps_its_mouse(self):
        """The emulated tablet goes when that is asked for by name: without it the web console's pointer goes astray."""
        self.iommu_on("intel_iommu=on iommu=pt")
        goal = ("--gpu", "01:00", "--vm", "107")
        self.conf(107, "ostype: l26", drop=("tablet:",))

        def sets(*arguments):
            return [c["params"] for c in self.plan(*goal, *arguments)["changes"]
                    if c["kind"] == "api" and "tablet" in c.get("params", {})]
        for kind in ("l26", "win11"):
            self.conf(107, "ostype: " + kind)
            self.assertFalse(sets())
            found = self.findings("vm.tablet", *goal)
            self.assertEqual([(f["status"], f["fix"]) for f in found], [("ok", None)])
            self.assertTrue(sets("--no-tablet"))

    def test_the_display_is_told_as_it_is(self):
        self.conf(107, "hostpci0: 0000:01:00,pcie=1", drop=("vga:",))
        for lines, words in ((("vga: none",), "It has no emulated display (vga: none)"),
                             (("vga: std",), "The emulated display stays"),
                             (("vga: none", "hostpci0: 0000:01:00,pcie=1,x-vga=1"), "The GPU is the only display")):
            self.conf(107, *lines)
            self.assertIn(words, self.findings("vm.display", subject="vm/107")[0]["detail"])

    def test_what_has_left_the_host_is_not_refused_again(self):
        """A finished host has nothing to accept."""
        self.iommu_on("intel_iommu=on iommu=pt")
        goal = ("--gpu", "02:00", "--vm", "107", "--no-start")
        refused = {r["check"] for r in self.plan(*goal, expect=1)["refusals"]}
        self.assertEqual(refused, {"gpu.boot-vga"})
        self.plan(*goal, "--accept", "gpu.boot-vga=0000:02:00.0")
        self.apply()
        self.script("usr/sbin/reboot")
        self.plan(*goal)
        self.apply()
        plan = self.plan(*goal)
        self.assertTrue(plan["nothing_to_do"])
        self.assertFalse(plan["refusals"])
        self.assertEqual({f["status"] for f in self.findings("gpu.boot-vga", *goal, subject="0000:02:00.0")}, {"info"})

    def test_a_line_that_would_be_dropped_is_mended_first(self):
        """Writing the VM's file loses it, with the x-vga that it asked for."""
        self.iommu_on("intel_iommu=on iommu=pt")
        self.conf(107, "hostpci0: 0000:01:00,pcie=1,x-vga=1,bus=pcie.5")
        plan = self.plan("--gpu", "01:00", "--vm", "107", expect=1)
        self.assertEqual([(r["check"], r["acceptable"]) for r in plan["refusals"]],
                         [("attach.hostpci-invalid", False)])
        self.assertIn("'bus'", plan["refusals"][0]["reason"])
        self.plan("--gpu", "01:00", "--vm", "106", "--no-start")

    def test_arguments_given_to_qemu(self):
        """A root port twice: QEMU does not start. A -cpu of one's own: what the cpu line says is void."""
        self.iommu_on("intel_iommu=on iommu=pt")
        goal = ("--gpu", "01:00", "--vm", "107")

        def told(args):
            self.conf(107, *(["args: " + args] if args else []), drop=("args:",))
            found = self.findings("vm.args", *goal)
            return [f["status"] for f in found], " ".join(f["detail"] for f in found)
        self.assertEqual(told(None)[0], ["ok"])
        status, detail = told("-cpu 'host,-hypervisor,kvm=off'")
        self.assertEqual(status, ["info"])
        self.assertIn("takes the place", detail)
        self.assertEqual(told("-device 'pcie-root-port,id=mine,x-speed=16' -no-reboot")[0], ["info"])
        # Of a fifth device Proxmox VE makes the port itself.
        self.assertEqual(told("-device pcie-root-port,id=ich9-pcie-port-5")[0], ["info"])
        self.conf(107, "hostpci4: 0000:02:00,pcie=1")
        self.assertEqual(told("-device pcie-root-port,id=ich9-pcie-port-5")[0], ["fail"])
        self.conf(107, drop=("hostpci4:",))
        status, detail = told("-device pcie-root-port,id=ich9-pcie-port-1,bus=pcie.0 -cpu host")
        self.assertEqual(sorted(status), ["fail", "info"])
        self.assertIn("ich9-pcie-port-1", detail)
        self.assertEqual([r["check"] for r in self.plan(*goal, expect=1)["refusals"]], ["vm.args"])
        self.conf(107, drop=("machine:",))
        self.assertEqual(told("-device pcie-root-port,id=ich9-pcie-port-1")[0], ["info"])

    # A card that is gone, and what the doctor says.

    def test_a_card_that_is_gone_is_not_said_to_have_moved(self):
        self.conf(107, "hostpci0: 0000:0a:00,pcie=1")
        found = self.findings("attach.device-missing")[0]
        self.assertIn("names 0000:0a:00, where no device is", found["detail"])
        self.assertIn("at another address now", found["fix"]["summary"])
        self.write("etc/modprobe.d/vfio.conf", "options vfio-pci ids=10de:2705,10DE:2206\n")
        found = self.findings("attach.device-missing")[0]
        self.assertIn("the ids 10de:2705 that vfio-pci is set up for: the card is gone.", found["detail"])
        self.assertIn("power the host off fully", found["fix"]["summary"])
        done = run("plan", "--gpu", "0a:00.0", "--vm", "107", root=self.root)
        self.assertEqual(done.returncode, 2)
        self.assertIn("hostpci0 of VM 107", done.stderr)

    def test_the_doctor_does_not_advise_what_is_set(self):
        log = os.path.join(self.directory, "x.log")
        with open(log, "w", encoding="ascii") as file:
            file.write("vfio-pci 0000:01:00.0: Unable to change power state from D3hot to D0, device inaccessible\n")

        def fixes():
            done = run("doctor", "--format", "json", "--log", log, root=self.root)
            found = json.loads(done.stdout)["matches"][0]
            return " | ".join(f["text"] for f in found["fix"])
        self.assertIn("disable_idle_d3=1", fixes())
        self.assertIn("pcie_port_pm=off", fixes())
        self.write("etc/modprobe.d/x.conf", "options vfio_pci disable_idle_d3=1\n")
        self.assertNotIn("disable_idle_d3", fixes())
        self.write("etc/modprobe.d/x.conf", "options vfio_pci disable_idle_d3=0\n")
        self.assertIn("disable_idle_d3=1", fixes())
        self.write("proc/cmdline", self.read("proc/cmdline").strip() + " pcie_port_pm=off vfio_pci.disable_idle_d3=Y\n")
        self.assertNotIn("disable_idle_d3", fixes())
        self.assertNotIn("pcie_port_pm", fixes())

    # Many alike.

    def test_what_is_alike_is_said_once(self):
        """Two cards, two VMs and two entries that are alike make one line each."""
        self.iommu_on("intel_iommu=on iommu=pt")
        self.set_device("0000:02:00.0", id="10DE:2206")
        self.assertEqual([(f["status"], f["subject"]) for f in self.findings("gpu.identical")],
                         [("warn", "0000:01:00.0")])
        self.assertEqual([f["subject"] for f in self.findings("gpu.identical", "--gpu", "02:00")], ["0000:02:00.0"])
        self.write("etc/modprobe.d/a.conf", "options vfio-pci ids=10de:2206\n")
        found = self.findings("vfio.ids-overreach")
        self.assertEqual([f["status"] for f in found], ["warn"])
        self.assertIn("0000:01:00.0, 0000:02:00.0", found[0]["detail"])
        for address in ("0000:01:00.0", "0000:02:00.0"):
            self.set_device(address, driver="vfio-pci")
        self.assertEqual([f["status"] for f in self.findings("vfio.ids-overreach")], ["info"])
        self.conf(107, "hostpci0: 0000:01:00.0", "hostpci1: 0000:01:00.1")
        found = self.findings("attach.hostpci", subject="vm/107")
        self.assertEqual(len(found), 1)
        self.assertIn("hostpci1: 0000:01:00.1", [e["text"] for e in found[0]["evidence"]])
        text = run("audit", root=self.root).stdout
        self.assertIn("What the host would lose (group/1, group/8): No disk", text)
        self.assertEqual(text.count("What the host would lose"), 1)
        shown = sum(text.count(mark) for mark in ("[ OK ]", "[INFO]", "[WARN]", "[FAIL]", "[ ?? ]"))
        self.assertEqual(sum(int(part.split()[0]) for part in text.splitlines()[-1].split(",")), shown)

    def test_a_pool_is_right_as_a_whole(self):
        self.iommu_on("intel_iommu=on iommu=pt")
        os.makedirs(self.path("etc/pve/mapping"), exist_ok=True)
        good = ["node=pve2,path=0000:01:00,id=10de:2206,subsystem-id=1043:87b0,iommugroup=1",
                "node=pve2,path=0000:01:00.1,id=10de:1aef,subsystem-id=1043:87b0,iommugroup=1"]
        self.write(CFG, "pool\n\tmap %s\n\tmap %s\n" % tuple(good))
        found = self.findings("attach.mapping-drift")
        self.assertEqual([(f["status"], len(f["evidence"])) for f in found], [("ok", 2)])
        self.write(CFG, "pool\n\tmap %s\n\tmap %s\n" % (good[0], good[1].replace("iommugroup=1", "iommugroup=9")))
        self.assertEqual(sorted(f["status"] for f in self.findings("attach.mapping-drift")), ["fail", "ok"])

    # Reboots.

    def test_a_reboot_names_the_kernel_it_changes_to(self):
        self.iommu_on("intel_iommu=on iommu=pt")
        goal = ("--gpu", "01:00", "--bind", "early")

        def cost():
            return [c["cost"] for c in self.plan(*goal)["changes"] if c["kind"] == "reboot"][0]
        self.assertNotIn("kernel", cost())
        for name in ("boot/vmlinuz-6.8.4-2-pve", "boot/initrd.img-6.8.4-2-pve"):
            self.write(name, "x")
        self.script("usr/sbin/update-grub")
        self.assertIn("boots kernel 6.8.4-2-pve, where 6.2.16-3-pve runs now", cost())


if __name__ == "__main__":
    main()
