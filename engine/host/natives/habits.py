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
import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pedalboard
from pedalboard import ExternalPlugin, Plugin

from dreampedal.engine.host.natives.cache import place_of, remembered
from dreampedal.engine.host.natives.external import External
from dreampedal.engine.host.natives.external_channels import spread
from dreampedal.engine.host.natives.external_parameters import raw_values
from dreampedal.engine.host.natives.native import (
    CONSTANT_BLOCK,
    Blocks,
    NotStreamable,
    can_be_rebuilt,
    clone,
    native_parameters,
    primed,
)

PROBE_SECONDS = 120.0
"""What a plugin may take to load and to play four seconds of noise."""

VERSION = "0.9.26"
"""The pedalboard of which `KINDS` is true; a test makes it anew."""

_ANY, _ROUNDED, _CONSTANT = Blocks.ANY, Blocks.ROUNDED, Blocks.CONSTANT

KINDS: dict[str, Blocks | None] = {
    "Bitcrush": _ANY,
    "BrickwallLimiter": _ANY,
    "Chorus": _ANY,
    "Clipping": _ANY,
    "Compressor": _ANY,
    "Convolution": _ROUNDED,
    "Delay": _ANY,
    "Distortion": _ANY,
    "GSMFullRateCompressor": None,
    "Gain": _ANY,
    "HighShelfFilter": _ROUNDED,
    "HighpassFilter": _ROUNDED,
    "Invert": _ANY,
    "LadderFilter": _ANY,
    "Limiter": _ANY,
    "LowShelfFilter": _ROUNDED,
    "LowpassFilter": _ROUNDED,
    "MP3Compressor": _CONSTANT,
    "NoiseGate": _ANY,
    "PeakFilter": _ROUNDED,
    "Phaser": _ANY,
    "PitchShift": None,
    "Resample": _CONSTANT,
    "Reverb": _ANY,
}
"""How each class takes blocks, whatever its parameters; None if it takes none."""

WITHHOLDING = {"BrickwallLimiter", "MP3Compressor", "Resample"}
"""What has a latency, by its parameters and the rate."""


class Unplayable(ValueError):  # noqa: N818 - a name of the public surface
    """A plugin that crashed or hung when it was tried in a process of its own."""


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
    blocks = kinds.get(name, _CONSTANT)  # of what nothing is known: blocks of one size suit the most
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
        if blocks is not _CONSTANT and given == CONSTANT_BLOCK:
            break
    return most if most < taken else None


@functools.cache
def _kinds() -> dict[str, Blocks | None]:
    """The table, or that of another version of pedalboard, where it is at least as strict."""
    from dreampedal.engine.host.natives.probe import strictest

    version = str(vars(pedalboard)["__version__"])
    if version == VERSION:
        return KINDS
    request = {"do": "natives"}
    told = remembered({"what": "natives", "pedalboard": version}, lambda: _asked(request)) or {}
    new = {name: kind and Blocks[kind] for name, kind in told.items() if kind is None or kind in Blocks.__members__}
    return KINDS | {name: strictest(kind, KINDS.get(name, _ANY)) for name, kind in new.items()}


def _habits_of_external(plugin: ExternalPlugin, sample_rate: float, channels: int) -> Habits | None:
    """Measured elsewhere, once. What cannot be made anew there is played in blocks of one size."""
    found: Any = plugin
    width = spread(plugin, channels).width
    cautious = Habits(_CONSTANT, int(found.reported_latency_samples))
    recipe = External.of(plugin)
    if recipe is None:
        return cautious
    request = {
        "do": "external", "kind": recipe.kind, "path": recipe.path, "name": recipe.name,
        "state": base64.b64encode(recipe.state).decode(), "values": list(recipe.values),
        "rate": sample_rate, "channels": width,
    }  # fmt: skip
    key = _key_of_file(recipe.path) | {"what": "blocks", "version": str(found.version), "of": _digest(request)}
    told = remembered(key, lambda: _asked(request))
    _require_played(told, f"{recipe.name} of {recipe.path}", key)
    if told is None or "error" in told or not isinstance(told.get("latency"), int):
        return cautious
    kind = str(told.get("blocks"))
    if kind not in Blocks.__members__:
        return None
    return Habits(Blocks[kind], told["latency"])


def require_loads(path: str, name: str | None, state: bytes = b"") -> None:
    """`Unplayable` if a plugin crashes or hangs as it is loaded from its file, and given this state."""
    request = {"do": "load", "path": path, "name": name, "state": base64.b64encode(state).decode()}
    key = _key_of_file(path) | {"what": "loads", "of": _digest(request)}
    told = remembered(key, lambda: _asked(request))
    _require_played(told, f"{name} of {path}" if name else path, key)


def _require_played(told: dict[str, Any] | None, plugin: str, key: dict[str, Any]) -> None:
    if told and "refused" in told:
        raise Unplayable(
            f"{plugin} {told['refused']} when it was tried in a process of its own, so it is not played here "
            f"(to have it tried again, delete {place_of(key)})"
        )


def _key_of_file(path: str) -> dict[str, Any]:
    """What changes when a plugin's file is another; of a bundle, its newest file."""
    newest = max((_changed(os.path.join(at, file)) for at, _, files in os.walk(path) for file in files), default=0)
    return {"path": path, "changed": newest or _changed(path), "pedalboard": str(vars(pedalboard)["__version__"])}


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _digest(request: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _asked(request: dict[str, Any]) -> dict[str, Any] | None:
    """What a process of its own answers; `refused` tells how it ended without one; None if none could be started."""
    command = [sys.executable or "python3", "-P", "-m", "dreampedal.engine.host.natives.probe"]
    try:
        done = subprocess.run(
            command, input=json.dumps(request).encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=PROBE_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"refused": f"gave no answer in {PROBE_SECONDS:g} seconds"}
    except OSError:
        return None
    try:
        answer = json.loads(done.stdout)
        return answer if isinstance(answer, dict) else None
    except ValueError:
        return {"refused": _end(done.returncode)} if done.returncode != 1 else None  # 1: an error of Python's


def _end(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"ended the process with status {status}"
    try:
        return f"crashed ({signal.Signals(-status).name})"
    except ValueError:
        return f"crashed (signal {-status})"
