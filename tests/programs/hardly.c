/*
 * Memory that is hardly touched.
 *
 *     hardly MIB COUNT SIZE     a block of so many MiB that is not touched, then COUNT of SIZE MiB with a byte in every 2 MiB; prints the MiB
 *                               that are resident, and of them those in huge pages
 */
#include <string.h>

#include "resident.h"

static double in_huge_pages(void)
{
    static char text[4096];
    int file = open("/proc/self/smaps_rollup", O_RDONLY);
    CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    const char *line = strstr(text, "AnonHugePages:");
    return line ? atof(line + 14) / 1024 : 0;
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    char *untouched = malloc((size_t)atol(argv[1]) << 20);
    CHECK(untouched);
    KEEP(untouched);
    size_t size = (size_t)atol(argv[3]) << 20;
    for (int i = 0; i < atoi(argv[2]); i++) {
        volatile char *block = malloc(size);
        CHECK(block);
        for (size_t place = 0; place < size; place += 2 << 20)
            block[place] = 1;
    }
    printf("%.2f %.2f\n", resident(), in_huge_pages());
    return 0;
}
