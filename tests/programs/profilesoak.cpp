/*
 * All at once while profiles are taken: threads, some on the smallest stacks, that allocate by every function, throw, load and unload libraries,
 * fork, run coroutines, are signalled on small stacks, end and begin anew; and one that starts, stops and resets profiling, writes profiles in all
 * formats, adds the statistics up and trims. Resident memory must not grow. A parent process watches: where a thread does not get on for a minute,
 * or a process falls, it prints all stacks (gdb).
 *
 *     profilesoak SECONDS THREADS filtered|free LIBRARY...
 *
 * The libraries are passing.c's. "filtered" is under a seccomp filter that kills for what an ordinary program of a C library does not call.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <link.h>
#include <malloc.h>
#include <new>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#ifdef __GLIBC__
#include <ucontext.h>
#endif

#define NATIVEMALLOC_WEAK
#include <nativemalloc.h>

extern "C" {
#include "check.h"
}

/* As check.h's, but whoever watches gets to see the stacks. */
#undef CHECK
#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            dprintf(2, "%s:%d: not so: %s (%m)\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                         \
        }                                                                                    \
    } while (0)

enum { PAGE = 4096, SLOTS = 60, MAILBOX = 64, MOST_THREADS = 64, HANDLERS_BLOCKS = 4, PATIENCE = 60, WINDOWS = 20 };

enum act { ALLOCATED, THREW, LOADED, FORKED, SWITCHED, SIGNALLED, BEGUN, WROTE, TRIMMED, ACTS };

static const char *const act_names[ACTS] = {
    "allocations", "throws", "libraries loaded", "forks", "coroutine switches", "signals", "threads", "profiles", "trims",
};

/* What the parent sees. A thread's beats: -1 where it has ended. */
struct watched {
    volatile long beats[MOST_THREADS + 1];
    volatile long acts[ACTS];
    volatile pid_t fallen;
};

static struct watched *watched;
static volatile int stop;
static int filtered, seconds, threads, library_count;
static char **libraries;
static int null_file, profile_file;

static void count(enum act act, long times = 1) { __sync_fetch_and_add(&watched->acts[act], times); }

static double now()
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* --- blocks --- */

enum origin { MALLOC, NEW, NEW_ARRAY, NEW_ALIGNED };

struct block {
    unsigned char *data;
    size_t size, alignment;
    enum origin origin;
    unsigned char fill;
};

static struct block mailbox[MAILBOX];
static pthread_mutex_t mailbox_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t random_size(uint64_t *seed)
{
    uint64_t r = next_random(seed);
    switch (r % 64) {
    case 0: return 0;
    case 1: return next_random(seed) % (1 << 20);
    case 2: case 3: return next_random(seed) % (100 << 10);
    case 4: case 5: case 6: case 7: return next_random(seed) % (20 << 10);
    default: return next_random(seed) % (r % 2 ? 256 : 2000);
    }
}

/* Large blocks at their ends and on each page. */
static size_t next_place(const struct block *b, size_t i)
{
    return i + (b->size > 2 * PAGE && i >= 64 && i + PAGE + 64 < b->size ? PAGE : 1);
}

static void fill(struct block *b)
{
    for (size_t i = 0; i < b->size; i = next_place(b, i))
        b->data[i] = (unsigned char)(b->fill + i);
}

static void check(const struct block *b, size_t size)
{
    for (size_t i = 0; i < size; i = next_place(b, i))
        CHECK(b->data[i] == (unsigned char)(b->fill + i));
}

static struct block make(uint64_t *seed)
{
    struct block b = {NULL, random_size(seed), 16, MALLOC, (unsigned char)next_random(seed)};
    void *p = NULL;
    switch (next_random(seed) % 10) {
    case 0:
        p = calloc(1, b.size);
        for (size_t i = 0; i < b.size; i += 1 + i / 64)
            CHECK(((char *)p)[i] == 0);
        break;
    case 1:
        b.alignment = (size_t)16 << next_random(seed) % 11;
        CHECK(posix_memalign(&p, b.alignment, b.size) == 0);
        break;
    case 2:
        b.alignment = (size_t)16 << next_random(seed) % 11;
        p = aligned_alloc(b.alignment, b.size);
        break;
    case 3:
        b.origin = NEW;
        p = ::operator new(b.size);
        break;
    case 4:
        b.origin = NEW_ARRAY;
        p = ::operator new[](b.size);
        break;
    case 5:
        b.origin = NEW_ALIGNED;
        b.alignment = (size_t)32 << next_random(seed) % 8;
        p = ::operator new(b.size, std::align_val_t(b.alignment));
        break;
    default:
        p = malloc(b.size);
    }
    CHECK(p && (uintptr_t)p % b.alignment == 0 && malloc_usable_size(p) >= b.size);
    b.data = (unsigned char *)p;
    fill(&b);
    return b;
}

