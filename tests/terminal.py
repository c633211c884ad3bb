#!/usr/bin/python3
"""
Runs a program in a terminal, as a test says on standard input: terminal.py WIDTH HEIGHT PROGRAM [ARGUMENT]...

    await REGEX     waits until the screen has that, and prints the screen's lines as a JSON array
    keys TEXT       strikes keys, with Python's escapes
    size W H        makes the terminal another size
    signal N        sends the program a signal
    picture FILE    writes the screen as an SVG picture, in a browser's colours for light or dark
    stopped         waits until it is stopped, and prints whether the terminal is as it was before
    end             waits until it has ended, and prints its exit code, and whether the terminal is as it was before

The terminal is xterm-256color as pyte emulates it. Debian's python3 has that (python3-pyte).
"""

import fcntl
import html
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

import pyte

MOST_SECONDS = 30

STYLE = """
:root{--back:#ffffff;--text:#1c2430}
@media(prefers-color-scheme:dark){:root{--back:#14181f;--text:#e8ebf0}}
svg{background:var(--back)}
text{fill:var(--text);font:14px ui-monospace,DejaVu Sans Mono,monospace;white-space:pre}
.r{fill:var(--back)}
"""


class Terminal:
    def __init__(self, width, height, arguments):
        self.screen = pyte.Screen(width, height)
        self.stream = pyte.ByteStream(self.screen)
        self.others = b""  # what has switched between the terminal's screens
        ready, go = os.pipe()
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.close(go)
            os.read(ready, 1)  # until the terminal has its size
            os.close(ready)
            os.environ["TERM"] = "xterm-256color"
            # Whoever runs the tests in the background may have these ignored, which programs inherit.
            for number in signal.SIGINT, signal.SIGQUIT, signal.SIGHUP:
                signal.signal(number, signal.SIG_DFL)
            os.execvp(arguments[0], arguments)
        os.close(ready)
        self.set_size(width, height)
        self.mode = termios.tcgetattr(self.file)
        os.close(go)

    def set_size(self, width, height):
        self.screen.resize(height, width)
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def follow(self, seconds):
        """False once nobody writes any more."""
        if not select.select([self.file], [], [], seconds)[0]:
            return True
        try:
            text = os.read(self.file, 65536)
        except OSError:
            return False
        self.others = (self.others + b"".join(re.findall(rb"\x1b\[\?1049[hl]", text)))[-8:]
        self.stream.feed(text)
        return text != b""

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def wait_for(self, text):
        until = time.monotonic() + MOST_SECONDS
        wait = 0
        while True:
            ended = not self.follow(wait)
            while not ended and select.select([self.file], [], [], 0.02)[0]:
                ended = not self.follow(0)  # to the end of what is written at once
            if re.search(text, "\n".join(self.lines()), re.MULTILINE):
                break
            if ended or time.monotonic() > until:
                sys.exit(f"no {text!r} on the screen:\n" + "\n".join(self.lines()))
            wait = 1
        return json.dumps(self.lines())

    # Characters that fill their place are drawn as boxes: fonts leave gaps.
    def picture(self):
        width, height, blocks = 8.4, 18, " ▁▂▃▄▅▆▇█"
        size = f"{self.screen.columns * width + 16:.0f} {self.screen.lines * height + 16}"
        yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{size.split()[0]}"><style>{STYLE}</style>\n'
        yield '<rect width="100%" height="100%" fill="var(--back)"/>\n'
        for row in range(self.screen.lines):
            line, top, column = self.screen.buffer[row], 8 + row * height, 0
            while column < self.screen.columns:
                first, begin, text = line[column], column, ""
                while column < self.screen.columns and line[column][1:] == first[1:] and (line[column].data in blocks[1:]) == (first.data in blocks[1:]):
                    if first.data in blocks[1:] and line[column].data != first.data:
                        break
                    text += line[column].data
                    column += 1
                x, wide = 8 + begin * width, len(text) * width
                colour = "var(--text)" if first.fg == "default" else "#" + first.fg
                box = f'<rect x="{x:.1f}" width="{wide:.1f}"'
                if first.bg != "default" or first.reverse:
                    yield f'{box} y="{top}" height="{height}" fill="{"var(--text)" if first.reverse else "#" + first.bg}"/>'
                if first.data in blocks[1:]:
                    part = height * blocks.index(first.data) / 8
                    yield f'{box} y="{top + height - part:.2f}" height="{part:.2f}" fill="{colour}"/>'
                elif text.strip():
                    style = ' class="r"' if first.reverse else "" if first.fg == "default" else f' style="fill:{colour}"'
                    yield f'<text x="{x:.1f}" y="{top + 13}" textLength="{wide:.1f}"{style} xml:space="preserve">{html.escape(text)}</text>'
            yield "\n"
        yield "</svg>\n"

    def state(self, options):
        until = time.monotonic() + MOST_SECONDS
        while True:
            self.follow(0.02)
            process, status = os.waitpid(self.process, os.WNOHANG | options)
            if process != 0:
                break
            if time.monotonic() > until:
                sys.exit("it goes on")
        while select.select([self.file], [], [], 0.1)[0] and self.follow(0):
            pass
        same = self.others in (b"", b"\x1b[?1049l") and pyte.modes.DECTCEM in self.screen.mode and pyte.modes.DECAWM in self.screen.mode
        # A terminal whose last process has ended has no mode.
        same = same and (os.WIFEXITED(status) or termios.tcgetattr(self.file) == self.mode)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -(os.WSTOPSIG(status) if os.WIFSTOPPED(status) else os.WTERMSIG(status))
        return f"{code} {'as before' if same else 'not as before'}"


def main():
    terminal = Terminal(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    for line in sys.stdin:
        command, _, rest = line.rstrip("\n").partition(" ")
        answer = None
        if command == "await":
            answer = terminal.wait_for(rest)
        elif command == "keys":
            os.write(terminal.file, rest.encode().decode("unicode_escape").encode("latin-1"))
        elif command == "size":
            terminal.set_size(*map(int, rest.split()))
        elif command == "signal":
            os.kill(terminal.process, int(rest))
        elif command == "picture":
            with open(rest, "w", encoding="utf-8") as file:
                file.writelines(terminal.picture())
        elif command == "stopped":
            answer = terminal.state(os.WUNTRACED)
        elif command == "end":
            answer = terminal.state(0)
        if answer is not None:
            print(answer, flush=True)


main()
