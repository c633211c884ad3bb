#!/usr/bin/env bash
# errors.sh LOG: what the log of a build that failed says of errors, on standard error, each line once; it may say nothing.
set -euo pipefail
grep -E ': error |error [A-Z]+[0-9]+|Could not' "$1" | sort -u >&2 || true
