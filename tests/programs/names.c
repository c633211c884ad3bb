/*
 * Names of mappings (PR_SET_VMA_ANON_NAME). A kernel made without them refuses; so here a filter takes them.
 *
 *     names taken [COUNT]    says that names are taken, starts again, and has each noted; allocates COUNT times, and looks whether all that was mapped
 *                            since has one
 *     names kill             a filter kills for any name; starts again, and allocates
 *     names kernel           allocates, and looks into smaps, if this kernel has names
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "check.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static void filter_names(unsigned action)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_VMA, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

enum { MOST = 20000, NAMES = 3 };

struct range {
    uintptr_t start, end;
};

static const char *const names[NAMES] = { "nativemalloc-heap", "nativemalloc-structures", "nativemalloc-slabs" };
static struct range noted[MOST], before[MOST], after[MOST];
static int noted_count, given[NAMES];

static void note(int signal, siginfo_t *information, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    CHECK(signal == SIGSYS && information->si_syscall == SYS_prctl && registers[REG_RSI] == PR_SET_VMA_ANON_NAME && noted_count < MOST);
    noted[noted_count++] = (struct range){ (uintptr_t)registers[REG_RDX], (uintptr_t)(registers[REG_RDX] + registers[REG_R10]) };
    int kind = 0;
    while (kind < NAMES && strcmp((const char *)registers[REG_R8], names[kind]) != 0)
        kind++;
    CHECK(kind < NAMES);
    given[kind]++;
    registers[REG_RAX] = 0;
}

/* Anonymous mappings that can be written to, but for the heap and the stack of the kernel's own making. */
static int mappings(struct range *ranges)
{
    static char text[4 << 20];
    int file = (int)syscall(SYS_openat, -100, "/proc/self/maps", 0);
    size_t length = 0;
    for (ssize_t bytes; (bytes = read(file, text + length, sizeof text - 1 - length)) > 0;)
        length += (size_t)bytes;
    close(file);
    CHECK(length > 0 && length < sizeof text - 1);
    text[length] = 0;
    int count = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = 0;
        char rights[8], path[200] = "";
        struct range range;
        CHECK(sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %*s %*s %*s %199s", &range.start, &range.end, rights, path) >= 3 && count < MOST);
        if (strcmp(rights, "rw-p") == 0 && path[0] == 0)
            ranges[count++] = range;
    }
    return count;
}

static int covered(uintptr_t page, const struct range *ranges, int count)
{
    for (int i = 0; i < count; i++)
        if (ranges[i].start <= page && page < ranges[i].end)
            return 1;
    return 0;
}

/* Small blocks and large ones, that grow by being moved, too; most of them stay. */
static void use(long count)
{
    static void *blocks[1 << 18];
    uint64_t seed = 3;
    for (long i = 0; i < count; i++) {
        size_t place = next_random(&seed) % (sizeof blocks / sizeof *blocks);
        size_t size = next_random(&seed) % (i % 5000 == 0 ? 6000000 : i % 100 == 0 ? 100000 : 900) + 1;
        blocks[place] = realloc(blocks[place], size);
        CHECK(blocks[place]);
        *(char *)blocks[place] = 1;
    }
}

static void look_at_noted(long count)
{
    struct sigaction action = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };
    CHECK(sigaction(SIGSYS, &action, NULL) == 0);
    filter_names(SECCOMP_RET_TRAP);
    int before_count = mappings(before);
    use(count);
    int after_count = mappings(after);
    CHECK(given[0] > 2 && given[1] > 0);
    size_t fresh = 0;
    for (int i = 0; i < after_count; i++)
        for (uintptr_t page = after[i].start; page < after[i].end; page += 4096) {
            if (covered(page, before, before_count))
                continue;
            fresh++;
            if (!covered(page, noted, noted_count)) {
                fprintf(stderr, "%#" PRIxPTR " in %#" PRIxPTR " to %#" PRIxPTR " has no name\n", page, after[i].start, after[i].end);
                _exit(1);
            }
        }
    CHECK(fresh > 5000);
    printf("%zu pages have names\n", fresh);
}

static void look_at_smaps(long count)
{
    void *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(own != MAP_FAILED);
    if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, own, 4096, "test") != 0) {
        use(count);
        puts("this kernel has no names");
        return;
    }
    use(count);
    int found[NAMES] = { 0 }, others = 0;
    char line[400];
    FILE *file = fopen("/proc/self/smaps", "r");
    CHECK(file);
    while (fgets(line, sizeof line, file)) {
        char name[100];
        if (sscanf(line, "%*x-%*x rw-p %*s %*s %*s [anon:%99[^]]", name) != 1)
            continue;
        int kind = 0;
        while (kind < NAMES && strcmp(name, names[kind]) != 0)
            kind++;
        others += kind == NAMES;
        found[kind < NAMES ? kind : 0] += kind < NAMES;
    }
    fclose(file);
    CHECK(found[0] > 0 && found[1] > 0 && others == 1);
    printf("%d, %d and %d mappings have the names\n", found[0], found[1], found[2]);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    long count = argc > 2 ? atol(argv[2]) : 400000;
    if (strcmp(argv[1], "kernel") == 0)
        look_at_smaps(count);
    else if (strcmp(argv[1], "noted") == 0)
        look_at_noted(count);
    else if (strcmp(argv[1], "use") == 0)
        use(count);
    else {
        int taken = strcmp(argv[1], "taken") == 0;
        filter_names(taken ? SECCOMP_RET_ERRNO : SECCOMP_RET_KILL_PROCESS);
        argv[1] = taken ? "noted" : "use";
        execv(argv[0], argv);
        return 127;
    }
    return 0;
}
