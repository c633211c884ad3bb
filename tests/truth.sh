#!/usr/bin/env bash
# Whether the sampler's estimates are right: RUNS runs of tests/programs/sites.c, which knows what its ten places allocate, at each of three mean
# distances. Prints for each distance and place, of what is in use and of what was allocated: how many of the runs were within three standard errors
# of the truth, how far the mean of all runs is from it, in percent, and how far that might be (three of its standard errors). Fails if the mean is
# further off than that and than 2 %, or if more than one in a hundred runs were outside, over all places.
#
#     tests/truth.sh [RUNS [MIB [MEAN...]]]    MIB live at each place (128), four times as much allocated; 100 runs take five minutes on one core
set -euo pipefail
cd "$(dirname "$0")/.."
./build.sh
runs=${1:-100} mebibytes=${2:-128}
means=("${@:3}")
[ $# -gt 2 ] || means=(65536 524288 2097152)
mkdir -p out/truth
cp out/libnativemalloc.so out/truth/
gcc -O1 -g -fno-builtin -Wall -Wextra -pthread -INativeMalloc/include tests/programs/sites.c -lm -o out/truth/sites
failed=0
for mean in "${means[@]}"; do
    echo "mean $mean: within three errors, mean of $runs runs off by, that may be"
    for ((run = 0; run < runs; run++)); do
        LD_PRELOAD=$PWD/out/truth/libnativemalloc.so out/truth/sites "$mean" 2 "$mebibytes"
    done | awk '
        $3 > 0 {
            name = $1 " " $2
            if (!(name in count))
                names[++known] = name
            count[name]++
            within[name] += $5 >= -3 && $5 <= 3
            truth[name] += $3
            estimate[name] += $4
            if ($5 != 0)
                deviation[name] = ($4 - $3) / $5 # one run'\''s standard error
        }
        END {
            for (i = 1; i <= known; i++) {
                name = names[i]
                off = 100 * (estimate[name] / truth[name] - 1)
                may = 300 * deviation[name] * sqrt(count[name]) / truth[name]
                bad = (off > may && off > 2) || (-off > may && -off > 2)
                printf "%-16s %3d %6.2f %% %5.2f %%%s\n", name, within[name], off, may, bad ? "  WRONG" : ""
                wrong += bad
                all += count[name]
                inside += within[name]
            }
            printf "%d of %d within three errors\n\n", inside, all
            exit wrong > 0 || inside < 0.99 * all
        }' || failed=1
done
exit $failed
