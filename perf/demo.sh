#!/usr/bin/env bash
# Real programs under glibc's malloc and under NativeMalloc: time, peak memory, the front end in use, and whether their
# outputs are equal. The inputs come from seeded generators.
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
folder=$PWD/$work/demo
rm -rf "$folder"
mkdir -p "$folder"
compile measure
compile programs/wordcount
python=$(command -v /usr/bin/python3 || command -v python3)

lines 2000000 > "$folder/lines"

names=("python3, a dictionary of 1,500,000" "g++ -O2, templates and regex" "sort, 2,000,000 lines, 2 threads" "wordcount, 4 threads")
commands=(
    "$python perf/inputs/dictionary.py"
    "g++ -O2 -std=c++17 -S -o - perf/inputs/heavy.cpp"
    "sort --parallel=2 -S 400M $folder/lines"
    "$work/wordcount 4 2000000"
)

printf '%-36s %18s %18s   %-22s %s\n' "" "glibc" "NativeMalloc" "front end" "output"
different=0
for i in "${!names[@]}"; do
    read -ra command <<< "${commands[$i]}"
    # To warm the file cache, and to have the output of either.
    LD_PRELOAD= "${command[@]}" > "$folder/expected"
    NATIVEMALLOC_STATS=json:$folder/%p.json LD_PRELOAD=$library "${command[@]}" > "$folder/found"
    same=equal
    cmp -s "$folder/expected" "$folder/found" || { same=DIFFERENT && different=1; }
    front_end=$(cat "$folder"/*.json | awk -F'"' '/"(front_end|rseq|index)": "/ { value[$2] = $4 } END { print value["front_end"] ", " value["rseq"] ", " value["index"] }')
    rm -f "$folder"/*.json

    : > "$folder/glibc"
    : > "$folder/ours"
    for _ in 1 2 3; do
        LD_PRELOAD= "$work/measure" "" "${command[@]}" 2>> "$folder/glibc" > /dev/null
        LD_PRELOAD= "$work/measure" "$library" "${command[@]}" 2>> "$folder/ours" > /dev/null
    done
    column() { awk -v field="$2" '{ print $field }' "$folder/$1" | median; }
    printf '%-36s %7.2f s %5.0f MiB %7.2f s %5.0f MiB   %-22s %s\n' "${names[$i]}" \
        "$(column glibc 1)" "$(column glibc 2)" "$(column ours 1)" "$(column ours 2)" "$front_end" "$same"
done
echo "Medians of 3 alternating runs. Peak memory is that of the largest process."
exit $different
