/*
 * How much stack each function takes at most, on its slow paths too: the stack below the caller is painted before each call, and
 * the lowest byte that has changed is looked for afterwards. Prints "FUNCTION BYTES" for each; link with -z now, or the
 * loader's symbol resolution shows.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "check.h"
#include "mallinfo.h"

enum { PAINTED = 24 << 10, SLOTS = 700, PAINT = 0xa5 };

enum operation { MALLOC, CALLOC, REALLOC, MEMALIGN, ALIGNED_ALLOC, POSIX_MEMALIGN, FREE, USABLE, TRIM, MALLINFO, FORK, COUNT };

static const char *const names[COUNT] = {
    "malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign", "free", "malloc_usable_size", "malloc_trim", "mallinfo2", "fork",
};

static size_t deepest[COUNT];
static unsigned char *volatile below;

static __attribute__((noinline)) void paint(void)
{
    unsigned char area[PAINTED];
    memset(area, PAINT, sizeof area);
    below = area;
    KEEP(below);
}

static __attribute__((noinline)) void perform(enum operation what, void **slot, size_t size)
{
    switch (what) {
    case MALLOC: *slot = malloc(size); break;
    case CALLOC: *slot = calloc(1, size); break;
    case REALLOC: *slot = realloc(*slot, size + 1); break;
    case MEMALIGN: *slot = memalign(64, size); break;
    case ALIGNED_ALLOC: *slot = aligned_alloc(4096, size); break;
    case POSIX_MEMALIGN: CHECK(posix_memalign(slot, 1 << 14, size) == 0); break;
    case FREE: free(*slot); *slot = NULL; break;
    case USABLE: CHECK(!*slot || malloc_usable_size(*slot) > 0); break;
    case TRIM: trim(); break;
    case MALLINFO:
        if (mallinfo2)
            mallinfo2();
        break;
    default: {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
    }
    }
}

/* Same frame as paint's caller, so that the painted area begins where the function's frames do. */
static void measure(enum operation what, void **slot, size_t size)
{
    paint();
    perform(what, slot, size);
    unsigned char *area = below;
    size_t clean = 0;
    while (clean < PAINTED && area[clean] == PAINT)
        clean++;
    CHECK(clean > 64);
    size_t used = PAINTED - clean;
    if (used > deepest[what])
        deepest[what] = used;
}

static void *run(void *argument)
{
    uint64_t seed = 3;
    static void *slots[SLOTS];
    measure(argument ? CALLOC : FREE, &slots[0], 300); /* the thread's first call */
    for (long i = 0; i < 30000; i++) {
        void **slot = &slots[next_random(&seed) % SLOTS];
        size_t size = next_random(&seed) % (i % 200 == 0 ? 9000000 : i % 10 == 0 ? 300000 : 3000);
        enum operation what = (enum operation)(next_random(&seed) % (FREE + 1));
        if (what == REALLOC || what == FREE) {
            measure(USABLE, slot, 0);
            measure(what, slot, size);
        } else {
            measure(FREE, slot, 0);
            measure(what, slot, size);
        }
        if (i % 3000 == 2999) {
            measure(TRIM, slot, 0);
            measure(MALLINFO, slot, 0);
            measure(FORK, slot, 0);
        }
    }
    for (int i = 0; i < SLOTS; i++)
        measure(FREE, &slots[i], 0);
    return NULL;
}

int main(void)
{
    static void *first;
    measure(MALLOC, &first, 100);
    measure(FREE, &first, 0);
    for (uintptr_t i = 0; i < 2; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, run, (void *)i) == 0);
        pthread_join(thread, NULL);
    }
    for (int i = 0; i < COUNT; i++)
        printf("%s %zu\n", names[i], deepest[i]);
    return 0;
}
