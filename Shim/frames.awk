# The unwind table of the C#, as assembly: what its compiler describes, and the epilogues, which it does not.
#
#     awk -f frames.awk FRAMES CODE
#
# FRAMES is `readelf --debug-dump=frames` of the C#'s object and CODE its `objdump -d`. Addresses are from nm_csharp, where its
# code begins. The numbers are DWARF 5's (6.4.2, 7.24) and, for the registers, the System V ABI's (AMD64, figure 3.36).

BEGIN {
    split("rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15", names, " ")
    for (i in names)
        number["%" names[i]] = i - 1
    saved = "%rbx %rbp %r12 %r13 %r14 %r15"
    digits = "0123456789abcdef"
}

function fail(why) {
    print "frames.awk: " FILENAME ", line " FNR ": " why > "/dev/stderr"
    failed = 1
    exit 1
}

function hex(text,    value, i) {
    value = 0
    for (i = 1; i <= length(text); i++)
        value = value * 16 + index(digits, substr(text, i, 1)) - 1
    return value
}

function emit(text) { body[fdes] = body[fdes] "    " text "\n" }
function define_cfa(register, offset) { emit(".byte 0x0c; .uleb128 " register "; .uleb128 " offset) }
function define_cfa_offset(offset) { emit(".byte 0x0e; .uleb128 " offset) }

function advance(to) {
    if (to > at)
        emit(to - at < 64 ? ".byte 0x40 + " to - at : ".byte 4; .long " to - at)
    at = to
}

# --- FRAMES ---

FNR == NR && / FDE / {
    match($0, /pc=[0-9a-f]+/)
    at = start[++fdes] = hex(substr($0, RSTART + 3, RLENGTH - 3))
    match($0, /\.\.[0-9a-f]+/)
    end[fdes] = hex(substr($0, RSTART + 2, RLENGTH - 2))
}

FNR == NR && fdes && /DW_CFA_/ {
    operation = $1
    sub(":$", "", operation)
    if (operation ~ /^DW_CFA_advance_loc[124]?$/)
        advance(hex($NF))
    else if (operation == "DW_CFA_def_cfa_offset")
        define_cfa_offset($2)
    else if (operation == "DW_CFA_def_cfa_register")
        emit(".byte 0x0d; .uleb128 " substr($2, 2))
    else if (operation == "DW_CFA_offset" && $NF ~ /^cfa-[0-9]+$/)
        emit(".byte 0x80 + " substr($2, 2) "; .uleb128 " substr($NF, 5) / 8)
    else if (operation != "DW_CFA_nop")
        fail("no rule for " $0)
    prologue_end[fdes] = at
}

FNR == NR { next }

# --- CODE ---

FNR == 1 {
    fdes = 0
}

# The last instructions of a method: the stack pointer goes back, registers are popped, and then `ret`, or `jmp` to another one.
function end_epilogue(next_address,    i) {
    advance(address[1])
    emit(".byte 0x0a") # remember
    i = popped[1] == "" ? 2 : 1
    advance(address[i])
    define_cfa(number["%rsp"], 8 * (steps - i + 2))
    for (; i <= steps; i++) {
        advance(address[i + 1])
        define_cfa_offset(8 * (steps - i + 1))
        if (index(saved, popped[i]))
            emit(".byte 0xc0 + " number[popped[i]]) # restore
    }
    advance(next_address)
    emit(".byte 0x0b") # as remembered
}

/^ *[0-9a-f]+:\t/ {
    here = hex(substr($1, 1, length($1) - 1))
    if (ended) {
        end_epilogue(here)
        ended = steps = 0
    }
    if (here == start[fdes + 1]) {
        fdes++
        at = prologue_end[fdes]
        steps = 0
    }
    if ($2 == "leave" || $2 == "enter")
        fail("no rule for " $2)
    if ($2 == "pop" || $0 ~ /\t(add|lea|mov) .*,%rsp$/) {
        if ($2 != "pop")
            steps = 0
        address[++steps] = here
        popped[steps] = $2 == "pop" ? $3 : ""
    } else if (steps && ($2 == "ret" || $2 == "jmp" || $2 == "rex.W")) {
        address[steps + 1] = here
        ended = 1
    } else {
        steps = 0
    }
}

END {
    if (failed)
        exit 1
    print ".section .eh_frame, \"a\", @unwind"
    print "9:  .long 2f - 1f"
    print "1:  .long 0; .byte 1; .asciz \"zR\"; .uleb128 1; .sleb128 -8; .byte 16; .uleb128 1; .byte 0x1b"
    print "    .byte 0x0c, 7, 8, 0x90, 1"
    print "    .balign 8"
    print "2:"
    for (i = 1; i <= fdes; i++) {
        print "    .long 4f - 3f"
        print "3:  .long 3b - 9b; .long nm_csharp + " start[i] " - .; .long " end[i] - start[i] "; .uleb128 0"
        printf "%s", body[i]
        print "    .balign 8"
        print "4:"
    }
}
