"""What a `LiveStream` can be told: each field is one of its keywords, which its docstring explains."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dreampedal.engine.host.board import Rack
from dreampedal.engine.live.exchange.pacing import SMALLEST_BLOCK


@dataclass(frozen=True, kw_only=True)
class LiveSettings:
    """The keywords of a `LiveStream`, checked as far as no device is needed for it."""

    input: int | str | None = None
    output: int | str | None = None
    sample_rate: float | None = None
    channels: int | None = None
    block_size: int | None = None
    buffer_blocks: int = 1
    latency: int | None = None
    ceiling_db: float = -1.0
    record: str | os.PathLike[str] | None = None
    load: Callable[[str], Any] | None = None
    describe: Callable[[Rack], str] | None = None
    presets: Sequence[str] = ()
    name: str = ""

    def __post_init__(self) -> None:
        if self.block_size is not None and self.block_size < SMALLEST_BLOCK:
            raise ValueError(f"block_size = {self.block_size}: expected at least {SMALLEST_BLOCK} samples")
        if self.buffer_blocks < 1:
            raise ValueError(f"buffer_blocks = {self.buffer_blocks}: expected at least 1 block")


# So that a keyword which does not exist is told by the name that the user called.
LiveSettings.__init__.__qualname__ = "LiveStream.__init__"
