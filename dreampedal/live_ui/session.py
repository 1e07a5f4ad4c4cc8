"""`dreampedal live`: the sound in a process of its own, and what a user sees and presses in this one."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from dreampedal.console.console import COMPILING, fail, say_compiling
from dreampedal.live_ui.keys import Keys, keyboard
from dreampedal.live_ui.link import Link, sound
from dreampedal.live_ui.meters import Memory
from dreampedal.live_ui.options import Live
from dreampedal.live_ui.talk import Opened, Preparing, Press, Refused, Snapshot
from dreampedal.live_ui.text import Front, Lines, Silent

TICK_SECONDS = 0.05
"""How often keys are asked for where they cannot be waited for, and the time is looked at."""

OPENING_SECONDS = 180.0
"""The first time on a machine, kernels are compiled."""


def run(options: Live) -> int:
    """Play until a key, a signal or the end of its seconds; the status to exit with."""
    if options.seconds is not None and not options.seconds > 0:
        raise ValueError(f"seconds = {options.seconds:g}: expected more than 0")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # names of devices have letters that a terminal may not have
    with sound(options) as link:
        try:
            opened, first = _opened(link, options.as_json)
        except KeyboardInterrupt:
            link.stop()
            return 130
        status = 0
        with _front(opened, first, options.as_json) as (front, keys):
            try:
                front.begin()  # who sees it may interrupt, and is told at once how it was
                _play(link, front, keys, options.seconds)
            except KeyboardInterrupt:
                status = 130
            except SystemExit as end:  # SIGTERM
                status = int(end.code or 0)
            ended = link.stop()
        if ended is None:
            return fail("the sound's process did not end as it should")
        front.end(ended)
        return status


def _opened(link: Link, as_json: bool) -> tuple[Opened, Snapshot]:
    """What the sound says first, and its first snapshot; a ValueError with its reason if it cannot play."""
    from rich.console import Console

    console = Console(stderr=True)
    waiting = console.status("getting ready") if console.is_terminal and not as_json else nullcontext()
    until = time.monotonic() + OPENING_SECONDS
    opened: Opened | None = None
    with waiting as status:
        while time.monotonic() < until:
            for message in link.messages(1.0):
                if isinstance(message, Refused):
                    raise ValueError(message.reason)
                if message == Preparing(COMPILING):
                    say_compiling()
                elif isinstance(message, Preparing) and status:
                    status.update(f"getting ready: {message.what}")
                if isinstance(message, Opened):
                    opened = message
                elif isinstance(message, Snapshot) and opened:
                    return opened, message
    raise ValueError(f"nothing plays after {OPENING_SECONDS:g} seconds: see `dreampedal doctor`")


@contextmanager
def _front(opened: Opened, first: Snapshot, as_json: bool) -> Iterator[tuple[Front, Keys]]:
    """A screen with keys where there is one, else lines, or only a document at the end."""
    if as_json:
        yield Silent(opened), Keys()
    elif not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        yield Lines(opened, first), Keys()
    else:
        from dreampedal.live_ui.screen import screen

        with keyboard() as keys, screen(opened, first) as front:
            yield front, keys


def _play(link: Link, front: Front, keys: Keys, seconds: float | None) -> None:
    """Show what comes and pass on what is pressed, until it is over."""
    memory = Memory()
    until = time.monotonic() + (seconds if seconds is not None else float("inf"))
    while time.monotonic() < until:
        newest = None
        for message in link.messages(TICK_SECONDS, keys.handles):
            if isinstance(message, Snapshot):
                newest = message
                memory.see(message.report)
        for key in keys.pressed():
            command = front.pressed(key)
            if command is Press.STOP:
                return
            if command is not None:
                link.send(command)
        if newest:
            front.show(newest, memory)
