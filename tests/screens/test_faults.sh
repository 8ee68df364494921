#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Each kind of symptom on a host that has a fault of that kind: from the doctor's first page to the
# fix, through the review, applied, and looked at again.
set -eu
. "${PVEGPU_SOURCE:?}/tests/screens/terminal.sh"
need_tmux
export LC_ALL=C.UTF-8 PVEGPU_SAMPLE_FAST=1
number=0

# A host with the IOMMU on, as after steps 1 to 3.
fresh() {
	number=$((number + 1))
	host=$terminal_dir/host$number
	conf=$host/etc/pve/nodes/pve2/qemu-server/106.conf
	copy_sample "$host"
	[ "${1:-}" = off ] || {
		"$PVEGPU" plan --root "$host" --run-scripts --gpu 01:00 --out "$terminal_dir/plan" >/dev/null
		"$PVEGPU" apply "$terminal_dir/plan" --root "$host" --run-scripts --yes --reboot >/dev/null 2>&1
	}
}
set_conf() { # LINE...: in the VM's current section, keys replaced
	for line in "$@"; do
		sed -i "/^${line%%:*}:/d" "$conf"
		sed -i "1i $line" "$conf"
	done
	sort -o "$conf" "$conf"
}
start_vm() { PVEGPU_ROOT=$host "$host/usr/bin/pvesh" create /nodes/pve2/qemu/106/status/start >/dev/null 2>&1 || :; }
wizard() {
	terminal_start 80 24 "TERM=xterm-256color $PVEGPU --root $host --run-scripts"
	wait_for "4 GPU"
	wait_read
	keys d
	wait_for "what the logs say"
}
# on TEXT: move the focus to the row with that text.
on() {
	while ! screen | grep -E '^>' | grep -qF -- "$1"; do
		moved Down || fail "no row with: $1"
	done
}
open_row() { on "$1"; keys Enter; }
# tick TEXT: the fix whose text has that, below or beside its number.
tick() {
	while :; do
		focused=$(screen | grep -nE '^> \[[ x]\]' | cut -d: -f1 || :)
		if [ -n "$focused" ] && screen | sed -n "$focused,$((focused + 2))p" | grep -qF -- "$1"; then
			break
		fi
		moved Down || fail "no fix with: $1"
	done
	screen | grep -qE '^> \[x\]' || moved Space || fail "no fix is ticked: $1"
	screen | grep -qE '^> \[x\]' || fail "Space ticked another fix than: $1"
}
# mend: review, yes, and back at the doctor.
mend() {
	keys v
	wait_for "Nothing has been changed yet."
	keys yes Enter
	tries=2400
	until screen | grep -qE "Done\. Undo|Reboot now"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "it did not end"
		sleep 0.05
	done
	if screen | grep -q "Reboot now"; then keys y; else keys Enter; fi
	wait_for "what the logs say"
}
is_fine() { # CHECK: the audit has nothing against it any more
	bad=$("$PVEGPU" audit --root "$host" --run-scripts --only "$1" --gpu 01:00 --vm 106 | grep -E '\[(FAIL|WARN)\]' || :)
	[ -z "$bad" ] || fail "$1: $bad"
}

# The VM does not start: its machine has no PCI Express.
fresh
set_conf "hostpci0: 0000:01:00,pcie=1" "cpu: host" "tablet: 0"
start_vm
wizard
open_row "q35"
shows "q35 machine model is not enabled" "start: the line from the task's log"
tick "q35"
mend
grep -q '^machine: q35' "$conf" || fail "machine is not q35"
is_fine vm.machine-q35
sleep 1.1 # a task is known by its second
start_vm
keys r
wait_for "(over)"
ok "start: mended, and history once the VM was started"

# Not visible in the VM: attached while it ran, so it waits in PENDING.
fresh
set_conf "machine: q35" "cpu: host" "tablet: 0"
start_vm
printf '\n[PENDING]\nhostpci0: 0000:01:00,pcie=1\n' >>"$conf"
wizard
open_row "Black screen"
shows "PCI devices given to VMs" "black: what waits in PENDING is found"
tick "stop and start"
mend
grep -q '^hostpci0: 0000:01:00,pcie=1' "$conf" || fail "it still waits"
grep -q PENDING "$conf" && fail "PENDING is still there"
is_fine attach.hostpci
ok "black: the device counts now"

