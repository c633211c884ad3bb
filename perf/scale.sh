#!/usr/bin/env bash
# What would grow with the number of CPUs, on a machine that has few: how often a server's threads (perf/programs/larson.c) leave their
# slabs, and which locks they take then. In per-thread mode each thread has a slab of its own, as each CPU of a larger machine would.
# Prints a table in Markdown.
#
#     perf/scale.sh [THREADS...]        default 1 2 4 8 16 32 64
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
compile programs/larson
[ $# -gt 0 ] || set -- 1 2 4 8 16 32 64
blocks=1000 generations=30
rounds=20 # larson.c's own

# sum FIELD: over the size classes of the report.
sum() {
    grep '{"size":' "$work/scale.json" | grep -o "\"$1\": [0-9]*" | awk '{ sum += $2 } END { print sum + 0 }'
}

# field NAME: of the whole heap.
field() {
    grep -v '{"size":' "$work/scale.json" | sed -n "s/.*\"$1\": \([0-9][0-9]*\).*/\1/p" | head -n 1
}

echo "| index | threads | slabs | slow paths | transfer cache's locks | central list's locks | membarriers |"
echo "|---|---|---|---|---|---|---|"
for index in thread mm_cid; do
    for threads; do
        export NATIVEMALLOC_INDEX=$index
        strace -f --seccomp-bpf -e trace=membarrier -o "$work/scale.trace" -E LD_PRELOAD="$library" -E NATIVEMALLOC_STATS="json:$work/scale.json" \
            "$work/larson" "$threads" "$blocks" "$generations"
        barriers=$(grep -c 'membarrier(' "$work/scale.trace" || true)
        awk -v threads="$threads" -v index_="$index" -v operations=$((threads * blocks * generations * rounds)) -v barriers="$barriers" \
            -v slabs="$(field slabs_made)" -v slow=$(($(field allocations) + $(field frees))) \
            -v hits="$(sum transfer_hits)" -v misses="$(sum transfer_misses)" 'BEGIN {
                printf "| %s | %d | %d | %.2f | %.2f | %.2f | %d |\n", index_, threads, slabs, slow / operations * 1000,
                    (hits + misses) / operations * 1000, misses / operations * 1000, barriers }'
    done
done
echo
echo "Slow paths and locks: for each 1,000 pairs of malloc and free. Slabs: made in all. Membarriers: in the whole run."
