#!/usr/bin/env bash
# A malloc+free pair of 64 bytes, batches of 100, and a mixed workload, under each allocator in turn, ROUNDS times: medians in
# nanoseconds, and their ratios to glibc's and to the fastest of Debian's jemalloc, mimalloc and tcmalloc-minimal.
#
#     perf/fastpath.sh [ROUNDS [SIZE [BATCH]]]
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
rounds=${1:-9} size=${2:-64} batch=${3:-100}
./build.sh
compile fastpath

names=(glibc mm_cid cpu_id thread jemalloc mimalloc tcmalloc)
preload[mm_cid]=$library preload[cpu_id]=$library preload[thread]=$library

results=$work/fastpath.txt
: > "$results"
for ((round = 0; round < rounds; round++)); do
    for name in "${names[@]}"; do
        is_here "$name" || continue
        index=
        [ "${preload[$name]}" = "$library" ] && index=$name
        echo "$name $(NATIVEMALLOC_INDEX=$index LD_PRELOAD=${preload[$name]} "$work/fastpath" "$size" "$batch")" >> "$results"
    done
done

# One line for each allocator: the medians, and what they are of glibc's and of the fastest peer's.
echo "$size bytes, batches of $batch, medians of $rounds rounds; ns, ratio to glibc, ratio to the fastest of Debian's peers"
for name in "${names[@]}"; do
    grep -q "^$name " "$results" || continue
    echo "$name $(for field in 3 5 7; do awk -v name="$name" -v field=$field '$1 == name { print $field }' "$results" | median; done | xargs)"
done | awk '
    { order[NR] = $1; for (i = 2; i <= 4; i++) time[$1, i] = $i }
    $1 ~ /malloc$/ { for (i = 2; i <= 4; i++) if (!(i in fastest) || $i < fastest[i]) fastest[i] = $i }
    END {
        split("- pair batch mixed", title)
        for (n = 1; n <= NR; n++) {
            printf "%-10s", order[n]
            for (i = 2; i <= 4; i++) {
                t = time[order[n], i]
                printf "  %s %6.2f  %.2f  %s  ", title[i], t, t / time["glibc", i], i in fastest ? sprintf("%.2f", t / fastest[i]) : "   -"
            }
            print ""
        }
    }'
