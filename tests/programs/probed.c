/*
 * Allocates and frees in all ways, and says at the end what it did, in order: "alloc BLOCK SIZE" and "free BLOCK".
 *
 *     probed ROUNDS
 */
#include "check.h"

#define MOST 100000

static struct {
    void *block;
    size_t size; /* 0: freed */
} told[MOST];
static int count;

static void tell(void *block, size_t size)
{
    CHECK(count < MOST && block);
    told[count].block = block;
    told[count++].size = size;
}

/* Before the first round, after each third of them, and so at the end. */
__attribute__((noinline)) void next_third(void)
{
    __asm__ volatile("");
}

static void round_of(size_t size)
{
    char *first = malloc(size);
    tell(first, size);
    char *zeroed = calloc(2, size);
    tell(zeroed, 2 * size);
    char *aligned = aligned_alloc(64, size);
    tell(aligned, size);
    free(first);
    tell(first, 0);
    uintptr_t before = (uintptr_t)aligned;
    char *after = realloc(aligned, 3 * size);
    if ((uintptr_t)after == before) /* it is another block all the same */
        tell((void *)before, 0);
    tell(after, 3 * size);
    if ((uintptr_t)after != before)
        tell((void *)before, 0);
    free(zeroed);
    tell(zeroed, 0);
    free(after);
    tell(after, 0);
}

int main(int argc, char **argv)
{
    static char buffer[1 << 16];
    static const size_t sizes[] = {32, 128, 1024, 4096, 40064, 150016};
    CHECK(argc == 2);
    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer)); /* which allocates else */
    int rounds = atoi(argv[1]);
    for (int i = 0; i < rounds; i++) {
        if (i % (rounds / 3) == 0)
            next_third();
        round_of(sizes[i % (int)(sizeof(sizes) / sizeof(*sizes))]);
    }
    next_third();

    for (int i = 0; i < count; i++)
        if (told[i].size)
            printf("alloc %p %zu\n", told[i].block, told[i].size);
        else
            printf("free %p\n", told[i].block);
    return 0;
}
