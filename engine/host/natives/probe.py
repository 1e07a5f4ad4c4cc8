"""How natives take their blocks, measured: the program of a process that may crash without harm.

    python -m dreampedal.engine.host.natives.probe < request.json > answer.json

A request is to `load` a plugin from its file, to measure an `external` one, or all `natives` of this pedalboard. What
plugins print goes nowhere.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np
import pedalboard
from pedalboard import Chain, Plugin

from dreampedal.engine.host.natives.external.channels import primed_external
from dreampedal.engine.host.natives.external.plugin import ExternalRecipe, load_untried, restore
from dreampedal.engine.host.natives.native import CONSTANT_BLOCK, Blocks, native_classes, primed, strictest
from dreampedal.engine.runtime.blocks import Block

UNEVEN = (700, 1, 2, 3, 50, 64, 1, 128, 7, 32, 100, 500)
GROWING = (1, 2, 3, 50, 64, 1, 128, 7, 32, 100, 700, 500)
_ENOUGH = 1000
_RISE = 1500
# A shelf at 1 Hz makes 1e-3 of its rounding; a signal that is torn differs by its own size.
_ROUNDING = 0.01

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "Convolution": [{}],
    "HighShelfFilter": [{"gain_db": 6.0}],
    "LowShelfFilter": [{"gain_db": 6.0}],
    "PeakFilter": [{"gain_db": 6.0}],
    "PitchShift": [{"semitones": 3.0}],
    "Resample": [{}, {"target_sample_rate": 12_000.0}],
}
"""Arguments with which a class shows how it takes blocks, where its own do not: a shelf of 0 dB is a wire."""

Make = Callable[[], Plugin]
Prime = Callable[[Plugin, float, int, int], Chain]


def measured(
    make: Make, prime: Prime, sample_rate: float, channels: int, rounding: float = 0.0
) -> tuple[Blocks | None, int]:
    """Play noise in one call and in blocks: how a plugin takes them, None if it takes none, and what it withholds.

    The noise rises from below what any plugin keeps in memory, so that rounding at the ends of blocks shows at any
    gain. A plugin that plays the same noise differently each time, as one with hiss does, cannot be measured so: it is
    taken at its word. What is apart by no more than `rounding`, as a part of the peak, is taken for rounding.
    """
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (channels, int(sample_rate))).astype(np.float32)
    noise[:, :_RISE] *= np.logspace(-16, 0, _RISE, dtype=np.float32)
    whole = make().process(noise, sample_rate)
    cuts = [_in_blocks(make, prime, noise, sample_rate, sizes) for sizes in (GROWING, UNEVEN)]
    apart, steady = max(_apart(played, whole) for played, _, _ in cuts), all(held for _, _, held in cuts)
    latency = cuts[0][1]
    if apart == 0 and steady:
        return Blocks.ANY, latency
    if apart <= rounding and steady and not latency:
        return Blocks.ROUNDED, 0
    if any(_apart(make().process(noise, sample_rate), whole) for _ in range(3)):
        return Blocks.ANY, latency
    played, latency, _ = _in_blocks(make, prime, noise, sample_rate, (CONSTANT_BLOCK,))
    if _apart(played, whole) == 0:
        return Blocks.CONSTANT, latency
    sized = make().process(noise, sample_rate, CONSTANT_BLOCK)
    return (Blocks.SIZED, latency) if _apart(played, sized) == 0 else (None, 0)


def _apart(played: Block, whole: Block) -> float:
    """How far samples are from those of one call, as a part of its peak."""
    if played.shape[1] < _ENOUGH:
        return np.inf
    peak = max(1.0, float(np.abs(whole).max()))
    return float(np.abs(played - whole[:, : played.shape[1]]).max()) / peak


def _in_blocks(
    make: Make, prime: Prime, audio: Block, sample_rate: float, sizes: tuple[int, ...]
) -> tuple[Block, int, bool]:
    """What comes of blocks of these sizes in turn; the most samples that were withheld, and whether they were withheld
    at the start and never again."""
    chain = prime(make(), sample_rate, audio.shape[0], max(sizes))
    parts: list[Block] = []
    withheld: list[tuple[int, int]] = []
    taken = given = 0
    for block in _cut(audio, sizes):
        parts.append(chain.process(block, sample_rate, max(sizes), reset=False))
        taken, given = taken + block.shape[1], given + parts[-1].shape[1]
        withheld.append((taken, taken - given))
    most = max(samples for _, samples in withheld)
    steady = all(samples == min(taken, most) for taken, samples in withheld)
    return np.concatenate(parts, axis=1), most, steady


def _cut(audio: Block, sizes: tuple[int, ...]) -> Iterator[Block]:
    """Whole blocks of these sizes in turn."""
    start = 0
    for size in cycle(sizes):
        if start + size > audio.shape[1]:
            return
        yield audio[:, start : start + size]
        start += size


def natives_measured() -> dict[str, Blocks | None]:
    """How every native of this pedalboard takes blocks: the table of `habits`, made anew."""
    found: dict[str, Blocks | None] = {}
    for name, cls in native_classes().items():
        if name != "IIRFilter" and not issubclass(cls, pedalboard.ExternalPlugin | pedalboard.PluginContainer):
            kinds = [native_measured(cls, arguments, 44_100.0, 2)[0] for arguments in VARIANTS.get(name, [{}])]
            found[name] = strictest(*kinds)
    return found


def native_measured(cls: Any, arguments: dict[str, Any], rate: float, channels: int) -> tuple[Blocks | None, int]:
    """How a native of these arguments takes blocks, and what it withholds."""
    if cls is pedalboard.Convolution:
        ringing = np.random.default_rng(1).normal(size=(channels, 3000)) * np.exp(-np.arange(3000) / 600)
        arguments = {"impulse_response_filename": ringing.astype(np.float32), "sample_rate": rate} | arguments
    return measured(lambda: cls(**arguments), lambda plugin, *at: primed([plugin], *at), rate, channels, _ROUNDING)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What was asked for; of a plugin that cannot be loaded, why."""
    if request["do"] == "natives":
        return {name: kind and kind.name for name, kind in natives_measured().items()}
    state = base64.b64decode(request["state"])
    try:
        if request["do"] == "load":
            plugin = load_untried(request["path"], request["name"])
            if state:
                restore(plugin, state)
            return {}
        recipe = ExternalRecipe(request["kind"], request["path"], request["name"], state, tuple(request["values"]))
        kind, latency = measured(recipe.made, primed_external, request["rate"], request["channels"])
    except (ValueError, RuntimeError) as error:
        return {"error": str(error)}
    return {"blocks": kind and kind.name, "latency": latency}


def main() -> None:
    """Answer the request on standard input, once. The process then ends at once: closing is the plugins' own time."""
    request = json.load(sys.stdin)
    told = os.dup(1)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    text = json.dumps(answer(request)).encode()
    while text:
        text = text[os.write(told, text) :]
    os._exit(0)


if __name__ == "__main__":
    main()
