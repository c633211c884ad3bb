/*
 * Call chains that are known, and what the library takes them for: each function notes where it will return to, and the innermost compares.
 *
 *     walked chain | signal | handstack | context | bare | compiled | register | thread | vfork | random SECONDS
 *     walked beside SECONDS LIBRARY    chains, while another thread loads and unloads the library
 *     walked time FRAMES               how long walks take, over the same frames again and again
 *     walked loading LIBRARY OTHER     two libraries that lie at the same address one after the other, with different frames
 */
#define _GNU_SOURCE
#include "backtrace.h"
#include "clock.h"

#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#ifdef __GLIBC__
#include <ucontext.h>
#endif

#define FUNCTION __attribute__((noinline, noclone)) static

enum { MOST = 128 };

/* From the outermost on; 0 is any. */
static __thread void *expected[MOST];
static __thread int depth;
static __thread int looks;
static __thread void *frames[MOST];
static __thread int count;

#define ENTER() (expected[depth++] = __builtin_return_address(0))
#define ANY() (expected[depth++] = 0)
#define LEAVE() (depth--, ({ __asm__ volatile("" : : : "memory"); }))

/* The end, if the stack begins as it should. */
__attribute__((always_inline)) static inline int end_behind(int outermost)
{
    struct registers here = {0};
    READ_REGISTERS(here);
    int result = backtrace_from(&here, frames, MOST);
    count = result & 0xffff;
    looks++;
    CHECK(count > depth - outermost);
    for (int i = 0; i < depth - outermost; i++)
        CHECK(!expected[depth - 1 - i] || frames[1 + i] == expected[depth - 1 - i]);
    return result >> 16;
}

/* However it ends. */
FUNCTION void look_at_chain(void)
{
    ENTER();
    end_behind(0);
    LEAVE();
}

/* What is behind main, libc's start, is described by glibc alone. */
FUNCTION void look(void)
{
    ENTER();
    int end = end_behind(0);
#ifdef __GLIBC__
    CHECK(end == WHOLE);
#else
    CHECK(end == WHOLE || end == LOST);
#endif
    LEAVE();
}

FUNCTION void deeper(int levels, void (*innermost)(void))
{
    ENTER();
    volatile char *room = levels % 3 == 1 ? alloca(levels * 100) : 0;
    if (room)
        room[levels] = 1;
    if (levels > 0)
        deeper(levels - 1, innermost);
    else
        innermost();
    LEAVE();
}

/* --- a fault in the middle of a function, and a handler on another stack --- */

extern char fault_at[];

FUNCTION void fault(void)
{
    ENTER();
    /* A frame of its own: the table of this function says where the caller is by the stack pointer's distance at this very place. */
    __asm__ volatile("sub $136, %%rsp; .cfi_adjust_cfa_offset 136; .globl fault_at; fault_at: ud2; add $136, %%rsp; .cfi_adjust_cfa_offset -136"
                     : : : "memory", "cc");
    LEAVE();
}

static void handle(int signal, siginfo_t *information, void *context)
{
    (void)signal;
    (void)information;
    expected[depth++] = fault_at + 1;
    expected[depth++] = (char *)__builtin_return_address(0) + 1; /* the way back from a handler */
    deeper(3, look);
    depth -= 2;
    ((uint64_t *)((char *)context + 40))[16] += 2; /* rip, behind ud2 */
}

