#!/usr/bin/env bash
# Measures NativeMalloc beside glibc's malloc and the newest jemalloc, mimalloc, tcmalloc-minimal and scudo that Debian has: microbenchmarks by
# BenchmarkDotNet, whole programs and their memory. Writes perf/report.md and perf/charts.
#
#     perf/run.sh [--quick] [--rounds N] [--only microbenchmarks|programs] [--report]
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
./build.sh

packages=(binutils gcc g++ python3 perl lua5.4 sqlite3 xz-utils redis-server redis-tools nginx apache2-utils postgresql)
. tests/packages.sh
install_packages "${packages[@]}"
perf/peers.sh

gcc -O2 -fno-builtin -Wall -Wextra -shared -fPIC -pthread perf/loops/loops.c -o "$work/libloops.so"
compile measure
compile_programs
[ -f "$work/lines" ] || lines 400000 > "$work/lines"

prefer_debian
PERF_LOOPS=$PWD/$work/libloops.so dotnet run -c Release --project perf/Benchmarks -- "$@"
