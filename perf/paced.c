/*
 * Clients of a server over a few connections, one request at a time on each, at a rate that is given, or as fast as they can. At a rate a request's
 * latency counts from the moment at which it was due, so that a server that stands still is seen in all the requests that waited meanwhile.
 *
 *     paced PORT|SOCKET http:PATH|redis|postgres CONNECTIONS
 *
 * Each line on standard input, "LABEL RATE" (0: as fast as they can), ends a period and begins the next. Of the one that ended it prints
 * "LABEL RATE SECONDS REQUESTS MEDIAN P99 USUAL FAILED"; latencies are in microseconds. A request counts where it ended. USUAL is the median of the 99th
 * percentiles of its tenths of a second: a standstill, the machine's too, is in P99 and hardly in USUAL, and what lasts is in both.
 * The end of the input ends it; a lost connection is a failure, and is made again.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 256, SLICES = 1000, BUFFER = 1 << 20, KEYS = 100000, VALUE = 200 };

struct connection {
    int fd, busy, startup, last;
    size_t have;
    int64_t due;
    char *buffer;
};

static struct connection connections[MOST];
static int count, epoll, is_local;
static const char *address, *protocol;
static uint32_t *latencies;
static size_t done, room, slice_ends[SLICES], slices;
static long failed;
static uint64_t seed = 1;

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static unsigned number(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

static void stop(const char *why)
{
    fprintf(stderr, "paced: %s %s: %s\n", address, why, strerror(errno));
    exit(1);
}

static void send_all(struct connection *one, const char *text, size_t length)
{
    /* A request is small against a socket's buffer, which is empty. */
    if (send(one->fd, text, length, MSG_NOSIGNAL) != (ssize_t)length)
        failed++;
}

static void open_connection(struct connection *one)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct sockaddr_in inet = { .sin_family = AF_INET, .sin_port = htons(atoi(address)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = one };
    int yes = 1;
    one->fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    strncpy(local.sun_path, address, sizeof local.sun_path - 1);
    if (connect(one->fd, is_local ? (void *)&local : (void *)&inet, is_local ? sizeof local : sizeof inet) < 0)
        stop("cannot be reached");
    if (!is_local)
        setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    epoll_ctl(epoll, EPOLL_CTL_ADD, one->fd, &event);
    one->busy = one->startup = one->last = 0;
    one->have = 0;
    if (!strcmp(protocol, "postgres")) {
        static const char startup[] = "\0\0\0\0\0\3\0\0user\0bench\0database\0postgres\0";
        char text[sizeof startup];
        uint32_t length = htonl(sizeof startup);
        memcpy(text, startup, sizeof startup);
        memcpy(text, &length, 4);
        one->startup = one->busy = 1;
        send_all(one, text, sizeof text);
    }
}

static void request(struct connection *one, int64_t due)
{
    static char value[VALUE + 1];
    char text[2048];
    int length;
    memset(value, 'v', VALUE);
    if (!strncmp(protocol, "http:", 5)) {
        length = sprintf(text, "GET %s%u HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n", protocol + 5, number(KEYS));
    } else if (!strcmp(protocol, "redis")) {
        unsigned key = number(KEYS), size = 1 + number(VALUE);
        /* Values of all sizes, which come and go, and lists that stay short. */
        switch (number(4)) {
        case 0: length = sprintf(text, "*3\r\n$3\r\nSET\r\n$7\r\nk%06u\r\n$%u\r\n%.*s\r\n", key, size, (int)size, value); break;
        case 1: length = sprintf(text, "*3\r\n$5\r\nLPUSH\r\n$7\r\nl%06u\r\n$%u\r\n%.*s\r\n", key % 1000, size, (int)size, value); break;
        case 2: length = sprintf(text, "*2\r\n$4\r\nRPOP\r\n$7\r\nl%06u\r\n", key % 1000); break;
        default: length = sprintf(text, "*2\r\n$3\r\nGET\r\n$7\r\nk%06u\r\n", key); break;
        }
    } else {
        unsigned account = 1 + number(KEYS);
        uint32_t network;
        length = sprintf(text + 5, "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = %u;"
            "SELECT bid, count(*), string_agg(abalance::text, ',') FROM pgbench_accounts WHERE aid BETWEEN %u AND %u GROUP BY bid ORDER BY 2", account, account, account + 50);
        network = htonl(length + 5);
        text[0] = 'Q';
        memcpy(text + 1, &network, 4);
        length += 6;
    }
    one->busy = 1;
    one->due = due;
    send_all(one, text, length);
}

