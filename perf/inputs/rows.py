import json, random, sys
random.seed(1)
rows = [{"name": f"row {i}", "values": [random.random() for _ in range(random.randrange(20))], "text": "x" * random.randrange(300)} for i in range(int(sys.argv[1]) if len(sys.argv) > 1 else 60000)]
text = json.dumps(rows)
again = json.loads(text)
