/* A library with jemalloc's functions and a heap of its own, a trivial one, as libjemalloc beside another malloc. */
#include <stddef.h>

static _Alignas(64) char memory[64 << 10];
static int used, out;

void *mallocx(size_t size, int flags)
{
    (void)flags;
    out++;
    return size <= 64 && used < 1024 ? memory + 64 * used++ : NULL;
}

void dallocx(void *block, int flags)
{
    (void)flags;
    out -= (char *)block >= memory && (char *)block < memory + sizeof memory;
}

void sdallocx(void *block, size_t size, int flags)
{
    (void)size;
    dallocx(block, flags);
}

size_t nallocx(size_t size, int flags)
{
    (void)flags;
    return size <= 64 ? 64 : 0;
}

int second_heap_out(void)
{
    return out;
}