static void drop(struct block *b)
{
    if (!b->data)
        return;
    check(b, b->size);
    errno = 77;
    switch (b->origin) {
    case NEW: ::operator delete(b->data, b->size); break;
    case NEW_ARRAY: ::operator delete[](b->data); break;
    case NEW_ALIGNED: ::operator delete(b->data, b->size, std::align_val_t(b->alignment)); break;
    default: free(b->data);
    }
    CHECK(errno == 77);
    b->data = NULL;
}

static void change(struct block *b, uint64_t *seed)
{
    check(b, b->size);
    struct block old = *b;
    b->size = random_size(seed) + 1;
    old.data = b->data = (unsigned char *)realloc(b->data, b->size);
    CHECK(b->data);
    check(&old, old.size < b->size ? old.size : b->size);
    fill(b);
}

static void exchange(struct block *b, uint64_t *seed)
{
    struct block *place = &mailbox[next_random(seed) % MAILBOX];
    pthread_mutex_lock(&mailbox_lock);
    struct block other = *place;
    *place = *b;
    *b = other;
    pthread_mutex_unlock(&mailbox_lock);
}

struct worker {
    uint64_t seed;
    int number;
    int has_room;
    int is_forked; /* another thread's hold on a lock stays */
    struct block blocks[SLOTS];
};

static void churn(struct worker *w, int times)
{
    for (int i = 0; i < times; i++) {
        struct block *b = &w->blocks[next_random(&w->seed) % SLOTS];
        switch (next_random(&w->seed) % 6) {
        case 0: case 1: case 2:
            drop(b);
            *b = make(&w->seed);
            break;
        case 3:
            if (b->data && b->origin == MALLOC)
                change(b, &w->seed);
            break;
        case 4:
            if (!w->is_forked)
                exchange(b, &w->seed);
            break;
        default:
            drop(b);
        }
    }
    count(ALLOCATED, times);
}

/* From a stack of some depth. */
__attribute__((noinline)) static void descend(struct worker *w, int levels, int times)
{
    volatile char *room = (char *)alloca(16 + levels % 3 * 40);
    room[0] = 1;
    if (levels > 0)
        descend(w, levels - 1, times);
    else
        churn(w, times);
    room[1] = 1;
}

/* --- exceptions --- */

struct holder {
    struct worker *w;
    struct block block;
    explicit holder(struct worker *w) : w(w), block(make(&w->seed)) {}
    ~holder()
    {
        drop(&block);
        churn(w, 1);
    }
};

__attribute__((noinline)) static void throw_from(struct worker *w, int levels)
{
    holder held(w);
    if (levels == 0)
        throw held.block.size;
    if (levels % 3 != 0)
        return throw_from(w, levels - 1);
    try {
        throw_from(w, levels - 1);
    } catch (size_t &size) {
        churn(w, 1);
        if (size % 2 == 0)
            throw;
        throw size + 1;
    }
}

static void throw_and_catch(struct worker *w)
{
    int caught = 0;
    try {
        throw_from(w, (int)(next_random(&w->seed) % 8));
    } catch (size_t) {
        churn(w, 2);
        caught = 1;
    }
    CHECK(caught);
    count(THREW);
}

#ifndef __GLIBC__
/*
 * What gcc's unwinder, built for glibc, asks where it is linked with musl; nobody else is to find it. struct dl_find_object: flags, start, end,
 * link map, table.
 */
