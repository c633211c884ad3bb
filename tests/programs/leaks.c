/*
 * One kind of block that is lost, or is not, at the end of the process: leaks KIND [LIBRARY]. `leaks --list` lists the kinds. What is to be
 * reported of each stands in tests/DropInTests/LeakTests.cs. And leaks heap BYTES MIB.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

struct node {
    struct node *volatile next;
    char rest[24];
};

static void *volatile kept[8];
static __thread void *volatile kept_by_thread;
static const char *library;

/* What was on the stack, and in registers that functions do not keep, is not there any more. */
static NOINLINE void forget(void)
{
    volatile char room[16 << 10];
    for (size_t i = 0; i < sizeof room; i++)
        room[i] = 0;
}

static NOINLINE struct node *make(size_t size)
{
    struct node *node = malloc(size);
    if (!node)
        abort();
    node->next = NULL;
    return node;
}

static NOINLINE void none(void)
{
    for (int i = 0; i < 1000; i++)
        free(make(16 + i * 7));
    kept[0] = make(100);
}

static NOINLINE void direct(void)
{
    for (int i = 0; i < 10; i++)
        make(100);
}

static NOINLINE void indirect(void)
{
    struct node *last = make(50);
    for (int i = 0; i < 9; i++) {
        last->next = make(60);
        last = last->next;
    }
}

static NOINLINE void cycle(void)
{
    struct node *first = make(100), *second = make(101), *third = make(102);
    first->next = second;
    second->next = third;
    third->next = first;
}

/* Blocks in a ring, and others to which only they lead: made first, so that they lie before the ring. */
static NOINLINE void cycle_with_tail(void)
{
    struct node *tail = make(64), *first = make(64), *second = make(64);
    first->next = second;
    second->next = first;
    *(struct node **)second->rest = tail;
}

static NOINLINE void self(void)
{
    struct node *node = make(100);
    node->next = node;
}

static NOINLINE void shared_tail(void)
{
    struct node *tail = make(300);
    make(100)->next = tail;
    make(100)->next = tail;
}

static NOINLINE void list_of_many(void)
{
    struct node *first = NULL;
    for (int i = 0; i < 200000; i++) {
        struct node *node = make(40);
        node->next = first;
        first = node;
    }
    kept[0] = first;
}

static NOINLINE void interior(void)
{
    kept[0] = (char *)make(1000) + 999;
    kept[1] = (char *)make(48) + 47;
}

static NOINLINE void interior_of_large(void)
{
    kept[0] = (char *)make(5 << 20) + (3 << 20);
}

static NOINLINE void large(void)
{
    make(3 << 20);
    make(1 << 19);
}

static NOINLINE void through_large(void)
{
    char *block = (char *)make((size_t)1 << 30);
    *(void *volatile *)(block + ((size_t)1 << 29)) = make(77);
    *(void *volatile *)(block + ((size_t)1 << 30) - 8) = make(78);
    kept[0] = block;
}

static NOINLINE void aligned(void)
{
    void *volatile block;
    if (posix_memalign((void **)&block, 256, 1000) || posix_memalign((void **)&block, 1 << 16, 100000))
        abort();
    block = aligned_alloc(64, 128);
}

static NOINLINE void zeroed(void)
{
    void *volatile block = calloc(10, 10);
    block = calloc(1000, 1000);
    (void)block;
}

static NOINLINE void after_realloc(void)
{
    void *volatile block = realloc(make(100), 3000);
    block = realloc(block, 300000);
    block = realloc(make(5000), 50);
    kept[0] = realloc(make(16), 100000);
}

static NOINLINE void in_register(void)
{
    struct node *node = make(100);
    fflush(stdout);
    __asm__ volatile("mov %0, %%r12\n\txor %%eax, %%eax\n\txor %%edi, %%edi\n\tcall exit" : : "r"(node) : "r12", "rax", "rdi", "memory");
}

static sem_t ready;

