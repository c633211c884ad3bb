/*
 * Short lives, to be looked at from outside at any moment: moments start|fork|threads|memory|exec.
 *
 * start: some allocations, and the end. fork: children that allocate and end, one after the other. threads: threads that come and go.
 * memory: allocates until there is no more, and frees it. exec: becomes another program, itself, some times.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCKS = 2000, TURNS = 100 };

static void *allocate(void *unused)
{
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(16 + i * 7 % 3000);
        if (blocks[i] != NULL)
            memset(blocks[i], 1, 16);
    }
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    return unused;
}

static int forks(void)
{
    for (int i = 0; i < TURNS; i++) {
        pid_t child = fork();
        if (child == 0) {
            allocate(NULL);
            _exit(0);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            return 1;
        allocate(NULL);
    }
    return 0;
}

static int threads(void)
{
    for (int i = 0; i < TURNS; i++) {
        pthread_t some[8];
        for (int j = 0; j < 8; j++)
            if (pthread_create(&some[j], NULL, allocate, NULL) != 0)
                return 1;
        for (int j = 0; j < 8; j++)
            pthread_join(some[j], NULL);
    }
    return 0;
}

static int memory(void)
{
    struct rlimit limit = {200 << 20, 200 << 20};
    setrlimit(RLIMIT_AS, &limit);
    for (int i = 0; i < 5; i++) {
        struct block { struct block *next; } *first = NULL, *next;
        for (size_t size = 1 << 20; size >= 64; size /= 4)
            while ((next = malloc(size)) != NULL) {
                next->next = first;
                first = next;
            }
        if (first == NULL)
            return 1;
        for (; first != NULL; first = next) {
            next = first->next;
            free(first);
        }
    }
    return 0;
}

int main(int count, char **arguments)
{
    const char *mode = count > 1 ? arguments[1] : "";
    allocate(NULL);
    if (strcmp(mode, "start") == 0)
        return 0;
    if (strcmp(mode, "fork") == 0)
        return forks();
    if (strcmp(mode, "threads") == 0)
        return threads();
    if (strcmp(mode, "memory") == 0)
        return memory();
    if (strcmp(mode, "exec") == 0) {
        char turns[12];
        int left = count > 2 ? atoi(arguments[2]) : 20;
        snprintf(turns, sizeof turns, "%d", left - 1);
        if (left == 0)
            return 0;
        execl("/proc/self/exe", arguments[0], mode, turns, (char *)NULL);
        return 1;
    }
    return 2;
}
