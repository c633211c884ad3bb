#!/usr/bin/env bash
# The newest of each peer that Debian has, whatever its suite: out/perf/peers/NAME-VERSION.so, from sid's packages, of which nothing is
# installed; or from those of this machine where sid's cannot be had. What is there stays: remove the folder to look again.
#
#     perf/peers.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
peers=$PWD/$work/peers
[ ! -d "$peers" ] || exit 0
folder=$(mktemp -d "$work/peers.XXXX")
folder=$PWD/$folder
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/lists/partial" "$folder/cache" "$folder/out"
echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian sid main' > "$folder/sources.list"
apt=(-q -o "Dir::Etc::SourceList=$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache"
    -o APT::Sandbox::User=)

# Sid's glibc is newer than most machines'. What its packages need of it that older ones lack is a few functions that read numbers, to which
# C23 gave another name.
# accept_older LIBRARY: it calls them by the older name, and where it needs a version of glibc that this machine's has not, it needs the first one.
accept_older() {
    readelf -VW "$1" | awk '
        /version_r/ { getline; section = $4; needs = 1 }
        needs && $2 == "Version:" { libc = $5 == "libc.so.6" }
        libc && $2 == "Name:" { sub(":", "", $1); print section, $1, $3 }' > "$folder/versions"
    local first section offset name
    first=$(($(awk '$3 == "GLIBC_2.2.5" { print $1 " + " $2 }' "$folder/versions")))
    while read -r section offset name; do
        offset=$((section + offset))
        if ! strings "$libc" | grep -xF "$name" > /dev/null; then
            # The hash of the name, and the name.
            dd if="$1" of="$1" bs=1 skip="$first" seek="$offset" count=4 conv=notrunc status=none
            dd if="$1" of="$1" bs=1 skip=$((first + 8)) seek=$((offset + 8)) count=4 conv=notrunc status=none
        fi
    done < "$folder/versions"
    perl -pi -e 's/(?<=\0)__isoc23_(strtou?ll?)(?=\0)/$1\0\0\0\0\0\0\0\0\0/g' "$1"
}

# take NAME PACKAGE FILE...: the library, which has one of these names in the package, or of this machine's package.
take() {
    local name=$1 package=$2 file version
    shift 2
    rm -rf "$folder/x" "$folder"/*.deb
    if [ -n "$package" ] && (cd "$folder" && apt-get "${apt[@]}" download "$package") > /dev/null 2>&1; then
        dpkg-deb -x "$folder"/*.deb "$folder/x"
        version=$(dpkg-deb -f "$folder"/*.deb Version)
        file=$(find "$folder/x" -type f -name "$1" | head -n 1)
        cp "$file" "$folder/library.so"
        accept_older "$folder/library.so"
        if [ -z "$(LD_BIND_NOW=1 LD_PRELOAD=$folder/library.so /bin/true 2>&1)" ]; then
            version=${version#*:}
            cp "$folder/library.so" "$folder/out/$name-${version%%[+-]*}.so"
            return
        fi
    fi
    file=${preload[${name%%-*}]}
    [ -n "$file" ] || { echo "perf/peers.sh: no $name" >&2; return; }
    version=$(dpkg-query -W -f '${Version}' "$(dpkg-query -S "$(readlink -f "$file")" | cut -d : -f 1)")
    version=${version#*:}
    cp "$file" "$folder/out/$name-${version%%[+-]*}.so"
    echo "perf/peers.sh: $name is this machine's, $version" >&2
}

libc=$(ldd /bin/true | awk '/libc.so/ { print $3 }')
apt-get "${apt[@]}" update > /dev/null 2>&1 || true

# newest PATTERN: the package of that name with the highest number in it.
newest() { apt-cache "${apt[@]}" pkgnames 2> /dev/null | grep -E "^$1\$" | sort -V | tail -n 1; }
take jemalloc "$(newest 'libjemalloc[0-9]+')" 'libjemalloc.so.*'
take mimalloc "$(newest 'libmimalloc[0-9.]+')" 'libmimalloc.so.*'
take tcmalloc-minimal "$(newest 'libtcmalloc-minimal[0-9]+(t64)?')" 'libtcmalloc_minimal.so.*'
take scudo "$(newest 'libclang-rt-[0-9]+-dev')" 'libclang_rt.scudo_standalone-x86_64.so'
mv "$folder/out" "$peers"
ls "$peers" >&2
