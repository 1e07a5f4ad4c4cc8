"""A terminal of 80 by 24 with a program in it, as a user has it."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>()][0-9A-B]?)")


class Terminal:
    """Runs `command` on a pseudo-terminal of its own; what it shows is read by `until`."""

    def __init__(self, command, cwd, rows=24, columns=80, **env):
        self.user, self.side = pty.openpty()
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.settings = termios.tcgetattr(self.side)
        self.raw = ""
        self._mark = 0
        self.process = subprocess.Popen(
            command, cwd=cwd, stdin=self.side, stdout=self.side, stderr=self.side, start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color"} | env,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip

    def press(self, keys):
        """Keys on the keyboard; what is shown from now on is new."""
        self._mark = len(self.raw)
        os.write(self.user, keys.encode())

    def until(self, *words, seconds=60.0):
        """Wait until all words have been shown since the last key; what was shown, without escapes."""
        waits_until = time.monotonic() + seconds
        while True:
            shown = _ESCAPES.sub("", self.raw[self._mark :])
            if all(word in shown for word in words):
                return shown
            assert time.monotonic() < waits_until, f"{words} not shown in {seconds:g} s, but: {shown[-3000:]}"
            if not self._read(0.1) and self.process.poll() is not None and not self._read(0.1):
                shown = _ESCAPES.sub("", self.raw[self._mark :])
                assert all(word in shown for word in words), f"{words} not shown before the end, but: {shown[-3000:]}"

    def ended(self, seconds=30.0):
        """Wait for the end of the program; its status."""
        waits_until = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < waits_until, f"not ended in {seconds:g} s: {self.raw[-3000:]}"
            self._read(0.1)
        while self._read(0.1):
            pass
        return self.process.returncode

    def is_as_before(self):
        """Whether settings, screen and cursor are those from before the program."""
        on, off = self.raw.rfind("\x1b[?1049h"), self.raw.rfind("\x1b[?1049l")
        hidden, shown = self.raw.rfind("\x1b[?25l"), self.raw.rfind("\x1b[?25h")
        return termios.tcgetattr(self.side) == self.settings and off >= on and shown >= hidden

    def close(self):
        """End the program, if it still runs, and the terminal."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.user)
        os.close(self.side)

    def _read(self, seconds):
        ready, _, _ = select.select([self.user], [], [], seconds)
        if ready:
            self.raw += os.read(self.user, 65_536).decode(errors="replace")
        return bool(ready)
