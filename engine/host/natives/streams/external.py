"""Streams of VST3 plugins and Audio Units: the same samples for any blocks, on any number of channels.

A plugin that takes any blocks is prepared for the largest and plays them as they come: no latency of our own. One that
does not, or whose sound follows the size of its blocks, gets blocks of `CONSTANT_BLOCK` samples, always.

A parameter that the user sets moves to its new value in steps of 16 samples over 20 ms, or of one block where blocks
have one size; a choice is set at once. What the plugin makes of it is its own.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pedalboard import Chain, ExternalPlugin

from dreampedal.engine.host.natives.external.channels import primed_external, spread
from dreampedal.engine.host.natives.external.loading import where_it_can_be
from dreampedal.engine.host.natives.external.parameters import raw_values, settable_parameters
from dreampedal.engine.host.natives.external.plugin import clone_of_external
from dreampedal.engine.host.natives.habits import habits_of
from dreampedal.engine.host.natives.native import CONSTANT_BLOCK, Blocks
from dreampedal.engine.host.natives.streams.blocks import ParameterRamp, Reblocked, in_full
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.turns import Turn

CHOICES = 1000
"""A parameter of so many steps, or more, glides."""


class ExternalVoice:
    """Clones of one plugin, as many as it takes to play all channels; `(channels, n)` in and out."""

    def __init__(self, plugin: ExternalPlugin, rate: float, channels: int, max_block: int) -> None:
        self._spread = spread(plugin, channels)
        self._measures = (rate, max(max_block, self._spread.width + 1), False)
        self.clones: list[Any] = []
        self._chains: list[Chain] = []
        for _ in range(self._spread.count):
            clone = clone_of_external(plugin)
            if clone is plugin:
                _require_alone(plugin, self._spread.count)
            self.clones.append(clone)
            self._chains.append(primed_external(clone, rate, self._spread.width, max_block))
        # Read last: a plugin may know its latency only once it has been prepared for a rate.
        first: Any = self.clones[0]
        self.latency = int(first.reported_latency_samples)

    def __del__(self) -> None:
        """Chains let go of the plugins first, which then close without a word: see `load_plugin`."""
        self._chains = []

    def play(self, block: Block) -> Block:
        """What pedalboard returns: the newest samples, as many as are not withheld."""
        return self._spread.play([partial(self._played, chain) for chain in self._chains], block)

    def _played(self, chain: Chain, block: Block) -> Block:
        return chain.process(block, *self._measures)

    def process(self, block: Block) -> Block:
        return in_full(self.play, block)


def _require_alone(plugin: Any, count: int) -> None:
    """A plugin that plays itself can play one signal, and must forget what it played before."""
    if count > 1:
        raise ValueError(f"{plugin.name} plays one channel, and more of it cannot be made on this thread")
    try:
        plugin.reset()
    except RuntimeError as error:
        raise ValueError(
            f"{plugin.name} can only be made ready on the thread that loaded it: load it with dreampedal.load_plugin"
        ) from error


class ExternalStream:
    """One plugin, played with the parameters that the user's own has at each block."""

    def __init__(self, plugin: ExternalPlugin, sample_rate: float, channels: int, max_block: int) -> None:
        self._plugin = plugin
        habits = habits_of(plugin, sample_rate, channels)
        steady = habits.blocks is not Blocks.ANY
        self._voice = ExternalVoice(plugin, sample_rate, channels, CONSTANT_BLOCK if steady else max_block)
        self._player = Reblocked(self._voice, channels, CONSTANT_BLOCK) if steady else self._voice
        self.latency = self._player.latency
        self._heard = raw_values(plugin)
        self._ramp: ParameterRamp | None = None
        self._sample_rate = sample_rate
        found: Any = plugin
        self._turn = Turn(f"a stream of {found.name}")

    def process(self, block: Block) -> Block:
        with self._turn:
            if (values := raw_values(self._plugin)) != self._heard:
                self._move(values)
            if self._ramp is None:
                return self._player.process(block)
            played = self._ramp.play(self._player.process, block)
            if self._ramp.is_over:
                self._ramp = None
            return played

    def _move(self, values: tuple[float, ...]) -> None:
        """Begin to move to the values that the user's plugin has now."""
        self._heard, moves = values, []
        for clone in self._voice.clones:
            for index, (parameter, value) in enumerate(zip(settable_parameters(clone), values, strict=True)):
                if clone is self._plugin or parameter.raw_value == value:
                    continue
                if parameter.num_steps < CHOICES:
                    parameter.raw_value = value
                else:
                    moves.append((partial(_set_raw_value, clone, index), parameter.raw_value, value))
        self._ramp = ParameterRamp(moves, self._sample_rate) if moves else None


def _set_raw_value(plugin: ExternalPlugin, index: int, value: float) -> None:
    settable_parameters(plugin)[index].raw_value = value


def play_external_once(plugin: ExternalPlugin, block: Block, sample_rate: float, buffer_size: int) -> Block:
    """A whole signal in one call, latency compensated, for a plugin that can play in no other way."""

    def play(part: Block) -> Block:
        process = clone_of_external(plugin).process
        played: Block = where_it_can_be(partial(process, part, sample_rate, buffer_size))
        return played

    way = spread(plugin, block.shape[0])
    return way.play([play] * way.count, block)
