"""A signal from a spectrogram that lost its phase: whole, and a frame at a time as it would be live.

    python examples/phase_of_a_spectrogram.py guitar.wav again.wav
"""

import sys

import numpy as np
from pedalboard.io import AudioFile
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from dreampedal.phase import Estimator, Frames, reconstruct

WINDOW, HOP = 2048, 512


def spectrogram(audio, sample_rate):
    """Magnitudes, shape (channels, bins, frames), centred at multiples of the hop."""
    transform = ShortTimeFFT(hann(WINDOW, sym=False), HOP, sample_rate)
    return np.abs(transform.stft(audio, p0=0, p1=audio.shape[1] // HOP))


def main(source, target):
    with AudioFile(source) as f:
        audio, sample_rate = f.read(f.frames), f.samplerate
    magnitude = spectrogram(audio, sample_rate)
    with AudioFile(target, "w", sample_rate, audio.shape[0]) as o:
        o.write(reconstruct(magnitude, hop=HOP))

    estimator = Estimator(Frames(WINDOW, HOP), channels=audio.shape[0], method="hybrid", lookahead_frames=3)
    columns = np.ascontiguousarray(magnitude.transpose(2, 0, 1), np.float32)
    return np.stack([estimator.push(column) for column in columns])  # complex as (2, channels, bins), three frames late


if __name__ == "__main__":
    main(*sys.argv[1:3])
