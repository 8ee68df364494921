#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# From a fresh Debian to every test: packages; a Release and a sanitized build with warnings as
# errors, every test on one of them and the quick ones on both; the units under valgrind;
# clang-tidy and cppcheck; the fuzzers for a bounded time.
set -eu
cd "$(dirname "$0")/.."
. tests/packages.sh
install_packages $build_packages $test_packages
build=${PVEGPU_BUILD_ROOT:-build}
seconds=${PVEGPU_FUZZ_SECONDS:-5}
failed=
step() {
	name=$1
	began=$(date +%s)
	shift
	echo "==== $name"
	if "$@"; then
		echo "---- $name: fine ($(($(date +%s) - began)) s)"
	else
		echo "---- $name: FAILED"
		failed="$failed $name"
	fi
}
# The tests make and remove some thousand trees of a host: in memory where there is room, and programs can be
# started from there. A disk may take longer for that than for all else.
in_memory() {
	place=$(mktemp -d /dev/shm/pvegpu.XXXXXX 2>/dev/null) || return 0
	chmod 1777 "$place"
	trap 'rm -rf "$place"' EXIT
	printf '#!/bin/sh\n' >"$place/try"
	chmod +x "$place/try"
	if "$place/try" 2>/dev/null && [ "$(df -Pk "$place" | awk 'NR == 2 { print $4 }')" -gt 2000000 ]; then
		export TMPDIR="$place"
	fi
}
in_memory
run_install() {
	DESTDIR="$PWD/$build/stage" cmake --install "$build/Release" >/dev/null &&
		[ -x "$build/stage/usr/local/sbin/pvegpu" ] &&
		"$build/stage/usr/local/sbin/pvegpu" --version &&
		[ -f "$build/stage/usr/local/share/pvegpu/sample_host/.pvegpu-sample" ]
}
make_build() { # TYPE
	cmake -S . -B "$build/$1" -G Ninja -DCMAKE_BUILD_TYPE="$1" -DPVEGPU_WERROR=ON >/dev/null &&
		cmake --build "$build/$1" -- --quiet
}
# Half of a test's time is waiting, for a terminal or a traced program.
run_tests() { # TYPE CTEST-OPTION...
	type=$1
	shift
	ctest --test-dir "$build/$type" --output-on-failure -j "$(($(nproc) * 2))" "$@"
}
# Possible leaks do not count: the keeper, forked and ended by _exit(), holds its arenas by their middles.
run_valgrind() {
	for test in "$build"/Release/tests/test_*; do
		[ -x "$test" ] || continue
		valgrind --quiet --error-exitcode=9 --leak-check=full \
			--errors-for-leak-kinds=definite --child-silent-after-fork=yes \
			"$test" >"$build/valgrind.log" 2>&1 || { cat "$build/valgrind.log"; return 1; }
	done
	sh tests/cli/valgrind.sh "$build/Release/pvegpu"
}
# One file a process: with several, clang-tidy 14 sees faults in the second that are not there.
run_tidy() {
	find core tui -name '*.c' -print0 | xargs -0 -n 1 -P 2 clang-tidy --quiet \
		-p "$build/Release" --extra-arg=-Wno-unknown-warning-option 2>/dev/null
}
run_cppcheck() {
	cppcheck --std=c11 --enable=warning,style,performance,portability --inline-suppr --quiet -j 2 \
		--suppress=missingIncludeSystem --suppressions-list=tests/cppcheck.txt \
		--error-exitcode=1 -I include -I . -D_GNU_SOURCE -DPVEGPU_VERSION='""' \
		-DPVEGPU_SAMPLE_BUILD='""' -DPVEGPU_SAMPLE_INSTALLED='""' core tui
}
run_format() {
	find core tui include tests/unit tests/fuzz tests/pvesim tests/oracle -name '*.[ch]' -print0 |
		xargs -0 clang-format --dry-run -Werror
}
# Every file that can carry a comment says its licence.
run_licences() {
	missing=$(find .ci .github core include tui tests screenshots .clang-format .clang-tidy .editorconfig .gitignore README.md \
		CMakeLists.txt -path tests/sample_host/root -prune -o -path tests/pvesim/cluster -prune -o -type f \
		! -path tests/oracle/topologies.py \
		! -name '*.png' ! -name '*.pyc' ! -path '*/golden/*' -print | xargs grep -L 'SPDX-License-Identifier: GPL-3.0-or-later')
	missing="$missing$(find tests/sample_host/root/usr/sbin tests/sample_host/root/usr/bin -type f |
		xargs grep -L 'SPDX-License-Identifier: GPL-3.0-or-later')"
	[ -z "$missing" ] || { echo "no licence line: $missing"; return 1; }
}
run_fuzzers() {
	CC=clang make_build Fuzz && sh tests/fuzz/run.sh "$build/Fuzz/tests" "$seconds"
}

step "release build" make_build Release
step "release tests" run_tests Release -L 'quick|once'
step "install" run_install
step "sanitized build" make_build Dev
step "sanitized tests" run_tests Dev -LE once
step "valgrind" run_valgrind
step "format" run_format
step "licences" run_licences
step "clang-tidy" run_tidy
step "cppcheck" run_cppcheck
step "fuzzers" run_fuzzers
[ -z "$failed" ] || { echo "FAILED:$failed"; exit 1; }
echo "all fine"
