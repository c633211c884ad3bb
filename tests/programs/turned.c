/*
 * A program that uses 128 KiB blocks again and again, so that the caches keep some, and turns to small ones then, of which it has
 * more and more: before long, the caches should hold none of the large.
 */
#include "check.h"

enum { LARGE = 128 << 10, TIMES = 20, AT_ONCE = 4, SMALL = 1000, SMALL_ONES = 20000 };

static void *blocks[SMALL_ONES];

int main(void)
{
    for (int time = 0; time < TIMES; time++) {
        for (int i = 0; i < AT_ONCE; i++)
            CHECK((blocks[i] = malloc(LARGE)) != NULL);
        for (int i = 0; i < AT_ONCE; i++)
            free(blocks[i]);
    }
    for (int i = 0; i < SMALL_ONES; i++)
        CHECK((blocks[i] = malloc(SMALL)) != NULL);
    return 0;
}
