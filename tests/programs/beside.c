/*
 * jemalloc's functions in a process that has two heaps: nallocx and sdallocx belong to the preloaded library, and what they are given may not.
 *
 *     beside LIBRARY    loads the library (second_heap.c), allocates by its mallocx
 *
 * Compiled with -DLINKED it is linked with that library instead. Compiled with -DOWN it has a malloc of its own, and no library.
 */
#include <dlfcn.h>

#include "check.h"

/* Of the preloaded library, or of nobody. */
extern size_t nallocx(size_t size, int flags) __attribute__((weak));
extern void sdallocx(void *block, size_t size, int flags) __attribute__((weak));
extern void free_sized(void *block, size_t size) __attribute__((weak));
extern void free_aligned_sized(void *block, size_t alignment, size_t size) __attribute__((weak));

#ifdef OWN
static _Alignas(16) char memory[16 << 20];
static size_t next;
static int freed;

void *malloc(size_t size)
{
    char *block = memory + next;
    next += (size + 31) & ~(size_t)15;
    return block;
}

void free(void *block)
{
    freed += block != NULL;
}

static void check(void)
{
    int before = freed;
    for (int i = 1; i <= 100; i++)
        sdallocx(malloc(129), 129, 0);
    CHECK(freed == before + 100 && free_sized && free_aligned_sized);
    free_sized(malloc(129), 129);
    free_aligned_sized(malloc(300000), 16, 300000);
    free_sized(NULL, 0);
    CHECK(freed == before + 102);
    CHECK(nallocx(129, 0) == 129); /* how much room that malloc gives nobody knows */
}
#else
#ifdef LINKED
extern void *mallocx(size_t size, int flags);
extern int second_heap_out(void);
#else
static void *(*mallocx)(size_t size, int flags);
static int (*second_heap_out)(void);
#endif

static void check(void)
{
    for (int i = 0; i < 100; i++) {
        void *theirs = mallocx(50, 0), *ours = malloc(50), *large = malloc(500000);
        CHECK(theirs && ours && large && second_heap_out() == 1);
        sdallocx(ours, 50, 0);
        sdallocx(large, 500000, 3);
        CHECK(second_heap_out() == 1);
        sdallocx(theirs, 50, 3);
        CHECK(second_heap_out() == 0);
    }
    CHECK(nallocx(50, 0) == 50 && nallocx(129, 0) == 129); /* of whose blocks nobody knows */
    CHECK(nallocx(SIZE_MAX, 0) == 0);
}
#endif

int main(int argc, char **argv)
{
#if !defined OWN && !defined LINKED
    CHECK(argc == 2);
    void *library = dlopen(argv[1], RTLD_NOW);
    CHECK(library);
    mallocx = (void *(*)(size_t, int))dlsym(library, "mallocx");
    second_heap_out = (int (*)(void))dlsym(library, "second_heap_out");
#endif
    (void)argc;
    (void)argv;
    CHECK(nallocx && sdallocx);
    check();
    puts("each heap has its own");
    return 0;
}
