/*
 * Children that do the same after the same fork, by the thread that forked or by one of their own: their samples are not the same, or the error of
 * one would be that of all together.
 */
#define _GNU_SOURCE
#include "allocated.h"

#include <math.h>
#include <pthread.h>
#include <sys/wait.h>

enum { CHILDREN = 40, MEAN = 64 << 10, BLOCKS = 1000, SIZE = 1000 };

static void *allocate(void *argument)
{
    for (int i = 0; i < BLOCKS; i++)
        free(malloc(SIZE));
    return argument;
}

static void child(int in_thread, double *estimate)
{
    double before = allocated();
    if (in_thread) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, allocate, NULL) == 0 && pthread_join(thread, NULL) == 0);
    } else {
        allocate(NULL);
    }
    *estimate = allocated() - before;
    _exit(0);
}

int main(void)
{
    double *estimates = mmap(NULL, sizeof *estimates * CHILDREN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(estimates != MAP_FAILED);
    for (int in_thread = 0; in_thread < 2; in_thread++) {
        allocate(NULL); /* the sampler has begun */
        double all = 0, deviations = 0;
        for (int i = 0; i < CHILDREN; i++) {
            pid_t process = fork();
            if (process == 0)
                child(in_thread, &estimates[i]);
            int status;
            CHECK(process > 0 && waitpid(process, &status, 0) == process && status == 0);
            all += estimates[i];
        }
        double mean = all / CHILDREN, truth = (double)BLOCKS * SIZE;
        for (int i = 0; i < CHILDREN; i++)
            deviations += (estimates[i] - mean) * (estimates[i] - mean);
        double deviation = sqrt(deviations / (CHILDREN - 1)), expected = sqrt(truth * MEAN);
        if (fabs(mean - truth) > 6 * expected / sqrt(CHILDREN) || deviation < expected / 3 || deviation > expected * 3) {
            fprintf(stderr, "%s: the mean of the children is %.0f of %.0f, and their deviation %.0f, not about %.0f\n",
                in_thread ? "threads" : "forked", mean, truth, deviation, expected);
            return 1;
        }
    }
    return 0;
}
