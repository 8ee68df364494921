#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Audit, plan, history and every screen before "yes", watched by strace: no file is opened for
# writing, none made, renamed or removed, nothing is mounted, no command run, no socket opened.
set -eu
. "${PVEGPU_SOURCE:?}/tests/screens/terminal.sh"
need_tmux
command -v strace >/dev/null || { echo "skipped: strace is not installed"; exit 77; }
strace -o /dev/null true 2>/dev/null || { echo "skipped: strace is not allowed here"; exit 77; }
host=$terminal_dir/host
log=$terminal_dir/log
copy_sample "$host"
untouched=$(tree_hash "$host")
export LC_ALL=C.UTF-8 ASAN_OPTIONS=detect_leaks=0
watch="strace -f -qq -o $log -e trace=%file,%desc,%network,%process,mount,umount2,fchmod,fchown,ftruncate,fsetxattr"

# judge WHAT: the log has none of the calls that change something.
judge() {
	[ -s "$log" ] || fail "strace saw nothing of $1"
	grep -qE 'openat' "$log" || fail "strace saw no file opened by $1"
	bad=$(grep -E '^[0-9]+ +(mkdir|mkdirat|rename|renameat|renameat2|unlink|unlinkat|rmdir|link|linkat|symlink|symlinkat|chmod|fchmod|fchmodat|chown|fchown|lchown|fchownat|truncate|ftruncate|mknod|mknodat|setxattr|lsetxattr|fsetxattr|removexattr|mount|umount2|pivot_root|utimensat|socket|connect|kill|tkill)\(' "$log" |
		grep -vE 'tkill\(|ENOSYS' || :)
	bad="$bad$(grep -E '^[0-9]+ +(open|openat|openat2|creat)\(' "$log" | grep -E 'O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND' |
		grep -vE '"/dev/(tty|null|pts/[0-9]+)"|"/proc/self/' || :)"
	# The first execve is strace's own start of the program.
	bad="$bad$(grep -E '^[0-9]+ +execve(at)?\(' "$log" | tail -n +2 || :)"
	[ -z "$bad" ] || fail "$1 changes something: $bad"
	[ "$untouched" = "$(tree_hash "$host")" ] || fail "$1 changed the host"
	[ ! -e "$host/var/lib/pvegpu" ] || fail "$1 made a journal"
	ok "$1 changes nothing"
	rm -f "$log"
}

for command in "audit" "audit --format json" "plan --gpu 01:00 --vm 106" \
	"plan --gpu 01:00 --vm 106 --bind early --format json" "history" "audit --list"; do
	$watch "$PVEGPU" $command --root "$host" --run-scripts >"$terminal_dir/out" 2>&1 || :
	[ "$command" = "audit --list" ] || [ -s "$terminal_dir/out" ] || fail "$command said nothing"
	case $command in
	"audit --list") rm -f "$log" ;;
	*) judge "$command" ;;
	esac
done

terminal_start 80 24 "TERM=xterm-256color $watch $PVEGPU --root $host --run-scripts"
wait_for "[choose]"
for step in 1 2 3 4 5 6 7; do
	keys "$step"
	wait_for "> $step "
	keys Down '?'
	wait_for "b back"
	keys b
done
keys 2
wait_for "Boot parameters"
keys g Down Down Space
wait_for "[x] pcie_acs_override"
keys Space 3
wait_for "Who takes the GPU"
keys 4
wait_for "Which GPU"
keys g
keys Enter
wait_for "Which VM"
keys g Down Down Enter
wait_for "GeForce RTX 3080 to VM"
keys r
wait_for "Read again"
keys v
wait_for "Review:"
for _ in 1 2 3 4 5 6 7; do keys Down; done
typed ye
wait_for "changes: ye_"
keys b
wait_for "GeForce RTX 3080 to VM"
keys q
wait_for "Quit?"
keys y
wait_for "Nothing was changed."
ok "says on leaving that nothing was changed"
judge "the wizard before yes"
echo "$passed passed, 0 failed"
