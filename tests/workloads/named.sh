# named, whose own heap is libjemalloc's by mallocx and the like while everything else calls malloc: 10,000 queries by UDP and
# 200 by TCP, then an orderly end, in which it looks for what it has not freed.
trap 'kill $server 2> /dev/null || true' EXIT
port=$((20000 + $$ % 10000))
cat > named.conf << CONF
options {
    directory "$PWD"; pid-file none; session-keyfile none; managed-keys-directory "$PWD";
    listen-on port $port { 127.0.0.1; }; listen-on-v6 { none; };
    recursion no; allow-transfer { any; }; dnssec-validation no; notify no; querylog no;
};
controls { };
zone "example.test" { type primary; file "zone"; };
CONF
awk 'BEGIN {
    print "$TTL 60\n@ SOA ns host 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1"
    for (i = 0; i < 5000; i++) {
        print "a" i " A 10." int(i / 65536) "." int(i / 256) % 256 "." i % 256
        print "t" i " TXT \"" i * 7919 " some text of record " i "\""
        if (i % 10 == 0) print "c" i " CNAME a" (i * 31) % 5000
    }
}' > zone
awk 'BEGIN {
    srand(4)
    for (i = 0; i < 10000; i++) {
        n = int(rand() * 5200)
        kind = i % 4
        print (kind == 0 ? "t" n : kind == 1 ? "c" n - n % 10 : "a" n) ".example.test", kind == 0 ? "TXT" : kind == 3 ? "AAAA" : "A"
    }
}' > queries

LD_PRELOAD=$PRELOAD named -g -c named.conf 2> named.log &
server=$!
for _ in $(seq 200); do grep -q ' running$' named.log && break; sleep 0.05; done
# Both heaps are there, or this would say nothing.
grep -q libjemalloc /proc/$server/maps
[ -z "$PRELOAD" ] || grep -q "${PRELOAD##*/}" /proc/$server/maps

ask() { dig @127.0.0.1 -p $port +tries=3 +time=2 "$@"; }
ask +noall +comments +answer -f queries > answers
grep -o 'status: [A-Z]*' answers | sort | uniq -c
grep -c 'ANSWER: ' answers
grep -v '^;' answers | sha256sum
head -n 200 queries > first
ask +tcp +short -f first | sha256sum
ask +short AXFR example.test | sha256sum
kill $server
wait $server && echo "ended in order"
grep -ciE 'assert|memory leak|nativemalloc|failed to' named.log || true
