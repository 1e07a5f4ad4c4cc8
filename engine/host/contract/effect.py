"""The contract of an effect: what a host calls, and the little that an effect must write.

An effect is a set of parameters and a factory of streams. All state lives in the `Stream`; the effect itself can be
shared, copied and printed. Any number of threads can play whole signals on one effect and set its parameters; the parts
of one signal come one after another, from whatever threads, and a part that comes while another is played is refused
(see `turns`). `stream` is all that an effect writes: n samples out for n samples in, delayed by exactly
`latency`. What pedalboard's users expect (`process`, `__call__`, `reset`, same length out, latency compensated) is
built on it here, once, for effects, boards and mixes alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from inspect import Parameter as Sig
from inspect import Signature
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.host.contract.parameters import parameters_of
from dreampedal.engine.runtime.blocks import MAX_CHANNELS, Block
from dreampedal.engine.runtime.turns import Turn

_OWN = "_begun", "_changes", "_model"
"""What no copy takes over."""


class Stream(Protocol):
    """One running instance of an effect at one rate, channel count and largest block."""

    latency: int
    """Samples between a sample going in and coming out; constant."""

    def process(self, block: Block) -> Block:
        """`(channels, n)` in, `(channels, n)` out, n from 0 to the stream's `max_block`.

        The first `latency` samples out are zeros. The result may be a view of the stream's own buffer, valid until the
        next call. Cutting a signal into other blocks never changes a sample.
        """
        ...


class Layout(Enum):
    """How a signal came, and so how it is handed back."""

    FLAT = "(samples,)"
    CHANNELS_FIRST = "(channels, samples)"
    INTERLEAVED = "(samples, channels)"

    def of(self, block: Block) -> NDArray[np.float32]:
        """A block of shape `(channels, n)` in this layout."""
        if self is Layout.FLAT:
            return block.reshape(-1)
        return np.ascontiguousarray(block.T) if self is Layout.INTERLEAVED else block


@dataclass
class Run:
    """A signal under way through a stream, its latency compensated."""

    stream: Stream
    sample_rate: float
    channels: int
    layout: Layout
    max_block: int
    samples_to_drop: int
    """What is left of the latency: these first samples of the stream precede the signal."""

    def play(self, block: Block) -> Block:
        """A block of any length through the stream, without what precedes the signal."""
        dropped = min(self.samples_to_drop, block.shape[1])
        self.samples_to_drop -= dropped
        played = np.empty((self.channels, block.shape[1] - dropped), np.float32)
        for start in range(0, block.shape[1], self.max_block):
            part = self.stream.process(block[:, start : start + self.max_block])
            skipped = min(max(dropped - start, 0), part.shape[1])
            at = start + skipped - dropped
            played[:, max(at, 0) : max(at, 0) + part.shape[1] - skipped] = part[:, skipped:]
        return played


@dataclass
class Signal:
    """What an effect plays with `reset=False`; nothing yet, until the first part has come."""

    turn: Turn
    run: Run | None = None


class Effect(ABC):
    """An effect with pedalboard's shape. Subclasses declare parameters and write `stream`."""

    is_effect: ClassVar[bool] = True
    registry: ClassVar[dict[str, type[Effect]]] = {}
    """Every effect by its class name; presets and the command line look effects up here."""

    __signature__: ClassVar[Signature]
    _made = False

    def __init_subclass__(cls, family: bool = False, **kwargs: Any) -> None:
        """Register a new effect by its class name, unless it is only the `family` that several effects share."""
        super().__init_subclass__(**kwargs)
        known = [Sig(name, Sig.KEYWORD_ONLY, default=value.default) for name, value in parameters_of(cls).items()]
        if known:
            cls.__signature__ = Signature(known)
        if not family:
            Effect.registry[cls.__name__] = cls

    def __init__(self, **values: Any) -> None:
        """Set parameters by keyword; the rest have their defaults. A ValueError for a name or a value that is unfit."""
        known = parameters_of(type(self))
        for name, value in values.items():
            if name not in known:
                close = get_close_matches(name, known, 1)
                hint = f" (did you mean {close[0]}?)" if close else ""
                raise ValueError(f"{type(self).__name__} has no parameter '{name}'{hint}: it has {', '.join(known)}")
            setattr(self, name, value)
        self._made = True

    @property
    def changes(self) -> int:
        """Another number whenever a parameter was set: a running stream then reads its parameters anew."""
        return int(self.__dict__.get("_changes", 0))

    def models(self) -> dict[str, str]:
        """Content hash of each model that the effect plays, by the name that the effect gives it."""
        return {}

    @abstractmethod
    def stream(self, sample_rate: float, channels: int, max_block: int = 8192) -> Stream:
        """A new stream for `channels` (1 to 8) at `sample_rate` Hz, in blocks of at most `max_block` samples."""

    @abstractmethod
    def latency_at(self, sample_rate: float) -> int:
        """Latency in samples of every stream at `sample_rate` Hz."""

    @property
    def latency(self) -> int:
        """Latency in samples at the rate of the signal under way, or at 48 kHz when there is none."""
        run = self._signal.run
        return self.latency_at(run.sample_rate if run else 48_000.0)

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter and its value."""
        return {name: getattr(self, name) for name in parameters_of(type(self))}

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle takes over: the parameters, never a signal under way nor the model that plays it."""
        own = self.__dict__.copy()  # at once: another thread may play, or set something, meanwhile
        return {name: value for name, value in own.items() if name not in _OWN}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.parameters.items())})"

    def process(
        self, input_array: NDArray[Any], sample_rate: float, buffer_size: int = 8192, reset: bool = True
    ) -> NDArray[np.float32]:
        """Play `input_array` through the effect, latency compensated.

        Args:
            input_array: floats of shape `(samples,)`, `(channels, samples)` or `(samples, channels)`, full scale at 1.
                Read as `(channels, samples)` wherever both would do (up to 8 channels); an empty block as what its
                shape says, `(0, channels)` or `(channels, 0)`.
            sample_rate: of the input and the output, in Hz.
            buffer_size: samples handled at a time; changes memory and speed, and the result of no effect of ours.
            reset: with True, a signal of its own: as many samples out as in. With False, the next part of one signal:
                early calls return fewer samples, and `flush` returns the rest.

        Returns:
            float32 in the layout of the input.

        Raises:
            ValueError: for a shape, a type, a rate, or a sample (NaN, infinity) that cannot be played; for another
                rate, channel count or layout than the signal under way.
            OverlapError: with `reset=False`, while another thread plays a part of the signal.
        """
        if buffer_size < 1:
            raise ValueError(f"buffer_size = {buffer_size}: expected at least 1 sample")
        require_rate(sample_rate)
        if reset:
            block, layout = as_block(input_array)
            self.reset()
            return layout.of(self.play_once(block, sample_rate, buffer_size))
        signal = self._signal
        with signal.turn, self.held():
            block, layout = as_block(input_array, signal.run)
            if signal.run is None:
                signal.run = self._begin(sample_rate, layout, block.shape[0], buffer_size)
            elif sample_rate != signal.run.sample_rate:
                began = f"{signal.run.sample_rate:g} Hz"
                raise ValueError(f"sample_rate = {sample_rate:g} Hz within a signal of {began}: call reset() first")
            return layout.of(signal.run.play(block))

    def __call__(
        self, input_array: NDArray[Any], sample_rate: float, buffer_size: int = 8192, reset: bool = True
    ) -> NDArray[np.float32]:
        """The same as `process`."""
        return self.process(input_array, sample_rate, buffer_size, reset)

    def flush(self, tail_seconds: float = 0.0) -> NDArray[np.float32]:
        """The rest of a signal played with `reset=False`: what latency still holds, and `tail_seconds` of ringing out.

        Returns float32 in the layout of the signal; with no signal under way, of shape `(1, 0)`. Afterwards the effect
        is reset. An OverlapError while another thread plays a part of the signal.
        """
        if not 0 <= tail_seconds < np.inf:
            raise ValueError(f"tail_seconds = {tail_seconds}: expected 0 or more seconds")
        signal = self._signal
        with signal.turn, self.held():
            run, signal.run = signal.run, None
            if run is None:
                return np.zeros((1, 0), np.float32)
            tail = run.stream.latency + round(tail_seconds * run.sample_rate)
            return run.layout.of(run.play(np.zeros((run.channels, tail), np.float32)))

    def reset(self) -> None:
        """Forget the signal under way, from any thread: a part of it that is being played ends as it began."""
        self.__dict__.pop("_begun", None)

    def play_once(self, block: Block, sample_rate: float, buffer_size: int = 8192) -> Block:
        """A whole signal of shape `(channels, n)`, latency compensated; what is under way goes on undisturbed."""
        run = self._begin(sample_rate, Layout.CHANNELS_FIRST, block.shape[0], buffer_size)
        played = run.play(block)
        rest = run.play(np.zeros((run.channels, run.stream.latency), np.float32))
        return np.concatenate([played, rest], axis=1) if rest.shape[1] else played

    def held(self) -> AbstractContextManager[object]:
        """Entered for as long as a call plays; an OverlapError if something that streams share is played elsewhere."""
        return nullcontext()

    def compensated_stream(self, sample_rate: float, channels: int, max_block: int) -> Stream:
        """The stream behind `process`. Its latency is compensated, so it may be longer than that of `stream`."""
        return self.stream(sample_rate, channels, max_block)

    @property
    def _signal(self) -> Signal:
        """The signal under way. Threads that ask for it at once get the same."""
        begun: Signal | None = self.__dict__.get("_begun")
        return begun or self.__dict__.setdefault("_begun", Signal(Turn(type(self).__name__)))

    def _begin(self, sample_rate: float, layout: Layout, channels: int, max_block: int) -> Run:
        stream = self.compensated_stream(sample_rate, channels, max_block)
        return Run(stream, sample_rate, channels, layout, max_block, stream.latency)


