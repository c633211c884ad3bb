/*
 * Programs that run out of memory: they must get NULL and ENOMEM, keep what they have, and go on once they have freed some.
 * The limits are set here, above what the process has already.
 *
 *     scarce workload             a fixed sequence that tolerates failures and begins with getppid; prints how many there were
 *     scarce space|data MIB       runs out under RLIMIT_AS or RLIMIT_DATA
 *     scarce refused              runs out because the kernel refuses mmap and mremap
 *     scarce mappings             runs out of mappings (vm.max_map_count)
 *     scarce locked               mlockall: what cannot be released does not read zero
 *     scarce threads MIB          four threads run out under RLIMIT_AS; prints the MiB served
 *     scarce cycles MIB           uses that much at most at a time, in blocks of ever other sizes
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "check.h"
#include "status.h"

#define MIB ((size_t)1 << 20)

enum { MOST = 1 << 20 };

struct block { unsigned char *data; size_t size; };

static struct block blocks[MOST];
static int failures;
static size_t step = 4096;

/* The ends, and something of each step. */
static void fill(struct block b, unsigned char with)
{
    for (size_t i = 0; i < b.size; i += step)
        b.data[i] = with;
    b.data[b.size - 1] = with;
}

static void check(struct block b, unsigned char with)
{
    for (size_t i = 0; i < b.size; i += step)
        CHECK(b.data[i] == with);
    CHECK(b.data[b.size - 1] == with);
}

static void failed(void *result)
{
    CHECK(result == NULL && errno == ENOMEM);
    failures++;
}

/* Up to count blocks, by each function in turn; returns how many there were memory for. */
static int fill_up(size_t size, int count, unsigned char with)
{
    int made = 0;
    for (int i = 0; i < count; i++) {
        void *p = NULL;
        errno = 0;
        switch (i % 4) {
        case 0: p = malloc(size); break;
        case 1: p = calloc(1, size); break;
        case 2: p = aligned_alloc(64, size); break;
        default: errno = posix_memalign(&p, size < 4096 ? 16 : 4096, size);
        }
        if (!p) {
            failed(p);
            break;
        }
        blocks[made] = (struct block){ p, size };
        if (i % 4 == 1)
            check(blocks[made], 0);
        fill(blocks[made++], with);
    }
    return made;
}

static void empty(int count, unsigned char with)
{
    for (int i = 0; i < count; i++) {
        check(blocks[i], with);
        errno = 77;
        free(blocks[i].data);
        CHECK(errno == 77);
    }
}

/* --- the fixed sequence ------------------------------------------------------------------------------------------------- */

static void try_realloc(struct block *b, size_t size, unsigned char with)
{
    errno = 0;
    unsigned char *p = realloc(b->data, size);
    if (!p) {
        failed(p);
        check(*b, with);
        return;
    }
    struct block common = { p, b->size < size ? b->size : size };
    if (size > b->size) /* the last byte of a block that shrank was another one */
        check(common, with);
    *b = (struct block){ p, size };
    fill(*b, with);
}

static void sequence(void)
{
    static const size_t sizes[] = { 24, 5000, 40000, 300000, 3 * MIB, 6 * MIB };
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            int count = sizes[i] < 3000 ? 300 : sizes[i] < 100000 ? 40 : 5;
            int made = fill_up(sizes[i], count, (unsigned char)(i + 1));
            for (int k = 0; k < made; k += 3)
                try_realloc(&blocks[k], sizes[i] * (k % 2 ? 3 : 1) / 2 + 1, (unsigned char)(i + 1));
            if (made > 0) {
                /* What was just freed can be had again, whatever the kernel says. */
                size_t size = blocks[made - 1].size;
                check(blocks[made - 1], (unsigned char)(i + 1));
                free(blocks[made - 1].data);
                blocks[made - 1] = (struct block){ malloc(size), size };
                CHECK(blocks[made - 1].data);
                fill(blocks[made - 1], (unsigned char)(i + 1));
            }
            empty(made, (unsigned char)(i + 1));
            if (i == 3)
                malloc_trim(0);
        }
        struct block grown = { malloc(100), 100 };
        if (grown.data) {
            fill(grown, 9);
            for (size_t size = 5 * MIB; size < 20 * MIB; size += 5 * MIB)
                try_realloc(&grown, size, 9);
            free(grown.data);
        }
        malloc_trim(0);
    }
}

