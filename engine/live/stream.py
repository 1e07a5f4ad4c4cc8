"""A live stream: an audio device through a board that changes while it plays.

    device -> callback -> rings -> worker -> board -> rings -> callback -> device

The callback moves what the device brings each way. Everything slow happens elsewhere: a worker plays, boards are made
ready on a thread of their own, a take is written by another, and a monitor opens the device again when it comes back.
"""

from __future__ import annotations

import threading
import time
from inspect import Parameter, Signature, signature
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dreampedal.engine.host.board import Board, Rack
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.live.device.devices import Device
from dreampedal.engine.live.device.duplex import DuplexDevice
from dreampedal.engine.live.exchange.pacing import Pacing, paced
from dreampedal.engine.live.interpreter import be_live, be_usual
from dreampedal.engine.live.ledger import Ledger, ledger
from dreampedal.engine.live.midi.control import Midi
from dreampedal.engine.live.playback import Playback
from dreampedal.engine.live.player.changes import Bypass, Program, Set
from dreampedal.engine.live.player.player import BoardPlayer
from dreampedal.engine.live.report import Report, measured
from dreampedal.engine.live.settings import LiveSettings
from dreampedal.engine.live.take.take import Restarted

MONITOR_SECONDS = 0.25
MIDI_SECONDS = 1.0
RETRY_SECONDS = 1.0
"""Between two attempts to find a device that went away."""


