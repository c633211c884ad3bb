#!/usr/bin/env bash
# The table of size classes, computed anew: from perf/sizes.txt, which says what sizes of blocks real programs hold, or from a new recording
# of them. Writes NativeMalloc/SizeClasses/SizeClassList.cs.
#
#     perf/classes.sh            from perf/sizes.txt
#     perf/classes.sh record     run the programs and write perf/sizes.txt first: python3, perl, sqlite3 and g++, with glibc's malloc
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
work=$work/classes
mkdir -p "$work"
programs=(python3 perl sqlite3 g++)

# of NAME COMMAND...: records what the command's largest process holds.
of() {
    local name=$1
    shift
    rm -f "$work/$name"
    SIZES=$PWD/$work/$name LD_PRELOAD=$PWD/$work/sizes.so "$@" > /dev/null
    sort -n "$work/$name" | awk -v name="$name" '
        $1 != size { if (size) print name, size, bytes; size = $1; bytes = 0 }
        { bytes += $2 }
        END { print name, size, bytes }'
}

record() {
    gcc -O2 -shared -fPIC -fno-builtin -Wall -Wextra perf/sizes.c -o "$work/sizes.so"
    made lines lines 400000
    {
        echo "# What programs hold, in blocks of each size: PROGRAM SIZE BYTES. Made by perf/classes.sh record."
        PYTHONMALLOC=malloc of python3 python3 perf/inputs/rows.py
        of perl perl perf/inputs/words.pl "$work/lines"
        of sqlite3 sqlite3 :memory: ".read perf/inputs/words.sql"
        of g++ g++ -O2 -std=c++17 -S -o /dev/null perf/inputs/heavy.cpp
    } > perf/sizes.txt
}

[ "${1:-}" != record ] || record
for program in "${programs[@]}"; do
    awk -v name="$program" '$1 == name { print $2, $3 }' perf/sizes.txt > "$work/$program.sizes"
done
compile classes
classes=$(($(sed -n 's/.*const int Count = \([0-9]*\);/\1/p' NativeMalloc/SizeClasses/SizeClasses.cs) - 1))
(cd "$work" && ./classes "$classes" "${programs[@]/%/.sizes}") > "$work/table"
{
    cat << 'CS'
namespace NativeMalloc;

/// <summary>The sizes of the classes. Made by perf/classes.sh, which says how; not to be edited.</summary>
internal static class SizeClassList
{
    /// <summary>Bytes of an object of the class. ILC's interpreter, which asks for them, reads no arrays.</summary>
    internal static uint SizeOf(int sizeClass) => sizeClass switch
    {
CS
    awk '{ printf "        %d => %d,\n", NR, $1 }' "$work/table"
    printf '        _ => 0,\n    };\n}\n'
} > NativeMalloc/SizeClasses/SizeClassList.cs
