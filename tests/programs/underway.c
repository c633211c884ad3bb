/*
 * Forks while other threads allocate with one of libc's locks held, which fork takes itself after its handlers:
 *
 *     underway streams|files|pipes|exits FORKS
 *     underway loader FORKS LIBRARY            which is loaded again and again
 *
 * A fork that hangs ends the program by SIGALRM.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "check.h"

static const char *library;

/* getline allocates with the stream locked. */
static void *read_lines(void *argument)
{
    FILE *stream = tmpfile();
    CHECK(stream);
    for (int i = 0; i < 50000; i++)
        fputc('x', stream);
    fputc('\n', stream);
    while (1) {
        char *line = NULL;
        size_t size = 0;
        rewind(stream);
        CHECK(getline(&line, &size, stream) == 50001);
        free(line);
    }
    return argument;
}

/* Takes the lock of the list of streams, and with it each stream's. */
static void *flush_all(void *argument)
{
    while (1)
        fflush(NULL);
    return argument;
}

static void *flush_now_and_then(void *argument)
{
    while (1) {
        fflush(NULL);
        usleep(100);
    }
    return argument;
}

/* The first write to a stream allocates its buffer. */
static void *write_files(void *argument)
{
    while (1) {
        FILE *stream = fopen("/dev/null", "w");
        CHECK(stream && fprintf(stream, "%d\n", 1) == 2);
        fclose(stream);
    }
    return argument;
}

/* A pipe's process closes those of the others: a list is made of them. */
static void *open_pipes(void *argument)
{
    FILE *others[20];
    for (int i = 0; i < 20; i++)
        CHECK((others[i] = popen("cat", "w")));
    while (1) {
        FILE *pipe = popen(":", "r");
        CHECK(pipe);
        pclose(pipe);
    }
    return argument;
}

static void nothing(void) {}

/* Each thirty-second one is for a new list. */
static void *register_exits(void *argument)
{
    for (int i = 0; i < 100000; i++) {
        CHECK(atexit(nothing) == 0);
        if (i % 100 == 0)
            usleep(100);
    }
    return argument;
}

static void *load(void *argument)
{
    while (1) {
        void *handle = dlopen(library, RTLD_NOW);
        CHECK(handle);
        dlclose(handle);
    }
    return argument;
}

/* Keeps the heap's own locks busy. */
static void *allocate(void *argument)
{
    uint64_t seed = 5;
    while (1) {
        void *small[50], *large = malloc(300000 + next_random(&seed) % 100000);
        for (int i = 0; i < 50; i++)
            small[i] = malloc(next_random(&seed) % 20000);
        for (int i = 0; i < 50; i++)
            free(small[i]);
        free(large);
    }
    return argument;
}

static void start(void *(*work)(void *))
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 3);
    library = argc > 3 ? argv[3] : NULL;
    start(allocate);
    switch (argv[1][0]) {
    case 's':
        start(read_lines);
        start(flush_all);
        break;
    case 'f':
        start(write_files);
        start(write_files);
        start(write_files);
        start(flush_now_and_then);
        break;
    case 'p':
        start(open_pipes);
        break;
    case 'e':
        start(register_exits);
        start(register_exits);
        break;
    default:
        start(load);
        start(load);
    }
    for (int forks = atoi(argv[2]); forks > 0; forks--) {
        alarm(60);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(60);
            free(malloc(100));
            free(malloc(1000000));
            _exit(0);
        }
        int status;
        while (waitpid(child, &status, 0) < 0)
            CHECK(errno == EINTR);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    _exit(0);
}
