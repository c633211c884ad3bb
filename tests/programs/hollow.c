/*
 * Programs of which little is left, here and there: what they keep holds its bytes, what calloc gives reads zero, and the rest goes back.
 *
 *     hollow lot FROM TO MIB   a heap of sizes FROM to TO; nine of ten are freed by lot, and then little is done. Prints MiB live and resident,
 *                              then and after malloc_trim
 *     hollow again SECONDS     threads that free nine of ten and take them again, over and over, by malloc, calloc, realloc and aligned_alloc;
 *                              each frees some of the others', and children are forked
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "resident.h"

enum { BLOCKS = 1 << 19, THREADS = 3, SLOTS = 3000, MAILBOX = 64 };

struct block {
    unsigned char *start;
    size_t size;
};

static unsigned char mark(struct block block)
{
    return (unsigned char)(((uintptr_t)block.start >> 4 ^ block.size) | 1);
}

static void fill(struct block block)
{
    memset(block.start, mark(block), block.size);
}

static void check(struct block block)
{
    CHECK(block.start[0] == mark(block) && memcmp(block.start, block.start + 1, block.size - 1) == 0);
    CHECK(malloc_usable_size(block.start) >= block.size);
}

static void pause_for(long nanoseconds)
{
    nanosleep(&(struct timespec){ 0, nanoseconds }, NULL);
}

static void use_lightly(double seconds)
{
    for (int i = 0; i < seconds * 1000; i++) {
        free(malloc(100)); /* which no cache misses */
        pause_for(1000000);
    }
}

static void free_by_lot(size_t from, size_t to, size_t bytes)
{
    static struct block blocks[BLOCKS];
    uint64_t seed = 13;
    size_t count = 0, live = 0;
    memset(blocks, 1, sizeof blocks); /* resident from now on */
    double before = resident();
    for (; live < bytes; live += blocks[count++].size) {
        CHECK(count < BLOCKS);
        size_t size = from + next_random(&seed) % (to - from);
        blocks[count] = (struct block){ malloc(size), size };
        CHECK(blocks[count].start);
        fill(blocks[count]);
    }
    for (size_t left = count / 10; count > left;) {
        size_t k = next_random(&seed) % count;
        live -= blocks[k].size;
        free(blocks[k].start);
        blocks[k] = blocks[--count];
    }
    use_lightly(1.5);
    printf("live %.1f\nresident %.1f\n", live / 1048576.0, resident() - before);
    malloc_trim(0);
    printf("trimmed %.1f\n", resident() - before);
    for (size_t k = 0; k < count; k++)
        check(blocks[k]);
}

static struct block mailbox[MAILBOX];
static pthread_mutex_t mailbox_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t mails;
static volatile int stop;

static struct block exchange(struct block block)
{
    pthread_mutex_lock(&mailbox_lock);
    struct block other = { NULL, 0 };
    if (mails < MAILBOX) {
        mailbox[mails++] = block;
    } else {
        other = mailbox[0];
        mailbox[0] = block;
    }
    pthread_mutex_unlock(&mailbox_lock);
    return other;
}

static struct block take(uint64_t *seed)
{
    size_t most = (size_t)1 << (8 + next_random(seed) % 11); /* 256 bytes to 256 KiB */
    struct block block = { NULL, most / 2 + next_random(seed) % (most / 2) };
    switch (next_random(seed) % 4) {
    case 0:
        CHECK(block.start = calloc(1, block.size));
        CHECK(block.start[0] == 0 && memcmp(block.start, block.start + 1, block.size - 1) == 0);
        break;
    case 1:
        block.size = (block.size + 4095) & ~(size_t)4095;
        CHECK((block.start = aligned_alloc(4096, block.size)) && (uintptr_t)block.start % 4096 == 0);
        break;
    default:
        CHECK(block.start = malloc(block.size));
    }
    fill(block);
    return block;
}

static void drop(struct block block)
{
    check(block);
    free(block.start);
}

static void resize(struct block *block, uint64_t *seed)
{
    check(*block);
    unsigned char before = mark(*block);
    size_t size = 1 + next_random(seed) % (2 * block->size);
    CHECK(block->start = realloc(block->start, size));
    size_t kept = size < block->size ? size : block->size;
    CHECK(block->start[0] == before && block->start[kept - 1] == before);
    block->size = size;
    fill(*block);
}

static void *use(void *argument)
{
    struct block *blocks = calloc(SLOTS, sizeof *blocks);
    uint64_t seed = (uintptr_t)argument * 77 + 5;
    CHECK(blocks);
    for (int round = 0; !stop; round++) {
        for (int k = 0; k < SLOTS && !stop; k++)
            if (!blocks[k].start && next_random(&seed) % 3)
                blocks[k] = take(&seed);
        for (int k = 0; k < SLOTS && !stop; k++) {
            if (!blocks[k].start)
                continue;
            unsigned lot = next_random(&seed) % 40;
            if (lot == 0) {
                resize(&blocks[k], &seed);
            } else if (lot == 1) {
                blocks[k] = exchange(blocks[k]);
            } else if (lot < 36) {
                drop(blocks[k]);
                blocks[k].start = NULL;
            } else {
                check(blocks[k]);
            }
        }
        if (round % 8 == (int)(uintptr_t)argument)
            malloc_trim(0);
        pause_for(3000000); /* so that something lies idle */
    }
    for (int k = 0; k < SLOTS; k++)
        if (blocks[k].start)
            drop(blocks[k]);
    free(blocks);
    return NULL;
}

static void use_again_and_again(int seconds)
{
    pthread_t threads[THREADS];
    time_t end = time(NULL) + seconds;
    for (long i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, use, (void *)i) == 0);
    while (time(NULL) < end) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            uint64_t seed = 3;
            struct block blocks[100];
            for (int i = 0; i < 1000; i++) {
                if (i >= 100)
                    drop(blocks[i % 100]);
                blocks[i % 100] = take(&seed);
            }
            malloc_trim(0);
            for (int i = 0; i < 100; i++)
                drop(blocks[i]);
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        pause_for(20000000);
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    while (mails > 0)
        drop(mailbox[--mails]);
}

int main(int argc, char **argv)
{
    CHECK(argc > 2);
    if (strcmp(argv[1], "lot") == 0)
        free_by_lot(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10) << 20);
    else
        use_again_and_again(atoi(argv[2]));
    return 0;
}
