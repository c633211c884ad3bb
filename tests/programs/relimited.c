/*
 * A program with limits that are percentages: prints those that are in force when it has started, when it has grown, when the command was run,
 * which changes what they are of, and when it has grown again, a while later.
 *
 *     relimited COMMAND
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

int nativemalloc_statistics_json(char *buffer, size_t size) __attribute__((weak));

static void report(void)
{
    static char text[1 << 20];
    CHECK(nativemalloc_statistics_json && nativemalloc_statistics_json(text, sizeof text) < (int)sizeof text);
    char *limits = strstr(text, "\"limits\": ");
    CHECK(limits != NULL);
    printf("%.*s\n", (int)strcspn(limits, "}") + 1 - 10, limits + 10);
    fflush(stdout);
}

static void grow(void)
{
    enum { SIZE = 1000, COUNT = 16000 };
    for (int i = 0; i < COUNT; i++) {
        char *block = malloc(SIZE);
        CHECK(block != NULL);
        memset(block, 1, SIZE);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc > 1);
    report();
    grow();
    report();
    CHECK(system(argv[1]) == 0);
    report();
    usleep(2100 * 1000);
    grow();
    report();
    return 0;
}
