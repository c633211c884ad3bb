#!/usr/bin/env bash
# Runs all tests; the last line is the sum, "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
tests/install.sh || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
for project in UnitTests DropInTests; do
    dotnet test "tests/$project" --nologo "$@" 2>&1 | tee -a "$log" || status=1
done
rm -rf out/tests

# "Passed!  - Failed:     0, Passed:    12, ...": one such line for each project.
read -r passed failed projects < <(
    sed -n 's/.*Failed: *\([0-9]*\), Passed: *\([0-9]*\),.*/\2 \1/p' "$log" | awk '{ p += $1; f += $2 } END { print p + 0, f + 0, NR }'
)
if [ "$projects" != 2 ]; then
    echo "tests: $((2 - projects)) of 2 projects did not run; see above" >&2
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$status" = 0 ] && [ "$failed" = 0 ]
