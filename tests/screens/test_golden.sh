#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The main screens at 80x24 and one at 60x20, as they are meant to look. After a wanted change:
# PVEGPU_GOLDEN_UPDATE=1 sh tests/screens/test_golden.sh, and read the difference.
set -eu
: "${PVEGPU_SOURCE:=$(cd "$(dirname "$0")/../.." && pwd)}" "${PVEGPU:=$PVEGPU_SOURCE/build/Release/pvegpu}"
export PVEGPU_SOURCE PVEGPU
. "$PVEGPU_SOURCE/tests/screens/terminal.sh"
need_tmux
golden=$PVEGPU_SOURCE/tests/screens/golden
host=$terminal_dir/host
copy_sample "$host"
export LC_ALL=C.UTF-8
mkdir -p "$golden"

now() { screen | sed 's/ *$//' >"$terminal_dir/now"; }
# settled NAME: the screen becomes the one that is kept.
settled() {
	tries=600
	if [ -n "${PVEGPU_GOLDEN_UPDATE:-}" ]; then
		sleep 2
		now
	else
		while now && ! cmp -s "$golden/$1.txt" "$terminal_dir/now" && [ "$tries" -gt 0 ]; do
			tries=$((tries - 1))
			sleep 0.05
		done
	fi
	if [ -n "${PVEGPU_GOLDEN_UPDATE:-}" ]; then
		cp "$terminal_dir/now" "$golden/$1.txt"
	elif ! diff -u "$golden/$1.txt" "$terminal_dir/now"; then
		echo "not ok - $1 looks different" >&2
		exit 1
	fi
	ok "$1"
}

terminal_start 80 24 "TERM=xterm-256color $PVEGPU --root $host --run-scripts"
wait_for "[choose]"
settled 1-bios
keys 2
settled 2-boot
keys 3
settled 3-vfio
keys 4
settled 4-gpu
keys Down Down Enter
settled share
keys b Up Up Enter
settled 5-vm
keys Down Down Enter
settled 6-attach
keys x Down Down Down Down Down Down Down Down Down
settled 6-advanced
keys '?'
settled cpus
keys b x
keys 7
settled 7-verify
keys v
settled review
keys b l
settled audit
keys Down Down Down Enter
settled why
keys b b d
settled doctor
keys b c
settled card
keys b 4 Down Space v
settled review-risk
keys b '?'
settled gpu-details
keys b Up +
settled 4-gpu-two
keys 6
settled 6-attach-two
keys 4 + 2
resize 60 20
settled 2-boot-60x20
keys q
settled quit

# After the reboot: groups, one of them shared with the network.
sed -i 's/="quiet"/="quiet intel_iommu=on"/' "$host/etc/default/grub"
PVEGPU_ROOT=$host "$host/usr/sbin/update-grub" 2>/dev/null
PVEGPU_ROOT=$host "$host/usr/sbin/reboot"
rm "$host/sys/bus/pci/devices/0000:00:1f.6/iommu_group"
cp -P "$host/sys/bus/pci/devices/0000:00:01.0/iommu_group" \
	"$host/sys/bus/pci/devices/0000:00:1f.6/iommu_group"
terminal_start 80 24 "TERM=xterm-256color $PVEGPU --root $host --run-scripts"
wait_for "[choose]"
keys 4 Enter
settled 4-gpu-refused
keys v
settled review-refused
keys b '?' End
settled gpu-group
echo "$passed passed, 0 failed"
