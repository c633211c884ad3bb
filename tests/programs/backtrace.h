/*
 * Calls the library's nm_backtrace, which is there for debuggers and so found in the file's symbol table: in that of the shared library, or of
 * the program that the archive is linked into.
 */
#ifndef BACKTRACE_H
#define BACKTRACE_H

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "check.h"

enum { WHOLE, DEEP, LOST, UNREADABLE };

struct registers {
    uint64_t values[17]; /* by DWARF's numbers */
};

/* Those that calls keep, rsp and rip, in the function that this stands in. */
#define READ_REGISTERS(registers)                                                                                              \
    __asm__ volatile("mov %%rbx, 24(%0); mov %%rbp, 48(%0); mov %%rsp, 56(%0); mov %%r12, 96(%0); mov %%r13, 104(%0);"         \
                     "mov %%r14, 112(%0); mov %%r15, 120(%0); lea 0(%%rip), %%rcx; mov %%rcx, 128(%0)"                         \
                     : : "r"(&(registers)) : "rcx", "memory")

static int (*backtrace_from)(struct registers *from, void **frames, int most);

static int look_at_object(struct dl_phdr_info *object, size_t size, void *data)
{
    (void)size;
    const char **found = (const char **)data;
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        uintptr_t start = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
        if (object->dlpi_phdr[i].p_type == PT_LOAD && (uintptr_t)malloc - start < object->dlpi_phdr[i].p_memsz) {
            found[0] = object->dlpi_name;
            found[1] = (const char *)object->dlpi_addr;
            return 1;
        }
    }
    return 0;
}

static void find_backtrace(const char *program)
{
    const char *found[2] = {0, 0};
    CHECK(dl_iterate_phdr(look_at_object, found));
    int file = open(found[0] && strchr(found[0], '/') ? found[0] : program, O_RDONLY);
    struct stat status;
    CHECK(file >= 0 && fstat(file, &status) == 0);
    const char *image = (const char *)mmap(0, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(image + header->e_shoff);
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type != SHT_SYMTAB)
            continue;
        const char *names = image + sections[sections[i].sh_link].sh_offset;
        const Elf64_Sym *symbols = (const Elf64_Sym *)(image + sections[i].sh_offset);
        for (size_t j = 0; j < sections[i].sh_size / sizeof *symbols; j++)
            if (strcmp(names + symbols[j].st_name, "nm_backtrace") == 0)
                backtrace_from = (int (*)(struct registers *, void **, int))(found[1] + symbols[j].st_value);
    }
    munmap((void *)image, status.st_size);
    CHECK(backtrace_from);
}

#endif
