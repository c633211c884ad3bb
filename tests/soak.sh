#!/usr/bin/env bash
# The long tests: everything at once for MINUTES, then random programs of operations for as long, then slabs that are looked at while they change
# with periods that end at once, in each mode; everything again with a sample every 4 KiB, and whether samples tell the truth; all that is hard for
# a sampler while profiles are written, on glibc, under a filter of system calls and, where there is musl-gcc, on musl; the page heap against its model; then every real program RUNS times under the library.
#
#     tests/soak.sh [RUNS [MINUTES]]
set -euo pipefail
cd "$(dirname "$0")/.."
tests/install.sh
runs=${1:-20} minutes=${2:-10}
mkdir -p out/soak
cp out/libnativemalloc.so out/soak/
gcc -O1 -g -fno-builtin -Wall -Wextra -pthread tests/programs/soak.c -o out/soak/soak
gcc -O1 -g -fno-builtin -Wall -Wextra -pthread tests/programs/fuzz.c -o out/soak/fuzz
gcc -O1 -g -fno-builtin -Wall -Wextra -pthread tests/programs/torn.c -o out/soak/torn

for index in mm_cid cpu_id thread; do
    seconds=$((minutes * 60))
    [ "$index" = mm_cid ] || seconds=$((seconds / 4))
    echo "$index, $seconds seconds:"
    NATIVEMALLOC_INDEX=$index NATIVEMALLOC_VERBOSE=1 LD_PRELOAD=$PWD/out/soak/libnativemalloc.so \
        timeout $((seconds + 120)) out/soak/soak "$seconds" 8 "$RANDOM$RANDOM"
    NATIVEMALLOC_INDEX=$index LD_PRELOAD=$PWD/out/soak/libnativemalloc.so \
        timeout $((seconds + 240)) out/soak/fuzz --random "$seconds" "$RANDOM$RANDOM" tests/fuzz/corpus/*
    NATIVEMALLOC_SAMPLE=4K NATIVEMALLOC_INDEX=$index LD_PRELOAD=$PWD/out/soak/libnativemalloc.so \
        timeout $((seconds + 120)) out/soak/soak $((seconds / 4)) 8 "$RANDOM$RANDOM"
    NATIVEMALLOC_SAMPLE=1 NATIVEMALLOC_INDEX=$index LD_PRELOAD=$PWD/out/soak/libnativemalloc.so \
        timeout $((seconds + 240)) out/soak/fuzz --random $((seconds / 4)) "$RANDOM$RANDOM" tests/fuzz/corpus/*
    for delay in 0 1; do
        NATIVEMALLOC_RELEASE_DELAY=$delay NATIVEMALLOC_INDEX=$index LD_PRELOAD=$PWD/out/soak/libnativemalloc.so \
            timeout $((seconds + 120)) out/soak/torn $((seconds / 4))
    done
done

echo "checking mode, $((minutes * 15)) seconds each:"
NATIVEMALLOC_CHECK=1 LD_PRELOAD=$PWD/out/soak/libnativemalloc.so timeout $((minutes * 15 + 120)) out/soak/soak $((minutes * 15)) 8 "$RANDOM$RANDOM"
NATIVEMALLOC_CHECK=1 LD_PRELOAD=$PWD/out/soak/libnativemalloc.so \
    timeout $((minutes * 15 + 240)) out/soak/fuzz --random $((minutes * 15)) "$RANDOM$RANDOM" tests/fuzz/corpus/*

NATIVEMALLOC_CHECK=1 NATIVEMALLOC_SAMPLE=4K LD_PRELOAD=$PWD/out/soak/libnativemalloc.so \
    timeout $((minutes * 15 + 120)) out/soak/soak $((minutes * 15)) 8 "$RANDOM$RANDOM"

tests/truth.sh

# profilesoak FOLDER free|filtered SECONDS: in either kind of index, side by side.
profilesoak() {
    local index runs=()
    for index in mm_cid thread; do
        NATIVEMALLOC_SAMPLE=4K NATIVEMALLOC_INDEX=$index LD_PRELOAD=$PWD/out/soak/libnativemalloc.so \
            timeout $(($3 + 240)) "$1/profilesoak" "$3" 4 "$2" "$1"/passing*.so &
        runs+=($!)
    done
    for run in "${runs[@]}"; do wait "$run"; done
}

echo "profiles, and all that is hard for a sampler, $((minutes * 15)) seconds each:"
flags=(-O1 -g -fno-builtin -Wall -Wextra -pthread -INativeMalloc/include)
mkdir -p out/soak/musl
g++ "${flags[@]}" tests/programs/profilesoak.cpp -ldl -Wl,-z,now -o out/soak/profilesoak
for frame in 40 600; do
    gcc "${flags[@]}" -shared -fPIC -DFRAME=$frame tests/programs/passing.c -o out/soak/passing$frame.so
done
profilesoak "$PWD/out/soak" free $((minutes * 15))
profilesoak "$PWD/out/soak" filtered $((minutes * 15))
if command -v musl-gcc > /dev/null; then
    tests/musl-c++.sh "${flags[@]}" tests/programs/profilesoak.cpp -Wl,-z,now -o out/soak/musl/profilesoak
    for frame in 40 600; do
        musl-gcc "${flags[@]}" -shared -fPIC -DFRAME=$frame tests/programs/passing.c -o out/soak/musl/passing$frame.so
    done
    profilesoak "$PWD/out/soak/musl" free $((minutes * 15))
fi

echo "the page heap's model, 10,000,000 operations:"
NATIVEMALLOC_TEST_OPERATIONS=2500000 dotnet test tests/UnitTests --nologo --filter FullyQualifiedName~PageHeapRandomTests -- RunConfiguration.TestSessionTimeout=3600000

echo "every real program, $runs times:"
NATIVEMALLOC_TEST_RUNS=$runs dotnet test tests/DropInTests --nologo --filter FullyQualifiedName~RealProgramTests
