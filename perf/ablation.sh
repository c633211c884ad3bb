#!/usr/bin/env bash
# What a rule is good for: builds the library with one of the rules of perf/ablation.txt changed, runs programs under both libraries in turn, and
# prints what changed by more than either's runs differ among themselves. A minute for each rule, on a machine that does nothing else.
#
#     perf/ablation.sh RULE...            one line of figures for each measure that changed; "all" for all rules
#     perf/ablation.sh --list             the rules, and what is changed
#     perf/ablation.sh --compare LIBRARY OTHER       two libraries that were built before
#
# ROUNDS=5 for more runs of each program than 3; ONLY='REGULAR EXPRESSION' for those of which the name matches. The least of the rounds is printed.
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
prefer_debian
work=$work/ablation
mkdir -p "$work"
rules=${RULES:-perf/ablation.txt}
rounds=${ROUNDS:-3}
only=${ONLY:-.}

# edit RULE TREE: makes the rule's changes; fails where the text to be replaced is not there, once.
edit() {
    awk -v rule="$1" '/^[a-z]/ { found = $0 ~ "^" rule ":" } found && /^[@<>] / { print }' "$rules" | {
        local kind text file='' from=''
        while read -r kind text; do
            case $kind in
                @) file=$2/$text ;;
                '<') from=$text ;;
                '>') replace "$file" "$from" "$text" ;;
            esac
        done
        [ -n "$file" ] || { echo "$rules has no rule '$1'" >&2 && return 1; }
    }
}

# replace FILE TEXT BY
replace() {
    [ "$(grep -cF -- "$2" "$1")" = 1 ] || { echo "$1 has not once: $2" >&2 && return 1; }
    FROM=$2 BY=$3 awk '{ at = index($0, ENVIRON["FROM"])
        print at ? substr($0, 1, at - 1) ENVIRON["BY"] substr($0, at + length(ENVIRON["FROM"])) : $0 }' "$1" > "$1.new"
    mv "$1.new" "$1"
}

# build RULE: the library without the rule, in $work/RULE.so.
build() {
    local tree=$work/tree
    rm -rf "$tree"
    mkdir -p "$tree"
    cp -r NativeMalloc Shim packaging build.sh Directory.Build.props global.json .editorconfig "$tree"
    edit "$1" "$tree"
    "$tree/build.sh" > "$work/build.log" 2>&1 || { grep -m 1 ' error ' "$work/build.log" >&2; return 1; }
    cp "$tree/out/libnativemalloc.so" "$work/$1.so"
}

# programs: NAME COMMAND, a line each. What they print is of no interest, but for that of perf/memory.
programs() {
    cat << LINES
factor $work/factor 22
minimise $work/minimise 12 8
larson $work/larson 2 1000 60
asymmetric $work/asymmetric 1 3000
sizes $work/sizes 800000
wordcount $work/wordcount 2 600000
crowd $work/crowd
crowd-per-thread env NATIVEMALLOC_INDEX=thread $work/crowd
python3 python3 perf/inputs/rows.py
python3-start python3 -c pass
sqlite3 sqlite3 :memory: ".read perf/inputs/words.sql"
sqlite3-start sqlite3 :memory: .schema
perl perl perf/inputs/words.pl $work/lines
lua lua5.4 perf/inputs/tables.lua
sort sort --parallel=2 -S 8M $work/lines
turnover $work/memory turnover
shifting $work/memory shifting
freed-ordered $work/memory freed ordered
freed-random $work/memory freed random
threads $work/memory threads
retention-turnover $work/retention turnover 1
retention-lot $work/retention lot 1000 8000 60
bursts-small $work/retention bursts 16 1024 32 50 8
bursts-pages $work/retention bursts 3000 16000 32 50 8
bursts-large $work/retention bursts 100000 2000000 64 50 8
large-few $work/retention large 100000 1000000 10 4000
large-many $work/retention large 100000 1000000 200 4000
LINES
}

# loops: NAME ARGUMENTS of perf/cycles, which tells the least of some repeats.
loops() {
    cat << LINES
pairs-loop pairs 5 64 300000
batches-loop batches 5 64 20000 200000
batches-kilobyte-loop batches 5 1024 2000 100000
mixed-loop mixed 5 3000 4096 300000
exchange-loop exchange 3 64 100000
LINES
}

# counted: NAME COMMAND of which callgrind counts the instructions, without rseq.
counted() {
    cat << LINES
factor-instructions $work/factor 17
minimise-instructions $work/minimise 11 3
sqlite3-instructions sqlite3 :memory: .schema
beyond-the-caches-instructions $work/counted batch-10000x512 30
LINES
}

