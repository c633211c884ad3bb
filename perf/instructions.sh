#!/usr/bin/env bash
# Instructions of an operation (malloc and its free, or a realloc), pattern by pattern, counted by valgrind's callgrind: "PATTERN COUNT" lines on
# standard output, as kept in perf/instructions.txt. Valgrind knows no rseq, so the per-thread front end is counted: the same sequences.
#
#     perf/instructions.sh [FOLDER [LIBRARY]] > perf/instructions.txt        a folder to work in; another allocator, or "" for glibc's
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
work=${1:-$work}
library=${2-$library}
compile counted

# instructions PATTERN COUNT: of the whole program.
instructions() {
    LD_PRELOAD=$library valgrind --tool=callgrind --callgrind-out-file=/dev/null "$work/counted" "$1" "$2" 2>&1 |
        awk '/Collected/ { print $NF }'
}

# The caches have grown to what the pattern needs before the part that is counted.
"$work/counted" | while read -r pattern allocations; do
    warm=$((400000 / allocations)) more=$((100000 / allocations))
    before=$(instructions "$pattern" "$warm")
    after=$(instructions "$pattern" $((warm + more)))
    awk -v name="$pattern" -v total=$((after - before)) -v operations=$((more * allocations)) 'BEGIN { printf "%s %.1f\n", name, total / operations }'
done