extern "C" __attribute__((visibility("hidden"))) int _dl_find_object(void *address, void *result)
{
    struct search { uintptr_t address; uint64_t *found; } search = {(uintptr_t)address, (uint64_t *)result};
    return dl_iterate_phdr(
        [](struct dl_phdr_info *object, size_t, void *data) {
            struct search *search = (struct search *)data;
            uint64_t table = 0, inside = 0;
            for (int i = 0; i < object->dlpi_phnum; i++) {
                const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
                uint64_t start = object->dlpi_addr + segment->p_vaddr;
                if (segment->p_type == PT_LOAD && search->address - start < segment->p_memsz) {
                    search->found[1] = start;
                    search->found[2] = start + segment->p_memsz;
                    inside = 1;
                }
                if (segment->p_type == PT_GNU_EH_FRAME)
                    table = start;
            }
            search->found[0] = search->found[3] = 0;
            search->found[4] = table;
            return inside && table ? 1 : 0;
        }, &search) ? 0 : -1;
}
#endif

/* --- libraries --- */

static void called_back(void *worker)
{
    churn((struct worker *)worker, 4);
}

static void load(struct worker *w)
{
    void *library = dlopen(libraries[next_random(&w->seed) % library_count], RTLD_NOW);
    CHECK(library);
    void (*pass)(int, void (*)(void *), void *, char **) = (void (*)(int, void (*)(void *), void *, char **))dlsym(library, "pass");
    CHECK(pass);
    char *made[12];
    int levels = (int)(next_random(&w->seed) % 12);
    pass(levels, called_back, w, made);
    CHECK(dlclose(library) == 0);
    for (int i = 0; i <= levels; i++) {
        CHECK(strcmp(made[i], "a block of a library's, which is there when that has gone") == 0);
        free(made[i]);
    }
    count(LOADED);
}

/* --- coroutines --- */

/* void switch_stacks(void **from, void *to): what calls keep goes onto the one and comes from the other. */
extern "C" void switch_stacks(void **from, void *to);
__asm__(".text; .globl switch_stacks; .type switch_stacks, @function\n"
        "switch_stacks: .cfi_startproc\n"
        "push %rbp; .cfi_adjust_cfa_offset 8; push %rbx; .cfi_adjust_cfa_offset 8; push %r12; .cfi_adjust_cfa_offset 8\n"
        "push %r13; .cfi_adjust_cfa_offset 8; push %r14; .cfi_adjust_cfa_offset 8; push %r15; .cfi_adjust_cfa_offset 8\n"
        "mov %rsp, (%rdi); mov %rsi, %rsp\n"
        "pop %r15; .cfi_adjust_cfa_offset -8; pop %r14; .cfi_adjust_cfa_offset -8; pop %r13; .cfi_adjust_cfa_offset -8\n"
        "pop %r12; .cfi_adjust_cfa_offset -8; pop %rbx; .cfi_adjust_cfa_offset -8; pop %rbp; .cfi_adjust_cfa_offset -8; ret\n"
        ".cfi_endproc; .size switch_stacks, . - switch_stacks");

enum { COROUTINE_STACK = 16 << 10 };

struct coroutine {
    struct worker *w;
    char *memory;
    void *own, *other;
    int rounds;
#ifdef __GLIBC__
    int by_context;
    ucontext_t own_context, other_context;
#endif
};

static __thread struct coroutine *running;

static void leave(struct coroutine *c)
{
#ifdef __GLIBC__
    if (c->by_context) {
        CHECK(swapcontext(&c->own_context, &c->other_context) == 0);
        return;
    }
#endif
    switch_stacks(&c->own, c->other);
}

static void run_coroutine()
{
    struct coroutine *c = running;
    for (; c->rounds > 0; c->rounds--) {
        descend(c->w, (int)(next_random(&c->w->seed) % 10), 5);
        if (next_random(&c->w->seed) % 4 == 0)
            throw_and_catch(c->w);
        leave(c);
    }
    for (;;)
        leave(c);
}

static void enter(struct coroutine *c)
{
    running = c;
    count(SWITCHED);
#ifdef __GLIBC__
    if (c->by_context) {
        CHECK(swapcontext(&c->other_context, &c->own_context) == 0);
        return;
    }
#endif
    switch_stacks(&c->other, c->own);
}

