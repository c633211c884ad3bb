#!/usr/bin/env bash
# How well profiles tell who holds memory: tests/programs/pinners.c, which knows it, so many times at each distance between samples. The other
# number is how much of everything it has: 80 MiB each, of which 21 are held in the end.
#
#     [RUNS=100] tests/pins.sh [DISTANCE:SCALE...]
set -euo pipefail
cd "$(dirname "$0")/.."
./build.sh
runs=${RUNS:-100}
[ $# -gt 0 ] || set -- 2K:1 4K:3 16K:1 64K:4 64K:16 512K:16
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -O1 -g -fno-builtin tests/programs/pinners.c -o "$work/pinners"

# number NAME FILE: of the statistics.
number() { sed 's/[,{]/\n/g' "$2" | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" | head -n 1; }

# sums: what each site holds, by the last frame of its stacks.
sums() {
    nm -t d "$work/pinners" | sed 's/^0*\([0-9]\)/\1/' | sort -n > "$work/symbols"
    sed -n 's/.*pinners+0x\([0-9a-f]*\) \([0-9]*\)$/\1 \2/p' "$work/profile.folded" | while read -r address bytes; do
        echo "$((0x$address)) $bytes"
    done | awk 'NR == FNR { start[++n] = $1; name[n] = $3; next }
        { for (i = n; i > 1 && start[i] > $1; i--); held[name[i]] += $2 }
        END { for (one in held) print one, held[one] }' "$work/symbols" -
}

printf '%8s %6s %6s %10s %12s %10s %10s\n' distance scale runs 'top right' 'sum in 10 %' 'mean sum' deviation
for pair; do
    distance=${pair%:*} scale=${pair#*:}
    for ((run = 0; run < runs; run++)); do
        LD_PRELOAD=$PWD/out/libnativemalloc.so NATIVEMALLOC_SAMPLE=$distance NATIVEMALLOC_STATS=json:$work/statistics.json \
            NATIVEMALLOC_PROFILE=$work/profile.folded,held "$work/pinners" "$scale" > "$work/truth"
        measured=$(($(number central "$work/statistics.json") + $(number page_heap_free "$work/statistics.json")))
        top=$(awk '$3 > most { most = $3; top = $2 } END { print top }' "$work/truth")
        sums | awk -v top="$top" -v measured="$measured" '{ sum += $2 } $2 > most { most = $2; first = $1 } END { print first == top, sum / measured }'
    done | awk -v distance="$distance" -v scale="$scale" '
        { right += $1; within += $2 > 0.9 && $2 < 1.1; sum += $2; square += $2 * $2 }
        END { mean = sum / NR; printf "%8s %6s %6d %10d %12d %10.3f %10.3f\n", distance, scale, NR, right, within, mean, sqrt(square / NR - mean * mean) }'
done
