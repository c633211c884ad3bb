/* Hands over what is not a block. The allocator is expected to say so and to abort. */
#define _GNU_SOURCE
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    char *volatile block;
    if (strcmp(argv[1], "foreign") == 0) {
        free(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    } else if (strcmp(argv[1], "stack") == 0) {
        char array[64];
        block = array;
        free(block);
    } else if (strcmp(argv[1], "interior-large") == 0) {
        block = malloc(3 << 20);
        free(block + 8192);
    } else if (strcmp(argv[1], "double-large") == 0) {
        block = malloc(3 << 20);
        free(block);
        free(block);
    } else if (strcmp(argv[1], "wild") == 0) {
        block = (char *)0xdead00000000beef;
        free(block);
    } else if (strcmp(argv[1], "double-small") == 0) {
        /* Found when the object goes back from the caches for the second time. */
        block = malloc(40);
        free(block);
        free(block);
        trim();
    }
    puts("not found");
    return 0;
}
