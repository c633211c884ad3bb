# memcached with four threads under load from eight connections, every value checked.
trap 'kill $server 2> /dev/null || true' EXIT
LD_PRELOAD=$PRELOAD memcached -u root -s "$PWD/socket" -t 4 -m 64 &
server=$!
for _ in $(seq 100); do [ -S socket ] && break; sleep 0.05; done
/usr/bin/env python3 - << 'PY'
import random, socket, threading

def load(number):
    generator = random.Random(number)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect("socket")
    stream = connection.makefile("rwb")
    stored = {}
    for i in range(3000):
        key = f"{number}-{generator.randrange(200)}"
        if generator.random() < 0.5:
            value = bytes([generator.randrange(256)]) * generator.choice([10, 100, 1000, 20000])
            stream.write(f"set {key} 0 0 {len(value)}\r\n".encode() + value + b"\r\n")
            stream.flush()
            assert stream.readline() == b"STORED\r\n"
            stored[key] = value
        else:
            stream.write(f"get {key}\r\n".encode())
            stream.flush()
            line = stream.readline()
            if line != b"END\r\n":
                length = int(line.split()[3])
                assert stream.read(length + 2)[:-2] == stored[key]
                assert stream.readline() == b"END\r\n"

threads = [threading.Thread(target=load, args=(n,)) for n in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("checked")
PY
kill -0 $server && echo alive
