"""The sound's own process: it opens the device, plays, and answers the terminal's process through a pipe.

Drawing and playing in one interpreter would share one lock. Here the main thread sleeps but for a moment ten times a
second, when it looks at the counters. The other process decides when to end. When that one is gone, the pipe ends, and
the sound fades out.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from dreampedal.console.console import COMPILING, one_line
from dreampedal.engine.host.contract.effect import require_rate
from dreampedal.engine.live.device import devices
from dreampedal.engine.runtime.notice import before_compiling
from dreampedal.live_ui.knobs import knobs_of, place_of, turn
from dreampedal.live_ui.options import Live
from dreampedal.live_ui.presets import Setlist
from dreampedal.live_ui.talk import (
    Choose,
    Command,
    Ended,
    Learn,
    LedgerRow,
    Move,
    Opened,
    Preparing,
    Press,
    Refused,
    Snapshot,
    Turn,
)
from dreampedal.presets.playing import LiveStream

SNAPSHOT_SECONDS = 0.1
EVENTS_SHOWN = 20
"""Events that go into each snapshot; the last one has all."""


def serve(pipe: Connection, options: Live) -> None:
    """Play until told to stop, or until nobody is there to tell."""
    before_compiling(lambda: pipe.send(Preparing(COMPILING)))
    try:
        session = Session(options, lambda what: pipe.send(Preparing(what)))
    except Exception as error:  # whatever it is, the user is told, and the log has the rest
        traceback.print_exc()
        pipe.send(Refused(one_line(error)))
        return
    before_compiling(None)  # from here on there is a view, and threads that compile
    silent = False
    try:
        pipe.send(session.opened())
        _answer(pipe, session)
        silent = session.live.panicked
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # nobody is there to tell
    finally:
        session.live.stop()
    # A stream fades out by its own panic; what is told is whether a user had called for it.
    last = session.snapshot(whole=True)
    last.report["panicked"] = silent
    *earlier, take = map(str, session.live.takes) if session.live.takes else [""]
    pipe.send(Ended(last, take, tuple(earlier)))


def _answer(pipe: Connection, session: Session) -> None:
    """Obey commands and send snapshots, up to `STOP`."""
    due = time.monotonic()
    while True:
        while pipe.poll(max(0.0, due - time.monotonic())):
            command = pipe.recv()
            if command is Press.STOP:
                return
            session.obey(command)
        due = time.monotonic() + SNAPSHOT_SECONDS
        try:
            now = session.snapshot()
        except Exception:  # what cannot be shown must not stop the sound; the log has it
            traceback.print_exc()
        else:
            pipe.send(now)


class Session:
    """A live stream with its presets and its MIDI; running when it has been made."""

    def __init__(self, options: Live, tell: Callable[[str], None]) -> None:
        if options.sample_rate is not None:
            require_rate(options.sample_rate)
        self.setlist = Setlist(options.presets, options.settings, options.mode)
        preset = self.setlist.first()
        self._read_all(tell)  # a preset that is wrong is told whatever the device is
        rate = options.sample_rate or devices.find(options.output, "output").default_rate
        tell("the device")
        self.live = LiveStream(
            preset.board,
            input=options.input,
            output=options.output,
            sample_rate=options.sample_rate,
            channels=options.channels,
            block_size=options.block_size,
            buffer_blocks=options.buffer_blocks,
            latency=self.setlist.latency_at(rate),
            ceiling_db=options.ceiling_db,
            record=options.record,
            load=self.setlist.load,
            presets=self.setlist.names,
            name=self.setlist.names[0],
        )
        self.live.midi.mappings = preset.midi
        try:
            self._begin(options)
        except BaseException:
            self.live.midi.close()
            raise
        self._wanted = 0
        self._trouble = ""
        self._ledger_of: tuple[Any, ...] | None = None
        self._rows: tuple[LedgerRow, ...] = ()

    def _begin(self, options: Live) -> None:
        """MIDI first: to open it keeps the interpreter from a stream that plays."""
        midi = self.live.midi
        midi.open(options.midi, virtual=options.midi_virtual)
        if options.learn:
            midi.learn(*place_of(options.learn))
        self.live.start()

    def _read_all(self, tell: Callable[[str], None]) -> None:
        """Read every preset once: to parse a model while a stream plays would keep the interpreter from it.

        A preset of the library that cannot be read is told when someone asks for it; one that was chosen, now.
        """
        for name in self.setlist.names:
            tell(name)
            try:
                self.setlist.load(name)
            except ValueError:
                if self.setlist.is_closed:
                    raise

    def opened(self) -> Opened:
        """What was opened."""
        live = self.live
        return Opened(live.input.name, live.output.name, self.setlist.names, live.midi.name, str(live.take or ""))

    def snapshot(self, whole: bool = False) -> Snapshot:
        """How it goes; `whole` with every event."""
        live, report = self.live, self.live.report()
        events = [vars(event) for event in (report.events if whole else report.events[-EVENTS_SHOWN:])]
        learning = live.midi.learning
        return Snapshot(
            vars(report) | {"events": events, "message": report.message or self._trouble},
            self._ledger(),
            knobs_of(live.board, live.midi.knobs),
            self._number(report.preset),
            ".".join(learning.target) if learning else "",
        )

    def _ledger(self) -> tuple[LedgerRow, ...]:
        """What the latency is made of; it changes with the board and with the device alone."""
        key = (self.live.board, self.live.restarts, self.live.playback)
        if key != self._ledger_of:
            rows = self.live.ledger.rows
            self._ledger_of = key
            self._rows = tuple(LedgerRow(row.name, row.samples, row.seconds, row.note) for row in rows)
        return self._rows

    def obey(self, command: Command) -> None:
        """Do what a key asks for; if it cannot be done, the next snapshots tell why."""
        self._trouble = ""
        try:
            self._do(command)
        except ValueError as error:
            self._trouble = one_line(error)

    def _do(self, command: Command) -> None:
        live = self.live
        match command:
            case Press.BYPASS:
                live.bypass = not live.bypass
            case Press.PANIC:
                live.panic()
            case Press.RESUME:
                live.resume()
            case Choose(number):
                self._choose(number)
            case Move(by):
                now = self._wanted if live.loading else self._number(live.name)
                self._choose((now + by) % len(self.setlist.names))
            case Turn(path, name, steps):
                turn(live, path, name, steps)
            case Learn(path, name) if path:
                live.midi.learn(path, name)
            case Learn():
                live.midi.cancel()

    def _choose(self, number: int) -> None:
        if number < len(self.setlist.names):
            self._wanted = number
            self.live.program(number)

    def _number(self, name: str) -> int:
        return self.setlist.names.index(name) if name in self.setlist.names else -1
