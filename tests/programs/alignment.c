/* Blocks of a huge page, aligned to one: the holes that freed ones leave serve the next ones. */
#define _GNU_SOURCE
#include <malloc.h>
#include <string.h>

#include "check.h"

enum { COUNT = 200, SIZE = 2 << 20 };

int main(void)
{
    void *blocks[COUNT];
    for (int i = 0; i < COUNT; i++)
        CHECK(posix_memalign(&blocks[i], SIZE, SIZE) == 0 && (uintptr_t)blocks[i] % SIZE == 0);
    for (int i = 0; i < COUNT; i += 2)
        free(blocks[i]);
    trim();
    uintptr_t low = UINTPTR_MAX, high = 0;
    for (int i = 0; i < COUNT; i++) {
        low = (uintptr_t)blocks[i] < low ? (uintptr_t)blocks[i] : low;
        high = (uintptr_t)blocks[i] > high ? (uintptr_t)blocks[i] : high;
    }
    int elsewhere = 0;
    for (int i = 0; i < COUNT; i += 2) {
        CHECK(posix_memalign(&blocks[i], SIZE, SIZE) == 0);
        elsewhere += (uintptr_t)blocks[i] < low || (uintptr_t)blocks[i] > high;
    }
    CHECK(elsewhere <= 1); /* the hole at the edge may be one with free memory beyond it */
    return 0;
}
