#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A host that is slow to read: the first screen is there before it, keys are answered meanwhile, what
# comes later fills in, and leaving does not wait. strace makes each link of the PCI bus slow.
set -eu
. "${PVEGPU_SOURCE:?}/tests/screens/terminal.sh"
need_tmux
strace -o /dev/null true 2>/dev/null || { echo "skipped: strace is not there or not allowed"; exit 77; }
host=$terminal_dir/host
copy_sample "$host"
export LC_ALL=C.UTF-8 ASAN_OPTIONS=detect_leaks=0
slow="strace -f -qq -o $terminal_dir/log -e trace=readlinkat -e inject=readlinkat:delay_enter="

terminal_start 80 24 "TERM=xterm-256color ${slow}400000 $PVEGPU --root $host --run-scripts"
shows "What the firmware setup (BIOS) must have on" "the first screen does not wait for the host"
shows "reading the host" "and says that it is being read"
keys 2
shows "[x] intel_iommu=on" "step 2 knows enough"
screen | grep -q "reading the host" || fail "the host was read already: nothing was shown by this"
keys 5
shows "This step fills in by itself" "a step that needs more says so"
keys v
shows "that needs all of it" "so does the review"
keys Enter
wait_for "Which VM gets the GPU?"
ok "it fills in by itself"
screen | grep -qF "(*)" && fail "a key typed before the list was there chose from it"
ok "no key typed before the list was there chose from it"
gone "reading the host" "still says that it is being read"
keys q
wait_for "Quit?"
keys y
shows "[exit 0]" "quits"

terminal_start 80 24 "TERM=xterm-256color ${slow}5000000 $PVEGPU --root $host --run-scripts"
wait_for "reading the host"
keys q
shows "Nothing was changed." "leaving does not wait for a host that hangs"
echo "$passed passed, 0 failed"
