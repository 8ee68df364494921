#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The walls of the house, read from the compiled objects: core writes to no stream, never exits,
# keeps no global state and knows no curses; tui opens no file and no socket of its own.
set -eu
build=${PVEGPU_BUILD:?}
if [ "${PVEGPU_BUILD_TYPE:-}" != Release ]; then
	echo "skipped: sanitizers add globals and calls of their own; run in a Release build"
	exit 77
fi
failed=0
passed=0
result() { # TEXT FOUND
	if [ -z "$2" ]; then
		passed=$((passed + 1)); echo "ok - $1"
	else
		failed=$((failed + 1)); echo "not ok - $1:"; echo "$2" | sed 's/^/    /'
	fi
}
# Not by nm: where objects are for link-time optimization it shows their other half, without printf.
undefined() { readelf -sW "$1" | awk -v o="$1" '/^File:/ { o = $2 } $7 == "UND" && $8 { print $8, o }' | sort -u; }

undefined "$build/libcore.a" >"$build/core.undefined"
undefined "$build/libtui.a" >"$build/tui.undefined"
[ "$(wc -l <"$build/core.undefined")" -gt 100 ] || { echo "not ok - nm listed nothing"; exit 1; }

result "core writes to no stream" "$(grep -E '^(stdout|stderr|stdin|_*(v?f?printf|puts|fputs|putchar|fputc|fwrite|perror|v?syslog|psignal|err|warn)(_chk|_unlocked)?) ' "$build/core.undefined" || :)"
# The one exception is the end of a fork that is never the program: keeper.c, sandbox.c.
result "core never exits" "$(grep -E '^(exit|_exit|_Exit|quick_exit|pthread_exit|atexit|on_exit|err|errx) ' "$build/core.undefined" | grep -vE '^_exit .*(keeper|sandbox|archive)\.c\.o' || :)"
result "a yes is given only where it is typed" "$(cd "${PVEGPU_SOURCE:?}" && grep -rlE 'consent_given\(' core tui | grep -vxE 'core/apply/consent.c|tui/cli/changing.c|tui/screens/(review|applying).c' || :)"
result "and by the commands in one place" "$(cd "$PVEGPU_SOURCE" && grep -rhoE 'consent_given\(' tui/cli/*.c | wc -l | grep -vx 1 || :)"
result "only apply makes and undoes changes" "$(cd "$PVEGPU_SOURCE" && grep -rnE -- '->(apply|undo|seen_to_have_worked)\(' core tui | grep -v '^core/apply/' || :)"
result "a kind of change is known by its own file and the table" "$(cd "$PVEGPU_SOURCE" && grep -rnE "\\b($(cd core/plan && ls kind_*.c | sed 's/[.]c$//' | paste -sd '|'))\\b" core tui include | grep -vE '^core/plan/(kind_[a-z]*|kinds|plan_hash)\.c:|^core/plan/internal\.h:' || :)"
result "core knows no curses" "$(grep -E '^(newterm|initscr|wrefresh|stdscr|wgetch|COLS|LINES) ' "$build/core.undefined" || :)"
result "core runs no shell" "$(grep -E '^(system|popen|wordexp) ' "$build/core.undefined" || :)"
result "tui opens no file, directory or socket" "$(grep -E '^(open|open64|openat|openat64|creat|fopen|fopen64|freopen|freopen64|opendir|scandir|socket|connect|stat|lstat|access|mkdir|rename|unlink|remove|syscall|posix_spawn|fork|execv|execve|execvp|system|popen|ftw|nftw|glob)(_2|64)? ' "$build/tui.undefined" || :)"

# What a command writes goes through say.c, where it is made safe to show.
writers=$(find "$build/CMakeFiles/tui.dir" -name '*.o' ! -name 'say.c.o' | while read -r object; do
	undefined "$object" | grep -E '^(v?fprintf|v?printf|_*(v?f?printf)_chk|v?dprintf|puts|fputs|putchar|fputc|fwrite|perror)(_unlocked)? ' || :
done)
result "only say.c of the tui writes to a stream" "$writers"

# Writable data of the core.
data=$(find "$build/CMakeFiles/core.dir" -name '*.o' | while read -r object; do
	size -A "$object" | awk -v o="${object##*/}" '$1 ~ /^\.(data|bss|tdata|tbss)/ && $1 !~ /^\.data\.rel\.ro/ && $2 > 0 { print o, $1, $2 }'
done)
result "core holds no global state" "$data"

# The arrows of the house go one way: a header of a later room is never included by an earlier one.
rooms="base formats pve facts goal cluster checks plan apply audit logs doctor capture"
for room in $rooms; do
	allowed=
	for other in $rooms; do
		allowed="$allowed|$other"
		[ "$other" = "$room" ] && break
	done
	allowed=${allowed#|}
	case $room in
	goal) allowed="base|formats|pve|facts|goal" ;;
	cluster) allowed="base|formats|facts|goal|cluster" ;;
	checks) allowed="base|formats|facts|goal|checks" ;; # no plan, and no way to the host
	audit) allowed="base|formats|facts|goal|checks|audit" ;;
	logs) allowed="base|formats|logs" ;;
	doctor) allowed="base|formats|pve|facts|goal|checks|logs|doctor" ;;
	capture) allowed="base|formats|pve|facts|logs|doctor|capture" ;;
	esac
	result "$room includes only earlier rooms" "$(cd "${PVEGPU_SOURCE:?}" && grep -HE '^#include "(pvegpu|core|tui)/' core/"$room"/*.[ch] include/pvegpu/"$room"/*.h | grep -vE "\"(pvegpu|core)/($allowed)/" || :)"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
