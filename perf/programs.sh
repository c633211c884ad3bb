#!/usr/bin/env bash
# Small programs: what each has resident at its peak, and how long it takes, under each allocator; medians of ROUNDS alternating runs.
#
#     perf/programs.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
rounds=${1:-5}
./build.sh
compile measure
compile minimise
compile factor
python=$(command -v /usr/bin/python3 || command -v python3)

programs=(minimise factor "python3 -c pass" "python3, modules" sqlite3)
declare -A command=(
    [minimise]="$work/minimise 12 6" [factor]="$work/factor 24"
    ["python3 -c pass"]="$python -c pass" ["python3, modules"]="$python -c import\\ json,re,asyncio,unittest,xml.dom.minidom"
    [sqlite3]="sqlite3 :memory: .read\\ $work/programs.sql"
)
cat > "$work/programs.sql" << 'SQL'
create table words (word text, number integer);
with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 30000) insert into words select hex(n * 7919), n from numbers;
create index by_word on words (word);
select count(*), sum(number) from words where word like '3%';
SQL

allocators=()
for name in glibc nativemalloc jemalloc mimalloc tcmalloc; do
    [ "$name" = glibc ] || [ -n "${preload[$name]}" ] && allocators+=("$name")
done

printf '%-18s' "MiB (seconds)"
printf ' %22s' "${allocators[@]}"
echo
for program in "${programs[@]}"; do
    eval "words=(${command[$program]})"
    for name in "${allocators[@]}"; do : > "$work/programs.$name"; done
    for ((round = 0; round < rounds; round++)); do
        for name in "${allocators[@]}"; do
            LD_PRELOAD= "$work/measure" "${preload[$name]}" "${words[@]}" 2>> "$work/programs.$name" > /dev/null
        done
    done
    printf '%-18s' "$program"
    base=$(awk '{ print $2 }' "$work/programs.glibc" | median)
    for name in "${allocators[@]}"; do
        memory=$(awk '{ print $2 }' "$work/programs.$name" | median)
        seconds=$(awk '{ print $1 }' "$work/programs.$name" | median)
        printf ' %22s' "$(awk -v memory="$memory" -v base="$base" -v seconds="$seconds" 'BEGIN { printf "%.1f = %.2f (%.3f)", memory, memory / base, seconds }')"
    done
    echo
done
