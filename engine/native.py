"""Native pedalboard plugins: their parameters, their twins, and how they take their blocks.

A native keeps its memory inside itself, so a stream never plays the user's own plugin: it plays a twin, a new plugin of
the same class and parameters. Any number of streams can then share one board, one-call use disturbs none of them, and a
parameter that the user turns can be moved in small steps on the twin. What cannot be rebuilt (VST3 and Audio Units) is
its own twin: one stream at a time.

How a native takes blocks is measured, not listed. Measured with pedalboard 0.9.26, against one call over the signal:

- Most give the same bits for any blocks, once a block of the largest size has gone before (a larger one clears memory).
- `Convolution` differs by rounding with the blocks: its FFT follows them. So do filters and shelves where sound fades
  into silence: at the end of each block they set a memory below 1e-8 to zero.
- `BrickwallLimiter` withholds its lookahead: its first calls return fewer samples, and so its latency can be counted.
  Plugins with a reported latency (VST3, Audio Units) are played by pedalboard in the same way.
- `Resample` and `MP3Compressor` tear the signal unless all blocks have one size.
- `PitchShift` and `GSMFullRateCompressor` do not stream at any size: `NotStreamable`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from itertools import cycle
from typing import Any

import numpy as np
import pedalboard
from pedalboard import Chain, ExternalPlugin, Plugin

from .effect import Block

CONSTANT_BLOCK = 128
"""Samples in every block of a native that needs all of them to have one size."""

_ARGUMENT = re.compile(r"[(,] ?(\w+): ")
_RATE = re.compile(r"at ([\d.e+]+) Hz>")
_UNEVEN = (1, 2, 3, 50, 64, 1, 128, 7, 32, 100, 700, 500)
_SHORT, _ENOUGH = 3000, 1000
_RISE = 1500
# A shelf at 1 Hz makes 1e-3 of its rounding; a signal that is torn differs by its own size.
_ROUNDING = 0.01


class NotStreamable(ValueError):  # noqa: N818 - a name of the public surface
    """A native plugin that loses or changes sound when a signal comes in blocks."""

    def __init__(self, plugin: Plugin) -> None:
        super().__init__(
            f"{type(plugin).__name__} of pedalboard {version('pedalboard')} cannot play a signal in blocks: it would "
            f"lose or change sound. Process the whole recording in one call, with reset=True"
        )


class Blocks(Enum):
    """Which cuts of a signal leave a native's output as it is."""

    ANY = "any blocks give the same bits"
    ROUNDED = "any blocks give the same samples up to rounding; the same bits in blocks of one size"
    CONSTANT = "only blocks of one size give the same samples"


@dataclass(frozen=True)
class Habits:
    """How a native takes blocks, and the samples that it withholds at the start of a signal."""

    blocks: Blocks
    latency: int


def native_parameters(plugin: Plugin) -> dict[str, Any]:
    """What can be set on a native while it plays, by name.

    >>> native_parameters(pedalboard.Delay(0.25, mix=1.0))
    {'delay_seconds': 0.25, 'feedback': 0.0, 'mix': 1.0}
    """
    names = getattr(plugin, "parameters", ()) if isinstance(plugin, ExternalPlugin) else settable(type(plugin))
    return {name: getattr(plugin, name) for name in names}


def settable(cls: type[Plugin]) -> tuple[str, ...]:
    """Names of a native's parameters, in the order of the alphabet."""
    members = {name: getattr(cls, name) for name in dir(cls)}
    return tuple(name for name, member in members.items() if isinstance(member, property) and member.fset)


def glides(name: str, value: Any) -> bool:
    """Whether a parameter can move to a value in small steps: a number can, unless it is a time that sound travels."""
    return isinstance(value, float) and not name.endswith("_seconds")


def can_be_rebuilt(plugin: Plugin) -> bool:
    """Whether a plugin tells all that its constructor takes, by the signature that begins its documentation."""
    if isinstance(plugin, pedalboard.Convolution):
        return True
    signature = type(plugin).__init__.__doc__
    return signature is not None and all(hasattr(plugin, name) for name in _arguments(signature))


def twin(plugin: Plugin) -> Plugin:
    """A new plugin of the same class and parameters, with no memory; or `plugin` itself where it cannot be rebuilt."""
    if isinstance(plugin, pedalboard.Convolution):
        return _twin_of_convolution(plugin)
    if not can_be_rebuilt(plugin):
        return plugin
    cls = type(plugin)
    return cls(**{name: getattr(plugin, name) for name in _arguments(cls.__init__.__doc__ or "")})


def _arguments(signature: str) -> list[str]:
    """Names of the constructor's arguments."""
    return [name for name in _ARGUMENT.findall(signature) if name != "self"]


