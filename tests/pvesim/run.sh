#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Start pvesim on a private copy of a cluster's state. Alone it says where it listens and waits;
# with a command it runs that with PVESIM_URL, PVESIM_CA, PVESIM_FINGERPRINT, PVESIM_TOKEN_FILE and
# PVESIM_STATE in the environment and ends with its exit status.
#   PVESIM          the program       PVESIM_CLUSTER  the state that is copied
#   PVESIM_TOKEN    the token that the token file holds (automation@pve!tofu)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
pvesim=${PVESIM:-$here/../../build/tests/pvesim}
cluster=${PVESIM_CLUSTER:-$here/cluster}
token=${PVESIM_TOKEN:-automation@pve!tofu}
directory=$(mktemp -d "${TMPDIR:-/tmp}/pvesim.XXXXXX")
pid=
finish() {
	status=$?
	trap - EXIT INT TERM
	if [ -n "$pid" ]; then
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	fi
	rm -rf "$directory"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

cp -R "$cluster" "$directory/state"
"$pvesim" --state "$directory/state" --certificate-dir "$directory/certificates" \
	--lifetime "${PVESIM_LIFETIME:-600}" >"$directory/ready" &
pid=$!
tries=0
while [ ! -s "$directory/ready" ]; do
	kill -0 "$pid" 2>/dev/null || exit 1
	tries=$((tries + 1))
	[ "$tries" -lt 6000 ] || { echo "pvesim did not start" >&2; exit 1; }
	sleep 0.05
done
value() { sed -n "1s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$directory/ready"; }
PVESIM_URL=https://127.0.0.1:$(value port)
PVESIM_FINGERPRINT=$(value fingerprint)
PVESIM_CA=$(value ca)
PVESIM_STATE=$directory/state
PVESIM_TOKEN_FILE=$directory/token
umask 077
secret=$(sed -n "s/.*\"$token\": \"\([^\"]*\)\".*/\1/p" "$PVESIM_STATE/pvesim.json")
printf '%s=%s\n' "$token" "$secret" >"$PVESIM_TOKEN_FILE"
export PVESIM_URL PVESIM_CA PVESIM_FINGERPRINT PVESIM_STATE PVESIM_TOKEN_FILE
if [ $# -gt 0 ]; then
	"$@"
else
	printf 'url          %s\nfingerprint  %s\nauthority    %s\ntoken file   %s\nstate        %s\n' \
		"$PVESIM_URL" "$PVESIM_FINGERPRINT" "$PVESIM_CA" "$PVESIM_TOKEN_FILE" "$PVESIM_STATE"
	wait "$pid"
fi
