/*
 * Preloaded: at its end a process appends the KiB that it had resident at most to the file $PEAK_FILE. What wait4 tells
 * (ru_maxrss) is behind by what each CPU has not counted together yet, a tenth of a small program.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((destructor)) static void report(void)
{
    static char status[4096];
    const char *path = getenv("PEAK_FILE");
    int from = open("/proc/self/status", O_RDONLY), to = path ? open(path, O_WRONLY | O_APPEND | O_CREAT, 0644) : -1;
    if (from < 0 || to < 0 || read(from, status, sizeof status - 1) <= 0)
        return;
    char *peak = strstr(status, "VmHWM:");
    char *end = peak ? strstr(peak, " kB") : NULL;
    if (!end)
        return;
    end[0] = '\n';
    peak += strspn(peak, "VmHWM: \t");
    if (write(to, peak, (size_t)(end + 1 - peak)) < 0)
        abort();
    close(from);
    close(to);
}
