# redis's own tests, of a redis that is built for libc's malloc: Debian's own asks jemalloc for things that no other malloc has.
packages=(gcc libc6-dev make tcl pkg-config)
source=redis

prepare() { make -j2 MALLOC=libc OPTIMIZATION=-O1; }

# The PSYNC2 tests draw their steps, and so their names, by lot.
run() {
    ./runtest --clients 2 --timeout 600 2>&1 | tee /dev/stderr |
        sed -nE 's/\x1b\[[0-9;]*m//g; s/^\[(ok|err|exception)\]: (.*)/\2: \1/p' | sed -E 's/ \([0-9]+ ms\)//; /^PSYNC2/d'
}
