#!/usr/bin/env bash
# Takes a program that allocates on three threads from the machine by CRIU, and puts it back, again and again, in each situation of rseq; as root. CRIU
# 3.17 (Debian 12) is too old for Linux 6.18; CRIU=COMMAND names another one.
#
#     [CRIU=criu] tests/criu.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-10}
criu=${CRIU:-criu}
./build.sh
$criu check > /dev/null 2>&1 || { echo "$0: $criu cannot do it here: $($criu check 2>&1 | tail -n 1)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -O1 -g -fno-builtin -Wall -Wextra -pthread tests/programs/restored.c -o "$work/restored"

# round: the process leaves the machine, and comes back as the child of the CRIU that waits for it, under its old number.
round() {
    rm -rf "$work/images"
    mkdir "$work/images"
    $criu dump -t "$process" -D "$work/images" -o dump.log -v4 > /dev/null 2>&1 || { grep Error "$work/images/dump.log"; return 1; }
    while kill -0 "$process" 2> /dev/null; do sleep 0.01; done
    $criu restore -D "$work/images" -o restore.log -v4 > /dev/null 2>&1 &
    waiting=$!
    until grep -q 'Restore finished successfully' "$work/images/restore.log" 2> /dev/null; do
        kill -0 $waiting 2> /dev/null || { grep Error "$work/images/restore.log"; return 1; }
        sleep 0.01
    done
    sleep 0.1
}

failed=0
for situation in '' NATIVEMALLOC_INDEX=cpu_id NATIVEMALLOC_INDEX=thread GLIBC_TUNABLES=glibc.pthread.rseq=0 \
    'GLIBC_TUNABLES=glibc.pthread.rseq=0 NATIVEMALLOC_INDEX=mm_cid' NATIVEMALLOC_CHECK=1; do
    env $situation LD_PRELOAD="$PWD/out/libnativemalloc.so" setsid "$work/restored" < /dev/null > "$work/output" 2>&1 &
    process=$!
    disown
    sleep 0.2
    done=0
    while ((done < rounds)) && round; do done=$((done + 1)); done
    kill -TERM "$process"
    code=0
    wait $waiting || code=$?
    result=$(cat "$work/output")
    [ "$done" = "$rounds" ] && [ $code = 0 ] && [[ $result = 'whole, after '* ]] || failed=1
    printf '%-70s %d of %d, exit code %d, %s\n' "${situation:-as it comes}" $done "$rounds" $code "$result"
done
exit $failed
