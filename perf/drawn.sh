#!/usr/bin/env bash
# Looks for what nobody thought of: workloads that seeds draw by lot (perf/drawn.c) under each allocator in turn, the least time of two runs; those first
# that take longest beside the fastest peer, a line each: time to that peer's, milliseconds and peak (MiB) of each allocator, what was drawn. One that
# takes longer than ten seconds counts as so long.
#
#     perf/drawn.sh [FROM [TO]]        seeds 1 to 40: ten minutes; LIBRARIES and PEERS as for perf/retention.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
from=${1:-1} to=${2:-40}
choose
compile drawn

for ((seed = from; seed <= to; seed++)); do
    rm -f "$work"/drawn.*.txt
    for round in 1 2; do
        for name in "${names[@]}"; do
            LD_PRELOAD=${preload[$name]} timeout 10 "$work/drawn" "$seed" >> "$work/drawn.$name.txt" || echo "10000 0 0" >> "$work/drawn.$name.txt"
        done
    done
    line= ours= best=
    for name in "${names[@]}"; do
        read -r milliseconds peak _ < <(sort -n "$work/drawn.$name.txt")
        line+=" $name $milliseconds/$((peak >> 10))"
        case $name in
            glibc | jemalloc | mimalloc | tcmalloc | scudo) best=$(printf '%s\n' $best "$milliseconds" | sort -n | head -n 1) ;;
            *) ours=$milliseconds ;; # the last of LIBRARIES
        esac
    done
    drawn=$(grep -h operations "$work"/drawn.*.txt | head -n 1 | cut -d ' ' -f 4- || true)
    echo "$(awk "BEGIN { printf \"%.2f\", $ours / $best }") seed $seed:$line; $drawn"
done | sort -rn
