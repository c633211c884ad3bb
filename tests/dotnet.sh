#!/usr/bin/env bash
# How .NET's runtime itself lives with the library under it: hosted in programs in C, falling and leaving a dump, under a debugger. With --all also what
# .NET's diagnostic tools (from NuGet) say of a running process, and this repository's unit tests, whose results must be the same with it and without.
#
#     tests/dotnet.sh [--all]
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/packages.sh
install_packages gcc gdb
./build.sh

library=$PWD/out/libnativemalloc.so
work=$PWD/out/dotnet
mkdir -p "$work"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
trap 'kill ${subject:-} 2> /dev/null || true' EXIT

fail() {
    echo "tests/dotnet.sh: $1" >&2
    [ $# = 1 ] || tail -n 30 "$2" >&2
    exit 1
}

# has FILE PATTERN WHAT
has() { grep -qE -- "$2" "$1" || fail "$3: nothing of '$2' is in what it said" "$1"; }

dotnet build tests/dotnet/Subject --nologo -v:quiet -o "$work/subject" > "$work/build.log" || fail "the subject does not build" "$work/build.log"

# The pack of the apphost has what native hosts need.
root=$(dirname "$(readlink -f "$(command -v dotnet)")")
native=$(dirname "$(find "$root/packs" -name nethost.h | sort -V | tail -n 1)")
hosting() {
    local way
    hosts() { gcc -O1 -Wall -Wextra "-I$native" tests/dotnet/host.c -o "$work/host.$1" "${@:2}" "$native/libnethost.a" -Wl,--as-needed -lstdc++ -ldl -pthread; }
    hosts preloaded
    hosts shared -Wl,--no-as-needed "$library" "-Wl,-rpath,$PWD/out"
    hosts static -rdynamic -Wl,--undefined=malloc out/libnativemalloc.a
    for way in preloaded shared static; do
        LD_PRELOAD=$([ $way != preloaded ] || echo "$library") DOTNET_ROOT=$root \
            "$work/host.$way" "$work/subject/Subject.runtimeconfig.json" "$work/subject/Subject.dll" > "$work/host.log" 2>&1 || fail "hosted ($way)" "$work/host.log"
        has "$work/host.log" '^right$' "hosted ($way)"
        echo "hosted in a program, $way: right"
    done
}

dump() {
    local status=0 core=$work/core
    rm -f "$core"
    # The shell would say that it was aborted.
    { env "LD_PRELOAD=$library" DOTNET_DbgEnableMiniDump=1 DOTNET_DbgMiniDumpType=2 "DOTNET_DbgMiniDumpName=$core" \
        "$work/subject/Subject" fall > "$work/fall.log" 2>&1 || status=$?; } 2> /dev/null
    [ $status = 134 ] || fail "the subject fell with $status" "$work/fall.log"
    has "$work/fall.log" '^active True$' "fall"
    has "$work/fall.log" 'at NativeMalloc\.Subject\.Program\.Fall' "fall"
    [ -s "$core" ] || fail "createdump left no dump" "$work/fall.log"
    gdb --batch -ex 'bt' "$work/subject/Subject" "$core" > "$work/gdb.log" 2>&1
    has "$work/gdb.log" 'libcoreclr' "gdb, of the dump"
    echo "createdump: a dump of $(($(stat -c %s "$core") >> 20)) MiB that gdb opens"
}

debugger() {
    gdb --batch -ex 'handle SIG34 SIG35 SIG36 nostop noprint' -ex 'set breakpoint pending on' -ex 'break BrotliEncoderCreateInstance' -ex run -ex bt -ex 'delete' -ex continue \
        --args env "LD_PRELOAD=$library" "$work/subject/Subject" work > "$work/gdb.log" 2>&1
    has "$work/gdb.log" 'hit Breakpoint 1' "under gdb"
    has "$work/gdb.log" '^active True$' "under gdb"
    has "$work/gdb.log" 'exited normally' "under gdb"
    echo "under gdb: stops where it is told to, goes on, and ends by itself"
}

tool() { [ -x "$work/tools/$1" ] || dotnet tool install --tool-path "$work/tools" "$1" > "$work/tools.log" 2>&1 || fail "$1 cannot be had" "$work/tools.log"; }

diagnostics() {
    local name
    for name in dotnet-stack dotnet-trace dotnet-gcdump dotnet-counters dotnet-dump; do
        tool $name
    done
    rm -f "$work/wait.fifo" "$work"/subject.{nettrace,gcdump,core,csv}
    mkfifo "$work/wait.fifo"
    LD_PRELOAD=$library "$work/subject/Subject" wait < "$work/wait.fifo" > "$work/wait.log" 2>&1 &
    subject=$!
    exec 7> "$work/wait.fifo"
    until grep -q ready "$work/wait.log"; do
        kill -0 $subject || fail "the subject does not wait" "$work/wait.log"
        sleep 0.1
    done
    has "$work/wait.log" '^active True$' "waiting"

    "$work/tools/dotnet-stack" report -p $subject > "$work/stack.log" 2>&1 || fail dotnet-stack "$work/stack.log"
    has "$work/stack.log" 'Subject!NativeMalloc.Subject.Program.(Main|WorkUntilTheEnd)' dotnet-stack
    echo "dotnet-stack: the threads' stacks"
    "$work/tools/dotnet-trace" collect -p $subject --duration 00:00:02 -o "$work/subject.nettrace" > "$work/trace.log" 2>&1 || fail dotnet-trace "$work/trace.log"
    "$work/tools/dotnet-trace" report "$work/subject.nettrace" topN -n 100 > "$work/trace.log" 2>&1 || fail dotnet-trace "$work/trace.log"
    has "$work/trace.log" 'Program.*<Work>' dotnet-trace
    echo "dotnet-trace: $(($(stat -c %s "$work/subject.nettrace") >> 10)) KiB of events"
    "$work/tools/dotnet-gcdump" collect -p $subject -o "$work/subject.gcdump" > "$work/gcdump.log" 2>&1 || fail dotnet-gcdump "$work/gcdump.log"
    "$work/tools/dotnet-gcdump" report "$work/subject.gcdump" > "$work/gcdump.log" 2>&1 || fail dotnet-gcdump "$work/gcdump.log"
    has "$work/gcdump.log" 'System.IntPtr\[\]' dotnet-gcdump
    echo "dotnet-gcdump: the heap of objects"
    "$work/tools/dotnet-counters" collect -p $subject --counters NativeMalloc --duration 00:00:04 --format csv -o "$work/subject.csv" > "$work/counters.log" 2>&1 || fail dotnet-counters "$work/counters.log"
    has "$work/subject.csv" 'nativemalloc.memory.usage \(By\).*in_use.*,[0-9]{8}' dotnet-counters # it holds 64 MB
    has "$work/subject.csv" 'nativemalloc.cache.misses' dotnet-counters
    echo "dotnet-counters: $(grep -c nativemalloc "$work/subject.csv") values of the meter"
    "$work/tools/dotnet-dump" collect -p $subject -o "$work/subject.core" > "$work/dump.log" 2>&1 || fail dotnet-dump "$work/dump.log"
    "$work/tools/dotnet-dump" analyze "$work/subject.core" -c 'clrstack -all' -c 'dumpheap -stat' -c exit > "$work/dump.log" 2>&1 || fail dotnet-dump "$work/dump.log"
    has "$work/dump.log" 'NativeMalloc.Subject.Program.Main' dotnet-dump
    "$work/tools/dotnet-dump" analyze "$work/core" -c 'clrstack' -c exit > "$work/dump.log" 2>&1 || fail dotnet-dump "$work/dump.log"
    has "$work/dump.log" 'NativeMalloc.Subject.Program.Fall' "dotnet-dump, of what createdump left"
    echo "dotnet-dump: of the running process, and of the one that fell"
    exec 7>&-
    wait $subject || fail "the subject ended with $?" "$work/wait.log"
    subject=
}

# results PRELOAD: what ran, and what became of it.
results() {
    LD_PRELOAD=$1 dotnet test tests/UnitTests --nologo --no-build -v normal 2>&1 | grep -E '^ +(Passed|Failed|Skipped) ' | sed 's/ \[[^]]*\]$//' | sort
}

units() {
    dotnet build tests/UnitTests --nologo -v:quiet > "$work/build.log" || fail "the unit tests do not build" "$work/build.log"
    results '' > "$work/units.without"
    results "$library" > "$work/units.with"
    [ "$(wc -l < "$work/units.with")" -gt 1000 ] || fail "unit tests did not run" "$work/units.with"
    diff "$work/units.without" "$work/units.with" > "$work/units.diff" || fail "unit tests differ" "$work/units.diff"
    echo "dotnet test: $(wc -l < "$work/units.with") results, the same with and without"
}

hosting
dump
debugger
if [ "${1:-}" = --all ]; then
    diagnostics
    units
fi
