/*
 * Large blocks: pairs of 1 to 32 MiB and a block that grows by realloc, contents checked. Run under strace to see that they
 * do not cost a system call each.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <string.h>

#include "check.h"

int main(void)
{
    free(malloc(10)); /* starts the front end */
    for (int i = 0; i < 1000; i++) {
        size_t size = (size_t)(i % 32 + 1) << 20;
        char *block = malloc(size);
        CHECK(block);
        block[0] = 1;
        block[size - 1] = 2;
        free(block);
    }

    size_t size = 300 << 10;
    char *block = malloc(size);
    memset(block, 3, size);
    while (size < (size_t)200 << 20) {
        size_t larger = size + size / 4;
        block = realloc(block, larger);
        CHECK(block && block[0] == 3 && block[size / 2] == 3 && block[size - 1] == 3);
        memset(block + size, 3, larger - size);
        size = larger;
    }
    block = realloc(block, 500 << 10);
    CHECK(block && block[(500 << 10) - 1] == 3 && malloc_usable_size(block) < 600 << 10);
    free(block);

    /* What the kernel gave zeroed need not be zeroed; what was used must be. */
    for (int i = 0; i < 40; i++) {
        size_t bytes = (size_t)(i + 1) * 333333;
        unsigned char *zeroed = calloc(1, bytes);
        for (size_t k = 0; k < bytes; k++)
            CHECK(zeroed[k] == 0);
        memset(zeroed, 0xee, bytes);
        free(zeroed);
        if (i % 7 == 0)
            trim();
    }
    return 0;
}
