#!/usr/bin/env bash
# A malloc+free pair of 64 bytes, and batches of 100, under each allocator in turn, ROUNDS times: medians in nanoseconds,
# and their ratios to glibc's and to the fastest of Debian's jemalloc, mimalloc and tcmalloc-minimal.
#
#     perf/fastpath.sh [ROUNDS [SIZE [BATCH]]]
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
rounds=${1:-9} size=${2:-64} batch=${3:-100}
./build.sh
compile fastpath

names=(glibc mm_cid cpu_id thread jemalloc mimalloc tcmalloc)
declare -A preload=(
    [glibc]="" [mm_cid]=$library [cpu_id]=$library [thread]=$library
    [jemalloc]=$(peer libjemalloc) [mimalloc]=$(peer libmimalloc) [tcmalloc]=$(peer libtcmalloc_minimal)
)

results=$work/fastpath.txt
: > "$results"
for ((round = 0; round < rounds; round++)); do
    for name in "${names[@]}"; do
        [ "$name" = glibc ] || [ -n "${preload[$name]}" ] || continue
        index=
        [ "${preload[$name]}" = "$library" ] && index=$name
        echo "$name $(NATIVEMALLOC_INDEX=$index LD_PRELOAD=${preload[$name]} "$work/fastpath" "$size" "$batch")" >> "$results"
    done
done

value() { awk -v name="$1" -v field="$2" '$1 == name { print $field }' "$results" | median; }
declare -A pair batches
fastest_pair=1000000 fastest_batch=1000000
for name in "${names[@]}"; do
    grep -q "^$name " "$results" || continue
    pair[$name]=$(value "$name" 3)
    batches[$name]=$(value "$name" 5)
    case $name in jemalloc | mimalloc | tcmalloc)
        fastest_pair=$(printf '%s\n' "$fastest_pair" "${pair[$name]}" | sort -n | head -n 1)
        fastest_batch=$(printf '%s\n' "$fastest_batch" "${batches[$name]}" | sort -n | head -n 1)
        ;;
    esac
done
echo "$size bytes, batches of $batch, medians of $rounds rounds; ns, ratio to glibc, ratio to the fastest of Debian's peers"
for name in "${names[@]}"; do
    [ -n "${pair[$name]:-}" ] || continue
    awk -v name="$name" -v p="${pair[$name]}" -v b="${batches[$name]}" -v gp="${pair[glibc]}" -v gb="${batches[glibc]}" \
        -v fp="$fastest_pair" -v fb="$fastest_batch" \
        'BEGIN { printf "%-10s pair %6.2f  %.2f  %.2f    batch %6.2f  %.2f  %.2f\n", name, p, p / gp, p / fp, b, b / gb, b / fb }'
done
