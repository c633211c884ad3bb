/*
 * Large blocks each of which is larger than all before, hardly touched: one that grows, or one after the other. Prints how many MiB of addresses
 * the process had at most, and how many MiB of memory it has in the end.
 *
 *     outgrown realloc|malloc MIB      by 2 MiB up to so many; malloc: from a GiB on
 */
#include <string.h>

#include "check.h"

static size_t mebibytes(const char *name)
{
    char line[200];
    size_t kibibytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            kibibytes = strtoul(line + strlen(name), NULL, 10);
    fclose(file);
    return kibibytes >> 10;
}

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
    printf("addresses %zu\nmemory %zu\n", mebibytes("VmPeak:"), mebibytes("VmRSS:"));
    return 0;
}
