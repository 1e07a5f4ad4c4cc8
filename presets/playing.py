"""Presets on a live stream: the engine's own, which knows how to load them and how to write a board down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dreampedal.engine.host.board import Rack
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.live.stream import LiveStream as EngineStream
from dreampedal.presets.boards import render
from dreampedal.presets.loader import read_preset


class LiveStream(EngineStream):
    """Plays an audio device through a board, and takes presets by their names.

    Everything is as in `dreampedal.engine.live.stream.LiveStream`. A preset that is loaded brings its MIDI map along.

    >>> with LiveStream(board, input="Scarlett", output="Scarlett", block_size=128) as live:  # doctest: +SKIP
    ...     live.midi.learn(board[1], "amount")
    ...     live.load("ghost_choir")
    """

    def __init__(
        self,
        board: Rack | Effect,
        *,
        load: Callable[[str], Any] = read_preset,
        describe: Callable[[Any], str] = render,
        presets: Sequence[str] = (),
        **settings: Any,
    ) -> None:
        super().__init__(board, load=load, describe=describe, presets=presets, **settings)
