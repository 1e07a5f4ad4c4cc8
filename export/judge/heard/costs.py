"""What a dream costs the sound it is made of: pitch, onsets, loudness, peaks, pumping."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.judge.heard.level import loudness_difference_db, pumping_db, true_peak_db
from dreampedal.export.judge.heard.onsets import onsets_f
from dreampedal.export.judge.heard.pitch import Notes, kept

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Costs:
    """The figures of one wet sound beside its dry one.

    Fields:
        pitch: share of voiced frames within 20 cents (`pitch.kept`); notes: share of sounding keys still heard
            (`pitch.Notes.kept`), None where nothing is voiced, nothing sounds, or what measures is not installed.
        onsets: F measure within 50 ms; None where neither sound has an onset.
        loudness_db: difference over the second in which it is largest; peak_db: true peak above that of the dry sound.
        pumping_db: envelope modulation from 4 to 16 Hz, after over before.
    """

    pitch: float | None
    notes: float | None
    onsets: float | None
    loudness_db: float
    peak_db: float
    pumping_db: float

    def to_json(self) -> dict[str, float | None]:
        """The figures by name."""
        return asdict(self)


def costs(dry: Audio, wet: Audio, sample_rate: float, notes: Notes | None = None, praat: bool = True) -> Costs:
    """The figures of `wet`, both sounds float32 of shape (channels, samples), on one clock.

    Args:
        notes: the network that gives the second opinion on pitch, if it is there.
        praat: whether pitch is measured by Praat, which has to be installed then.

    Raises:
        ValueError: if the sounds are not equally long.
        ModuleNotFoundError: that says what to install.
    """
    if dry.shape[1] != wet.shape[1]:
        lengths = f"{dry.shape[1] / sample_rate:.3f} and {wet.shape[1] / sample_rate:.3f} s"
        raise ValueError(f"dry and wet last {lengths}: expected sounds of one length, latency compensated")
    return Costs(
        pitch=kept(dry, wet, sample_rate) if praat else None,
        notes=None if notes is None else notes.kept(dry, wet, sample_rate),
        onsets=onsets_f(dry, wet, sample_rate),
        loudness_db=loudness_difference_db(dry, wet, sample_rate),
        peak_db=true_peak_db(wet) - true_peak_db(dry),
        pumping_db=pumping_db(dry, wet, sample_rate),
    )
