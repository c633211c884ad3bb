/*
 * COUNT blocks of KIB KiB, nothing of which is touched; then every STEP-th of them is freed, and then the others, from the last to the first.
 * Run under valgrind to count what that takes.
 *
 *     proportion COUNT KIB STEP
 */
#include "check.h"

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    size_t count = strtoul(argv[1], NULL, 10), size = strtoul(argv[2], NULL, 10) << 10, step = strtoul(argv[3], NULL, 10);
    void **blocks = malloc(count * sizeof *blocks);
    CHECK(blocks);
    for (size_t i = 0; i < count; i++)
        CHECK((blocks[i] = malloc(size)) != NULL);
    for (size_t i = 0; i < count; i += step)
        free(blocks[i]);
    for (size_t i = count; i-- > 0;)
        if (i % step)
            free(blocks[i]);
    return 0;
}
