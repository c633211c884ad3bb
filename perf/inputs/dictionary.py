import random
random.seed(1)
words = {}
for i in range(1500000):
    words[f"word{random.randrange(1 << 30)}"] = [i]
print(len(words), sum(len(word) for word in words), sorted(words)[:3])
