#!/usr/bin/env bash
# What our vfork costs beside glibc's: microseconds, medians of ROUNDS alternating runs.
#
#     perf/vfork.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
rounds=${1:-15}
./build.sh
compile vfork

: > "$work/vfork-glibc.txt"
: > "$work/vfork-ours.txt"
for ((round = 0; round < rounds; round++)); do
    "$work/vfork" >> "$work/vfork-glibc.txt"
    LD_PRELOAD=$library "$work/vfork" >> "$work/vfork-ours.txt"
done
glibc=$(median < "$work/vfork-glibc.txt") ours=$(median < "$work/vfork-ours.txt")
awk -v g="$glibc" -v o="$ours" -v n="$rounds" 'BEGIN { printf "vfork and wait: glibc %.2f us, ours %.2f us, ratio %.3f (medians of %d alternating runs)\n", g, o, o / g, n }'
