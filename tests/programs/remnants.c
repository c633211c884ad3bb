/*
 * A program whose sizes shift: of many blocks of one size few stay, and blocks of others come to lie between them (remnants). What is freed
 * there serves the next request of its size, as anywhere: it goes through the caches. Prints how many of so many did.
 */
#include <stdlib.h>

#include "check.h"

enum { OLD = 1000000, NEW = 100000, TRIES = 20000 };

static char *old[OLD], *new[NEW];

int main(void)
{
    uint64_t seed = 7;
    for (int i = 0; i < OLD; i++)
        CHECK((old[i] = malloc(112)) != NULL);
    for (int i = 0; i < OLD; i++)
        if (next_random(&seed) % 100 < 92) {
            free(old[i]);
            old[i] = NULL;
        }
    for (int i = 0; i < NEW; i++)
        CHECK((new[i] = malloc(208)) != NULL);
    int same = 0;
    for (int i = 0; i < TRIES; i++) {
        char **block = &new[next_random(&seed) % NEW];
        char *before = *block;
        free(before);
        CHECK((*block = malloc(208)) != NULL);
        same += *block == before;
    }
    printf("%d of %d\n", same, TRIES);
    return 0;
}
