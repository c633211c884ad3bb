# What roots.sh and kernels.sh share; sourced in the project's folder. Roots and kernels are kept in $folder for the next time.
folder=${ROOTS:-/var/cache/nativemalloc-roots}
situations=${SITUATIONS:-as-it-comes,cpu_id,mm_cid,thread,own,own-mm_cid,denied}
mirror=${MIRROR:-http://deb.debian.org/debian}

[ "$(id -u)" = 0 ] || { echo "$0: roots are made with chroot, as root: sudo make matrix" >&2; exit 1; }

# need PROGRAM PACKAGE: installs it, or says how to.
need() {
    command -v "$1" > /dev/null && return
    { apt-get update && apt-get install -y --no-install-recommends "$2"; } > /dev/null 2>&1 ||
        { echo "$0: $1 is missing: apt-get install $2" >&2; exit 1; }
}

# make_root SUITE: a small Debian with a compiler, in $folder/SUITE.
make_root() {
    local root=$folder/$1
    [ -x "$root/usr/bin/gcc" ] && return
    mkdir -p "$folder"
    rm -rf "$root"
    debootstrap --variant=minbase --include=gcc,libc6-dev,perl "$1" "$root" "$mirror" > "$folder/$1.log" 2>&1 ||
        { tail -n 3 "$folder/$1.log" >&2; echo "$0: the root $1 could not be made: $folder/$1.log" >&2; return 1; }
}

# fill FOLDER COMMAND...: puts the library and the programs there, compiled by the command (which ends in a compiler).
fill() {
    local work=$1
    shift
    rm -rf "$work"
    mkdir -p "$work"
    tests/matrix/gather.sh "$work"
    cp tests/matrix/{programs.txt,situation.sh} out/libnativemalloc.so "$work/"
    "$@" > "$work/compile.log" 2>&1 || { tail -n 3 "$work/compile.log" >&2; echo "$0: the programs do not compile: $work/compile.log" >&2; return 1; }
}

row() { printf '%-10s %-18s %-12s %-28s %7s %8s\n' "$@"; }

# rows A B: prints situation.sh's cells as rows of the table that begin with A and B.
rows() {
    local line situation front passed nanoseconds
    while IFS= read -r line; do
        if [[ $line = *' | '*' | '* ]]; then
            IFS='|' read -r situation front passed nanoseconds <<< "${line// | /|}"
            row "$1" "$2" "$situation" "$front" "$passed" "$nanoseconds"
        else
            printf '%s\n' "$line"
        fi
    done
}
