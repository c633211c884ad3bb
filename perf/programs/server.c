/*
 * A server's threads: each reads requests (some small blocks and a buffer), keeps a session for each in a table that all share, where it frees
 * the one that was there, whoever made it, and hands its answer to the next thread, which writes and frees it.
 *
 *     server [THREADS [REQUESTS]]      default 4, 100,000 requests by each
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

enum { SESSIONS = 16384, PARTS = 12, SMALLEST = 16, LARGEST_PART = 300, BUFFER = 2048, LARGEST_BUFFER = 32768, INBOX = 64 };

struct request {
    char *parts[PARTS];
    char *buffer;
};

static long threads = 4, requests = 100000;
static _Atomic(struct request *) sessions[SESSIONS];

/* Answers on their way to a thread: one writes, one reads. */
static struct inbox {
    _Alignas(64) _Atomic long written;
    _Alignas(64) _Atomic long read;
    char *answers[INBOX];
} *inboxes;

static void end(struct request *request)
{
    if (!request)
        return;
    for (int i = 0; i < PARTS; i++)
        free(request->parts[i]);
    free(request);
}

static struct request *receive(uint64_t *state)
{
    struct request *request = malloc(sizeof *request);
    for (int i = 0; i < PARTS; i++) {
        size_t size = SMALLEST + next_of(state) % LARGEST_PART;
        request->parts[i] = malloc(size);
        memset(request->parts[i], i, size);
    }
    size_t size = BUFFER + next_of(state) % (next_of(state) % 8 == 0 ? LARGEST_BUFFER : BUFFER);
    request->buffer = malloc(size);
    memset(request->buffer, 1, 1024);
    return request;
}

static void write_answers(struct inbox *inbox)
{
    long read = atomic_load_explicit(&inbox->read, memory_order_relaxed);
    long written = atomic_load_explicit(&inbox->written, memory_order_acquire);
    for (; read < written; read++)
        free(inbox->answers[read % INBOX]);
    atomic_store_explicit(&inbox->read, read, memory_order_release);
}

static void *serve(void *argument)
{
    long self = (long)argument;
    struct inbox *own = &inboxes[self], *next = &inboxes[(self + 1) % threads];
    uint64_t state = (uint64_t)self + 1;
    for (long i = 0; i < requests; i++) {
        struct request *request = receive(&state);
        long written = atomic_load_explicit(&next->written, memory_order_relaxed);
        if (written - atomic_load_explicit(&next->read, memory_order_acquire) < INBOX) {
            next->answers[written % INBOX] = request->buffer;
            atomic_store_explicit(&next->written, written + 1, memory_order_release);
        } else {
            free(request->buffer); /* the next thread is slow */
        }
        end(atomic_exchange(&sessions[next_of(&state) % SESSIONS], request));
        write_answers(own);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    threads = argc > 1 ? atol(argv[1]) : threads;
    requests = argc > 2 ? atol(argv[2]) : requests;
    inboxes = aligned_alloc(64, (size_t)threads * sizeof *inboxes);
    memset(inboxes, 0, (size_t)threads * sizeof *inboxes);
    pthread_t *ids = calloc((size_t)threads, sizeof *ids);
    for (long i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, serve, (void *)i) != 0)
            abort();
    for (long i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    for (long i = 0; i < threads; i++)
        write_answers(&inboxes[i]);
    for (int i = 0; i < SESSIONS; i++)
        end(sessions[i]);
    return 0;
}