static void *wait_with_register(void *unused)
{
    (void)unused;
    struct node *node = make(100);
    forget();
    sem_post(&ready);
    __asm__ volatile("mov %0, %%r12\n\txor %0, %0\n1:\tpause\n\tjmp 1b" : "+r"(node) : : "r12");
    return NULL;
}

static void *wait_in_kernel_with_register(void *unused)
{
    (void)unused;
    struct node *node = make(100);
    forget();
    sem_post(&ready);
    __asm__ volatile("mov %0, %%r13\n\txor %0, %0\n1:\tmov $34, %%eax\n\tsyscall\n\tjmp 1b" : "+r"(node) : : "r13", "rax", "rcx", "r11", "memory");
    return NULL;
}

static void *wait_with_stack(void *unused)
{
    (void)unused;
    void *volatile room[100];
    memset((void *)room, 0, sizeof room);
    room[50] = make(100);
    forget();
    sem_post(&ready);
    for (;;)
        pause();
    return room[50];
}

static void start(void *(*function)(void *))
{
    pthread_t thread;
    sem_init(&ready, 0, 0);
    if (pthread_create(&thread, NULL, function, NULL))
        abort();
    sem_wait(&ready);
    usleep(20000);
}

static NOINLINE void in_register_of_thread(void) { start(wait_with_register); }

static NOINLINE void in_register_in_kernel(void) { start(wait_in_kernel_with_register); }

static NOINLINE void on_stack_of_thread(void) { start(wait_with_stack); }

static NOINLINE void fill_stack(int depth)
{
    void *volatile room[64];
    memset((void *)room, 0, sizeof room);
    room[32] = make(100);
    if (depth > 0)
        fill_stack(depth - 1);
    room[0] = NULL;
}

/* What is left below the stack's end by functions that have returned leads to nothing. */
static NOINLINE void below_stack(void) { fill_stack(20); }

static void *wait_above_garbage(void *unused)
{
    (void)unused;
    fill_stack(20);
    sem_post(&ready);
    for (;;)
        pause();
    return unused;
}

static NOINLINE void below_stack_of_thread(void) { start(wait_above_garbage); }

static void *lose(void *unused)
{
    (void)unused;
    fill_stack(4);
    kept_by_thread = make(200);
    return make(300);
}

/* A thread that has ended: its stack, and thread-local storage. Its result is gone when somebody has waited for it. */
static NOINLINE void thread_that_ended(void)
{
    pthread_t thread;
    void *volatile result;
    if (pthread_create(&thread, NULL, lose, NULL) || pthread_join(thread, (void **)&result))
        abort();
    free(result);
    result = NULL;
}

static void *detached(void *unused)
{
    void *volatile result = lose(unused);
    free(result);
    result = NULL;
    sem_post(&ready);
    return NULL;
}

static NOINLINE void detached_thread_that_ended(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sem_init(&ready, 0, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, detached, NULL))
        abort();
    sem_wait(&ready);
    usleep(50000);
}

static void *give_result(void *unused)
{
    (void)unused;
    return make(100);
}

/* Who waits for it gets it. */
static NOINLINE void result_of_thread(void)
{
    pthread_t *thread = malloc(sizeof *thread);
    if (pthread_create(thread, NULL, give_result, NULL))
        abort();
    kept[0] = thread;
    usleep(50000);
}

static NOINLINE void in_thread_local(void)
{
    kept_by_thread = make(100);
}

static NOINLINE void in_thread_specific(void)
{
    for (int i = 0; i < 100; i++) {
        pthread_key_t key;
        if (pthread_key_create(&key, NULL) || pthread_setspecific(key, make(100)))
            abort();
    }
}

static NOINLINE void *map(int protection, int flags)
{
    void *mapped = mmap(NULL, 1 << 20, protection, flags, -1, 0);
    if (mapped == MAP_FAILED)
        abort();
    return mapped;
}

static NOINLINE void in_mapping(void)
{
    void **mapped = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    mapped[70000] = make(100);
}

