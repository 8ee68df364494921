#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The screens that show a VM's configuration, or a diff of it, show no secret of it.
set -eu
. "${PVEGPU_SOURCE:?}/tests/screens/terminal.sh"
need_tmux
host=$terminal_dir/host
copy_sample "$host"
conf=$host/etc/pve/nodes/pve2/qemu-server/106.conf
sed -i '2i\
args: -spice password=hunter2\
cipassword: hunter2\
sshkeys: hunter2\
zzz: hunter2' "$conf"
sed -i '1s/.*/#login: hunter2/' "$conf"
printf '\n[PENDING]\ncipassword: hunter2\nsshkeys: hunter2%%20\n' >>"$conf"
export LC_ALL=C.UTF-8
terminal_start 110 100 "TERM=xterm-256color $PVEGPU --root $host --run-scripts"
seen() { # TEXT WHAT: it is shown, and no secret with it
	wait_for "$1" 60
	! screen | grep -F hunter2 || fail "$2 shows a secret"
	ok "$2"
}
wait_for "[choose]" 60
keys 4
wait_for "Which GPU" 60
keys g Enter
wait_for "Which VM" 60
keys g Down Down '?'
seen "cipassword: **********" "the details of the VM"
seen "args: -spice password=**********" "its args"
seen "Pending, until it is stopped" "what waits in it"
keys b Enter
seen "+sshkeys: **********" "what will be made of its file"
keys v
seen "Review:" "the review"
for _ in 1 2 3 4; do
	keys Down
done
wait_for "qm set 106 --machine q35"
seen "+sshkeys: **********" "a call in it"
echo "$passed passed, 0 failed"
