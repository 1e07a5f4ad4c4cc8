"""The player: boards that take turns, faded into one another, and the dry sound beside them, at one latency.

It has no threads and no clock. The worker of a `LiveStream` calls it, and whoever renders a take again: the same input,
cut in the same places, with the same changes, gives the same samples.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.delay import DelayLine
from dreampedal.engine.host.board import Rack
from dreampedal.engine.host.contract.effect import Stream, require_stream
from dreampedal.engine.host.routing import all_in
from dreampedal.engine.live.player.changes import Bypass, Change, Set, Swap
from dreampedal.engine.live.player.mirror import Mirror, apply
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.jit import njit

FADE_SECONDS = 0.05
"""From one board to another."""

BYPASS_SECONDS = 0.02

WARM_UP_SAMPLES = 8192
"""What a board plays, unheard, before it is handed over."""

Pace = Callable[[int, int, int], bool]
"""Asked before an ascent: the board's number, stream within it, hop. True holds the offset as it is."""


class PreparedBoard:
    """A board ready to play: its clone, the stream of it, and what pads it to the player's latency."""

    number = 0
    """Counted up by each `swap`; the first board is 0."""

    def __init__(self, mirror: Mirror, name: str, text: str, stream: Stream, line: DelayLine) -> None:
        self.mirror, self.name, self.text = mirror, name, text
        self.stream, self.line = stream, line
        self.paced: list[Any] = [part for part in all_in(stream) if hasattr(part, "pace")]
        """The streams that dream, in the order in which they play."""
        self.ascent_seconds = 0.0
        """What a block with an ascent takes more than one without, where nothing disturbs it."""
        self.midi: list[Any] | None = None
        """Mappings of MIDI that come with the board; None leaves those that are there."""

    def process(self, block: Block) -> Block:
        return self.line.process(self.stream.process(block))


class BoardPlayer:
    """Plays one board at a time, at a constant latency.

    Args:
        board: the first; the player keeps a clone of it.
        sample_rate: in Hz.
        channels: 1 to 8.
        block_size: the largest block that `process` takes.
        latency: samples to reserve, for boards to come; at least and by default that of the first.
        describe: tells a board as a text, for takes.

    >>> from dreampedal.engine.host.board import Board
    >>> player = BoardPlayer(Board(), 48_000, channels=1, block_size=4)
    >>> player.process(np.ones((1, 4), np.float32)).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """

    def __init__(
        self,
        board: Rack,
        sample_rate: float,
        channels: int,
        block_size: int,
        latency: int | None = None,
        describe: Callable[[Rack], str] | None = None,
        name: str = "",
    ) -> None:
        require_stream(sample_rate, channels, block_size)
        self.sample_rate, self.channels, self.block_size = sample_rate, channels, block_size
        self.latency = board.latency_at(sample_rate) if latency is None else latency
        self._describe = describe
        self._swaps = 0
        self._pace: Pace | None = None
        self.bypass = False
        self.current = self.prepare(board, name)
        self.coming: PreparedBoard | None = None
        self._dry = DelayLine(self.latency, channels)
        self._out = np.zeros((channels, block_size), np.float32)
        self._blend = blender()
        self._fade = fade_curve(round(FADE_SECONDS * sample_rate))
        # How far the fade to the coming board is, and the wet sound's share, its aim and its slope.
        self._place = np.zeros(1, np.int64)
        self._wetness = np.array([1.0, 1.0, 1 / max(1, round(BYPASS_SECONDS * sample_rate))])

    @property
    def newest(self) -> PreparedBoard:
        """The board that parameters belong to: the coming one, if there is one."""
        return self.coming or self.current

    def prepare(self, board: Rack, name: str = "") -> PreparedBoard:
        """A board made ready to play, warm and measured. May take seconds; any thread may do it while another plays.

        Raises:
            ValueError: for a board that cannot stream here, or whose latency is longer than the player's.
        """
        mirror = Mirror(board)
        trial = mirror.board.stream(self.sample_rate, self.channels, self.block_size)
        if trial.latency > self.latency:
            raise ValueError(
                f"{name or 'the board'} needs {trial.latency} samples of latency, and this stream has {self.latency}: "
                f"open it with latency={trial.latency}"
            )
        seconds = warm_up(trial, self.channels, self.block_size)
        stream = mirror.board.stream(self.sample_rate, self.channels, self.block_size)
        text = self._told(mirror.board)
        line = DelayLine(self.latency - stream.latency, self.channels)
        prepared = PreparedBoard(mirror, name, text, stream, line)
        prepared.ascent_seconds = seconds
        for index, part in enumerate(prepared.paced):
            part.pace = self._asked(prepared, index)
        return prepared

    def pace(self, ask: Pace | None) -> None:
        """From now on `ask` decides which hops are held; None holds none."""
        self._pace = ask

    def swap(self, prepared: PreparedBoard) -> Swap:
        """Let a prepared board listen from here on, and fade in when its latency has passed."""
        if self.coming:
            raise ValueError("a board is fading in: wait until it is there")
        self._swaps += 1
        self.coming, prepared.number = prepared, self._swaps
        self._place[0] = -self.latency
        return Swap(prepared.number, prepared.name, prepared.text)

    def apply(self, change: Change) -> None:
        """A change of a parameter, or bypass, from this sample on. Boards come by `swap`."""
        if isinstance(change, Set):
            apply(self.newest.mirror.board, change)
        elif isinstance(change, Bypass):
            self.bypass = change.on
            self._wetness[1] = 0.0 if change.on else 1.0

    def process(self, block: Block) -> Block:
        """`(channels, n)` in and out, n up to `block_size`, delayed by `latency`; a view, valid until the next call."""
        samples = block.shape[1]
        out = self._out[:, :samples]
        dry, wet = self._dry.process(block), self.current.process(block)
        coming = self.coming.process(block) if self.coming else wet
        self._blend(dry, wet, coming, out, self._fade, self._place, self._wetness, self.coming is not None)
        if self.coming and self._place[0] >= self._fade.size:
            self.current, self.coming = self.coming, None
        return out

    def process_cut(self, block: Block, changes: Sequence[tuple[int, Callable[[], None]]]) -> Block:
        """As `process`, with something to do at samples of the block, counted from its first, in their order."""
        if not changes:
            return self.process(block)
        out, at = np.empty_like(block), 0
        for place, change in sorted(changes, key=itemgetter(0)):
            out[:, at:place] = self.process(block[:, at:place])
            at = place
            change()
        out[:, at:] = self.process(block[:, at:])
        return out

    def _told(self, board: Rack) -> str:
        """A board as text; empty for one that no text can tell, such as one with a plugin whose file is lost.

        It plays all the same.
        """
        try:
            return self._describe(board) if self._describe else ""
        except ValueError:
            return ""

    def _asked(self, prepared: PreparedBoard, stream: int) -> Callable[[int], bool]:
        """The question of one stream, with its place."""
        return lambda hop: self._pace is not None and self._pace(prepared.number, stream, hop)


