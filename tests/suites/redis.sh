# redis's own tests, against Debian's redis-server.
packages=(redis-server redis-tools tcl)
source=redis

prepare() {
    local program
    for program in redis-server redis-cli redis-benchmark redis-check-aof redis-check-rdb redis-sentinel; do
        ln -sf "/usr/bin/$program" src/
    done
}

run() {
    ./runtest --clients 2 --timeout 600 2>&1 |
        sed -nE 's/\x1b\[[0-9;]*m//g; s/^\[(ok|err|exception)\]: (.*)/\2: \1/p' | sed -E 's/ \([0-9]+ ms\)//'
}
