/*
 * Asks for alignments and sizes at the ends of what there is, and prints what comes of each: its error, or that the block is aligned
 * and as large as was asked for.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>

#include "check.h"

static const size_t sizes[] = {
    0, 1, 15, 16, 17, 4095, 4096, 4097, 262144, 262145, (size_t)1 << 47, ((size_t)1 << 62) - 1, (size_t)1 << 62,
    SIZE_MAX / 2 - 8191, SIZE_MAX / 2 - 4095, SIZE_MAX / 2 - 16, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX - 8192, SIZE_MAX - 4096, SIZE_MAX - 4095,
    SIZE_MAX - 64, SIZE_MAX - 16, SIZE_MAX - 15, SIZE_MAX - 8, SIZE_MAX - 1, SIZE_MAX,
};

enum { SIZES = sizeof sizes / sizeof *sizes };

static void print(const char *function, size_t alignment, size_t size, int error, char *block)
{
    printf("%s(%#zx, %#zx): ", function, alignment, size);
    if (block == NULL) {
        printf("%s\n", error == ENOMEM ? "ENOMEM" : error == EINVAL ? "EINVAL" : error == 0 ? "null" : "another error");
        return;
    }
    int aligned = alignment == 0 || (uintptr_t)block % alignment == 0 || (alignment & (alignment - 1));
    printf("%s, %s\n", aligned ? "aligned" : "not aligned", malloc_usable_size(block) >= size ? "large enough" : "too small");
    if (size > 0)
        block[0] = block[(size - 1) % malloc_usable_size(block)] = 1;
    free(block);
}

static void try_all(size_t alignment)
{
    for (int i = 0; i < SIZES; i++) {
        size_t size = sizes[i];
        errno = 0;
        char *block = memalign(alignment, size);
        print("memalign", alignment, size, errno, block);
        if (alignment && (alignment & (alignment - 1)) == 0) { /* for others glibc's is as memalign up to 2.37, and C's after that */
            errno = 0;
            block = aligned_alloc(alignment, size);
            print("aligned_alloc", alignment, size, errno, block);
        }
        void *aligned = NULL;
        int error = posix_memalign(&aligned, alignment, size);
        print("posix_memalign", alignment, size, error, aligned);
    }
}

int main(void)
{
    try_all(0);
    for (int bit = 0; bit < 64; bit++) {
        if (bit > 24 && bit < 46) /* what there are addresses for depends on what else is mapped */
            continue;
        size_t power = (size_t)1 << bit;
        try_all(power);
        try_all(power + 1);
        try_all(power - 1);
        try_all(power + power / 2);
    }
    for (int i = 0; i < SIZES; i++) {
        errno = 0;
        char *block = valloc(sizes[i]);
        print("valloc", 4096, sizes[i], errno, block);
        errno = 0;
        block = pvalloc(sizes[i]);
        print("pvalloc", 4096, sizes[i], errno, block);
        errno = 0;
        block = malloc(sizes[i]);
        print("malloc", 16, sizes[i], errno, block);
        errno = 0;
        block = calloc(sizes[i], 1);
        print("calloc", 16, sizes[i], errno, block);
        errno = 0;
        block = realloc(malloc(10), sizes[i]);
        print("realloc", 16, sizes[i], sizes[i] ? errno : 0, block);
    }
    return 0;
}
