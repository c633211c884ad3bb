/*
 * A program that holds 100 KiB: KiB of memory that it has, and of the allocator's own files. Clean pages of other files are not counted: how many
 * of libc's the kernel maps around a fault differs by hundreds of KiB from run to run.
 */
#include <string.h>

#include "check.h"

int main(void)
{
    enum { BLOCKS = 1000, SIZE = 100 };
    for (int i = 0; i < BLOCKS; i++) {
        char *block = malloc(SIZE);
        CHECK(block != NULL);
        memset(block, 1, SIZE);
    }

    char line[4096];
    long kilobytes, all = 0;
    int allocators = 0;
    FILE *file = fopen("/proc/self/smaps", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file)) {
        if (strstr(line, "-p "))
            allocators = strstr(line, "/libnativemalloc") != NULL;
        else if (sscanf(line, allocators ? "Rss: %ld kB" : "Anonymous: %ld kB", &kilobytes) == 1)
            all += kilobytes;
    }
    CHECK(all > 100);
    printf("%ld\n", all);
    return 0;
}
