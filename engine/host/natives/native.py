"""Native pedalboard plugins: their parameters, their clones, and how they take their blocks.

A native keeps its memory inside itself, so a stream never plays the user's own plugin: it plays a clone, a new plugin
of the same class and parameters. Any number of streams can then share one board, one-call use disturbs none of them,
and a parameter that the user sets can be moved in small steps on the clone. What cannot be rebuilt (a VST3 plugin or
Audio Unit whose file is not found) plays itself: one stream at a time.

How a native takes blocks is measured (`habits`). With pedalboard 0.9.26, against one call over the signal:

- Most give the same bits for any blocks, once a block of the largest size has gone before (a larger one clears memory).
- `Convolution` differs by rounding with the blocks: its FFT follows them. So do filters and shelves where sound fades
  into silence: at the end of each block they set a memory below 1e-8 to zero.
- `BrickwallLimiter` withholds its lookahead: its first calls return fewer samples, and so its latency can be counted.
  Plugins with a reported latency (VST3, Audio Units) are played by pedalboard in the same way.
- A VST3 plugin is cleared whenever a block is larger than any since it was reset, and `reset` forgets the largest.
  Many smooth their parameters once a block: these sound different at another block size.
- `Resample` and `MP3Compressor` tear the signal unless all blocks have one size.
- `PitchShift` and `GSMFullRateCompressor` do not stream at any size: `NotStreamable`.
"""

from __future__ import annotations

import re
from enum import Enum
from importlib.metadata import version
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pedalboard
from pedalboard import Chain, ExternalPlugin, Plugin

from dreampedal.engine.host.natives.external.parameters import set_parameter, values_of
from dreampedal.engine.host.natives.external.plugin import clone_of_external, file_of
from dreampedal.engine.runtime.turns import Turn

CONSTANT_BLOCK = 128
"""Samples in every block of a native that needs all of them to have one size."""

_ARGUMENT = re.compile(r"[(,]\s*(\w+): ([\w.]+)")
_RATE = re.compile(r"at ([\d.e+]+) Hz>")


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
    SIZED = "only blocks of one size give the same samples, and which size is heard"


def strictest(*kinds: Blocks | None) -> Blocks | None:
    """What suits all of several; None is for one that takes no blocks."""
    order = [*Blocks, None]
    return max(kinds, key=order.index)


def native_classes() -> dict[str, Any]:
    """Every effect that this pedalboard has, by its name; VST3 plugins and Audio Units are two of them."""
    bases = (Plugin, ExternalPlugin, pedalboard.PluginContainer)
    return {
        name: found
        for name, found in sorted(vars(pedalboard).items())
        if isinstance(found, type) and issubclass(found, Plugin) and found not in bases and name[0] != "_"
    }


def native_parameters(plugin: Plugin) -> dict[str, Any]:
    """What can be set on a native while it plays, by name.

    >>> native_parameters(pedalboard.Delay(0.25, mix=1.0))
    {'delay_seconds': 0.25, 'feedback': 0.0, 'mix': 1.0}
    """
    if isinstance(plugin, ExternalPlugin):
        return values_of(plugin)
    return {name: getattr(plugin, name) for name in settable(type(plugin))}


def native_value(plugin: Plugin, name: str) -> Any:
    """The value of one parameter of a native."""
    return values_of(plugin)[name] if isinstance(plugin, ExternalPlugin) else getattr(plugin, name)


def set_native(plugin: Plugin, name: str, value: Any) -> None:
    """Set a parameter of a native."""
    if isinstance(plugin, ExternalPlugin):
        set_parameter(plugin, name, value)
    else:
        setattr(plugin, name, value)


def settable(cls: type[Plugin]) -> tuple[str, ...]:
    """Names of a native's parameters, in the order of the alphabet."""
    members = {name: getattr(cls, name) for name in dir(cls)}
    return tuple(name for name, member in members.items() if isinstance(member, property) and member.fset)


def glides(name: str, value: Any) -> bool:
    """Whether a parameter can move to a value in small steps: a number can, unless it is a time that sound travels."""
    return isinstance(value, float) and not name.endswith("_seconds")


def argument_types(cls: type[Plugin]) -> dict[str, str]:
    """Names and types of what a native's constructor takes: its documentation begins with the signature.

    >>> argument_types(pedalboard.Gain)
    {'gain_db': 'float'}
    """
    found = dict(_ARGUMENT.findall(cls.__init__.__doc__ or ""))
    return {name: kind for name, kind in found.items() if name != "self"}


def can_be_rebuilt(plugin: Plugin) -> bool:
    """Whether a plugin tells all that its constructor takes, by the signature that begins its documentation."""
    if isinstance(plugin, ExternalPlugin):
        return file_of(plugin) is not None
    if isinstance(plugin, pedalboard.Convolution):
        return True
    cls = type(plugin)
    return cls.__init__.__doc__ is not None and all(hasattr(plugin, name) for name in argument_types(cls))


def clone(plugin: Plugin) -> Plugin:
    """A new plugin of the same class and parameters, with no memory; or `plugin` itself where it cannot be rebuilt."""
    if isinstance(plugin, ExternalPlugin):
        return clone_of_external(plugin)
    return type(plugin)(**arguments_of(plugin)) if can_be_rebuilt(plugin) else plugin


def arguments_of(plugin: Plugin) -> dict[str, Any]:
    """What the constructor takes to make another plugin like this one of pedalboard's own."""
    if isinstance(plugin, pedalboard.Convolution):
        return _arguments_of_convolution(plugin)
    return {name: getattr(plugin, name) for name in argument_types(type(plugin))}


def turn_of(plugin: Plugin) -> Turn:
    """Held by whoever plays a plugin that cannot be cloned."""
    return _TURNS.setdefault(plugin, Turn(str(getattr(plugin, "name", type(plugin).__name__)), "loaded once more"))


_TURNS: WeakKeyDictionary[Plugin, Turn] = WeakKeyDictionary()


def _arguments_of_convolution(plugin: pedalboard.Convolution) -> dict[str, Any]:
    """A convolution tells the rate of an impulse response that was given as an array in its `repr` only."""
    if plugin.impulse_response_filename is not None:
        return {"impulse_response_filename": plugin.impulse_response_filename, "mix": plugin.mix}
    told = _RATE.search(repr(plugin))
    assert told is not None and plugin.impulse_response is not None
    response = plugin.impulse_response
    return {"impulse_response_filename": response, "mix": plugin.mix, "sample_rate": float(told[1])}


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
