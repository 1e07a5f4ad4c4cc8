"""Keys of a terminal, one by one as they are pressed. The terminal is put back as it was, whatever happens."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1b[Z": "shift-tab",
    "\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right", "\x1bOD": "left", "\t": "tab", "\x1b": "escape",
    "\xe0H": "up", "\xe0P": "down", "\xe0M": "right", "\xe0K": "left",
}  # fmt: skip
"""What terminals send for keys that are no letters; the last four are those of Windows."""

_KEY = re.compile(r"\x1b[\[O][0-9;]*[A-Za-z~]|\xe0.|.", re.DOTALL)


class Keys:
    """A keyboard that nobody sits at."""

    handles: tuple[int, ...] = ()
    """File descriptors that can be waited for; none where keys must be asked for."""

    def pressed(self) -> list[str]:
        """The keys since the last call, without waiting."""
        return []


def named(text: str) -> list[str]:
    """What a terminal sent, as names of keys; a sequence that means nothing here is left out.

    >>> named("b\\x1b[A+\\t\\x1b[5~q")
    ['b', 'up', '+', 'tab', 'q']
    """
    found = _KEY.findall(text)
    return [NAMES.get(key, key) for key in found if len(key) == 1 or key in NAMES]


@contextmanager
def keyboard() -> Iterator[Keys]:
    """The keys of standard input, unechoed and one by one for as long as the context lasts; none if it is no terminal.

    Ctrl-C still interrupts. Ctrl-Z does not stop the process: with it, the sound would stop too.
    """
    if not sys.stdin.isatty():
        yield Keys()
    elif os.name == "nt":
        yield WindowsKeys()
    else:
        import termios
        import tty

        handle = sys.stdin.fileno()
        before = termios.tcgetattr(handle)
        try:
            tty.setcbreak(handle, termios.TCSANOW)
            now = termios.tcgetattr(handle)
            now[6][termios.VSUSP] = os.fpathconf(handle, "PC_VDISABLE").to_bytes(1, "little")
            termios.tcsetattr(handle, termios.TCSANOW, now)
            yield TerminalKeys(handle)
        finally:
            termios.tcsetattr(handle, termios.TCSAFLUSH, before)


class TerminalKeys(Keys):
    """The keys of a terminal that hands each one over at once."""

    def __init__(self, handle: int) -> None:
        self.handles = (handle,)

    def pressed(self) -> list[str]:
        """The keys since the last call. A terminal that is gone has no more."""
        import select

        text = ""
        while self.handles and select.select(self.handles, [], [], 0)[0]:
            read = self._read()
            if not read:
                self.handles = ()
            text += read
        return named(text)

    def _read(self) -> str:
        try:
            return os.read(self.handles[0], 1024).decode(errors="ignore")
        except OSError:
            return ""


class WindowsKeys(Keys):
    """The keys of a Windows console, which cannot be waited for together with a pipe."""

    def pressed(self) -> list[str]:
        """The keys since the last call."""
        text = ""
        if sys.platform == "win32":
            import msvcrt

            while msvcrt.kbhit():
                text += msvcrt.getwch()
        return named(text)
