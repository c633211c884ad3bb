#!/usr/bin/env bash
# Where the time goes: each program of make perf under each allocator, in instructions and cache misses of an emulated processor (valgrind's
# callgrind), system calls, faults of pages and waits, beside its time; and what of the difference between NativeMalloc and the fastest of the
# others each of these makes. Writes perf/where.md.
#
# Counts are exact whatever else the machine does; times need one that does nothing else, and can be taken by themselves.
#
#     perf/where.sh [--quick] [--rounds N] [--only counts|times] [--program NAME]... [--report]        --quick writes to out/perf/where
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
./build.sh

packages=(valgrind libc6-dbg strace binutils gcc g++ python3 perl lua5.4 sqlite3 xz-utils)
. tests/packages.sh
install_packages "${packages[@]}"
perf/peers.sh

compile measure
compile costs
compile cycles
compile_programs
made lines.some lines 100000
made lines.few lines 40000

# For valgrind, code is what lies in .text: in a copy of the library that section reaches over the compiled C# behind it.
mkdir -p "$work/where"
cp "$library" "$work/where/libnativemalloc.so"
headers=$(readelf -hW "$library" | awk '/Start of section headers/ { print $5 }')
read -r text begin code size < <(readelf -SW "$library" | tr -d '[]' |
    awk '$2 == ".text" { text = $1 " " $4 } $2 == "__managedcode" { print text, $4, $6 }')
perl -e 'print pack "Q<", $ARGV[0]' $((0x$code + 0x$size - 0x$begin)) |
    dd of="$work/where/libnativemalloc.so" bs=1 seek=$((headers + text * 64 + 32)) conv=notrunc status=none

prefer_debian
dotnet run -c Release --project perf/Benchmarks -- --where "$@"
