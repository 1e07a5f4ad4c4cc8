"""The contract of an effect: what a host calls, and the little that an effect must write.

An effect is a set of parameters and a factory of streams. All state lives in the `Stream`; the effect itself can be
shared, copied and printed. `stream` is all that an effect writes: n samples out for n samples in, delayed by exactly
`latency`. What pedalboard's users expect (`process`, `__call__`, `reset`, same length out, latency compensated) is
built on it here, once, for effects, boards and mixes alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import Parameter as Sig
from inspect import Signature
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from .parameters import parameters_of

Block = NDArray[np.float32]
"""What a host hands over in one call: float32, shape (channels, samples)."""

MAX_CHANNELS = 8


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


@dataclass
class Run:
    """A signal under way through `Effect.process(..., reset=False)`."""

    stream: Stream
    sample_rate: float
    channels: int
    interleaved: bool
    max_block: int
    samples_to_drop: int
    """What is left of the latency: these first samples of the stream precede the signal."""


class Effect(ABC):
    """An effect with pedalboard's shape. Subclasses declare parameters and write `stream`."""

    is_effect: ClassVar[bool] = True
    registry: ClassVar[dict[str, type[Effect]]] = {}
    """Every effect by its class name; presets and the command line look effects up here."""

    __signature__: ClassVar[Signature]
    _run: Run | None = None

    def __init_subclass__(cls, family: bool = False, **kwargs: Any) -> None:
        """Register a new effect by its class name, unless it is only the `family` that several effects share."""
        super().__init_subclass__(**kwargs)
        known = [Sig(name, Sig.KEYWORD_ONLY, default=value.default) for name, value in parameters_of(cls).items()]
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

    @property
    def changes(self) -> int:
        """How often a parameter was set: a running stream reads its parameters anew when this moves."""
        return int(self.__dict__.get("_changes", 0))

    @abstractmethod
    def stream(self, sample_rate: float, channels: int, max_block: int = 8192) -> Stream:
        """A new stream for `channels` (1 to 8) at `sample_rate` Hz, in blocks of at most `max_block` samples."""

    @abstractmethod
    def latency_at(self, sample_rate: float) -> int:
        """Latency in samples of every stream at `sample_rate` Hz."""

    @property
    def latency(self) -> int:
        """Latency in samples at the rate of the signal under way, or at 48 kHz when there is none."""
        return self.latency_at(self._run.sample_rate if self._run else 48_000.0)

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter and its value."""
        return {name: getattr(self, name) for name in parameters_of(type(self))}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.parameters.items())})"

    def process(
        self, input_array: NDArray[Any], sample_rate: float, buffer_size: int = 8192, reset: bool = True
    ) -> NDArray[np.float32]:
        """Play `input_array` through the effect, latency compensated.

        Args:
            input_array: floats of shape `(samples,)`, `(channels, samples)` or `(samples, channels)`, full scale at 1.
                Read as `(channels, samples)` wherever both would do (up to 8 channels).
            sample_rate: of the input and the output, in Hz.
            buffer_size: samples handled at a time; changes memory and speed, never the result.
            reset: with True, a signal of its own: as many samples out as in. With False, the next part of one signal:
                early calls return fewer samples, and `flush` returns the rest.

        Returns:
            float32 in the layout of the input.

        Raises:
            ValueError: for a shape, a type, a rate, or a sample (NaN, infinity) that cannot be played; for another rate,
                channel count or layout than the signal under way.
        """
        if buffer_size < 1:
            raise ValueError(f"buffer_size = {buffer_size}: expected at least 1 sample")
        if reset:
            self.reset()
        block, interleaved = as_block(input_array, self._run)
        require_rate(sample_rate)
        if self._run is None:
            stream = self.stream(sample_rate, block.shape[0], buffer_size)
            self._run = Run(stream, sample_rate, block.shape[0], interleaved, buffer_size, stream.latency)
        elif sample_rate != self._run.sample_rate:
            raise ValueError(
                f"sample_rate = {sample_rate:g} Hz within a signal of {self._run.sample_rate:g} Hz: call reset() first"
            )
        played = self._play(block)
        if reset:
            played = np.concatenate([played, self._play(np.zeros((block.shape[0], self._run.stream.latency), np.float32))], 1)
            self._run.samples_to_drop = 0
            self._run, run = None, self._run
            interleaved = run.interleaved
        if input_array.ndim == 1:
            return played[0]
        return np.ascontiguousarray(played.T) if interleaved else played

    def __call__(
        self, input_array: NDArray[Any], sample_rate: float, buffer_size: int = 8192, reset: bool = True
    ) -> NDArray[np.float32]:
        """The same as `process`."""
        return self.process(input_array, sample_rate, buffer_size, reset)

    def flush(self, tail_seconds: float = 0.0) -> NDArray[np.float32]:
        """The rest of a signal played with `reset=False`: what latency still holds, and `tail_seconds` of ringing out.

        Returns float32 of shape `(channels, samples)`, or `(samples, channels)` if the signal came so. Afterwards the
        effect is reset.
        """
        run = self._run
        if run is None:
            return np.zeros((1, 0), np.float32)
        tail = run.stream.latency + round(tail_seconds * run.sample_rate)
        played = self._play(np.zeros((run.channels, tail), np.float32))
        self.reset()
        return np.ascontiguousarray(played.T) if run.interleaved else played

    def reset(self) -> None:
        """Forget the signal under way."""
        self._run = None

    def _play(self, block: Block) -> Block:
        """Run a block of any length through the stream and drop what precedes the signal."""
        run = self._run
        assert run is not None
        parts = [
            run.stream.process(block[:, start : start + run.max_block]).copy()
            for start in range(0, block.shape[1], run.max_block)
        ]
        played = np.concatenate([np.zeros((run.channels, 0), np.float32), *parts], axis=1)
        dropped = min(run.samples_to_drop, played.shape[1])
        run.samples_to_drop -= dropped
        return played[:, dropped:]


def as_block(samples: NDArray[Any], run: Run | None) -> tuple[Block, bool]:
    """`samples` as `(channels, n)` float32, and whether they came as `(n, channels)`; or a ValueError.

    >>> as_block(np.zeros((2, 1), np.float32), None)[0].shape
    (2, 1)
    >>> as_block(np.zeros((1000, 2)), None)[0].shape
    (2, 1000)
    """
    samples = np.asarray(samples)
    if samples.dtype.kind != "f":
        raise ValueError(f"samples of type {samples.dtype}: expected floats between -1 and 1 (divide int16 by 32768)")
    if samples.ndim not in (1, 2):
        raise ValueError(f"samples of shape {samples.shape}: expected (samples,) or (channels, samples)")
    if samples.ndim == 1:
        interleaved, channels_first = False, samples[np.newaxis]
    else:
        interleaved = run.interleaved if run else samples.shape[0] > MAX_CHANNELS >= samples.shape[1] > 0
        channels_first = samples.T if interleaved else samples
    block = np.ascontiguousarray(channels_first, np.float32)
    if not 1 <= block.shape[0] <= MAX_CHANNELS:
        raise ValueError(f"samples of shape {samples.shape}: expected 1 to {MAX_CHANNELS} channels")
    if run and block.shape[0] != run.channels:
        raise ValueError(
            f"samples of shape {samples.shape} within a signal of {run.channels} channel(s) "
            f"{'(samples, channels)' if run.interleaved else '(channels, samples)'}: call reset() first"
        )
    if not np.isfinite(block).all():
        channel, at = np.argwhere(~np.isfinite(block))[0]
        raise ValueError(f"sample {at} of channel {channel} is {block[channel, at]}: expected finite samples")
    return block, interleaved


def require_rate(sample_rate: float) -> None:
    """A ValueError unless `sample_rate` is one that audio comes in."""
    if not 8_000 <= sample_rate <= 384_000:
        raise ValueError(f"sample_rate = {sample_rate} Hz: expected 8000 to 384000")