def fade_curve(samples: int) -> NDArray[np.float32]:
    """Shares of the coming sound, sample by sample: half a cosine from 0 to 1."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.arange(1, samples + 1) / max(1, samples)), np.float32)


@lru_cache(maxsize=1)
def blender() -> Callable[..., None]:
    """`blend`, compiled once for views of any layout: what comes out of effects is sometimes one and sometimes not."""
    view, row = "float32[:,:]", "float32[::1]"
    types = f"void({view}, {view}, {view}, {view}, {row}, int64[::1], float64[::1], boolean)"
    return cast(Callable[..., None], njit(types, cache=True, nogil=True)(blend))


def blend(dry, wet, coming, out, fade, place, wetness, fading):  # type: ignore[no-untyped-def]
    """Write the sum of the board that goes, the one that comes, and the dry sound, (channels, n) each.

    `place` is the sample of the fade, negative before it. `wetness` holds the wet share, its aim and its slope. A share
    of 0 or 1 leaves samples as they are.
    """
    for n in range(dry.shape[1]):
        at = place[0] + n
        share = np.float32(0) if not fading or at < 0 else fade[min(at, fade.size - 1)]
        wetness[0] += min(max(wetness[1] - wetness[0], -wetness[2]), wetness[2])
        wet_share = np.float32(wetness[0])
        for channel in range(dry.shape[0]):
            y = wet[channel, n]
            if share == np.float32(1):
                y = coming[channel, n]
            elif share > np.float32(0):
                y += share * (coming[channel, n] - y)
            if wet_share == np.float32(0):
                y = dry[channel, n]
            elif wet_share < np.float32(1):
                y = dry[channel, n] + wet_share * (y - dry[channel, n])
            out[channel, n] = y
    if fading:
        place[0] += dry.shape[1]


def warm_up(stream: Stream, channels: int, block_size: int) -> float:
    """Play noise through a stream that nobody hears; the seconds by which an ascent makes a block longer.

    The shortest of each, since whatever else a machine does only makes them longer.
    """
    asked: list[int] = []

    def heard(hop: int) -> bool:
        asked.append(hop)
        return False

    for part in all_in(stream):
        if hasattr(part, "pace"):
            part.pace = heard
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (channels, WARM_UP_SAMPLES)).astype(np.float32)
    plain: list[float] = []
    ascents: list[float] = []
    for at in range(0, WARM_UP_SAMPLES, block_size):
        asked.clear()
        begin = time.perf_counter()
        stream.process(noise[:, at : at + block_size].copy())
        (ascents if asked else plain).append(time.perf_counter() - begin)
    return max(0.0, min(ascents) - min(plain, default=0.0)) if ascents else 0.0
