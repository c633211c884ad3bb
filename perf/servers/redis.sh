# redis: strings, lists and hashes from 50 clients.

prepare() { :; }

start() {
    exec setsid redis-server --port 0 --unixsocket "$work/socket" --save '' --appendonly no --dir "$work"
}

ready() {
    redis-cli -s "$work/socket" ping
}

load() {
    redis-benchmark -s "$work/socket" -q -c 50 -P 8 -n 200000 -r 100000 -d 100 -t set,get,lpush,lpop,hset
}

clients=("$work/socket" redis 16)
