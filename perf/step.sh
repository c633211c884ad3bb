#!/usr/bin/env bash
# Many buffers of one size in use at once (perf/step.c): nanoseconds of an access, the least of ROUNDS alternating runs under each allocator, and in how many
# of 64 cache sets the buffers begin. LIBRARIES="old=FILE new=FILE" are measured in place of ours.
#
#     perf/step.sh [ROUNDS [MODES [SIZES [COUNTS]]]]        perf/step.sh 3 'step walk list' '4096 1048576' '16 100'
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
rounds=${1:-2} modes=${2:-step walk list} sizes=${3:-2048 4096 16384 65536 131072 262144 300000 1048576 4194304} counts=${4:-16 100 400}
choose
compile step

printf '%-22s' buffers
printf '%15s' "${names[@]}"
echo
for mode in $modes; do
    for size in $sizes; do
        for count in $counts; do
            [ $((size * count)) -le $((500 << 20)) ] || continue
            printf '%-22s' "$mode $size $count"
            rm -f "$work"/step.*.txt
            for ((round = 0; round < rounds; round++)); do
                for name in "${names[@]}"; do
                    LD_PRELOAD=${preload[$name]} "$work/step" "$mode" "$size" "$count" 300000 >> "$work/step.$name.txt"
                done
            done
            for name in "${names[@]}"; do
                sets=$(LD_PRELOAD=${preload[$name]} "$work/step" sets "$size" "$count")
                printf '%15s' "$(sort -n "$work/step.$name.txt" | head -n 1) (${sets% *})"
            done
            echo
        done
    done
done
