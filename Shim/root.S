/*
 * By what the library's structures are found from outside the process: a note that strip keeps, in the shared library and in a program that has
 * the archive. In the process's memory it is found by the program headers; what the numbers mean is in packaging/Command/Processes/RootNote.cs.
 */

        .section .note.nativemalloc, "a", @note
        .balign 4
        .long   2f - 1f
        .long   4f - 3f
        .long   1                               /* the form of what follows */
1:      .asciz  "NativeMalloc"
2:      .balign 4
3:      .quad   LAYOUT                          /* of the structures: packaging/layout.sh */
        .hidden __NONGCSTATICSNativeMalloc_NativeMalloc_Root
        .quad   __NONGCSTATICSNativeMalloc_NativeMalloc_Root - .
        .asciz  VERSION
4:      .balign 4
        .section .note.GNU-stack, "", @progbits
