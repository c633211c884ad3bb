/* What the kernel says of the process's memory. */
#ifndef STATUS_H
#define STATUS_H

#include <string.h>

#include "check.h"

/* Bytes, of a line of /proc/self/status: "VmSize:". */
static size_t status_bytes(const char *name)
{
    static char text[4096];
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file);
    size_t length = fread(text, 1, sizeof text - 1, file), kib;
    fclose(file);
    text[length] = 0;
    CHECK(strstr(text, name) && sscanf(strstr(text, name) + strlen(name), "%zu", &kib) == 1);
    return kib << 10;
}

#endif
