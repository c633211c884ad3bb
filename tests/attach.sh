#!/usr/bin/env bash
# Looks into processes at random moments of their lives, while they start, fork, end, become other programs, and run out of memory. Neither
# side may crash: the command shows what it sees, or says in one line why not, and each program ends as it would have by itself.
#
#     tests/attach.sh [TIMES]     1000 by default, a few minutes
set -euo pipefail
cd "$(dirname "$0")/.."
times=${1:-1000}
program=out/tests/programs/moments
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$(dirname $program)"
gcc -O1 -g -fno-builtin -Wall -Wextra -pthread tests/programs/moments.c -o $program
modes=(start fork threads memory exec)
commands=(stats 'stats --json' heapmap 'heapmap --svg' 'profile --seconds 0 --format folded' 'top --batch 3 --interval 0.1' ps)
declare -A outcomes
RANDOM=${SEED:-1}
for ((i = 0; i < times; i++)); do
    mode=${modes[i % ${#modes[@]}]}
    read -r -a command <<< "${commands[RANDOM % ${#commands[@]}]}"
    LD_PRELOAD=out/libnativemalloc.so $program "$mode" &
    process=$!
    [ "${command[0]}" = ps ] || command=("${command[0]}" $process "${command[@]:1}")
    # Of a life of some hundredths of a second, any moment.
    printf -v delay '0.%03d' $((RANDOM % 30))
    case $mode in start | exec) delay=0.00$((RANDOM % 5)) ;; esac
    sleep "$delay"
    code=0
    out/nativemalloc-inspect "${command[@]}" > "$folder/output" 2> "$folder/error" || code=$?
    end=0
    wait $process || end=$?
    [ $end = 0 ] || { echo "attach.sh: turn $i: the program ($mode) ended with $end while ${command[*]} looked at it"; exit 1; }
    lines=$(wc -l < "$folder/error")
    if [ $code -gt 1 ] || [ "$lines" -gt 1 ] || { [ $code = 1 ] && { [ "$lines" != 1 ] || ! grep -q '^nativemalloc: ' "$folder/error"; }; }; then
        echo "attach.sh: turn $i: ${command[*]} of a program ($mode) exited with $code and said:"
        cat "$folder/error"
        exit 1
    fi
    what=$([ $code = 0 ] && echo shown || sed -E 's/^nativemalloc: [a-z]+: //; s/[0-9]+/N/g' "$folder/error")
    outcomes[$what]=$((${outcomes[$what]:-0} + 1))
done
for what in "${!outcomes[@]}"; do
    printf '%5d %s\n' "${outcomes[$what]}" "$what"
done | sort -rn