prepare() {
    ./build.sh > /dev/null
    local program
    for program in programs/{factor,minimise,larson,asymmetric,sizes,wordcount,crowd} memory cycles counted retention; do
        [ ! -f "perf/$program.c" ] || compile "$program"
    done
    gcc -O2 -Wall -Wextra -shared -fPIC perf/peak.c -o "$work/peak.so"
    gcc -O2 -Wall -Wextra perf/cost.c -o "$work/cost"
    lines 60000 > "$work/lines"
}

# sum NAMES: of all classes, from the statistics. How often the caches could not serve is known exactly, whoever else is on the machine.
sum() { grep -oE "$1: [0-9]+" "$work/statistics.json" | awk -F: '{ sum += $2 } END { print sum + 0 }'; }

# measure LIBRARY: "NAME MEASURE VALUE" lines of one round.
measure() {
    local library=$1 name program
    programs | while read -r name program; do
        eval "program=($program)"
        command -v "${program[0]}" > /dev/null && [[ $name =~ $only ]] || continue
        rm -f "$work/peak"
        NATIVEMALLOC_STATS=json:$PWD/$work/statistics.json PEAK_FILE=$work/peak \
            "$work/cost" "$PWD/$work/peak.so $library" "${program[@]}" 2> "$work/cost.txt" > "$work/output.txt" ||
            { echo "$name failed under $library" >&2 && return 1; }
        awk -v name="$name" '{ print name, $1, $2 }' "$work/cost.txt"
        echo "$name peak-KiB $(sort -n "$work/peak" | tail -n 1)"
        echo "$name slow-paths $(sum '"(allocation_misses|free_misses)"')"
        echo "$name central $(sum '"transfer_misses"')"
        case $name in
            turnover | shifting | freed-* | threads | retention-* | bursts-* | large-*) awk -v name="$name" 'NF == 2 { print name, $1, $2 }' "$work/output.txt" ;;
        esac
    done
    loops | while read -r name program; do
        # shellcheck disable=SC2086 # words
        [[ ! $name =~ $only ]] || echo "$name cycles $(LD_PRELOAD=$library "$work/cycles" $program | cut -d' ' -f1)"
    done
}

# count LIBRARY: the same, of what is the same in each round.
count() {
    local library=$1 name program
    command -v valgrind > /dev/null || return 0
    counted | while read -r name program; do
        # shellcheck disable=SC2086 # words
        [[ ! $name =~ $only ]] || ! command -v ${program%% *} > /dev/null ||
            echo "$name instructions $(LD_PRELOAD=$library valgrind --tool=callgrind --callgrind-out-file=/dev/null $program 2>&1 > /dev/null |
                awk '/Collected/ { print $NF }')"
    done
}

# compare LIBRARY OTHER: what differs. Both libraries' values must all lie apart, and by a part of it that is not chance's.
compare() {
    local round
    { count "$1"; } > "$work/with.txt"
    { count "$2"; } > "$work/without.txt"
    for ((round = 0; round < rounds; round++)); do
        measure "$1" >> "$work/with.txt"
        measure "$2" >> "$work/without.txt"
    done
    awk '
        { key = $1 " " $2; file = FILENAME == ARGV[1] ? "with" : "without" }
        !(key in seen) { seen[key] = 1; keys[++count] = key }
        !((file, key) in least) || $3 < least[file, key] { least[file, key] = $3 }
        !((file, key) in most) || $3 > most[file, key] { most[file, key] = $3 }
        END {
            for (i = 1; i <= count; i++) {
                key = keys[i]
                a = least["with", key]; b = least["without", key]
                apart = b > most["with", key] || most["without", key] < a
                if (!apart || a <= 0) continue
                change = (b - a) / a
                part = key ~ /instructions$/ ? 0.002 : key ~ /(milliseconds|cycles)$/ ? 0.03 : 0.01
                if (change > part || change < -part) printf "    %-44s %14s -> %-14s %+.1f %%\n", key, a, b, change * 100
            }
        }' "$work/with.txt" "$work/without.txt"
}

case ${1:---help} in
    --help) sed -n '2,/^set/p' "$0" | grep '^#' | cut -c3- ;;
    --list) grep -v '^#' "$rules" ;;
    --compare) prepare && compare "$(realpath "$2")" "$(realpath "$3")" ;;
    *)
        prepare
        [ "$1" != all ] || mapfile -t names < <(sed -n 's/^\([a-z-]*\):.*/\1/p' "$rules")
        for rule in "${names[@]:-$@}"; do
            grep "^$rule:" "$rules" || { echo "$rules has no rule '$rule'" >&2 && exit 1; }
            build "$rule"
            compare "$library" "$PWD/$work/$rule.so"
        done
        ;;
esac
