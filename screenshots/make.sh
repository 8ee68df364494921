#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the pictures of this folder from the real program in a real terminal: xterm under a private
# X server shows a tmux session in which pvegpu walks its sample host.
#   screenshots/make.sh [PROGRAM]
# Needs tmux, xterm, xvfb, xdotool, x11-utils, imagemagick, fonts-dejavu-core.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
PVEGPU=${1:-$source/build/pvegpu}
PVEGPU_SOURCE=$source
export PVEGPU PVEGPU_SOURCE LC_ALL=C.UTF-8
. "$source/tests/screens/terminal.sh"
host=$terminal_dir/host
copy_sample "$host"

Xvfb -displayfd 3 -screen 0 1280x1024x24 -nolisten tcp 3>"$terminal_dir/display" 2>/dev/null &
x_server=$!
trap 'kill "$x_server" 2>/dev/null || :; terminal_stop' EXIT INT TERM
while [ ! -s "$terminal_dir/display" ]; do sleep 0.05; done
DISPLAY=:$(cat "$terminal_dir/display")
export DISPLAY

shot() { # NAME: photograph what the session shows now
	xterm -geometry 80x24 -fa 'DejaVu Sans Mono' -fs 11 -bg '#101010' -fg '#d8d8d8' +sb -b 4 -u8 \
		-title pvegpu-shot -e tmux -L "$terminal_socket" attach -r -t t 2>/dev/null &
	window=
	while [ -z "$window" ]; do
		sleep 0.05
		window=$(xdotool search --name pvegpu-shot 2>/dev/null | head -n 1 || :)
	done
	sleep 0.8
	/usr/bin/import -silent -window "$window" -strip "$source/screenshots/$1.png"
	kill $! 2>/dev/null || :
	wait $! 2>/dev/null || :
	echo "$1.png"
}

terminal_start 80 24 "TERM=xterm-256color $PVEGPU --root $host --run-scripts"
wait_for "What the firmware setup"
wait_for "[choose]"
shot 1-bios
keys Enter
wait_for "Boot parameters"
shot 2-boot
keys Down Down '?'
wait_for "What it does"
shot help
keys b
wait_for "Boot parameters"
keys Enter
wait_for "Who takes the GPU"
shot 3-vfio
keys Enter
wait_for "Which GPU"
keys Enter
wait_for "Which VM"
keys 4
wait_for "What goes to the VM"
shot 4-gpu
keys Down Down Enter
wait_for "VM, container, or both?"
wait_for "Not both at once"
shot share
keys b Up Up
wait_for "What goes to the VM"
keys '?'
wait_for "Kernel driver in use"
shot gpu-details
keys b
wait_for "What goes to the VM"
keys d
wait_for "what the logs say"
shot doctor
keys 4
wait_for "What goes to the VM"
keys Enter
wait_for "Which VM"
keys Down Down
shot 5-vm
keys '?'
wait_for "/etc/pve/qemu-server/106.conf"
keys End
wait_for "With a GPU this VM"
shot vm-details
keys b
wait_for "Which VM"
keys Enter
wait_for "talos-gpu-1"
shot 6-attach
keys x Down Down Down Down Down Down Down Down Down Enter
wait_for "CPUs, near"
typed near
keys Enter
wait_for "near asked for"
shot 6-advanced
keys '?'
wait_for "Threads of one core"
shot cpus
keys b
wait_for "near asked for"
keys Enter
wait_for "CPUs, near"
keys Enter x
wait_for "talos-gpu-1"
keys l
wait_for "Audit:"
shot audit-list
keys b
wait_for "talos-gpu-1"
keys c
wait_for "Quick reference"
shot card
keys b
wait_for "talos-gpu-1"
keys v
wait_for "Review:"
shot review
typed yes
keys Enter
wait_for "now ] \$ update-grub"
wait_for "Found initrd"
shot applying
wait_for "Reboot now?" 30
shot reboot
keys y
wait_for "The host was rebooted" 30
keys v
wait_for "3 API calls"
shot review-api
typed yes
keys Enter
wait_for "Done. Undo" 60
keys Enter
wait_for "runs with the GPU"
shot 7-verify
keys 4
wait_for "Which GPU"
keys m
wait_for "Group 1"
shot groups
keys b
wait_for "Which GPU"
keys Down Space v
wait_for "REFUSED"
keys a
wait_for "To accept"
shot risk
rm "$host/sys/bus/pci/devices/0000:00:1f.6/iommu_group"
cp -P "$host/sys/bus/pci/devices/0000:00:01.0/iommu_group" \
	"$host/sys/bus/pci/devices/0000:00:1f.6/iommu_group"