static NOINLINE void in_read_only_mapping(void)
{
    void **mapped = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    mapped[70000] = make(100);
    if (mprotect(mapped, 1 << 20, PROT_READ))
        abort();
}

static NOINLINE void in_shared_mapping(void)
{
    void **mapped = map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
    mapped[70000] = make(100);
}

static NOINLINE void in_mapping_that_went(void)
{
    void **mapped = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    mapped[70000] = make(100);
    munmap(mapped, 1 << 20);
}

/* 64 GiB of addresses, of which a page is touched. */
static NOINLINE void in_reservation(void)
{
    size_t bytes = (size_t)64 << 30;
    char *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        abort();
    *(void **)(mapped + bytes / 2) = make(100);
}

/*
 * A thread's stack with something else of the program below it, in data or in a mapping, all of it written to before: what is below the stack is no
 * part of it. The thread has ended, or not.
 */
static struct below_own_stack {
    void *kept;
    _Alignas(4096) unsigned char stack[1 << 16];
} below_own_stack __attribute__((aligned(4096)));

static void *end_or_stay(void *stays)
{
    while (stays)
        pause();
    return NULL;
}

static NOINLINE void below_stack_in(struct below_own_stack *data, void *stays)
{
    memset(data, 0xa5, sizeof *data);
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) || pthread_attr_setstack(&attributes, data->stack, sizeof data->stack)
        || pthread_create(&thread, &attributes, end_or_stay, stays) || (!stays && pthread_join(thread, NULL)))
        abort();
    data->kept = malloc(100);
}

static NOINLINE void below_own_stack_of_thread(void) { below_stack_in(&below_own_stack, &below_own_stack); }
static NOINLINE void below_own_stack_that_ended(void) { below_stack_in(&below_own_stack, NULL); }
static NOINLINE void below_mapped_stack_of_thread(void) { below_stack_in(map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS), &below_own_stack); }
static NOINLINE void below_mapped_stack_that_ended(void) { below_stack_in(map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS), NULL); }

/* A block of which a part cannot be touched, as under a stack of a coroutine. */
static NOINLINE void guarded(void)
{
    void *volatile block;
    if (posix_memalign((void **)&block, 4096, 1 << 18) || mprotect((char *)block + 8192, 4096, PROT_NONE))
        abort();
    ((void *volatile *)block)[0] = make(100);
    ((void *volatile *)block)[5000] = make(101);
    kept[0] = block;
}

static ucontext_t main_context, coroutine_context;

static void coroutine(void)
{
    void *volatile room[100];
    memset((void *)room, 0, sizeof room);
    room[50] = make(100);
    forget();
    swapcontext(&coroutine_context, &main_context);
    abort();
}

static void start_coroutine(void *stack, size_t bytes)
{
    getcontext(&coroutine_context);
    coroutine_context.uc_stack.ss_sp = stack;
    coroutine_context.uc_stack.ss_size = bytes;
    coroutine_context.uc_link = NULL;
    makecontext(&coroutine_context, coroutine, 0);
    swapcontext(&main_context, &coroutine_context);
}

static NOINLINE void on_mapped_coroutine(void) { start_coroutine(map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS), 1 << 20); }

static NOINLINE void on_allocated_coroutine(void)
{
    kept[0] = make(1 << 16);
    start_coroutine(kept[0], 1 << 16);
}

static void end_on_coroutine(void) { exit(0); }

/* On two small stacks, one right below the other, whose pages have all been used before. */
static NOINLINE void on_coroutine_above_another(char *stacks)
{
    memset(stacks, 0, 1 << 17);
    start_coroutine(stacks, 1 << 16);
    memset(&coroutine_context, 0, sizeof coroutine_context);
    getcontext(&coroutine_context);
    coroutine_context.uc_stack.ss_sp = stacks + (1 << 16);
    coroutine_context.uc_stack.ss_size = 1 << 16;
    makecontext(&coroutine_context, end_on_coroutine, 0);
    forget();
    setcontext(&coroutine_context);
}

static NOINLINE void below_coroutine_that_ends(void)
{
    on_coroutine_above_another(map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS));
}

