/*
 * Seccomp filters.
 *
 *     filtered CALL ERROR PROGRAM...   refuses the system call (rseq, membarrier, madvise) with the error number, then runs the program;
 *                                      0 is said to be done, and is not
 *     filtered kill [COUNT]            allocates a little, then under a filter that kills for any system call but those that
 *                                      glibc's malloc makes allocates a great deal
 *     filtered short                   the same with another thread, until there is no memory, in small blocks and in large ones
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "check.h"

static void install(struct sock_filter *filter, unsigned short length)
{
    struct sock_fprog program = { length, filter };
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void refuse(int call, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    install(filter, sizeof filter / sizeof *filter);
}

static void kill_but_for_malloc(void)
{
    static const int allowed[] = {
        SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_futex, SYS_write, SYS_exit_group,
    };
    enum { COUNT = sizeof allowed / sizeof *allowed };
    struct sock_filter filter[COUNT + 3] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)) };
    for (int i = 0; i < COUNT; i++)
        filter[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], COUNT - i, 0);
    filter[COUNT + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    filter[COUNT + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    install(filter, COUNT + 3);
}

static void allocate_a_great_deal(long count)
{
    uint64_t seed = 5;
    static unsigned char *blocks[3000];
    for (long i = 0; i < count; i++) {
        int k = (int)(next_random(&seed) % 3000);
        size_t size = next_random(&seed) % (i % 1000 == 0 ? 9000000 : i % 50 == 0 ? 100000 : 700) + 1;
        switch (next_random(&seed) % 4) {
        case 0:
            free(blocks[k]);
            blocks[k] = calloc(1, size);
            break;
        case 1:
            free(blocks[k]);
            blocks[k] = memalign(64, size);
            break;
        case 2:
            blocks[k] = realloc(blocks[k], size);
            break;
        default:
            free(blocks[k]);
            blocks[k] = malloc(size);
        }
        CHECK(blocks[k]);
        blocks[k][0] = blocks[k][size - 1] = 1;
    }
    for (int k = 0; k < 3000; k++)
        free(blocks[k]);
}

static pthread_barrier_t barrier;

static void *allocate_and_wait(void *argument)
{
    free(malloc(100));
    pthread_barrier_wait(&barrier);
    for (;;)
        pause();
    return argument;
}

static void run_out(size_t size)
{
    static void *last;
    for (void *p; (p = malloc(size)) != NULL; last = p)
        *(void **)p = last;
    for (void *next; last; last = next) {
        next = *(void **)last;
        free(last);
    }
}

static void end(void)
{
    static const char done[] = "done\n";
    CHECK(write(1, done, sizeof done - 1) == sizeof done - 1);
    syscall(SYS_exit_group, 0);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    if (strcmp(argv[1], "kill") == 0) {
        free(malloc(100));
        kill_but_for_malloc();
        allocate_a_great_deal(argc > 2 ? atol(argv[2]) : 2000000);
        end();
    }
    if (strcmp(argv[1], "short") == 0) {
        pthread_t thread;
        pthread_barrier_init(&barrier, NULL, 2);
        CHECK(pthread_create(&thread, NULL, allocate_and_wait, NULL) == 0);
        pthread_barrier_wait(&barrier);
        CHECK(setrlimit(RLIMIT_AS, &(struct rlimit){ 200 << 20, 200 << 20 }) == 0);
        kill_but_for_malloc();
        run_out(1000);
        run_out(100000);
        run_out(1000000);
        end();
    }
    CHECK(argc >= 4);
    refuse(strcmp(argv[1], "rseq") == 0 ? 334 : strcmp(argv[1], "madvise") == 0 ? SYS_madvise : 324, atoi(argv[2]));
    execvp(argv[3], argv + 3);
    perror(argv[3]);
    return 127;
}
