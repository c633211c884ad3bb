/* A program that has a probe of its own, in the form of sys/sdt.h, and some memory. */
#include "check.h"

__asm__(".section .stapsdt.base, \"aG\", @progbits, .stapsdt.base, comdat\n"
        ".weak _.stapsdt.base\n"
        ".hidden _.stapsdt.base\n"
        "_.stapsdt.base: .space 1\n"
        ".size _.stapsdt.base, 1\n"
        ".text\n");

int main(void)
{
    char *block = malloc(1000);
    CHECK(block);
    __asm__ volatile("1: nop\n"
                     ".pushsection .note.stapsdt, \"\", @note\n"
                     ".balign 4\n"
                     ".long 3f - 2f, 5f - 4f, 3\n"
                     "2: .asciz \"stapsdt\"\n"
                     "3: .balign 4\n"
                     "4: .quad 1b, _.stapsdt.base, 0\n"
                     ".asciz \"own\", \"allocated\", \"8@%0\"\n"
                     "5: .balign 4\n"
                     ".popsection\n"
                     : : "r"(block));
    free(block);
    return 0;
}