/* The same in one mapping with the first thread's descriptor, as the kernel may put it; where there is no room for it, anywhere. */
static NOINLINE void below_coroutine_under_descriptor(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    uintptr_t start = 0, end = 0, self = (uintptr_t)pthread_self();
    while (file && (self < start || self >= end) && fscanf(file, "%lx-%lx%*[^\n]", &start, &end) == 2)
        ;
    if (file)
        fclose(file);
    void *wanted = (void *)(start - (1 << 17));
    char *stacks = mmap(wanted, 1 << 17, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* there, if nothing else is */
    if (stacks == MAP_FAILED)
        abort();
    on_coroutine_above_another(stacks);
}

/* Freed blocks lead to nothing, and are not lost, wherever they wait. */
static NOINLINE void freed(void)
{
    struct node *nodes[3000];
    for (int i = 0; i < 3000; i++) {
        nodes[i] = make(32 + i % 50 * 16);
        memset(nodes[i], 0, 32);
    }
    void *volatile *holder = (void *volatile *)make(64);
    holder[3] = make(500);
    free((void *)holder);
    for (int i = 0; i < 3000; i++)
        free(nodes[i]);
}

static NOINLINE void in_library_that_went(void)
{
    void *loaded = dlopen(library, RTLD_NOW);
    void (*lose_block)(void) = loaded ? (void (*)(void))dlsym(loaded, "lose_block") : NULL;
    if (!lose_block)
        abort();
    lose_block();
    dlclose(loaded);
}

static NOINLINE void in_library(void)
{
    void *loaded = dlopen(library, RTLD_NOW);
    void (*keep_block)(void) = loaded ? (void (*)(void))dlsym(loaded, "keep_block") : NULL;
    if (!keep_block)
        abort();
    keep_block();
}

/* The first thread has ended, and another ends the process. */
static void *end_process(void *first)
{
    usleep(20000);
    if (pthread_tryjoin_np(*(pthread_t *)first, NULL) == EBUSY)
        abort();
    make(100);
    forget();
    exit(0);
}

static NOINLINE void first_thread_ended(void)
{
    static pthread_t first;
    pthread_t thread;
    first = pthread_self();
    kept_by_thread = make(50);
    if (pthread_create(&thread, NULL, end_process, &first))
        abort();
    pthread_exit(NULL);
}

/* Most programs that close all descriptors do so when they begin. */
static NOINLINE void closed_descriptors(void)
{
    make(100);
    for (int file = 3; file < 2000; file++)
        close(file);
    if (dup2(open("/dev/null", O_WRONLY), 1000) != 1000)
        abort();
}

/* The child ends as ever, and says nothing, unless it has a file of its own. */
static NOINLINE void forked(void)
{
    make(100);
    pid_t child = fork();
    if (child == 0) {
        make(50);
        forget();
        exit(3);
    }
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        abort();
    printf("child %d %d\n", (int)child, WEXITSTATUS(status));
}

static void *fork_for_ever(void *unused)
{
    sem_post(&ready);
    for (;;) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
    }
    return unused;
}

/* Forks take long here, since so many pages are to be shared. (What is allocated meanwhile may be the reserve's, which is never listed.) */
static NOINLINE void while_forking(void)
{
    size_t bytes = (size_t)256 << 20;
    char *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        abort();
    madvise(mapped, bytes, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < bytes; i += 4096)
        mapped[i] = 1;
    make(100);
    start(fork_for_ever);
}

static NOINLINE void closed_streams(void)
{
    make(100);
    printf("closed\n");
    fclose(stdout);
    fclose(stderr);
}