static void take_faults(void)
{
    enum { STACK = 64 << 10 };
    stack_t stack = {.ss_sp = mmap(0, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = STACK};
    CHECK(sigaltstack(&stack, 0) == 0);
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    CHECK(sigaction(SIGILL, &action, 0) == 0);
}

/* --- stacks that are not the thread's --- */

/* void run_on(void *top, void (*function)(void)): calls it on another stack, whose last word is a return address that is none. */
void run_on(void *top, void (*function)(void));
__asm__(".text; .globl run_on; .type run_on, @function\n"
        "run_on: .cfi_startproc; push %rbx; .cfi_adjust_cfa_offset 8; .cfi_offset %rbx, -16; mov %rsp, %rbx; .cfi_def_cfa_register %rbx\n"
        "mov %rdi, %rsp; call *%rsi; mov %rbx, %rsp; pop %rbx; .cfi_def_cfa %rsp, 8; ret; .cfi_endproc; .size run_on, . - run_on");

/* void jump_on(void *top, void (*function)(void), void *caller): the same, but the function does not know where from, and its caller is that. */
void jump_on(void *top, void (*function)(void), uintptr_t caller);
__asm__(".text; .globl jump_on; .type jump_on, @function\n"
        "jump_on: push %rbx; push %rbp; mov %rsp, back(%rip); mov %rdi, %rsp; mov %rdx, -8(%rsp); mov %rdx, %rbp; lea -8(%rsp), %rsp\n"
        "call 1f; 1: pop %rax; jmp *%rsi\n"
        ".globl jump_back; jump_back: mov back(%rip), %rsp; pop %rbp; pop %rbx; ret\n"
        ".local back; .comm back, 8, 8");
void jump_back(void);

enum { SMALL = 16 << 10, PAGE = 4096 };

static char *guarded_stack(void)
{
    char *stack = mmap(0, SMALL + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED && mprotect(stack + PAGE, SMALL, PROT_READ | PROT_WRITE) == 0);
    return stack + PAGE + SMALL;
}

static int outermost_here;
static int wanted_end;

FUNCTION void look_here(void)
{
    ENTER();
    CHECK(end_behind(outermost_here) == wanted_end);
    LEAVE();
}

FUNCTION void first_on_stack(void)
{
    outermost_here = depth;
    deeper(5, look_here);
    jump_back();
}

/* The stack that it came from lies above this one, as the program's own does. */
FUNCTION void across(void)
{
    deeper(4, look_at_chain);
}

static void on_hand_made_stacks(void)
{
    /* As a coroutine's first function has it: nobody has called, or something that is no code, or what is not there. */
    static const uintptr_t callers[] = {0, 1, 0x1234, 0x7fff00000000, (uintptr_t)-8, (uintptr_t)1 << 63};
    for (size_t i = 0; i < sizeof callers / sizeof *callers; i++) {
        int before = depth;
        wanted_end = callers[i] ? LOST : WHOLE;
        jump_on(guarded_stack(), first_on_stack, callers[i]);
        depth = before;
    }
    run_on(guarded_stack(), across);
}

#ifdef __GLIBC__
static ucontext_t outer, inner;

FUNCTION void in_context(void)
{
    outermost_here = depth;
    for (int i = 0; i < 3; i++) {
        deeper(5, look_here);
        CHECK(swapcontext(&inner, &outer) == 0);
    }
}

static void in_contexts(void)
{
    CHECK(getcontext(&inner) == 0);
    inner.uc_stack.ss_sp = guarded_stack() - SMALL;
    inner.uc_stack.ss_size = SMALL;
    inner.uc_link = &outer;
    makecontext(&inner, in_context, 0);
    wanted_end = WHOLE;
    for (int i = 0; i < 3; i++)
        CHECK(swapcontext(&outer, &inner) == 0);
}
#endif

/* --- code that no table describes --- */

/* void bare(void (*function)(void), void **return_address): with a frame pointer; barer without, and with that number in rbp. */
void bare(void (*function)(void), void **return_address);
void barer(void (*function)(void), uintptr_t rbp);
extern char bare_return[], barer_return[];
__asm__(".text; .globl bare; .type bare, @function\n"
        "bare: push %rbp; mov %rsp, %rbp; sub $48, %rsp; mov 8(%rbp), %rax; mov %rax, (%rsi); call *%rdi; .globl bare_return; bare_return: leave; ret\n"
        ".globl barer; .type barer, @function\n"
        "barer: push %rbp; mov %rsi, %rbp; sub $32, %rsp; call *%rdi; .globl barer_return; barer_return: add $32, %rsp; pop %rbp; ret");

FUNCTION void look_lost(void)
{
    ENTER();
    int end = end_behind(depth - 2);
    CHECK(end == wanted_end && count >= 3 && frames[2] == barer_return);
    LEAVE();
}

FUNCTION void into_barer(void)
{
    ENTER();
    look_lost();
    LEAVE();
}

FUNCTION void through_bare(void)
{
    ENTER();
    depth++;
    bare(look, &expected[depth - 1]);
    depth--;
    LEAVE();
}

static void through_code_without_tables(void)
{
    deeper(3, through_bare);
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t numbers[] = {1, 0x1234, here + 1, here + (100 << 20), (uintptr_t)-16, (uintptr_t)1 << 62, (uintptr_t)malloc & ~15ul};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        depth = 0;
        wanted_end = LOST;
        barer(into_barer, numbers[i]);
    }
    wanted_end = WHOLE;
    barer(into_barer, 0);
}

