# SPDX-License-Identifier: GPL-3.0-or-later
# What Debian packages the project needs. Source it, then: install_packages $build_packages
build_packages="gcc libc6-dev cmake ninja-build pkg-config libncurses-dev libjansson-dev nettle-dev
	libssl-dev libarchive-dev libcurl4-openssl-dev libcmocka-dev libpcre2-dev zlib1g-dev pci.ids"
test_packages="python3 tmux strace patch diffutils pciutils valgrind clang clang-tidy clang-format
	libclang-rt-dev cppcheck binutils util-linux cpio zstd xz-utils git"

install_packages() {
	missing=
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
			missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	as_root=
	[ "$(id -u)" = 0 ] || as_root=sudo
	echo "installing:$missing"
	$as_root apt-get update -qq
	$as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