static const struct {
    const char *name;
    void (*run)(void);
} kinds[] = {
    { "none", none },
    { "direct", direct },
    { "indirect", indirect },
    { "cycle", cycle },
    { "cycle-with-tail", cycle_with_tail },
    { "self", self },
    { "shared-tail", shared_tail },
    { "list-of-many", list_of_many },
    { "interior", interior },
    { "interior-of-large", interior_of_large },
    { "large", large },
    { "through-large", through_large },
    { "aligned", aligned },
    { "zeroed", zeroed },
    { "after-realloc", after_realloc },
    { "in-register", in_register },
    { "in-register-of-thread", in_register_of_thread },
    { "in-register-in-kernel", in_register_in_kernel },
    { "on-stack-of-thread", on_stack_of_thread },
    { "below-stack", below_stack },
    { "below-stack-of-thread", below_stack_of_thread },
    { "below-own-stack-of-thread", below_own_stack_of_thread },
    { "below-own-stack-that-ended", below_own_stack_that_ended },
    { "below-mapped-stack-of-thread", below_mapped_stack_of_thread },
    { "below-mapped-stack-that-ended", below_mapped_stack_that_ended },
    { "thread-that-ended", thread_that_ended },
    { "detached-thread-that-ended", detached_thread_that_ended },
    { "result-of-thread", result_of_thread },
    { "in-thread-local", in_thread_local },
    { "in-thread-specific", in_thread_specific },
    { "in-mapping", in_mapping },
    { "in-read-only-mapping", in_read_only_mapping },
    { "in-shared-mapping", in_shared_mapping },
    { "in-mapping-that-went", in_mapping_that_went },
    { "in-reservation", in_reservation },
    { "guarded", guarded },
    { "on-mapped-coroutine", on_mapped_coroutine },
    { "on-allocated-coroutine", on_allocated_coroutine },
    { "below-coroutine-that-ends", below_coroutine_that_ends },
    { "below-coroutine-under-descriptor", below_coroutine_under_descriptor },
    { "freed", freed },
    { "in-library-that-went", in_library_that_went },
    { "in-library", in_library },
    { "first-thread-ended", first_thread_ended },
    { "closed-descriptors", closed_descriptors },
    { "forked", forked },
    { "while-forking", while_forking },
    { "closed-streams", closed_streams },
};

/* From now on the kernel refuses a system call. */
static void refuse(unsigned number)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        abort();
}

/* So many MiB in blocks of that size, all kept: for the time that a search takes. */
static NOINLINE void heap(size_t size, size_t mebibytes)
{
    size_t count = (mebibytes << 20) / size;
    void **blocks = malloc(count * sizeof *blocks);
    for (size_t i = 0; i < count; i++)
        blocks[i] = make(size);
    kept[0] = blocks;
}

static NOINLINE void without_ptrace(void)
{
    refuse(SYS_ptrace);
    start(wait_above_garbage);
    start(wait_with_stack);
}

/* Nobody but root may look into the process then, and in /proc it may open less of its own. */
static NOINLINE void without_dumps(void)
{
    start(wait_with_register);
    start(wait_with_stack);
    if ((geteuid() == 0 && setuid(65534)) || prctl(PR_SET_DUMPABLE, 0))
        abort();
}

static NOINLINE void without_reading(void)
{
    refuse(SYS_process_vm_readv);
    make(100);
}

/* 64 MiB in blocks of 256 bytes, lost one by one: for estimates. */
static NOINLINE void much(void)
{
    for (int i = 0; i < (64 << 20) / 256; i++)
        make(256);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "much") == 0)
        much();
    if (argc > 3 && strcmp(argv[1], "heap") == 0)
        heap(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    if (argc > 1 && strcmp(argv[1], "without-ptrace") == 0)
        without_ptrace();
    if (argc > 1 && strcmp(argv[1], "without-dumps") == 0)
        without_dumps();
    if (argc > 1 && strcmp(argv[1], "without-reading") == 0)
        without_reading();
    forget();
    int listed = argc > 1 && strcmp(argv[1], "--list") == 0;
    library = argc > 2 ? argv[2] : NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (listed) {
            puts(kinds[i].name);
        } else if (argc > 1 && strcmp(argv[1], kinds[i].name) == 0) {
            kinds[i].run();
            forget();
            return 0;
        }
    }
    return 0;
}
