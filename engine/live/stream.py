"""A live stream: an audio device through a board that changes while it plays.

    device -> callback -> rings -> worker -> board -> rings -> callback -> device

The callback moves one block each way. Everything slow happens elsewhere: a worker plays, boards are made ready on
a thread of their own, a take is written by another, and a monitor opens the device again when it comes back.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..board import Board, Rack
from ..effect import MAX_CHANNELS, Effect
from . import devices
from .builder import Builder
from .changes import Bypass, Set
from .connection import Connection
from .exchange import Exchange
from .interpreter import ask_for_real_time, be_live, be_usual
from .journal import Journal
from .ledger import Ledger, ledger
from .midi import Midi
from .player import Player, Program
from .recorder import Recorder
from .report import Report, snapshot
from .take import Header, Restarted, models_of
from .tape import Tape
from .worker import Worker

MONITOR_SECONDS = 0.25
MIDI_SECONDS = 1.0
RETRY_SECONDS = 1.0
"""Between two attempts to find a device that went away."""

SMALLEST_BLOCK = 32


class LiveStream:
    """Plays an audio device through a board.

    Args:
        board: what plays; anything but a `Board` is put on one. Set its parameters and edit its list as it plays: both
            are heard.
        input: the device that is heard, by number, name or part of a name; None for the system's own choice.
        output: the device that plays, likewise.
        sample_rate: in Hz; None for what the output device prefers.
        channels: 1 to 8; None for 2, or 1 on a device that has no more. A device with one input feeds all channels.
        block_size: samples in a block, at least 32. Smaller is sooner, and leaves less time for each block.
        buffer_blocks: blocks of reserve between a block and its result, at least 1.
        latency: samples to reserve for boards to come; a board that needs more is refused. None for the first board's.
        ceiling_db: most that a sample reaches at the output, in dBFS.
        record: a folder; a take is kept in a new folder inside.
        load: makes a board of a preset's name, for `load`, `program` and MIDI program changes.
        describe: tells a board as a text, for takes.
        presets: names for `program`, from 0.
        name: of the board that it begins with.

    Raises:
        ValueError: for devices, rates, channels, or a board that cannot be played, in one line that says what can.

    >>> with LiveStream(Board(), block_size=128) as live:  # doctest: +SKIP
    ...     print(live.ledger.total)
    """

    def __init__(
        self,
        board: Rack | Effect,
        *,
        input: int | str | None = None,
        output: int | str | None = None,
        sample_rate: float | None = None,
        channels: int | None = None,
        block_size: int = 128,
        buffer_blocks: int = 1,
        latency: int | None = None,
        ceiling_db: float = -1.0,
        record: str | os.PathLike[str] | None = None,
        load: Callable[[str], Any] | None = None,
        describe: Callable[[Rack], str] | None = None,
        presets: Sequence[str] = (),
        name: str = "",
    ) -> None:
        if block_size < SMALLEST_BLOCK:
            raise ValueError(f"block_size = {block_size}: expected at least {SMALLEST_BLOCK} samples")
        if channels is not None and not 1 <= channels <= MAX_CHANNELS:
            raise ValueError(f"channels = {channels}: expected 1 to {MAX_CHANNELS}")
        self.input = devices.find(input, "input")
        self.output = devices.find(output, "output")
        self.sample_rate = float(sample_rate or self.output.default_rate)
        self.channels = channels or min(2, self.output.outputs)
        self._columns = self._columns_of(self.channels)
        devices.check(self.input, self.output, self.sample_rate, self._columns)
        self.block_size, self.buffer_blocks, self.ceiling_db = block_size, buffer_blocks, ceiling_db
        self.presets = tuple(presets)
        self.midi = Midi(lambda: self.board)
        self._record, self._load, self._describe = record, load, describe
        first = board if isinstance(board, Board) else Board([board])
        self._player = Player(first, self.sample_rate, self.channels, block_size, latency, describe, name)
        self._connection: Connection | None = None
        self._recorder: Recorder | None = None
        self._trouble, self._restarts, self._used, self._resuming = "", 0, False, False
        self._adapted = False
        self._make()

    def _columns_of(self, channels: int) -> tuple[int, int]:
        """Channels that are asked of each device. One input feeds all; one channel plays on two outputs, if it can."""
        inputs, outputs = self.input.inputs, self.output.outputs
        if 1 < inputs < channels:
            raise ValueError(f"{self.input.name} has {inputs} input channels: {channels} were asked for")
        if outputs < channels:
            raise ValueError(f"{self.output.name} has {outputs} output channels: {channels} were asked for")
        return min(channels, inputs), min(max(channels, 2), outputs)

    def _make(self) -> None:
        """All that a run needs, none of it running."""
        player = self._player
        self.exchange = Exchange(
            self.sample_rate, self.channels, self.block_size, player.latency, self.buffer_blocks, self.ceiling_db
        )
        self.journal = Journal(self.exchange)
        self._builder = Builder(player, lambda program: self.worker.requests.append(program), self._load)
        self.worker = Worker(
            player, self.exchange, self.midi, self.journal,
            ask_program=self.program,
            ask_set=lambda change: self._builder.turn(self.board, change),
            ask_board=lambda: self._builder.want_board(self.board, self.name),
        )  # fmt: skip
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name="worker", daemon=True),
            threading.Thread(target=self._watch, name="monitor", daemon=True),
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Open the devices and play."""
        if self.running:
            return
        if self._used:
            self._player = Player(
                self.board, self.sample_rate, self.channels, self.block_size, self._player.latency, self._describe,
                self.name,
            )  # fmt: skip
            self._make()
        self._used = True
        if self._record is not None:
            self._recorder = Recorder(Path(self._record), self._header())
            self.journal.keeps_entries = True
        be_live()
        try:
            self._connection = self._connected()
        except BaseException:
            be_usual()
            if self._recorder:
                self._recorder.stop()
            raise
        for thread in self._threads:
            thread.start()
        self._builder.start()
        if self._recorder:
            self._recorder.start(Tape(self.exchange, self.journal).read)

    def stop(self) -> None:
        """Fade out, close the devices, and end the take."""
        if not self.running:
            return
        self.exchange.panic[0] = 1
        wanted = self.exchange.captured + 2 + round(0.01 * self.sample_rate / self.block_size)
        waits_until = time.monotonic() + 0.5
        while self.exchange.captured < wanted and time.monotonic() < waits_until:
            time.sleep(0.002)
        self._stopping.set()
        self._threads[1].join()
        if self._connection:
            self._connection.close()
            self._connection = None
        self.worker.stopping = True
        self._threads[0].join()
        self._builder.stop()
        if self._recorder:
            self._recorder.stop()
        self.midi.close()
        be_usual()

    @property
    def running(self) -> bool:
        """Whether it plays, or waits for a device that went away."""
        return self._threads[0].is_alive()

    @property
    def board(self) -> Rack:
        """The user's own board that plays, or is fading in."""
        return self._player.newest.mirror.source

    @property
    def name(self) -> str:
        """Of that board."""
        return self._player.newest.name

    @property
    def latency(self) -> int:
        """Samples from input to output, the devices' own apart; constant."""
        return self.exchange.latency

    @property
    def ledger(self) -> Ledger:
        """What the latency is made of."""
        seconds = self._connection.seconds if self._connection else (self.input.low_in, self.output.low_out)
        return ledger(self.board, self._player.latency, self.sample_rate, self.block_size, self.buffer_blocks, seconds)

    @property
    def take(self) -> Path | None:
        """The folder of the take that is being recorded."""
        return self._recorder.folder if self._recorder else None

    @property
    def recorded_seconds(self) -> float | None:
        """What of the take is written; None where none is recorded."""
        return self._recorder.seconds if self._recorder else None

    @property
    def bypass(self) -> bool:
        """Whether the dry sound plays. Setting it fades."""
        waiting = [request.on for request in self.worker.wanted() if isinstance(request, Bypass)]
        return waiting[-1] if waiting else self._player.bypass

    @bypass.setter
    def bypass(self, on: bool) -> None:
        self.worker.requests.append(Bypass(bool(on)))

    @property
    def panicked(self) -> bool:
        """Whether it is silent until `resume`."""
        return bool(self.exchange.panic[0])

    def panic(self) -> None:
        """Silence at once. What rings in the board is forgotten meanwhile."""
        self._resuming = False
        self.exchange.panic[0] = 1
        self._builder.want_board(self.board, self.name)

    def resume(self) -> None:
        """Sound again, as soon as a board that remembers nothing is there."""
        self._resuming = True

    def replace(self, board: Rack | Effect, name: str = "") -> None:
        """Fade to another board as soon as it is ready. Returns at once; `report().message` tells if it fails."""
        self._builder.want_board(board, name)

    def load(self, name: str) -> None:
        """Fade to the board that `load` makes of a name, as soon as it is ready."""
        self._builder.want(name)

    def program(self, number: int) -> None:
        """Fade to a preset by its place in `presets`; a number beyond them is told in the report, and ignored."""
        if 0 <= number < len(self.presets):
            self._builder.want(self.presets[number])
        else:
            self._trouble = f"program {number}: there are {len(self.presets)} presets, counted from 0"

    def set(self, path: str, name: str, value: float | int | bool | str) -> None:
        """Set a parameter by the place of its effect on the board, as a knob does; a ValueError if it has none such."""
        self._builder.turn(self.board, Set(path, name, value))

    def report(self) -> Report:
        """How it goes. Levels are those since the last report."""
        return snapshot(self)

    @property
    def message(self) -> str:
        """The last trouble in one line, the gravest first."""
        stopped = self.worker.trouble
        return (
            (f"the worker stopped, only the dry sound plays: {type(stopped).__name__}: {stopped}" if stopped else "")
            or self._trouble
            or (self._recorder.trouble if self._recorder else "")
            or self._builder.trouble
        )

    @property
    def restarts(self) -> int:
        """How often the device came back."""
        return self._restarts

    @property
    def loading(self) -> str:
        """The board that is being made ready, empty if none is."""
        return self._builder.loading

    def _work(self) -> None:
        ask_for_real_time()
        self.worker.run()

    def _watch(self) -> None:
        """Look after the device, MIDI ports and the journal, a few times a second."""
        midi_at = 0.0
        while not self._stopping.wait(MONITOR_SECONDS):
            self.journal.collect()
            if time.monotonic() - midi_at >= MIDI_SECONDS:
                self.midi.check()
                midi_at = time.monotonic()
            # In the order in which a board goes from one to the next.
            if self._resuming and not (self._builder.loading or self.worker.wanted() or self._player.coming):
                self.exchange.panic[0], self._resuming = 0, False
            if self._connection is None or self._connection.is_lost():
                self._reconnect()

    def _reconnect(self) -> None:
        """One attempt to open the devices again, by their names, since numbers change."""
        if self._connection:
            self._trouble = f"{self.output.name} is gone: waiting until it comes back"
            self._adapted = self._adapted or self._connection.resized
            self._connection.close()
            self._connection = None
        try:
            devices.refresh()
            self.input = devices.find(self.input.full_name, "input")
            self.output = devices.find(self.output.full_name, "output")
            sample = self.exchange.captured * self.block_size
            self._connection = self._connected()
        except (ValueError, OSError, RuntimeError):
            self._stopping.wait(RETRY_SECONDS)
            return
        self.midi.reopen()
        self.journal.tell(sample, Restarted(sample))
        self._trouble = ""
        self._restarts += 1  # last: who sees it finds all else done

    def _connected(self) -> Connection:
        devices_used = (self.input, self.output)
        return Connection(self.exchange, devices_used, self._columns, self._adapted)

    def _header(self) -> Header:
        """What the take is played through."""
        program: Program = self._player.current
        return Header(
            sample_rate=round(self.sample_rate),
            channels=self.channels,
            block_size=self.block_size,
            buffer_blocks=self.buffer_blocks,
            latency=self._player.latency,
            ceiling_db=self.ceiling_db,
            board=program.text,
            preset=program.name,
            models=models_of(program.mirror.board),
        )