/* As a compiler at run time makes it: push rbp; mov rbp, rsp; call rdi; pop rbp; ret. */
static void (*compiled)(void (*function)(void));
static unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};

FUNCTION void through_compiled(void)
{
    ENTER();
    ANY(); /* behind the call here */
    compiled(look);
    depth--;
    LEAVE();
}

static void through_compiled_code(void)
{
    compiled = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy((void *)compiled, code, sizeof code);
    deeper(4, through_compiled);
}

/* --- a function whose caller's address is in a register, so that it has nothing of its own on the stack --- */

/* void through_flat(void (*function)(void), void **return_address): goes to flat, which calls the function. */
void through_flat(void (*function)(void), void **return_address);
extern char flats_caller[];
__asm__(".text; .globl flat; .type flat, @function\n"
        "flat: .cfi_startproc; .cfi_def_cfa %rsp, 0; .cfi_register %rip, %rbx; call *%rdi; jmp *%rbx; .cfi_endproc\n"
        ".globl through_flat; .type through_flat, @function\n"
        "through_flat: .cfi_startproc; push %rbx; .cfi_adjust_cfa_offset 8; .cfi_offset %rbx, -16; mov 8(%rsp), %rax; mov %rax, (%rsi)\n"
        "lea flats_caller(%rip), %rbx; jmp flat; .globl flats_caller; flats_caller: pop %rbx; .cfi_def_cfa_offset 8; ret; .cfi_endproc");

FUNCTION void into_flat(void)
{
    ENTER();
    int caller = depth++;
    expected[depth++] = flats_caller;
    through_flat(look, &expected[caller]);
    depth = caller;
    LEAVE();
}

/* --- libraries that come and go --- */

static void load(char **libraries)
{
    uintptr_t places[2] = {0};
    int same = 0;
    for (int i = 0; i < 400; i++) {
        void *library = dlopen(libraries[i % 2], RTLD_NOW);
        CHECK(library);
        void (*visit)(void (*)(void), void **) = dlsym(library, "visit");
        CHECK(visit);
        places[i % 2] = (uintptr_t)visit;
        same += places[0] == places[1];
        depth = 1;
        visit(look, &expected[0]);
        depth = 0;
        dlclose(library);
    }
    printf("%d times at the other's place\n", same);
}

/* --- threads and processes --- */

FUNCTION void *in_thread(void *unused)
{
    depth = 0;
    looks = 0;
    deeper(20, look);
    CHECK(looks == 1);
    return unused;
}

/* --- while libraries come and go --- */

static volatile int stop;

static void *load_again_and_again(void *library)
{
    while (!stop) {
        void *loaded = dlopen(library, RTLD_NOW);
        if (loaded)
            dlclose(loaded);
    }
    return 0;
}

static void beside(double seconds, char *library)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, 0, load_again_and_again, library) == 0);
    double end = now() + seconds * 1e9;
    do
        deeper(20, look_at_chain);
    while (now() < end);
    stop = 1;
    CHECK(pthread_join(thread, 0) == 0);
    printf("%d walks\n", looks);
}

/* --- whatever the registers are --- */

static uintptr_t random_address(uint64_t *state, const uintptr_t *stack)
{
    uint64_t number = next_random(state);
    switch (number % 8) {
    case 0:
        return number >> (number >> 8) % 64;
    case 1:
        return (uintptr_t)malloc + (number >> 8) % 100000 - 50000;
    case 2:
        return (uintptr_t)printf + (number >> 8) % 1000000 - 500000;
    case 3:
        return (uintptr_t)look + (number >> 8) % 10000 - 5000;
    case 4:
        return (uintptr_t)stack;
    case 5:
        return stack[(number >> 8) % 200];
    default:
        return (uintptr_t)stack + (number >> 8) % 8000 / 8 * 8 - 2000;
    }
}