class LiveStream:
    """Plays an audio device through a board.

    Args:
        board: what plays; anything but a `Board` is put on one. Set its parameters and edit its list as it plays: both
            are heard.
        input: the device that is heard, by number, name or part of a name; None for the system's own choice.
        output: the device that plays, likewise.
        sample_rate: in Hz; None for what the output device prefers, also when it comes back at another.
        channels: 1 to 8; None for 2, or 1 on a device that has no more. A device with one input feeds all channels.
        block_size: samples in a block, at least 32; None for the period of a JACK server, and 128 elsewhere. Smaller is
            sooner on a sound card, and leaves less time for each block. Blocks of less than a period come in bursts.
        buffer_blocks: least blocks of reserve between a block and its result, at least 1. There are as many as come in
            a burst, so that all of them have a period's time.
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

    __signature__ = Signature(
        [Parameter("board", Parameter.POSITIONAL_OR_KEYWORD), *signature(LiveSettings).parameters.values()]
    )

    def __init__(self, board: Rack | Effect, **settings: Any) -> None:
        self._settings = LiveSettings(**settings)
        told = self._settings
        self._device = DuplexDevice(told.input, told.output, told.sample_rate, told.channels)
        self.presets = tuple(told.presets)
        self.midi = Midi(lambda: self.board)
        self.takes: list[Path] = []
        """Folders of the takes, oldest first: there is another when the device comes back with other blocks."""
        self.restarts = 0
        """How often the device came back."""
        self._burst, self._first_rate = 1, self.sample_rate
        self._trouble, self._used, self._resuming = "", False, False
        self._stopping, self._monitor = threading.Event(), threading.Thread()
        first = board if isinstance(board, Board) else Board([board])
        self.playback = self._made(first, told.name, self.sample_rate, self._paced(self.sample_rate))
        """All that plays; another when the device has come back with other blocks or at another rate."""

    def _paced(self, rate: float) -> Pacing:
        """How blocks fit what the device brings."""
        settings = self._settings
        return paced(settings.block_size, settings.buffer_blocks, self._device.callbacks(rate), self._burst)

    def _made(self, board: Rack, name: str, rate: float, pacing: Pacing, earlier: Report | None = None) -> Playback:
        """All that plays, none of it running."""
        settings, latency = self._settings, self._settings.latency
        if latency is not None and rate != self._first_rate:
            # Windows have more samples an octave up; what is reserved for boards to come has to grow with them.
            latency = max(latency, ceil(latency * rate / self._first_rate), board.latency_at(rate))
        player = BoardPlayer(board, rate, self.channels, pacing.block_size, latency, settings.describe, name)
        return Playback(player, pacing, settings, self.midi, self._asked, earlier)

    def _asked(self, change: Program | Set | None) -> None:
        """What the worker has no time for (see `Worker`)."""
        match change:
            case Program(number):
                self.program(number)
            case Set():
                self.playback.builder.turn(self.board, change)
            case None:
                self.replace(self.board, self.name)

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
            self.playback = self._made(self.board, self.name, self.sample_rate, self._paced(self.sample_rate))
        self._used = True
        be_live()
        try:
            self._begin(self.playback)
        except BaseException:
            be_usual()
            raise
        self._stopping.clear()
        self._monitor = threading.Thread(target=self._watch, name="monitor", daemon=True)
        self._monitor.start()

    def _begin(self, playback: Playback) -> None:
        """Open the devices for a playback that is new, and its take."""
        if self._settings.record is not None:
            playback.record(Path(self._settings.record))
        try:
            self._device.open(playback.exchange)
        except BaseException:
            if playback.recorder:
                playback.recorder.stop()
            raise
        if playback.recorder:
            self.takes.append(playback.recorder.folder)
        self.playback = playback
        playback.start()

    def stop(self) -> None:
        """Fade out, close the devices, and end the take."""
        if not self.running:
            return
        self.playback.exchange.panic[0] = 1
        wanted = self.playback.exchange.captured + 2 + round(0.01 * self.sample_rate / self.block_size)
        waits_until = time.monotonic() + 0.5
        while self.playback.exchange.captured < wanted and time.monotonic() < waits_until:
            time.sleep(0.002)
        self._stopping.set()
        self._monitor.join()
        self._device.close()
        self.playback.stop()
        self.midi.close()
        be_usual()

    @property
    def running(self) -> bool:
        """Whether it plays, or waits for a device that went away."""
        return self._monitor.is_alive()

    @property
    def input(self) -> Device:
        """The device that is heard."""
        return self._device.input

    @property
    def output(self) -> Device:
        """The device that plays."""
        return self._device.output

    @property
    def sample_rate(self) -> float:
        """In Hz."""
        return self._device.sample_rate

    @property
    def channels(self) -> int:
        """Of the board."""
        return self._device.channels

    @property
    def block_size(self) -> int:
        """Samples in a block."""
        return self.playback.pacing.block_size

    @property
    def buffer_blocks(self) -> int:
        """Blocks between a block and its result."""
        return self.playback.pacing.buffer_blocks

    @property
    def board(self) -> Rack:
        """The user's own board that plays, or is fading in."""
        return self.playback.player.newest.mirror.source

    @property
    def name(self) -> str:
        """Of that board."""
        return self.playback.player.newest.name

    @property
    def latency(self) -> int:
        """Samples from input to output, the devices' own apart; constant as long as the device is as it was."""
        return self.playback.exchange.latency + self.playback.exchange.adaption

    @property
    def ledger(self) -> Ledger:
        """What the latency is made of."""
        return ledger(
            self.board, self.playback.player.latency, self.sample_rate, self.block_size, self.buffer_blocks,
            self._device.seconds, self.playback.exchange.adaption,
        )  # fmt: skip

    @property
    def take(self) -> Path | None:
        """The folder of the take that is being recorded."""
        return self.takes[-1] if self.takes else None

    @property
    def recorded_seconds(self) -> float | None:
        """What of the take is written; None where none is recorded."""
        return self.playback.recorder.seconds if self.playback.recorder else None

    @property
    def bypass(self) -> bool:
        """Whether the dry sound plays. Setting it fades."""
        return self.playback.bypass

    @bypass.setter
    def bypass(self, on: bool) -> None:
        self.playback.worker.requests.append(Bypass(bool(on)))

    @property
    def panicked(self) -> bool:
        """Whether it is silent until `resume`."""
        return bool(self.playback.exchange.panic[0])

    def panic(self) -> None:
        """Silence at once. What rings in the board is forgotten meanwhile."""
        self._resuming = False
        self.playback.exchange.panic[0] = 1
        self.replace(self.board, self.name)

    def resume(self) -> None:
        """Sound again, as soon as a board that remembers nothing is there."""
        self._resuming = True

    def replace(self, board: Rack | Effect, name: str = "") -> None:
        """Fade to another board as soon as it is ready. Returns at once; `report().message` tells if it fails."""
        self.playback.builder.want_board(board, name)

    def load(self, name: str) -> None:
        """Fade to the board that `load` makes of a name, as soon as it is ready."""
        self.playback.builder.want_preset(name)

    def program(self, number: int) -> None:
        """Fade to a preset by its place in `presets`; a number beyond them is told in the report, and ignored."""
        if 0 <= number < len(self.presets):
            self.playback.builder.want_preset(self.presets[number])
        else:
            self._trouble = f"program {number}: there are {len(self.presets)} presets, counted from 0"

    def set(self, path: str, name: str, value: float | int | bool | str) -> None:
        """Set a parameter by the place of its effect on the board, as a knob does; a ValueError if it has none such."""
        self.playback.builder.turn(self.board, Set(path, name, value))

    def report(self) -> Report:
        """How it goes. Levels are those since the last report."""
        playback = self.playback
        now = Report(
            **measured(playback.exchange, playback.worker),
            running=self.running,
            preset=self.name,
            bypass=self.bypass,
            panicked=self.panicked,
            loading=self.loading,
            latency_samples=self.latency,
            restarts=self.restarts,
            midi_messages=self.midi.received,
            midi_malformed=self.midi.malformed,
            recorded_seconds=self.recorded_seconds,
            message=self.message,
            events=playback.journal.events(),
        )
        return now if playback.earlier is None else now.after(playback.earlier)

    @property
    def message(self) -> str:
        """The last trouble in one line, the gravest first."""
        stopped = self.playback.worker.trouble
        return (
            (f"the worker stopped, only the dry sound plays: {type(stopped).__name__}: {stopped}" if stopped else "")
            or self._trouble
            or (self.playback.recorder.trouble if self.playback.recorder else "")
            or self.playback.builder.trouble
        )

    @property
    def loading(self) -> str:
        """The board that is being made ready, empty if none is."""
        return self.playback.builder.loading

    def _watch(self) -> None:
        """Look after the device, MIDI ports and the journal, a few times a second."""
        midi_at = 0.0
        while not self._stopping.wait(MONITOR_SECONDS):
            self.playback.journal.collect()
            if time.monotonic() - midi_at >= MIDI_SECONDS:
                self.midi.check()
                midi_at = time.monotonic()
            if self._resuming and not self.playback.is_changing:
                self.playback.exchange.panic[0], self._resuming = 0, False
            self._look_after_the_device()

    def _look_after_the_device(self) -> None:
        """Open it again where it went away, or brings other samples at a time than the run is made for."""
        connection = self._device.connection
        if connection is None:
            self._reconnect()
        elif connection.is_lost():
            self._trouble = f"{self.output.name} is gone: waiting until it comes back"
            self._reconnect()
        elif together := connection.together():
            self._trouble = f"{self.output.name} brings {together} samples at a time now: opening it anew"
            if not self.playback.pacing.callbacks:
                self._burst = ceil(together / self.block_size)
            self._reconnect()

    def _reconnect(self) -> None:
        """One attempt to open the devices again."""
        self._device.close()
        try:
            self._device.find_again()
        except Exception:  # whatever it is, the device is not there yet
            self._stopping.wait(RETRY_SECONDS)
            return
        try:
            self.midi.reopen()  # before the stream: to open MIDI keeps the interpreter from one that plays
            self._open_again()
        except Exception as error:  # whatever it is, the player is told, and it is tried again
            self._trouble = " ".join(f"{self.output.name} is back, and cannot be played: {error}".split())
            self._stopping.wait(RETRY_SECONDS)
            return
        self._trouble = ""
        self.restarts += 1  # last: who sees it finds all else done

    def _open_again(self) -> None:
        """Open devices that are back: the run goes on, or another takes its place where it does not fit them."""
        rate = self._device.rate_there()
        pacing = self._paced(rate)
        if rate == self.sample_rate and pacing == self.playback.pacing and not self.playback.worker.stopping:
            sample = self.playback.exchange.captured * self.block_size
            self._device.open(self.playback.exchange)
            self.playback.journal.tell(sample, Restarted(sample))
            return
        earlier = self.report()
        self.playback.stop()
        board = self.playback.newest
        if board.midi is not None:
            self.midi.mappings = board.midi
        playback = self._made(board.mirror.source, board.name, rate, pacing, earlier)
        playback.go_on(self.playback)
        playback.journal.restarted(f"at {rate:g} Hz, blocks of {pacing.block_size} samples")
        self._begin(playback)
