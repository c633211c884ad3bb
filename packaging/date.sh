#!/usr/bin/env bash
# Prints the date of what packages are made of, in seconds since 1970: that which SOURCE_DATE_EPOCH says, else of the last commit, else of the header.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || stat -c %Y NativeMalloc/include/nativemalloc.h)}"
