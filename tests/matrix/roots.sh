#!/usr/bin/env bash
# The matrix, its part with other libcs: programs.txt in Debian roots with old and new glibc, and on musl, in each situation of
# rseq that can be made there. One build of the library serves all. Prints one table; fails if any cell does.
#
#     [SITUATIONS=as-it-comes,own,...] tests/matrix/roots.sh [ROOT...]        of bullseye bookworm trixie sid musl
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/matrix/root.sh
need debootstrap debootstrap
need musl-gcc musl-tools
roots=("$@")
[ ${#roots[@]} -gt 0 ] || roots=(bullseye bookworm trixie sid musl)
./build.sh || exit 1

failed=0
row root libc situation 'front end, rseq, index' passed ns/pair
for root in "${roots[@]}"; do
    if [ "$root" = musl ]; then
        work=$folder/musl
        fill "$work" "$work/compile.sh" musl-gcc -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu || { failed=1; continue; }
        libc=$(/lib/ld-musl-x86_64.so.1 2>&1 | sed -n 's/^Version /musl /p')
        inside=(env "LIBC=$libc" "$work/situation.sh")
    else
        make_root "$root" && fill "$folder/$root/nativemalloc" chroot "$folder/$root" /nativemalloc/compile.sh gcc || { failed=1; continue; }
        libc=$(chroot "$folder/$root" getconf GNU_LIBC_VERSION)
        inside=(chroot "$folder/$root" /nativemalloc/situation.sh)
    fi
    for situation in ${situations//,/ }; do
        "${inside[@]}" $situation | rows "$root" "$libc"
        [[ ${PIPESTATUS[0]} = [02] ]] || failed=1
    done
done
exit $failed
