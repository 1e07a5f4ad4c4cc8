"""The terminal's end of the pipe to the sound's process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType
from typing import TextIO

from dreampedal.live_ui.options import Live
from dreampedal.live_ui.talk import Command, Ended, Message, Press

PATIENCE_SECONDS = 10.0
"""How long the sound may take to fade, close its device and write the end of a take."""


class SoundDiedError(ValueError):
    """The sound's process ended by itself."""


class Link:
    """A running process of the sound."""

    def __init__(self, process: SpawnProcess, pipe: Connection, log: TextIO) -> None:
        self.process, self._pipe, self._log = process, pipe, log

    def messages(self, seconds: float, handles: Sequence[int] = ()) -> list[Message]:
        """What came, after at most `seconds`, or as soon as one of `handles` can be read.

        Raises:
            SoundDiedError: if the process is no more, in one line.
        """
        wait([self._pipe, *handles], seconds)
        found: list[Message] = []
        try:
            while self._pipe.poll(0):
                found.append(self._received())
        except (EOFError, OSError) as error:
            raise SoundDiedError(self._last_words()) from error
        return found

    def send(self, command: Command) -> None:
        """Tell the sound what to do. If it is gone, `messages` says so."""
        try:
            self._pipe.send(command)
        except OSError:
            return

    def stop(self) -> Ended | None:
        """Let it fade and end; what it said last, or None if it cannot."""
        self.send(Press.STOP)
        try:
            while wait([self._pipe], PATIENCE_SECONDS):
                message = self._received()
                if isinstance(message, Ended):
                    return message
        except (EOFError, OSError):
            return None
        return None

    def close(self) -> None:
        """End the process; one that does not answer is killed."""
        self._pipe.close()
        self.process.join(PATIENCE_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()

    def _received(self) -> Message:
        """The next message, whole: cut in two, it would be taken for the beginning of another."""
        with undisturbed():
            message: Message = self._pipe.recv()
        return message

    def _last_words(self) -> str:
        """Why the process ended, as far as it can be known."""
        self.process.join(PATIENCE_SECONDS)
        code = self.process.exitcode
        how = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else f"ended with status {code}"
        said = next((line.strip() for line in reversed(self._log.readlines()) if line.strip()), "")
        return f"the sound's process {how}{': ' + said if said else ''}"


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that would raise an exception wait until the context ends; for the main thread."""
    waiting: list[tuple[int, FrameType | None]] = []
    heeded = {each: signal.signal(each, lambda *what: waiting.append(what)) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in heeded.items():
            signal.signal(each, handler)
        for number, frame in waiting:
            handler = heeded[signal.Signals(number)]
            if callable(handler):
                handler(number, frame)
            elif handler == signal.SIG_DFL:
                signal.raise_signal(number)


@contextmanager
def sound(options: Live) -> Iterator[Link]:
    """A process that plays for as long as the context lasts, if it can: its first message tells."""
    handle, name = tempfile.mkstemp(prefix="dreampedal-", suffix=".log")
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_begin, args=(there, options, Path(name)), daemon=True)
    with open(handle, errors="replace") as log:
        # A Ctrl-C that comes while it starts is meant for this process; what is ignored now, the new one ignores from
        # its birth.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        there.close()
        link = Link(process, here, log)
        try:
            yield link
        finally:
            link.close()
            Path(name).unlink(missing_ok=True)


def _begin(pipe: Connection, options: Live, log: Path) -> None:
    """What the new process runs. It ignores the signals of a terminal and writes to `log`, never on the screen."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGTSTP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(handle, stream.fileno())
    os.close(handle)
    if os.name != "nt":
        log.unlink()  # both processes have it open; if both are killed, nothing is left
    from dreampedal.live_ui.sound import serve

    serve(pipe, options)