static void begin(struct coroutine *c, struct worker *w)
{
    /* What the first function would return to: nothing, what is no code, what is not there. */
    static const uintptr_t callers[] = {0, 1, 0x1234, 0x7fff00000000, (uintptr_t)-8, (uintptr_t)1 << 63};
    c->w = w;
    c->rounds = 1 + (int)(next_random(&w->seed) % 5);
    c->memory = (char *)mmap(NULL, COROUTINE_STACK + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(c->memory != MAP_FAILED && mprotect(c->memory + PAGE, COROUTINE_STACK, PROT_READ | PROT_WRITE) == 0);
#ifdef __GLIBC__
    c->by_context = next_random(&w->seed) % 2;
    if (c->by_context) {
        CHECK(getcontext(&c->own_context) == 0);
        c->own_context.uc_stack.ss_sp = c->memory + PAGE;
        c->own_context.uc_stack.ss_size = COROUTINE_STACK;
        c->own_context.uc_link = NULL;
        makecontext(&c->own_context, run_coroutine, 0);
        return;
    }
#endif
    uintptr_t *top = (uintptr_t *)(c->memory + PAGE + COROUTINE_STACK);
    top[-1] = callers[next_random(&w->seed) % (sizeof callers / sizeof *callers)];
    top[-2] = (uintptr_t)run_coroutine;
    c->own = top - 8;
}

static void end(struct coroutine *c)
{
    while (c->rounds > 0)
        enter(c);
    CHECK(munmap(c->memory, COROUTINE_STACK + 2 * PAGE) == 0);
    c->w = NULL;
}

/* --- signals --- */

static __thread struct block handlers_blocks[HANDLERS_BLOCKS];
static __thread uint64_t handlers_seed;

static void handle(int)
{
    int error = errno;
    struct block *b = &handlers_blocks[next_random(&handlers_seed) % HANDLERS_BLOCKS];
    drop(b);
    *b = make(&handlers_seed);
    b = &handlers_blocks[next_random(&handlers_seed) % HANDLERS_BLOCKS];
    if (b->data && b->origin == MALLOC)
        change(b, &handlers_seed);
    count(SIGNALLED);
    errno = error;
}

struct signalled {
    char *memory;
    size_t size;
    int timer;
};

/* Signals come while the thread runs, on the smallest stack on which they can allocate. */
static void be_signalled(struct signalled *s, uint64_t *seed)
{
    size_t least = getauxval(51); /* AT_MINSIGSTKSZ: what the CPU's registers take */
    s->size = ((least ? least : 2048) + 4096 + 1024 + PAGE - 1) & -PAGE;
    s->memory = (char *)mmap(NULL, s->size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(s->memory != MAP_FAILED && mprotect(s->memory + PAGE, s->size, PROT_READ | PROT_WRITE) == 0);
    stack_t stack = {};
    stack.ss_sp = s->memory + PAGE;
    stack.ss_size = s->size;
    CHECK(sigaltstack(&stack, NULL) == 0);
    handlers_seed = next_random(seed);

    struct sigevent event = {};
    event.sigev_notify = 4; /* SIGEV_THREAD_ID */
    event.sigev_signo = SIGUSR1;
    int thread = (int)syscall(SYS_gettid);
    memcpy((char *)&event + 16, &thread, sizeof thread); /* sigev_notify_thread_id */
    CHECK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &s->timer) == 0);
    long every = 500000 + (long)(next_random(seed) % 4000000);
    struct itimerspec interval = {{0, every}, {0, every}};
    CHECK(syscall(SYS_timer_settime, s->timer, 0, &interval, NULL) == 0);
}

static void be_signalled_no_more(struct signalled *s)
{
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    CHECK(syscall(SYS_timer_delete, s->timer) == 0);
    CHECK(pthread_sigmask(SIG_BLOCK, &signals, &before) == 0);
    for (int i = 0; i < HANDLERS_BLOCKS; i++)
        drop(&handlers_blocks[i]);
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&none, NULL) == 0 && munmap(s->memory, s->size + 2 * PAGE) == 0);
}

/* --- forks --- */

