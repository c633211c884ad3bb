#!/usr/bin/env bash
# Programs of many threads under each allocator, on a machine with as many CPUs: operations per second, processors' time and waits by threads.
# Each thread does the same work, however many there are, so that the seconds of a perfect allocator stay the same. Rounds alternate; medians.
# Prints a table in Markdown: seconds, and in brackets how often threads waited for each 1,000,000 operations.
#
#     [ROUNDS=3] [THREADS="1 2 4 8 16"] [ALLOCATORS="glibc nativemalloc ..."] perf/contention.sh [PATTERN...]       default larson asymmetric server wordcount
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
compile measure
rounds=${ROUNDS:-3}
read -ra allocators <<< "${ALLOCATORS:-glibc nativemalloc jemalloc mimalloc tcmalloc scudo}"
[ $# -gt 0 ] || set -- larson asymmetric server wordcount
read -ra counts <<< "${THREADS:-1 2 4 8 16}"

# command_of PATTERN THREADS: the command, and how many millions of operations (of malloc, or malloc and free in pairs) it is.
command_of() {
    case $1 in
    larson) command=("$work/larson" "$2" 1000 300) millions=$((6 * $2)) ;;
    asymmetric) command=("$work/asymmetric" $((($2 + 1) / 2)) 3000) millions=$((3 * (($2 + 1) / 2))) ;;
    server) command=("$work/server" "$2" 250000) millions=$((3 * $2)) ;;
    wordcount) command=("$work/wordcount" "$2" $((2000000 * $2))) millions=$((2 * $2)) ;;
    *) echo "perf/contention.sh: $1: there are larson, asymmetric, server and wordcount" >&2; exit 2 ;;
    esac
}

for pattern; do
    compile "programs/$pattern"
    printf '| %s, threads |' "$pattern"
    printf ' %s |' "${allocators[@]}"
    printf '\n|---|'
    printf -- '---|%.0s' "${allocators[@]}"
    printf '\n'
    for threads in "${counts[@]}"; do
        command_of "$pattern" "$threads"
        rm -f "$work"/contention.*
        for ((round = 0; round < rounds; round++)); do
            for allocator in "${allocators[@]}"; do
                "$work/measure" "${preload[$allocator]}" "${command[@]}" 2>> "$work/contention.$allocator" > /dev/null
            done
        done
        printf '| %d |' "$threads"
        for allocator in "${allocators[@]}"; do
            printf ' %s (%s) |' "$(awk '{ print $1 }' "$work/contention.$allocator" | median)" \
                "$(awk -v millions="$millions" '{ printf "%.0f\n", $4 / millions }' "$work/contention.$allocator" | median)"
        done
        printf '\n'
    done
    echo
done