# The host hangs when the VM starts: its driver does not let the card go.
fresh
set_conf "machine: q35" "hostpci0: 0000:01:00,pcie=1" "cpu: host" "tablet: 0"
echo "[  812.345678] nouveau 0000:01:00.0: fifo: fault 00 [VIRT_READ] at 0000000000000000 engine 00" >>"$host/var/log/dmesg"
wizard
open_row "Host hangs"
shows "Driver that holds the GPU" "hang: the driver that holds the card"
tick "vfio-pci"
mend
grep -rq "ids=10de:2206" "$host/etc/modprobe.d" || fail "it is not bound at boot"
is_fine vfio.host-driver
is_fine vfio.binding
ok "hang: vfio-pci takes the card at boot"

# Works once: the log says that the card did not come back; bound early it is never touched.
fresh
set_conf "machine: q35" "hostpci0: 0000:01:00,pcie=1" "cpu: host" "tablet: 0"
wizard
open_row "Works once"
tick "vfio-pci"
mend
is_fine vfio.binding
ok "once: no host driver touches the card"

# Code 43: the machine and the CPU that drivers expect.
fresh
set_conf "hostpci0: 0000:01:00" "cpu: kvm64" "tablet: 0"
wizard
open_row "Code 43"
tick "CPU type"
mend
grep -q '^cpu: host' "$conf" || fail "cpu is not host"
is_fine vm.cpu-host
ok "code 43: the guest sees the real CPU"

# No CUDA: the generic CPU type hides what the driver needs.
fresh
set_conf "machine: q35" "hostpci0: 0000:01:00,pcie=1" "cpu: x86-64-v2-AES" "tablet: 0"
wizard
open_row "no CUDA"
tick "CPU type"
mend
is_fine vm.cpu-host
ok "cuda: the CPU type is host"

# The wrong GPU: the mapping names an address where the card was once.
fresh
mkdir -p "$host/etc/pve/mapping"
printf 'gpu\n\tmap node=pve2,path=0000:0a:00,id=10de:2206,subsystem-id=1043:87b0,iommugroup=1\n\n' \
	>"$host/etc/pve/mapping/pci.cfg"
set_conf "machine: q35" "hostpci0: mapping=gpu,pcie=1" "cpu: host" "tablet: 0"
start_vm
wizard
open_row "Wrong GPU"
shows "there is no 0000:0a:00" "wrong: the mapping has drifted"
tick "entry anew"
mend
grep -q "path=0000:01:00," "$host/etc/pve/mapping/pci.cfg" || fail "the mapping was not mended"
is_fine attach.mapping-drift
ok "wrong: it names the card that is there"

# Slow.
fresh
set_conf "machine: q35" "hostpci0: 0000:01:00,pcie=1" "cpu: kvm64" "tablet: 0"
wizard
open_row "Slow"
tick "CPU type"
mend
is_fine vm.cpu-host
ok "slow: the CPU type is host"

# The host hangs at boot on a module that is no more.
fresh
echo vfio_virqfd >>"$host/etc/modules"
echo "Nov 25 10:00:01 pve2 systemd-modules-load[456]: Failed to find module 'vfio_virqfd'" >>"$host/var/log/syslog"
wizard
open_row "virqfd"
tick "vfio_virqfd"
mend
grep -q vfio_virqfd "$host/etc/modules" && fail "it is still there"
is_fine vfio.modules-obsolete
ok "boot: the module is gone from /etc/modules"

# A line that is pasted leads to the same.
fresh off
wizard
on "Paste an error line"
keys Enter
wait_for "Paste it here"
typed "TASK ERROR: cannot prepare PCI pass-through, IOMMU not present"
keys Enter
shows "IOMMU not present" "paste: the line is known"
tick "IOMMU"
mend
grep -q intel_iommu=on "$host/proc/cmdline" || fail "the IOMMU is still off"
is_fine boot.iommu-active
ok "paste: the IOMMU is on after the reboot"

keys q # nothing is left to be done: there is no question
shows "[exit 0]" "it ends"
echo "$passed passed, 0 failed"
