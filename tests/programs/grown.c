/*
 * Blocks that grow. One by 16 bytes at a time is not copied each time; one by a quarter gets no more than it asks for, nor do many that
 * grow once each.
 */
#include <malloc.h>
#include <string.h>

#include "check.h"

enum { LARGEST = 64 << 10 };

int main(void)
{
    char *block = NULL;
    int moves = 0;
    for (size_t size = 16; size <= LARGEST; size += 16) {
        char *grown = realloc(block, size);
        CHECK(grown);
        moves += grown != block;
        block = grown;
        memset(block + size - 16, (int)(size / 16), 16);
        CHECK(malloc_usable_size(block) <= size + size * 13 / 32 + 16); /* a quarter, and what its class adds */
    }
    for (size_t at = 0; at < LARGEST; at++)
        CHECK(block[at] == (char)(at / 16 + 1));
    CHECK(moves <= 40); /* in 4096 steps */

    for (size_t size = 128; size <= LARGEST; size += size / 4) {
        block = realloc(block, size);
        CHECK(block && malloc_usable_size(block) <= size + size / 7);
    }
    free(block);

    char *once[512];
    for (size_t size = 64; size < 512; size += 16)
        once[size] = malloc(size);
    for (size_t size = 64; size < 512; size += 16) {
        once[size] = realloc(once[size], size + 16);
        CHECK(once[size] && malloc_usable_size(once[size]) <= size + 16 + (size + 16) / 7);
    }
    for (size_t size = 64; size < 512; size += 16)
        free(once[size]);
    return 0;
}
