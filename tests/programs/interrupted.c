/*
 * A signal's handler that misuses the heap, again and again, while its thread is most of the time on a slow path of malloc. The abort
 * is gone on behind by siglongjmp, and the heap used.
 *
 *     interrupted double|double-later|interior|foreign
 */
#define _GNU_SOURCE
#include <sys/time.h>

#include "aborted.h"

enum { ABORTS = 30, BLOCKS = 2000 };

static const char *kind;
static char *blocks[BLOCKS];
static volatile int next;

static void on_alarm(int number)
{
    static char array[64] __attribute__((aligned(16)));
    (void)number;
    if (next + 1 >= BLOCKS || aborts >= ABORTS)
        return;
    char *block = blocks[next++];
    if (strcmp(kind, "interior") == 0) {
        free(block + 16);
        CHECK(block[16] == 7);
    } else if (strcmp(kind, "foreign") == 0) {
        free(array);
    } else {
        free(block);
        if (strcmp(kind, "double-later") == 0)
            free(blocks[next++]);
        free(block);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    kind = argv[1];
    does = "jump";
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(100);
        CHECK(blocks[i]);
        memset(blocks[i], 7, 100);
    }
    signal(SIGABRT, on_abort);
    signal(SIGALRM, on_alarm);
    sigsetjmp(back, 1);
    setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 500 }, { 0, 500 } }, NULL);
    while (aborts < ABORTS && next + 1 < BLOCKS) {
        void *large = malloc(600000);
        KEEP(large);
        free(large);
        trim();
    }
    signal(SIGALRM, SIG_IGN);
    CHECK(aborts > 0);
    sigsetjmp(back, 1);
    trim(); /* what is in the caches twice must not be handed out */
    use_the_heap();
    use_it_in_a_child();
    puts("went on");
    fflush(stdout);
    _exit(0);
}
