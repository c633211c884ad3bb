/*
 * A program with an operator new of its own, which marks its blocks: all forms must go by way of it, from the first constructor on.
 *
 *     replaced early       what an initialiser has by new[] can be freed
 *     replaced forked      new with nothrow in a child of a thread, while another has the dynamic linker's lock
 *     -DLIBRARY            a library with such an initialiser, for a program with -DOF_LIBRARY
 */
#include <cstring>
#include <link.h>
#include <new>
#include <pthread.h>
#include <sys/wait.h>

#include "check.h"

#ifdef LIBRARY
extern char *initial;
char *initial = new char[100];
#else
static const size_t mark = 0xabcdef;

void *operator new(size_t size)
{
    size_t *block = (size_t *)malloc(size + 2 * sizeof mark);
    if (!block)
        throw std::bad_alloc();
    *block = mark;
    return block + 2;
}

void operator delete(void *block) noexcept
{
    if (!block)
        return;
    size_t *start = (size_t *)block - 2;
    CHECK(*start == mark);
    free(start);
}

#ifdef OF_LIBRARY
extern char *initial;
#else
static char *initial = new char[100];
#endif

static void forms()
{
    delete new int;
    delete[] new int[3];
    delete new (std::nothrow) int;
    delete[] new (std::nothrow) int[3];
}

static volatile bool has_lock;

static int wait_for_parent(dl_phdr_info *, size_t, void *)
{
    has_lock = true;
    for (;;)
        pause();
}

static void *keep_lock(void *)
{
    dl_iterate_phdr(wait_for_parent, nullptr);
    return nullptr;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    delete[] initial;
    forms();
    if (strcmp(argv[1], "forked") == 0) {
        pthread_t thread;
        CHECK(pthread_create(&thread, nullptr, keep_lock, nullptr) == 0);
        while (!has_lock)
            usleep(1000);
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            forms();
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    puts("held");
    fflush(stdout);
    _exit(0); /* the thread keeps the lock that exit would want */
}
#endif
