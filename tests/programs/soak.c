/*
 * Everything at once, for a number of seconds: threads that come and go, allocate all sizes up to 5 MiB by every
 * function, check the contents, pass blocks to each other, change CPUs, are signalled, and fork children that allocate.
 *
 *     soak SECONDS [THREADS [SEED]]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

struct block {
    unsigned char *data;
    size_t size;
    unsigned char fill;
};

enum { SLOTS = 400, MAILBOX = 256 };

static struct block mailbox[MAILBOX];
static pthread_mutex_t mailbox_locks[MAILBOX];
static volatile int stop;
static time_t end;
static volatile long signals, forks, operations;

static size_t random_size(uint64_t *seed)
{
    uint64_t r = next_random(seed);
    switch (r % 16) {
    case 0: return 0;
    case 1: return next_random(seed) % (5 << 20);
    case 2: return next_random(seed) % (300 << 10);
    case 3: case 4: return next_random(seed) % (20 << 10);
    case 5: case 6: case 7: return next_random(seed) % 2000;
    default: return next_random(seed) % 256;
    }
}

/* Large blocks are filled and checked at their ends and on each page. */
static void fill(struct block *b)
{
    for (size_t i = 0; i < b->size; i += b->size > 8192 && i >= 64 && i + 4160 < b->size ? 4096 : 1)
        b->data[i] = (unsigned char)(b->fill + i);
}

static void check(const struct block *b, size_t size)
{
    for (size_t i = 0; i < size; i += b->size > 8192 && i >= 64 && i + 4160 < b->size ? 4096 : 1)
        CHECK(b->data[i] == (unsigned char)(b->fill + i));
}

static struct block make(uint64_t *seed)
{
    struct block b = { NULL, random_size(seed), (unsigned char)next_random(seed) };
    switch (next_random(seed) % 8) {
    case 0:
        b.data = calloc(1, b.size);
        CHECK(b.data);
        for (size_t i = 0; i < b.size; i += 1 + i / 64)
            CHECK(b.data[i] == 0);
        break;
    case 1: {
        size_t alignment = (size_t)16 << next_random(seed) % 12;
        void *p = NULL;
        CHECK(posix_memalign(&p, alignment, b.size) == 0);
        CHECK((uintptr_t)p % alignment == 0);
        b.data = p;
        break;
    }
    default:
        b.data = malloc(b.size);
    }
    CHECK(b.data && (uintptr_t)b.data % 16 == 0 && malloc_usable_size(b.data) >= b.size);
    fill(&b);
    return b;
}

static void change(struct block *b, uint64_t *seed)
{
    size_t size = random_size(seed) + 1;
    check(b, b->size);
    struct block old = *b;
    unsigned char *p = realloc(b->data, size);
    CHECK(p);
    /* Check the part that both sizes fill, with the old block's pattern. */
    old.data = p;
    size_t common = old.size < size ? old.size : size;
    for (size_t i = 0; i < common; i += old.size > 8192 && i >= 64 && i + 4160 < old.size ? 4096 : 1)
        CHECK(p[i] == (unsigned char)(old.fill + i));
    b->data = p;
    b->size = size;
    fill(b);
}

static void drop(struct block *b)
{
    if (b->data) {
        check(b, b->size);
        errno = 77;
        free(b->data);
        CHECK(errno == 77);
        b->data = NULL;
    }
}

static void exchange(struct block *b, uint64_t *seed)
{
    int place = (int)(next_random(seed) % MAILBOX);
    pthread_mutex_lock(&mailbox_locks[place]);
    struct block other = mailbox[place];
    mailbox[place] = *b;
    *b = other;
    pthread_mutex_unlock(&mailbox_locks[place]);
}

static void churn(struct block *blocks, int slots, long count, uint64_t *seed)
{
    for (long i = 0; i < count && !stop; i++) {
        struct block *b = &blocks[next_random(seed) % slots];
        switch (next_random(seed) % 6) {
        case 0: case 1: case 2:
            drop(b);
            *b = make(seed);
            break;
        case 3:
            if (b->data)
                change(b, seed);
            break;
        case 4:
            exchange(b, seed);
            break;
        default:
            drop(b);
        }
    }
    __sync_fetch_and_add(&operations, count);
}

static void fork_child(struct block *blocks, uint64_t *seed)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(60);
        struct block own[32] = { 0 };
        for (int i = 0; i < 2000; i++) {
            struct block *b = &own[next_random(seed) % 32];
            drop(b);
            *b = make(seed);
        }
        for (int i = 0; i < SLOTS; i++)
            drop(&blocks[i]);
        _exit(0);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    __sync_fetch_and_add(&forks, 1);
}

struct job { uint64_t seed; };

static void *worker(void *argument)
{
    uint64_t seed = ((struct job *)argument)->seed;
    free(argument);
    struct block *blocks = calloc(SLOTS, sizeof *blocks);
    for (int round = 0; round < 72 && !stop; round++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
        CPU_SET(next_random(&seed) % cpus, &set);
        if (next_random(&seed) % 3 == 0)
            for (int i = 0; i < cpus; i++)
                CPU_SET(i, &set);
        sched_setaffinity(0, sizeof set, &set);
        churn(blocks, SLOTS, 500, &seed);
        if (next_random(&seed) % 24 == 0)
            fork_child(blocks, &seed);
        if (next_random(&seed) % 400 == 0)
            trim();
    }
    for (int i = 0; i < SLOTS; i++)
        drop(&blocks[i]);
    free(blocks);
    return NULL;
}

static void on_signal(int number)
{
    (void)number;
    signals++;
    stop = time(NULL) >= end; /* main may be waiting for a thread that has much left to do */
}

int main(int argc, char **argv)
{
    CHECK(argc > 1);
    end = time(NULL) + atoi(argv[1]);
    int threads = argc > 2 ? atoi(argv[2]) : 8;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 88172645463325252ULL;
    for (int i = 0; i < MAILBOX; i++)
        pthread_mutex_init(&mailbox_locks[i], NULL);

    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigaction(SIGALRM, &action, NULL);
    struct itimerval every = { { 0, 500 }, { 0, 500 } };
    setitimer(ITIMER_REAL, &every, NULL);

    pthread_t *running = calloc(threads, sizeof *running);
    for (int i = 0; i < threads; i++) {
        struct job *job = malloc(sizeof *job);
        job->seed = next_random(&seed);
        CHECK(pthread_create(&running[i], NULL, worker, job) == 0);
    }
    for (int i = 0; !stop; i = (i + 1) % threads) {
        pthread_join(running[i], NULL);
        struct job *job = malloc(sizeof *job);
        job->seed = next_random(&seed);
        CHECK(pthread_create(&running[i], NULL, worker, job) == 0);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    free(running);
    for (int i = 0; i < MAILBOX; i++)
        drop(&mailbox[i]);
    printf("%ld operations, %ld forks, %ld signals\n", operations, forks, signals);
    return 0;
}
