/*
 * Minimises random logic functions to sums of products, after the manner of espresso: covers of cubes that are allocated one by one,
 * merged to larger cubes until none can be, and then chosen from greedily. Small blocks live for one pass or for several, and arrays
 * grow by realloc.
 *
 *     minimise [VARIABLES [FUNCTIONS]]      default 11 and 12
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

/* The variables that matter, and their values; a list of the minterms that it covers. */
struct cube {
    uint32_t care, value;
    int merged;
    uint32_t count;
    uint32_t *minterms;
};

struct cover {
    struct cube **cubes;
    size_t count, room;
};

static void *checked(void *block)
{
    if (!block)
        abort();
    return block;
}

static struct cube *new_cube(uint32_t care, uint32_t value, const uint32_t *first, uint32_t firsts, const uint32_t *second, uint32_t seconds)
{
    struct cube *cube = checked(malloc(sizeof *cube));
    *cube = (struct cube){ care, value, 0, firsts + seconds, checked(malloc((firsts + seconds) * sizeof(uint32_t))) };
    memcpy(cube->minterms, first, firsts * sizeof *first);
    if (seconds > 0)
        memcpy(cube->minterms + firsts, second, seconds * sizeof *second);
    return cube;
}

static void free_cube(struct cube *cube)
{
    free(cube->minterms);
    free(cube);
}

static void add(struct cover *cover, struct cube *cube)
{
    if (cover->count == cover->room) {
        cover->room = cover->room ? cover->room * 2 : 8;
        cover->cubes = checked(realloc(cover->cubes, cover->room * sizeof *cover->cubes));
    }
    cover->cubes[cover->count++] = cube;
}

static int by_place(const void *a, const void *b)
{
    const struct cube *x = *(struct cube *const *)a, *y = *(struct cube *const *)b;
    return x->care != y->care ? (x->care < y->care ? -1 : 1) : x->value < y->value ? -1 : x->value > y->value;
}

static struct cube *find(const struct cover *cover, uint32_t care, uint32_t value)
{
    struct cube wanted = { .care = care, .value = value }, *key = &wanted;
    struct cube **found = bsearch(&key, cover->cubes, cover->count, sizeof *cover->cubes, by_place);
    return found ? *found : NULL;
}

/* Merges each pair of cubes that differ in one variable; what was merged is dropped, what was not is prime. */
static struct cover expand(struct cover *cover, int variables, struct cover *primes)
{
    struct cover larger = { NULL, 0, 0 };
    qsort(cover->cubes, cover->count, sizeof *cover->cubes, by_place);
    for (size_t i = 0; i < cover->count; i++) {
        struct cube *cube = cover->cubes[i];
        for (int variable = 0; variable < variables; variable++) {
            uint32_t bit = 1u << variable;
            if (!(cube->care & bit) || cube->value & bit)
                continue;
            struct cube *other = find(cover, cube->care, cube->value | bit);
            if (!other)
                continue;
            cube->merged = other->merged = 1;
            add(&larger, new_cube(cube->care & ~bit, cube->value, cube->minterms, cube->count, other->minterms, other->count));
        }
    }

    /* The same cube may have come about in several ways. */
    qsort(larger.cubes, larger.count, sizeof *larger.cubes, by_place);
    size_t kept = 0;
    for (size_t i = 0; i < larger.count; i++)
        if (kept > 0 && by_place(&larger.cubes[kept - 1], &larger.cubes[i]) == 0)
            free_cube(larger.cubes[i]);
        else
            larger.cubes[kept++] = larger.cubes[i];
    larger.count = kept;

    for (size_t i = 0; i < cover->count; i++)
        if (cover->cubes[i]->merged)
            free_cube(cover->cubes[i]);
        else
            add(primes, cover->cubes[i]);
    free(cover->cubes);
    return larger;
}

/* Chooses primes, each time the one that covers most of what is left. */
static size_t choose(struct cover *primes, int variables, size_t left)
{
    char *covered = checked(calloc((size_t)1 << variables, 1));
    size_t chosen = 0;
    while (left > 0) {
        struct cube *best = NULL;
        uint32_t most = 0;
        for (size_t i = 0; i < primes->count; i++) {
            uint32_t gain = 0;
            if (primes->cubes[i]->count <= most)
                continue;
            for (uint32_t j = 0; j < primes->cubes[i]->count; j++)
                gain += !covered[primes->cubes[i]->minterms[j]];
            if (gain > most) {
                most = gain;
                best = primes->cubes[i];
            }
        }
        for (uint32_t j = 0; j < best->count; j++)
            covered[best->minterms[j]] = 1;
        left -= most;
        chosen++;
    }
    free(covered);
    return chosen;
}

int main(int argc, char **argv)
{
    int variables = argc > 1 ? atoi(argv[1]) : 11, functions = argc > 2 ? atoi(argv[2]) : 12;
    size_t chosen = 0, all = 0;
    for (int function = 0; function < functions; function++) {
        struct cover cover = { NULL, 0, 0 }, primes = { NULL, 0, 0 };
        uint32_t everything = (1u << variables) - 1;
        for (uint32_t minterm = 0; minterm <= everything; minterm++)
            if (next() % 10 < 6)
                add(&cover, new_cube(everything, minterm, &minterm, 1, NULL, 0));
        size_t minterms = cover.count;
        while (cover.count > 0)
            cover = expand(&cover, variables, &primes);
        free(cover.cubes);
        chosen += choose(&primes, variables, minterms);
        all += minterms;
        for (size_t i = 0; i < primes.count; i++)
            free_cube(primes.cubes[i]);
        free(primes.cubes);
    }
    printf("%zu minterms in %zu products\n", all, chosen);
    return 0;
}
