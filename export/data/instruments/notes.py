"""The notes that the network of families is taught and judged on, with no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.instruments.families import Note
from dreampedal.export.data.instruments.soundfonts import note_clips
from dreampedal.export.data.progress import Progress

SECONDS, HELD_SECONDS = 1.35, 1.0
"""Of a note, and until its key is let go."""
TRAINING_VELOCITIES = (45, 80, 115)
JUDGED = slice(4, 40)
"""Frames over which a note is judged: 0.05 to 0.45 s after the onset, where attack and tone are both heard."""


def family_notes(
    soundfonts: Sequence[Path],
    key_step: int = 1,
    notes: Sequence[Note] | None = None,
    progress: Progress | None = None,
) -> Clips:
    """Log bands of notes, as `note_clips` has them: every `key_step`-th key for training, or exactly these."""
    return note_clips(
        soundfonts, LogBands(), SECONDS, held=HELD_SECONDS / SECONDS, velocities=TRAINING_VELOCITIES,
        key_step=key_step, notes=notes, progress=progress,
    )  # fmt: skip


def drawn(group: str) -> float:
    """A number from 0 to 1 by a hash of a group's name; below 0.1, a program's key is kept for the test.

    >>> round(drawn("73:60"), 3)
    0.864
    """
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:4], "big") / 2**32
