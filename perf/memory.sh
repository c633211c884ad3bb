#!/usr/bin/env bash
# What stays resident for what a program holds, under each allocator: the workloads of perf/memory.c, the median of ROUNDS runs.
#
#     perf/memory.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
rounds=${1:-3}
./build.sh
compile memory

names=(glibc nativemalloc per-thread jemalloc mimalloc tcmalloc)
preload[per-thread]=$library

# measure NAME WORKLOAD: the median of each line that the workload prints.
declare -A measured
measure() {
    local name=$1 workload=$2 index=
    [ "$name" != per-thread ] || index=thread
    for ((round = 0; round < rounds; round++)); do
        # shellcheck disable=SC2086 # a workload is words
        NATIVEMALLOC_INDEX=$index LD_PRELOAD=${preload[$name]} "$work/memory" $workload
    done > "$work/memory.txt"
    for line in $(cut -d' ' -f1 "$work/memory.txt" | sort -u); do
        measured[$name,$workload,$line]=$(awk -v line="$line" '$1 == line { print $2 }' "$work/memory.txt" | median)
    done
}

printf '%-14s %s\n' "" "resident/live: full  turnover  shifting | MiB of a freed heap: peak  ordered, after 1 s  random, after 1 s | 64 threads"
for name in "${names[@]}"; do
    is_here "$name" || continue
    for workload in turnover shifting "freed ordered" "freed random" threads; do
        measure "$name" "$workload"
    done
    printf '%-14s %18s %9s %9s | %23s %9s %9s %8s %9s | %10s\n' "$name" \
        "${measured[$name,turnover,full]}" "${measured[$name,turnover,worst]}" "${measured[$name,shifting,worst]}" \
        "${measured[$name,freed ordered,peak]}" "${measured[$name,freed ordered,at-once]}" "${measured[$name,freed ordered,after]}" \
        "${measured[$name,freed random,at-once]}" "${measured[$name,freed random,after]}" "${measured[$name,threads,resident]}"
done
