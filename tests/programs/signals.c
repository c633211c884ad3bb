/*
 * Signal handlers that allocate, many times a second on every thread, while their threads allocate.
 *
 *     signals pairs|large|any SECONDS  small blocks of one size, large ones of one size, or blocks of all sizes
 *     signals sized SECONDS            of all sizes, by C++'s operators; the delete says the size
 *     signals altstack                 handlers on the smallest alternate stack that the system allows, on the smallest threads
 *
 * A handler may meet a lock that its own thread holds, and wait for ever: what was found until then is printed, and the exit
 * code is 3.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "check.h"

enum { THREADS = 3, HELD = 12 };

static size_t only; /* size; 0: all */
static volatile int stop;
static volatile long handled;
static volatile int ended;

static void free_any(void *block, size_t size) { (void)size; free(block); }
static void *(*allocate)(size_t) = malloc;
static void (*give_back)(void *, size_t) = free_any;

static size_t pick(uint64_t *seed)
{
    uint64_t r = next_random(seed);
    if (only)
        return only;
    return r % 50 == 0 ? r / 64 % (1 << 20) : r % 5 == 0 ? r / 64 % 20000 : r / 64 % 700;
}

static void mark(unsigned char *block, size_t size, unsigned char with)
{
    memset(block, with, size < 64 ? size : 64);
}

static void check(const unsigned char *block, size_t size, unsigned char with)
{
    for (size_t i = 0; i < size && i < 64; i++)
        CHECK(block[i] == with);
}

static __thread uint64_t handler_seed;

static void on_signal(int number)
{
    unsigned char *blocks[3];
    size_t sizes[3];
    if (handler_seed == 0)
        handler_seed = (uint64_t)(uintptr_t)&number | 1;
    for (int i = 0; i < 3; i++) {
        sizes[i] = pick(&handler_seed);
        blocks[i] = allocate(sizes[i]);
        CHECK(blocks[i]);
        mark(blocks[i], sizes[i], (unsigned char)(0xa0 + i));
    }
    for (int i = 0; i < 3; i++) {
        check(blocks[i], sizes[i], (unsigned char)(0xa0 + i));
        give_back(blocks[i], sizes[i]);
    }
    __atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
}

static void churn(uint64_t seed, long count)
{
    unsigned char *held[HELD] = { 0 };
    size_t sizes[HELD] = { 0 };
    for (long i = 0; i < count && !stop; i++) {
        int k = (int)(next_random(&seed) % HELD);
        if (held[k])
            check(held[k], sizes[k], (unsigned char)(k + 1));
        give_back(held[k], sizes[k]);
        sizes[k] = pick(&seed);
        held[k] = allocate(sizes[k]);
        CHECK(held[k]);
        mark(held[k], sizes[k], (unsigned char)(k + 1));
    }
    for (int k = 0; k < HELD; k++)
        give_back(held[k], sizes[k]);
}

static void block_signals(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(how, &set, NULL);
}

/* The thread's own timer: a signal every 200 microseconds. */
static void start_timer(void)
{
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    timer_t timer;
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    struct itimerspec every = { { 0, 200000 }, { 0, 200000 } };
    CHECK(timer_settime(timer, 0, &every, NULL) == 0);
}

static void *work(void *argument)
{
    uint64_t seed = (uintptr_t)argument * 7919;
    block_signals(SIG_BLOCK);
    churn(seed, 20000); /* the caches fill */
    start_timer();
    block_signals(SIG_UNBLOCK);
    churn(seed, LONG_MAX);
    block_signals(SIG_BLOCK);
    __atomic_add_fetch(&ended, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void run_for(int seconds)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)(i + 1)) == 0);
    block_signals(SIG_BLOCK);
    for (long before = -1, i = 0; i < seconds && before != handled; i++) {
        before = handled;
        sleep(1);
    }
    long last = handled;
    stop = 1;
    for (int i = 0; i < 40 && ended < THREADS; i++)
        usleep(50000);
    if (ended < THREADS) {
        char line[80]; /* printf would allocate */
        int length = snprintf(line, sizeof line, "%ld signals, then a handler waits for its own thread\n", last);
        _exit(write(1, line, (size_t)length) == length ? 3 : 1);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%ld signals\n", handled);
}

static void *on_small_stacks(void *argument)
{
    size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + 2048; /* what the CPU's registers take (12 KiB with AMX), and the handler, us included */
    unsigned char *memory = mmap(NULL, 4096 + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    CHECK(mprotect(memory, 4096, PROT_NONE) == 0); /* what is below it must not be touched */
    stack_t alternate = { .ss_sp = memory + 4096, .ss_size = size };
    CHECK(sigaltstack(&alternate, NULL) == 0);
    for (int i = 0; i < 50; i++) {
        raise(SIGUSR1);
        churn((uintptr_t)argument + 3, 100);
    }
    stack_t none = { .ss_flags = SS_DISABLE };
    sigaltstack(&none, NULL);
    munmap(memory, 4096 + size);
    return NULL;
}

static void run_on_small_stacks(void)
{
    pthread_attr_t smallest;
    pthread_attr_init(&smallest);
    CHECK(pthread_attr_setstacksize(&smallest, (size_t)sysconf(_SC_THREAD_STACK_MIN)) == 0);
    for (uintptr_t i = 0; i < 40; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, &smallest, on_small_stacks, (void *)i) == 0);
        pthread_join(thread, NULL);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK };
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    only = strcmp(argv[1], "pairs") == 0 ? 64 : strcmp(argv[1], "large") == 0 ? 300 << 10 : 0;
    if (strcmp(argv[1], "sized") == 0) {
        *(void **)&allocate = dlsym(RTLD_DEFAULT, "_Znwm");
        *(void **)&give_back = dlsym(RTLD_DEFAULT, "_ZdlPvm");
        CHECK(allocate && give_back);
    }
    if (strcmp(argv[1], "altstack") == 0)
        run_on_small_stacks();
    else
        run_for(argc > 2 ? atoi(argv[2]) : 2);
    return 0;
}
