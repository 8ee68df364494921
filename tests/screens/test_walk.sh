#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A person's walk at 80x24: from the first screen to a VM that runs with the GPU.
set -eu
. "${PVEGPU_SOURCE:?}/tests/screens/terminal.sh"
need_tmux
host=$terminal_dir/host
copy_sample "$host"
untouched=$(tree_hash "$host")
export LC_ALL=C.UTF-8
terminal_start 80 24 "TERM=xterm-256color $PVEGPU --root $host --run-scripts"

shows "What the firmware setup (BIOS) must have on" "opens at step 1"
shows "SAMPLE HOST" "says that it is a sample"
shows "[choose]" "the rest of the host fills in"
keys End
shows "> [ ] restart into the setup" "step 1 offers a restart into the setup"
keys Space
shows "[x] restart into the setup" "ticked, it is a change"
keys v
shows "! reboot into the firmware" "like any other"
keys b Space Up Space
shows "[x] Display" "what only a person can see is ticked by hand"
keys d
shows "what the logs say" "the doctor's entry"
keys b m
shows "There are no IOMMU groups yet" "groups are drawn once there are any"
keys b
wait_for "Display"
keys Enter
shows "[x] intel_iommu=on" "step 2 ticks what is needed"
shows "needed: this kernel leaves it off" "and says why"
shows "ignored: simpledrm is used here" "an obsolete parameter is explained, not ticked"
keys Down Down '?'
shows "Pretends that devices are isolated" "? explains the focused row"
keys q
shows "> 2 Boot" "q leaves the page, not the wizard"
keys Enter
shows "Who takes the GPU from the host" "step 3"
keys Enter
shows "Which GPU goes to the VM?" "step 4"
shows "01:00.0 GeForce RTX 3080" "names the cards"
keys '?'
shows "Kernel driver in use: nouveau" "details of the card as lspci shows them"
shows "root port" "and its path"
keys b
wait_for "Which GPU"
keys Enter
shows "Which VM gets the GPU?" "Enter chose the GPU and went on"
keys Down Down
shows "memory 16384 MiB" "the hint describes the focused VM"
keys Enter
shows "GeForce RTX 3080 to VM 106 talos-gpu-1" "step 6 names both"
shows "qm set 106 --hostpci0 0000:01:00,pcie=1" "and shows the command that does the same"
shows "+hostpci0: 0000:01:00,pcie=1" "and the line it makes in the VM's file"
keys l
shows "Audit: 4 fail" "the audit as a list"
keys g Down Down Down Enter
shows "Why it matters:" "explains a finding"
keys b b
wait_for "GeForce RTX 3080 to VM"
keys c
shows "=== HOST: pve2 ===" "the quick reference card"
keys End
shows "kubectl describe node talos-gpu-1" "has this VM's name in it"
keys g
shows "GRUB_CMDLINE_LINUX_DEFAULT: add intel_iommu=on iommu=pt" "and this host's parameters"
keys b
wait_for "talos-gpu-1"
keys Enter
shows "Review: 2 files, 1 command, 1 reboot; then, after it, 3 API calls" "the review counts"
shows '+GRUB_CMDLINE_LINUX_DEFAULT="quiet' "the review shows the diff"
keys Enter
shows "Type yes, then Enter" "Enter alone changes nothing"
[ "$untouched" = "$(tree_hash "$host")" ] || fail "something was written before yes"
[ ! -e "$host/var/lib/pvegpu" ] || fail "a journal was made before yes"
ok "nothing was written before yes"
typed yes
shows "3 changes: yes_" "the typed word is shown"
keys Enter
wait_for "[done] \$ update-grub"
shows "Reboot now? [y/N]" "asks about the reboot, default No"
shows "It stops the running VMs 100 docker" "and names the guests it stops"
grep -q 'quiet intel_iommu=on iommu=pt' "$host/etc/default/grub" || fail "grub was not edited"
keys Enter
shows "Not rebooted" "Enter means no"
shows "[reboot]" "step 2 waits for the reboot"
keys q
wait_for "Quit?"
keys y
shows "[exit 0]" "quits"
shows "Undo them with: pvegpu rollback --root" "and says how to undo"

PVEGPU_ROOT=$host PVEGPU_SAMPLE_FAST=1 "$host/usr/sbin/reboot" >/dev/null
terminal_start 80 24 "TERM=xterm-256color $PVEGPU --root $host --run-scripts"
shows "GeForce RTX 3080 to VM 106 talos-gpu-1" "after the reboot it opens at the step that is next"
keys d
wait_for "what the logs say"
keys v
shows "No fix is ticked" "the doctor's empty plan says nothing of the VM, which has no GPU yet"
keys b b
keys Enter
shows "Review: 3 API calls" "the rest is planned from fresh facts"
shows "digest=" "with the digest of the configuration"
typed yes
keys Enter
wait_for "[done] > POST"
shows "Done. Undo at any time" "attached and started"
keys Enter
shows "106 talos-gpu-1 runs with the GPU" "step 7: the VM runs with the GPU"
readlink "$host/sys/bus/pci/devices/0000:01:00.0/driver" | grep -q vfio-pci || fail "not on vfio-pci"
ok "both functions are on vfio-pci"
keys v
shows "nothing is left to be changed" "the same plan again is empty"
keys b
keys q
shows "[exit 0]" "quits"
echo "$passed passed, 0 failed"
