# python3 with threads, subprocesses and a large dictionary; and blocks of libc's that it frees by libc's handle.
python=$(command -v /usr/bin/python3 || command -v python3)
LD_PRELOAD=$PRELOAD "$python" - << 'PY'
import ctypes, hashlib, json, random, subprocess, sys, threading, zlib

random.seed(7)
table = {f"key{i}": [random.random() for _ in range(5)] for i in range(60000)}
digest = hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()
results = {}

def work(number):
    generator = random.Random(number)
    words = {}
    for _ in range(40000):
        word = "".join(generator.choices("abcde", k=generator.randrange(1, 9)))
        words[word] = words.get(word, 0) + 1
    results[number] = zlib.crc32(repr(sorted(words.items())).encode())

threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
for thread in threads:
    thread.start()
children = [subprocess.run([sys.executable, "-c", f"print(sum(i * {n} for i in range(10000)))"], capture_output=True, text=True).stdout.strip() for n in range(6)]
for thread in threads:
    thread.join()
libc = ctypes.CDLL("libc.so.6")
libc.strdup.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
for number in range(1000):
    block = libc.strdup(b"x" * number)
    assert ctypes.string_at(block) == b"x" * number
    libc.free(block)
print(digest, sorted(results.items()), children)
PY
