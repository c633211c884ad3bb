/*
 * The timed loops of the microbenchmarks: a P/Invoke costs more than a malloc, so each function here makes many calls. BenchmarkDotNet
 * (perf/Benchmarks) calls them in a process that has the allocator preloaded.
 *
 * With PERF_LOOP_ONLY set nothing is allocated: the calls go to functions that return the same block always. What is timed then is the
 * loop itself, which the report takes off.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../programs/random.h"

/* Through pointers in both cases, so that the loop is the same. */
static struct {
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*aligned_alloc)(size_t, size_t);
} call = { malloc, free, calloc, realloc, aligned_alloc };

static _Alignas(4096) char the_block[4096];

static void *no_malloc(size_t size) { (void)size; return the_block; }
static void no_free(void *block) { (void)block; }
static void *no_calloc(size_t count, size_t size) { (void)count; (void)size; return the_block; }
static void *no_realloc(void *block, size_t size) { (void)block; (void)size; return the_block; }
static void *no_aligned_alloc(size_t alignment, size_t size) { (void)alignment; (void)size; return the_block; }

__attribute__((constructor)) static void choose(void)
{
    if (!getenv("PERF_LOOP_ONLY"))
        return;
    call.malloc = no_malloc;
    call.free = no_free;
    call.calloc = no_calloc;
    call.realloc = no_realloc;
    call.aligned_alloc = no_aligned_alloc;
}

/* A block that is not written to is not used. */
static inline void *use(void *block)
{
    if (!block)
        abort();
    *(volatile char *)block = 1;
    return block;
}

/* Arrays of the loops' own must not come from the allocator that is measured. */
static void *room(size_t bytes)
{
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (start == MAP_FAILED)
        abort();
    return start;
}

/* Sizes up to the largest, as many in each doubling: programs have many small blocks and few large ones. */
enum { SIZES = 1 << 16 };
static void draw_sizes(uint32_t *sizes, long largest)
{
    uint64_t state = 88172645463325252u;
    int doublings = 63 - __builtin_clzl((unsigned long)largest) - 3;
    for (int i = 0; i < SIZES; i++) {
        uint64_t power = 8u << next_of(&state) % (unsigned)doublings;
        sizes[i] = (uint32_t)(power + 1 + next_of(&state) % power);
    }
}

static uint32_t *sizes_to(long largest)
{
    static _Thread_local uint32_t *sizes;
    static _Thread_local long drawn;
    if (!sizes)
        sizes = room(SIZES * sizeof *sizes);
    if (drawn != largest)
        draw_sizes(sizes, largest);
    drawn = largest;
    return sizes;
}

/* COUNT times malloc and free of SIZE bytes. */
void pairs(long size, long count)
{
    for (long i = 0; i < count; i++)
        call.free(use(call.malloc((size_t)size)));
}

/* COUNT blocks of SIZE bytes in batches: BATCH are allocated, then freed in the same order. */
void batches(long size, long batch, long count)
{
    static void **blocks;
    static long most;
    if (batch > most)
        blocks = room((size_t)(most = batch) * sizeof *blocks);
    for (long done = 0; done < count; done += batch) {
        for (long i = 0; i < batch; i++)
            blocks[i] = use(call.malloc((size_t)size));
        for (long i = 0; i < batch; i++)
            call.free(blocks[i]);
    }
}

/* As batches, but freed in an order that has nothing to do with that in which they were allocated, as what a hash table holds. */
void scattered(long size, long batch, long count)
{
    static void **blocks;
    static uint32_t *places;
    static long drawn;
    if (drawn != batch) {
        uint64_t state = 88172645463325252u;
        blocks = room((size_t)batch * sizeof *blocks);
        places = room((size_t)batch * sizeof *places);
        for (long i = 0; i < batch; i++) {
            long other = (long)(next_of(&state) % (uint64_t)(i + 1));
            places[i] = places[other];
            places[other] = (uint32_t)i;
        }
        drawn = batch;
    }
    for (long done = 0; done < count; done += batch) {
        for (long i = 0; i < batch; i++)
            blocks[places[i]] = use(call.malloc((size_t)size));
        for (long i = 0; i < batch; i++)
            call.free(blocks[i]);
    }
}

/* COUNT times a block of LIVE, chosen at random, is freed and another of up to LARGEST bytes comes in its place. */
static void replace(void **live, long slots, const uint32_t *sizes, long count, uint64_t state)
{
    for (long i = 0; i < count; i++) {
        uint64_t random = next_of(&state);
        long slot = (long)((random & 0xffffffff) * (uint64_t)slots >> 32);
        call.free(live[slot]);
        live[slot] = use(call.malloc(sizes[random >> 48]));
    }
}

