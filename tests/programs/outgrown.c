/*
 * Large blocks each of which is larger than all before, hardly touched: one that grows, or one after the other. Prints how many MiB of addresses
 * the process had at most, and how many MiB of memory it has in the end.
 *
 *     outgrown realloc|malloc MIB      by 2 MiB up to so many; malloc: from a GiB on
 */
#include <string.h>

#include "check.h"
#include "status.h"

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    int grows = strcmp(argv[1], "realloc") == 0;
    char *block = NULL;
    for (size_t size = grows ? 2 : 1024; size <= strtoul(argv[2], NULL, 10); size += 2) {
        if (!grows) {
            free(block);
            block = NULL;
        }
        block = realloc(block, size << 20);
        CHECK(block);
        block[0] = 1;
    }
    free(block);
    printf("addresses %zu\nmemory %zu\n", status_bytes("VmPeak:") >> 20, status_bytes("VmRSS:") >> 20);
    return 0;
}
