#!/usr/bin/env bash
# What programs lose: by this library, where each block is a sample, by valgrind, and by gcc's LeakSanitizer, bytes/blocks that nothing leads
# to + those that only those lead to. docs/profiling.md has the table.
#
#     tests/leaks.sh
set -uo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'int main(void) { return 0; }\n' > "$work/main.c"

leak_sanitizer=$(gcc -print-file-name=liblsan.so)
sum='/^Direct/ { d += $4; n += $7 } /^Indirect/ { i += $4; m += $7 } END { printf "%d/%d + %d/%d", d, n, i, m }'
compare() {
    local name=$1 ours valgrind sanitizer
    shift
    rm -f "$work"/*.leaks "$work"/sanitizer.*
    env NATIVEMALLOC_CHECK=1 NATIVEMALLOC_PROFILE="$work/%p,leaks" LD_PRELOAD="$PWD/out/libnativemalloc.so" "$@" > /dev/null 2>&1 < /dev/null &
    wait $!
    ours=$(sed -nE '1{s/.* leaks ([0-9]+) bytes in ([0-9]+) block.* and ([0-9]+) bytes in ([0-9]+).*/\1\/\2 + \3\/\4/;s/.* leaks nothing.*/0\/0 + 0\/0/;p}' "$work/$!.leaks")
    valgrind --leak-check=full --log-file="$work/valgrind" "$@" > /dev/null 2>&1 < /dev/null
    valgrind=$(tr -d , < "$work/valgrind" | awk '/definitely lost:/ { d = $4 "/" $7 } /indirectly lost:/ { i = $4 "/" $7 } END { print (d ? d : "0/0") " + " (i ? i : "0/0") }')
    env LSAN_OPTIONS=log_path="$work/sanitizer" LD_PRELOAD="$leak_sanitizer" "$@" > /dev/null 2>&1 < /dev/null &
    if wait $! 2> /dev/null || [ $? -lt 128 ]; then
        sanitizer=$(cat "$work/sanitizer.$!" 2> /dev/null | awk "$sum")
    else
        sanitizer='crashes'
    fi
    printf '| %s | %s | %s | %s |\n' "$name" "$ours" "$valgrind" "$sanitizer"
}

echo '| program | ours | valgrind | LeakSanitizer |'
echo '|---|---|---|---|'
compare ls ls -l /usr/bin
# shellcheck disable=SC2016 # for that bash
compare bash bash -c 'for i in $(seq 100); do x[$i]=$i; done; f() { local a=b; echo $a; }; f'
compare git git log --oneline -50
compare python3 /usr/bin/python3 -c 'import json, re, threading; print(json.dumps({"a": [1] * 100}))'
compare sqlite3 sqlite3 :memory: 'create table t(a); insert into t values (hex(randomblob(1000))); select count(*) from t'
compare gcc gcc -O1 -c -o "$work/main.o" "$work/main.c"
compare cc1 "$(gcc -print-prog-name=cc1)" -quiet -O1 "$work/main.c" -o "$work/main.s"
# shellcheck disable=SC2016 # for perl
compare perl perl -e 'my %h = map { $_ => $_ x 3 } 1..1000; print scalar keys %h'
compare sort sort /etc/passwd
compare tar tar cf /dev/null docs
compare curl curl --version
