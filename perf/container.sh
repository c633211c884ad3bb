#!/usr/bin/env bash
# How far a program comes whose heap goes up to 450 MiB again and again (tests/programs/container.c), under each allocator, in a control group of
# 512 MiB and in one nested in that: as root, where groups with a limit on memory can be made.
#
#     perf/container.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
rounds=${1:-12}
./build.sh
compile ../tests/programs/container

if [ -d /sys/fs/cgroup/memory ]; then
    group=/sys/fs/cgroup/memory/nativemalloc.$$ limit=memory.limit_in_bytes
else
    group=/sys/fs/cgroup/nativemalloc.$$ limit=memory.max
fi
mkdir -p "$group/nested"
trap 'rmdir "$group/nested" "$group"' EXIT
echo $((512 << 20)) > "$group/$limit"

# try FOLDER SURVIVORS NAME [VARIABLE=VALUE...]: what became of the program.
try() {
    local folder=$1 survivors=$2 name=$3 status=0
    shift 3
    (
        echo "$BASHPID" > "$folder/cgroup.procs"
        exec env "$@" LD_PRELOAD="${preload[$name]}" "$work/container" 450 "$rounds" "$survivors"
    ) > "$work/container.txt" 2> "$work/container.err" || status=$?
    case $status in
    0) echo "lives, $(awk '{ all += $5 } END { printf "%.0f MiB when empty", all / NR }' "$work/container.txt")" ;;
    137) echo "killed in round $(($(wc -l < "$work/container.txt") + 1))" ;;
    *) echo "fails in round $(($(wc -l < "$work/container.txt") + 1))" ;;
    esac
}

row() {
    local title=$1
    shift
    [ "$1" = glibc ] || [ -n "${preload[$1]}" ] || return 0
    printf '%-32s' "$title"
    for survivors in 0 1000; do
        printf '%-32s' "$(try "$group" "$survivors" "$@")"
    done
    printf '%s\n' "$(try "$group/nested" 1000 "$@")"
}

printf '%-32s%-32s%-32s%s\n' "$rounds rounds of 450 MiB" "all is freed" "one in 1,000 stays" "the same, nested"
row "NativeMalloc, SOFT_LIMIT=80%" nativemalloc NATIVEMALLOC_SOFT_LIMIT=80%
row "NativeMalloc" nativemalloc
for name in glibc jemalloc mimalloc tcmalloc scudo; do
    row "$name" "$name"
done
