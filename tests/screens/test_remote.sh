#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The wizard on a remote host, as a token, against pvesim over TLS: from the first screen to a VM
# that runs with its GPU, by a mapping. What needs the host's files says so.
set -eu
. "${PVEGPU_SOURCE:?}/tests/screens/terminal.sh"
need_tmux
[ -x "${PVESIM:-}" ] || { echo "skipped: pvesim was not built"; exit 77; }
if [ -z "${PVESIM_URL:-}" ]; then
	exec env PVESIM="$PVESIM" sh "$PVEGPU_SOURCE/tests/pvesim/run.sh" sh "$0"
fi
mkdir "$terminal_dir/home"
conf=$PVESIM_STATE/nodes/pve2/qemu-server/106.conf
before=$(cat "$conf")
terminal_start 80 24 "HOME=$terminal_dir/home XDG_CONFIG_HOME= XDG_STATE_HOME= TERM=xterm-256color \
	$PVEGPU --api $PVESIM_URL --token-file $PVESIM_TOKEN_FILE --ca-file $PVESIM_CA --node pve2"
shows "REMOTE HOST" "the banner says that it is a remote host"
wait_read
shows "On pve2, as root, run" "step 1 says what to run on the node"
keys 2
shows "the IOMMU is on, with 10" "step 2 judges what the API shows"
keys 3
shows "Most cards need nothing of it" "step 3"
keys 4
shows "GeForce RTX 3080" "step 4 lists the GPUs of the node"
keys Enter
shows "106 talos-gpu-1" "step 5 lists the VMs"
keys Down Down Enter
shows "[x] by a PCI mapping" "a token attaches by a mapping"
shows "pvesh create /cluster/mapping/pci --id" "the call that makes it is shown"
keys Enter
shows "Review: 4 API calls" "the review"
[ "$(cat "$conf")" = "$before" ] || fail "something was changed before yes"
ok "nothing is changed before yes"
keys yes Enter
shows "Done. Undo at any time with: pvegpu rollback --api" "applied"
shows "TASK OK" "the task's log is followed"
grep -q "^hostpci0: mapping=gpu-talos-gpu-1-0,pcie=1" "$conf" || fail "it is not attached"
ok "it is attached"
keys Enter
shows "106 talos-gpu-1 runs with the GPU." "step 7 sees it run"
keys q
shows "[exit 0]" "it ends"
echo "$passed passed, 0 failed"
