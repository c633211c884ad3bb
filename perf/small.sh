#!/usr/bin/env bash
# Peak resident memory of small programs under each allocator, exactly: KiB, the medians of RUNS alternating runs, and how many times glibc's.
#
#     perf/small.sh [RUNS]
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
runs=${1:-15}
./build.sh
compile programs/minimise
compile programs/factor
gcc -O2 -Wall -Wextra -shared -fPIC perf/peak.c -o "$work/peak.so"

prefer_debian
programs=("$work/minimise 12 8" "$work/factor 22" "python3 -c pass" "sqlite3 :memory: .schema")
names=(glibc nativemalloc jemalloc mimalloc tcmalloc)

for program in "${programs[@]}"; do
    rm -f "$work"/peak.*.txt
    for ((run = 0; run < runs; run++)); do
        for name in "${names[@]}"; do
            is_here "$name" || continue
            # shellcheck disable=SC2086 # a program is words
            PEAK_FILE=$work/peak.$name.txt LD_PRELOAD="$PWD/$work/peak.so ${preload[$name]}" $program > /dev/null
        done
    done
    printf '%-26s' "${program##*/}"
    for name in "${names[@]}"; do
        [ ! -f "$work/peak.$name.txt" ] || printf '  %s %s (%s)' "$name" "$(median < "$work/peak.$name.txt")" \
            "$(echo "$(median < "$work/peak.$name.txt") $(median < "$work/peak.glibc.txt")" | awk '{ printf "%.2f", $1 / $2 }')"
    done
    echo
done
