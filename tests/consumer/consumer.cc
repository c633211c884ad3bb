// As consumer.c, with memory from new.
#include <nativemalloc.h>

#include <cstdio>
#include <vector>

static nativemalloc_statistics statistics()
{
    nativemalloc_statistics all = {};
    all.size = sizeof all;
    if (nativemalloc_get_statistics(&all) != 0)
        std::perror("nativemalloc_get_statistics");
    return all;
}

int main()
{
    nativemalloc_statistics before = statistics();
    std::vector<char> block(10 << 20);
    nativemalloc_statistics after = statistics();
    bool active = after.active && after.in_use - before.in_use >= block.size();
    std::printf("%s %s\n", nativemalloc_version(), active ? "active" : "not in use");
}
