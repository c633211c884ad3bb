/*
 * The table of size classes that loses the least of the memory of given programs: reads files of lines "SIZE BYTES" (what a program holds
 * in blocks of that size), and prints the sizes of CLASSES classes, one a line. On standard error, what each program would lose by
 * rounding up and at the ends of spans, in percent.
 *
 *     classes CLASSES FILE...
 *
 * Every program counts the same. A program of all sizes alike, to 256 KiB, counts twice, so that sizes that none of them has are not
 * forgotten, and one of as many blocks of each doubling, to 8 KiB, once. Fixed are the powers of two, for aligned blocks; all multiples
 * of 16 up to 128; above 32 KiB those of 4 KiB, above 128 KiB those of 8 KiB; and that rounding up is at most an eighth. The rest is found by
 * dynamic programming.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 256 << 10, FINE = 32 << 10, STEP = 16, SIZES = LARGEST / STEP, PAGE = 8192, MOST_CANDIDATES = 2000, MOST_FILES = 32 };

static double all[SIZES + 1];         /* bytes of each size, in steps of 16, over all programs */
static double blocks[SIZES + 1], bytes[SIZES + 1]; /* sums up to that size */

/* As SizeClassTables.cs: the fewest pages that hold a quarter of a batch and leave less than a 32nd at their end. */
static int pages_of(int size)
{
    int batch = 32768 / size, pages = 1;
    batch = batch < 2 ? 2 : batch > 32 ? 32 : batch;
    while (pages * PAGE / size == 0 || pages * PAGE / size < batch / 4 || pages * PAGE % size >= pages * PAGE / 32)
        pages++;
    return pages;
}

/* Memory that serves a block of that class, with its part of the end of the span. */
static double memory(int size)
{
    int span = pages_of(size) * PAGE;
    return (double)span / (span / size);
}

/* Of a long span much lies unused in a heap that has but one for the class: so a page of it costs as much as a 160th lost. */
static double cost(int size) { return memory(size) * (1 + pages_of(size) / 160.0); }

static void read_program(const char *name, double *program)
{
    FILE *file = fopen(name, "r");
    long size;
    double held, sum = 0;
    if (!file) {
        perror(name);
        exit(1);
    }
    memset(program, 0, (SIZES + 1) * sizeof *program);
    while (fscanf(file, "%ld %lf", &size, &held) == 2)
        if (size > 0 && size <= LARGEST) {
            program[(size + STEP - 1) / STEP] += held;
            sum += held;
        }
    fclose(file);
    for (int i = 0; i <= SIZES; i++)
        program[i] /= sum > 0 ? sum : 1;
}

/* Steps in which sizes are considered. Above 32 KiB malloc finds the class in steps of 4 KiB. */
static int step_at(int size)
{
    return size < 8192 ? 16 : size < 16384 ? 64 : size < FINE ? 128 : size < 131072 ? 4096 : 8192;
}

/* Fixed are the powers of two, the smallest sizes, and all that are considered above 32 KiB. */
static int is_fixed(int size) { return size <= 128 || size > FINE || (size & (size - 1)) == 0; }

int main(int argc, char **argv)
{
    static double program[MOST_FILES][SIZES + 1], flat[SIZES + 1], mixed[SIZES + 1];
    static int candidate[MOST_CANDIDATES], fixed_before[MOST_CANDIDATES + 1];
    int classes = argc > 2 ? atoi(argv[1]) : 0, files = argc - 2, candidates = 0;
    if (classes < 20 || files > MOST_FILES) {
        fprintf(stderr, "usage: classes CLASSES FILE...\n");
        return 2;
    }

    /* As many bytes in each sixty-fourth of a doubling; as many blocks in each, up to 8 KiB. */
    double sum = 0;
    for (int power = STEP; power < LARGEST; power *= 2)
        for (int part = 0; part < 64; part++) {
            int place = (power + power * part / 64 + STEP) / STEP;
            flat[place] += 2.0 / (64 * 14);
            if (power < 8192)
                mixed[place] += place, sum += place;
        }
    for (int i = 0; i <= SIZES; i++)
        all[i] = flat[i] + mixed[i] / sum;
    for (int i = 0; i < files; i++) {
        read_program(argv[2 + i], program[i]);
        for (int j = 0; j <= SIZES; j++)
            all[j] += program[i][j];
    }
    for (int i = 1; i <= SIZES; i++) {
        blocks[i] = blocks[i - 1] + all[i] / (i * STEP);
        bytes[i] = bytes[i - 1] + all[i];
    }

    for (int size = STEP; size <= LARGEST && candidates < MOST_CANDIDATES; size += step_at(size)) {
        candidate[candidates] = size;
        fixed_before[candidates + 1] = fixed_before[candidates] + is_fixed(size);
        candidates++;
    }

    /* least[k][j]: what is lost of the sizes up to candidate j with k classes, of which that is the last. */
    double (*least)[MOST_CANDIDATES] = malloc((classes + 1) * sizeof *least);
    short (*before)[MOST_CANDIDATES] = malloc((classes + 1) * sizeof *before);
    for (int k = 0; k <= classes; k++)
        for (int j = 0; j < candidates; j++)
            least[k][j] = 1e300;
    least[1][0] = cost(candidate[0]) * blocks[1] - bytes[1];
    for (int j = 1; j < candidates; j++) {
        int high = candidate[j];
        double of_block = cost(high);
        for (int i = j - 1; i >= 0; i--) {
            int low = candidate[i];
            if (fixed_before[j] > fixed_before[i + 1] || (high > 128 && (high - low - 1) * 8 > low + 1))
                break;
            double lost = of_block * (blocks[high / STEP] - blocks[low / STEP]) - (bytes[high / STEP] - bytes[low / STEP]);
            for (int k = 2; k <= classes; k++)
                if (least[k - 1][i] + lost < least[k][j]) {
                    least[k][j] = least[k - 1][i] + lost;
                    before[k][j] = (short)i;
                }
        }
    }
    if (least[classes][candidates - 1] >= 1e300) {
        fprintf(stderr, "classes: %d classes are too few\n", classes);
        return 1;
    }

    int *table = malloc((classes + 1) * sizeof *table);
    for (int k = classes, j = candidates - 1; k > 0; j = before[k--][j])
        table[k] = candidate[j];
    for (int k = 1; k <= classes; k++)
        printf("%d\n", table[k]);
    for (int i = 0; i < files; i++) {
        double lost = 0;
        for (int j = 1, k = 1; j <= SIZES; j++) {
            while (table[k] < j * STEP)
                k++;
            lost += program[i][j] * (memory(table[k]) / (j * STEP) - 1);
        }
        fprintf(stderr, "%s: %.2f %%\n", argv[2 + i], lost * 100);
    }
    return 0;
}
