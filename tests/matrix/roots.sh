#!/usr/bin/env bash
# The matrix, its part with other libcs: the same list of programs in Debian roots with old and new glibc, and on musl, in each
# situation of rseq that can be made there. One build of the library serves all. Prints one table; fails if any cell does.
# As root, since it makes chroots (debootstrap); they are kept in $ROOTS for the next time.
#
#     tests/matrix/roots.sh [ROOT...]         of bullseye bookworm trixie sid musl
set -uo pipefail
cd "$(dirname "$0")/../.."
folder=${ROOTS:-/var/cache/nativemalloc-roots}
mirror=${MIRROR:-http://deb.debian.org/debian}
roots=("$@")
[ ${#roots[@]} -gt 0 ] || roots=(bullseye bookworm trixie sid musl)
situations=(as-it-comes cpu_id mm_cid thread tunable-off denied)

[ "$(id -u)" = 0 ] || { echo "roots.sh: chroot needs root: sudo tests/matrix/roots.sh" >&2; exit 1; }
for need in debootstrap musl-gcc:musl-tools; do
    command -v "${need%%:*}" > /dev/null || apt-get install -y --no-install-recommends "${need##*:}" > /dev/null ||
        { echo "roots.sh: ${need%%:*} is missing: apt-get install ${need##*:}" >&2; exit 1; }
done
./build.sh || exit 1

# The list: name, then the command. C programs of tests/programs are compiled in each root.
cells=$(cat << 'LIST'
interface        ./interface
threads          ./threads 4 100000
threads-large    ./threads 3 20000 100000
forks            ./forks 10 1
forks-at-once    ./forks 5 3
vforks           ./vforks 100
lives            ./lives 600
large            ./large
alignment        ./alignment
soak             ./soak 2 4
loading          ./loading ./loaded.so
filter-kill      ./filtered kill
no-membarrier    ./filtered membarrier 1 ./threads 2 10000
misuse           sh -c './misuse foreign; [ $? = 134 ]'
misuse-large     sh -c './misuse double-large; [ $? = 134 ]'
misuse-small     sh -c './misuse double-small; [ $? = 134 ]'
own-malloc       ./own_malloc
adopter-cpu_id   ./adopter1 after 6
adopter-refcount ./adopter2 midway 6
adopter-handled  ./adopter3 before 6
adopting         ./adopting ./adopter2.so after 4
private          ./adopter4 before 6
dash             sh -c 'for i in 1 2 3 4 5 6 7 8; do no-such-$i 2> /dev/null; done; ls / | sort | wc -l'
bash             bash -c 'for i in 1 2 3 4 5 6 7 8 9; do x=$(echo $i | cat); (: $(:)) & done; wait; echo $x'
sort             sh -c 'find /usr /bin -type f | sort | uniq -c | sort -rn | head -n 3'
tar              sh -c 'tar -c /etc 2> /dev/null | gzip | gzip -d | tar -t > /dev/null'
perl             perl -e 'my %h; $h{$_ % 997} .= $_ for 1 .. 200000; print length join "", values %h'
sed-awk          sh -c 'seq 20000 | sed s/7/8/ | awk "{ a[\$1 % 100] += \$1 } END { print a[7] }"'
LIST
)
# What musl's C library does not offer the programs for, or Debian's programs, which are glibc's.
not_on_musl='interface|dash|bash|sort|tar|perl|sed-awk'

make_root() {
    local root=$folder/$1
    [ -x "$root/usr/bin/gcc" ] && return
    mkdir -p "$folder"
    rm -rf "$root"
    debootstrap --variant=minbase --include=gcc,libc6-dev,perl "$1" "$root" "$mirror" > "$folder/$1.log" 2>&1 ||
        { tail -n 3 "$folder/$1.log" >&2; echo "roots.sh: the root $1 could not be made: $folder/$1.log" >&2; return 1; }
}

compile_all() {
    local compiler=$1 name
    cd "$2" || return 1
    for name in interface threads forks vforks lives large alignment soak loading filtered misuse own_malloc; do
        $compiler -O1 -fno-builtin -pthread "programs/$name.c" -o "$name" -ldl 2> "$name.log" || echo "$name"
    done
    $compiler -O2 -fno-builtin programs/../fastpath.c -o fastpath
    $compiler -O1 -fno-builtin -shared -fPIC -pthread programs/loaded.c -o loaded.so
    $compiler -O1 -fno-builtin -shared -fPIC -pthread -DLIBRARY -DPROTOCOL=2 programs/adopter.c -o adopter2.so
    $compiler -O1 -fno-builtin -pthread programs/adopting.c -o adopting -ldl
    for name in 1 2 3 4; do
        $compiler -O1 -fno-builtin -pthread -rdynamic -DPROTOCOL=$name programs/adopter.c -o adopter$name
    done
}

failed=0
printf '%-10s %-8s %-12s %-30s %9s %7s\n' root libc situation 'front end, rseq, index' passed 'ns/pair'
for root in "${roots[@]}"; do
    if [ "$root" = musl ]; then
        base='' inside=$folder/musl compiler='musl-gcc -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu'
        mkdir -p "$inside"
    else
        make_root "$root" || { failed=1; continue; }
        base=$folder/$root inside=/nativemalloc
    fi
    work=$base$inside
    mkdir -p "$work"
    rm -rf "${work:?}/programs"
    cp -r tests/programs "$work/"
    cp perf/fastpath.c out/libnativemalloc.so "$work/"
    if [ "$root" = musl ]; then
        (compile_all "$compiler" "$inside") > "$work/uncompiled" 2>&1
        libc=$(/lib/ld-musl-x86_64.so.1 2>&1 | sed -n 's/^Version //p')
        enter=()
    else
        chroot "$base" bash -c "$(declare -f compile_all); compile_all gcc $inside" > "$work/uncompiled" 2>&1
        libc=$(chroot "$base" ldd --version | sed -n '1s/.* //p')
        enter=(chroot "$base")
    fi

    for situation in "${situations[@]}"; do
        index='' tunables='' before=()
        case $situation in
        cpu_id | mm_cid | thread) index=$situation ;;
        tunable-off)
            case $libc in 2.3[5-9] | 2.[4-9]*) tunables=glibc.pthread.rseq=0 ;; *) continue ;; esac
            ;;
        denied) before=(./filtered rseq 38) ;;
        esac
        # run COMMAND...: in the root, in the situation. The shells that a command starts are under the library too.
        run() {
            "${enter[@]}" env -C "$inside" NATIVEMALLOC_INDEX="$index" GLIBC_TUNABLES="$tunables" \
                NATIVEMALLOC_STATS="$statistics" "${before[@]}" env LD_PRELOAD="$inside/libnativemalloc.so" "$@"
        }
        passed=0 all=0 wrong=()
        while read -r name command; do
            [ "$root" = musl ] && [[ $name =~ ^($not_on_musl)$ ]] && continue
            # Early users of rseq have nothing to share where glibc registered, or the kernel refuses.
            [[ $name =~ ^(adopt|private) ]] && [ "$situation" != tunable-off ] &&
                { [ "$situation" = denied ] || [[ $libc =~ ^2\.(3[5-9]|[4-9]) ]]; } && continue
            [[ $name =~ ^filter-kill|^no-membarrier ]] && [ "$situation" = denied ] && continue
            all=$((all + 1))
            statistics=
            eval "arguments=($command)"
            if timeout 120 bash -c "$(declare -f run); $(declare -p enter inside index tunables statistics before); run \"\$@\"" - \
                "${arguments[@]}" > "$work/$name.out" 2>&1 < /dev/null; then
                passed=$((passed + 1))
            else
                wrong+=("$name")
            fi
        done <<< "$cells"
        statistics=json:$inside/statistics.json
        rm -f "$work/statistics.json"
        nanoseconds=$(run ./fastpath 2> /dev/null | sed -n 's/pair \([0-9.]*\) .*/\1/p')
        front_end=$(awk -F'"' '/"(front_end|rseq|index)": "/ { v[$2] = $4 } END { print v["front_end"] ", " v["rseq"] ", " v["index"] }' "$work/statistics.json")
        printf '%-10s %-8s %-12s %-30s %4d/%-4d %7s\n' "$root" "$libc" "$situation" "$front_end" "$passed" "$all" "$nanoseconds"
        case "$situation:$front_end" in thread:per-thread* | denied:per-thread* | as-it-comes:per-cpu* | *_*:per-cpu* | tunable-off:per-cpu*) ;;
        *) wrong+=("the front end") ;;
        esac
        [ ${#wrong[@]} = 0 ] || { failed=1; echo "    failed: ${wrong[*]} (output in $work)"; }
    done
done
exit $failed
