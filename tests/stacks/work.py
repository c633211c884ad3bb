import json, re, random, hashlib
def fib(n): return n if n < 2 else fib(n-1)+fib(n-2)
class A:
    def __init__(self,x): self.x=x
    def __lt__(self,o): return self.x<o.x
while True:
    fib(12)
    s=json.dumps([{"a":i,"b":[str(i)]*3} for i in range(200)])
    json.loads(s, object_hook=lambda d: dict(d))
    sorted([A(random.random()) for _ in range(200)])
    re.sub(r"(\d+)", lambda m: str(int(m.group(1))+1), s)
    hashlib.sha256(s.encode()).hexdigest()