static void await(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void write_profile(int file, uint64_t *seed)
{
    int format = (int)(next_random(seed) % 3), value = (int)(next_random(seed) % 4);
    int result = nativemalloc_write_profile(file, (enum nativemalloc_profile_format)format, (enum nativemalloc_profile_value)value);
    if (format == NATIVEMALLOC_HEAP && value == NATIVEMALLOC_HELD)
        CHECK(result == -1 && errno == EINVAL);
    else
        CHECK(result == 0);
    count(WROTE);
}

static void fork_child(struct worker *w)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(PATIENCE);
        w->is_forked = 1;
        churn(w, 50);
        if (nativemalloc_write_profile) {
            nativemalloc_start_profiling(1);
            write_profile(null_file, &w->seed);
        }
        descend(w, 5, 50);
        _exit(0);
    }
    await(child);
    count(FORKED);
}

/* --- threads --- */

static void *work(void *argument)
{
    struct worker *w = (struct worker *)argument;
    struct signalled signalled;
    be_signalled(&signalled, &w->seed);
    struct coroutine *coroutines = (struct coroutine *)calloc(2, sizeof *coroutines);
    for (int i = 0; i < 300 && !stop; i++) {
        switch (next_random(&w->seed) % 8) {
        case 0:
            throw_and_catch(w);
            break;
        case 1:
            if (w->has_room)
                load(w);
            break;
        case 2:
            if (next_random(&w->seed) % 8 == 0)
                fork_child(w);
            else if (nativemalloc_write_profile && next_random(&w->seed) % 16 == 0)
                write_profile(null_file, &w->seed);
            break;
        case 3: case 4: {
            struct coroutine *c = &coroutines[next_random(&w->seed) % 2];
            if (!c->w)
                begin(c, w);
            enter(c);
            if (c->rounds == 0)
                end(c);
            break;
        }
        default:
            descend(w, (int)(next_random(&w->seed) % 12), 20);
        }
        watched->beats[w->number]++;
    }
    for (int i = 0; i < 2; i++)
        if (coroutines[i].w)
            end(&coroutines[i]);
    free(coroutines);
    for (int i = 0; i < SLOTS; i++)
        drop(&w->blocks[i]);
    be_signalled_no_more(&signalled);
    watched->beats[w->number] = -1;
    int leave_at_once = next_random(&w->seed) % 2;
    free(w);
    if (leave_at_once)
        pthread_exit(NULL);
    return NULL;
}

static pthread_t start_worker(int number, uint64_t *seed)
{
    struct worker *w = (struct worker *)calloc(1, sizeof *w);
    w->seed = next_random(seed);
    w->number = number;
    w->has_room = next_random(seed) % 3 != 0;
    watched->beats[number] = 0;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    /* musl's smallest is for those who call nothing. */
    size_t least = PTHREAD_STACK_MIN > (16 << 10) ? PTHREAD_STACK_MIN : 16 << 10;
    CHECK(w->has_room || pthread_attr_setstacksize(&attributes, least) == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, &attributes, work, w) == 0);
    pthread_attr_destroy(&attributes);
    count(BEGUN);
    return thread;
}

/* --- profiles --- */

static double samples;

/* By the first line of a profile of what was allocated: "heap profile: N: B [N: B] @ heap_v2/MEAN". */
static void count_samples()
{
    char line[200] = {};
    CHECK(ftruncate(profile_file, 0) == 0 && lseek(profile_file, 0, SEEK_SET) == 0);
    CHECK(nativemalloc_write_profile(profile_file, NATIVEMALLOC_HEAP, NATIVEMALLOC_ALLOCATED) == 0);
    CHECK(pread(profile_file, line, sizeof line - 1, 0) > 20);
    char *allocated = strchr(line, '[');
    CHECK(memcmp(line, "heap profile: ", 14) == 0 && allocated);
    samples += strtod(allocated + 1, NULL);
}

static struct nativemalloc_statistics statistics()
{
    struct nativemalloc_statistics s = {};
    s.size = sizeof s;
    CHECK(nativemalloc_get_statistics(&s) == 0);
    return s;
}

static void add_up()
{
    struct nativemalloc_statistics s = statistics();
    CHECK(s.mapped == s.in_use + s.front_end_cached + s.transfer_cached + s.central_free + s.span_tails + s.page_heap_free + s.released + s.metadata);
}

