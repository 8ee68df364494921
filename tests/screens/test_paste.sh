#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What is pasted acts as no key: it is dropped, or is the text of a field. And what a terminal without
# a second screen shows at the end.
set -eu
. "${PVEGPU_SOURCE:?}/tests/screens/terminal.sh"
need_tmux
host=$terminal_dir/host
copy_sample "$host"
export LC_ALL=C.UTF-8 PVEGPU_SAMPLE_FAST=1
raw=$terminal_dir/raw

# paste TEXT: as a person does it, in brackets where the program has asked for them.
paste() {
	printf "$1" >"$terminal_dir/paste"
	terminal load-buffer "$terminal_dir/paste"
	terminal paste-buffer -p -t t
}
# pieces TEXT...: one after the other, the program waiting between.
pieces() {
	set -- "$@" end
	while [ "$1" != end ]; do
		piece=$(printf "$1")
		shift
		set -- "$@" send-keys -t t -l "$piece" ';' run-shell 'sleep 0.1' ';'
	done
	shift
	terminal "$@"
}
wizard() { # TERM
	terminal_start 80 24 "TERM=$1 $PVEGPU --root $host --run-scripts"
	wait_for "[choose]" # the whole host was read
}
# still STEP WHAT: the paste before did nothing, and keys count again.
still() {
	keys "$1"
	wait_for "> $1 "
	screen | grep -qF "Quit?" && fail "$2: a part of it was a key"
	ok "$2"
}
# Which of on (h) and off (l) was sent last.
brackets() { tr '\033' '\n' <"$raw" | sed -n 's/^\[?2004\([hl]\).*/\1/p' | tail -n 1; }
wait_brackets() { # h|l WHAT
	tries=200
	while [ "$(brackets)" != "$1" ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "$2"
		sleep 0.05
	done
	ok "$2"
}

wizard xterm-256color
paste 'nn\nv\nyes\nqy\n'
still 2 "a paste outside a field is dropped"
pieces '\033[2' '00~qy\r' 'qy\033[20' '1~'
still 3 "so is one whose marks come in pieces"
pieces '\033' '[200~qy\rqy\033[201~'
still 4 "even when the Esc came alone"
head -c 100000 /dev/zero | sed 's/\x0/qy\r/g' >"$terminal_dir/paste"
terminal load-buffer "$terminal_dir/paste"
terminal paste-buffer -p -t t
still 5 "so is one larger than any buffer"
typed "$(printf '\033[200~qy')"
tries=20
until screen | grep -q '^> 6 '; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || fail "a paste without an end holds the program"
	sleep 2.5 # longer than the silence that ends it
	keys 6
done
ok "one without an end is over after a silence"
typed "$(printf '\033[201~')"
still 2 "an end alone is nothing"

# A field takes it as text of one line.
keys d
wait_for "what the logs say"
tries=60
until screen | grep -E '^>' | grep -qi 'paste'; do
	tries=$((tries - 1))
	[ "$tries" -gt 0 ] || fail "no row to paste a line at"
	keys Down
	sleep 0.05
done
keys Enter
wait_for "Paste it here"
paste "TASK ERROR:\r\nno PCI device found for '01:00'\r\n\r\n"
shows "TASK ERROR: no PCI device found for '01:00'_" "in a field it is text, its line ends blanks"
keys Enter
gone "Paste it here" "Enter did not take it"
wait_for "no PCI device"
ok "and Enter takes it"

# The yes before changes is typed.
wizard xterm-256color
keys v
wait_for "Nothing has been changed yet."
paste 'yes\r'
keys Down Up
wait_for "Nothing has been changed yet."
[ -z "$(find "$host/var/lib/pvegpu/runs" -mindepth 1 2>/dev/null)" ] || fail "a paste made changes"
keys Enter
shows "Type yes, then Enter" "a pasted yes is none"

# Off again, however it ends.
for way in quit TERM HUP SEGV; do
	: >"$raw"
	terminal_start 80 24 "read line; sh -c 'echo \$\$ >$terminal_dir/pid; exec env TERM=xterm-256color ASAN_OPTIONS=handle_segv=0 $PVEGPU --root $host --run-scripts'"
	terminal pipe-pane -o -t t "cat >>$raw"
	keys Enter
	wait_for "[choose]"
	wait_brackets h "on before $way"
	if [ "$way" = quit ]; then
		keys q
		wait_for "Quit?"
		keys y
	else
		kill -"$way" "$(cat "$terminal_dir/pid")"
	fi
	wait_for "[exit "
	wait_brackets l "off after $way"
done
: >"$raw"
terminal_start 80 24 "read line; set -m; TERM=xterm-256color $PVEGPU --root $host --run-scripts; echo was stopped; read line; fg; true"
terminal pipe-pane -o -t t "cat >>$raw"
keys Enter
wait_for "[choose]"
wait_brackets h "on before it is stopped"
keys C-z
wait_for "was stopped"
wait_brackets l "off while it is stopped"
keys Enter
wait_for "[choose]"
wait_brackets h "on again when it goes on"

# Where there is no second screen the last words stand below the last screen.
for type in vt100 linux; do
	wizard "$type"
	paste 'qy\n'
	still 2 "TERM=$type: a paste is dropped"
	keys q
	wait_for "Quit?"
	keys y
	wait_for "[exit 0]"
	screen | grep -qx "Nothing was changed\." || fail "TERM=$type: the last words stand on another line"
	screen | grep -q "q quit" || fail "TERM=$type: the last row is gone"
	ok "TERM=$type: the last words have a line of their own"
done
if command -v script >/dev/null; then
	terminal_start 80 24 "TERM=vt100 script -qec \"$PVEGPU --root $host --run-scripts\" /dev/null"
	wait_for "[choose]"
	keys q
	wait_for "Quit?"
	keys y
	wait_for "[exit 0]"
	screen | grep -qx "Nothing was changed\." || fail "in script: the last words stand on another line"
	ok "in script too"
fi
echo "$passed passed, 0 failed"
