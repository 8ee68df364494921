#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# From a fresh Debian to the wizard on the built-in sample host: packages, build, demo.
set -eu
cd "$(dirname "$0")/.."
. tests/packages.sh
install_packages $build_packages
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF >/dev/null
cmake --build build
exec build/pvegpu demo
