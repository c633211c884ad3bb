/*
 * A heap whose sizes shift: each generation fills it with blocks of another size, checks the bytes of all, and frees nine of ten, by
 * lot, some of them on another thread. What stays is reallocated now and then, and forked children go on for a while.
 *
 *     generations [THREADS [GENERATIONS [MEBIBYTES]]]
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "check.h"

struct block {
    unsigned char *start;
    size_t size;
};

struct heap {
    struct block *blocks;
    size_t count, bytes;
    uint64_t seed;
};

enum { MAX_THREADS = 16, MAILBOX = 4096 };

static size_t most_bytes;
static int generations;
static struct block mailbox[MAILBOX]; /* blocks for another thread to free */
static pthread_mutex_t mailbox_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t mails;
static int is_child; /* its copy of the lock may be held by a thread that it does not have */

static unsigned char mark(struct block block)
{
    return (unsigned char)((uintptr_t)block.start >> 4 ^ block.size);
}

static void fill(struct block block)
{
    memset(block.start, mark(block), block.size);
}

static void check(struct block block)
{
    unsigned char expected = mark(block);
    for (size_t i = 0; i < block.size; i += block.size > 256 ? 61 : 1)
        CHECK(block.start[i] == expected);
    CHECK(block.start[block.size - 1] == expected);
    CHECK(malloc_usable_size(block.start) >= block.size);
}

static void give(struct block block)
{
    check(block);
    free(block.start);
}

static void post(struct block block)
{
    pthread_mutex_lock(&mailbox_lock);
    if (mails < MAILBOX) {
        mailbox[mails++] = block;
        block.start = NULL;
    }
    struct block other = mails > MAILBOX / 2 ? mailbox[--mails] : (struct block){ 0 };
    pthread_mutex_unlock(&mailbox_lock);
    if (block.start)
        give(block);
    if (other.start)
        give(other);
}

static void add(struct heap *heap, size_t size)
{
    struct block block = { next_random(&heap->seed) % 8 ? malloc(size) : aligned_alloc(64, (size + 63) & ~(size_t)63), size };
    CHECK(block.start);
    fill(block);
    heap->blocks[heap->count++] = block;
    heap->bytes += size;
}

static void drop(struct heap *heap, size_t index)
{
    struct block block = heap->blocks[index];
    heap->bytes -= block.size;
    heap->blocks[index] = heap->blocks[--heap->count];
    if (is_child || next_random(&heap->seed) % 16)
        give(block);
    else
        post(block);
}

static void resize(struct heap *heap, size_t index)
{
    struct block *block = &heap->blocks[index];
    check(*block);
    size_t size = 1 + next_random(&heap->seed) % (2 * block->size);
    unsigned char before = mark(*block);
    unsigned char *moved = realloc(block->start, size);
    CHECK(moved);
    size_t kept = size < block->size ? size : block->size;
    CHECK(moved[0] == before && moved[kept - 1] == before);
    heap->bytes += size - block->size;
    *block = (struct block){ moved, size };
    fill(*block);
}

static void generation(struct heap *heap, size_t bytes)
{
    size_t from = (size_t)16 << next_random(&heap->seed) % 11;
    while (heap->bytes < bytes)
        add(heap, from + next_random(&heap->seed) % from);
    for (size_t i = 0; i < heap->count; i += 10)
        resize(heap, i);
    for (size_t left = heap->count / 10; heap->count > left;)
        drop(heap, next_random(&heap->seed) % heap->count);
}

static void *run(void *argument)
{
    struct heap heap = { calloc(most_bytes / 16 + 1, sizeof *heap.blocks), 0, 0, (uintptr_t)argument + 1 };
    CHECK(heap.blocks);
    for (int i = 0; i < generations; i++) {
        generation(&heap, most_bytes);
        if (i % 4 == (int)(uintptr_t)argument % 4) {
            pid_t child = fork();
            CHECK(child >= 0);
            if (child == 0) {
                is_child = 1;
                generation(&heap, most_bytes / 4);
                while (heap.count > 0)
                    give(heap.blocks[--heap.count]);
                _exit(0);
            }
            int status;
            CHECK(waitpid(child, &status, 0) == child && status == 0);
        }
    }
    while (heap.count > 0)
        drop(&heap, heap.count - 1);
    free(heap.blocks);
    return NULL;
}

int main(int argc, char **argv)
{
    long threads = argc > 1 ? atol(argv[1]) : 4;
    generations = argc > 2 ? atoi(argv[2]) : 12;
    most_bytes = (size_t)(argc > 3 ? atol(argv[3]) : 16) << 20;
    CHECK(threads >= 1 && threads <= MAX_THREADS);
    pthread_t thread[MAX_THREADS];
    for (long i = 0; i < threads; i++)
        CHECK(pthread_create(&thread[i], NULL, run, (void *)i) == 0);
    for (long i = 0; i < threads; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
    while (mails > 0)
        give(mailbox[--mails]);
    return 0;
}