static void workload(void)
{
    step = 65536; /* so that each of the many runs has few page faults */
    CHECK(getppid() > 0); /* in a trace, what comes before is the loader's */
    sequence();
    char line[40];
    int length = snprintf(line, sizeof line, "%d failures\n", failures);
    CHECK(write(1, line, (size_t)length) == length);
}

/* --- limits --------------------------------------------------------------------------------------------------------------- */

static void limit(int resource, size_t bytes)
{
    struct rlimit most = { bytes, bytes };
    CHECK(setrlimit(resource, &most) == 0);
}

/* Out of memory in one size after the other: each time most of it can be had, since the others gave it back. */
static void run_out(size_t most)
{
    static const size_t sizes[] = { 100, 1000, 10000, 100000, 1000000, 5000000, 300 };
    for (int round = 0; round < 2; round++)
        for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            int made = fill_up(sizes[i], MOST, (unsigned char)(i + 3));
            CHECK(made < MOST);
            CHECK(made * sizes[i] >= most / 2);
            errno = 0;
            CHECK(malloc(most * 2) == NULL && errno == ENOMEM);
            errno = 0;
            CHECK(calloc(2, most) == NULL && errno == ENOMEM);
            errno = 0;
            CHECK(realloc(blocks[made / 2].data, most * 2) == NULL && errno == ENOMEM);
            void *untouched = &untouched;
            CHECK(posix_memalign(&untouched, 64, most * 2) == ENOMEM && untouched == &untouched);
            /* One free makes room for one (the fourths are of malloc). */
            for (int k = 0; k < made; k += 4 * (1 + made / 20)) {
                check(blocks[k], (unsigned char)(i + 3));
                free(blocks[k].data);
                blocks[k].data = malloc(sizes[i]);
                CHECK(blocks[k].data);
                fill(blocks[k], (unsigned char)(i + 3));
            }
            empty(made, (unsigned char)(i + 3));
        }
}

