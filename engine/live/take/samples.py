"""A few samples of what was heard, kept in a take: how far a rendering is from it, where checksums differ.

A checksum tells that a single bit is another one, and not whether that is rounding or another sound. Every 997th sample
of the output is kept as well, a few hundred bytes a second: 997 is a prime, so no period of a block or a tone falls in
with it. The largest difference among them is at most that of all samples; their RMS estimates that of all.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import numpy as np

from dreampedal.engine.live.take.wav import SAMPLE_BYTES, frames_of
from dreampedal.engine.runtime.blocks import Block

EVERY = 997
"""Samples from one that is kept to the next, counted from the start of the take."""


def kept_of(block: Block, first: int) -> bytes:
    """Of a block (channels, n) that begins with sample `first` of the take, those that are kept.

    >>> len(kept_of(np.zeros((2, 1_000), np.float32), 1_994 - 10)) // SAMPLE_BYTES
    2
    """
    return frames_of(block[:, -first % EVERY :: EVERY])


def written(kept: bytes) -> str:
    """As it stands in the log."""
    return base64.b64encode(kept).decode()


@dataclass
class Distance:
    """How far what was rendered is from what was heard, over the samples that were kept."""

    samples: int = 0
    """Compared, of all channels."""
    other: int = 0
    """Those that differ."""
    largest: float = 0.0
    squares: float = 0.0

    def add(self, rendered: bytes, heard: str) -> None:
        """Compare those of one stretch; those of a take that was recorded without are left out.

        Raises:
            ValueError: if they cannot be what was kept of this stretch.
        """
        if not heard:
            return
        try:
            kept = base64.b64decode(heard, validate=True)
        except binascii.Error as error:
            raise ValueError(f"samples = {heard[:20]!r}: {error}: expected base64") from error
        if len(kept) != len(rendered):
            found, wanted = len(kept) // SAMPLE_BYTES, len(rendered) // SAMPLE_BYTES
            raise ValueError(f"{found} samples of a stretch are kept: expected {wanted}")
        ours, theirs = (np.frombuffer(each, "<f4").astype(np.float64) for each in (rendered, kept))
        apart = np.abs(ours - theirs)
        self.samples += apart.size
        self.other += int(np.count_nonzero(apart))
        self.largest = max(self.largest, float(apart.max(initial=0)))
        self.squares += float(np.square(apart).sum())

    @property
    def largest_db(self) -> float | None:
        """The largest difference in dBFS; None if there is none."""
        return _db(self.largest)

    @property
    def rms_db(self) -> float | None:
        """The RMS difference in dBFS; None if there is none."""
        return _db((self.squares / self.samples) ** 0.5 if self.samples else 0.0)


def _db(level: float) -> float | None:
    return round(20 * float(np.log10(level)), 1) if level > 0 else None
