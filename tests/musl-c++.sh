#!/usr/bin/env bash
# Compiles a program in C++ for musl with musl-gcc, as far as it needs no more of the C++ library than exceptions and operators: gcc's headers and
# its runtime are those for glibc. They ask for _dl_find_object, which the program has to bring.
#
#     tests/musl-c++.sh FLAG... SOURCE -o PROGRAM
set -euo pipefail
version=$(g++ -dumpversion) machine=$(g++ -print-multiarch)
object=$(mktemp --suffix=.o)
trap 'rm -f "$object"' EXIT
compile=() link=()
while [ $# -gt 0 ]; do
    case $1 in
    -o) link+=(-o "$2"); shift ;;
    -Wl,*) link+=("$1") ;;
    *) compile+=("$1") ;;
    esac
    shift
done
musl-gcc -x c++ "${compile[@]}" -isystem "/usr/include/c++/$version" -isystem "/usr/include/$machine/c++/$version" -isystem "/usr/include/${machine%-gnu}-musl" \
    '-D__GLIBC_PREREQ(major, minor)=0' -idirafter /usr/include -idirafter "/usr/include/$machine" -c -o "$object"
musl-gcc -pthread "$object" "${link[@]}" -Wl,--eh-frame-hdr "-L$(dirname "$(g++ -print-libgcc-file-name)")" -l:libsupc++.a -l:libgcc_eh.a
