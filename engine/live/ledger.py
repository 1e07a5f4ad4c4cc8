"""The latency ledger: what each part of the way from input to output takes, and what it adds up to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dreampedal.engine.host.board import Rack
from dreampedal.engine.host.routing import latency_of


@dataclass(frozen=True)
class Row:
    """One part of the way."""

    name: str
    samples: int
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Ledger:
    """All parts, from the device's input to its output."""

    rows: tuple[Row, ...]

    @property
    def total(self) -> Row:
        """The sum."""
        return Row("total", sum(row.samples for row in self.rows), sum(row.seconds for row in self.rows))


def ledger(
    board: Rack,
    latency: int,
    sample_rate: float,
    block_size: int,
    buffer_blocks: int,
    device_seconds: tuple[float, float],
    adaption: int = 0,
) -> Ledger:
    """The ledger of a board that plays live.

    Args:
        board: what plays.
        latency: what the stream reserves for boards, in samples; at least the board's own.
        sample_rate: in Hz.
        block_size: samples of a block.
        buffer_blocks: blocks between a callback and the one that plays its result.
        device_seconds: what the device says of its input and its output.
        adaption: samples that it takes to make blocks of callbacks that are none.

    >>> from dreampedal.engine.host.board import Board
    >>> found = ledger(Board(), 0, 48_000, 128, 1, (0.001, 0.002))
    >>> [(row.name, row.samples) for row in found.rows], found.total.samples
    ([('device in', 48), ('buffering', 128), ('device out', 96)], 272)
    """

    def row(name: str, samples: int, note: str = "") -> Row:
        return Row(name, samples, samples / sample_rate, note)

    def device(name: str, seconds: float) -> Row:
        return Row(name, round(seconds * sample_rate), seconds, "as the device says")

    own = [row(*part) for part in _parts(board, sample_rate)]
    spare = latency - board.latency_at(sample_rate)
    reserved = [row("reserve", spare, "for presets that need more")] if spare else []
    buffering = row("buffering", block_size * buffer_blocks, f"{buffer_blocks} of {block_size} samples")
    joined = [row("adaption", adaption, "callbacks are no whole blocks")] if adaption else []
    first, last = device_seconds
    return Ledger((device("device in", first), buffering, *joined, *own, *reserved, device("device out", last)))


def _parts(items: Iterable[Any], sample_rate: float) -> Iterator[tuple[str, int, str]]:
    """What each item of a series adds: name, samples, and where from."""
    for item in items:
        samples = latency_of(item, sample_rate)
        if hasattr(item, "latency_parts"):  # a spectral effect: its window or its filter, and what it looks ahead
            for name, part in item.latency_parts(sample_rate):
                yield name, part, f"{type(item).__name__}, {item.mode}"
        elif samples and type(item).__name__ == "Board":
            yield from _parts(item, sample_rate)
        elif samples:
            yield type(item).__name__.lower(), samples, "the slowest path" if isinstance(item, Rack) else "reported"
