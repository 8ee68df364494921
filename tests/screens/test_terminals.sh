#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Small, odd and vanishing terminals.
set -eu
. "${PVEGPU_SOURCE:?}/tests/screens/terminal.sh"
need_tmux
host=$terminal_dir/host
copy_sample "$host"
export LC_ALL=C.UTF-8

terminal_start 20 5 "TERM=xterm-256color $PVEGPU --root $host --run-scripts"
shows "need 40x10" "20x5 says what it needs"
shows "have 20x5" "and what it has"
resize 80 24
shows "What the firmware setup (BIOS) must have on" "and recovers"
resize 60 20
keys Enter
shows "Boot parameters" "60x20 works"
# Keys typed before the whole host was read are not taken: there is no plan yet to review.
wait_for "v review (4)"
keys v
wait_for "Review: 2 files"
shows "Type yes to make the 3 changes" "the review asks at 60x20"
resize 40 10
wait_for "Review: 2 files"
shows "make the 3 changes" "the review asks at 40x10"
keys b
shows "Step 2 of 7: Boot" "without room for the list the step is named"
resize 20 5
wait_for "need 40x10"
keys q y
resize 80 24
shows "Boot parameters" "keys do nothing where nothing can be read"
keys End
shows "> [todo]" "End, as many terminals send it, goes to the last row"
typed "$(printf '\033[99~')"
shows "> 2 Boot" "an unknown sequence does nothing"
keys q
wait_for "Quit?"
keys y
shows "[exit 0]" "quits"

for type in vt100 vt220 linux xterm-256color; do
	terminal_start 80 24 "TERM=$type $PVEGPU --root $host --run-scripts"
	shows "> 1 BIOS" "TERM=$type shows the focus in text"
	wait_for "[choose]" # the host was read
	keys q
	wait_for "Quit?"
	keys y
	wait_for "[exit 0]"
done
for locale in C POSIX; do
	terminal_start 80 24 "LC_ALL=$locale TERM=xterm $PVEGPU --root $host --run-scripts"
	shows "> 1 BIOS" "locale $locale"
	wait_for "[choose]"
	keys q y
	wait_for "[exit 0]"
done
terminal_start 80 24 "TERM=dumb $PVEGPU --root $host --run-scripts"
shows "cannot place the cursor" "TERM=dumb is told"
shows "[exit 2]" "exit status 2"
terminal_start 80 24 "TERM=no-such-terminal $PVEGPU --root $host --run-scripts"
shows "not known here" "an unknown TERM is told"

# The terminal comes back as it was.
for signal in TERM HUP INT SEGV ABRT; do
	terminal_start 80 24 "stty -a >$terminal_dir/before; sh -c 'echo \$\$ >$terminal_dir/pid; exec env TERM=xterm-256color ASAN_OPTIONS=handle_segv=0:handle_abort=0 $PVEGPU --root $host --run-scripts'; stty -a >$terminal_dir/after; echo ended"
	wait_for "1 BIOS"
	kill -"$signal" "$(cat "$terminal_dir/pid")"
	wait_for "ended"
	cmp -s "$terminal_dir/before" "$terminal_dir/after" || fail "SIG$signal left the terminal changed"
	gone "1 BIOS" "SIG$signal left the screen"
	ok "SIG$signal gives the terminal back"
done
echo "$passed passed, 0 failed"