static double resident()
{
    char text[200] = {};
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0 && close(file) == 0);
    return (double)strtol(strchr(text, ' '), NULL, 10) * PAGE / (1 << 20);
}

static void give_memory_back(uint64_t *seed)
{
    if (filtered)
        return; /* it would take membarrier */
    if (next_random(seed) % 2)
        trim();
    else if (nativemalloc_release_memory)
        nativemalloc_release_memory(next_random(seed) % 2 ? UINT64_MAX : 1 << 20);
    count(TRIMMED);
}

/* MiB that are resident, and of them in the library's own structures, added up for each part of the run. */
static struct window {
    double resident, own;
    long looks;
} windows[WINDOWS];

static void look(struct window *w)
{
    w->looks++;
    w->resident += resident();
    if (nativemalloc_get_statistics)
        w->own += (double)statistics().metadata_touched / (1 << 20);
}

static void *profile(void *argument)
{
    uint64_t seed = *(uint64_t *)argument;
    static const uint64_t means[] = {1, 256, 4096, 4096, 64 << 10, 0};
    double begun = now(), next_look = begun;
    while (!stop) {
        double time = now();
        int window = (int)((time - begun) / seconds * WINDOWS);
        if (time >= next_look && window < WINDOWS) {
            look(&windows[window]);
            next_look = time + (seconds < 100 ? 0.02 : 1);
        }
        if (nativemalloc_write_profile) {
            switch (next_random(&seed) % 16) {
            case 0:
                CHECK(nativemalloc_start_profiling(means[next_random(&seed) % 6]) == 0);
                break;
            case 1:
                nativemalloc_stop_profiling();
                break;
            case 2:
                if (next_random(&seed) % 8 == 0) {
                    count_samples();
                    nativemalloc_reset_profile();
                }
                break;
            case 3: case 4: case 5:
                CHECK(ftruncate(profile_file, 0) == 0 && lseek(profile_file, 0, SEEK_SET) == 0);
                write_profile(profile_file, &seed);
                break;
            case 6: case 7:
                add_up();
                break;
            default:
                CHECK(nativemalloc_start_profiling(4096) == 0);
            }
        }
        if (next_random(&seed) % 16 == 0)
            give_memory_back(&seed);
        watched->beats[threads]++;
        usleep(1000 + next_random(&seed) % 4000);
    }
    if (nativemalloc_write_profile)
        count_samples();
    watched->beats[threads] = -1;
    return NULL;
}

/* --- the process --- */

static void fall(int number, siginfo_t *information, void *)
{
    dprintf(2, "process %d: signal %d, %s %lld\n", getpid(), number, number == SIGSYS ? "call" : "at",
            number == SIGSYS ? (long long)information->si_syscall : (long long)(uintptr_t)information->si_addr);
    watched->fallen = getpid();
    for (;;)
        pause();
}

static void report_falls()
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM, SIGSYS};
    for (int number : numbers) {
        struct sigaction action = {};
        action.sa_sigaction = fall;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        CHECK(sigaction(number, &action, NULL) == 0);
    }
    struct sigaction action = {};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
}

/*
 * What ends a process says by which call, in a signal's handler; that is all that it may do. What a program calls that starts threads, forks,
 * loads libraries and reads files, is allowed, and what malloc calls.
 */
