/*
 * Programs of operations on the whole interface, as byte strings, run against a model: what each call must return, where live
 * blocks are, and what they hold. Each input runs in a process of its own, first on one thread, then on three at once that
 * also exchange blocks.
 *
 *     fuzz [glibc] FILE...                         runs the inputs
 *     fuzz [glibc] --random SECONDS SEED FILE...   makes inputs, half of them by changing the files'; keeps one that fails
 *
 * An operation is a letter (see run_one) and its operands, a byte each, so that inputs can be written by hand; other bytes
 * stand for letters too, and white space for nothing. "glibc" leaves out what that malloc does otherwise.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"
#include "mallinfo.h"

extern void free_sized(void *block, size_t size) __attribute__((weak));
extern void free_aligned_sized(void *block, size_t alignment, size_t size) __attribute__((weak));

enum { SLOTS = 128, THREADS = 3, MAILBOX = 32, MAX_INPUT = 1 << 16, MAX_LIVE = (SLOTS + 1) * THREADS + MAILBOX };

/* From here on an allocation may fail, and is not kept; below it must not. */
static const size_t may_fail = (size_t)1 << 28;
static const size_t most_live = 32 << 20;
static const size_t sampled = 4 << 10;

/* The alignment of a block that C23 does not allow to free with its size. */
enum { UNSIZED = 1 };

static int on_glibc;
static int threaded;

struct block {
    unsigned char *data;
    size_t size, usable, alignment;
    unsigned char fill;
};

/* An input as it is read, by one thread, and the blocks that the thread has. */
struct run {
    const unsigned char *next, *end;
    struct block slots[SLOTS];
    size_t live;
    unsigned count;
};

/* --- which addresses are in use: rows sorted by their starts ---------------------------------------------------------- */

struct row { uintptr_t start, end; };

static struct row rows[MAX_LIVE];
static int row_count;
static size_t bytes_in_rows;
static pthread_mutex_t rows_lock = PTHREAD_MUTEX_INITIALIZER;

