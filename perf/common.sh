# What the measuring scripts share. Sourced with the repository as the working folder.

library=$PWD/out/libnativemalloc.so
work=out/perf
mkdir -p "$work"

# prefer_debian: from here on Debian's programs, rather than scripts of the same names that choose a version and start that.
prefer_debian() { PATH=/usr/bin:$PATH; }

# compile NAME: perf/NAME.c to a program of that name, without its folder, in $work.
compile() {
    gcc -O2 -fno-builtin -Wall -Wextra -pthread "perf/$1.c" -o "$work/${1##*/}"
}

# compile_programs: all of perf/programs that make perf runs.
compile_programs() {
    local program
    for program in minimise factor larson crowd asymmetric sharing sizes buffers wordcount; do
        compile "programs/$program"
    done
}

# What the programs of perf/programs.txt are: Debian's packages.
program_packages=(gcc g++ python3 perl lua5.4 sqlite3 xz-utils gawk jq libxml2-utils ruby ghostscript graphviz)

# lines COUNT: so many lines of text in random order, the same in each run.
lines() {
    awk -v count="$1" 'BEGIN { srand(2); for (i = 0; i < count; i++) printf "%.15f line %d\n", rand(), i }'
}

# made NAME COMMAND...: what the command prints, in $work, unless it is there.
made() {
    local file=$work/$1
    [ -f "$file" ] || { "${@:2}" > "$file.part" && mv "$file.part" "$file"; }
}

# make_inputs: what perf/programs.txt names of $work, the same each time.
make_inputs() {
    made lines lines 400000
    made rows.json awk -f perf/inputs/json.awk
    made rows.xml awk -f perf/inputs/xml.awk
    made graph.dot awk -f perf/inputs/graph.awk
}

# Debian's peers: their libraries where they are installed, else nothing.
peer() {
    local file
    for file in /usr/lib/x86_64-linux-gnu/$1.so*; do
        [ -f "$file" ] && echo "$file" && return
    done
}

# What to preload for each allocator; nothing for a peer that is not installed.
declare -A preload=(
    [glibc]="" [nativemalloc]=$library
    [jemalloc]=$(peer libjemalloc) [mimalloc]=$(peer libmimalloc) [tcmalloc]=$(peer libtcmalloc_minimal)
    [scudo]=$(find /usr/lib/llvm-*/lib -name 'libclang_rt.scudo_standalone-x86_64.so' 2> /dev/null | sort -V | tail -n 1)
)

# is_here NAME: whether that allocator can be measured.
is_here() { [ "$1" = glibc ] || [ -n "${preload[$1]}" ]; }

# choose: names is what to measure: glibc, ours, and the peers that are here. In place of ours LIBRARIES="old=FILE new=FILE"; PEERS=0 leaves others out.
choose() {
    local entry name
    local -a ours=(nativemalloc)
    if [ "${LIBRARIES:-}" ]; then
        ours=()
        for entry in $LIBRARIES; do
            preload[${entry%%=*}]=${entry#*=}
            ours+=("${entry%%=*}")
        done
    else
        ./build.sh > /dev/null
    fi
    names=("${ours[@]}")
    if [ "${PEERS:-1}" != 0 ]; then
        names=(glibc "${ours[@]}")
        for name in jemalloc mimalloc tcmalloc scudo; do
            ! is_here $name || names+=($name)
        done
    fi
}

# median: of the numbers on standard input, one a line.
median() {
    sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}