static void filter()
{
    static const unsigned allowed[] = {
        SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_futex,
        SYS_read, SYS_pread64, SYS_write, SYS_openat, SYS_close, SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_ftruncate,
        SYS_clone, 435 /* clone3 */, SYS_set_robust_list, 334 /* rseq */, SYS_exit, SYS_exit_group, SYS_wait4, SYS_sched_yield, SYS_getcwd, SYS_getpid, SYS_gettid,
        SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_tgkill, SYS_pause, SYS_alarm,
        SYS_timer_create, SYS_timer_settime, SYS_timer_delete, SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_restart_syscall,
    };
    enum { COUNT = sizeof allowed / sizeof *allowed };
    struct sock_filter rules[COUNT + 3];
    rules[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (unsigned i = 0; i < COUNT; i++)
        rules[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], (unsigned char)(COUNT - i), 0);
    rules[COUNT + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    rules[COUNT + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {COUNT + 3, rules};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static int run(uint64_t seed)
{
    report_falls();
    null_file = open("/dev/null", O_WRONLY | O_CLOEXEC);
    profile_file = (int)syscall(SYS_memfd_create, "profile", 1);
    CHECK(null_file >= 0 && profile_file >= 0);
    free(malloc(100));
    if (filtered)
        filter();

    pthread_t profiler, running[MOST_THREADS];
    double end = now() + seconds;
    CHECK(pthread_create(&profiler, NULL, profile, &seed) == 0);
    for (int i = 0; i < threads; i++)
        running[i] = start_worker(i, &seed);
    for (int i = 0; now() < end; i = (i + 1) % threads) {
        CHECK(pthread_join(running[i], NULL) == 0);
        running[i] = start_worker(i, &seed);
    }
    stop = 1;
    for (int i = 0; i < threads; i++)
        CHECK(pthread_join(running[i], NULL) == 0);
    CHECK(pthread_join(profiler, NULL) == 0);
    for (int i = 0; i < MAILBOX; i++)
        drop(&mailbox[i]);

    for (int i = 0; i < ACTS; i++)
        printf("%s%ld %s", i ? ", " : "", watched->acts[i], act_names[i]);
    printf(", about %.0f samples\nMiB resident, and of them the library's own:", samples);
    for (struct window &w : windows) {
        w.resident /= w.looks;
        w.own /= w.looks;
        if (w.looks)
            printf(" %.1f(%.1f)", w.resident, w.own);
    }
    printf("\n");
    fflush(stdout);

    /* From a quarter of the run on. Libraries lie elsewhere each time, so that there are ever new stacks, up to the bound of 16 MiB. */
    struct window *before = &windows[WINDOWS / 4], *after = &windows[WINDOWS - 2];
    CHECK(!(after->resident - after->own > before->resident - before->own + 8));
    CHECK(!(after->own > before->own + 16));
    return 0;
}

/* Of a process that hangs or has fallen. */
static void print_stacks(pid_t process)
{
    char number[20];
    snprintf(number, sizeof number, "%d", process);
    pid_t child = fork();
    if (child == 0) {
        unsetenv("LD_PRELOAD");
        dup2(2, 1);
        execlp("gdb", "gdb", "-batch", "-nx", "-p", number, "-ex", "info threads", "-ex", "thread apply all backtrace 40", (char *)NULL);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static int watch(pid_t process)
{
    long last[MOST_THREADS + 1];
    double since[MOST_THREADS + 1];
    for (int i = 0; i <= threads; i++) {
        last[i] = -1;
        since[i] = now();
    }
    for (;;) {
        int status;
        if (waitpid(process, &status, WNOHANG) == process) {
            if (WIFSIGNALED(status))
                dprintf(2, "killed by signal %d\n", WTERMSIG(status));
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        }
        if (watched->fallen) {
            print_stacks(watched->fallen);
            kill(watched->fallen, SIGKILL);
            kill(process, SIGKILL);
            return 1;
        }
        for (int i = 0; i <= threads; i++) {
            if (watched->beats[i] != last[i] || last[i] == -1) {
                last[i] = watched->beats[i];
                since[i] = now();
            } else if (now() - since[i] > PATIENCE) {
                dprintf(2, "thread %d of process %d does not get on\n", i, process);
                print_stacks(process);
                kill(process, SIGKILL);
                return 1;
            }
        }
        usleep(20000);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc > 4);
    seconds = atoi(argv[1]);
    threads = atoi(argv[2]);
    filtered = strcmp(argv[3], "filtered") == 0;
    libraries = argv + 4;
    library_count = argc - 4;
    CHECK(seconds > 0 && threads > 0 && threads <= MOST_THREADS);
    watched = (struct watched *)mmap(NULL, sizeof *watched, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(watched != MAP_FAILED);
    pid_t process = fork();
    CHECK(process >= 0);
    return process == 0 ? run((uint64_t)time(NULL) * 2654435761 + (uint64_t)getpid()) : watch(process);
}
