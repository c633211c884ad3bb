/*
 * While a thread is on its slow path, another of the same CPU looks at the same slab: a timer interrupts the first wherever it is, and its
 * handler lets the second run, which asks for a block of each class. What the first had half changed must not show.
 *
 *     torn SECONDS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "pin.h"

enum { CLASSES = 64, MOST = 6000 };

static size_t sizes[CLASSES];
static int classes;
static sem_t turn;
static timer_t timer;
static volatile int stop;
static volatile long looks;
static char *blocks[MOST];

/* What lies on the stack is no address: a malloc that returns a word of it is found out. */
static __attribute__((noinline)) void dirty(void)
{
    volatile char stack[4096];
    memset((char *)stack, 0x41, sizeof stack);
    __asm__ volatile("" ::: "memory");
}

static void *look(void *argument)
{
    for (;;) {
        while (sem_wait(&turn) != 0)
            ;
        if (stop)
            return argument;
        for (int k = 0; k < classes; k++) {
            dirty();
            char *p = malloc(sizes[k]);
            CHECK(p && (uintptr_t)p % 16 == 0 && (uintptr_t)p >> 47 == 0);
            CHECK(malloc_usable_size(p) >= sizes[k]);
            memset(p, 0x5a, sizes[k]);
            free(p);
        }
        looks++;
    }
}

static void interrupt_later(void)
{
    struct itimerspec once = { { 0, 0 }, { 0, 50000 } };
    CHECK(timer_settime(timer, 0, &once, NULL) == 0);
}

/* Not until the other is done: it may wait for a lock that this thread has. */
static void on_timer(int number)
{
    (void)number;
    int error = errno;
    sem_post(&turn);
    nanosleep(&(struct timespec){ 0, 30000 }, NULL);
    interrupt_later();
    errno = error;
}

int main(int argc, char **argv)
{
    CHECK(argc > 1);
    time_t end = time(NULL) + atoi(argv[1]);
    pin(0);
    for (size_t s = 16; s <= 1024 && classes < CLASSES; s = sizes[classes - 1] + 1) {
        void *p = malloc(s);
        sizes[classes++] = malloc_usable_size(p);
        free(p);
    }

    pthread_t thread;
    sem_init(&turn, 0, 0);
    CHECK(pthread_create(&thread, NULL, look, NULL) == 0);
    struct sigaction action = { .sa_handler = on_timer };
    sigaction(SIGUSR1, &action, NULL);
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    interrupt_later();

    long phases = 0;
    while (time(NULL) < end) {
        for (int k = 0; k < classes && time(NULL) < end; k++, phases++) {
            int count = sizes[k] <= 256 ? MOST : MOST / 4;
            for (int round = 0; round < 8; round++) {
                for (int i = 0; i < count; i++)
                    CHECK(blocks[i] = malloc(sizes[k]));
                for (int i = 0; i < count; i++)
                    free(blocks[i]);
            }
        }
    }

    timer_delete(timer);
    stop = 1;
    sem_post(&turn);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(looks > 0);
    printf("%ld phases, %ld looks\n", phases, looks);
    return 0;
}
