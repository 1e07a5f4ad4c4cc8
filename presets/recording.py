"""The demo recording: nine seconds of electric guitar by Sub-d, in the public domain (CC0)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pedalboard.io import AudioFile

DEMO_RECORDING = Path(__file__).parent / "recordings" / "solo_egtr_em9.flac"


def demo_recording() -> tuple[NDArray[np.float32], float]:
    """The recording, float32 of shape (channels, samples), and its sample rate in Hz.

    >>> audio, sample_rate = demo_recording()
    >>> audio.shape, sample_rate
    ((2, 396900), 44100.0)
    """
    with AudioFile(str(DEMO_RECORDING)) as file:
        return file.read(file.frames), float(file.samplerate)
