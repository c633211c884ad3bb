#!/usr/bin/env bash
# Runs programs.txt in one situation of rseq, in the root and on the kernel that it is started in, and prints the cell:
#
#     situation.sh SITUATION [LOOPS]
#     SITUATION | front end, rseq, index | PASSED/ALL | nanoseconds of a malloc+free pair
#
# with a line for each failure, and exit code 1 then. Exit code 2: this libc has no such situation.
set -uo pipefail
cd "$(dirname "$0")"
situation=$1
loops=${2:-100}

libc=$(getconf GNU_LIBC_VERSION 2> /dev/null)
libc=${libc#glibc }
libc=${LIBC:-$libc}
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }
glibc() { [ -z "${LIBC:-}" ] && at_least "$1" "$libc"; }
kernel() { at_least "$1" "$(uname -r)"; }

# What the situation is made of, and what must come of it.
index='' tunables='' before=()
owner=own best=cpu_id
glibc 2.35 && { owner=glibc best=mm_cid; }
case $situation in
as-it-comes) expected=$best ;;
cpu_id) index=cpu_id expected=cpu_id ;;
mm_cid) index=mm_cid expected=mm_cid ;;
thread) index=thread expected=thread ;;
own | own-mm_cid)
    [ $owner = glibc ] || exit 2
    owner=own tunables=glibc.pthread.rseq=0 index=${situation#own} expected=cpu_id
    index=${index#-}
    [ "$index" ] && expected=$index
    ;;
denied) owner=unavailable before=(./filtered rseq 38) expected=thread ;;
*) echo "situation.sh: no such situation: $situation" >&2; exit 1 ;;
esac
[ $expected = mm_cid ] && ! kernel 6.3 && expected=cpu_id
front=per-cpu
[ $expected = thread ] && front=per-thread
expected="$front, $owner, $expected"

# From Linux 7.1 the kernel kills who writes to an area that was registered with more than 32 bytes, as glibc 2.41 does.
read_only=survives long_read_only=survives
kernel 7.1 && long_read_only=killed
[ $owner = glibc ] && glibc 2.41 && read_only=$long_read_only

run() {
    env NATIVEMALLOC_INDEX="$index" GLIBC_TUNABLES="$tunables" NATIVEMALLOC_STATS="$statistics" \
        "${before[@]}" env LD_PRELOAD="$PWD/libnativemalloc.so" "$@"
}

# The shells that a command starts are under the library too; time runs out outside of it.
run_in_time() {
    timeout "${LIMIT:-300}" bash -c "$(declare -f run); $(declare -p index tunables statistics before); run \"\$@\"" - "$@"
}

passed=0 all=0 wrong=()
statistics=
while read -r name where command; do
    case $where in
    any) ;;
    glibc) [ -z "${LIBC:-}" ] || continue ;;
    granted) [ $owner != unavailable ] || continue ;;
    free) [ $owner = own ] || continue ;;
    proc) [ -e /proc/self/maps ] || continue ;;
    *) wrong+=("programs.txt: $name: where is $where?") ;;
    esac
    all=$((all + 1))
    eval "arguments=($command)"
    SECONDS=0
    run_in_time "${arguments[@]}" > "$name.out" 2>&1 < /dev/null
    code=$?
    [ "${PROGRESS:-}" ] && echo "$situation: $name: exit code $code after $SECONDS s" >&2
    if [ $code = 0 ]; then
        passed=$((passed + 1))
    else
        wrong+=("$name: exit code $code: $(tail -n 1 "$name.out")")
    fi
done <<< "$(grep -v '^#' programs.txt)"
[ $all -ge 20 ] || wrong+=("only $all programs ran")

statistics=json:$PWD/statistics.json
rm -f statistics.json
nanoseconds=$(run ./fastpath 64 100 $((50000 * loops)) 2> /dev/null | sed -n 's/pair \([0-9.]*\) .*/\1/p')
front_end=$(awk -F'"' '/^  "(front_end|rseq|index)": "/ { v[$2] = $4 } END { print v["front_end"] ", " v["rseq"] ", " v["index"] }' statistics.json)
[ "$front_end" = "$expected" ] || wrong+=("the front end should be $expected")

printf '%s | %s | %d/%d | %s\n' "$situation" "$front_end" "$passed" "$all" "$nanoseconds"
[ ${#wrong[@]} = 0 ] || { printf '    failed: %s\n' "${wrong[@]}"; exit 1; }
