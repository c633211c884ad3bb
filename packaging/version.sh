#!/bin/sh
# Prints the version, which nativemalloc.h has: 0.1.0
header=$(dirname "$0")/../NativeMalloc/include/nativemalloc.h
sed -n 's/^#define NATIVEMALLOC_VERSION_\(MAJOR\|MINOR\|PATCH\) //p' "$header" | paste -sd . -
