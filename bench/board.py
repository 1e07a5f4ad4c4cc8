"""What a board costs a block, against `pedalboard.Pedalboard` with the same plugins.

Live blocks of 128 samples, stereo, at 48 kHz. Ours is `stream.process`, theirs `Pedalboard.process(..., reset=False)`
with the block as its buffer size; outputs are compared first. Run with `python bench/board.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pedalboard
from harness.report import median_seconds, report
from pedalboard import Chorus, Compressor, Delay, Gain, HighpassFilter, Limiter, PeakFilter, Reverb

from dreampedal.engine.host.board import Board
from dreampedal.engine.host.mix import Mix
from dreampedal.presets import demo_recording

RATE, BLOCK, BLOCKS = 48_000, 128, 500

CHAINS: dict[str, Callable[[], list[pedalboard.Plugin]]] = {
    "1 (gain)": lambda: [Gain(-3)],
    "3 (compressor, chorus, reverb)": lambda: [Compressor(-20, 4), Chorus(), Reverb()],
    "8 (a full pedal board)": lambda: [
        HighpassFilter(80), Compressor(-20, 4), PeakFilter(800, 3), Chorus(), Delay(0.3), Reverb(), Gain(3), Limiter(-1)
    ],
    "2 in parallel": lambda: [pedalboard.Mix([Gain(-6), Reverb()])],
}  # fmt: skip
EMPTY = "none (a mix of two empty boards)"
"""The price of our own routing, against pedalboard's mix of two empty chains."""


def main() -> int:
    """Print the table; exit status 1 if the two do not play the same samples."""
    audio, _ = demo_recording()
    audio = np.resize(audio, (2, BLOCK * BLOCKS))
    blocks = [np.ascontiguousarray(block) for block in np.split(audio, BLOCKS, axis=1)]
    rows = [compared(name, Board(make()), pedalboard.Pedalboard(make()), blocks) for name, make in CHAINS.items()]
    routing = pedalboard.Mix([pedalboard.Chain([]), pedalboard.Chain([])])
    rows.append(compared(EMPTY, Mix([Board(), Board()]), routing, blocks))
    report("board", rows, rate=RATE, block=BLOCK, channels=2)
    return 0 if all(row["same samples"] == "yes" for row in rows[:-1]) else 1


def compared(name: str, board: Board | Mix, theirs: pedalboard.Plugin, blocks: list[np.ndarray]) -> dict[str, object]:
    """A row of the table."""
    stream = board.stream(RATE, 2, BLOCK)
    same = all(np.array_equal(stream.process(x), theirs.process(x, RATE, BLOCK, reset=False)) for x in blocks)

    def ours() -> None:
        for block in blocks:
            stream.process(block)

    def bare() -> None:
        for block in blocks:
            theirs.process(block, RATE, BLOCK, reset=False)

    ours_us, theirs_us = (seconds / BLOCKS * 1e6 for seconds in median_seconds(ours, bare))
    return {
        "plugins": name,
        "ours µs a block": ours_us,
        "pedalboard µs a block": theirs_us,
        "ratio": ours_us / theirs_us,
        "added µs": ours_us - theirs_us,
        "same samples": "yes" if same else "no",
    }


if __name__ == "__main__":
    sys.exit(main())
