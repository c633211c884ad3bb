#!/usr/bin/env bash
# Runs all tests; the last line is the sum, "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
tests/install.sh || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
# run PROJECT [ARGUMENT]...
run() {
    local project=$1
    shift
    dotnet test "tests/$project" --nologo "$@" 2>&1 | tee -a "$log" || status=1
}
run UnitTests "$@"
run DropInTests "$@"
run ManagedTests "$@"
LD_PRELOAD=$PWD/out/libnativemalloc.so run ManagedTests --no-build "$@"
rm -rf out/tests

# "Passed!  - Failed:     0, Passed:    12, ...": one such line for each run.
read -r passed failed runs < <(
    sed -n 's/.*Failed: *\([0-9]*\), Passed: *\([0-9]*\),.*/\2 \1/p' "$log" | awk '{ p += $1; f += $2 } END { print p + 0, f + 0, NR }'
)
if [ "$runs" != 4 ]; then
    echo "tests: $((4 - runs)) of 4 runs of tests did not come to their end; see above" >&2
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$status" = 0 ] && [ "$failed" = 0 ]