def as_block(samples: Any, run: Run | None = None) -> tuple[Block, Layout]:
    """`samples` as `(channels, n)` float32, and the layout in which they came; or a ValueError.

    The layout is guessed once, from the first block of a signal; `run` holds it for the rest.

    >>> as_block(np.zeros((2, 1), np.float32))[0].shape
    (2, 1)
    >>> as_block(np.zeros((1000, 2)))[0].shape
    (2, 1000)
    >>> as_block(np.zeros((0, 2)))[0].shape
    (2, 0)
    """
    samples = np.asarray(samples)
    if samples.dtype.kind != "f":
        raise ValueError(f"samples of type {samples.dtype}: expected floats between -1 and 1 (divide int16 by 32768)")
    if samples.ndim not in (1, 2):
        raise ValueError(f"samples of shape {samples.shape}: expected (samples,) or (channels, samples)")
    layout = Layout.CHANNELS_FIRST
    if samples.ndim == 1:
        layout, samples = Layout.FLAT, samples[np.newaxis]
    elif _is_interleaved(samples.shape[0], samples.shape[1], run):
        layout, samples = Layout.INTERLEAVED, samples.T
    with np.errstate(over="ignore"):  # A float64 that float32 cannot hold is told as infinite below.
        block = np.ascontiguousarray(samples, np.float32)
    if not 1 <= block.shape[0] <= MAX_CHANNELS:
        raise ValueError(f"samples of {block.shape[0]} channels: expected 1 to {MAX_CHANNELS}, as (channels, samples)")
    if run and block.shape[0] != run.channels:
        raise ValueError(
            f"samples of {block.shape[0]} channel(s) within a signal of {run.channels} channel(s), "
            f"{run.layout.value}: call reset() first"
        )
    if not np.isfinite(block).all():
        channel, at = np.argwhere(~np.isfinite(block))[0]
        raise ValueError(f"sample {at} of channel {channel} is {block[channel, at]}: expected finite samples")
    return block, layout


def _is_interleaved(rows: int, columns: int, run: Run | None) -> bool:
    """Whether a block of this shape is `(samples, channels)`. An empty one tells by itself: it has no other reading."""
    if rows == 0 or columns == 0:
        return rows < columns
    return run.layout is Layout.INTERLEAVED if run else rows > MAX_CHANNELS >= columns


def require_rate(sample_rate: float) -> None:
    """A ValueError unless `sample_rate` is one that audio comes in."""
    if not 8_000 <= sample_rate <= 384_000:
        raise ValueError(f"sample_rate = {sample_rate} Hz: expected 8000 to 384000")


def require_stream(sample_rate: float, channels: int, max_block: int) -> None:
    """A ValueError unless a stream can be made of these."""
    require_rate(sample_rate)
    if not 1 <= channels <= MAX_CHANNELS:
        raise ValueError(f"channels = {channels}: expected 1 to {MAX_CHANNELS}")
    if max_block < 1:
        raise ValueError(f"max_block = {max_block}: expected at least 1 sample")
