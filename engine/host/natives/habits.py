"""How each native takes its blocks: known, or found out in a process of its own.

What pedalboard brings is in a table (`KINDS`), true of one version. For another version the table is made anew, once,
in a process of its own. So is each VST3 plugin and Audio Unit, once for its file, state, rate and channel count: blocks
that a plugin cannot take may write where they should not, and end the process. One that crashes there, or hangs, is
refused (`Unplayable`).

What a native withholds at the start of a signal is counted on silence, in the blocks that the stream will play.
"""

from __future__ import annotations

import base64
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pedalboard
from pedalboard import ExternalPlugin, Plugin

from dreampedal.engine.host.natives.external.channels import spread
from dreampedal.engine.host.natives.external.parameters import raw_values
from dreampedal.engine.host.natives.external.plugin import ExternalRecipe
from dreampedal.engine.host.natives.external.trial import remembered, tried
from dreampedal.engine.host.natives.native import (
    CONSTANT_BLOCK,
    Blocks,
    NotStreamable,
    can_be_rebuilt,
    clone,
    native_parameters,
    primed,
    strictest,
)

VERSION = "0.9.26"
"""The pedalboard of which `KINDS` is true; a test makes it anew."""

KINDS: dict[str, Blocks | None] = {
    name: blocks
    for blocks, names in {
        Blocks.ANY: "Bitcrush BrickwallLimiter Chorus Clipping Compressor Delay Distortion Gain Invert LadderFilter "
        "Limiter NoiseGate Phaser Reverb",
        Blocks.ROUNDED: "Convolution HighShelfFilter HighpassFilter LowShelfFilter LowpassFilter PeakFilter",
        Blocks.CONSTANT: "MP3Compressor Resample",
        None: "GSMFullRateCompressor PitchShift",
    }.items()
    for name in names.split()
}
"""How each class takes blocks, whatever its parameters; None if it takes none."""

WITHHOLDING = {"BrickwallLimiter", "MP3Compressor", "Resample"}
"""What has a latency, by its parameters and the rate."""


@dataclass(frozen=True)
class Habits:
    """How a native takes blocks, and the samples that it withholds at the start of a signal."""

    blocks: Blocks
    latency: int


def habits_of(plugin: Plugin, sample_rate: float, channels: int) -> Habits:
    """How `plugin` takes blocks.

    Raises:
        NotStreamable: if it takes none.
        Unplayable: if it crashes or hangs.
        ValueError: if it cannot play so many channels, or at this rate.
    """
    key: Any
    if isinstance(plugin, ExternalPlugin):
        found: Any = plugin
        key = (found.identifier, raw_values(plugin), sample_rate, channels)
    else:
        key = (type(plugin), tuple(native_parameters(plugin).items()), sample_rate, channels)
    if key not in _KNOWN or not key[1]:
        if len(_KNOWN) >= _KNOWN_MAX:
            _KNOWN.clear()
        _KNOWN[key] = _found(plugin, sample_rate, channels)
    habits = _KNOWN[key]
    if habits is None:
        raise NotStreamable(plugin)
    return habits


_KNOWN: dict[Any, Habits | None] = {}
_KNOWN_MAX = 1024


def _found(plugin: Plugin, sample_rate: float, channels: int) -> Habits | None:
    if isinstance(plugin, ExternalPlugin):
        return _habits_of_external(plugin, sample_rate, channels)
    if not can_be_rebuilt(plugin):
        return None  # no other process can make one to try, and in this one that might write where it should not
    name = type(plugin).__name__
    kinds = _kinds()
    blocks = kinds.get(name, Blocks.CONSTANT)  # of what nothing is known: blocks of one size suit the most
    if blocks is None:
        return None
    if name in WITHHOLDING or name not in KINDS:
        withheld = _withheld(plugin, blocks, sample_rate, channels)
        return None if withheld is None else Habits(blocks, withheld)
    return Habits(blocks, 0)


def _withheld(plugin: Plugin, blocks: Blocks, sample_rate: float, channels: int) -> int | None:
    """The most samples that a second of silence leaves waiting; None if all."""
    chain = primed([clone(plugin)], sample_rate, channels, CONSTANT_BLOCK)
    silence = np.zeros((channels, CONSTANT_BLOCK), np.float32)
    most = waiting = taken = 0
    while taken < sample_rate:
        given = chain.process(silence, sample_rate, CONSTANT_BLOCK, reset=False).shape[1]
        taken, waiting = taken + CONSTANT_BLOCK, waiting + CONSTANT_BLOCK - given
        most = max(most, waiting)
        if blocks is not Blocks.CONSTANT and given == CONSTANT_BLOCK:
            break
    return most if most < taken else None


@functools.cache
def _kinds() -> dict[str, Blocks | None]:
    """The table, or that of another version of pedalboard, where it is at least as strict."""
    version = str(vars(pedalboard)["__version__"])
    if version == VERSION:
        return KINDS
    told = remembered({"what": "natives", "pedalboard": version}, {"do": "natives"}) or {}
    new = {name: kind and Blocks[kind] for name, kind in told.items() if kind is None or kind in Blocks.__members__}
    return KINDS | {name: strictest(kind, KINDS.get(name, Blocks.ANY)) for name, kind in new.items()}


def _habits_of_external(plugin: ExternalPlugin, sample_rate: float, channels: int) -> Habits | None:
    """Measured elsewhere, once. What cannot be made anew there is played in blocks of one size."""
    found: Any = plugin
    width = spread(plugin, channels).width
    cautious = Habits(Blocks.CONSTANT, int(found.reported_latency_samples))
    recipe = ExternalRecipe.of(plugin)
    if recipe is None:
        return cautious
    request = {
        "do": "external", "kind": recipe.kind, "path": recipe.path, "name": recipe.name,
        "state": base64.b64encode(recipe.state).decode(), "values": list(recipe.values),
        "rate": sample_rate, "channels": width,
    }  # fmt: skip
    key = {"what": "blocks", "version": str(found.version)}
    told = tried(request, key, f"{recipe.name} of {recipe.path}")
    if told is None or "error" in told or not isinstance(told.get("latency"), int):
        return cautious
    kind = str(told.get("blocks"))
    return Habits(Blocks[kind], told["latency"]) if kind in Blocks.__members__ else None
