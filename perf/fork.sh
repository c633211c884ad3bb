#!/usr/bin/env bash
# What our fork handlers and our vfork cost, beside glibc's: microseconds, medians of ROUNDS alternating runs.
#
#     perf/fork.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
rounds=${1:-15}
./build.sh
compile fork

for how in fork vfork; do
    : > "$work/$how-glibc.txt"
    : > "$work/$how-ours.txt"
    for ((round = 0; round < rounds; round++)); do
        "$work/fork" "$how" >> "$work/$how-glibc.txt"
        LD_PRELOAD=$library "$work/fork" "$how" >> "$work/$how-ours.txt"
    done
    glibc=$(median < "$work/$how-glibc.txt") ours=$(median < "$work/$how-ours.txt")
    awk -v how="$how" -v g="$glibc" -v o="$ours" -v n="$rounds" \
        'BEGIN { printf "%s and wait: glibc %.2f us, ours %.2f us, ratio %.3f (medians of %d alternating runs)\n", how, g, o, o / g, n }'
done
