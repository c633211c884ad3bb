/*
 * vfork, a processor's step at a time, with a signal handler between any two that allocates: vforksteps COUNT. Whatever it meets must be what the thread
 * has when the call is over, and the child must not have got the parent's.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static volatile long steps;

static void on_step(int number)
{
    (void)number;
    free(malloc(40));
    steps++;
}

/* The trap flag, of this thread: what is pushed must not lie in the red zone of a function that calls nothing. */
#define WITH_FLAGS(change) \
    __asm__ volatile("lea -128(%%rsp), %%rsp\n pushfq\n " change ", (%%rsp)\n popfq\n lea 128(%%rsp), %%rsp" : : : "memory", "cc")

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 20;
    CHECK(signal(SIGTRAP, on_step) != SIG_ERR);
    for (int i = 0; i < count; i++) {
        WITH_FLAGS("orq $0x100");
        pid_t child = vfork();
        WITH_FLAGS("andq $~0x100");
        if (child == 0) {
            void *blocks[100];
            for (int k = 0; k < 100; k++)
                blocks[k] = malloc(48);
            for (int k = 0; k < 100; k++)
                free(blocks[k]);
            _exit(7);
        }
        int status;
        CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
    CHECK(steps > 10L * count);
    return 0;
}
