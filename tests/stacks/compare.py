# For gdb, by stacks.sh: stops the program at random times, and compares what gdb says of the stack with what the library says (nm_backtrace).
import os
import random
import subprocess

import gdb

FRAMES = 64  # that are asked for
COMPARED = 10  # of them
REGISTERS = "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split()
# If a thread is in a restartable sequence, and is made to call a function, the kernel forgets the sequence: it would go on where it was, whatever
# has happened to the CPU's slab meanwhile.
SEQUENCES = ["nm_pop", "nm_push", "nm_pop_batch", "nm_push_batch", "nm_swap_header"]
ENDS = ["whole", "deep", "lost", "unreadable"]

report = open(os.environ["REPORT"], "w")  # gdb's own output tells of each stop
stops = int(os.environ["STOPS"])
longest = float(os.environ["LONGEST"])  # seconds between two stops
random.seed(int(os.environ.get("SEED", "1")))

# Interrupts the program a while after it is told to, since gdb waits for the program.
clock = subprocess.Popen(
    ["python3", "-c",
     "import sys, time, os, signal\nfor line in sys.stdin:\n"
     "    pid, delay = line.split()\n    time.sleep(float(delay))\n    try: os.kill(int(pid), signal.SIGINT)\n    except OSError: pass\n"],
    stdin=subprocess.PIPE, text=True, env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"})


def start():
    """Runs the program to where the library and libc are there; returns memory in it."""
    gdb.execute("tbreak main" if gdb.lookup_global_symbol("main") else "tbreak __libc_start_main", to_string=True)
    gdb.execute("run", to_string=True)
    gdb.execute("delete", to_string=True)
    gdb.execute("set scheduler-locking on")
    memory = int(gdb.parse_and_eval("((long (*)(long, long, long, long, long, long))mmap)(0, 16384, 3, 34, -1, 0)"))
    ours(memory)  # makes what it needs
    return memory


def ours(memory):
    """The library's stack of the selected thread, from the registers that gdb says it has."""
    frame = gdb.newest_frame()
    values = [int(frame.read_register(name)) & 2**64 - 1 for name in REGISTERS]
    inferior = gdb.selected_inferior()
    inferior.write_memory(memory, b"".join(value.to_bytes(8, "little") for value in values))
    found = int(gdb.parse_and_eval(f"((int (*)(long, long, int))nm_backtrace)({memory}, {memory + 1024}, {FRAMES})"))
    frames = bytes(inferior.read_memory(memory + 1024, (found & 0xffff) * 8))
    return [int.from_bytes(frames[i:i + 8], "little") for i in range(0, len(frames), 8)], ENDS[found >> 16]


def theirs():
    """gdb's, in the same form: return addresses, and one more than the address where nobody called."""
    stack = []
    exact = True
    frame = gdb.newest_frame()
    while frame is not None and len(stack) < FRAMES:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            trampoline = frame.type() == gdb.SIGTRAMP_FRAME
            stack.append((frame.pc() & 2**64 - 1) + (1 if exact or trampoline else 0))
            exact = trampoline
        try:
            frame = frame.older()
        except gdb.error:
            break
    return stack


def place(address):
    """Function and object of an address, for the report."""
    if address == 0:
        return "no object"
    text = gdb.execute(f"info symbol {address - 1}", to_string=True).strip()
    return text if not text.startswith("No symbol") else (gdb.solib_name(address - 1) or "no object")


def is_code(address):
    """Whether the byte before can be run."""
    for line in open(f"/proc/{gdb.selected_inferior().pid}/maps"):
        span, rights = line.split()[:2]
        start, end = (int(number, 16) for number in span.split("-"))
        if start <= address - 1 < end:
            return "x" in rights
    return False


def describe(stack):
    return "".join(f"    {address:#x} {place(address)}\n" for address in stack[:COMPARED + 1])


gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set width 0")
gdb.execute("set breakpoint pending on")
gdb.execute("set print thread-events off")
gdb.execute("set unwindonsignal on")
gdb.execute(f"set backtrace limit {FRAMES + 16}")
gdb.execute("set backtrace past-main on")
gdb.execute("set backtrace past-entry on")
gdb.execute("handle SIGINT stop print nopass", to_string=True)
for name in ["SIGALRM", "SIGUSR1", "SIGUSR2", "SIGPROF", "SIGVTALRM", "SIGCHLD", "SIGPIPE"]:
    gdb.execute(f"handle {name} nostop noprint pass", to_string=True)

signal = None


def note(event):
    """Why the program stopped."""
    global signal
    signal = event.stop_signal if isinstance(event, gdb.SignalEvent) else None


gdb.events.stop.connect(note)
memory = None
spoiled = 0
done = same = astray = deepest = 0
reasons = {}
while done < stops:
    if memory is None:
        memory = start()
    gdb.execute("set scheduler-locking off")
    clock.stdin.write(f"{gdb.selected_inferior().pid} {random.random() * longest}\n")
    clock.stdin.flush()
    try:
        gdb.execute("continue", to_string=True)
    except gdb.error:
        signal = None  # it has died with threads that gdb wanted to see
    if not gdb.selected_inferior().pid:
        # at its end
        memory = None
        continue
    if signal != "SIGINT":
        # gdb's calls, of whatever function, spoil a program now and then, which then dies of it, also without the library.
        spoiled += 1
        gdb.execute("kill")
        memory = None
        continue
    gdb.execute("set scheduler-locking on")
    random.choice(gdb.selected_inferior().threads()).switch()
    if gdb.newest_frame().name() in SEQUENCES:
        continue
    expected = theirs()
    found, end = ours(memory)
    done += 1
    deepest = max(deepest, len(found))
    if found[:COMPARED] == expected[:COMPARED]:
        same += 1
        continue
    common = 0
    while common < min(len(found), len(expected)) and found[common] == expected[common]:
        common += 1
    at = expected[common - 1] if common else found[0]
    if common < len(expected) and not is_code(expected[common]):
        astray += 1
        longer = "gdb shows what is no code"
    elif common < min(len(found), len(expected)):
        longer = "other"
    else:
        longer = "gdb's ends" if common == len(expected) else f"the library's ends ({end})"
    reason = f"{longer}, behind {place(at)}"
    if reason not in reasons:
        print(f"gdb's stack:\n{describe(expected)}the library's ({end}):\n{describe(found)}", file=report, flush=True)
    reasons[reason] = reasons.get(reason, 0) + 1

for reason, times in sorted(reasons.items(), key=lambda item: -item[1]):
    print(f"{times} times: {reason}", file=report)
print(f"same {same} of {done}, gdb shows what is no code {astray}, other {done - same - astray}, deepest {deepest}", file=report)
report.close()
if spoiled > done // 20:
    raise gdb.GdbError(f"the program has died {spoiled} times")
clock.stdin.close()
if gdb.selected_inferior().pid:
    gdb.execute("kill")