static void refuse_memory(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_brk, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* --- mappings ------------------------------------------------------------------------------------------------------------- */

static void use_up_mappings(void)
{
    /* Pages of alternating rights do not merge. */
    size_t pages = 1 << 20;
    char *space = mmap(NULL, pages * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(space != MAP_FAILED);
    size_t i = 1;
    while (i < pages && mprotect(space + i * 4096, 4096, PROT_READ) == 0)
        i += 2;
    CHECK(i < pages && errno == ENOMEM);
}

static void run_without_mappings(void)
{
    int before = fill_up(2000, 5000, 1);
    CHECK(before == 5000);
    use_up_mappings();
    /* A new mapping may join an old one or not: both are right. */
    for (int round = 0; round < 3; round++) {
        int k = 0;
        struct block more[50];
        for (; k < 50; k++) {
            errno = 0;
            more[k] = (struct block){ malloc(3 * MIB), 3 * MIB };
            if (!more[k].data) {
                failed(more[k].data);
                break;
            }
            fill(more[k], 5);
        }
        malloc_trim(0);
        while (--k >= 0) {
            check(more[k], 5);
            free(more[k].data);
        }
    }
    empty(before, 1);
    int again = fill_up(2000, 5000, 2);
    CHECK(again == 5000);
    empty(again, 2);
}

/* --- locked memory --------------------------------------------------------------------------------------------------------- */

static void run_locked(void)
{
    CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);

    // That the kernel takes nothing back is found out with what is free in spans, too, of which some was never handed out.
    CHECK(malloc(50000));
    malloc_trim(0);
    for (int i = 0; i < 100; i++) {
        unsigned char *zeroed = calloc(1, 50000);
        CHECK(zeroed);
        for (int k = 0; k < 50000; k++)
            CHECK(zeroed[k] == 0);
    }

    for (int round = 0; round < 3; round++) {
        sequence();
        int made = fill_up(5 * MIB, 20, 7);
        CHECK(made == 20);
        empty(made, 7);
        malloc_trim(0);
        unsigned char *zeroed = calloc(60, MIB);
        CHECK(zeroed);
        for (size_t i = 0; i < 60 * MIB; i++)
            CHECK(zeroed[i] == 0);
        memset(zeroed, 1, 60 * MIB);
        zeroed = realloc(zeroed, 75 * MIB);
        CHECK(zeroed && zeroed[60 * MIB - 1] == 1);
        free(zeroed);
    }
    CHECK(failures == 0);
}

/* --- threads --------------------------------------------------------------------------------------------------------------- */

static pthread_barrier_t start, full;
static size_t served;

static void *take_all(void *argument)
{
    uint64_t seed = (uintptr_t)argument * 77777 + 5;
    struct list { struct list *next; size_t size; unsigned char fill; } *first = NULL;
    size_t mine = 0;
    pthread_barrier_wait(&start);
    /* Large ones until there are none, then small ones. */
    for (size_t most = 100000; most >= 100; most /= 10)
        while (1) {
            size_t size = sizeof *first + next_random(&seed) % most;
            struct list *next = malloc(size);
            if (!next) {
                CHECK(errno == ENOMEM);
                break;
            }
            next->next = first;
            next->size = size;
            next->fill = (unsigned char)seed;
            memset(next + 1, next->fill, size - sizeof *next);
            mine += size;
            first = next;
        }
    __atomic_add_fetch(&served, mine, __ATOMIC_RELAXED);
    pthread_barrier_wait(&full);
    while (first) {
        struct list *next = first->next;
        unsigned char *bytes = (unsigned char *)(first + 1);
        for (size_t i = 0; i < first->size - sizeof *first; i++)
            CHECK(bytes[i] == first->fill);
        free(first);
        first = next;
    }
    void *again = malloc(100000);
    CHECK(again);
    free(again);
    return NULL;
}

static void run_out_in_threads(size_t bytes)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    pthread_barrier_init(&start, NULL, THREADS);
    pthread_barrier_init(&full, NULL, THREADS);
    limit(RLIMIT_AS, bytes);
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, take_all, (void *)(i + 1)) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%zu\n", served / MIB);
}

/* --- a limit on what is touched -------------------------------------------------------------------------------------------- */

static void run_cycles(size_t bytes)
{
    uint64_t seed = 11;
    for (int round = 0; round < 12; round++) {
        size_t size = (size_t)64 << next_random(&seed) % 16;
        size_t count = bytes / size < MOST ? bytes / size : MOST;
        CHECK(fill_up(size, (int)count, (unsigned char)(round + 1)) == (int)count);
        empty((int)count, (unsigned char)(round + 1));
    }
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    const char *what = argv[1];
    size_t bytes = argc > 2 ? strtoul(argv[2], NULL, 0) * MIB : 0;
    if (strcmp(what, "workload") == 0) {
        workload();
    } else if (strcmp(what, "space") == 0) {
        limit(RLIMIT_AS, status_bytes("VmSize:") + bytes);
        run_out(bytes);
    } else if (strcmp(what, "data") == 0) {
        limit(RLIMIT_DATA, status_bytes("VmData:") + bytes);
        run_out(bytes);
    } else if (strcmp(what, "refused") == 0) {
        int made = fill_up(100000, 300, 1);
        empty(made, 1);
        refuse_memory();
        run_out(10 * MIB);
    } else if (strcmp(what, "mappings") == 0) {
        run_without_mappings();
    } else if (strcmp(what, "locked") == 0) {
        run_locked();
    } else if (strcmp(what, "threads") == 0) {
        run_out_in_threads(bytes);
    } else {
        CHECK(strcmp(what, "cycles") == 0);
        run_cycles(bytes);
    }
    return 0;
}