/* Whether the answer is whole; failed counts it where it is an error. */
static int is_whole(struct connection *one)
{
    char *text = one->buffer, *at;
    text[one->have] = 0;
    if (!strncmp(protocol, "http:", 5)) {
        char *body = strstr(text, "\r\n\r\n");
        if (body == NULL)
            return 0;
        body += 4;
        at = strcasestr(text, "\r\nContent-Length:");
        if (at != NULL && at < body) {
            if (one->have < (size_t)(body - text) + strtoul(at + 17, NULL, 10))
                return 0;
        } else if (one->have < 5 || memcmp(text + one->have - 5, "0\r\n\r\n", 5)) {
            return 0;
        }
        failed += strncmp(text, "HTTP/1.1 200", 12) != 0;
        /* nginx has so many requests on one connection, and no more. */
        one->last = strcasestr(text, "\r\nConnection: close") != NULL;
        return 1;
    }
    if (!strcmp(protocol, "redis")) {
        at = memchr(text, '\n', one->have);
        if (at == NULL)
            return 0;
        failed += text[0] == '-';
        return text[0] != '$' || text[1] == '-' || one->have >= (size_t)(at + 1 - text) + strtoul(text + 1, NULL, 10) + 2;
    }
    for (size_t i = 0; i + 5 <= one->have;) {
        uint32_t length;
        memcpy(&length, text + i + 1, 4);
        length = ntohl(length);
        if (i + 1 + length > one->have)
            return 0;
        failed += text[i] == 'E';
        if (text[i] == 'Z')
            return 1;
        i += 1 + length;
    }
    return 0;
}

static int receive(struct connection *one, int64_t *due)
{
    ssize_t got = recv(one->fd, one->buffer + one->have, BUFFER - 1 - one->have, 0);
    if (got <= 0) {
        failed++;
        close(one->fd);
        open_connection(one);
        return 0;
    }
    one->have += got;
    if (!is_whole(one))
        return 0;
    one->have = 0;
    one->busy = 0;
    *due = one->due;
    if (one->last) {
        close(one->fd);
        open_connection(one);
    }
    int counts = !one->startup || one->last;
    one->startup = 0;
    return counts;
}

static int by_size(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Sorts them. */
static uint32_t percentile(uint32_t *values, size_t length, int percent)
{
    qsort(values, length, sizeof *values, by_size);
    return length == 0 ? 0 : values[(length - 1) * percent / 100];
}

static void report(const char *label, double rate, double seconds)
{
    static uint32_t highest[SLICES];
    size_t from = 0;
    for (size_t i = 0; i < slices; i++) {
        highest[i] = percentile(latencies + from, slice_ends[i] - from, 99);
        from = slice_ends[i];
    }
    uint32_t high = percentile(latencies, done, 99);
    printf("%s %.0f %.3f %zu %.1f %.1f %.1f %ld\n", label, rate, seconds, done, percentile(latencies, done, 50) / 1e3, high / 1e3,
        percentile(highest, slices, 50) / 1e3, failed);
    fflush(stdout);
    done = slices = 0;
    failed = 0;
}

int main(int argc, char **argv)
{
    char line[256], label[128] = "", next[128];
    double rate = 0;
    int64_t began = now(), due = 0;
    struct epoll_event input = { .events = EPOLLIN, .data.ptr = NULL };
    if (argc != 4 || (count = atoi(argv[3])) < 1 || count > MOST)
        return 2;
    address = argv[1];
    is_local = strchr(address, '/') != NULL;
    protocol = argv[2];
    epoll = epoll_create1(0);
    prctl(PR_SET_TIMERSLACK, 1);
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &input);
    for (int i = 0; i < count; i++) {
        connections[i].buffer = malloc(BUFFER);
        open_connection(&connections[i]);
    }
    for (;;) {
        int64_t time = now();
        if (time - began >= 100000000 * (int64_t)(slices + 1) && slices < SLICES)
            slice_ends[slices++] = done;
        /* What is due goes to whoever is free; what finds nobody waits, and its time runs. */
        if (*label) {
            for (int i = 0; i < count && (rate == 0 || due <= time); i++) {
                if (!connections[i].busy) {
                    request(&connections[i], rate == 0 ? time : due);
                    due += rate == 0 ? 0 : (int64_t)(1e9 / rate);
                }
            }
        }
        int64_t wait = *label && rate > 0 ? due - now() : 1000000000;
        /* All are busy: nothing is sent before an answer comes. */
        int busy = 0;
        for (int i = 0; i < count; i++)
            busy += connections[i].busy;
        if (busy == count)
            wait = 1000000000;
        struct timespec until = { .tv_sec = 0, .tv_nsec = wait < 0 ? 0 : wait >= 1000000000 ? 999999999 : wait };
        struct epoll_event events[MOST + 1];
        int ready = epoll_pwait2(epoll, events, MOST + 1, &until, NULL);
        for (int i = 0; i < ready; i++) {
            struct connection *one = events[i].data.ptr;
            if (one != NULL) {
                int64_t began_at;
                if (receive(one, &began_at)) {
                    if (done == room) {
                        room = room ? room * 2 : 1 << 20;
                        latencies = realloc(latencies, room * sizeof *latencies);
                    }
                    int64_t took = now() - began_at;
                    latencies[done++] = took > UINT32_MAX ? UINT32_MAX : took;
                }
                continue;
            }
            /* The driver writes one line, and waits for what comes of it. */
            ssize_t length = read(0, line, sizeof line - 1);
            int64_t at = now();
            if (length <= 0)
                return 0;
            line[length] = 0;
            double was = rate;
            if (sscanf(line, "%127s %lf", next, &rate) != 2)
                return 2;
            if (*label)
                report(label, was, (at - began) / 1e9);
            strcpy(label, next);
            began = now();
            due = began;
        }
    }
}