static int place_of(uintptr_t start)
{
    int low = 0, high = row_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (rows[middle].start < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void enter(const struct block *b)
{
    uintptr_t start = (uintptr_t)b->data, end = start + b->usable;
    pthread_mutex_lock(&rows_lock);
    int place = place_of(start);
    CHECK(start <= end);
    CHECK(place == row_count || rows[place].start >= end);
    CHECK(place == 0 || rows[place - 1].end <= start);
    CHECK(row_count < MAX_LIVE);
    memmove(rows + place + 1, rows + place, (size_t)(row_count++ - place) * sizeof *rows);
    rows[place] = (struct row){ start, end };
    bytes_in_rows += b->usable;
    pthread_mutex_unlock(&rows_lock);
}

static void leave(const struct block *b)
{
    pthread_mutex_lock(&rows_lock);
    int place = place_of((uintptr_t)b->data);
    CHECK(place < row_count && rows[place].start == (uintptr_t)b->data);
    memmove(rows + place, rows + place + 1, (size_t)(--row_count - place) * sizeof *rows);
    bytes_in_rows -= b->usable;
    pthread_mutex_unlock(&rows_lock);
}

/* --- contents: all bytes of small blocks, of others the ends and something of each page -------------------------------- */

static size_t after(size_t i, size_t size)
{
    return size <= sampled || i < 64 || i + 4096 + 64 >= size ? i + 1 : i / 4096 * 4096 + 4096;
}

static unsigned char value(unsigned char fill, size_t i)
{
    return (unsigned char)(fill ^ (i * 167 >> 3));
}

static void fill(struct block *b)
{
    for (size_t i = 0; i < b->usable; i = after(i, b->usable))
        b->data[i] = value(b->fill, i);
}

static void check_first(const struct block *b, size_t size)
{
    for (size_t i = 0; i < size; i = after(i, b->usable))
        CHECK(b->data[i] == value(b->fill, i));
}

static void check(const struct block *b)
{
    CHECK(malloc_usable_size(b->data) == b->usable);
    check_first(b, b->usable);
}

static void check_zero(const unsigned char *data, size_t size, int every)
{
    for (size_t i = 0; i < size; i = every ? i + 1 : after(i, size))
        CHECK(data[i] == 0);
}

/* --- operands ----------------------------------------------------------------------------------------------------------- */

static unsigned byte(struct run *r)
{
    return r->next < r->end ? *r->next++ : 0;
}

/* A little more or less than a bound. */
static size_t about(size_t bound, unsigned b)
{
    static const int distance[] = { 0, -1, 1, -8, 8, -16, 16, -17, 17, -4096, 4096, -8192, 8192, -15, 15, 64 };
    return bound + (size_t)(ptrdiff_t)distance[b % 16];
}

static size_t size_operand(struct run *r)
{
    unsigned kind = byte(r), a = byte(r), b = byte(r);
    size_t size;
    switch (strchr("scphwxzq", (int)kind) && kind ? kind : (unsigned)"sssssssccccccccccpppwwwhxzqq"[kind % 28]) {
    case 's': return a;
    case 'c': size = about(((size_t)128 << a % 12) + (a / 12 % 8) * ((size_t)16 << a % 12), b % 9); break;
    case 'p': size = about((a % 64 + 1) * (size_t)4096, b); break;
    case 'h': size = about((a % 5 + 1) * ((size_t)2 << 20), b); break;
    case 'w': size = (a * 256 + b) * (size_t)37; break;
    case 'x': size = (size_t)PTRDIFF_MAX + 5 - b % 10 - (a % 4) * (size_t)4096; break;
    case 'z': size = SIZE_MAX - b - (a % 4) * (size_t)8192; break;
    default: size = about((size_t)1 << (a % 64 < 28 || a % 64 > 45 ? a % 64 : a % 28), b); break; /* gigabytes would take long to zero */
    }
    /* What can be had must not become too much in all. */
    return size < may_fail && r->live + size > most_live ? size % 65536 : size;
}

static size_t alignment_operand(struct run *r)
{
    static const size_t odd[] = { 0, 3, 6, 12, 24, 40, 48, 100, 4097, (size_t)1 << 40, (size_t)1 << 62, (size_t)1 << 63, SIZE_MAX };
    unsigned a = byte(r) % 64;
    return a < sizeof odd / sizeof *odd ? odd[a] : (size_t)1 << (a - 13) % 24;
}

static int is_power(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* What memalign makes of an alignment; 0 if there is no such power of two. */
static size_t rounded(size_t alignment)
{
    size_t power = 16;
    while (power && power < alignment)
        power *= 2;
    return power;
}

/* --- operations ---------------------------------------------------------------------------------------------------------- */

/* Takes up what a call returned: a block for the slot, or a failure that is allowed, with its errno. */
static void receive(struct run *r, struct block *b, void *result, size_t size, size_t alignment)
{
    int error = errno;
    if (!result) {
        CHECK(size >= may_fail || alignment >= may_fail);
        CHECK(error == ENOMEM);
        return;
    }
    CHECK(size <= PTRDIFF_MAX);
    CHECK((uintptr_t)result % (alignment < 16 ? 16 : alignment) == 0);
    size_t usable = malloc_usable_size(result);
    CHECK(usable >= size);
    if (size >= may_fail || alignment >= may_fail) {
        free(result);
        return;
    }
    *b = (struct block){ result, size, usable, alignment, (unsigned char)(r->count * 29) };
    r->live += usable;
    enter(b);
    fill(b);
}

static void drop(struct run *r, struct block *b, unsigned how)
{
    if (!b->data)
        return;
    check(b);
    leave(b);
    r->live -= b->usable;
    errno = 4321;
    if (how % 4 == 1 && free_sized && b->alignment == 0)
        free_sized(b->data, b->size);
    else if (how % 4 == 1 && free_aligned_sized && b->alignment > UNSIZED)
        free_aligned_sized(b->data, b->alignment, b->size);
    else if (how % 4 == 2)
        CHECK(realloc(b->data, 0) == NULL);
    else
        free(b->data);
    CHECK(errno == 4321 || (on_glibc && how % 4 == 2));
    b->data = NULL;
}

/* realloc or reallocarray, to count times size. */
static void resize(struct run *r, struct block *b, size_t count, size_t size, int array)
{
    size_t bytes;
    int overflows = __builtin_mul_overflow(count, size, &bytes);
    if (b->data) {
        check(b);
        if (bytes != 0 || overflows) {
            /* While the call runs, another thread may get the old place. */
            leave(b);
            r->live -= b->usable;
        } else {
            drop(r, b, 2);
            return;
        }
    }
    struct block old = *b;
    b->data = NULL;
    errno = 0;
    void *result = array ? reallocarray(old.data, count, size) : realloc(old.data, bytes);
    if (overflows)
        CHECK(result == NULL);
    if (result && old.data) {
        struct block moved = old;
        moved.data = result;
        check_first(&moved, old.size < bytes ? old.size : bytes);
    }
    receive(r, b, result, overflows ? SIZE_MAX : bytes, 0);
    if (!result && old.data) {
        *b = old;
        r->live += b->usable;
        enter(b);
        check(b);
    }
}

static void allocate_zeroed(struct run *r, struct block *b, size_t count, size_t size, int every)
{
    size_t bytes;
    int overflows = __builtin_mul_overflow(count, size, &bytes);
    errno = 0;
    unsigned char *result = calloc(count, size);
    CHECK(!overflows || !result);
    if (result && bytes < may_fail)
        check_zero(result, bytes, every);
    receive(r, b, result, overflows ? SIZE_MAX : bytes, 0);
}

static void allocate_posix(struct run *r, struct block *b, size_t alignment, size_t size)
{
    void *const untouched = &rows;
    void *result = untouched;
    errno = 4321;
    int error = posix_memalign(&result, alignment, size);
    if (error) {
        CHECK(result == untouched);
        CHECK(errno == 4321 || on_glibc);
        CHECK(error == (is_power(alignment) && alignment >= sizeof(void *) ? ENOMEM : EINVAL));
        if (error == EINVAL)
            return;
        errno = error;
        result = NULL;
    } else {
        CHECK(is_power(alignment) && alignment >= sizeof(void *) && result && result != untouched);
    }
    receive(r, b, result, size, alignment);
}

static void allocate_aligned(struct run *r, struct block *b, size_t alignment, size_t size)
{
    if (on_glibc && !is_power(alignment))
        return;
    errno = 0;
    void *result = aligned_alloc(alignment, size);
    if (is_power(alignment))
        receive(r, b, result, size, alignment);
    else
        CHECK(!result && errno == EINVAL);
}

static void allocate_memalign(struct run *r, struct block *b, size_t alignment, size_t size)
{
    size_t power = rounded(alignment);
    errno = 0;
    void *result = memalign(alignment, size);
    if (!result && power - 1 >= (size_t)1 << 62) /* 0, no power, and 2^63 */
        CHECK(errno == EINVAL || errno == ENOMEM);
    else
        receive(r, b, result, size, power);
}

static struct block mailbox[MAILBOX];
static pthread_mutex_t mailbox_lock = PTHREAD_MUTEX_INITIALIZER;

/* Leaves a block for another thread, and takes what lies there. */
static void exchange(struct run *r, struct block *b, unsigned place)
{
    struct block *other = &mailbox[place % MAILBOX];
    pthread_mutex_lock(&mailbox_lock);
    struct block swap = *other;
    *other = *b;
    *b = swap;
    pthread_mutex_unlock(&mailbox_lock);
    r->live += (b->data ? b->usable : 0) - (other->data ? other->usable : 0);
}

static void check_all(struct run *r)
{
    for (int i = 0; i < SLOTS; i++)
        if (r->slots[i].data)
            check(&r->slots[i]);
}

static void look(void)
{
    CHECK(malloc_usable_size(NULL) == 0);
    if (mallinfo2) {
        struct mallinfo2 info = mallinfo2();
        CHECK(threaded || info.uordblks + info.hblkhd >= bytes_in_rows);
        CHECK(threaded || info.uordblks <= info.arena);
    }
}

/* A child has all blocks, and can free them. */
static void fork_child(struct run *r)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        for (int i = 0; i < SLOTS; i++)
            drop(r, &r->slots[i], 0);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void run_one(struct run *r)
{
    static const char letters[] = "mmmmcccrrrrrapevwaxxfffffuks";
    unsigned letter = byte(r);
    if (letter == ' ' || letter == '\n')
        return;
    if (!(letter >= 'a' && letter <= 'z'))
        letter = (unsigned)letters[letter % (sizeof letters - 1)];
    unsigned place = byte(r);
    struct block *b = &r->slots[place % SLOTS];
    r->count++;
    if (strchr("mcapevw", (int)letter))
        drop(r, b, place / SLOTS);
    size_t size, alignment;
    switch (letter) {
    case 'm':
        size = size_operand(r);
        errno = 0;
        receive(r, b, malloc(size), size, 0);
        break;
    case 'c':
        size = size_operand(r);
        alignment = byte(r);
        if (alignment < 4)
            allocate_zeroed(r, b, size, ((size_t)1 << 61) + alignment, 0); /* the product wraps to something small */
        else if (size < 65536 && size * (alignment % 8) < most_live)
            allocate_zeroed(r, b, alignment % 8, size, alignment > 200);
        else
            allocate_zeroed(r, b, size, 1, alignment > 200);
        break;
    case 'r':
        resize(r, b, 1, size_operand(r), 0);
        break;
    case 'y':
        size = size_operand(r);
        alignment = byte(r);
        resize(r, b, size, alignment < 8 ? ((size_t)1 << 60) + alignment : size < 65536 ? alignment % 8 : 1, 1);
        break;
    case 'p':
        alignment = alignment_operand(r);
        allocate_posix(r, b, alignment, size_operand(r));
        break;
    case 'a':
        alignment = alignment_operand(r);
        allocate_aligned(r, b, alignment, size_operand(r));
        break;
    case 'e':
        alignment = alignment_operand(r);
        allocate_memalign(r, b, alignment, size_operand(r));
        break;
    case 'v':
        size = size_operand(r);
        errno = 0;
        receive(r, b, valloc(size), size, 4096);
        break;
    case 'w':
        size = size_operand(r);
        errno = 0;
        void *whole = pvalloc(size);
        CHECK(!whole || malloc_usable_size(whole) >= (size + 4095) / 4096 * 4096);
        receive(r, b, whole, size, 4096);
        break;
    case 'x':
        exchange(r, b, byte(r));
        break;
    case 'f':
        drop(r, b, byte(r));
        break;
    case 'n':
        errno = 4321;
        free(NULL);
        CHECK(errno == 4321);
        break;
    case 't':
        if (malloc_trim)
            malloc_trim(place);
        check_all(r);
        break;
    case 'u':
        look();
        if (b->data)
            check(b);
        break;
    case 'k':
        if (!threaded && place % 4 == 0)
            fork_child(r);
        break;
    case 's':
        /* A row of equal blocks and then none: whole spans come and go. */
        size = byte(r) * 64;
        for (unsigned i = 0; i < SLOTS; i++)
            drop(r, &r->slots[i], 0);
        for (unsigned i = 0; i < SLOTS; i++)
            receive(r, &r->slots[i], malloc(size), size, 0);
        for (unsigned i = 0; i < SLOTS; i += 1 + place % 3)
            drop(r, &r->slots[i], 0);
        break;
    default:
        break;
    }
    if (strchr("pevw", (int)letter))
        b->alignment = UNSIZED;
}

struct input {
    unsigned char bytes[MAX_INPUT];
    size_t length;
};

static struct input input;

/* Each thread begins at another place of the input, and goes round once. */
static void *run_from(void *argument)
{
    size_t start = input.length * (uintptr_t)argument / THREADS;
    static __thread struct run r;
    memset(&r, 0, sizeof r);
    for (int part = 0; part < 2; part++) {
        r.next = input.bytes + (part == 0 ? start : 0);
        r.end = input.bytes + (part == 0 ? input.length : start);
        while (r.next < r.end)
            run_one(&r);
    }
    check_all(&r);
    for (unsigned i = 0; i < SLOTS; i++)
        drop(&r, &r.slots[i], i);
    return NULL;
}

static void empty_mailbox(void)
{
    struct run nobody = { 0 };
    for (int i = 0; i < MAILBOX; i++)
        drop(&nobody, &mailbox[i], 0);
    CHECK(row_count == 0 && bytes_in_rows == 0);
}

static void run_input(void)
{
    run_from(NULL);
    empty_mailbox();
    threaded = 1;
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, run_from, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    empty_mailbox();
}

/* Runs the input in a child, which cannot spoil the others; 0 if it passed. */
static int run_apart(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(120);
        run_input();
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status))
        fprintf(stderr, "fuzz: ended by signal %d\n", WTERMSIG(status));
    return status;
}

/* --- inputs ------------------------------------------------------------------------------------------------------------ */

static void load(const char *path)
{
    int file = open(path, O_RDONLY);
    if (file < 0) {
        perror(path);
        exit(2);
    }
    ssize_t length;
    input.length = 0;
    while ((length = read(file, input.bytes + input.length, MAX_INPUT - input.length)) > 0)
        input.length += (size_t)length;
    close(file);
}

static void save(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    CHECK(file >= 0 && write(file, input.bytes, input.length) == (ssize_t)input.length);
    close(file);
}

static void make(uint64_t *seed)
{
    input.length = 50 + next_random(seed) % 2000;
    for (size_t i = 0; i < input.length; i++)
        input.bytes[i] = (unsigned char)next_random(seed);
}

/* Changes some bytes, and doubles, drops or swaps parts. */
static void change(uint64_t *seed)
{
    for (unsigned times = 1 + next_random(seed) % 16; times > 0 && input.length > 16; times--) {
        size_t from = next_random(seed) % (input.length - 8), length = 1 + next_random(seed) % 64;
        length = from + length > input.length ? input.length - from : length;
        switch (next_random(seed) % 4) {
        case 0:
            input.bytes[from] = (unsigned char)next_random(seed);
            break;
        case 1:
            memmove(input.bytes + from, input.bytes + from + length, input.length - from - length);
            input.length -= length;
            break;
        case 2:
            if (input.length + length <= MAX_INPUT) {
                memmove(input.bytes + from + length, input.bytes + from, input.length - from);
                input.length += length;
            }
            break;
        default:
            memmove(input.bytes + next_random(seed) % (input.length - length + 1), input.bytes + from, length);
        }
    }
}

static int run_random(time_t seconds, uint64_t seed, char **files, int count)
{
    uint64_t state = seed * 2654435761u + 88172645463325252u;
    time_t end = time(NULL) + seconds;
    long inputs = 0;
    do {
        if (count > 0 && next_random(&state) % 2 == 0) {
            load(files[next_random(&state) % (uint64_t)count]);
            change(&state);
        } else {
            make(&state);
        }
        inputs++;
        if (run_apart() != 0) {
            char path[100];
            snprintf(path, sizeof path, "fuzz-%llu-%ld.input", (unsigned long long)seed, inputs);
            save(path);
            fprintf(stderr, "fuzz: input %ld of seed %llu failed; it is in %s\n", inputs, (unsigned long long)seed, path);
            return 1;
        }
    } while (time(NULL) < end);
    printf("%ld inputs\n", inputs);
    return 0;
}

int main(int argc, char **argv)
{
    int first = 1;
    if (argc > first && strcmp(argv[first], "glibc") == 0) {
        on_glibc = 1;
        first++;
    }
    CHECK(argc > first);
    if (strcmp(argv[first], "--random") == 0) {
        CHECK(argc >= first + 3);
        return run_random(atoi(argv[first + 1]), strtoull(argv[first + 2], NULL, 0), argv + first + 3, argc - first - 3);
    }
    for (int i = first; i < argc; i++) {
        load(argv[i]);
        if (run_apart() != 0) {
            fprintf(stderr, "fuzz: %s failed\n", argv[i]);
            return 1;
        }
    }
    printf("%d inputs\n", argc - first);
    return 0;
}
