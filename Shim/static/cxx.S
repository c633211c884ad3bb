/*
 * C++'s operators for programs that link the archive: a member of its own, which only C++ programs draw in, since it needs
 * their runtime to throw. Each goes on to the library's; weak, so that a program may have its own. They stand among the
 * compiled C#, by which the library knows its own functions. New with nothrow is left to the runtime's archive: it must catch what
 * a new_handler throws, and calls the operators here.
 */

        .section __managedcode, "ax", @progbits

.macro OPERATOR name
        .weak   \name
        .type   \name, @function
        .balign 16
\name:
        .cfi_startproc
        jmp     nm\name
        .cfi_endproc
        .size   \name, . - \name
.endm

        OPERATOR _Znwm
        OPERATOR _Znam
        OPERATOR _ZnwmSt11align_val_t
        OPERATOR _ZnamSt11align_val_t
        OPERATOR _ZdlPv
        OPERATOR _ZdaPv
        OPERATOR _ZdlPvRKSt9nothrow_t
        OPERATOR _ZdaPvRKSt9nothrow_t
        OPERATOR _ZdlPvm
        OPERATOR _ZdaPvm
        OPERATOR _ZdlPvSt11align_val_t
        OPERATOR _ZdaPvSt11align_val_t
        OPERATOR _ZdlPvmSt11align_val_t
        OPERATOR _ZdaPvmSt11align_val_t
        OPERATOR _ZdlPvSt11align_val_tRKSt9nothrow_t
        OPERATOR _ZdaPvSt11align_val_tRKSt9nothrow_t

/* C#: StaticCxxRuntime. */
        .section .data.rel.ro, "aw", @progbits
        .balign 8
        .globl  nm_linked_cxx_runtime
        .hidden nm_linked_cxx_runtime
        .type   nm_linked_cxx_runtime, @object
        .size   nm_linked_cxx_runtime, 16
nm_linked_cxx_runtime:
        .quad   _ZSt15get_new_handlerv
        .quad   _ZSt17__throw_bad_allocv

        .section .note.GNU-stack, "", @progbits
