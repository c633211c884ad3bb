/* Allocates, and prints 1 if it runs with another user's rights than its caller's, else 0. */
#include <sys/auxv.h>

#include "check.h"

int main(void)
{
    void *block = malloc(100);
    KEEP(block);
    CHECK(block);
    printf("%lu\n", getauxval(AT_SECURE));
    free(block);
    return 0;
}
