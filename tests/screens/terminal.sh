# SPDX-License-Identifier: GPL-3.0-or-later
# Drive a terminal program inside a private tmux server. Source it; terminal_stop is called at exit.
terminal_number=0
terminal_socket="pvegpu-test-$$-0"
terminal_dir=$(mktemp -d "${TMPDIR:-/tmp}/pvegpu-screens.XXXXXX")
terminal() { tmux -L "$terminal_socket" -f /dev/null "$@"; }
terminal_stop() {
	terminal kill-server 2>/dev/null || :
	rm -rf "$terminal_dir"
}
trap terminal_stop EXIT INT TERM

# terminal_start COLUMNS LINES COMMAND: the command's exit status ends up in [exit N].
terminal_start() {
	columns=$1 lines=$2
	shift 2
	# A new server each time: one that is being killed would take the new session along.
	terminal kill-server 2>/dev/null || :
	terminal_number=$((terminal_number + 1))
	terminal_socket="pvegpu-test-$$-$terminal_number"
	terminal new-session -d -s t -x "$columns" -y "$lines" "$*; echo \"[exit \$?]\"; exec sleep 600"
	terminal set -g status off
	terminal set -sg escape-time 0
	terminal set -g window-size manual
}
screen() { terminal capture-pane -p -t t; }
keys() { terminal send-keys -t t "$@"; }
typed() { terminal send-keys -t t -l "$1"; }
resize() { terminal resize-window -t t -x "$1" -y "$2"; }

# wait_for TEXT [SECONDS]: poll until the screen shows it; a fixed string. The bound is for what never
# comes: nothing is said of how fast it does.
wait_for() {
	tries=$((${2:-120} * 20))
	while ! screen | grep -qF -- "$1"; do
		tries=$((tries - 1))
		if [ "$tries" -le 0 ]; then
			echo "not ok - never saw: $1" >&2
			screen >&2
			exit 1
		fi
		sleep 0.05
	done
}
# wait_read: the whole host was read. Keys that were typed before count for nothing.
wait_read() {
	tries=2400
	while screen | grep -qF "reading the host" || ! screen | grep -qF "1 BIOS"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "the host is still read"
		sleep 0.05
	done
}
# moved KEY: press it, and wait until the screen shows what it did; false when nothing changed.
moved() {
	screen >"$terminal_dir/unmoved"
	keys "$1"
	tries=${2:-400}
	while screen | cmp -s - "$terminal_dir/unmoved"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.02
	done
}
passed=0
ok() {
	passed=$((passed + 1))
	echo "ok - $1"
}
# shows TEXT WHAT: it is on the screen (waits for it).
shows() {
	wait_for "$1"
	ok "$2"
}
# gone TEXT WHAT: it is not on the screen any more (waits for that): the screen of before may show still.
gone() {
	tries=2400
	while screen | grep -qF -- "$1"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "$2"
		sleep 0.05
	done
}
fail() {
	echo "not ok - $1" >&2
	screen >&2
	exit 1
}
need_tmux() {
	command -v tmux >/dev/null || { echo "skipped: tmux is not installed"; exit 77; }
}
copy_sample() { # DIRECTORY
	cp -a "${PVEGPU_SOURCE:?}/tests/sample_host/root" "$1"
	find "$1" -name .keep -delete
}
tree_hash() { # DIRECTORY, without the journal
	(cd "$1" && {
		find . -path ./var/lib/pvegpu -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
		find . -type l -printf '%p %l\n' | sort
	} | sha256sum)
}
