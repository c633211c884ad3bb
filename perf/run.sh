#!/usr/bin/env bash
# Measures NativeMalloc beside glibc's malloc and the newest jemalloc, mimalloc, tcmalloc-minimal and scudo that Debian has: microbenchmarks by
# BenchmarkDotNet, whole programs and their memory. Writes perf/report.md and perf/charts.
#
#     perf/run.sh [--quick] [--rounds N] [--only microbenchmarks|programs] [--report]
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
./build.sh

. tests/packages.sh
install_packages binutils "${program_packages[@]}" redis-server redis-tools nginx apache2-utils postgresql
perf/peers.sh

gcc -O2 -fno-builtin -Wall -Wextra -shared -fPIC -pthread perf/loops/loops.c -o "$work/libloops.so"
compile measure
compile_programs
make_inputs

prefer_debian
PERF_LOOPS=$PWD/$work/libloops.so dotnet run -c Release --project perf/Benchmarks -- "$@"
