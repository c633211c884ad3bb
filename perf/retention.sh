#!/usr/bin/env bash
# What stays resident of freed memory, and what it costs where it comes again (perf/retention.c): each case under each allocator alternately,
# the medians of ROUNDS runs. LIBRARIES="old=FILE new=FILE" are measured in place of ours.
#
#     perf/retention.sh [ROUNDS [CASE...]]          CASE: turnover lot freed bursts large
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
rounds=${1:-3}
shift $(($# > 0))
cases=("$@")
[ $# -gt 0 ] || cases=(turnover lot freed bursts large)
choose
compile retention

# Of each case: the runs, and which of their lines are shown.
runs() {
    case $1 in
    turnover) printf '%s\n' 'turnover 1 : full worst times' 'turnover 2 : full worst times' 'turnover 3 : full worst times' ;;
    lot) printf '%s\n' 'lot 32 512 300 : times resident' 'lot 1000 8000 300 : times resident' 'lot 8000 60000 300 : times resident' \
        'lot 60000 250000 300 : times resident' ;;
    freed) printf '%s\n' 'freed : at-once after' ;;
    bursts)
        for gap in 50 300 900; do
            printf '%s\n' "bursts 16 1024 64 $gap 8 : ms resident" "bursts 3000 16000 64 $gap 8 : ms resident" \
                "bursts 100000 2000000 100 $gap 8 : ms resident"
        done
        printf '%s\n' 'bursts 16 200000 300 200 8 : ms resident' ;;
    large) printf '%s\n' 'large 100000 1000000 10 20000 : us peak' 'large 100000 1000000 300 20000 : us peak' \
        'large 1000000 10000000 5 2000 : us peak' 'large 1000000 10000000 50 2000 : us peak' 'large 300000 40000000 8 500 : us peak' ;;
    esac
}

printf '%-38s' run
printf '%18s' "${names[@]}"
echo
for case in "${cases[@]}"; do
    while read -r run; do
        arguments=${run% : *} lines=${run#* : }
        rm -f "$work"/retention.*.txt
        for ((round = 0; round < rounds; round++)); do
            for name in "${names[@]}"; do
                # shellcheck disable=SC2086 # a run is words
                LD_PRELOAD=${preload[$name]} "$work/retention" $arguments >> "$work/retention.$name.txt"
            done
        done
        for line in $lines; do
            printf '%-38s' "$arguments: $line"
            for name in "${names[@]}"; do
                printf '%18s' "$(awk -v line="$line" '$1 == line { print $2 }' "$work/retention.$name.txt" | median)"
            done
            echo
        done
    done < <(runs "$case")
done
