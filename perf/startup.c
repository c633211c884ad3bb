/*
 * What a preloaded library adds to the start of a small program: time of alternating starts, and peak resident memory
 * (VmHWM, read when the program is about to exit).
 *
 *     startup RUNS LIBRARY_A LIBRARY_B PROGRAM      ("" preloads nothing)
 *
 * Prints the medians of both and their difference.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

static char *const no_arguments[] = { "program", NULL };

static double start_time(const char *program, char *const *environment)
{
    double begin = now();
    pid_t child;
    if (posix_spawn(&child, program, NULL, NULL, no_arguments, environment) != 0)
        exit(2);
    int status;
    waitpid(child, &status, 0);
    double end = now();
    if (!WIFEXITED(status))
        exit(2);
    return (end - begin) / 1e3;
}

static double peak_memory(const char *program, char *const *environment)
{
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execve(program, no_arguments, environment);
        _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACEEXIT);
    double kilobytes = -1;
    for (;;) {
        ptrace(PTRACE_CONT, child, NULL, NULL);
        if (waitpid(child, &status, 0) < 0 || WIFEXITED(status) || WIFSIGNALED(status))
            return kilobytes;
        if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXIT << 8))) {
            char path[64], line[256];
            snprintf(path, sizeof path, "/proc/%d/status", child);
            FILE *file = fopen(path, "r");
            while (file && fgets(line, sizeof line, file))
                sscanf(line, "VmHWM: %lf", &kilobytes);
            if (file)
                fclose(file);
        }
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, count, sizeof *values, ascending);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "startup: RUNS LIBRARY_A LIBRARY_B PROGRAM\n");
        return 2;
    }
    int runs = atoi(argv[1]);
    char preload[2][4096];
    double *times[2], *memory[2];
    for (int i = 0; i < 2; i++) {
        snprintf(preload[i], sizeof preload[i], "LD_PRELOAD=%s", argv[2 + i]);
        times[i] = calloc(runs, sizeof(double));
        memory[i] = calloc(runs, sizeof(double));
    }
    for (int run = 0; run < runs; run++)
        for (int i = 0; i < 2; i++) {
            char *environment[] = { preload[i], NULL };
            times[i][run] = start_time(argv[4], environment);
            if (run < 20)
                memory[i][run] = peak_memory(argv[4], environment);
        }
    double time_a = median(times[0], runs), time_b = median(times[1], runs);
    double memory_a = median(memory[0], runs < 20 ? runs : 20), memory_b = median(memory[1], runs < 20 ? runs : 20);
    printf("time_us %.1f %.1f difference %.1f\n", time_a, time_b, time_b - time_a);
    printf("peak_kib %.0f %.0f difference %.0f\n", memory_a, memory_b, memory_b - memory_a);
    return 0;
}
