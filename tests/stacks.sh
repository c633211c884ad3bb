#!/usr/bin/env bash
# Compares the library's stacks with gdb's, at random stops of real programs. Says how many are the same to the tenth frame, and for the others
# where they part; those count aside in which gdb shows a caller that is no code, as it does behind code that was compiled at run
# time. Fails where less than 99 in 100 of the rest are the same.
#
#     [SEED=N] tests/stacks.sh [STOPS [PROGRAM...]]        stops of each program (2500) of python3, node, git, threads and signals
set -uo pipefail
cd "$(dirname "$0")/.."
stops=${1:-2500}
programs=("${@:2}")
[ ${#programs[@]} -gt 0 ] || programs=(python3 node git threads signals)
./build.sh || exit 1
root=$PWD
work=$root/out/tests/stacks.$$
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
command -v gdb > /dev/null || { echo "$0: gdb is missing: apt-get install gdb" >&2; exit 1; }

# A repository of 300 commits.
make_repository() {
    git init -q -b main "$work/repository"
    for i in $(seq 300); do
        content=$(seq "$i" $((i * 3)))
        printf 'commit refs/heads/main\ncommitter a <a@b> %d +0000\ndata 2\nc\n' $((1000000000 + i * 60))
        printf 'M 100644 inline file%d\ndata %d\n%s\n' $((i % 25)) ${#content} "$content"
    done | git -C "$work/repository" fast-import --quiet
}

compile() { gcc -O1 -g -fno-builtin -pthread "tests/programs/$1.c" -o "$work/$1"; }

# The real python, not a script that chooses one.
python_program() {
    if [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; else python3 -c 'import sys; print(sys.executable)'; fi
}

failed=0
for program in "${programs[@]}"; do
    case $program in
        python3) command=("$(python_program)" "$root/tests/stacks/work.py") ;;
        node) command=("$(command -v node)" "$root/tests/stacks/work.js") ;;
        git) make_repository; command=("$(command -v git)" -C "$work/repository" log -p --stat) ;;
        threads) compile threads; command=("$work/threads" 4 1000000) ;;
        signals) compile signals; command=("$work/signals" any 60) ;;
        *) echo "$0: no program '$program'" >&2; exit 1 ;;
    esac
    [ -x "${command[0]}" ] || { echo "$program is not here"; continue; }
    # gdb itself fails now and then ("Recursive internal problem"), which says nothing of stacks.
    for _ in 1 2 3; do
        REPORT=$work/report STOPS=$stops LONGEST=0.02 gdb -nx -batch -iex 'set auto-load off' \
            -ex "set environment LD_PRELOAD $root/out/libnativemalloc.so" -x tests/stacks/compare.py --args "${command[@]}" \
            < /dev/null > "$work/log" 2>&1
        grep -aq 'internal problem\|internal-error' "$work/log" || break
    done
    result=$(tail -n 1 "$work/report" 2> /dev/null)
    if [[ $result =~ ^same\ ([0-9]+)\ of\ ([0-9]+),\ gdb\ shows\ what\ is\ no\ code\ ([0-9]+) ]]; then
        sed "s/^/$program: /" "$work/report"
        ((BASH_REMATCH[1] * 100 >= (BASH_REMATCH[2] - BASH_REMATCH[3]) * 99)) || failed=1
    else
        tail -n 12 "$work/log" | tr -d '\0' >&2
        echo "$program: gdb could not compare" >&2
        failed=1
    fi
done
exit $failed
