#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Two GPUs, each to a VM of its own, chosen in the wizard at 80x24; what is ticked for one is of that one.
set -eu
. "${PVEGPU_SOURCE:?}/tests/screens/terminal.sh"
need_tmux
host=$terminal_dir/host
copy_sample "$host"
export LC_ALL=C.UTF-8
terminal_start 80 24 "TERM=xterm-256color $PVEGPU --root $host --run-scripts"
wait_read
keys 4
shows "Which GPU goes to the VM?" "step 4"
keys Down
wait_for "> ( ) 02:00.0"
keys +
shows "> (*) 02:00.0" "+ takes one"
keys Up
wait_for "> ( ) 01:00.0"
keys +
shows "> (*) 01:00.0" "and another"
keys 5
shows "Which GPU goes ..." "step 5 asks for each"
shows "> (*) all 2 of them" "together, if nothing is said"
shows "5 VM       [choose]" "and waits for a VM"
keys Down Enter
shows "> (*) 02:00.0 GeForce GTX 1660 Ti  no VM yet" "Enter takes one of them alone, and stays"
keys Down Down Down Down Enter
shows "(*) 01:00.0 GeForce RTX 3080  no VM yet" "its VM is chosen: the other one is next"
shows "( ) 02:00.0 GeForce GTX 1660 Ti  to 106 talos-gpu-1" "and it says where the first goes"
keys Down Enter
shows "Each GPU to its VM" "when each has one, it goes on"
shows "(*) 01:00.0 GeForce RTX 3080  to 107 talos-gpu-2" "about the same GPU"
shows "PCI devices given to VMs  VM 107" "and says of which VM a finding is"
# The start is of VM 107 alone.
keys Down Down
for _ in 1 2 3 4 5 6; do keys Down; done
shows "> [x] start the VM" "the rows below are of this GPU"
keys Space
shows "> [ ] start the VM" "unticked"
for _ in 1 2 3 4 5 6 7 8 9; do keys Up; done
shows "> ( ) all 2 of them" "up to all of them"
keys Enter
shows "> (*) all 2 of them" "Enter stays on the page"
shows "[ ] start the VM    not the same for all" "where they differ it says so"
keys v
shows "> PUT 106 hostpci0" "each gets its GPU"
shows "> PUT 107 hostpci0" "each gets its GPU (107)"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do keys Down; done
shows "> POST 106 start" "the review starts VM 106"
screen | grep -q "POST 107 start" && fail "VM 107 is started though it was unticked"
ok "and not 107"
keys b
wait_for "Each GPU to its VM"
keys 5
wait_for "... to which VM?"
keys Home Enter
wait_for "> (*) all 2 of them"
keys Down Down Down Down Down Enter
shows "2 GPUs to VM 106 talos-gpu-1" "all to one VM again"
keys 4
wait_for "Which GPU goes to the VM?"
keys Home Enter
wait_for "Which VM gets the GPU?"
screen | grep -q "Which GPU goes" && fail "one GPU is not asked for one by one"
ok "one GPU: the short way"
shows "(*) 106 talos-gpu-1" "which keeps the VM"
keys q
wait_for "Quit?"
keys y
shows "[exit 0]" "quits"
echo "$passed passed, 0 failed"