/* The blocks stay from one call to the next. */
void mixed(long slots, long largest, long count)
{
    static void **live;
    static uint64_t state = 1442695040888963407u;
    const uint32_t *sizes = sizes_to(largest);
    if (!live) {
        live = room((size_t)slots * sizeof *live);
        for (long i = 0; i < slots; i++)
            live[i] = use(call.malloc(sizes[i % SIZES]));
    }
    replace(live, slots, sizes, count, next_of(&state));
}

void callocs(long size, long count)
{
    for (long i = 0; i < count; i++)
        call.free(use(call.calloc(1, (size_t)size)));
}

/* COUNT times one block grows by realloc from 16 bytes to LARGEST, each time by PERCENT, at least 16 bytes and at most 64 KiB. */
void growths(long largest, long percent, long count)
{
    for (long i = 0; i < count; i++) {
        char *block = call.malloc(16);
        for (long size = 16; size < largest;) {
            long step = size * percent / 100;
            size += step < 16 ? 16 : step > 65536 ? 65536 : step;
            block = use(call.realloc(block, (size_t)size));
        }
        call.free(block);
    }
}

void aligned(long alignment, long size, long count)
{
    for (long i = 0; i < count; i++)
        call.free(use(call.aligned_alloc((size_t)alignment, (size_t)size)));
}

/* A queue of one producer and one consumer; each side looks at the other's place only when it must. */
enum { QUEUE = 1024 };
static struct {
    _Alignas(128) _Atomic long put;
    _Alignas(128) _Atomic long taken;
    _Alignas(128) void *slot[QUEUE];
} queue;

/* Whoever waits long lets others run: there may be more threads than CPUs. */
static inline void pause_or_yield(long *waited)
{
    __builtin_ia32_pause();
    if (++*waited % 1000 == 0)
        sched_yield();
}

static void *consume(void *argument)
{
    long count = *(long *)argument, put = 0, waited = 0;
    for (long i = 0; i < count; i++) {
        while (put == i)
            if ((put = atomic_load_explicit(&queue.put, memory_order_acquire)) == i)
                pause_or_yield(&waited);
        call.free(queue.slot[i % QUEUE]);
        if (i % 16 == 15)
            atomic_store_explicit(&queue.taken, i + 1, memory_order_release);
    }
    return NULL;
}

/* COUNT blocks of up to LARGEST bytes are allocated by one thread and freed by another. COUNT is a multiple of 16. */
void exchange(long largest, long count)
{
    const uint32_t *sizes = sizes_to(largest);
    pthread_t consumer;
    atomic_store(&queue.put, 0);
    atomic_store(&queue.taken, 0);
    if (pthread_create(&consumer, NULL, consume, &count) != 0)
        abort();
    long taken = 0, waited = 0;
    for (long i = 0; i < count; i++) {
        while (i - taken >= QUEUE)
            if (i - (taken = atomic_load_explicit(&queue.taken, memory_order_acquire)) >= QUEUE)
                pause_or_yield(&waited);
        queue.slot[i % QUEUE] = use(call.malloc(sizes[i % SIZES]));
        atomic_store_explicit(&queue.put, i + 1, memory_order_release);
    }
    pthread_join(consumer, NULL);
}

enum { MOST_THREADS = 256, MOST_SLOTS = 1024 };
struct crew {
    const uint32_t *sizes;
    long slots, count;
};

static void *work(void *argument)
{
    const struct crew *crew = argument;
    void *live[MOST_SLOTS] = { 0 };
    replace(live, crew->slots, crew->sizes, crew->count, (uint64_t)(uintptr_t)live | 1);
    for (long i = 0; i < crew->slots; i++)
        call.free(live[i]);
    return NULL;
}

/* As mixed, in THREADS threads that start and end here; COUNT is over all of them. */
void crowd(long threads, long slots, long largest, long count)
{
    struct crew crew = { sizes_to(largest), slots, count / threads };
    pthread_t thread[MOST_THREADS];
    if (threads > MOST_THREADS || slots > MOST_SLOTS)
        abort();
    for (long i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, work, &crew) != 0)
            abort();
    for (long i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
}

static void *live_shortly(void *argument)
{
    void *blocks[10];
    for (int i = 0; i < 10; i++)
        blocks[i] = use(call.malloc((size_t)(32 << i)));
    for (int i = 0; i < 10; i++)
        call.free(blocks[i]);
    return argument;
}

/* COUNT threads, one after the other, each of which allocates ten blocks and frees them. */
void starts(long count)
{
    for (long i = 0; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, live_shortly, NULL) != 0)
            abort();
        pthread_join(thread, NULL);
    }
}