def _twin_of_convolution(plugin: pedalboard.Convolution) -> Plugin:
    """A convolution tells the rate of an impulse response that was given as an array in its `repr` only."""
    if plugin.impulse_response_filename is not None:
        return pedalboard.Convolution(plugin.impulse_response_filename, plugin.mix)
    told = _RATE.search(repr(plugin))
    assert told is not None and plugin.impulse_response is not None
    return pedalboard.Convolution(plugin.impulse_response, plugin.mix, float(told[1]))


def primed(plugins: list[Plugin], sample_rate: float, channels: int, max_block: int) -> Chain:
    """A chain with no memory that takes blocks of `(channels, n)`, n up to `max_block`, with `reset=False`.

    The first block is the largest one: a later one that is larger would clear the memory of most natives. It also fixes
    the layout: from then on, pedalboard reads (2, 1) and (2, 2) as the first block, where a plugin that has just been
    made would read mono, or raise. An empty block with `reset=True` then clears the memory and nothing else, where
    `reset()` would forget the size and the layout, too.
    """
    chain = Chain(plugins)
    size = max(max_block, channels + 1)
    silence = np.zeros((channels, size), np.float32)
    chain.process(silence, sample_rate, size, reset=False)
    chain.process(silence[:, :0], sample_rate, size, reset=True)
    return chain


def habits_of(plugin: Plugin, sample_rate: float, channels: int) -> Habits:
    """How `plugin` takes blocks; `NotStreamable` if it takes none.

    Measured on twins, and remembered for the class, parameters, rate and channels. VST3 and Audio Units are not
    measured: they are made to stream, and report their latency, which pedalboard withholds.
    """
    if isinstance(plugin, ExternalPlugin):
        return Habits(Blocks.ANY, int(getattr(plugin, "reported_latency_samples", 0)))
    key = (type(plugin), tuple(native_parameters(plugin).items()), sample_rate, channels)
    if not can_be_rebuilt(plugin) or (habits := _MEASURED.get(key, _UNKNOWN)) is _UNKNOWN:
        if len(_MEASURED) >= _MEASURED_MAX:
            _MEASURED.clear()
        habits = _MEASURED[key] = _measure(plugin, sample_rate, channels)
    if habits is None:
        raise NotStreamable(plugin)
    return habits


_UNKNOWN = Habits(Blocks.ANY, -1)
_MEASURED: dict[Any, Habits | None] = {}
_MEASURED_MAX = 1024


def _measure(plugin: Plugin, sample_rate: float, channels: int) -> Habits | None:
    """Play noise in one call and in blocks. A short one settles it for plugins that withhold little or nothing.

    It rises from below what any plugin keeps in memory, so that rounding at the ends of blocks shows at any gain.
    """
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (channels, int(sample_rate))).astype(np.float32)
    noise[:, :_RISE] *= np.logspace(-16, 0, _RISE, dtype=np.float32)
    for length in (_SHORT, noise.shape[1]):
        heard = noise[:, :length]
        whole = twin(plugin).process(heard, sample_rate)
        played, withheld = _in_blocks(plugin, heard, sample_rate, _UNEVEN)
        latency = length - played.shape[1]
        steady = all(samples == min(taken, latency) for taken, samples in withheld)
        if steady and played.shape[1] >= _ENOUGH:
            if np.array_equal(played, whole[:, : played.shape[1]]):
                return Habits(Blocks.ANY, latency)
            if latency == 0 and np.abs(played - whole).max() <= _ROUNDING * max(1.0, float(np.abs(whole).max())):
                return Habits(Blocks.ROUNDED, 0)
    played, withheld = _in_blocks(plugin, noise, sample_rate, (CONSTANT_BLOCK,))
    if played.shape[1] >= _ENOUGH and np.array_equal(played, whole[:, : played.shape[1]]):
        return Habits(Blocks.CONSTANT, max(samples for _, samples in withheld))
    return None


def _in_blocks(
    plugin: Plugin, audio: Block, sample_rate: float, sizes: tuple[int, ...]
) -> tuple[Block, list[tuple[int, int]]]:
    """A twin's output for blocks of these sizes in turn, and after each block: samples taken, samples withheld."""
    chain = primed([twin(plugin)], sample_rate, audio.shape[0], max(sizes))
    parts: list[Block] = []
    withheld: list[tuple[int, int]] = []
    start = given = 0
    for size in cycle(sizes):
        block = audio[:, start : start + size]
        if block.shape[1] == 0 or (len(sizes) == 1 and block.shape[1] < size):
            return np.concatenate(parts, axis=1), withheld
        parts.append(chain.process(block, sample_rate, max(sizes), reset=False))
        start += block.shape[1]
        given += parts[-1].shape[1]
        withheld.append((start, start - given))
    raise AssertionError("cycle never ends")
