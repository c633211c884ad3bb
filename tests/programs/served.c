/*
 * A server under an even load, until its standard input ends: blocks from three places in known proportions.
 *
 * It keeps 16 MiB from one function and 4 MiB from another, the oldest block making room for the newest, and frees what it has from a third at
 * once. Of 16 bytes from the first there are 4 from the second and 16 from the third. Prints "ready" when it holds all of it.
 */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 4096, LARGE = 4096, SMALL = 1024 };

static void *large[BLOCKS], *small[BLOCKS];

__attribute__((noinline)) void keep_large(int i)
{
    free(large[i]);
    large[i] = memset(malloc(LARGE), 1, 64);
}

__attribute__((noinline)) void keep_small(int i)
{
    free(small[i]);
    small[i] = memset(malloc(SMALL), 1, 64);
}

__attribute__((noinline)) void pass_through(void)
{
    void *block = malloc(LARGE);
    *(volatile char *)block = 1;
    free(block);
}

__attribute__((noinline)) void serve(int i)
{
    keep_large(i);
    keep_small(i);
    pass_through();
    *(volatile char *)large[i] = 2; /* no call in tail position */
}

int main(void)
{
    struct pollfd input = { .fd = 0, .events = POLLIN };
    for (int i = 0; i < BLOCKS; i++)
        serve(i);
    puts("ready");
    fflush(stdout);
    for (;;) {
        for (int i = 0; i < BLOCKS; i++)
            serve(i);
        if (poll(&input, 1, 1) == 1)
            return 0;
    }
}
