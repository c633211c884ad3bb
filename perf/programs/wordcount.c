/*
 * Threads that count words in hash tables of small blocks, and take over each other's tables to free them: allocation as
 * servers do it. The words come from a seeded generator; prints a checksum.
 *
 *     wordcount THREADS WORDS
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1 << 14, ROUNDS = 4 };

struct entry {
    struct entry *next;
    char *word;
    long count;
};

struct table {
    struct entry *buckets[BUCKETS];
};

static int threads;
static long words;
static struct table **tables;
static uint64_t *sums;
static pthread_barrier_t barrier;

static uint64_t hash(const char *word)
{
    uint64_t h = 14695981039346656037ULL;
    for (; *word; word++)
        h = (h ^ (unsigned char)*word) * 1099511628211ULL;
    return h ^ h >> 29;
}

static void count_word(struct table *table, const char *word)
{
    struct entry **bucket = &table->buckets[hash(word) % BUCKETS];
    for (struct entry *entry = *bucket; entry; entry = entry->next)
        if (strcmp(entry->word, word) == 0) {
            entry->count++;
            return;
        }
    struct entry *entry = malloc(sizeof *entry);
    *entry = (struct entry){ *bucket, strdup(word), 1 };
    *bucket = entry;
}

static uint64_t drain(struct table *table)
{
    uint64_t sum = 0;
    for (int i = 0; i < BUCKETS; i++)
        for (struct entry *entry = table->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            sum += hash(entry->word) * (uint64_t)entry->count;
            free(entry->word);
            free(entry);
        }
    free(table);
    return sum;
}

static void *run(void *argument)
{
    int self = (int)(intptr_t)argument;
    uint64_t seed = 88172645463325252ULL + (uint64_t)self * 7919;
    for (int round = 0; round < ROUNDS; round++) {
        tables[self] = calloc(1, sizeof(struct table));
        for (long i = 0; i < words / ROUNDS / threads; i++) {
            char word[40];
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            int length = (int)(seed % 24) + 4;
            uint64_t letters = seed % 60000 * 2654435761ULL;
            for (int k = 0; k < length; k++)
                word[k] = (char)('a' + (letters >> (k % 13 * 4)) % 16);
            word[length] = 0;
            count_word(tables[self], word);
        }
        pthread_barrier_wait(&barrier);
        sums[self] += drain(tables[(self + 1) % threads]);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    threads = argc > 1 ? atoi(argv[1]) : 4;
    words = argc > 2 ? atol(argv[2]) : 1000000;
    tables = calloc(threads, sizeof *tables);
    sums = calloc(threads, sizeof *sums);
    pthread_t *running = calloc(threads, sizeof *running);
    pthread_barrier_init(&barrier, NULL, threads);
    for (int i = 0; i < threads; i++)
        pthread_create(&running[i], NULL, run, (void *)(intptr_t)i);
    uint64_t sum = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(running[i], NULL);
        sum += sums[i];
    }
    printf("%016llx\n", (unsigned long long)sum);
    return 0;
}
