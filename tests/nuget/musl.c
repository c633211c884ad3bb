/*
 * What the C++ runtime for glibc (libstdc++.so.6, libgcc_s.so.1) needs of glibc, and musl does not have: with it .NET's runtime for musl runs on musl
 * where there is no C++ runtime for that. Loaded as ld-linux-x86-64.so.2, which they need.
 */
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded;
struct { unsigned words[4]; } __cpu_model;

int __cpu_indicator_init(void) { return 0; }

size_t __strftime_l(char *text, size_t size, const char *format, const struct tm *time, void *locale)
{
    (void)locale;
    return strftime(text, size, format, time);
}

uint32_t arc4random(void)
{
    uint32_t word = 0;
    getrandom(&word, sizeof word, 0);
    return word;
}

/* struct dl_find_object of glibc's dlfcn.h. */
struct found {
    unsigned long long flags;
    void *start, *end;
    struct link_map *map;
    void *frames;
    unsigned long long reserved[7];
};

struct search {
    uintptr_t address;
    struct found *found;
};

static int look_into_object(struct dl_phdr_info *object, size_t size, void *data)
{
    struct search *search = data;
    int is_inside = 0;
    void *frames = NULL;
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && search->address - start < segment->p_memsz) {
            is_inside = 1;
            search->found->start = (void *)start;
            search->found->end = (void *)(start + segment->p_memsz);
        }
        if (segment->p_type == PT_GNU_EH_FRAME)
            frames = (void *)start;
    }
    search->found->frames = frames;
    return is_inside && frames;
}

int _dl_find_object(void *address, struct found *found)
{
    struct search search = { (uintptr_t)address, found };
    found->flags = 0;
    found->map = NULL;
    return dl_iterate_phdr(look_into_object, &search) ? 0 : -1;
}

struct destructor {
    void (*function)(void *);
    void *object;
    struct destructor *next;
};

static pthread_key_t destructors;

static void run_destructors(void *first)
{
    for (struct destructor *next, *each = first; each; each = next) {
        next = each->next;
        each->function(each->object);
        free(each);
    }
}

__attribute__((constructor)) static void begin(void) { pthread_key_create(&destructors, run_destructors); }

int __cxa_thread_atexit_impl(void (*function)(void *), void *object, void *library)
{
    struct destructor *destructor = malloc(sizeof *destructor);
    (void)library;
    if (!destructor)
        return -1;
    *destructor = (struct destructor){ function, object, pthread_getspecific(destructors) };
    return pthread_setspecific(destructors, destructor);
}
