/* A library that loses a block, and keeps one: for leaks.c. */
#include <stdlib.h>

static __thread void *volatile kept_by_thread;
static void *volatile kept;

void lose_block(void)
{
    void *volatile block = malloc(100);
    block = NULL;
    (void)block;
}

void keep_block(void)
{
    kept_by_thread = malloc(100);
    kept = malloc(200);
}
