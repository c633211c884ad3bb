/*
 * How the program reckons with floating-point numbers is its own affair (MXCSR): whatever it has asked for, allocations and profiles neither fault, nor
 * change it, nor raise flags.
 *
 *     reckoning
 */
#define NATIVEMALLOC_WEAK
#include <fcntl.h>
#include <nativemalloc.h>
#include <pthread.h>
#include <xmmintrin.h>

#include "check.h"

enum { ALL_FAULT = 0, NONE_FAULT = 0x1f80, ROUNDING = 1 << 13, FLUSH = 0x8040, SLOTS = 500 };

static void same(unsigned mode)
{
    CHECK(_mm_getcsr() == mode);
}

static void use(unsigned mode)
{
    uint64_t seed = 7;
    void *blocks[SLOTS] = {0};
    for (int i = 0; i < 20000; i++) {
        int slot = (int)(next_random(&seed) % SLOTS);
        size_t size = next_random(&seed) % (i % 100 == 0 ? 300000 : 3000);
        if (i % 3 == 0) {
            blocks[slot] = realloc(blocks[slot], size + 1);
        } else {
            free(blocks[slot]);
            same(mode);
            blocks[slot] = malloc(size);
        }
        same(mode);
    }
    for (int i = 1; i < SLOTS; i++)
        free(blocks[i]);
    int file = open("/dev/null", O_WRONLY);
    for (int format = NATIVEMALLOC_PPROF; file >= 0 && nativemalloc_write_profile && format <= NATIVEMALLOC_FOLDED; format++)
        CHECK(nativemalloc_write_profile(file, format, NATIVEMALLOC_IN_USE) == 0);
    same(mode);
    close(file);
}

static void *run(void *mode)
{
    _mm_setcsr((unsigned)(uintptr_t)mode);
    use((unsigned)(uintptr_t)mode);
    return 0;
}

int main(void)
{
    for (unsigned rounding = 0; rounding < 4; rounding++)
        for (unsigned flush = 0; flush <= FLUSH; flush += FLUSH) {
            run((void *)(uintptr_t)(NONE_FAULT | rounding * ROUNDING | flush));
            run((void *)(uintptr_t)(ALL_FAULT | rounding * ROUNDING | flush));
        }
    pthread_t thread;
    CHECK(pthread_create(&thread, 0, run, (void *)(uintptr_t)ALL_FAULT) == 0);
    CHECK(pthread_join(thread, 0) == 0);
    return 0; /* what is written at the end is, too, where all faults */
}
