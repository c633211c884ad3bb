-- Tables, strings and closures that come and go.
local words, seed = {}, 1
for i = 1, tonumber(arg[1] or 150000) do
    seed = (seed * 1103515245 + 12345) % 2147483648
    local key = "key" .. seed % 50000
    local entry = words[key] or { count = 0, seen = {} }
    entry.count = entry.count + 1
    entry.seen[#entry.seen + 1] = string.rep("x", seed % 100) .. i
    entry.last = function() return entry.seen[#entry.seen] end
    words[key] = #entry.seen < 6 and entry or nil
end
local keys = {}
for key, entry in pairs(words) do
    keys[#keys + 1] = key .. #entry.last()
end
table.sort(keys)
print(#keys, keys[1])
