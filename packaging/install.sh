#!/usr/bin/env bash
# Installs what build.sh made, or removes it again; make install and make uninstall call this.
#
#     [PREFIX=/usr/local] [DESTDIR=] [BINDIR= LIBDIR= LIBEXECDIR= INCLUDEDIR= DATADIR= MANDIR= ZSHDIR=] install.sh [remove]
#
# Everything is put below DESTDIR, and refers to the folders without it.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
BINDIR=${BINDIR:-$PREFIX/bin}
LIBDIR=${LIBDIR:-$PREFIX/lib}
LIBEXECDIR=${LIBEXECDIR:-$PREFIX/libexec}
INCLUDEDIR=${INCLUDEDIR:-$PREFIX/include}
DATADIR=${DATADIR:-$PREFIX/share}
MANDIR=${MANDIR:-$DATADIR/man}
ZSHDIR=${ZSHDIR:-$DATADIR/zsh/site-functions}
for folder in "$PREFIX" "$BINDIR" "$LIBDIR" "$LIBEXECDIR" "$INCLUDEDIR" "$DATADIR" "$MANDIR" "$ZSHDIR"; do
    [[ "$folder" = /* ]] || fail "'$folder' is not an absolute path"
done

version=$(packaging/version.sh)
soname=libnativemalloc.so.${version%%.*}

# put MODE SOURCE PLACE. By rename: a running program keeps the file that it has mapped.
put() {
    mkdir -p "$DESTDIR$(dirname "$3")"
    install -m "$1" "$2" "$DESTDIR$3.new"
    mv -f "$DESTDIR$3.new" "$DESTDIR$3"
}

# link TARGET PLACE
link() {
    ln -sf "$1" "$DESTDIR$2.new"
    mv -fT "$DESTDIR$2.new" "$DESTDIR$2"
}

relative() { realpath -ms --relative-to="$1" "$2"; }

# fill MODE TEMPLATE PLACE: puts the template's text with its @NAMES@ replaced.
fill() {
    local text filled
    text=$(< "$2")
    text=${text//@VERSION@/"$version"}
    text=${text//@SONAME@/"$soname"}
    text=${text//@BINDIR_TO_LIBDIR@/"'$(relative "$BINDIR" "$LIBDIR")'"}
    text=${text//@BINDIR_TO_LIBEXECDIR@/"'$(relative "$BINDIR" "$LIBEXECDIR")'"}
    text=${text//@LIBDIR_TO_INCLUDEDIR@/"$(relative "$LIBDIR" "$INCLUDEDIR")"}
    text=${text//@PREFIX@/"$PREFIX"}
    text=${text//@LIBDIR@/"${LIBDIR/#"$PREFIX/"/'${prefix}/'}"}
    text=${text//@INCLUDEDIR@/"${INCLUDEDIR/#"$PREFIX/"/'${prefix}/'}"}
    filled=$(mktemp)
    printf '%s\n' "$text" > "$filled"
    put "$1" "$filled" "$3"
    rm -f "$filled"
}

drop() { rm -f "$DESTDIR${*: -1}"; }

if [ "${1:-}" = remove ]; then
    put() { drop "$@"; }
    link() { drop "$@"; }
    fill() { drop "$@"; }
elif [ $# -gt 0 ]; then
    fail "unknown argument '$1'; there is 'remove'"
else
    for file in out/libnativemalloc.so out/libnativemalloc.a out/nativemalloc-inspect; do
        [ -f $file ] || fail "there is no $file: run make first"
    done
fi

put 644 out/libnativemalloc.so "$LIBDIR/libnativemalloc.so.$version"
link "libnativemalloc.so.$version" "$LIBDIR/$soname"
link "$soname" "$LIBDIR/libnativemalloc.so"
put 644 out/libnativemalloc.a "$LIBDIR/libnativemalloc.a"
put 644 NativeMalloc/include/nativemalloc.h "$INCLUDEDIR/nativemalloc.h"
fill 644 packaging/nativemalloc.pc.in "$LIBDIR/pkgconfig/nativemalloc.pc"
fill 644 packaging/NativeMallocConfig.cmake.in "$LIBDIR/cmake/NativeMalloc/NativeMallocConfig.cmake"
fill 644 packaging/NativeMallocConfigVersion.cmake.in "$LIBDIR/cmake/NativeMalloc/NativeMallocConfigVersion.cmake"
fill 755 packaging/nativemalloc.in "$BINDIR/nativemalloc"
put 755 out/nativemalloc-inspect "$LIBEXECDIR/nativemalloc-inspect"
put 644 packaging/nativemalloc.1 "$MANDIR/man1/nativemalloc.1"
put 644 packaging/nativemalloc.bash "$DATADIR/bash-completion/completions/nativemalloc"
put 644 packaging/nativemalloc.zsh "$ZSHDIR/_nativemalloc"
put 644 packaging/metrics/grafana-dashboard.json "$DATADIR/nativemalloc/grafana-dashboard.json"
put 644 packaging/metrics/prometheus-rules.yml "$DATADIR/nativemalloc/prometheus-rules.yml"

if [ "${1:-}" = remove ]; then
    rmdir "$DESTDIR$LIBDIR/cmake/NativeMalloc" "$DESTDIR$DATADIR/nativemalloc" 2> /dev/null || true
fi
# So that programs linked with the library find it at once, or no more.
if [ -z "$DESTDIR" ] && [ "$(id -u)" = 0 ] && command -v ldconfig > /dev/null; then
    ldconfig
fi