static void at_random(double seconds)
{
    uint64_t state = 88172645463325252;
    uintptr_t *stack = (uintptr_t *)__builtin_frame_address(0);
    volatile char *room = alloca(16 << 10);
    room[0] = 1;
    double end = now() + seconds * 1e9;
    long walks = 0, ends[4] = {0}, most = 0;
    do {
        for (int i = 0; i < 1000; i++, walks++) {
            struct registers registers;
            for (int j = 0; j < 17; j++)
                registers.values[j] = random_address(&state, stack);
            int result = backtrace_from(&registers, frames, MOST);
            ends[result >> 16]++;
            most = (result & 0xffff) > most ? result & 0xffff : most;
        }
    } while (now() < end);
    printf("%ld walks, deepest %ld; %ld whole, %ld deep, %ld lost, %ld unreadable\n", walks, most, ends[0], ends[1], ends[2], ends[3]);
    looks = 1;
}

FUNCTION void plain(int levels, void (*innermost)(void))
{
    if (levels > 0)
        plain(levels - 1, innermost);
    else
        innermost();
    __asm__ volatile("" : : : "memory");
}

FUNCTION void walk_again_and_again(void)
{
    enum { WALKS = 2000, ROUNDS = 20 };
    struct registers here = {0};
    READ_REGISTERS(here);
    double least = 1e18;
    for (int i = 0; i < ROUNDS; i++) {
        double start = now();
        for (int j = 0; j < WALKS; j++)
            count = backtrace_from(&here, frames, MOST) & 0xffff;
        double each = (now() - start) / WALKS;
        least = each < least ? each : least;
    }
    printf("%d frames: %.0f ns, the least of %d rounds\n", count, least, ROUNDS);
    looks = 1;
}

int main(int argc, char **arguments)
{
    if (argc < 2)
        return 2;
    find_backtrace(arguments[0]);
    const char *kind = arguments[1];
    if (strcmp(kind, "chain") == 0) {
        deeper(60, look);
        deeper(60, look);
        struct registers here = {0};
        READ_REGISTERS(here);
        CHECK(backtrace_from(&here, frames, 1) == (1 | DEEP << 16));
    } else if (strcmp(kind, "signal") == 0) {
        take_faults();
        deeper(7, fault);
        deeper(7, fault);
    } else if (strcmp(kind, "handstack") == 0) {
        on_hand_made_stacks();
#ifdef __GLIBC__
    } else if (strcmp(kind, "context") == 0) {
        in_contexts();
#endif
    } else if (strcmp(kind, "bare") == 0) {
        through_code_without_tables();
    } else if (strcmp(kind, "compiled") == 0) {
        through_compiled_code();
    } else if (strcmp(kind, "register") == 0) {
        deeper(4, into_flat);
        deeper(4, into_flat);
    } else if (strcmp(kind, "thread") == 0) {
        pthread_t threads[8];
        for (int i = 0; i < 8; i++)
            CHECK(pthread_create(&threads[i], 0, in_thread, 0) == 0);
        for (int i = 0; i < 8; i++)
            CHECK(pthread_join(threads[i], 0) == 0);
        looks = 1;
    } else if (strcmp(kind, "vfork") == 0) {
        pid_t child = vfork();
        if (child == 0) {
            deeper(9, look);
            _exit(looks == 1 ? 0 : 1);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        deeper(9, look);
    } else if (strcmp(kind, "time") == 0) {
        plain(atoi(arguments[2]) - 6, walk_again_and_again);
    } else if (strcmp(kind, "loading") == 0) {
        load(arguments + 2);
    } else if (strcmp(kind, "random") == 0) {
        at_random(atof(arguments[2]));
    } else if (strcmp(kind, "beside") == 0) {
        beside(atof(arguments[2]), arguments[3]);
    } else {
        return 2;
    }
    CHECK(looks > 0);
    return 0;
}
