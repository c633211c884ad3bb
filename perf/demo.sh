#!/usr/bin/env bash
# What an allocator changes: programs that people know, under glibc's malloc and under NativeMalloc by turns; the medians of their time and peak
# memory, the ratio, and what it means; also where there is no difference. Outputs must be equal. The inputs come from seeded generators.
#
#     perf/demo.sh [ROUNDS]          default 5, in less than a minute
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
rounds=${1:-5}
prefer_debian
folder=$PWD/$work/demo
rm -rf "$folder"
mkdir -p "$folder"
compile measure
compile programs/server
lines 200000 > "$folder/lines"
lines 50000 > "$folder/few"

# ratios A B: the median of the rounds' ratios, and the least and the most.
ratios() {
    paste "$1" "$2" | awk '$1 > 0 { print $2 / $1 }' | sort -n |
        awk '{ ratio[NR] = $1 } END { printf "%.2f %.2f %.2f\n", ratio[int((NR + 1) / 2)], ratio[1], ratio[NR] }'
}

# verdict RATIO LEAST MOST WHAT: in words. Rounds that do not agree in which is less tell no difference, nor does one below a twentieth.
verdict() {
    awk -v ratio="$1" -v least="$2" -v most="$3" -v what="$4" 'BEGIN {
        if (most < 1 && ratio < 0.95) printf "%.0f %% less %s", (1 - ratio) * 100, what
        else if (least > 1 && ratio > 1.05) printf "%.0f %% more %s", (ratio - 1) * 100, what
        else printf "no difference in %s", what
    }'
}

# show NAME MEANING: a row of the table from what the runs wrote, and what it means.
show() {
    local time memory seconds=("$folder"/{glibc,ours}.seconds) mebibytes=("$folder"/{glibc,ours}.mebibytes)
    read -ra memory <<< "$(ratios "${mebibytes[@]}")"
    local words
    words=$(verdict "${memory[@]}" memory)
    if [ -f "${seconds[0]}" ]; then
        read -ra time <<< "$(ratios "${seconds[@]}")"
        words="$(verdict "${time[@]}" time), $words"
        printf '%-34s %6.2f s %6.2f s   %4.2f' "$1" "$(median < "${seconds[0]}")" "$(median < "${seconds[1]}")" "${time[0]}"
    else
        printf '%-34s %6s   %6s     %4s' "$1" - - -
    fi
    printf '   %6.0f MiB %6.0f MiB   %4.2f\n' "$(median < "${mebibytes[0]}")" "$(median < "${mebibytes[1]}")" "${memory[0]}"
    printf '    %s. %s\n' "${words^}" "$2"
    rm -f "$folder"/{glibc,ours}.{seconds,mebibytes}
}

# compare NAME MEANING COMMAND...: runs it under each.
different=0
compare() {
    local name=$1 meaning=$2 round
    shift 2
    if ! command -v "$1" > /dev/null; then
        printf '%-34s not installed\n' "$name"
        return
    fi
    # To warm the file cache, and to have the output of either.
    LD_PRELOAD= "$@" > "$folder/expected"
    NATIVEMALLOC_STATS=json:$folder/front_end.json LD_PRELOAD=$library "$@" > "$folder/found"
    cmp -s "$folder/expected" "$folder/found" || { different=1 && echo "$name: the outputs are DIFFERENT"; }
    for ((round = 0; round < rounds; round++)); do
        LD_PRELOAD= "$work/measure" "" "$@" 2> "$folder/glibc.last" > /dev/null
        LD_PRELOAD= "$work/measure" "$library" "$@" 2> "$folder/ours.last" > /dev/null
        for which in glibc ours; do
            awk '{ print $1 }' "$folder/$which.last" >> "$folder/$which.seconds"
            awk '{ print $2 }' "$folder/$which.last" >> "$folder/$which.mebibytes"
        done
    done
    show "$name" "$meaning"
}

# redis LIBRARY: what a server has resident two seconds after it deleted nine of ten values of 100 bytes to 16 KB.
redis() {
    local attempt
    LD_PRELOAD=$1 redis-server --port 0 --unixsocket "$folder/redis" --save '' --appendonly no --dir "$folder" > "$folder/redis.log" 2>&1 &
    process=$!
    trap 'kill $process 2> /dev/null' EXIT
    for attempt in $(seq 100); do
        redis-cli -s "$folder/redis" ping > /dev/null 2>&1 && break
        sleep 0.05
    done
    redis-cli -s "$folder/redis" eval "for i = 1, 20000 do redis.call('set', i, string.rep('x', 100 + i * 7919 % 16000)) end" 0 > /dev/null
    redis-cli -s "$folder/redis" eval "for i = 1, 20000 do if i % 10 > 0 then redis.call('del', i) end end" 0 > /dev/null
    sleep 2
    awk '/^VmRSS/ { print $2 / 1024 }' "/proc/$process/status"
    kill "$process"
    wait "$process" || true
    trap - EXIT
}

printf '%-34s %8s %8s %6s   %10s %10s %6s\n' "" glibc ours ratio glibc ours ratio
compare "a server's 4 threads" "Threads free what others allocated; glibc locks the arena that a block came from, here each CPU has a cache." \
    "$work/server" 4 50000
compare "lua, tables and strings" "One thread, small blocks that come and go: shorter paths." \
    lua5.4 perf/inputs/tables.lua
compare "perl, a hash of lists" "The same, with lists that grow." \
    perl perf/inputs/words.pl "$folder/lines"
compare "g++, templates" "A compiler allocates much and frees little; most of its time is its own." \
    g++ -std=c++17 -fsyntax-only perf/inputs/heavy.cpp
compare "python3, JSON" "Python has an allocator of its own for small objects, and asks malloc for larger ones." \
    python3 perf/inputs/rows.py
compare "sort, 200,000 lines" "A few large buffers: no allocator changes that." \
    sort --parallel=2 -S 200M "$folder/lines"
compare "xz, 2 threads" "The same." \
    xz -T2 -2 --block-size=300KiB --stdout "$folder/few"
if command -v redis-server redis-cli > /dev/null; then
    # Debian's redis is linked with jemalloc; libc's malloc comes before it here.
    redis "$(ldd "$(command -v redis-server)" | awk '/libc\.so/ { print $3 }')" > "$folder/glibc.mebibytes"
    redis "$library" > "$folder/ours.mebibytes"
    show "redis, after nine of ten deletes" "What stays with a server whose values went; here pages between those that are left go back, too."
else
    printf '%-34s not installed\n' redis
fi
front_end=$(awk -F'"' '/"(front_end|rseq|index)": "/ { value[$2] = $4 } END { print value["front_end"] ", " value["rseq"] ", " value["index"] }' "$folder/front_end.json")
echo "Medians of $rounds alternating runs (redis: one); peak memory of the largest process (redis: resident, two seconds later). Front end: $front_end."
[ $different = 0 ] && echo "All outputs were equal."
exit $different
