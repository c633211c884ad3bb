/*
 * Allocations of which there cannot be any fail, in every way, and samples are as often afterwards as before: what did not go by does not count.
 * With each block a sample, one that a new_handler makes room for is one sample.
 *
 *     failing BYTES      (bytes from one sample to the next, 0 where the sampler is off)
 */
#include <cmath>
#include <new>

#include "allocated.h"

static const size_t sizes[] = { (size_t)1 << 48, ((size_t)1 << 62) - 1, (size_t)1 << 62, PTRDIFF_MAX };
static const int blocks = 64 << 10, size = 1000;

static void *volatile room;

static void make_room()
{
    if (!room)
        throw std::bad_alloc();
    free(room);
    room = nullptr;
}

static void fail(int way, size_t bytes)
{
    void *block = nullptr;
    void *volatile small = malloc(10);
    switch (way) {
    case 0: block = malloc(bytes); break;
    case 1: block = calloc(bytes, 1); break;
    case 2: block = realloc(small, bytes); break;
    case 3: block = aligned_alloc(64, bytes); break;
    case 4: block = ::operator new(bytes, std::nothrow); break;
    default:
        try {
            block = ::operator new(bytes);
        } catch (const std::bad_alloc &) {
        }
    }
    CHECK(!block);
    free(small);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    double mean = atof(argv[1]);
    for (int way = 0; way < 6; way++)
        for (size_t bytes : sizes) {
            fail(way, bytes);
            double before = allocated();
            for (int i = 0; i < blocks; i++)
                free(malloc(size));
            double truth = mean > 0 ? (double)blocks * size : 0;
            double error = sqrt(truth * mean); /* a sample stands for about the mean */
            double estimate = allocated() - before;
            if (fabs(estimate - truth) > 6 * error) {
                fprintf(stderr, "after %zu bytes by way %d: %.0f bytes of %.0f\n", bytes, way, estimate, truth);
                return 1;
            }
        }
    std::set_new_handler(make_room);
    room = malloc(40 << 20);
    nativemalloc_reset_profile();
    void *volatile block = ::operator new(40 << 20); /* under a limit of 64 MiB */
    CHECK(!room);
    CHECK(mean != 1 || allocated() == 40 << 20);
    free(block);
}
