#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Drives the sample host end to end, in a copy: from the stock host to a VM that runs with
# the card, and through the mistakes on the way. Prints "ok - ..." lines.
set -u
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
PVEGPU_SAMPLE_FAST=1
export PVEGPU_SAMPLE_FAST
unset PVEGPU_SAMPLE_FAIL
failed=0

fresh() {
	rm -rf "$work/root"
	cp -a "$here/root" "$work/root" || exit 1
	find "$work/root" -name .keep -delete
	PVEGPU_ROOT=$work/root
	export PVEGPU_ROOT
	cd "$work/root" || exit 1
}

ok() { # name, command...
	name=$1
	shift
	if "$@" >/dev/null 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		failed=1
	fi
}

no() { ! "$@"; }
is() { [ "$1" = "$2" ] || { echo "# '$1' is not '$2'"; return 1; }; }
has() { case $1 in *"$2"*) return 0 ;; esac; echo "# no '$2' in: $1"; return 1; }

driver() {
	d=$(readlink "sys/bus/pci/devices/$1/driver") || { echo none; return; }
	d=${d##*/}
	[ -e "sys/bus/pci/drivers/$d/$1/vendor" ] || d="$d without a back link"
	grep -qx "DRIVER=$d" "sys/bus/pci/devices/$1/uevent" || d="$d without its uevent line"
	echo "$d"
}
group() {
	g=$(readlink "sys/bus/pci/devices/$1/iommu_group") || { echo none; return; }
	[ -e "sys/kernel/iommu_groups/${g##*/}/devices/$1/vendor" ] || g="$g without a back link"
	[ -d "sys/bus/pci/devices/$1/iommu_group/devices" ] || g="$g dangling"
	echo "${g##*/}"
}
members() { (cd "sys/kernel/iommu_groups/$1/devices" && echo *); }
pvesh() { usr/bin/pvesh "$@" --output-format json 2>"$work/err"; }
errors() { cat "$work/err"; }
vm() { echo "etc/pve/nodes/pve2/qemu-server/$1.conf"; }
cmdline() { sed -i "s/^GRUB_CMDLINE_LINUX_DEFAULT=.*/GRUB_CMDLINE_LINUX_DEFAULT=\"$1\"/" etc/default/grub; }
restart() { # with the whole configuration written out
	usr/sbin/update-grub 2>/dev/null && usr/sbin/update-initramfs -u -k all >/dev/null && usr/sbin/reboot
}
task() { # start|stop, VM: leaves the exit status of the task in $status, its log in $log
	out=$(pvesh create "/nodes/pve2/qemu/$2/status/$1") || echo "# pvesh exited with an error"
	upid=$(echo "$out" | tail -n 1 | tr -d '"')
	status=$(pvesh get "/nodes/pve2/tasks/$upid/status" | sed -n 's/.*"exitstatus":"\([^"]*\)".*/\1/p')
	log=$(pvesh get "/nodes/pve2/tasks/$upid/log")
}
linkcheck() { [ -z "$(find . -xtype l)" ]; }
same_tree() { # the copy against the tree kept in git, without what a boot must change
	diff -r --no-dereference -x .keep -x tasks -x '[0-9]*' -x '*.pid' -x stat -x uptime -x boot_id -x ns_last_pid \
		"$here/root" "$work/root"
}

fresh
# --- the tree as it is kept
ok "no link dangles" linkcheck
ok "no link is absolute" is "$(find . -type l -printf '%l\n' | grep -c '^/')" 0
if command -v lspci >/dev/null 2>&1; then
	seen=$(lspci -Dnnk -O "sysfs.path=$work/root/sys/bus/pci" 2>/dev/null)
	ok "lspci lists every function" is "$(echo "$seen" | grep -c '^0000:')" 20
	ok "lspci sees the card" has "$seen" "0000:01:00.0 VGA compatible controller [0300]"
	ok "lspci sees its ids" has "$seen" "[10de:2206] (rev a1)"
	ok "lspci sees the subsystem" has "$seen" "[1043:87b0]"
	ok "lspci sees the drivers" is "$(echo "$seen" | grep -c 'driver in use: nouveau')" 2
fi
ok "the IOMMU is off" is "$(find sys/class/iommu sys/kernel/iommu_groups -mindepth 1)" ""
for s in usr/sbin/update-grub usr/sbin/update-initramfs usr/sbin/proxmox-boot-tool usr/sbin/reboot usr/bin/pvesh; do
	ok "$s refuses without PVEGPU_ROOT" no env -u PVEGPU_ROOT "$s" status
	ok "$s refuses a tree without the marker" no env PVEGPU_ROOT="$work" "$s" status
done
usr/sbin/proxmox-boot-tool status --quiet 2>"$work/err"
ok "proxmox-boot-tool is not in use" is "$? $(errors)" "2 E: /etc/kernel/proxmox-boot-uuids does not exist."

cp -a boot "$work/boot.kept"
usr/sbin/update-grub 2>/dev/null
ok "grub.cfg is what update-grub makes" cmp boot/grub/grub.cfg "$work/boot.kept/grub/grub.cfg"
usr/sbin/update-initramfs -u >/dev/null
ok "the initrd is what update-initramfs makes" cmp boot/initrd.img-6.2.16-3-pve "$work/boot.kept/initrd.img-6.2.16-3-pve"
rm -rf "$work/boot.kept"
boot_id=$(cat proc/sys/kernel/random/boot_id)
usr/sbin/reboot
ok "a reboot changes nothing else" same_tree
ok "a reboot changes the boot id" no is "$(cat proc/sys/kernel/random/boot_id)" "$boot_id"
ok "onboot VMs run again" is "$(ls run/qemu-server | tr '\n' ' ')" "100.pid 105.pid "
pid=$(cat run/qemu-server/100.pid)
ok "with a new process" has "$(tr '\0' ' ' <"proc/$pid/cmdline")" "/usr/bin/kvm -id 100 -name docker"
ok "the old ones are gone" no test -e proc/1500

# --- reading
ok "version" is "$(pvesh get /version)" '{"release":"8.0","repoid":"bbf3993334bfa916","version":"8.0.3"}'
ok "nodes" has "$(pvesh get /nodes)" '"node":"pve2","status":"online"'
ok "VM list" has "$(pvesh get /nodes/pve2/qemu)" '"name":"talos-gpu-1","netin":0,"netout":0,"status":"stopped"'
ok "template in the list" has "$(pvesh get /nodes/pve2/qemu)" '"template":1'
ok "config" has "$(pvesh get /nodes/pve2/qemu/106/config --current 1)" '"cores":8,"cpu":"x86-64-v2-AES","description":"GPU worker'
ok "digest" has "$(pvesh get /nodes/pve2/qemu/106/config --current=1)" "\"digest\":\"$(sha1sum <"$(vm 106)" | cut -c 1-40)\""
ok "config of now has no pending value" no has "$(pvesh get /nodes/pve2/qemu/110/config --current 1)" balloon
ok "config to come has it" has "$(pvesh get /nodes/pve2/qemu/110/config)" '"balloon":0'
ok "pending" has "$(pvesh get /nodes/pve2/qemu/110/pending)" '{"key":"balloon","pending":0}'
ok "status" has "$(pvesh get /nodes/pve2/qemu/106/status/current)" '"qmpstatus":"stopped","status":"stopped"'
ok "PCI list without a group" has "$(pvesh get /nodes/pve2/hardware/pci)" '"device":"0x2206","device_name":"GA102 [GeForce RTX 3080]","id":"0000:01:00.0","iommugroup":-1'
ok "PCI list hides the bridges" no has "$(pvesh get /nodes/pve2/hardware/pci)" '0x060400'
ok "PCI list unfiltered" has "$(pvesh get /nodes/pve2/hardware/pci --pci-class-blacklist '')" '0x060400'
pvesh get /nodes/pve2/nonsense
ok "unknown path" is "$? $(errors)" "1 No 'get' handler defined for '/nodes/pve2/nonsense'"
pvesh get /nodes/pve2/qemu/999/config
ok "missing VM" is "$? $(errors)" "255 Configuration file 'nodes/pve2/qemu-server/999.conf' does not exist"

# --- writing
fresh
before=$(sha1sum <"$(vm 106)" | cut -c 1-40)
refused() { # name, words of the error, key, value: 400, and the file is left alone
	out=$(pvesh set /nodes/pve2/qemu/106/config "--$3" "$4")
	code=$?
	ok "refused: $1" has "$code $(errors)" "$2"
	ok "file untouched: $1" is "$code$out$(sha1sum <"$(vm 106)" | cut -c 1-40)" "255$before"
}
refused "unknown key" "255 400 Parameter verification failed.
hostpci0: invalid format - invalid key in comma-separated list property: foo" hostpci0 01:00,foo=1
refused "bad host" "hostpci0.host: value does not match the regex pattern" hostpci0 01:0A.0
refused "space after the comma" "invalid key in comma-separated list property:  pcie" hostpci0 "01:00, pcie=1"
refused "empty value" "missing key in comma-separated list property" hostpci0 01:00,pcie=
refused "two hosts" "duplicate key in comma-separated list property: host" hostpci0 01:00,02:00
refused "bad boolean" "hostpci0.pcie: type check ('boolean') failed - got '2'" hostpci0 01:00,pcie=2
refused "unknown parameter" "Unknown option: hostpcie
400 unable to parse option" hostpcie 1
refused "bad machine" "machine: value does not match the regex pattern" machine i440fx
out=$(pvesh set /nodes/pve2/qemu/106/config --hostpci0 01:00,pcie=1 --digest 0123456789012345678901234567890123456789)
ok "stale digest" is "$? $(errors)" "255 checksum mismatch (file change by other user?)"
ok "stale digest prints nothing" is "$out" ""
out=$(pvesh set /nodes/pve2/qemu/106/config --hostpci0=01:00,pcie=1,x-vga=0 --digest "$before")
ok "set" is "$?$out" "0update VM 106: -hostpci0 01:00,pcie=1,x-vga=0"
ok "set changes one line" is "$(diff "$here/root/$(vm 106)" "$(vm 106)")" "5a6
> hostpci0: 01:00,pcie=1,x-vga=0"
pvesh set /nodes/pve2/qemu/106/config -machine q35 -cpu host -tablet 0 >/dev/null
pvesh set /nodes/pve2/qemu/106/config --delete hostpci0,machine,tablet --cpu x86-64-v2-AES >/dev/null
ok "set and delete give the same file" cmp "$here/root/$(vm 106)" "$(vm 106)"
pvesh set /nodes/pve2/qemu/106/config --description 'a: 100%
second' >/dev/null
ok "description" is "$(head -n 2 "$(vm 106)")" "#a%3A 100%25
#second"
pvesh set /nodes/pve2/qemu/100/config --hostpci0 01:00 --onboot 0 --delete agent >/dev/null
ok "running VM: pending" is "$(sed -n '/PENDING/,$p' "$(vm 100)")" "[PENDING]
delete: agent
hostpci0: 01:00"
ok "running VM: at once" grep -qx 'onboot: 0' "$(vm 100)"
ok "running VM: pending list" has "$(pvesh get /nodes/pve2/qemu/100/pending)" '{"delete":1,"key":"agent","value":"1"}'
pvesh set /nodes/pve2/qemu/110/config --name win12 >/dev/null
ok "snapshots stay" is "$(sed -n '/^\[/,$p' "$(vm 110)")" "$(sed -n '/^\[before/,$p' "$here/root/$(vm 110)")"
echo "lock: backup" >>"$(vm 107)"
pvesh set /nodes/pve2/qemu/107/config --tablet 0
ok "locked VM" is "$? $(errors)" "255 VM is locked (backup)"
task start 107
ok "locked VM does not start" is "$status" "VM is locked (backup)"

# --- starting on the stock host
fresh
task start 100
ok "already running" is "$status" "VM 100 already running"
ok "and said on stderr by the start" has "$(usr/bin/pvesh create /nodes/pve2/qemu/100/status/start 2>&1)" "VM 100 already running"
task start 9000
ok "template" is "$status" "you can't start a vm if it's a template"
pvesh set /nodes/pve2/qemu/106/config --hostpci0 01:00,pcie=1 >/dev/null
task start 106
ok "pcie=1 without q35" is "$status" "q35 machine model is not enabled at /usr/share/perl5/PVE/QemuServer/PCI.pm line 510."
ok "task log" has "$log" '"t":"TASK ERROR: q35 machine'
ok "task index" has "$(tail -n 1 var/log/pve/tasks/index)" "PCI.pm line 510."
pvesh set /nodes/pve2/qemu/106/config --machine q35 --cpu host >/dev/null
task start 106
ok "no IOMMU" is "$status" "cannot prepare PCI pass-through, IOMMU not present"
pvesh set /nodes/pve2/qemu/107/config --hostpci0 05:00 >/dev/null
task start 107
ok "no such device" is "$status" "no PCI device found for '05:00'"
ok "nothing was bound" is "$(driver 0000:01:00.0)" nouveau

# --- the way through
cmdline "quiet intel_iommu=on iommu=pt"
printf '%s\n' vfio vfio_iommu_type1 vfio_pci vfio_virqfd >>etc/modules
ok "update-grub" usr/sbin/update-grub
ok "not before the reboot" is "$(group 0000:01:00.0)" none
pvesh create /nodes/pve2/status --command reboot
ok "the command line" is "$(cat proc/cmdline)" "BOOT_IMAGE=/boot/vmlinuz-6.2.16-3-pve root=/dev/mapper/pve-root ro quiet intel_iommu=on iommu=pt"
ok "the IOMMU is on" test -d sys/class/iommu/dmar0/intel-iommu
ok "ten groups" is "$(ls sys/kernel/iommu_groups | sort -n | tr '\n' ' ')" "0 1 2 3 4 5 6 7 8 9 "
ok "the card's group" is "$(members 1)" "0000:00:01.0 0000:01:00.0 0000:01:00.1"
ok "the other card's group" is "$(members 8)" "0000:02:00.0 0000:02:00.1 0000:02:00.2 0000:02:00.3"
ok "the network's group" is "$(members 7)" "0000:00:1f.0 0000:00:1f.3 0000:00:1f.4 0000:00:1f.5 0000:00:1f.6"
ok "the group of the disk" is "$(group 0000:03:00.0)" 9
ok "group type" is "$(cat sys/kernel/iommu_groups/1/type)" identity
ok "no link dangles with groups" linkcheck
ok "modules by name" grep -q '^vfio_pci ' proc/modules
ok "a module that is not there" has "$(tail -n 1 var/log/syslog)" "Failed to find module 'vfio_virqfd'"
ok "PCI list with a group" has "$(pvesh get /nodes/pve2/hardware/pci)" '"id":"0000:01:00.1","iommugroup":1'
ok "the driver is still the host's" is "$(driver 0000:01:00.0)" nouveau
task start 106
ok "start" is "$status" OK
ok "the card is with vfio-pci" is "$(driver 0000:01:00.0) $(driver 0000:01:00.1)" "vfio-pci vfio-pci"
ok "the bridge is not" is "$(driver 0000:00:01.0)" pcieport
ok "reservation" is "$(cat run/qemu-server/pci-id-reservations)" "0000:01:00.0 106 pid:$(cat run/qemu-server/106.pid)
0000:01:00.1 106 pid:$(cat run/qemu-server/106.pid)"
pvesh set /nodes/pve2/qemu/107/config --hostpci0 0000:01:00.0,pcie=1 >/dev/null
task start 107
ok "the card is taken" is "$status" "PCI device '0000:01:00.0' already in use by VMID '106'"
task stop 106
ok "stop" is "$status $(ls run/qemu-server | tr '\n' ' ')" "OK 100.pid 105.pid pci-id-reservations "
ok "the card stays with vfio-pci" is "$(driver 0000:01:00.0)" vfio-pci
task start 107
ok "now it is free" is "$status" OK
pvesh set /nodes/pve2/qemu/106/config --hostpci0 00:1f.3 >/dev/null
task start 106
ok "a group with the network card" has "$log" "*** the host would have lost its disk or network here ***"
pvesh set /nodes/pve2/qemu/106/config --hostpci0 02:00,pcie=1,romfile=/root/gpu.rom >/dev/null
task stop 106
task start 106
ok "a ROM file that is not there" is "$status" "start failed: QEMU exited with code 1"

# --- early binding
fresh
cmdline "quiet intel_iommu=on"
echo "options vfio-pci ids=10de:2206,10de:1aef" >etc/modprobe.d/vfio.conf
restart
ok "ids alone do not bind" is "$(driver 0000:01:00.0)" nouveau
ok "group type without pt" is "$(cat sys/kernel/iommu_groups/1/type)" DMA-FQ
printf '%s\n' "softdep nouveau pre: vfio-pci" "softdep snd_hda_intel pre: vfio-pci" >>etc/modprobe.d/vfio.conf
usr/sbin/reboot
ok "not without a new initrd" is "$(driver 0000:01:00.0)" nouveau
restart
ok "ids and softdep bind" is "$(driver 0000:01:00.0) $(driver 0000:01:00.1)" "vfio-pci vfio-pci"
ok "only those ids" is "$(driver 0000:02:00.0) $(driver 0000:02:00.1) $(driver 0000:00:1f.3)" "nouveau snd_hda_intel snd_hda_intel"
ok "vfio_pci is loaded" grep -q '^vfio_pci ' proc/modules
echo "blacklist nouveau" >etc/modprobe.d/z.conf
restart
ok "blacklist" is "$(driver 0000:01:00.0) $(driver 0000:02:00.0)" "vfio-pci none"
ok "nouveau is not loaded" no grep -q '^nouveau ' proc/modules
rm etc/modprobe.d/vfio.conf etc/modprobe.d/z.conf
echo "options vfio_pci ids=10DE:2206" >etc/modprobe.d/vfio.conf
echo vfio-pci >>etc/initramfs-tools/modules
restart
ok "vfio-pci in the initramfs list" is "$(driver 0000:01:00.0) $(driver 0000:01:00.1)" "vfio-pci snd_hda_intel"

# --- ACS override, and the IOMMU off again
cmdline "quiet intel_iommu=on pcie_acs_override=downstream"
restart
ok "downstream parts the root port" is "$(members "$(group 0000:01:00.0)")" "0000:01:00.0 0000:01:00.1"
cmdline "quiet intel_iommu=on pcie_acs_override=downstream,multifunction"
restart
ok "multifunction parts the functions" is "$(ls sys/kernel/iommu_groups | wc -l | tr -d ' ') $(members 13)" "20 0000:01:00.0"
rm etc/modprobe.d/vfio.conf
cp "$here/root/etc/initramfs-tools/modules" etc/initramfs-tools/modules
cmdline "quiet intel_iommu=on intel_iommu=off"
restart
ok "intel_iommu=off wins" is "$(group 0000:01:00.0)" none
cmdline quiet
restart
ok "back to the stock host" same_tree

# --- files that are wrong
cp boot/grub/grub.cfg "$work/grub.cfg"
echo 'GRUB_CMDLINE_LINUX_DEFAULT="quiet' >>etc/default/grub
ok "a syntax error stops update-grub" no usr/sbin/update-grub
ok "and leaves grub.cfg" cmp boot/grub/grub.cfg "$work/grub.cfg"
cp "$here/root/etc/default/grub" etc/default/grub
echo 'GRUB_CMDLINE_LINUX_DEFAULT="quiet nomodeset"' >etc/default/grub.d/z.cfg
usr/sbin/update-grub 2>/dev/null
ok "snippets are read last" grep -q 'ro  quiet nomodeset$' boot/grub/grub.cfg

# --- failures on demand
fresh
cp boot/grub/grub.cfg "$work/grub.cfg"
PVEGPU_SAMPLE_FAIL="update-grub update-initramfs start set"
export PVEGPU_SAMPLE_FAIL
ok "update-grub fails" no usr/sbin/update-grub
ok "and leaves grub.cfg as well" cmp boot/grub/grub.cfg "$work/grub.cfg"
ok "update-initramfs fails" no usr/sbin/update-initramfs -u -k all
ok "and leaves the initrd" cmp boot/initrd.img-6.2.16-3-pve "$here/root/boot/initrd.img-6.2.16-3-pve"
pvesh set /nodes/pve2/qemu/106/config --tablet 0
ok "set fails" is "$? $(errors)" "255 got no worker upid - start worker failed"
task start 106
ok "start fails" is "$status" "start failed: QEMU exited with code 1"
ok "and says why" has "$log" "failed to open /dev/vfio/1: Device or resource busy"
ok "nothing runs then" no test -e run/qemu-server/106.pid
unset PVEGPU_SAMPLE_FAIL

cd / || exit 1
[ "$failed" = 0 ] || echo "selftest: failed" >&2
exit "$failed"
