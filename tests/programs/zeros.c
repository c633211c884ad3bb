/*
 * What calloc gives reads zero, and what is hardly used of it is hardly there.
 *
 *     zeros random COUNT       blocks of all sizes come, are written to as a whole, in parts or not at all, and go; each from calloc is zero
 *     zeros sparse MIB COUNT   calloc of so much, a byte written, free, so often; prints MiB resident, and faults for each
 */
#include <string.h>
#include <sys/resource.h>

#include "resident.h"

enum { BLOCKS = 40 };

static int is_zero(const unsigned char *block, size_t size)
{
    return size == 0 || (block[0] == 0 && memcmp(block, block + 1, size - 1) == 0);
}

static size_t random_size(uint64_t *seed)
{
    static const size_t most[] = { 300, 9000, 60000, 260000, 260000, 1000000, 1000000, 12000000 };
    return next_random(seed) % most[next_random(seed) % 8] + 1;
}

static void write_some(unsigned char *block, size_t size, uint64_t *seed)
{
    size_t parts = next_random(seed) % 4;
    for (size_t i = 0; i < parts; i++) {
        size_t start = next_random(seed) % size;
        size_t length = next_random(seed) % 2 ? 1 : next_random(seed) % (size - start) + 1;
        memset(block + start, 0xa5, length);
    }
    if (next_random(seed) % 3 == 0)
        memset(block, 0x5a, size);
}

static void use_at_random(long count)
{
    static unsigned char *blocks[BLOCKS];
    static size_t sizes[BLOCKS];
    uint64_t seed = 11;
    for (long i = 0; i < count; i++) {
        int k = (int)(next_random(&seed) % BLOCKS);
        switch (next_random(&seed) % 8) {
        case 0:
            trim();
            /* fall through */
        case 1:
            free(blocks[k]);
            blocks[k] = NULL;
            break;
        case 2:
            sizes[k] = random_size(&seed);
            CHECK(blocks[k] = realloc(blocks[k], sizes[k]));
            break;
        case 3:
            free(blocks[k]);
            sizes[k] = random_size(&seed);
            CHECK(blocks[k] = malloc(sizes[k]));
            break;
        default:
            free(blocks[k]);
            if (sizes[k] == 0 || next_random(&seed) % 2) /* else the same again */
                sizes[k] = random_size(&seed);
            CHECK(blocks[k] = calloc(1, sizes[k]));
            CHECK(is_zero(blocks[k], sizes[k]));
        }
        if (blocks[k])
            write_some(blocks[k], sizes[k], &seed);
    }
}

static void use_sparsely(size_t bytes, int count)
{
    struct rusage before, after;
    for (int i = -3; i < count; i++) {
        if (i == 0)
            getrusage(RUSAGE_SELF, &before);
        volatile char *block = calloc(1, bytes);
        CHECK(block);
        block[(i + 3) * 4096 % bytes] = 1;
        free((void *)block);
    }
    getrusage(RUSAGE_SELF, &after);
    printf("resident %.2f\nfaults %.2f\n", resident(), (double)(after.ru_minflt - before.ru_minflt) / count);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 3);
    if (strcmp(argv[1], "random") == 0)
        use_at_random(atol(argv[2]));
    else
        use_sparsely((size_t)atol(argv[2]) << 20, atoi(argv[3]));
    return 0;
}
