"""Boards: lists of effects, ours and pedalboard's, that are effects themselves.

>>> from pedalboard import Gain, Reverb
>>> board = Board([Gain(gain_db=-6)])
>>> board.append(Reverb())
>>> len(board), board[0].gain_db
(2, -6.0)
>>> board(np.ones((2, 1000), np.float32), 44100).shape
(2, 1000)

A board goes where a `pedalboard.Pedalboard` goes, and holds what one holds. The reverse does not: pedalboard plays its
chains in C++ and refuses a `Board` or any effect of ours with a `TypeError`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, MutableSequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, ClassVar, Self, overload

import numpy as np
import pedalboard
from pedalboard import ExternalPlugin, Plugin

from dreampedal.engine.host.contract.effect import Effect, Stream, require_rate, require_stream
from dreampedal.engine.host.natives.habits import habits_of
from dreampedal.engine.host.natives.native import Blocks, NotStreamable, can_be_rebuilt, clone, turn_of
from dreampedal.engine.host.natives.recipes import packed
from dreampedal.engine.host.natives.streams.external import play_external_once
from dreampedal.engine.host.routing import Item, latency_of, series
from dreampedal.engine.runtime.blocks import Block

_CONTAINER = pedalboard.PluginContainer


class Rack(Effect, MutableSequence[Any], family=True):
    """What a board and a mix share: a list of effects and native plugins.

    A stream plays the list as it was when the stream was made, and parameters as they are at each block.

    `process(..., reset=False)` gives the same bits for any blocks. With a convolution or a filter of pedalboard on the
    board, it therefore plays `buffer_size` samples at a time and returns nothing before they are whole; `stream` does
    not wait.
    """

    native_kind: ClassVar[type[pedalboard.PluginContainer]]
    """pedalboard's own container of this kind."""

    def __init__(self, plugins: Iterable[Item] | None = None, **values: Any) -> None:
        super().__init__(**values)
        self._plugins: list[Item] = []
        self.extend(plugins or ())

    def __copy__(self) -> Self:
        """A board of the same parameters that holds the same plugins, in a list of its own."""
        other = type(self).__new__(type(self))
        other.__dict__.update(super().__getstate__() | {"_plugins": list(self._plugins)})
        return other

    def __getstate__(self) -> dict[str, Any]:
        """What a deep copy or a pickle takes over: natives as what they are made of. TypeError for one that does not
        tell it."""
        return super().__getstate__() | {"_plugins": packed(self._plugins)}

    @property
    def plugins(self) -> list[Item]:
        """What it holds, in order."""
        return list(self._plugins)

    def __len__(self) -> int:
        return len(self._plugins)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        found = self._plugins[index]
        return type(self)(found, **self.parameters) if isinstance(found, list) else found

    def __setitem__(self, index: int | slice, value: Any) -> None:
        if isinstance(index, slice):
            self._plugins[index] = [self._fit(plugin) for plugin in value]
        else:
            self._plugins[index] = self._fit(value)

    def __delitem__(self, index: int | slice) -> None:
        del self._plugins[index]

    def insert(self, index: int, value: Any) -> None:
        """Put an effect or a native plugin before the one at `index`."""
        self._plugins.insert(index, self._fit(value))

    def __repr__(self) -> str:
        values = "".join(f", {name}={value!r}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({self._plugins!r}{values})"

    def latency_at(self, sample_rate: float) -> int:
        """Latency in samples at `sample_rate` Hz: exactly that of the streams at this rate. ValueError as `stream`."""
        require_rate(sample_rate)  # natives are played to find theirs out, and some crash at rates beyond all sound
        return self._latency([latency_of(plugin, sample_rate) for plugin in self._plugins])

    def stream(self, sample_rate: float, channels: int, max_block: int = 8192) -> Stream:
        """A new stream. Natives add no latency of their own, except those that only play blocks of one size.

        Raises:
            NotStreamable: for a native that cannot play a signal in blocks.
            ValueError: for a rate, a channel count or a block size that cannot be played.
        """
        return self._opened(sample_rate, channels, max_block, exact=False)

    def compensated_stream(self, sample_rate: float, channels: int, max_block: int) -> Stream:
        """As `stream`, where natives whose rounding follows the blocks get blocks of one size, at more latency."""
        return self._opened(sample_rate, channels, max_block, exact=True)

    def play_once(self, block: Block, sample_rate: float, buffer_size: int = 8192) -> Block:
        """A whole signal of shape `(channels, n)`. Natives alone are pedalboard's, sample by sample.

        One exception: with less than `buffer_size` samples, pedalboard's `Convolution` takes another FFT. A signal that
        comes in parts cannot know its length, so here the FFT is that of `buffer_size`; the difference is rounding.
        """
        native = None if any(isinstance(part, ExternalPlugin) for part in _all_in(self)) else as_native(self)
        if native is not None and (block.shape[1] >= buffer_size or not self._rounds(sample_rate, block.shape[0])):
            return _native_once(native, block, sample_rate, buffer_size)
        with self.held():
            try:
                return super().play_once(block, sample_rate, buffer_size)
            except NotStreamable:
                return self._once_each(block, sample_rate, buffer_size)

    def held(self) -> AbstractContextManager[object]:
        """Holds the plugins in it that cannot be cloned, and so play one signal at a time."""
        held = ExitStack()
        with held:
            for part in {id(part): part for part in _all_in(self) if isinstance(part, ExternalPlugin)}.values():
                if not can_be_rebuilt(part):
                    held.enter_context(turn_of(part))
            return held.pop_all()

    def _rounds(self, sample_rate: float, channels: int) -> bool:
        """Whether natives in it round as the blocks are cut, and none withholds samples."""
        single = [part for part in _all_in(self) if isinstance(part, Plugin) and not isinstance(part, _CONTAINER)]
        if not all(can_be_rebuilt(plugin) for plugin in single):
            return False  # nothing is known of it, and it is asked for one call
        try:
            habits = [habits_of(plugin, sample_rate, channels) for plugin in single]
        except NotStreamable:
            return False
        return any(each.blocks is Blocks.ROUNDED for each in habits) and not any(each.latency for each in habits)

    def _opened(self, sample_rate: float, channels: int, max_block: int, exact: bool) -> Stream:
        require_stream(sample_rate, channels, max_block)
        own = Counter(
            id(plugin) for plugin in _all_in(self) if isinstance(plugin, Plugin) and not can_be_rebuilt(plugin)
        )
        if own and max(own.values()) > 1:
            raise ValueError(
                f"{type(self).__name__} holds one plugin twice that cannot be copied: load it a second time"
            )
        return self._joined(sample_rate, channels, max_block, exact)

    @abstractmethod
    def _latency(self, latencies: list[int]) -> int:
        """The latency of the whole from those of what it holds."""

    @abstractmethod
    def _joined(self, sample_rate: float, channels: int, max_block: int, exact: bool) -> Stream:
        """The stream of all."""

    @abstractmethod
    def _once_each(self, block: Block, sample_rate: float, buffer_size: int) -> Block:
        """A whole signal, each plugin in one call: for natives that can play in no other way."""

    def _fit(self, plugin: Any) -> Item:
        """`plugin`, if a board can hold it; else a TypeError or ValueError."""
        if not (plugin is None or isinstance(plugin, Effect | Plugin)):
            raise TypeError(f"{type(self).__name__} cannot hold {plugin!r}: expected an effect or a pedalboard plugin")
        if isinstance(plugin, Plugin) and not plugin.is_effect:
            raise ValueError(f"{type(self).__name__} cannot hold {plugin!r}: an instrument takes no sound")
        if any(part is self for part in _all_in(plugin)):
            raise ValueError(f"{type(self).__name__} cannot hold itself")
        return plugin


class Board(Rack):
    """Effects and native plugins one after another. Empty, it passes the sound through."""

    native_kind = pedalboard.Chain

    def _latency(self, latencies: list[int]) -> int:
        return sum(latencies)

    def _joined(self, sample_rate: float, channels: int, max_block: int, exact: bool) -> Stream:
        return series(self._plugins, sample_rate, channels, max_block, exact)

    def _once_each(self, block: Block, sample_rate: float, buffer_size: int) -> Block:
        for plugin in self._plugins:
            block = once(plugin, block, sample_rate, buffer_size)
        return block


def once(plugin: Item, block: Block, sample_rate: float, buffer_size: int) -> Block:
    """A whole signal of shape `(channels, n)` through one item."""
    if isinstance(plugin, Effect):
        return plugin.play_once(block, sample_rate, buffer_size)
    if isinstance(plugin, ExternalPlugin):
        return play_external_once(plugin, block, sample_rate, buffer_size)
    native = as_native(plugin)
    assert native is not None
    return _native_once(native, block, sample_rate, buffer_size)


def as_native(plugin: Item) -> Plugin | None:
    """A new native plugin that plays as `plugin` does; None if an effect of ours is in it."""
    if plugin is None:
        return pedalboard.Chain([])
    if isinstance(plugin, Rack):
        parts = [native for part in plugin if (native := as_native(part)) is not None]
        return plugin.native_kind(parts) if len(parts) == len(plugin) else None
    if isinstance(plugin, _CONTAINER):
        kind = pedalboard.Mix if isinstance(plugin, pedalboard.Mix) else pedalboard.Chain
        return kind([native for part in plugin if (native := as_native(part)) is not None])
    return clone(plugin) if isinstance(plugin, Plugin) else None


def _native_once(native: Plugin, block: Block, sample_rate: float, buffer_size: int) -> Block:
    """One call of pedalboard, which guesses the layout of so few samples wrongly unless it has seen more."""
    channels, samples = block.shape
    if samples == 0:
        return block
    if samples <= channels:
        native.process(np.zeros((channels, channels + 1), np.float32), sample_rate)
    return native.process(block, sample_rate, buffer_size)


def _all_in(item: Item) -> Iterator[Item]:
    """An item, and all that are in it, containers included."""
    yield item
    if isinstance(item, Rack | _CONTAINER):
        for part in item:
            yield from _all_in(part)
