"""Streams of native plugins: no latency where the native allows it, and no click when a parameter is set.

A native plays blocks of any size as they come, through a chain that has seen the largest block before (`primed`): no
buffer, no latency of our own. Only a native that needs blocks of one size is fed through `Reblocked`, and what that
adds is in its latency.

Pedalboard sets a parameter between two blocks, and most natives jump there. Here the clone moves to the new value in
steps of 16 samples over 20 ms. Largest step from sample to sample on a cello, as a part of the largest in steady play:
`Gain` 0.4 where pedalboard has 1.9, `HighShelfFilter` 0.4 for 1.7, `Clipping` 0.2 for 1.5, `Compressor` 0.7 for 1.4. A
time (`Delay.delay_seconds`) would crackle so, and words and switches have nothing in between: there a clone with the
new values fades in while the old one fades out, and what rings in the old one ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
from pedalboard import Chain, Plugin

from dreampedal.engine.host.natives.habits import habits_of
from dreampedal.engine.host.natives.native import (
    CONSTANT_BLOCK,
    Blocks,
    NotStreamable,
    can_be_rebuilt,
    clone,
    glides,
    primed,
    settable,
)
from dreampedal.engine.host.natives.streams.blocks import CHANGE_SECONDS, ParameterRamp, Reblocked, in_full
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.turns import Turn


class NativeVoice:
    """Clones of natives that play one after another, `(channels, n)` in and out, delayed by what they withhold."""

    def __init__(self, plugins: Sequence[Plugin], rate: float, channels: int, max_block: int) -> None:
        self.clones: list[Any] = [clone(plugin) for plugin in plugins]
        self._chain = primed(self.clones, rate, channels, max_block)
        self._measures = (rate, max(max_block, channels + 1), False)
        self.latency = sum(habits_of(plugin, rate, channels).latency for plugin in plugins)

    def play(self, block: Block) -> Block:
        """What pedalboard returns: the newest samples, as many as are not withheld."""
        return self._chain.process(block, *self._measures)

    def process(self, block: Block) -> Block:
        return in_full(self.play, block)


class NativeStream:
    """Natives one after another, played with the parameters that the user's own plugins have at each block.

    With `exact`, natives whose rounding follows the blocks run at a constant block of `max_block`, too: the same bits
    for any blocks, at `max_block - 1` samples more latency. A change that would alter the latency of a running stream
    (`BrickwallLimiter.lookahead_ms`) takes effect in the next one.
    """

    def __init__(
        self, plugins: Sequence[Plugin], sample_rate: float, channels: int, max_block: int, exact: bool = False
    ) -> None:
        self._plugins = plugins
        self._layout = (sample_rate, channels)
        self._max_block, self._exact = max_block, exact
        self._habits = [habits_of(plugin, sample_rate, channels) for plugin in plugins]
        copied = [plugin for plugin in plugins if can_be_rebuilt(plugin)]
        self._dials = [(plugin, attrgetter(*names)) for plugin in copied if (names := settable(type(plugin)))]
        self._heard = [read(plugin) for plugin, read in self._dials]
        self._player = self._new_player()
        self.latency = self._player.latency
        self._ramp: ParameterRamp | None = None
        self._next: NativeVoice | Reblocked | None = None
        self._faded = 0
        self._turn = Turn("a stream of natives")
        self._change_samples = round(CHANGE_SECONDS * sample_rate)

    def process(self, block: Block) -> Block:
        with self._turn:
            if self._next is None and (values := [read(plugin) for plugin, read in self._dials]) != self._heard:
                self._heard = values
                self._move()
            played = self._ramp.play(self._player.process, block) if self._ramp else self._player.process(block)
            if self._ramp and self._ramp.is_over:
                self._ramp = None
            return self._fading(block, played) if self._next else played

    def _new_player(self) -> NativeVoice | Reblocked:
        """A player with the parameters as they are now, and no memory."""
        size = 0
        if self._is_constant():
            size = CONSTANT_BLOCK
        elif self._exact and any(habits.blocks is Blocks.ROUNDED for habits in self._habits):
            size = self._max_block
        voice = NativeVoice(self._plugins, *self._layout, size or self._max_block)
        return Reblocked(voice, self._layout[1], size) if size else voice

    def _move(self) -> None:
        """Begin to move to the values that the user's plugins have now."""
        moves = [
            (other, name, start, end)
            for plugin, other in zip(self._plugins, self._player.clones, strict=True)
            for name in (settable(type(plugin)) if other is not plugin else ())
            if (start := getattr(other, name)) != (end := getattr(plugin, name))
        ]
        if self._player.latency and not self._keeps_latency():
            return
        if not self._is_constant() and all(glides(name, end) for _, name, _, end in moves):
            setters = [(partial(setattr, other, name), start, end) for other, name, start, end in moves]
            self._ramp = ParameterRamp(setters, self._layout[0])
        else:
            self._next, self._faded = self._new_player(), -self.latency

    def _is_constant(self) -> bool:
        return any(habits.blocks is Blocks.CONSTANT for habits in self._habits)

    def _keeps_latency(self) -> bool:
        """Whether natives with the parameters of now withhold as much as they did when the stream began."""
        sample_rate, channels = self._layout
        if self._is_constant():
            try:
                return [habits_of(plugin, sample_rate, channels) for plugin in self._plugins] == self._habits
            except NotStreamable:
                return False
        samples = sum(habits.latency for habits in self._habits) + channels + 1
        silence = np.zeros((channels, samples), np.float32)
        given = Chain([clone(plugin) for plugin in self._plugins]).process(silence, sample_rate, samples, reset=False)
        return bool(given.shape[1] == channels + 1)

    def _fading(self, block: Block, played: Block) -> Block:
        """Blend from the old player to the new one, which is audible only after its latency."""
        assert self._next is not None
        gain = np.arange(self._faded, self._faded + block.shape[1], dtype=np.float32) / np.float32(self._change_samples)
        blended: Block = played + np.clip(gain, 0, 1) * (self._next.process(block) - played)
        self._faded += block.shape[1]
        if self._faded >= self._change_samples:
            self._player, self._next, self._ramp = self._next, None, None
        return blended
