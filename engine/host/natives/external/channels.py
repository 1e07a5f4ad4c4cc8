"""How VST3 plugins and Audio Units play as many channels as there are, and how they are made ready for blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pedalboard import Chain, ExternalPlugin, Plugin
from pedalboard_native._internal import AddLatency

from dreampedal.engine.host.natives.external.plugin import clears_on_reset, clone_of_external, file_of
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.stderr import discard_stderr

_TAKES: dict[tuple[str, int], str] = {}
"""Why a plugin refuses a channel count, empty where it takes it."""


@dataclass(frozen=True)
class Spread:
    """How a plugin plays so many channels: on `count` of its kind, each of `width` channels.

    One that `folds` is given one channel twice, and the mean of its two is the output.
    """

    count: int
    width: int
    folds: bool = False

    def play(self, plays: Sequence[Callable[[Block], Block]], block: Block) -> Block:
        """A block through as many plugins, each played by one of `plays`."""
        fed = np.repeat(block, 2, axis=0) if self.folds else block
        parts = [play(fed[self.width * at : self.width * (at + 1)]) for at, play in enumerate(plays)]
        played = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=0)
        return np.asarray(played.mean(axis=0, keepdims=True)) if self.folds else played


def spread(plugin: ExternalPlugin, channels: int) -> Spread:
    """How a plugin plays `channels` channels: as it is if it can, else as hosts do: mono plugins one a channel.

    A stereo plugin on one channel gets it on both sides; the mean of its two outputs is the output. A ValueError if it
    can play so many in no way.
    """
    reason = refusal(plugin, channels)
    if not reason:
        return Spread(1, channels)
    if channels == 1 and not refusal(plugin, 2):
        return Spread(1, 2, folds=True)
    if channels > 1 and not refusal(plugin, 1):
        if file_of(plugin) is None:
            raise ValueError(f"{reason} One a channel would do, but its file is not found: take load_plugin of ours")
        return Spread(channels, 1)
    raise ValueError(reason)


def primed_external(plugin: Plugin, sample_rate: float, channels: int, max_block: int) -> Chain:
    """A chain of one plugin that takes blocks of `(channels, n)`, n up to `max_block`, with `reset=False`.

    A plugin that is given a larger block than any since it was reset is prepared anew, which clears it. So it is
    prepared for the largest at once. An empty block then tells the chain how many channels there are.
    """
    size = max(max_block, channels + 1)
    if isinstance(plugin, ExternalPlugin) and clears_on_reset(plugin):
        plugin.reset()
    prepared(plugin, sample_rate, channels, size)
    chain = Chain([plugin])
    chain.process(np.zeros((channels, 0), np.float32), sample_rate, size, reset=False)
    return chain


def refusal(plugin: ExternalPlugin, channels: int) -> str:
    """Why a plugin cannot play so many channels; empty if it can."""
    found: Any = plugin
    key = str(found.identifier), channels
    if key not in _TAKES:
        try:
            prepared(clone_of_external(plugin), 48_000.0, channels, 512)
            _TAKES[key] = ""
        except ValueError as error:
            _TAKES[key] = str(error)
    return _TAKES[key]


def prepared(plugin: Plugin, sample_rate: float, channels: int, max_block: int) -> None:
    """Prepare a plugin for blocks of up to `max_block` samples, and play none.

    pedalboard prepares all of a chain, and then plays each plugin what comes from the one before: here nothing, since
    the first holds back all that it is given.
    """
    nothing = np.zeros((channels, max_block), np.float32)
    with discard_stderr():
        Chain([AddLatency(max_block), plugin]).process(nothing, sample_rate, max_block, reset=False)
