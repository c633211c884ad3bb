#!/usr/bin/env bash
# In which order the compiled C# lies in the library: first the methods that ordinary programs come to, in the order in which they do, so that
# the rest is not in memory. Runs some programs under gdb, with a breakpoint that goes when it is hit at the begin of every method, and writes
# NativeMalloc/MethodOrder.txt, which ILC reads. Those without a place there follow behind.
#
#     perf/order.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
./build.sh
for program in factor minimise sizes; do
    compile "programs/$program"
done
lines 1000 > "$work/order.lines"
g++ -O1 -x c++ - -o "$work/order.program" << 'CPP'
#include <map>
#include <string>
#include <vector>

int main()
{
    std::map<int, std::vector<std::string>> names;
    for (int i = 0; i < 3000; i++)
        names[i % 100].push_back(std::string(i % 50, 'x'));
}
CPP
programs=(
    "$work/factor 14" "$work/minimise 10 2" "$work/sizes 2000" "sort --parallel=2 -S 1M $work/order.lines"
    "perl perf/inputs/words.pl $work/order.lines" "sqlite3 :memory: .databases" "$work/order.program"
)
cat > "$work/order.py" << 'GDB'
import gdb, os, re, subprocess

library = os.environ["LIBRARY"]
gdb.execute(f"set environment LD_PRELOAD {library}")
gdb.execute("catch load libnativemalloc")
gdb.execute("run > /dev/null")
with open(f"/proc/{gdb.selected_inferior().pid}/maps") as maps:
    base = next(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(library))
method = re.compile(" [tT] NativeMalloc_(NativeMalloc|System)_")  # constants lie in sections of code, too
names = {}
for line in subprocess.run(["nm", library], capture_output=True, text=True).stdout.splitlines():
    if method.search(line):
        names[base + int(line.split()[0], 16)] = line.split(maxsplit=2)[2]
for address in names:
    gdb.Breakpoint(f"*{address}", temporary=True)
while gdb.selected_inferior().pid:
    gdb.execute("continue", to_string=True)
    if gdb.selected_inferior().pid and gdb.selected_frame().pc() in names:
        print("method", names[gdb.selected_frame().pc()])
GDB
for program in "${programs[@]}"; do
    LIBRARY=$library gdb -nx -batch -ex 'set pagination off' -x "$work/order.py" --args $program 2> "$work/order.errors" |
        sed -n 's/^method //p' > "$work/order.methods"
    [ -s "$work/order.methods" ] || { echo "perf/order.sh: $program did not run under gdb: $(tail -n 1 "$work/order.errors")" >&2; exit 1; }
    echo "$program: $(wc -l < "$work/order.methods") methods" >&2
    cat "$work/order.methods"
done > "$work/order.all"
# The two that matter most stand together, so that build.sh places both; not at the very front, where ILC notes no line for the first
# instruction.
{
    head -n 1 "$work/order.all"
    printf 'NativeMalloc_NativeMalloc_Malloc__%s\n' Free Allocate
    cat "$work/order.all"
} | awk '!seen[$0]++' > "$work/order.txt"
mv "$work/order.txt" NativeMalloc/MethodOrder.txt
