#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The wizard opens on the workers of an OpenTofu output: GPUs and VMs are chosen, who is elsewhere is told.
set -eu
. "${PVEGPU_SOURCE:?}/tests/screens/terminal.sh"
need_tmux
host=$terminal_dir/host
copy_sample "$host"
cat >"$terminal_dir/output.json" <<'JSON'
{"gpu_configuration_needed": {"sensitive": false, "type": "x", "value": [
  {"hostname": "talos-gpu-1", "node": "pve2", "gpu_pci_id": "01:00", "instructions": "1. Log in\n2. Attach"},
  {"hostname": "talos-gpu-2", "server": "pve2", "gpu_pci_id": "0000:02:00.0"},
  {"hostname": "w3", "node": "pve9", "gpu_pci_id": "03:00"}]}}
JSON
export LC_ALL=C.UTF-8
terminal_start 80 24 "TERM=xterm-256color $PVEGPU --root $host --run-scripts --tofu-output $terminal_dir/output.json"
shows "> 2 Boot" "the first step with something to do"
shows "Not here: w3 gets 03:00 on node pve9." "who is on another node"
keys 4
shows "(*) 01:00.0 GeForce RTX 3080" "a GPU is chosen"
shows "(*) 02:00.0 GeForce GTX 1660 Ti" "and the other"
keys 6
shows "01:00.0 GeForce RTX 3080  to 106 talos-gpu-1" "each goes to its worker"
shows "02:00.0 GeForce GTX 1660 Ti  to 107 talos-gpu-2" "by its name"
keys q
wait_for "Quit?"
keys y
shows "[exit 0]" "quits"
echo "$passed passed, 0 failed"
