#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The commands on the sample host under valgrind: no error and no leak.
#   valgrind.sh PROGRAM
set -eu
program=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cp -a "$(dirname "$0")/../sample_host/root" "$directory/host"
find "$directory/host" -name .keep -delete
export PVEGPU_SAMPLE_FAST=1
watched() {
	valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
		--child-silent-after-fork=yes \
		"$program" "$@" --root "$directory/host" --run-scripts >"$directory/out" 2>"$directory/error" || {
		[ $? = 1 ] && ! grep -q '^==' "$directory/error" || { cat "$directory/error"; return 1; }
	}
}
watched audit
watched audit --format json
watched plan --gpu 01:00 --vm 106 --out "$directory/plan"
watched apply "$directory/plan" --yes
watched history --format json
watched rollback --yes
watched doctor
watched doctor --symptom vm-start-fails --gpu 01:00 --vm 106 --format json
watched capture "$directory/capture.tar.gz" --yes
watched audit --format prometheus
echo "10 passed, 0 failed"
