/* Around each function of the assembly: hidden, aligned to a line of the decoder, with unwind information. */

.macro FUNCTION name
        .globl  \name
        .hidden \name
        .type   \name, @function
        .balign 64
\name:
        .cfi_startproc
.endm

.macro FUNCTION_END name
        .cfi_endproc
        .size   \name, . - \name
.endm
