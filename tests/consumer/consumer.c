/* Prints the library's version, and whether this program's memory comes from it: "0.1.0 active". */
#include <nativemalloc.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    struct nativemalloc_statistics before = { .size = sizeof before }, after = before;
    if (nativemalloc_get_statistics(&before) != 0)
        return 1;
    void *volatile block = malloc(10 << 20);
    if (nativemalloc_get_statistics(&after) != 0)
        return 1;
    free(block);
    int active = after.active && after.in_use - before.in_use >= 10 << 20;
    printf("%s %s\n", nativemalloc_version(), active ? "active" : "not in use");
    return nativemalloc_version_number() != NATIVEMALLOC_VERSION_NUMBER;
}
