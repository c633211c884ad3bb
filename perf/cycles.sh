#!/usr/bin/env bash
# One of the loops of perf/loops under each allocator in turn, ROUNDS times: cycles of an operation, the least and the median of each round's
# least (perf/cycles.c). "loop" is the loop without an allocator. For single patterns on a machine that others disturb.
#
#     perf/cycles.sh ROUNDS LOOP REPEATS ARGUMENTS...        perf/cycles.sh 4 batches 9 64 200000 600000
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
rounds=$1
shift
./build.sh > /dev/null
compile cycles

names=(loop glibc nativemalloc per-thread jemalloc mimalloc tcmalloc)
preload[loop]='' preload[per-thread]=$library
results=$work/cycles.txt
: > "$results"
for ((round = 0; round < rounds; round++)); do
    for name in "${names[@]}"; do
        settings=(LD_PRELOAD="${preload[$name]}")
        case $name in
            loop) settings+=(PERF_LOOP_ONLY=1) ;;
            per-thread) settings+=(NATIVEMALLOC_INDEX=thread) ;;
            glibc | nativemalloc) ;;
            *) [ -n "${preload[$name]}" ] || continue ;;
        esac
        echo "$name $(env "${settings[@]}" "$work/cycles" "$@")" >> "$results"
    done
done
for name in "${names[@]}"; do
    ! grep -q "^$name " "$results" ||
        printf '%-14s %9s %9s\n' "$name" "$(awk -v name="$name" '$1 == name { print $2 }' "$results" | sort -n | head -n 1)" \
            "$(awk -v name="$name" '$1 == name { print $2 }' "$results" | median)"
done
