/*
 * Two large blocks that grow in turn, so that each is in the other's way: run under strace to see that they are moved, every time. A part of
 * each is another mapping of the kernel's.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "check.h"

int main(void)
{
    size_t size[2] = { 8 << 20, 8 << 20 };
    char *block[2] = { malloc(size[0]), malloc(size[1]) };
    CHECK(block[0] && block[1]);
    memset(block[0], 1, size[0]);
    memset(block[1], 2, size[1]);
    for (int of = 0; of < 2; of++) {
        char *part = (char *)(((uintptr_t)block[of] + (3 << 20)) & -(uintptr_t)4096);
        CHECK(madvise(part, 1 << 20, MADV_DONTDUMP) == 0);
    }
    for (int i = 0; i < 16; i++) {
        int of = i % 2;
        size_t larger = size[of] + size[of] / 2;
        block[of] = realloc(block[of], larger);
        CHECK(block[of]);
        for (size_t at = 0; at < size[of]; at += 4096)
            CHECK(block[of][at] == of + 1);
        memset(block[of] + size[of], of + 1, larger - size[of]);
        size[of] = larger;
    }
    return 0;
}
