# redis-server under redis-benchmark with pipelining, then a known load and its digest.
trap 'kill $server 2> /dev/null || true' EXIT
LD_PRELOAD=$PRELOAD redis-server --port 0 --unixsocket "$PWD/socket" --save '' --enable-debug-command yes --loglevel warning > server.log &
server=$!
for _ in $(seq 100); do [ -S socket ] && break; sleep 0.05; done
redis-benchmark -s socket -q -P 16 -n 100000 -r 20000 -t set,get,lpush,hset,zadd,lrange_100 > /dev/null
redis-cli -s socket flushall
awk 'BEGIN { srand(2); for (i = 0; i < 60000; i++) { k = int(rand() * 5000); print "SET s" k " " i * 7919; print "HSET h" k % 100 " f" k " " i; print "ZADD z" k % 50 " " k " m" i % 3000; if (i % 9 == 0) print "DEL s" int(rand() * 5000) } }' |
    redis-cli -s socket --pipe | grep -c 'errors: 0'
redis-cli -s socket dbsize
redis-cli -s socket debug digest
redis-cli -s socket shutdown nosave
wait $server
