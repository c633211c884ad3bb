/* How much memory of the process is resident. */
#ifndef RESIDENT_H
#define RESIDENT_H

#include <fcntl.h>
#include <unistd.h>

#include "check.h"

/* MiB; without an allocation, since there may be none to have. */
static double resident(void)
{
    char text[100] = "";
    long all, held;
    int file = open("/proc/self/statm", O_RDONLY);
    CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    CHECK(sscanf(text, "%ld %ld", &all, &held) == 2);
    return held * 4096 / 1048576.0;
}

#endif