terminal_start 80 24 "TERM=xterm-256color $PVEGPU --root $host --run-scripts"
wait_for "7 Verify"
sleep 1
keys 4
wait_for "Which GPU"
keys Home Space v
wait_for "REFUSED"
shot refused

# A VM that does not start: what the doctor makes of it.
terminal kill-server 2>/dev/null || :
rm -rf "$host"
copy_sample "$host"
"$PVEGPU" plan --root "$host" --run-scripts --gpu 01:00 --out "$terminal_dir/plan" >/dev/null
PVEGPU_SAMPLE_FAST=1 "$PVEGPU" apply "$terminal_dir/plan" --root "$host" --run-scripts --yes --reboot >/dev/null 2>&1
echo "hostpci0: 0000:01:00,pcie=1" >>"$host/etc/pve/nodes/pve2/qemu-server/106.conf"
PVEGPU_ROOT=$host "$host/usr/bin/pvesh" create /nodes/pve2/qemu/106/status/start >/dev/null 2>&1 || :
terminal_start 80 24 "TERM=xterm-256color $PVEGPU --root $host --run-scripts"
wait_for "4 GPU"
sleep 1
keys d
wait_for "what the logs say"
keys Enter
wait_for "What to do, in order"
shot diagnosis

# The same wizard from afar, as an API token: needs pvesim beside the program.
if [ -x "${PVESIM:=$(dirname "$PVEGPU")/tests/pvesim}" ]; then
	export PVESIM
	cat >"$terminal_dir/remote.sh" <<-EOF
		export HOME=$terminal_dir/home XDG_CONFIG_HOME= XDG_STATE_HOME=
		exec "$PVEGPU" --api "\$PVESIM_URL" --token-file "\$PVESIM_TOKEN_FILE" --ca-file "\$PVESIM_CA" --node pve2
	EOF
	terminal_start 80 24 "TERM=xterm-256color sh $source/tests/pvesim/run.sh sh $terminal_dir/remote.sh"
	wait_for "REMOTE HOST"
	sleep 1
	keys 4
	wait_for "Which GPU"
	keys Enter
	wait_for "Which VM"
	keys Down Down Enter
	wait_for "by a PCI mapping"
	shot remote
	keys Enter
	wait_for "Review:"
	shot review-mapping
fi

terminal_start 80 24 "$PVEGPU audit --root $host --run-scripts | head -n 22"
wait_for "GPUs"
shot audit

several=$terminal_dir/several
copy_sample "$several"
terminal_start 80 24 "TERM=xterm-256color $PVEGPU --root $several --run-scripts"
wait_read
keys 4
wait_for "Which GPU goes to the VM?"
keys +
wait_for "> (*) 01:00.0"
keys Down
wait_for "> ( ) 02:00.0"
keys +
wait_for "> (*) 02:00.0"
keys 5 Down Enter
wait_for "> (*) 01:00.0"
keys Down Down Down Down Enter
wait_for "(*) 02:00.0 GeForce GTX 1660 Ti  no VM yet"
keys Down Enter
wait_for "Each GPU to its VM"
keys 5 Home
wait_for "> ( ) all 2 of them"
shot several
