#!/usr/bin/env bash
# What the library adds to the start of /bin/true: time beside an empty preloaded library, memory beside none. Medians of
# RUNS alternating starts.
#
#     perf/startup.sh [RUNS]
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
./build.sh
compile startup
gcc -shared -nostdlib -x c /dev/null -o "$work/empty.so"
echo "an empty library, then this one; microseconds, and KiB of peak resident memory"
"$work/startup" "${1:-400}" "$PWD/$work/empty.so" "$library" /bin/true
